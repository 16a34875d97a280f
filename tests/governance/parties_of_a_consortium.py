"""A consortium whose private keys the tests hold."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

from linkage.exchange.keys import PrivateKeys, generate_keys
from linkage.governance.document import parse_agreement
from linkage.governance.drafting import Particulars, fill_template
from linkage.governance.model import Agreement
from linkage.governance.signatures import Signature, sign_document
from linkage.governance.standing import StandingAgreement
from linkage.governance.statements import SomeStatement, sign_statement
from linkage.resources import shipped

TODAY = date(2026, 9, 1)
NOW = datetime(2026, 9, 1, 12, 0, tzinfo=UTC)
SPEC_SHA256 = "5" * 64
ROOMS = ("matcher", "registrar", "release")
TEMPLATES = sorted(
    path for path in shipped("agreements").glob("*.yaml") if not path.stem.endswith((".signatures", ".statements"))
)


class Consortium:
    """Private keys for whoever a template lists, and agreements signed with them."""

    def __init__(self) -> None:
        self._keys: dict[str, PrivateKeys] = {}

    def keys(self, name: str) -> PrivateKeys:
        if name not in self._keys:
            self._keys[name] = generate_keys(name)
        return self._keys[name]

    def fill(self, template: Path) -> bytes:
        draft = parse_agreement(template.read_bytes(), template.name).terms
        names = [p.id for p in draft.parties if p.role != "hub"] + [f"{draft.hub.id}.{room}" for room in ROOMS]
        particulars = Particulars(
            keys={name: self.keys(name).public for name in names},
            spec_sha256=SPEC_SHA256,
            effective=date(2026, 7, 1),
            expires=date(2031, 6, 30),
            destroy_by=date(2031, 12, 31),
            trained_on=date(2026, 8, 15),
        )
        return fill_template(template.read_text("utf-8"), template.name, particulars).encode("utf-8")

    def signer(self, terms: Agreement, party: str) -> PrivateKeys:
        hub = terms.hub.id
        return self.keys(f"{hub}.release" if party == hub else party)

    def signatures(self, content: bytes, *, but: tuple[str, ...] = ()) -> tuple[Signature, ...]:
        document = parse_agreement(content, "agreement.yaml")
        return tuple(
            sign_document(document, party.id, self.signer(document.terms, party.id), date(2026, 6, 30))
            for party in document.terms.parties
            if party.id not in but
        )

    def sign(self, content: bytes, *, but: tuple[str, ...] = ()) -> StandingAgreement:
        return StandingAgreement(parse_agreement(content, "agreement.yaml"), self.signatures(content, but=but))

    def state(self, agreement: StandingAgreement, statement: SomeStatement) -> StandingAgreement:
        signed = sign_statement(agreement.document, statement, self.signer(agreement.terms, statement.party))
        return replace(agreement, statements=(*agreement.statements, signed))
