"""The ledger: an append-only file in which each line carries the hash of the line before it.

Rules:

- One line is one entry, in canonical JSON. An altered, removed, inserted or re-ordered line breaks the chain at
  its place, and verification names it.
- A chain alone cannot tell that its *end* was cut off. So its head (count and last hash) is signed and given to
  every party with each result (:mod:`linkage.governance.heads`); a ledger that does not reach a head which
  somebody kept was truncated or rewritten.
- An entry counts once it is flushed to the disk. A crash can leave at most one torn line at the end, which was
  never acknowledged: it is recognised by its missing line end, refused, and removed by :func:`repair`.
- One writer at a time, by a lock on the file.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final, Literal

from pydantic import ValidationError

from linkage.errors import StoreError
from linkage.exchange.canonical import canonical_json
from linkage.exchange.files import sync_folder
from linkage.exchange.locking import lock_to_read, lock_to_write
from linkage.governance.events import Entry, Event, Opened

ORIGIN: Final = "0" * 64
_LABEL: Final = b"linkage/v1/ledger-entry\0"
_MAX_LINE: Final = 4 << 20


@dataclass(frozen=True)
class Head:
    """Where a ledger stands: its name, how many entries it has, and the hash of the last."""

    ledger: str
    count: int
    sha256: str


@dataclass(frozen=True)
class VerifiedLedger:
    """A ledger whose chain holds: its entries and the hash after each."""

    ledger: str
    entries: tuple[Entry, ...]
    hashes: tuple[str, ...]

    @property
    def head(self) -> Head:
        """Where the ledger stands."""
        return Head(self.ledger, len(self.entries), self.hashes[-1])


def create_ledger(path: Path, hub: str, name: str, now: datetime) -> Head:
    """Begin a ledger; ``name`` is 32 random hex digits. Raises StoreError if the file exists."""
    try:
        path.touch(mode=0o600, exist_ok=False)
    except FileExistsError:
        raise StoreError(f"{path} exists; a ledger is never begun anew over another.") from None
    sync_folder(path.parent)
    with _locked(path) as handle:
        return _write(handle, Opened(hub=hub, ledger=name), 0, ORIGIN, now, name)


def append(path: Path, event: Event, now: datetime) -> Head:
    """Add an entry and return the new head once it is on the disk.

    Raises StoreError on a torn or altered end; verifies the last line only, as the whole is verified by
    :func:`verify_ledger`.
    """
    if isinstance(event, Opened):
        raise StoreError("A ledger is opened once, when it is created.")
    with _locked(path) as handle:
        name = _entry(handle.readline(_MAX_LINE), 1, path).event
        if not isinstance(name, Opened):
            raise StoreError(f"{path} does not begin as a ledger does.")
        last = _last_line(handle, path)
        entry = _entry(last, None, path)
        return _write(handle, event, entry.sequence + 1, entry_hash(last), now, name.ledger)


def verify_ledger(path: Path) -> VerifiedLedger:
    """Check every line and link; raises StoreError naming the first line that does not hold."""
    entries: list[Entry] = []
    hashes: list[str] = []
    previous = ORIGIN
    for number, line in enumerate(_lines(path), start=1):
        entry = _entry(line, number, path)
        if entry.sequence != number - 1:
            raise _broken(path, number, f"it is entry {entry.sequence}, expected {number - 1}")
        if entry.previous != previous:
            raise _broken(
                path, number, "it does not follow the line before it: a line was altered, removed, inserted or moved"
            )
        if isinstance(entry.event, Opened) != (number == 1):
            raise _broken(path, number, "a ledger opens with its first line, and only with it")
        previous = entry_hash(line)
        entries.append(entry)
        hashes.append(previous)
    if not entries or not isinstance(entries[0].event, Opened):
        raise StoreError(f"{path} is empty, and a ledger never is.")
    return VerifiedLedger(entries[0].event.ledger, tuple(entries), tuple(hashes))


def repair(path: Path) -> bytes:
    """Remove a torn last line, which was never acknowledged, and return it; empty if there was none."""
    with _locked(path) as handle:
        content = handle.read()
        end = content.rfind(b"\n") + 1
        torn = content[end:]
        if torn:
            handle.truncate(end)
            os.fsync(handle.fileno())
        return torn


def entry_hash(line: bytes) -> str:
    """Hash a line (without its line end), as the next line and the head carry it."""
    return hashlib.sha256(_LABEL + line).hexdigest()


def _write(handle: BinaryIO, event: Event, sequence: int, previous: str, now: datetime, name: str) -> Head:
    recorded = now.astimezone(UTC).isoformat()
    entry = Entry(sequence=sequence, previous=previous, recorded=recorded, event=event)
    line = canonical_json(entry.model_dump(mode="json"))
    handle.seek(0, os.SEEK_END)
    handle.write(line + b"\n")
    handle.flush()
    os.fsync(handle.fileno())
    return Head(name, sequence + 1, entry_hash(line))


def _lines(path: Path) -> Iterator[bytes]:
    with _opened(path, "rb") as handle:
        lock_to_read(handle)
        while line := handle.readline(_MAX_LINE):
            if not line.endswith(b"\n"):
                raise _torn(path)
            yield line[:-1]


def _last_line(handle: BinaryIO, path: Path) -> bytes:
    size = handle.seek(0, os.SEEK_END)
    handle.seek(max(0, size - _MAX_LINE))
    tail = handle.read()
    if not tail.endswith(b"\n"):
        raise _torn(path)
    return tail[:-1].rsplit(b"\n", 1)[-1]


def _entry(line: bytes, number: int | None, path: Path) -> Entry:
    place = "last line" if number is None else f"line {number}"
    line = line.removesuffix(b"\n")
    try:
        entry = Entry.model_validate_json(line)
    except ValidationError:
        raise StoreError(f"{path}: the {place} is not a ledger entry.") from None
    if canonical_json(entry.model_dump(mode="json")) != line:
        raise StoreError(f"{path}: the {place} is not written as a ledger writes it; it was altered.")
    return entry


@contextmanager
def _locked(path: Path) -> Iterator[BinaryIO]:
    with _opened(path, "r+b") as handle:
        lock_to_write(handle)  # a write takes milliseconds, so others wait
        yield handle


@contextmanager
def _opened(path: Path, mode: Literal["rb", "r+b"]) -> Iterator[BinaryIO]:
    try:
        handle: BinaryIO = path.open(mode)
    except FileNotFoundError:
        raise StoreError(f"There is no ledger at {path}.") from None
    with handle:
        yield handle


def _torn(path: Path) -> StoreError:
    return StoreError(
        f"{path} ends in a torn line: a write was cut short before it was acknowledged.",
        advice=f"Remove it with: linkage ledger verify {path} --repair",
    )


def _broken(path: Path, number: int, reason: str) -> StoreError:
    return StoreError(f"{path}: the chain breaks at line {number}.", [reason], advice="Compare with a copy.")
