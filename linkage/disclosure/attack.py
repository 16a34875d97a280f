"""The attacker: what can be worked out about hidden numbers from printed ones, by linear programming.

This is the audit's own program. It shares no code and no data with the choice of cells to hide: it is given
which amounts add up to which number and what was printed, never a hidden value.

- The unknowns are the inner amounts x >= 0; every printed number is an equation, every printed range two bounds.
- A feasible point is found first, and its residual is reported: published numbers that do not add up (because
  they were rounded, or persons were deleted) leave nothing to audit.
- Bounds are proven in bulk: a program that raises the sum of min(y, wanted) over all hidden numbers y not yet
  proven settles many at once; a number that no such program settles gets a minimum and a maximum of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import highspy
import numpy as np
from scipy import sparse

TOLERANCE = 1e-6
PRIMAL = 4
"""HiGHS's number for the primal simplex method."""


@dataclass(frozen=True, eq=False)
class Bounds:
    """For each hidden number, how low and how high it was found to be able to go.

    Where ``settled``, ``low`` and ``high`` are the attacker's true bounds; elsewhere the true interval is at
    least as wide.
    """

    low: np.ndarray
    high: np.ndarray
    settled: np.ndarray


class Inconsistent(ValueError):  # noqa: N818 - a statement about the table, caught by the audit
    """The published numbers contradict each other."""


