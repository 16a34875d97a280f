"""Bytes in pieces: what lets a package of several gigabytes pass through a few megabytes of memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

CHUNK_BYTES = 1 << 20


class Reader(Protocol):
    """Anything that bytes can be read from."""

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes; fewer only at the end."""


class Writer(Protocol):
    """Anything that bytes can be written to."""

    def write(self, content: bytes, /) -> int:
        """Write all of ``content``."""

    def flush(self) -> None:
        """Hand on what is held back."""


def chunks(source: Reader, size: int | None = None) -> Iterator[bytes]:
    """Read ``source`` to its end, or its next ``size`` bytes, piece by piece."""
    left = size
    while left is None or left > 0:
        chunk = source.read(CHUNK_BYTES if left is None else min(CHUNK_BYTES, left))
        if not chunk:
            return
        if left is not None:
            left -= len(chunk)
        yield chunk


class ChunkReader:
    """A readable stream over an iterator of pieces; fewer bytes than asked for only at the end."""

    def __init__(self, pieces: Iterable[bytes | memoryview]) -> None:
        self._pieces = iter(pieces)
        self._piece = memoryview(b"")

    def read(self, size: int = -1) -> bytes:
        """Return the next ``size`` bytes, or all that are left if negative."""
        taken: list[memoryview] = []
        missing = size
        while missing != 0:
            if not self._piece:
                piece = next(self._pieces, None)
                if piece is None:
                    break
                self._piece = memoryview(piece)
                continue
            part = self._piece if missing < 0 else self._piece[:missing]
            self._piece = self._piece[len(part) :]
            missing -= len(part) if missing > 0 else 0
            taken.append(part)
        return b"".join(taken)
