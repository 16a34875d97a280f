"""The attacker who is in the table: whoever is the whole of a hidden cell knows it.

Rules:

- A contributor alone in a cell knows its amount, so for that contributor the cell is printed. Every other sensitive
  cell must stay protected against each such contributor on their own.
- Where they are more than ``MOST_INSIDERS``, all are taken to pool what they know. That can only hide more.
- A person alone in a *count* knows only that the count is at least one, so counts of persons have no insiders.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from linkage.disclosure.cells import System

MOST_INSIDERS = 100


def insider_views(system: System, hidden: np.ndarray) -> Iterator[System]:
    """Yield the system as each insider has it: their own cells printed, and in no need of protection from them."""
    owned = np.flatnonzero(hidden & (system.owner != ""))
    owners = sorted(set(system.owner[owned]))
    if len(owners) > MOST_INSIDERS:
        yield _knowing(system, hidden, owned)
        return
    for owner in owners:
        yield _knowing(system, hidden, owned[system.owner[owned] == owner])


def _knowing(system: System, hidden: np.ndarray, known: np.ndarray) -> System:
    outside = np.ones(len(system.value), dtype=bool)
    outside[known] = False
    return replace(
        system,
        hidden=hidden & outside,
        hideable=system.hideable & outside,
        up=np.where(outside, system.up, 0.0),
        down=np.where(outside, system.down, 0.0),
    )
