"""Numbers that nobody prints and anyone can subtract: the few persons by whom two published sums differ.

Rules:

- Two frames of a population (an extract and its refreshment) differ by persons: for each cell of one, those whom the
  other does not hold.
- Two tables of one frame differ by their filters (all pupils, and those with a disability): where the persons of one
  are all among those of the other, a cell printed by both tells how many of its persons the narrower leaves out.
- Such a difference is a cell of the system that is never printed, and is protected like one: when it counts few
  persons; for amounts, by the rules on contributors, applied to those who make it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import sparse

from linkage.disclosure.possible import Atoms
from linkage.disclosure.primary import primary_needs
from linkage.disclosure.rules import TOTAL, DisclosureRules
from linkage.disclosure.tables import COUNT, Table, codes_of


@dataclass(frozen=True)
class Difference:
    """The persons of one row of a table who are not in another frame, or not in another row."""

    table: int
    row: int
    lacking: int | None = None
    less: tuple[int, int] | None = None


@dataclass(frozen=True, eq=False)
class Differences:
    """Differences as sums of atoms, and the distances by which each must be kept uncertain (0: not at all)."""

    matrix: sparse.csr_matrix
    named: tuple[Difference, ...]
    up: np.ndarray
    down: np.ndarray


def find_differences(
    tables: Sequence[Table],
    keys: Sequence[pd.DataFrame],
    rows: Sequence[sparse.csr_matrix],
    atoms: Atoms,
    rules: DisclosureRules,
) -> Differences:
    """Return the differences that need protection; ``keys`` and ``rows`` are the cells of each table."""
    found = [*_between_frames(rows, atoms, rules, tables[0].measure == COUNT)]
    found += _between_filters(tables, keys, rows, atoms, rules)
    if not found:
        return Differences(sparse.csr_matrix((0, len(atoms))), (), np.zeros(0), np.zeros(0))
    return Differences(
        sparse.vstack([each.matrix for each in found], format="csr"),
        tuple(name for each in found for name in each.named),
        np.concatenate([each.up for each in found]),
        np.concatenate([each.down for each in found]),
    )


def _between_frames(
    rows: Sequence[sparse.csr_matrix], atoms: Atoms, rules: DisclosureRules, counts: bool
) -> Iterator[Differences]:
    for table, (matrix, own) in enumerate(zip(rows, atoms.frame_of, strict=True)):
        for other in range(len(atoms.profiles)):
            if other != own:
                gone = (atoms.member[:, own] & ~atoms.member[:, other]).astype(float)
                part = sparse.csr_matrix(matrix.multiply(gone[None, :]))
                part.eliminate_zeros()
                yield _few(part, atoms, rules, counts, [Difference(table, row, other) for row in range(part.shape[0])])


def _few(
    matrix: sparse.csr_matrix, atoms: Atoms, rules: DisclosureRules, counts: bool, names: Sequence[Difference]
) -> Differences:
    """Keep the differences that are too small."""
    value = matrix @ atoms.amount
    value = np.round(value) if counts else value
    few = np.flatnonzero((value > 0) & ((value < rules.person_threshold) | (not counts)))
    value = value[few]
    up = rules.person_threshold - value if counts else value * rules.amount_range / 100
    down = np.minimum(1.0 if counts else up, value)
    if rules.protection == "exact":
        up = np.minimum(up, 1)
    return Differences(matrix[few], tuple(names[row] for row in few.tolist()), up, down)


def _between_filters(
    tables: Sequence[Table],
    keys: Sequence[pd.DataFrame],
    rows: Sequence[sparse.csr_matrix],
    atoms: Atoms,
    rules: DisclosureRules,
) -> Iterator[Differences]:
    groups: dict[tuple[int, str], list[int]] = {}
    taken = [(np.asarray(abs(matrix).sum(axis=0)).ravel() > 0) & (atoms.amount > 0) for matrix in rows]
    for number, table in enumerate(tables):
        groups.setdefault((atoms.frame_of[number], repr(sorted(_filter(table).items()))), []).append(number)
    labels: dict[int, pd.DataFrame] = {}
    for (frame, _), wider in groups.items():
        for (other, _), narrower in groups.items():
            if frame != other or wider is narrower or not _within(taken[narrower[0]], taken[wider[0]]):
                continue
            for whole in wider:
                for part in narrower:
                    for number in (whole, part):
                        if number not in labels:
                            labels[number] = _labels(tables[number], keys[number])
                    common = labels[whole].merge(labels[part], on="label", suffixes=("_whole", "_part"))
                    yield _subtracted(tables, rows, atoms, rules, whole, part, common)


def _subtracted(
    tables: Sequence[Table],
    rows: Sequence[sparse.csr_matrix],
    atoms: Atoms,
    rules: DisclosureRules,
    whole: int,
    part: int,
    common: pd.DataFrame,
) -> Differences:
    matrix = (rows[whole][common["row_whole"].to_numpy()] - rows[part][common["row_part"].to_numpy()]).tocsr()
    matrix.eliminate_zeros()
    names = [
        Difference(whole, row, less=(part, other))
        for row, other in zip(common["row_whole"].tolist(), common["row_part"].tolist(), strict=True)
    ]
    if tables[whole].measure == COUNT:
        return _few(matrix, atoms, rules, True, names)
    up, down = _needs_of_amounts(tables[whole], tables[part], common["label"], rules)
    some = np.flatnonzero((up > 0) | (down > 0))
    return Differences(matrix[some], tuple(names[row] for row in some.tolist()), up[some], down[some])


def _needs_of_amounts(
    whole: Table, part: Table, labels: pd.Series, rules: DisclosureRules
) -> tuple[np.ndarray, np.ndarray]:
    """Apply the rules to those whom ``part`` leaves out of each labelled cell of ``whole``."""
    codes = codes_of(whole.data, list(dict.fromkeys([*whole.columns, *part.where])))
    outside = ~_selects(part, codes) & _selects(whole, codes)
    data = whole.data[outside].reset_index(drop=True)
    codes = codes[outside].reset_index(drop=True)
    rest = replace(whole, data=data, where={})
    up, down = np.zeros(len(labels)), np.zeros(len(labels))
    levels = [column for each in whole.level_columns for column in each]
    split = labels.map(lambda label: dict(entry.split("\x1e") for entry in label.split("\x1f") if entry))
    shape = split.map(lambda entry: tuple(column for column in levels if column in entry))
    for columns in shape.unique():
        chosen = np.flatnonzero(shape.map(lambda each, columns=columns: each == columns).to_numpy())
        cut = pd.DataFrame([split.iloc[row] for row in chosen.tolist()], columns=list(columns))
        known = codes.assign(amount=data[whole.measure].fillna(0).to_numpy(float))
        if columns:
            sums = known.groupby(list(columns), as_index=False)[["amount"]].sum()
            value = cut.merge(sums, how="left", on=list(columns))["amount"].fillna(0.0).to_numpy(float)
        else:
            value = np.full(len(chosen), known["amount"].sum())
        needs = primary_needs(rest, rules.model_copy(update={"zero_policy": "publish"}), columns, cut, value,
                              np.zeros(len(value), dtype=bool))  # fmt: skip
        up[chosen], down[chosen] = needs.up, needs.down
    return up, down


def _filter(table: Table) -> Mapping[str, tuple[str, ...]]:
    return {column: tuple(sorted(str(code) for code in codes)) for column, codes in table.where.items()}


def _within(narrow: np.ndarray, wide: np.ndarray) -> bool:
    """Whether everyone whom one table takes in is taken in by the other, which takes in more."""
    return bool(narrow.sum() < wide.sum() and wide[narrow].all())


def _selects(table: Table, codes: pd.DataFrame) -> np.ndarray:
    chosen = np.ones(len(codes), dtype=bool)
    for column, allowed in _filter(table).items():
        chosen &= codes[column].isin(allowed).to_numpy()
    return chosen


def _labels(table: Table, keys: pd.DataFrame) -> pd.DataFrame:
    """Return each row of a table with a text that is the same for the same cell of another table."""
    label = pd.Series("", index=range(len(keys)), dtype=object)
    for levels in sorted(table.level_columns):
        code = keys[levels[0]].astype(str).reset_index(drop=True)
        level = keys[f"{levels[0]}_level"].astype(str).reset_index(drop=True) if len(levels) > 1 else levels[0]
        label = label + ("\x1f" + level + "\x1e" + code).where(code.ne(TOTAL), "")
    return pd.DataFrame({"row": range(len(keys)), "label": label})
