"""A signed agreement to hash under: a ready template, with keys made for the purpose."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from linkage.exchange.keys import PrivateKeys, generate_keys
from linkage.governance.document import read_agreement
from linkage.governance.drafting import Particulars, fill_template
from linkage.governance.signatures import (
    read_signatures,
    sign_document,
    signatures_path,
    with_signature,
    write_signatures,
)
from linkage.governance.standing import StandingAgreement, load_agreement
from linkage.resources import shipped
from linkage.spec.model import LinkageSpec

AGENCY = "lakeside-district"
_HUB = "data-hub"
_ROOMS = ("matcher", "registrar", "release")


@dataclass(frozen=True)
class Signed:
    """An agreement in force, and the keys of the agency that hashes under it."""

    agreement: StandingAgreement
    keys: PrivateKeys


def signed_agreement(folder: Path, spec: LinkageSpec, today: date) -> Signed:
    """Fill a template, sign it for every party and load it."""
    template = shipped("agreements") / "longitudinal-research.yaml"
    parties = [party.id for party in read_agreement(template).terms.parties if party.role != "hub"]
    keys = {name: generate_keys(name) for name in parties}
    rooms = {f"{_HUB}.{room}": generate_keys(f"{_HUB}.{room}") for room in _ROOMS}
    text = fill_template(
        template.read_text(encoding="utf-8"),
        template.name,
        Particulars(
            keys={name: key.public for name, key in (keys | rooms).items()},
            spec_sha256=spec.sha256,
            effective=today - timedelta(days=30),
            expires=today + timedelta(days=365),
            destroy_by=today + timedelta(days=765),
            trained_on=today - timedelta(days=20),
        ),
    )
    path = folder / "agreement.yaml"
    path.write_text(text, encoding="utf-8")
    document, signatures = read_agreement(path), signatures_path(path)
    for party, key in (keys | {_HUB: rooms[f"{_HUB}.release"]}).items():
        signature = sign_document(document, party, key, today)
        write_signatures(signatures, path.name, with_signature(read_signatures(signatures), signature))
    return Signed(load_agreement(path), keys[AGENCY])
