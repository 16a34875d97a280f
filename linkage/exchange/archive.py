"""The archive inside a package: a tar whose every byte follows from the names, sizes and contents of its members.

Rules:

- Members are plain files with plain names, in POSIX ustar headers (GNU base-256 sizes past 8 GiB) with fixed
  owner, mode and time. Anything else is refused before a byte of content is looked at: links, folders, sparse or
  extended headers, absolute or climbing paths, a name given twice, bytes after the end.
- Nothing is ever unpacked to a path that the archive names.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

from linkage.errors import PackageError
from linkage.exchange.streams import chunks

MEMBER_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
MAX_MEMBERS = 1_000
_BLOCK = 512
_END = bytes(2 * _BLOCK)


@dataclass(frozen=True)
class Entry:
    """Where a member lies in the archive."""

    name: str
    size: int
    offset: int

    def chunks(self, archive: BinaryIO) -> Iterator[bytes]:
        """Read the member piece by piece."""
        archive.seek(self.offset)
        return chunks(archive, self.size)

    def read(self, archive: BinaryIO) -> bytes:
        """Read the member into memory."""
        return b"".join(self.chunks(archive))


def archive_chunks(members: Iterable[tuple[str, int, Iterable[bytes | memoryview]]]) -> Iterator[bytes | memoryview]:
    """Lay members (name, size, content in pieces) out as an archive."""
    for name, size, content in members:
        yield _header(name, size)
        yield from content
        yield bytes(-size % _BLOCK)
    yield _END


@contextmanager
def growing_member(archive: BinaryIO, name: str) -> Iterator[None]:
    """Lay a member out whose size nobody knows before its end: what the block writes to ``archive`` is its content."""
    start = archive.tell()
    archive.write(bytes(_BLOCK))
    yield
    size = archive.tell() - start - _BLOCK
    archive.write(bytes(-size % _BLOCK))
    archive.seek(start)
    archive.write(_header(name, size))
    archive.seek(0, 2)


def end_archive(archive: BinaryIO) -> None:
    """Write what stands behind an archive's last member."""
    archive.write(_END)


def list_entries(archive: BinaryIO, what: str) -> tuple[Entry, ...]:
    """Walk the headers of a whole archive; raises PackageError at the first that is not as rules say."""
    total = archive.seek(0, 2)
    entries: dict[str, Entry] = {}
    position = 0
    while True:
        archive.seek(position)
        block = archive.read(_BLOCK)
        if block == _END[:_BLOCK]:
            break
        name, size = _parse(block, what)
        if name in entries:
            raise PackageError(f"{what} holds the member {name} twice.")
        if len(entries) == MAX_MEMBERS:
            raise PackageError(f"{what} holds more than {MAX_MEMBERS} members.")
        entries[name] = Entry(name, size, position + _BLOCK)
        position += _BLOCK + size
        padding = -size % _BLOCK
        if position + padding + len(_END) > total:
            raise PackageError(
                f"{what} ends inside the member {name}: it was cut short.",
                advice="Copy it again, or ask the sender to.",
            )
        archive.seek(position)
        if archive.read(padding) != bytes(padding):
            raise PackageError(f"{what} holds bytes behind the member {name}.")
        position += padding
    archive.seek(position)
    if archive.read(len(_END) + 1) != _END:
        raise PackageError(f"{what} holds bytes after its end.")
    return tuple(entries.values())


def _header(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size = size
    info.mode = 0o600
    return info.tobuf(tarfile.GNU_FORMAT, "ascii", "strict")


def _parse(block: bytes, what: str) -> tuple[str, int]:
    try:
        info = tarfile.TarInfo.frombuf(block, "ascii", "strict")
    except (tarfile.HeaderError, ValueError):
        raise PackageError(f"{what} does not hold a package archive.") from None
    if info.issym() or info.islnk():
        raise PackageError(f"{what} holds a link; members are plain files.")
    if info.type != tarfile.REGTYPE:
        raise PackageError(f"{what} holds a folder, device or extended header; members are plain files.")
    if not re.fullmatch(MEMBER_NAME, info.name):
        raise PackageError(f"{what} holds a member whose name is not a plain file name (a path, or too long).")
    # Owner, time, mode and spare fields: one spelling only, so that nothing travels beside the manifest.
    if info.size < 0 or _header(info.name, info.size) != block:
        raise PackageError(f"{what} holds a member header that no package writer makes ({info.name}).")
    return info.name, info.size
