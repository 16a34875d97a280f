"""The hub's door: what is let in, and why the rest is not.

Rules:

- A package is opened and verified whole before it is filed, and filed still sealed.
- Encodings made with another spec, another secret or another version of the software than their peers' could never
  link; they are refused with the name of what differs, before a zero match rate hides it.
- Peers are packages of the same agreement, spec and epoch. After a new secret was made, the first agency to deliver has
  none; encodings of the epoch before are left where they are and not matched any more.
- The same package twice is received once. A serial number that comes back on another package is refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

from linkage.engine.facts import EncodingFacts
from linkage.engine.headings import context_of
from linkage.engine.rooms import Hub, provider_keys
from linkage.engine.steward import ENCODINGS_SUFFIX
from linkage.errors import MismatchError, PackageError
from linkage.exchange.context import Context
from linkage.exchange.files import copy_atomically
from linkage.exchange.manifest import Manifest
from linkage.exchange.package import open_package, package_sha256
from linkage.governance.decide import require
from linkage.governance.requests import AcceptPackage
from linkage.governance.standing import StandingAgreement
from linkage.spec.model import LinkageSpec

PAYLOAD_SUFFIX = ".dpkg"


@dataclass(frozen=True)
class Received:
    """What became of a package: ``new`` is False where it was here already."""

    path: Path
    sender: str
    kind: str
    records: int
    new: bool


def receive(hub: Hub, path: Path, today: date) -> Received:
    """Verify a package and file it in the rooms it is for. Raises PackageError, MismatchError or Refused."""
    agreement = hub.agreement()
    if not path.is_file():
        what = "this is a folder; name the packages in it" if path.is_dir() else "there is no such package"
        raise PackageError(f"{path}: {what}")
    if path.suffix not in {ENCODINGS_SUFFIX, PAYLOAD_SUFFIX}:
        raise PackageError(
            f"{path}: expected a package of encodings ({ENCODINGS_SUFFIX}) or payload ({PAYLOAD_SUFFIX})"
        )
    encodings = path.suffix == ENCODINGS_SUFFIX
    room = hub.keys("matcher" if encodings else "release")
    senders = provider_keys(agreement)
    with open_package(path, room, senders, "encodings" if encodings else "payload") as package:
        manifest = package.manifest
    _require_same_spec(manifest, hub.spec(), agreement)
    context = manifest.context
    request = AcceptPackage(
        manifest.sender, "encodings" if encodings else "payload", context.agreement, context.spec_sha256, context.epoch
    )
    require(agreement, [request], today)
    if encodings:
        _require_same_encoding(path, manifest, [m for m in held_encodings(hub) if m.sender != manifest.sender])
        inboxes = [hub.room("matcher", "inbox", manifest.sender), hub.room("registrar", "inbox", manifest.sender)]
    else:
        inboxes = [hub.room("release", "inbox", manifest.sender, str(manifest.facts["dataset"]))]
    name = f"{manifest.created[:19].replace(':', '')}-{_tag(context)}-{manifest.serial}{path.suffix}"
    new = _file(path, [inbox / name for inbox in inboxes])
    return Received(path, manifest.sender, manifest.kind, int(str(manifest.facts["records"])), new)


def latest(inbox: Path, pattern: str = "*.?pkg") -> list[Path]:
    """Return the newest package of each folder below an inbox: a later extract replaces an earlier one."""
    folders = sorted({path.parent for path in inbox.rglob(pattern)})
    return [max(folder.glob(pattern)) for folder in folders]


def latest_encodings(hub: Hub, room: Literal["matcher", "registrar"]) -> list[Path]:
    """Return each agency's newest encodings under the agreement's spec and epoch; others could not link with them."""
    return latest(hub.room(room, "inbox"), f"*-{_tag(context_of(hub.agreement()))}-*{ENCODINGS_SUFFIX}")


def held_encodings(hub: Hub) -> list[Manifest]:
    """Return the manifests of the encodings that the matcher would match now."""
    keys = hub.keys("matcher")
    agreement = hub.agreement()
    senders = provider_keys(agreement)
    manifests = []
    for path in latest_encodings(hub, "matcher"):
        with open_package(path, keys, senders, "encodings") as package:
            manifests.append(package.manifest)
    return manifests


def _tag(context: Context) -> str:
    return hashlib.sha256(context.canonical()).hexdigest()[:8]


def _file(path: Path, destinations: Sequence[Path]) -> bool:
    mine = package_sha256(path)
    new = False
    for destination in destinations:
        serial = destination.stem.rsplit("-", 1)[1]
        for held in destination.parent.glob(f"*-{serial}{path.suffix}"):
            if package_sha256(held) != mine:
                raise PackageError(
                    f"{path}: its serial number was already used on another package",
                    advice="ask the sender whether the package is theirs, then have them make it again",
                )
        if not destination.exists():
            copy_atomically(path, destination)
            new = True
    return new


def _differences(theirs: Any, ours: Any, place: str = "") -> list[str]:  # noqa: ANN401 - JSON
    """Name the fields in which two specs differ."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        return [
            line
            for key in sorted(theirs.keys() | ours.keys())
            for line in _differences(theirs.get(key), ours.get(key), f"{place}.{key}" if place else key)
        ]
    if isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        return [
            line
            for number, (a, b) in enumerate(zip(theirs, ours, strict=True))
            for line in _differences(a, b, f"{place}[{a['name'] if isinstance(a, dict) and 'name' in a else number}]")
        ]
    return [] if theirs == ours else [f"{place}: the package has {theirs!r}, the agreement's spec {ours!r}"]


def _require_same_spec(manifest: Manifest, spec: LinkageSpec, agreement: StandingAgreement) -> None:
    if manifest.context.spec_sha256 == agreement.terms.linkage.spec_sha256:
        return
    theirs = EncodingFacts.of(manifest).spec if manifest.kind == "encodings" else {}
    found = _differences(theirs, spec.model_dump(mode="json")) if theirs else []
    raise MismatchError(
        f"{manifest.sender} hashed with another linkage spec than {agreement.cite('linkage', 'spec_sha256')}",
        found or ["the fields are the same: another version of the software encodes differently"],
        "have the agency hash again with the spec that was signed",
    )


def _require_same_encoding(path: Path, manifest: Manifest, peers: Sequence[Manifest]) -> None:
    problems = []
    for peer in peers:
        if peer.key_check_value != manifest.key_check_value:
            problems.append(f"{manifest.sender} hashed with another secret than {peer.sender} (key check value)")
        elif peer.canary_mac != manifest.canary_mac:
            problems.append(
                f"{manifest.sender}'s software encodes otherwise than {peer.sender}'s (canary), with the same secret"
            )
    if problems:
        raise MismatchError(
            f"{path}: these encodings could not link with those already here",
            problems,
            "find out who has the wrong secret or version; that agency hashes again",
        )
