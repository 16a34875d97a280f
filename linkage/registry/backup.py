"""Copies of the registry that can be relied on, and how one takes its place again.

Rules:

- A backup is made by SQLite's own backup call, in one step, so it is one committed state even while another process
  writes; copying the file by other means is not a backup.
- A backup is verified before it is given its name, and again before it is restored. What a killed copy left of the
  same file is taken away by the next.
- Restoring never replaces a registry: the damaged one is moved away first, by a person who has decided so.
- Runs made after a backup are lost with the registry, and new IDs would be drawn for their students: back up after
  every run. ``verify`` with the ledger's digests tells which runs are missing.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from linkage.errors import StoreError
from linkage.exchange.files import sweep, sync_folder
from linkage.registry.connection import connect, in_words
from linkage.registry.verify import Verification, verify


def back_up(registry: Path, target: Path, wait_seconds: float) -> Verification:
    """Copy the registry to ``target``, which must not exist, and verify the copy."""
    return _copy(registry, target, wait_seconds, "backup")


def restore(backup: Path, registry: Path, wait_seconds: float) -> Verification:
    """Put a verified copy of ``backup`` where there is no registry."""
    return _copy(backup, registry, wait_seconds, "registry")


def _copy(source: Path, target: Path, wait_seconds: float, what: str) -> Verification:
    if target.exists():
        raise StoreError(f"There is a file at {target} already.", advice=f"Move it away, or name another {what}.")
    if not target.parent.is_dir():
        raise StoreError(f"There is no folder {target.parent}.", advice="Make it first, readable by you alone.")
    sweep(target)
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    os.close(descriptor)
    part = Path(name)
    try:
        with closing(connect(source, False, wait_seconds)) as origin, in_words(source):
            copy = sqlite3.connect(part)
            with closing(copy):
                copy.execute("PRAGMA journal_mode = OFF")  # a copy that is cut short is thrown away, not rolled back
                origin.backup(copy)
        with closing(connect(part, False, wait_seconds)) as copy, in_words(part):
            verification = verify(copy)
        if verification.problems:
            raise StoreError(f"{source} is not sound, and was not copied.", verification.problems)
        with part.open("rb") as handle:
            os.fsync(handle.fileno())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    sync_folder(target.parent)
    return verification
