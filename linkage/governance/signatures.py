"""Who has signed an agreement: detached signatures, in ``NAME.signatures.yaml`` beside ``NAME.yaml``.

Rules:

- An agreement stands when *every* party has signed the same hash; a changed byte ends every signature.
- A party signs with the key that the agreement pins for it, in the name of the signatory that it names.
- A signature that does not verify is an error, never passed over; a missing one only means *not yet*.
"""

from __future__ import annotations

from collections import Counter
from datetime import date
from pathlib import Path

import yaml
from pydantic import Field

from linkage.errors import AgreementError
from linkage.exchange.files import write_atomically
from linkage.exchange.keys import PrivateKeys
from linkage.governance.base import Clause, Id, Name, Sha256
from linkage.governance.document import AgreementDocument, read_bytes
from linkage.governance.model import Agreement
from linkage.governance.signing import SignatureText, sign_fields, verifies
from linkage.spec.strict_yaml import decode, validate

_LABEL = "agreement-signature"
_HEAD = "# Signatures over {name}. Verify with: linkage agreement verify {name}\n"


class Signature(Clause):
    """One party's signature over an agreement's hash."""

    party: Id
    name: Name
    title: Name
    date: date
    document_sha256: Sha256
    signature: SignatureText


class SignatureFile(Clause):
    """All signatures gathered so far."""

    signatures: tuple[Signature, ...] = Field(max_length=200)


def signatures_path(agreement: Path) -> Path:
    """Return the place of an agreement's signatures: NAME.yaml has NAME.signatures.yaml."""
    return agreement.with_name(f"{agreement.stem}.signatures.yaml")


def sign_document(document: AgreementDocument, party_id: str, keys: PrivateKeys, today: date) -> Signature:
    """Sign for one party; raises AgreementError for a draft, a stranger, or a key that is not pinned."""
    terms = document.terms
    party = terms.party(party_id)
    if party is None:
        known = ", ".join(each.id for each in terms.parties)
        raise AgreementError(f"`{party_id}` is not a party of {terms.id}.", advice=f"Its parties: {known}.")
    if terms.status == "draft":
        raise AgreementError(
            f"{terms.id} is a draft; what is signed may not change any more.",
            advice="Fill what is pending and set `status: active`, then sign.",
        )
    if keys.public.signing != party.signing_keys.signing:
        whose = "its release room" if party.role == "hub" else f"`{party_id}`"
        raise AgreementError(f"This key is not the one that the agreement pins for {whose}: {_owner(terms, keys)}.")
    fields = {
        "party": party_id,
        "name": party.signatory.name,
        "title": party.signatory.title,
        "date": today.isoformat(),
        "document_sha256": document.sha256,
    }
    return Signature.model_validate_strings({**fields, "signature": sign_fields(_LABEL, fields, keys)})


def read_signatures(path: Path) -> tuple[Signature, ...]:
    """Read a signatures file; none where the file is absent."""
    if not path.exists():
        return ()
    text = decode(read_bytes(path, "signatures file"), str(path), AgreementError)
    return validate(SignatureFile, text, str(path), AgreementError).signatures


def write_signatures(path: Path, agreement_name: str, signatures: tuple[Signature, ...]) -> None:
    """Write all signatures gathered so far, replacing the file whole."""
    entries = [signature.model_dump(mode="json") for signature in signatures]
    body = yaml.safe_dump({"signatures": entries}, sort_keys=False, allow_unicode=True, width=200)
    write_atomically(path, (_HEAD.format(name=agreement_name) + body).encode("utf-8"), mode=0o644)


def with_signature(signatures: tuple[Signature, ...], new: Signature) -> tuple[Signature, ...]:
    """Add a signature in place of an older one of the same party, and drop those over another text."""
    kept = [s for s in signatures if s.party != new.party and s.document_sha256 == new.document_sha256]
    return (*kept, new)


def signature_problems(document: AgreementDocument, signatures: tuple[Signature, ...]) -> list[str]:
    """Return what is wrong with the signatures that are there; missing ones are not wrong."""
    problems = []
    for party_id, count in Counter(signature.party for signature in signatures).items():
        if count > 1:
            problems.append(f"{party_id}: signed {count} times")
    for signature in signatures:
        problem = _problem(document.terms, document.sha256, signature)
        if problem:
            problems.append(f"{signature.party}: {problem}")
    return problems


def unsigned_parties(terms: Agreement, signatures: tuple[Signature, ...]) -> tuple[str, ...]:
    """Return the parties that have not signed, in the agreement's order."""
    signed = {signature.party for signature in signatures}
    return tuple(party.id for party in terms.parties if party.id not in signed)


def absent_signatures(document: AgreementDocument, signatures: tuple[Signature, ...]) -> str:
    """Say that no signature is there at all, as where an agreement was copied alone; else the empty text."""
    if signatures or document.terms.status == "draft":
        return ""
    return f"no {signatures_path(Path(document.yaml.source)).name} beside it; put it there"


def _owner(terms: Agreement, keys: PrivateKeys) -> str:
    """Say whose a key is: the party or room for which the agreement pins it, or else what its file is named."""
    for party in terms.parties:
        for place, pair in party.key_pairs():
            if pair.signing == keys.public.signing:
                room = "" if party.rooms is None else f".{place[-1]}"
                return f"it is that of `{party.id}{room}`"
    return f"it is named `{keys.name}`, and the agreement pins it for nobody"


def _problem(terms: Agreement, sha256: str, signature: Signature) -> str | None:
    party = terms.party(signature.party)
    if party is None:
        return "is not a party"
    if signature.document_sha256 != sha256:
        return (
            f"signed another text ({signature.document_sha256[:12]}...); this one is {sha256[:12]}...: "
            "the agreement was changed after signature"
        )
    if (signature.name, signature.title) != (party.signatory.name, party.signatory.title):
        return f"signed by {signature.name}, where the agreement names {party.signatory.name}"
    if party.signing_keys.pending:
        return "has no key in the agreement"
    fields = signature.model_dump(mode="json", exclude={"signature"})
    if not verifies(_LABEL, fields, signature.signature, party.public_keys()):
        return "the signature does not verify under the key that the agreement pins"
    return None
