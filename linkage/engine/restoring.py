"""A backup takes the registry's place again, and the ledger says what was lost.

Rules:

- A backup is verified against itself and against every run that the ledger sealed up to it; one of another registry, or
  altered, is refused.
- A registry that is there is never lost: only if told to, it is kept aside under another name and replaced in one step,
  so that a kill leaves the one or the other.
- Runs after the backup are lost, and their new students get other IDs when they are linked again. How many there were
  is said and entered in the ledger, so that later runs are held against the restored registry and not the lost one.
  It is entered first: after a kill in between, the ledger has a restoration that did not come about, and the runs of
  the registry that is still there are entered again by the next command.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from linkage.engine import journal
from linkage.engine.registrar import REGISTRY_NAME
from linkage.engine.rooms import Hub
from linkage.errors import StoreError
from linkage.exchange.files import copy_atomically, rename_durably, sync_folder
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
    aside = _keep_aside(path, now) if path.exists() else None
    lost = tuple(head.run for head in kept if head.run > last)
    journal.restored(hub, found.head, len(lost), now)
    _move_journal(path, aside)
    rename_durably(part, path)
    return Restoration(found, lost, aside)


def _keep_aside(path: Path, now: datetime) -> Path:
    """Give the registry a second name, once a run that was cut short is rolled back."""
    aside = path.with_name(f"{path.name}.{now:%Y%m%dT%H%M%S}")
    if aside.exists():
        raise StoreError(f"There is a file at {aside} already.", advice="Try again in a second.")
    # Reading it rolls it back, unless it is past reading.
    with suppress(StoreError), Registry.open(path) as held:
        held.head()
    try:
        aside.hardlink_to(path)
    except OSError:  # a file system where a file has one name
        copy_atomically(path, aside)
    sync_folder(aside.parent)
    return aside


def _move_journal(path: Path, aside: Path | None) -> None:
    """Take away the journal of a registry that is past reading: it must not be rolled back into another."""
    left = path.with_name(f"{path.name}-journal")
    if left.exists():
        kept = aside or path.with_name(f"{path.name}.lost")
        rename_durably(left, kept.with_name(f"{kept.name}-journal"))
