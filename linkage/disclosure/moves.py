"""The attacker's freedom as a linear program: how the hidden numbers could move while every printed one stays.

A *move* changes each atom's amount by d >= -amount; a cell then changes by the sum over its atoms. Printed cells
must not change, unless they are bought: ``cheapest`` finds the move that changes a given cell by a given distance
and touches as little as possible of what is printed. Its support is what must be hidden too. Working in moves, not
in values, keeps 0 feasible whatever the size of the numbers.

The program holds only what can matter: hidden sums are free, so they have no row; printed atoms that may not move
have no column; a cell that is a single atom has no row, its price is the atom's. The search starts from "nothing
moves", which is dual feasible, and the same program is solved again when prices change.
"""

from __future__ import annotations

from typing import Any

import highspy
import numpy as np
from scipy import sparse

TOLERANCE = 1e-6
EFFORT = 1e-3
"""Price of moving anything; breaks ties toward short moves."""


class MoveProgram:
    """How to move one cell by ``distance`` at least cost.

    ``matrix`` holds distinct sums of atoms (no two rows alike); ``price`` is what each costs to move by one unit: 0 if
    it is hidden already, infinity if it may not be hidden.
    """

    def __init__(
        self, matrix: sparse.csr_matrix, amount: np.ndarray, price: np.ndarray, cell: int, distance: float
    ) -> None:
        infinity = highspy.kHighsInf
        self.atoms = matrix.shape[1]
        sizes = np.diff(matrix.indptr)
        single = np.flatnonzero(sizes == 1)
        atom_of = matrix.indices[matrix.indptr[single]]
        barred = np.zeros(self.atoms, dtype=bool)
        barred[atom_of] = np.isinf(price[single])
        self.free = np.flatnonzero(~barred)
        place = np.full(self.atoms, -1)
        place[self.free] = np.arange(len(self.free))
        width = len(self.free)
        # Atoms that are cells of their own carry that cell's price.
        self.priced_atoms = place[atom_of[~np.isinf(price[single])]]
        self.priced_singles = single[~np.isinf(price[single])]
        rows = np.flatnonzero((sizes > 1) & (price > 0))
        self.bought = rows[~np.isinf(price[rows])]
        body = matrix[:, self.free]
        self.feasible = True
        low, high = np.zeros(2 * width + 2 * len(self.bought)), np.full(2 * width + 2 * len(self.bought), infinity)
        high[width : 2 * width] = amount[self.free]
        pick = sparse.csr_matrix(
            (np.ones(len(self.bought)), (np.searchsorted(rows, self.bought), np.arange(len(self.bought)))),
            shape=(len(rows), len(self.bought)),
        )
        held = body[rows]
        blocks = sparse.hstack([held, -held, -pick, pick], format="csr")
        row_low, row_high = np.zeros(len(rows)), np.zeros(len(rows))
        if sizes[cell] == 1:
            atom = int(place[matrix.indices[matrix.indptr[cell]]])
            column, other = (atom, width + atom) if distance > 0 else (width + atom, atom)
            self.feasible = atom >= 0 and abs(distance) <= high[column]
            low[column], high[other] = abs(distance), 0.0
        else:
            own = body[[cell]]
            aim = sparse.hstack([own, -own, sparse.csr_matrix((1, 2 * len(self.bought)))], format="csr")
            blocks = sparse.vstack([blocks, aim], format="csr")
            row_low = np.append(row_low, distance if distance > 0 else -infinity)
            row_high = np.append(row_high, infinity if distance > 0 else distance)
        columns = blocks.tocsc()
        model = highspy.HighsLp()
        model.num_col_, model.num_row_ = columns.shape[1], columns.shape[0]
        model.col_cost_ = self._cost(price)
        model.col_lower_, model.col_upper_ = low, high
        model.row_lower_, model.row_upper_ = row_low, row_high
        model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        model.a_matrix_.start_, model.a_matrix_.index_ = columns.indptr, columns.indices
        model.a_matrix_.value_ = columns.data
        self.solver: Any = highspy.Highs()  # type: ignore[no-untyped-call]  # no annotations
        for option, setting in (
            ("output_flag", False), ("presolve", "off"), ("solver", "simplex"), ("threads", 1), ("random_seed", 0),
            ("primal_feasibility_tolerance", 1e-9), ("dual_feasibility_tolerance", 1e-9),
        ):  # fmt: skip
            self.solver.setOptionValue(option, setting)
        if self.feasible:
            self.solver.passModel(model)

    def _cost(self, price: np.ndarray) -> np.ndarray:
        cost = np.full(len(self.free), EFFORT)
        cost[self.priced_atoms] += price[self.priced_singles]
        sums = price[self.bought] + EFFORT
        return np.concatenate([cost, cost, sums, sums])

    def reprice(self, price: np.ndarray) -> None:
        """Change what cells cost; hidden ones stay hidden and barred ones barred."""
        cost = self._cost(price)
        self.solver.changeColsCost(len(cost), np.arange(len(cost), dtype=np.int32), cost)

    def solve(self) -> np.ndarray | None:
        """Return the change of every atom in the cheapest move, if there is one."""
        if not self.feasible:
            return None
        self.solver.run()
        if self.solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            return None
        columns = np.asarray(self.solver.getSolution().col_value)
        width = len(self.free)
        move = np.zeros(self.atoms)
        move[self.free] = columns[:width] - columns[width : 2 * width]
        move[np.abs(move) < TOLERANCE] = 0.0
        return move
