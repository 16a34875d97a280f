"""Grouping of masked categories: small categories shown together instead of hidden one by one.

An alternative to hidden cells (NCES SLDS Technical Brief 3 calls it collapsing categories). Rules:

- The smallest categories of one dimension become one category, in every row of the table alike; those of different
  parents (schools of different districts) are kept apart. One category alone is never "all other": the next smallest
  joins it.
- How many are grouped is chosen so that most cells can be shown, and then so that fewest are small; of equal choices
  the one that groups fewest.
- The grouped table is still to be protected: grouping only leaves less to hide. Totals stay true.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from linkage.disclosure.cells import build_system
from linkage.disclosure.rules import TOTAL, DisclosureRules
from linkage.disclosure.tables import Table, amounts_of, codes_of
from linkage.errors import InputError


@dataclass(frozen=True, eq=False)
class Grouped:
    """A table with grouped categories, and the categories behind each group."""

    table: Table
    members: tuple[tuple[str, tuple[str, ...]], ...]


def group_masked(table: Table, dimension: str, rules: DisclosureRules, name: str = "All other") -> Grouped:
    """Return ``table`` with the small categories of ``dimension`` grouped under ``name``.

    Where the dimension has levels, the parent's code follows the name. Raises InputError if the dimension is not one
    of the table's, or the name is a category already.
    """
    if dimension not in table.by:
        raise InputError(
            f"Table {table.name!r} has no dimension {dimension!r}.", advice=f"Choose among {', '.join(table.by)}."
        )
    coarser = list(table.levels.get(dimension, ()))
    codes = codes_of(table.data, [dimension, *coarser])
    if codes[dimension].str.startswith(name).any():
        raise InputError(f"{name!r} is a category of {dimension!r} already.", advice="Choose another name.")
    sized = codes.assign(amount=amounts_of(table, table.measure))
    sizes = sized.groupby([dimension, *coarser], as_index=False)[["amount"]].sum()
    best, most = Grouped(table, ()), _shown(table, rules)
    for grouping in _groupings(sizes, dimension, coarser, name):
        tried = _apply(table, dimension, codes[dimension], grouping)
        shown = _shown(tried.table, rules)
        if shown > most:
            best, most = tried, shown
    return best


def _groupings(sizes: pd.DataFrame, dimension: str, coarser: list[str], name: str) -> Iterator[dict[str, str]]:
    """Yield, for each size, which categories up to that size are grouped and under what name."""
    for limit in sorted(sizes["amount"].unique()):
        grouping: dict[str, str] = {}
        for parent, part in sizes.groupby(coarser) if coarser else [((), sizes)]:
            part = part.sort_values(["amount", dimension])
            count = int((part["amount"] <= limit).sum())
            if count and len(part) > 1:
                parents = parent if isinstance(parent, tuple) else (parent,)
                label = f"{name} ({', '.join(map(str, parents))})" if coarser else name
                grouping |= dict.fromkeys(part[dimension].iloc[: max(count, 2)], label)
        yield grouping


def _apply(table: Table, dimension: str, codes: pd.Series, grouping: dict[str, str]) -> Grouped:
    changed = codes.map(lambda code: grouping.get(code, code)).to_numpy(object)
    data = table.data.assign(**{dimension: changed})
    members: dict[str, list[str]] = {}
    for code, label in grouping.items():
        members.setdefault(label, []).append(code)
    return Grouped(
        replace(table, data=data), tuple((label, tuple(sorted(found))) for label, found in sorted(members.items()))
    )


def _shown(table: Table, rules: DisclosureRules) -> tuple[int, int]:
    """Return how many cells that are not margins need no hiding by themselves, and how many do (below 0)."""
    system = build_system([table], (), rules, table.name)
    cells = system.tables[0]
    inner = np.ones(len(cells.value), dtype=bool)
    for levels in table.level_columns:
        level = f"{levels[0]}_level" if len(levels) > 1 else levels[0]
        inner &= (cells.keys[level].eq(levels[0]) if len(levels) > 1 else cells.keys[level].ne(TOTAL)).to_numpy()
    small = system.sensitive[cells.cell]
    return int((inner & ~small & (cells.value > 0)).sum()), -int((inner & small).sum())
