"""Counts and shares as a report of identifiers may show them.

Rules:

- A count from 1 to 9 is shown as ``<10``, and so is nothing that would give it back: a share is shown in whole percent,
  and not above what :data:`SMALL` rows short of all would be.
- Zero is shown: that nothing is wrong says nothing of anyone.
"""

from __future__ import annotations

SMALL = 10


def count(number: int, of: int | None = None) -> str:
    """Return a count, small ones suppressed, and so is one that leaves a small rest ``of`` all."""
    if of is not None and number >= SMALL and 0 < of - number < SMALL:
        return f"all but <{SMALL}"
    return f"<{SMALL}" if 0 < number < SMALL else f"{number:,}"


def share(number: int, of: int) -> str:
    """Return a share in whole percent; next to nothing and next to all only as bounds."""
    if not of:
        return "-"
    if 0 < number < SMALL:
        return f"<{SMALL} rows"
    if 0 < of - number < SMALL:
        return f"all but <{SMALL}"
    percent = 100 * number / of
    if number and percent < 1:
        return "<1 %"
    if number < of and percent > 99:
        return ">99 %"
    return f"{percent:.0f} %"
