"""The attacker's freedom as a linear program: how the hidden numbers could move while every printed one stays.

A *move* changes each atom's amount by d >= -amount; a cell then changes by the sum over its atoms. Printed cells
must not change. ``cheapest`` finds the move that changes a given cell by a given distance and touches as little
as possible of what is printed: its support is what must be hidden too. Working in moves, not in values, keeps
0 feasible whatever the size of the numbers.

One HiGHS model serves all questions; between them only bounds change. Every question starts from "nothing
moves", where the dual simplex needs about as many steps as the answer has cells.
"""

from __future__ import annotations

from typing import Any

import highspy
import numpy as np
from scipy import sparse

TOLERANCE = 1e-6
EFFORT = 1e-3
"""Price of moving an atom; breaks ties toward short moves."""


class MoveModel:
    """Linear program over the moves of one system; the caller owns which cells are hidden."""

    def __init__(self, matrix: sparse.csr_matrix, amount: np.ndarray, cost: np.ndarray, hideable: np.ndarray) -> None:
        cells, atoms = matrix.shape
        self.matrix = matrix
        self.amount = amount
        self.cells = cells
        self.atoms = atoms
        self.slack = np.full(cells, -1)
        open_cells = np.flatnonzero(hideable)
        self.slack[open_cells] = np.arange(len(open_cells))
        pick = sparse.csc_matrix(
            (np.ones(len(open_cells)), (open_cells, np.arange(len(open_cells)))), shape=(cells, len(open_cells))
        )
        csc = matrix.tocsc()
        columns = sparse.hstack([csc, -csc, -pick, pick], format="csc")
        model = highspy.HighsLp()
        model.num_col_, model.num_row_ = columns.shape[1], cells
        price = cost[open_cells]
        model.col_cost_ = np.concatenate([np.full(2 * atoms, EFFORT), price, price])
        model.col_lower_ = np.zeros(columns.shape[1])
        model.col_upper_ = np.concatenate(
            [np.full(atoms, highspy.kHighsInf), amount, np.full(2 * len(open_cells), highspy.kHighsInf)]
        )
        model.row_lower_, model.row_upper_ = np.zeros(cells), np.zeros(cells)
        model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        model.a_matrix_.start_ = columns.indptr
        model.a_matrix_.index_ = columns.indices
        model.a_matrix_.value_ = columns.data
        self.solver: Any = highspy.Highs()  # type: ignore[no-untyped-call]  # no annotations
        for option, setting in (
            ("output_flag", False), ("presolve", "off"), ("solver", "simplex"), ("threads", 1), ("random_seed", 0),
            ("primal_feasibility_tolerance", 1e-9), ("dual_feasibility_tolerance", 1e-9),
        ):  # fmt: skip
            self.solver.setOptionValue(option, setting)
        self.solver.passModel(model)
        self.programs = 0

    def hide(self, cells: np.ndarray) -> None:
        """Let ``cells`` move freely."""
        for cell in cells:
            self.solver.changeRowBounds(int(cell), -highspy.kHighsInf, highspy.kHighsInf)

    def show(self, cells: np.ndarray) -> None:
        """Hold ``cells`` at what they print."""
        for cell in cells:
            self.solver.changeRowBounds(int(cell), 0.0, 0.0)

    def price(self, cells: np.ndarray, cost: np.ndarray) -> None:
        """Set what moving each printed cell costs."""
        slack = self.slack[cells]
        count = int((self.slack >= 0).sum())
        index = np.concatenate([2 * self.atoms + slack, 2 * self.atoms + count + slack]).astype(np.int32)
        self.solver.changeColsCost(len(index), index, np.concatenate([cost, cost]))

    def allow(self, cells: np.ndarray, allowed: bool) -> None:
        """Permit or forbid printed ``cells`` to be part of a move."""
        slack = self.slack[cells]
        count = int((self.slack >= 0).sum())
        index = np.concatenate([2 * self.atoms + slack, 2 * self.atoms + count + slack]).astype(np.int32)
        upper = np.full(len(index), highspy.kHighsInf if allowed else 0.0)
        self.solver.changeColsBounds(len(index), index, np.zeros(len(index)), upper)

    def cheapest(self, cell: int, distance: float, restart: bool = True) -> np.ndarray | None:
        """Return the change of every atom in the cheapest move of hidden ``cell`` by ``distance``, if there is one."""
        low, high = (distance, highspy.kHighsInf) if distance > 0 else (-highspy.kHighsInf, distance)
        self.solver.changeRowBounds(cell, low, high)
        if restart:
            self.solver.clearSolver()
        self.solver.run()
        self.programs += 1
        found = self.solver.getModelStatus() == highspy.HighsModelStatus.kOptimal
        move = None
        if found:
            columns = np.asarray(self.solver.getSolution().col_value)
            move = columns[: self.atoms] - columns[self.atoms : 2 * self.atoms]
            move[np.abs(move) < TOLERANCE] = 0.0
        self.solver.changeRowBounds(cell, -highspy.kHighsInf, highspy.kHighsInf)
        return move
