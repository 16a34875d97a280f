"""Which tables are about the same persons: those form one system, and the others are looked at apart.

Rules:

- A *vintage* is the school year (or other date) that a table's persons are taken at. Tables of one population and one
  vintage are one system, a refreshed extract included: what changed between them is guarded.
- The sums of two vintages are different variables: persons come, leave and move in numbers that nobody outside knows.
  Nothing that is printed of one year then bounds a hidden cell of another.
- Not so where one vintage is known to hold the other (a cohort followed up for a fifth year, a count that only grows):
  the difference of two printed numbers then *is* a number of persons. Vintages are nested if a table says so, or if,
  persons being followed by id, fewer than the threshold of one are missing from the other.
- Whether they are one system or not, the cells that were hidden last year are preferred this year (see cells).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from linkage.disclosure.cells import PrintedTable
from linkage.disclosure.tables import Table

Vintage = tuple[str, str, str]
"""Population, measure, and vintage of a table."""
REFRESHED = 0.95
"""Share of the larger vintage's persons who are in the other too, from which on they are taken for one population."""


@dataclass(frozen=True, eq=False)
class Together:
    """Tables to be released and tables released before that are about the same persons and measure."""

    own: tuple[Table, ...]
    before: tuple[PrintedTable, ...]

    @property
    def vintages(self) -> tuple[str, ...]:
        """The vintages among them, in order."""
        found = {table.vintage for table in (*self.own, *(printed.table for printed in self.before))}
        return tuple(sorted(found - {""}))


def about_the_same_persons(tables: Sequence[Table], history: Sequence[PrintedTable], threshold: int) -> list[Together]:
    """Part ``tables``, and what of ``history`` concerns them, into systems; order is kept within each."""
    vintages: dict[Vintage, list[Table]] = {}
    for table in [*tables, *(printed.table for printed in history)]:
        vintages.setdefault(_vintage(table), []).append(table)
    groups: list[set[Vintage]] = []
    for vintage, its_tables in vintages.items():
        joined = {vintage}
        for group in groups:
            if any(_nested(vintages[other], its_tables, threshold) for other in group):
                joined |= group
        groups = [*(group for group in groups if not group & joined), joined]
    systems = []
    for group in groups:
        own = tuple(table for table in tables if _vintage(table) in group)
        if own:
            systems.append(Together(own, tuple(each for each in history if _vintage(each.table) in group)))
    return systems


def _vintage(table: Table) -> Vintage:
    return table.population, table.measure, table.vintage


def _nested(first: Sequence[Table], second: Sequence[Table], threshold: int) -> bool:
    """Whether one of two vintages holds the other, or nearly so; ``first`` and ``second`` are their tables."""
    if _vintage(first[0])[:2] != _vintage(second[0])[:2]:
        return False
    if any(table.nested for table in (*first, *second)):
        return True
    before, after = _persons(first), _persons(second)
    if not before or not after or before.isdisjoint(after):
        return False
    shared = len(before & after) / max(len(before), len(after))
    return shared >= REFRESHED or min(len(before - after), len(after - before)) < threshold


def _persons(tables: Sequence[Table]) -> set[str]:
    """Return the ids of the persons in ``tables``; none if they are not followed."""
    found: set[str] = set()
    seen: set[tuple[int, str]] = set()
    for table in tables:
        if table.id is None:
            return set()
        taken_before = (id(table.data), repr(table.where))
        if taken_before not in seen:
            seen.add(taken_before)
            inside = np.ones(len(table.data), dtype=bool)
            for column, codes in table.where.items():
                inside &= table.data[column].astype(str).isin([str(code) for code in codes]).to_numpy()
            found.update(table.data.loc[inside, table.id].astype(str))
    return found
