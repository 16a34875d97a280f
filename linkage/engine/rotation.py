"""The end of an epoch: when all records are back under a new secret, the old encodings are destroyed for good.

Rules:

- Person tokens do not depend on the shared secret, so no bridge of old and new encodings is needed: the run over the
  new ones is the bridge, and records keep their IDs because they come back under the same tokens.
- Nothing is destroyed before every agency whose old encodings are here has delivered under the new secret, the run over
  them is resolved, and records of each agency came back under tokens that it used before: if none did, the agency has
  another key of its own, and every one of its records would get another ID.
- What is destroyed is all that was made with the old secret: encodings in the matcher's room, their token tables in the
  registrar's, and links made from them. The registry, payload and releases are not made with it.
- The certificate names each file with its SHA-256, the old secret's key check value (so that agencies' certificates of
  the secret's destruction can be held against it), when, how and by whom. It is signed by the hub and entered in the
  ledger. What is to go is written down before the first file goes, so that a kill leaves nothing uncertified; where it
  kept the certificate from being entered, the same command enters it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any, Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from linkage.engine import journal
from linkage.engine.headings import context_of
from linkage.engine.matcher import LINKS_SUFFIX, run_name
from linkage.engine.receive import latest_encodings
from linkage.engine.registrar import open_registry
from linkage.engine.rooms import Hub, provider_keys
from linkage.engine.steward import ENCODINGS_SUFFIX, TOKENS_MEMBER
from linkage.errors import StoreError
from linkage.exchange.canonical import canonical_json
from linkage.exchange.files import remove_durably, sweep, write_atomically
from linkage.exchange.keys import PublicKeys
from linkage.exchange.manifest import Manifest
from linkage.exchange.package import open_package, package_sha256
from linkage.governance.signing import SignatureText, sign_fields, verifies
from linkage.spec.strict_yaml import validate_file

_LABEL = "destruction-of-encodings"
_PENDING = "destruction.pending"
_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DestroyedFile(_Frozen):
    """One file that was destroyed; ``path`` is inside the hub's folder."""

    path: str
    sha256: _Sha256


class DestroyedEncodings(_Frozen):
    """What an agency had delivered with the old secret."""

    agency: str
    epoch: int
    key_check_value: str
    records: int


class DestructionCertificate(_Frozen):
    """The hub's word that nothing made with the old secret is left in its rooms."""

    format: Literal["linkage-destruction/1"] = "linkage-destruction/1"
    hub: str
    agreement: str
    agreement_sha256: _Sha256
    epoch: int = Field(description="the epoch that goes on")
    encodings: tuple[DestroyedEncodings, ...]
    files: tuple[DestroyedFile, ...]
    destroyed: str
    method: str
    person: str
    signature: SignatureText | None = None


@dataclass(frozen=True)
class Bridge:
    """How many of an agency's records under the new secret have a token that it used before."""

    agency: str
    records: int
    known: int


@dataclass(frozen=True)
class Ending:
    """What would be destroyed, and how the agencies' records came over."""

    epoch: int
    bridges: tuple[Bridge, ...]
    encodings: tuple[DestroyedEncodings, ...]
    files: tuple[DestroyedFile, ...]


def plan_ending(hub: Hub) -> Ending:
    """Say what the end of the old epoch destroys. Raises StoreError, with every reason, while it must not be ended."""
    agreement = hub.agreement()
    current = latest_encodings(hub, "registrar")
    old = list(_old_packages(hub))
    pending = _pending(hub)
    encodings = dict.fromkeys(pending.encodings) if pending else {}
    for path, manifest in old:
        if path.is_relative_to(hub.folder / "matcher"):
            held = DestroyedEncodings(
                agency=manifest.sender,
                epoch=manifest.context.epoch,
                key_check_value=manifest.key_check_value or "",
                records=int(str(manifest.facts["records"])),
            )
            encodings[held] = None
    if not encodings:
        raise StoreError("nothing of an earlier epoch is here", advice="the agreement in use must have a new epoch")
    bridges = tuple(_bridges(hub, current, [path for path, _ in old]))
    problems = list(_still_needed(hub, current, {each.agency for each in encodings}, bridges))
    if problems:
        raise StoreError(
            "The old encodings are still needed.",
            problems,
            "An agency keeps its own key through a change of the shared secret; tokens are made with it.",
        )
    going = [*(path for path, _ in old), *_derived(hub, run_name(current, hub.spec().sha256))]
    found = [DestroyedFile(path=_inside(hub, path), sha256=package_sha256(path)) for path in going]
    files = {each.path: each for each in (*(pending.files if pending else ()), *found)}
    return Ending(agreement.terms.linkage.epoch, bridges, tuple(encodings), tuple(files.values()))


def read_certificate(path: Path, keys: PublicKeys) -> DestructionCertificate:
    """Read a hub's certificate and verify it; ``keys`` are those of its release room. Raises StoreError."""
    certificate = validate_file(DestructionCertificate, path, StoreError)
    signed = certificate.signature is not None
    if certificate.signature is None or not verifies(_LABEL, _fields(certificate), certificate.signature, keys):
        raise StoreError(
            f"{path} is not a certificate of destruction as {keys.name} signed it.",
            ["its signature does not fit what it says" if signed else "it has no signature"],
            "check the key; else ask the hub for the certificate again, and compare its SHA-256 with the ledger's",
        )
    return certificate


