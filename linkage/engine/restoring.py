"""A backup takes the registry's place again, and the ledger says what was lost.

Rules:

- A backup is verified against itself and against every run that the ledger sealed up to it; one of another registry, or
  altered, is refused.
- A registry that is there is never overwritten: only if told to, it is moved aside and kept.
- Runs after the backup are lost, and their new students get other IDs when they are linked again. How many there were
  is said and entered in the ledger, so that later runs are held against the restored registry and not the lost one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from linkage.engine import journal
from linkage.engine.registrar import REGISTRY_NAME
from linkage.engine.rooms import Hub
from linkage.errors import StoreError
from linkage.exchange.files import sync_folder
from linkage.registry.backup import restore
from linkage.registry.store import WAIT_SECONDS, Registry
from linkage.registry.verify import Verification


@dataclass(frozen=True)
class Restoration:
    """The registry as it is now, the runs that the ledger knows and it lacks, and where the one before lies."""

    verification: Verification
    lost: tuple[int, ...]
    aside: Path | None


def restore_registry(hub: Hub, backup: Path, now: datetime, replace: bool = False) -> Restoration:
    """Put a verified backup in the registry's place. Raises StoreError if it is unsound, or if a registry is there."""
    path = hub.room("registrar") / REGISTRY_NAME
    if path.exists() and not replace:
        raise StoreError(
            f"There is a registry at {path} already.",
            advice="Look with `linkage hub verify` whether it needs to be replaced. If so, give --replace: it is then"
            " moved aside and kept.",
        )
    kept = journal.kept_heads(hub)
    with Registry.open(backup) as held:
        last = held.head().run
        found = held.verify([head for head in kept if head.run <= last])
    if found.problems:
        raise StoreError(f"{backup} is not a sound backup of this hub's registry.", found.problems)
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    restore(backup, part, WAIT_SECONDS)
    aside = _move_aside(path, now) if path.exists() else None
    part.replace(path)
    sync_folder(path.parent)
    lost = tuple(head.run for head in kept if head.run > last)
    journal.restored(hub, found.head, len(lost), now)
    return Restoration(found, lost, aside)


def _move_aside(path: Path, now: datetime) -> Path:
    """Rename the registry, and the journal of a run that was cut short with it."""
    aside = path.with_name(f"{path.name}.{now:%Y%m%dT%H%M%S}")
    if aside.exists():
        raise StoreError(f"There is a file at {aside} already.", advice="Try again in a second.")
    journal_file = path.with_name(f"{path.name}-journal")
    if journal_file.exists():
        journal_file.replace(aside.with_name(f"{aside.name}-journal"))
    path.replace(aside)
    return aside