class Attack:
    """All that can be asked about one set of published numbers."""

    def __init__(
        self,
        printed: sparse.csr_matrix,
        values: np.ndarray,
        hidden: sparse.csr_matrix,
        ranges: tuple[sparse.csr_matrix, np.ndarray, np.ndarray] | None = None,
    ) -> None:
        self.scale = max(1.0, float(values.max()) / 1e5) if len(values) else 1.0
        values = values / self.scale
        zero = np.flatnonzero(values == 0)
        barred = np.zeros(printed.shape[1], dtype=bool)
        barred[printed[zero].indices] = True
        live = np.flatnonzero(~barred)
        printed = printed[:, live]
        unlike, first = _distinct(printed, values)
        if not unlike:
            raise Inconsistent("the same sum is published with two values")
        self.hidden = hidden[:, live].tocsr()
        self.count = hidden.shape[0]
        self.programs = 0
        low = high = values[first]
        printed = printed[first]
        if ranges is not None:
            printed = sparse.vstack([printed, ranges[0][:, live]], format="csr")
            low, high = np.append(low, ranges[1] / self.scale), np.append(high, ranges[2] / self.scale)
        self._load(printed, low, high)

    def _load(self, printed: sparse.csr_matrix, low: np.ndarray, high: np.ndarray) -> None:
        equations, unknowns = printed.shape
        count = self.count
        # Columns: amounts x, then one "credit" z per hidden number with y >= z (rising) or y <= z (falling).
        links = sparse.hstack([self.hidden, -sparse.identity(count, format="csr")], format="csr")
        rows = sparse.hstack([printed, sparse.csr_matrix((equations, count))], format="csr")
        matrix = sparse.vstack([rows, links], format="csc")
        infinity = highspy.kHighsInf
        model = highspy.HighsLp()
        model.num_col_, model.num_row_ = unknowns + count, equations + count
        model.col_cost_ = np.zeros(unknowns + count)
        model.col_lower_ = np.concatenate([np.zeros(unknowns), np.full(count, -infinity)])
        model.col_upper_ = np.full(unknowns + count, infinity)
        model.row_lower_ = np.concatenate([low, np.full(count, -infinity)])
        model.row_upper_ = np.concatenate([high, np.full(count, infinity)])
        model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        model.a_matrix_.start_, model.a_matrix_.index_ = matrix.indptr, matrix.indices
        model.a_matrix_.value_ = matrix.data
        self.unknowns, self.equations = unknowns, equations
        self.solver: Any = highspy.Highs()  # type: ignore[no-untyped-call]  # no annotations
        for option, setting in (("output_flag", False), ("threads", 1), ("random_seed", 0)):
            self.solver.setOptionValue(option, setting)
        self.solver.passModel(model)
        self._solve()
        status = highspy.HighsModelStatus
        if self.solver.getModelStatus() not in (status.kOptimal, status.kModelEmpty):
            raise Inconsistent("no amounts of at least 0 add up to the published numbers")
        # From a feasible point every further program differs in what it aims at: the primal simplex goes on from there.
        self.solver.setOptionValue("simplex_strategy", PRIMAL)

    def _solve(self) -> bool:
        self.solver.run()
        self.programs += 1
        return bool(self.solver.getModelStatus() == highspy.HighsModelStatus.kOptimal)

    def _point(self) -> np.ndarray:
        amounts = np.asarray(self.solver.getSolution().col_value)[: self.unknowns]
        return np.asarray(self.hidden @ amounts)

    def prove(self, low: np.ndarray, high: np.ndarray, either: np.ndarray) -> Bounds:
        """Find, for each hidden number, whether it can be as low as ``low`` and as high as ``high``.

        Where ``either``, one of the two is enough.
        """
        low, high = low / self.scale, high / self.scale

        def pending(rising: bool) -> np.ndarray:
            above, below = highest < high - TOLERANCE, lowest > low + TOLERANCE
            return np.flatnonzero(np.where(either, above & below, above if rising else below))

        if self.count == 0:
            empty = np.zeros(0)
            return Bounds(empty, empty, np.zeros(0, dtype=bool))
        point = self._point()
        lowest, highest = point.copy(), point.copy()
        settled_low, settled_high = np.zeros(self.count, dtype=bool), np.zeros(self.count, dtype=bool)
        for rising in (True, False):
            self._credits(rising, high if rising else low)
            while True:
                unproven = pending(rising)
                if not len(unproven):
                    break
                self._aim(unproven, rising)
                if self._solve():
                    point = self._point()
                    np.minimum(lowest, point, out=lowest)
                    np.maximum(highest, point, out=highest)
                if len(pending(rising)) > 0.9 * len(unproven):
                    break
            self._credits(rising, None)
            for number in pending(rising):
                if number not in pending(rising):
                    continue
                bound, reached = self._extreme(int(number), rising)
                if reached is not None:
                    np.minimum(lowest, reached, out=lowest)
                    np.maximum(highest, reached, out=highest)
                if rising:
                    highest[number], settled_high[number] = bound, True
                else:
                    lowest[number], settled_low[number] = bound, True
        return Bounds(lowest * self.scale, highest * self.scale, settled_low & settled_high)

    def interval(self, number: int) -> tuple[float, float]:
        """Return the attacker's bounds on one hidden number."""
        self._credits(True, None)
        low, _ = self._extreme(number, rising=False)
        high, _ = self._extreme(number, rising=True)
        return low * self.scale, high * self.scale

    def _credits(self, rising: bool, wanted: np.ndarray | None) -> None:
        """Tie each credit to its number, capped at what is wanted; None unties them."""
        infinity = highspy.kHighsInf
        count = self.count
        rows = np.arange(self.equations, self.equations + count, dtype=np.int32)
        columns = np.arange(self.unknowns, self.unknowns + count, dtype=np.int32)
        free_low, free_high = np.full(count, -infinity), np.full(count, infinity)
        self.solver.changeColsCost(self.unknowns + count, np.arange(self.unknowns + count, dtype=np.int32),
                                   np.zeros(self.unknowns + count))  # fmt: skip
        zero = np.zeros(count)
        if wanted is None:
            self.solver.changeColsBounds(count, columns, zero, zero)
            self.solver.changeRowsBounds(count, rows, free_low, free_high)
            return
        if rising:
            self.solver.changeColsBounds(count, columns, free_low, wanted)
            self.solver.changeRowsBounds(count, rows, zero, free_high)
        else:
            self.solver.changeColsBounds(count, columns, wanted, free_high)
            self.solver.changeRowsBounds(count, rows, free_low, zero)

    def _aim(self, numbers: np.ndarray, rising: bool) -> None:
        cost = np.zeros(self.count)
        cost[numbers] = -1.0 if rising else 1.0
        columns = np.arange(self.unknowns, self.unknowns + self.count, dtype=np.int32)
        self.solver.changeColsCost(self.count, columns, cost)

    def _extreme(self, number: int, rising: bool) -> tuple[float, np.ndarray | None]:
        start, end = self.hidden.indptr[number], self.hidden.indptr[number + 1]
        columns = self.hidden.indices[start:end].astype(np.int32)
        if not len(columns):
            return 0.0, None
        weights = self.hidden.data[start:end] * (-1.0 if rising else 1.0)
        self.solver.changeColsCost(len(columns), columns, weights)
        solved = self._solve()
        result: tuple[float, np.ndarray | None]
        if solved:
            point = self._point()
            result = float(point[number]), point
        elif rising and self.solver.getModelStatus() in (
            highspy.HighsModelStatus.kUnbounded,
            highspy.HighsModelStatus.kUnboundedOrInfeasible,
        ):
            result = float("inf"), None
        else:
            raise Inconsistent(f"the solver stopped with {self.solver.getModelStatus()}")
        self.solver.changeColsCost(len(columns), columns, np.zeros(len(columns)))
        return result


def _distinct(matrix: sparse.csr_matrix, values: np.ndarray) -> tuple[bool, np.ndarray]:
    """Return whether equal sums have equal values, and the first row of each distinct sum."""
    seen: dict[bytes, int] = {}
    matrix.sort_indices()
    agree = True
    keep = []
    for row in range(matrix.shape[0]):
        key = matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]].tobytes()
        other = seen.setdefault(key, row)
        if other == row:
            keep.append(row)
        elif abs(values[other] - values[row]) > TOLERANCE * max(1.0, abs(values[row])):
            agree = False
    return agree, np.array(keep, dtype=int)
