"""The audit: whether a reader with a solver could get a hidden cell back from what is about to be published.

Rules:

- It reads the published frames, symbols and all, and the structure (which inner combinations can occur, in which
  frame); it is never shown a hidden value or told which cells are primary and which complementary.
- What it must find is stated beforehand as *targets*: a cell, and how low and how high it must look able to be.
- Every target met is a pass. One not met is a violation, with the interval that the attacker has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy import sparse

from linkage.disclosure.attack import TOLERANCE, Attack, Inconsistent
from linkage.disclosure.rules import TOTAL

SETTLE_ALL = 60
"""Up to so many targets, every interval in the certificate is the exact one."""


@dataclass(frozen=True, eq=False)
class Published:
    """A published table as its reader has it, with what the reader knows of its making.

    ``ranges`` are hidden rows of which bounds were printed: the row, the least and the greatest.
    """

    release: str
    name: str
    frame: pd.DataFrame
    dimensions: tuple[tuple[str, ...], ...]
    measure: str
    symbol: str
    where: tuple[tuple[str, tuple[str, ...]], ...] = ()
    source: int = 0
    ranges: tuple[tuple[int, float, float], ...] = ()


@dataclass(frozen=True, eq=False)
class Structure:
    """The inner combinations that can occur: their codes in each frame of the population, and who is in which."""

    profiles: tuple[pd.DataFrame, ...]
    member: np.ndarray


@dataclass(frozen=True)
class Target:
    """A published row that must look able to be as low as ``low`` and as high as ``high``.

    With ``lacking``, the target is the part of the row whose persons that other frame does not hold. With
    ``either``, one of the two is enough: the exact value is then not known. With ``less``, a table and a row, the
    target is the difference of the two rows.
    """

    table: int
    row: int
    low: float
    high: float
    lacking: int | None = None
    either: bool = False
    less: tuple[int, int] | None = None


@dataclass(frozen=True)
class Interval:
    """What the attacker can say of one target; ``exact`` if no tighter bounds exist."""

    target: Target
    low: float
    high: float
    exact: bool

    @property
    def violated(self) -> bool:
        """Whether the attacker is closer than the target allows."""
        slack = TOLERANCE * max(1.0, abs(self.target.high))
        bound_below, bound_above = self.low > self.target.low + slack, self.high < self.target.high - slack
        return (bound_below and bound_above) if self.target.either else (bound_below or bound_above)


@dataclass(frozen=True)
class AuditResult:
    """Every interval found, and the work it took."""

    intervals: tuple[Interval, ...]
    programs: int
    inconsistent: str = ""
    violations: tuple[Interval, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "violations", tuple(i for i in self.intervals if i.violated))

    @property
    def passed(self) -> bool:
        """Whether every target was met and the published numbers add up."""
        return not self.violations and not self.inconsistent


def audit(
    published: Sequence[Published], structure: Structure, targets: Sequence[Target], settle_all: int = SETTLE_ALL
) -> AuditResult:
    """Attack ``published`` and report what can be said of each target.

    Up to ``settle_all`` targets, every interval is the exact one.
    """
    rows = [_row_sums(table, structure) for table in published]
    matrices, values = [], []
    for table, matrix in zip(published, rows, strict=True):
        shown = table.frame[table.measure].astype("object").ne(table.symbol).to_numpy()
        matrices.append(matrix[np.flatnonzero(shown)])
        values.append(table.frame[table.measure][shown].to_numpy(dtype=float))
    printed, value = sparse.vstack(matrices, format="csr"), np.concatenate(values)
    bounded = [
        (matrix[row], low, high) for t, matrix in zip(published, rows, strict=True) for row, low, high in t.ranges
    ]
    ranges = None
    if bounded:
        matrix = sparse.vstack([row for row, _, _ in bounded], format="csr")
        ranges = (matrix, np.array([low for _, low, _ in bounded]), np.array([high for _, _, high in bounded]))
    wanted: list[sparse.csr_matrix] = []
    for target in targets:
        row = rows[target.table][target.row]
        if target.lacking is not None:
            gone = structure.member[:, published[target.table].source] & ~structure.member[:, target.lacking]
            row = sparse.csr_matrix(row.multiply(gone.astype(float)[None, :]))
            row.eliminate_zeros()
        if target.less is not None:
            row = sparse.csr_matrix(row - rows[target.less[0]][target.less[1]])
            row.eliminate_zeros()
        wanted.append(row)
    hidden = sparse.vstack(wanted, format="csr") if wanted else sparse.csr_matrix((0, printed.shape[1]))
    try:
        attack = Attack(printed, value, hidden, ranges)
        bounds = attack.prove(
            np.array([target.low for target in targets]),
            np.array([target.high for target in targets]),
            np.array([target.either for target in targets], dtype=bool),
        )
        intervals = []
        for number, target in enumerate(targets):
            low, high, exact = float(bounds.low[number]), float(bounds.high[number]), bool(bounds.settled[number])
            if len(targets) <= settle_all and not exact:
                (low, high), exact = attack.interval(number), True
            intervals.append(Interval(target, low, high, exact))
    except Inconsistent as problem:
        return AuditResult((), 0, str(problem))
    return AuditResult(tuple(intervals), attack.programs)


def _row_sums(table: Published, structure: Structure) -> sparse.csr_matrix:
    """Return, for each row of the published frame, the inner combinations it is the sum of."""
    profile = structure.profiles[table.source]
    inside = structure.member[:, table.source].copy()
    for column, allowed in table.where:
        inside &= profile[column].isin(allowed).to_numpy()
    frame = table.frame.reset_index(drop=True)
    shape = pd.DataFrame(
        {
            str(number): (
                frame[f"{levels[0]}_level"].astype(str)
                if len(levels) > 1
                else frame[levels[0]].astype(str).eq(TOTAL).map({True: TOTAL, False: levels[0]})
            )
            for number, levels in enumerate(table.dimensions)
        },
        index=frame.index,
    )
    row_numbers: list[np.ndarray] = []
    atom_numbers: list[np.ndarray] = []
    atoms = np.flatnonzero(inside)
    for chosen, part in shape.groupby(list(shape.columns), sort=False):
        levels = [str(level) for level in (chosen if isinstance(chosen, tuple) else (chosen,))]
        left = pd.DataFrame({"row": part.index.to_numpy()})
        right = pd.DataFrame({"atom": atoms})
        on = []
        for number, level in enumerate(levels):
            if level != TOTAL:
                left[str(number)] = frame.loc[part.index, table.dimensions[number][0]].astype(str).to_numpy(object)
                right[str(number)] = profile[level].to_numpy(object)[atoms]
                on.append(str(number))
        both = left.merge(right, on=on) if on else left.merge(right, how="cross")
        row_numbers.append(both["row"].to_numpy())
        atom_numbers.append(both["atom"].to_numpy())
    rows, columns = np.concatenate(row_numbers), np.concatenate(atom_numbers)
    return sparse.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(frame), len(inside)))