def _still_needed(hub: Hub, current: list[Path], agencies: set[str], bridges: Sequence[Bridge]) -> Iterator[str]:
    """Yield why the old encodings may not go yet."""
    epoch = hub.agreement().terms.linkage.epoch
    for agency in sorted(agencies - {path.parent.name for path in current}):
        yield f"{agency} has not delivered under epoch {epoch}"
    with open_registry(hub) as registry:
        if not {package_sha256(path) for path in current} <= registry.inputs():
            yield "the newest encodings are not resolved: `linkage hub match`, then `linkage hub resolve`"
    for bridge in bridges:
        if bridge.records and not bridge.known:
            yield f"{bridge.agency}: none of its {bridge.records:,} records came back under a token it had before"


def end_epoch(
    hub: Hub, ending: Ending, *, method: str, person: str, out: Path, now: datetime
) -> DestructionCertificate:
    """Destroy what ``ending`` names, certify it in ``out`` and enter it in the ledger."""
    if not certified_already(hub, ending, out):
        _destroy(hub, ending, method, person, out, now)
    signed = DestructionCertificate.model_validate_json(out.read_bytes())
    epochs = sorted({each.epoch for each in signed.encodings})
    what = (
        f"encodings, token tables and links of epoch {', '.join(map(str, epochs))}; certificate {package_sha256(out)}"
    )
    files = tuple(sorted({each.sha256 for each in signed.files}))
    journal.destroyed(hub, what, files, signed.method, signed.person, now)
    remove_durably(hub.room("registrar") / _PENDING)
    return signed


def certified_already(hub: Hub, ending: Ending, out: Path) -> bool:
    """Tell whether ``out`` is the certificate of all that ``ending`` names, which a kill kept from being entered."""
    pending = _pending(hub)
    if pending is None or pending.files != ending.files or not out.is_file():
        return False
    signed = pending.model_copy(update={"signature": _signature(hub, pending)})
    return out.read_bytes() == _written(signed)


def _destroy(hub: Hub, ending: Ending, method: str, person: str, out: Path, now: datetime) -> None:
    """Write down what is to go, destroy it, and certify it in ``out``."""
    agreement = hub.agreement()
    certificate = DestructionCertificate(
        hub=agreement.terms.hub.id,
        agreement=agreement.terms.id,
        agreement_sha256=agreement.sha256,
        epoch=ending.epoch,
        encodings=ending.encodings,
        files=ending.files,
        destroyed=now.isoformat(timespec="seconds"),
        method=method,
        person=person,
    )
    write_atomically(hub.room("registrar") / _PENDING, canonical_json(_fields(certificate)))
    for each in ending.files:
        remove_durably(hub.folder / each.path)
    sweep(out)
    write_atomically(out, _written(certificate.model_copy(update={"signature": _signature(hub, certificate)})), 0o644)


def _fields(certificate: DestructionCertificate) -> dict[str, Any]:
    """Return what is signed of a certificate."""
    return certificate.model_dump(mode="json", exclude={"signature"})


def _signature(hub: Hub, certificate: DestructionCertificate) -> SignatureText:
    return sign_fields(_LABEL, _fields(certificate), hub.keys("release"))


def _written(certificate: DestructionCertificate) -> bytes:
    return (json.dumps(certificate.model_dump(mode="json"), indent=2) + "\n").encode()


def _old_packages(hub: Hub) -> Iterator[tuple[Path, Manifest]]:
    """Yield every package of encodings that is not of the agreement's spec and epoch, in both rooms."""
    agreement = hub.agreement()
    now, senders = context_of(agreement), provider_keys(agreement)
    for room in ("matcher", "registrar"):
        for path in sorted(hub.room(room, "inbox").rglob(f"*{ENCODINGS_SUFFIX}")):
            with open_package(path, hub.keys(room), senders, "encodings") as package:
                if package.manifest.context != now:
                    yield path, package.manifest


def _derived(hub: Hub, run: str) -> Iterator[Path]:
    """Yield the links of every other run than the newest."""
    for path in sorted(hub.room("registrar", "links").glob(f"*{LINKS_SUFFIX}")):
        if path.name != f"{run}{LINKS_SUFFIX}":
            yield path


def _bridges(hub: Hub, current: Sequence[Path], old: Sequence[Path]) -> Iterator[Bridge]:
    """Hold the tokens of each agency's new encodings against those of its old ones."""
    for path in current:
        before = [each for each in old if each.parent == path.parent]
        if before:
            tokens = _tokens(hub, path)
            known = pd.concat([_tokens(hub, each) for each in before])
            yield Bridge(path.parent.name, len(tokens), int(tokens.isin(known).sum()))


def _tokens(hub: Hub, path: Path) -> pd.Series[str]:
    with open_package(path, hub.keys("registrar"), provider_keys(hub.agreement()), "encodings") as package:
        return pd.read_parquet(BytesIO(package.member(TOKENS_MEMBER)), columns=["person_token"])["person_token"]


def _pending(hub: Hub) -> DestructionCertificate | None:
    path = hub.room("registrar") / _PENDING
    return DestructionCertificate.model_validate_json(path.read_bytes()) if path.exists() else None


def _inside(hub: Hub, path: Path) -> str:
    return path.relative_to(hub.folder).as_posix()
