"""Locks on open files: held until the file is closed, or its process ends in whatever way.

Rules:

- Agencies, researchers and auditors work on any system. The hub's files are locked, which Linux and macOS can do; on
  Windows its commands are refused, and a file that is only read needs no lock.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import IO

from linkage.errors import StoreError

try:
    import fcntl
except ImportError:
    _flock: Callable[[int, int], None] | None = None
    _SHARED = _ALONE = _AT_ONCE = 0
else:
    _flock = fcntl.flock
    _SHARED, _ALONE, _AT_ONCE = fcntl.LOCK_SH, fcntl.LOCK_EX, fcntl.LOCK_NB


def lock_to_read(file: IO[bytes]) -> None:
    """Wait until nobody writes, and keep writers out."""
    if _flock is not None:
        _flock(file.fileno(), _SHARED)


def lock_to_write(file: IO[bytes] | IO[str], wait: bool = True) -> None:
    """Wait until nobody else has a lock, or raise BlockingIOError at once; raises StoreError where no lock can be."""
    if _flock is None:
        raise StoreError(
            "a hub's files cannot be locked on this system",
            advice="run the hub's commands on Linux or macOS; those of agencies, researchers and auditors run here too",
        )
    _flock(file.fileno(), _ALONE if wait else _ALONE | _AT_ONCE)
