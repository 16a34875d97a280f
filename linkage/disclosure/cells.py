"""One linear system per measure: every number that is or was published, as a sum of atoms.

Rules:

- Cells that are sums of the same atoms are one cell, whichever table prints them: hidden in one, hidden in all.
- What an earlier release printed stays printed; what it hid stays hidden and keeps its claim to protection.
- The few persons by whom two published sums differ make cells that are never printed (see differences).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import pandas as pd
from scipy import sparse

from linkage.disclosure.differences import Difference, find_differences
from linkage.disclosure.grouping import CodedProfile
from linkage.disclosure.population import make_atoms
from linkage.disclosure.possible import Atoms
from linkage.disclosure.primary import Needs, primary_needs
from linkage.disclosure.rules import TOTAL, DisclosureRules
from linkage.disclosure.tables import COUNT, Table
from linkage.errors import InputError

SPARE_TOTAL = 2.0
"""How much dearer a cell becomes with each dimension it totals."""
HABIT = 0.2
"""Factor on the cost of a cell that was hidden in the last table of the same series: patterns should not jump."""
CHEAPEST = 1e-3
"""Cost of a cell that no table of this release prints."""


@dataclass(frozen=True, eq=False)
class PrintedTable:
    """A table whose pattern is already decided: an earlier release."""

    release: str
    table: Table
    published: pd.DataFrame
    symbol: str


@dataclass(frozen=True, eq=False)
class TableCells:
    """The cells of one table: key columns, what each would print, what it needs, and its number in the system."""

    release: str
    table: Table
    keys: pd.DataFrame
    value: np.ndarray
    cell: np.ndarray
    needs: Needs
    cost: np.ndarray


@dataclass(frozen=True, eq=False)
class System:
    """Distinct cells (rows of ``matrix``) over atoms, and what each cell is allowed and needs."""

    measure: str
    population: str
    atoms: Atoms
    matrix: sparse.csr_matrix
    value: np.ndarray
    up: np.ndarray
    down: np.ndarray
    cost: np.ndarray
    hidden: np.ndarray
    hideable: np.ndarray
    already_public: np.ndarray
    tables: tuple[TableCells, ...]
    differences: Mapping[int, Difference]
    owner: np.ndarray

    @property
    def sensitive(self) -> np.ndarray:
        """Which cells must be kept from the attacker."""
        return (self.up > 0) | (self.down > 0)


def build_system(
    tables: Sequence[Table],
    history: Sequence[PrintedTable],
    rules: DisclosureRules,
    release: str,
    habits: Sequence[PrintedTable] = (),
) -> System:
    """Return the system of ``tables`` and ``history``, which share one measure and one population.

    ``habits`` are tables of any population and vintage; a cell hidden in the latest of the same series is cheaper to
    hide again.
    """
    latest = {printed.table.series: printed for printed in habits}
    every = [*tables, *(printed.table for printed in history)]
    measure = tables[0].measure
    atoms = make_atoms(every, measure, rules.zero_policy == "sensitive")
    coded = [CodedProfile(profile) for profile in atoms.profiles]
    rows, found = [], []
    for position, table in enumerate(every):
        source = release if position < len(tables) else history[position - len(tables)].release
        matrix, cells = _table_cells(
            table, atoms, coded[atoms.frame_of[position]], atoms.frame_of[position], rules, source
        )
        rows.append(matrix)
        found.append(cells)
    gaps = find_differences(every, [cells.keys for cells in found], rows, atoms, rules)
    stacked = sparse.vstack([*rows, gaps.matrix], format="csr")
    number, first = collapse(stacked)
    matrix = stacked[first]
    value = matrix @ atoms.amount
    if measure == COUNT:
        value = np.round(value)
    count = len(first)
    up, down, cost = np.zeros(count), np.zeros(count), np.zeros(count)
    owner = np.full(count, "", dtype=object)
    hidden, hideable, printed_before = (np.zeros(count, dtype=bool) for _ in range(3))
    start, final = 0, []
    for position, cells in enumerate(found):
        cell = number[start : start + len(cells.value)]
        start += len(cell)
        final.append(replace(cells, cell=cell))
        np.maximum.at(up, cell, cells.needs.up)
        np.maximum.at(down, cell, cells.needs.down)
        owner[cell[cells.needs.owner != ""]] = cells.needs.owner[cells.needs.owner != ""]
        if position < len(tables):
            np.add.at(cost, cell, cells.cost * _habit(cells, latest.get(cells.table.series)))
            hideable[cell] = True
        else:
            was_hidden = _was_hidden(cells, history[position - len(tables)])
            hidden[cell[was_hidden]] = True
            printed_before[cell[~was_hidden]] = True
    _keep_published(final[: len(tables)], hideable, (up > 0) | (down > 0))

    gap = number[start:]
    difference_of = dict(zip(reversed(gap.tolist()), reversed(gaps.named), strict=True))
    # The difference of two numbers that are both out is out too.
    out = [
        each.less is not None
        and printed_before[final[each.table].cell[each.row]]
        and printed_before[final[each.less[0]].cell[each.less[1]]]
        for each in gaps.named
    ]
    unknown = ~hideable[gap] & ~printed_before[gap] & ~np.array(out, dtype=bool)
    np.maximum.at(up, gap[unknown], gaps.up[unknown])
    np.maximum.at(down, gap[unknown], gaps.down[unknown])
    hidden[gap[unknown]] = True

    # What was printed before is known for good; a small cell is still not printed twice.
    sensitive = (up > 0) | (down > 0)
    already_public = sensitive & printed_before
    up[already_public] = down[already_public] = 0
    hidden = (hidden | (sensitive & hideable)) & ~printed_before
    hideable &= ~printed_before
    if rules.zero_policy == "publish":
        hideable &= value > 0
    # A difference that needs no protection is no number that anyone has.
    keep = hidden | hideable | printed_before
    keep[number[:start]] = True
    renumber = np.cumsum(keep) - 1
    return System(
        measure, tables[0].population, atoms, matrix[np.flatnonzero(keep)], value[keep], up[keep], down[keep],
        np.maximum(cost[keep], CHEAPEST), hidden[keep], hideable[keep], already_public[keep],
        tuple(replace(cells, cell=renumber[cells.cell]) for cells in final),
        {int(renumber[cell]): difference for cell, difference in difference_of.items() if keep[cell]},
        owner[keep],
    )  # fmt: skip


def _keep_published(tables: Sequence[TableCells], hideable: np.ndarray, sensitive: np.ndarray) -> None:
    """Take the cells that must be published out of ``hideable``."""
    problems = []
    for cells in tables:
        for selector in cells.table.must_publish:
            chosen = chosen_by([selector], cells.keys)
            clash = int((chosen & sensitive[cells.cell]).sum())
            if clash:
                problems.append(f"table {cells.table.name!r}: {clash} of the cells {dict(selector)}")
            hideable[cells.cell[chosen]] = False
    if problems:
        raise InputError(
            "A cell that must be published is too small to be.",
            problems=problems,
            advice="Take it off `must_publish`, or publish a coarser table.",
        )


def chosen_by(selectors: Sequence[Mapping[str, str]], keys: pd.DataFrame) -> np.ndarray:
    """Return which rows of ``keys`` some selector names."""
    chosen = np.zeros(len(keys), dtype=bool)
    for selector in selectors:
        chosen |= np.logical_and.reduce([keys[column].eq(str(code)).to_numpy() for column, code in selector.items()])
    return chosen


def _table_cells(
    table: Table, atoms: Atoms, coded: CodedProfile, frame: int, rules: DisclosureRules, release: str
) -> tuple[sparse.csr_matrix, TableCells]:
    inside = coded.select(atoms.member[:, frame], table.where)
    blocks, keys, values, needs, costs = [], [], [], [], []
    for grouping in table.grouping_sets:
        columns = [column for column in grouping if column is not None]
        label, cut = coded.cut(inside, columns)
        size = len(cut)
        value = np.bincount(label, weights=atoms.amount[inside], minlength=size)
        value = np.round(value) if table.measure == COUNT else value
        key = _key_frame(table, grouping, cut, size)
        needs.append(primary_needs(table, rules, columns, cut, value, chosen_by(table.must_hide, key)))
        blocks.append(sparse.csr_matrix((np.ones(len(inside)), (label, inside)), shape=(size, len(atoms))))
        keys.append(key)
        values.append(value)
        costs.append((1 + np.log1p(value)) * _price(table, grouping))
    every = Needs(*(np.concatenate([getattr(each, part.name) for each in needs]) for part in fields(Needs)))
    value = np.concatenate(values)
    cells = TableCells(
        release, table, pd.concat(keys, ignore_index=True), value, np.arange(len(value)), every, np.concatenate(costs)
    )
    return sparse.vstack(blocks, format="csr"), cells


def _key_frame(table: Table, grouping: Sequence[str | None], cut: pd.DataFrame, size: int) -> pd.DataFrame:
    keys = {}
    for levels, column in zip(table.level_columns, grouping, strict=True):
        keys[levels[0]] = cut[column].to_numpy(object) if column is not None else np.full(size, TOTAL, dtype=object)
        if len(levels) > 1:
            keys[f"{levels[0]}_level"] = np.full(size, column if column is not None else TOTAL, dtype=object)
    return pd.DataFrame(keys, index=range(size))


def _price(table: Table, grouping: Sequence[str | None]) -> float:
    price = 1.0
    for column in grouping:
        name = TOTAL if column is None else column
        price *= table.priority.get(name, SPARE_TOTAL if column is None else 1.0)
    return price


def collapse(matrix: sparse.csr_matrix) -> tuple[np.ndarray, np.ndarray]:
    """Return the number of each row among the distinct rows of a 0/1 matrix, and the first row of each number."""
    weights = np.random.default_rng(20260101).integers(1, 2**63, size=(2, matrix.shape[1]), dtype=np.uint64)
    signature = np.zeros((2, matrix.shape[0]), dtype=np.uint64)
    filled = np.flatnonzero(np.diff(matrix.indptr) > 0)
    for which in range(2):
        signature[which, filled] = np.add.reduceat(weights[which][matrix.indices], matrix.indptr[filled])
    _, first, number = np.unique(signature, axis=1, return_index=True, return_inverse=True)
    # Numbers follow first appearance, so that the pattern does not hang on the signatures.
    order = np.argsort(first, kind="stable")
    rank = np.empty(len(order), dtype=int)
    rank[order] = np.arange(len(order))
    return rank[number.reshape(-1)], first[order]


def _habit(cells: TableCells, printed: PrintedTable | None) -> np.ndarray:
    """Return a factor on the cost of each cell: less than 1 where it was hidden last time."""
    if printed is None or printed.table.key_columns != cells.table.key_columns:
        return np.ones(len(cells.value))
    if printed.table.measure != cells.table.measure:
        return np.ones(len(cells.value))
    return np.where(_was_hidden(cells, printed), HABIT, 1.0)


def _was_hidden(cells: TableCells, printed: PrintedTable) -> np.ndarray:
    columns = list(cells.table.key_columns)
    shown = printed.published[[*columns, cells.table.measure]].copy()
    shown[columns] = shown[columns].astype(str)
    merged = cells.keys.merge(shown, how="left", on=columns)
    return merged[cells.table.measure].astype("object").eq(printed.symbol).to_numpy()
