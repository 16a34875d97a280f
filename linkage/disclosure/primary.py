"""Primary suppression: which cells are too small, and how far an attacker must be kept from each.

Rules (Handbook on Statistical Disclosure Control, 2nd ed., sections 4.2 and 5.2):

- Persons: 1 <= n < threshold. The attacker's upper bound must reach the threshold, the lower bound must end
  at n - 1 or below. A zero, where zeros are sensitive, must look as if it could be the threshold.
- (n, k) dominance: x1 + .. + xn > k/100 X; protection 100/k (x1 + .. + xn) - X.
- p %: X - x1 - x2 < p/100 x1; protection p/100 x1 - (X - x1 - x2).
- Too few contributors: protection ``amount_range`` per cent of the cell.
- A cell that breaks two rules gets the wider protection.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from linkage.disclosure.rules import DisclosureRules
from linkage.disclosure.tables import COUNT, Table, amounts_of, codes_of

SMALLEST_EXACT_MOVE = 0.01
"""Share of a sum by which "not exactly known" must be shown, where only exact disclosure is prevented."""


@dataclass(frozen=True)
class Needs:
    """For each cell of a grouping set: what makes it primary, and the protection it must have.

    ``up`` and ``down`` are distances from the value, 0 where no protection is needed; ``reason`` is empty for a
    cell that is safe. ``owner`` names the contributor who is all of the cell and so knows it, if there is one.
    """

    up: np.ndarray
    down: np.ndarray
    reason: np.ndarray
    owner: np.ndarray


def primary_needs(
    table: Table,
    rules: DisclosureRules,
    columns: Sequence[str],
    keys: pd.DataFrame,
    value: np.ndarray,
    must_hide: np.ndarray,
) -> Needs:
    """Apply ``rules`` to the cells of one grouping set.

    ``keys`` holds the codes of each cell in ``columns``, ``value`` what the cell would print, ``must_hide`` whether it
    is to be hidden whatever the rules say.
    """
    up, down = np.zeros(len(value)), np.zeros(len(value))
    reason = np.full(len(value), "", dtype=object)

    def mark(where: np.ndarray, above: np.ndarray, below: np.ndarray, why: str) -> None:
        up[where] = np.maximum(up, above)[where]
        down[where] = np.maximum(down, np.minimum(below, value))[where]
        reason[where & (reason == "")] = why

    rough = value * rules.amount_range / 100
    whole = np.ceil(rough) if table.measure == COUNT else rough
    facts = _contributions(table, columns, keys) if table.measure != COUNT or table.contributor else None
    persons = value if facts is None else facts.persons
    small = (persons > 0) & (persons < rules.person_threshold)
    if table.measure == COUNT:
        mark(small, rules.person_threshold - value, np.ones(len(value)), "persons")
    else:
        mark(small, whole, whole, "persons")
    mark(must_hide, np.maximum(whole, np.minimum(1, value)), whole, "asked for")
    if facts is not None:
        if table.contributor is not None:
            few = (facts.contributors > 0) & (facts.contributors < rules.employer_threshold)
            mark(few, whole, whole, "contributors")
        if rules.dominance is not None:
            top = facts.largest[:, : rules.dominance.n].sum(axis=1)
            above = 100 / rules.dominance.k * top - value
            mark((above > 0) & (value > 0), above, above, "dominance")
        if rules.p_percent is not None:
            first, second = facts.largest[:, 0], facts.largest[:, 1]
            above = rules.p_percent / 100 * first - (value - first - second)
            mark((above > 0) & (value > 0), above, above, "p %")
    if rules.zero_policy == "sensitive":
        zero = value == 0
        threshold = float(rules.person_threshold) if table.measure == COUNT else 1.0
        mark(zero, np.full(len(value), threshold), np.zeros(len(value)), "zero")
    if rules.protection == "exact":
        least = np.ones(len(value)) if table.measure == COUNT else np.maximum(value * SMALLEST_EXACT_MOVE, 0)
        up, down = np.where(up > 0, least, 0.0), np.where(down > 0, np.minimum(least, value), 0.0)
    owner = np.full(len(value), "", dtype=object) if facts is None else facts.owner
    return Needs(up, down, reason, owner)


@dataclass(frozen=True)
class _Contributions:
    persons: np.ndarray
    contributors: np.ndarray
    largest: np.ndarray
    owner: np.ndarray


def _contributions(table: Table, columns: Sequence[str], keys: pd.DataFrame, depth: int = 10) -> _Contributions:
    """Count persons and contributors of each cell and find its largest contributions."""
    frame = codes_of(table.data, table.columns)
    frame["amount"] = amounts_of(table, table.measure)
    frame["persons"] = amounts_of(table, COUNT)
    known_by = table.contributor or table.id
    frame["who"] = table.data[known_by].astype(str).to_numpy(object) if known_by else np.arange(len(frame)).astype(str)
    for column, allowed in table.where.items():
        frame = frame[frame[column].isin([str(code) for code in allowed])]
    columns = list(columns)
    if not columns:
        frame, keys, columns = frame.assign(all=""), pd.DataFrame({"all": [""]}), ["all"]
    sums = frame.groupby([*columns, "who"], as_index=False)[["amount", "persons"]].sum()
    sums = sums[(sums["amount"] > 0) | (sums["persons"] > 0)].sort_values("amount", ascending=False, kind="stable")
    sums["rank"] = sums.groupby(columns).cumcount()
    cells = pd.MultiIndex.from_frame(keys[columns])
    totals = sums.groupby(columns).agg(persons=("persons", "sum"), contributors=("who", "nunique"))
    totals.index = pd.MultiIndex.from_frame(totals.index.to_frame(index=False))
    totals = totals.reindex(cells, fill_value=0)
    position = pd.Series(np.arange(len(cells)), index=cells)
    top = sums[sums["rank"] < depth]
    row = position.reindex(pd.MultiIndex.from_frame(top[columns])).to_numpy()
    known = ~np.isnan(row)
    largest = np.zeros((len(cells), depth))
    largest[row[known].astype(int), top["rank"].to_numpy()[known]] = top["amount"].to_numpy()[known]
    contributors = totals["contributors"].to_numpy(float)
    owner = np.full(len(cells), "", dtype=object)
    first = known & (top["rank"].to_numpy() == 0)
    owner[row[first].astype(int)] = top["who"].to_numpy(object)[first]
    owner[contributors != 1] = ""
    return _Contributions(totals["persons"].to_numpy(float), contributors, largest, owner)
