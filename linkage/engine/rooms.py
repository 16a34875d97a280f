"""The hub's folder: three rooms, each with its own store and its own key.

::

    HUB/agreement/   each version adopted, with its signatures, statements, parents and linkage spec, in a folder of
                     its own; the file `current` names the one in use. Public to all rooms
    HUB/matcher/     matcher.key, inbox/AGENCY/SERIAL.lpkg, the matcher's sealed packages
    HUB/registrar/   registrar.key, inbox/AGENCY/SERIAL.lpkg, links/RUN.links, registry.sqlite, certificates/,
                     reviews/ (what agencies are asked), verdicts/ (what they answered)
    HUB/release/     release.key, inbox/AGENCY/DATASET/SERIAL.dpkg, crosswalks/, ledger

Rules:

- What arrives stays sealed at rest; a room opens it in memory with its own key when it works.
- The rooms' folders may lie on three machines: no room reads another's folder, they pass sealed packages.
- One process works in a hub at a time; a second is told so and changes nothing.
- What a process that did not end well has renamed may not be on the disk yet. The next one flushes every folder before
  it relies on any.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from linkage.errors import StoreError
from linkage.exchange.files import make_folder, rename_durably, sync_folder, write_atomically
from linkage.exchange.keys import PrivateKeys, PublicKeys, generate_keys, load_private_keys, save_keys
from linkage.exchange.locking import lock_to_write
from linkage.governance.signatures import signatures_path
from linkage.governance.standing import StandingAgreement, load_agreement
from linkage.governance.statements import statements_path
from linkage.governance.succession import succession_problems
from linkage.spec.load import load_spec, spec_path
from linkage.spec.model import LinkageSpec

Room = Literal["matcher", "registrar", "release"]
ROOMS: tuple[Room, ...] = ("matcher", "registrar", "release")


class Hub:
    """A hub's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if not (folder / "agreement").is_dir():
            inside = all(Path(name).is_dir() for name in ("agreement", *ROOMS))
            raise StoreError(
                f"{folder} is not a hub's folder",
                advice="the current folder is one: give `.`" if inside else "is the path right?",
            )

    @classmethod
    def create(cls, folder: Path, name: str) -> Hub:
        """Make a hub's folder with three rooms and a key pair for each."""
        if folder.exists() and any(folder.iterdir()):
            raise StoreError(f"{folder} is not empty", advice="name a new folder for the hub")
        keys = {room: generate_keys(f"{name}.{room}") for room in ROOMS}
        place = folder.absolute()
        part = place.with_name(f".{place.name}.part")  # so that a kill leaves no hub with two keys of three
        shutil.rmtree(part, ignore_errors=True)
        (part / "agreement").mkdir(parents=True)
        for room, pair in keys.items():
            save_keys(pair, part / room)
        sync_folder(part)
        if folder.exists():
            for made in sorted(part.iterdir(), reverse=True):  # `agreement`, by which a hub is known, comes last
                rename_durably(made, place / made.name)
            part.rmdir()
        else:
            rename_durably(part, place)
        return cls(folder)

    def room(self, room: Room, *below: str) -> Path:
        """Return a folder inside a room, made if need be."""
        found = self.folder.joinpath(room, *below)
        make_folder(found, 0o700)
        return found

    def keys(self, room: Room) -> PrivateKeys:
        """Load a room's private keys."""
        found = sorted((self.folder / room).glob("*.key"))
        if len(found) != 1:
            raise StoreError(f"{self.folder / room} should hold one .key file and holds {len(found)}")
        return load_private_keys(found[0])

    def adopt(self, agreement: Path, spec: Path | str) -> StandingAgreement:
        """Take an agreement and its linkage spec as the ones this hub works under."""
        standing = load_agreement(agreement)
        chosen = load_spec(spec)
        problems = []
        if chosen.sha256 != standing.terms.linkage.spec_sha256:
            problems.append(f"the spec {spec} is not the one of {standing.cite('linkage', 'spec_sha256')}")
        problems += [
            f"the agreement pins other keys for the {room} than {self.folder / room} holds"
            for room in ROOMS
            if standing.terms.hub.public_keys(room) != self.keys(room).public
        ]
        problems += succession_problems(self.agreement() if self._current.exists() else None, standing)
        if problems:
            raise StoreError(f"{agreement} cannot be this hub's agreement", problems)
        folder = self.folder / "agreement" / standing.sha256[:16]
        make_folder(folder)
        write_atomically(folder / "spec.yaml", spec_path(spec).read_bytes(), 0o644)
        for file in _files_of(agreement, standing):
            write_atomically(folder / file.name, file.read_bytes(), 0o644)
        # The one step that a kill must not divide: from here on, the version just written is in use.
        write_atomically(self._current, f"{folder.name}/{agreement.name}\n".encode(), 0o644)
        return standing

    def agreement(self) -> StandingAgreement:
        """Load the agreement this hub works under."""
        return load_agreement(self._agreement_path())

    def spec(self) -> LinkageSpec:
        """Load the linkage spec this hub works under."""
        return load_spec(self._agreement_path().with_name("spec.yaml"))

    @property
    def _current(self) -> Path:
        return self.folder / "agreement" / "current"

    def _agreement_path(self) -> Path:
        if not self._current.exists():
            raise StoreError(
                f"{self.folder} has no agreement yet",
                advice=f"adopt one with `linkage hub adopt {self.folder} AGREEMENT --spec SPEC`",
            )
        return self.folder / "agreement" / self._current.read_text("utf-8").strip()

    @contextmanager
    def working(self) -> Iterator[None]:
        """Hold the hub for this process; sweep what a killed one left half-written, and flush what it renamed."""
        with (self.folder / ".lock").open("a") as lock:
            try:
                lock_to_write(lock, wait=False)
            except BlockingIOError:
                raise StoreError(
                    f"another process is at work in {self.folder}", advice="wait until it ends, then try again"
                ) from None
            for part in self.folder.rglob(".*.part"):
                part.unlink(missing_ok=True)
            # Payload in plain text, if the kill came to a release; a re-run might be refused and never come here.
            shutil.rmtree(self.folder / "release" / "scratch", ignore_errors=True)
            if os.fstat(lock.fileno()).st_size:
                for folder, _, _ in os.walk(self.folder):
                    sync_folder(Path(folder))
            else:
                lock.write("at work\n")  # stays until the work ends well
                lock.flush()
            yield
            lock.truncate(0)


def _files_of(agreement: Path, standing: StandingAgreement) -> Iterator[Path]:
    """Yield an agreement's file and those that belong to it, the agreements above it included."""
    for path in (agreement, signatures_path(agreement), statements_path(agreement)):
        if path.exists():
            yield path
    pinned = standing.terms.parent
    if pinned is not None and standing.parent is not None:
        yield from _files_of(agreement.with_name(pinned.file), standing.parent)


def provider_keys(agreement: StandingAgreement) -> dict[str, PublicKeys]:
    """Return the pinned keys of every agency that may send the hub a package."""
    return {party.id: party.public_keys() for party in agreement.terms.parties if party.role == "provider"}
