"""Many needs proven at once: one move that raises as many hidden cells as it can.

The pattern is fixed here (printed cells stand still). A program maximises the sum over the needs not yet proven of
min(change, distance): its solution is a witness for many needs together, so that thousands of primary cells are
settled by a handful of programs. What no program settles is left for a search of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import highspy
import numpy as np
from scipy import sparse

from linkage.disclosure.cells import collapse

STALLED = 0.02
"""A round that proves a smaller share of what was open is the last."""


def joint_moves(
    matrix: sparse.csr_matrix, amount: np.ndarray, printed: np.ndarray, needs: Sequence[tuple[int, float]]
) -> Iterator[tuple[np.ndarray, int]]:
    """Yield moves of the atoms that hold ``printed`` cells still, each proving some of ``needs`` (all of one sign).

    With each move comes the number of programs solved for it. The caller may stop at any time.
    """
    fixed = np.zeros(matrix.shape[1], dtype=bool)
    rows = matrix[printed]
    single = np.diff(rows.indptr) == 1
    fixed[rows[single].indices] = True
    free = np.flatnonzero(~fixed)
    rows = rows[~single][:, free].tocsr()
    rows = rows[np.flatnonzero(np.diff(rows.indptr) > 0)]
    if rows.shape[0]:
        rows = rows[collapse(rows)[1]]
    cells = np.array([cell for cell, _ in needs])
    distances = np.array([distance for _, distance in needs])
    sign = 1.0 if distances[0] > 0 else -1.0
    wanted = matrix[cells][:, free].tocsr() * sign
    solver = _model(rows, wanted, amount[free], np.abs(distances))
    open_ = np.ones(len(needs), dtype=bool)
    first_credit = len(free)
    while open_.any():
        columns = np.arange(first_credit, first_credit + len(needs), dtype=np.int32)
        solver.changeColsCost(len(columns), columns, np.where(open_, -1.0, 0.0))
        solver.run()
        if solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            return
        found = np.asarray(solver.getSolution().col_value)[: len(free)]
        proven = open_ & (wanted @ found >= np.abs(distances) - 1e-6)
        move = np.zeros(matrix.shape[1])
        move[free] = found
        yield move, 1
        if proven.sum() <= STALLED * open_.sum():
            return
        open_ &= ~proven


def _model(rows: sparse.csr_matrix, wanted: sparse.csr_matrix, amount: np.ndarray, size: np.ndarray) -> Any:  # noqa: ANN401 - highspy has no types
    count, free = wanted.shape
    infinity = highspy.kHighsInf
    body = sparse.vstack(
        [
            sparse.hstack([rows, sparse.csr_matrix((rows.shape[0], count))]),
            sparse.hstack([wanted, -sparse.identity(count)]),
        ],
        format="csc",
    )
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = free + count, body.shape[0]
    model.col_cost_ = np.zeros(free + count)
    model.col_lower_ = np.concatenate([-amount, np.full(count, -infinity)])
    # No need reaches further than the largest distance times the cells it could be drawn from.
    model.col_upper_ = np.concatenate([np.full(free, float(amount.sum()) + float(size.sum())), size])
    model.row_lower_ = np.zeros(body.shape[0])
    model.row_upper_ = np.concatenate([np.zeros(rows.shape[0]), np.full(count, infinity)])
    model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    model.a_matrix_.start_, model.a_matrix_.index_ = body.indptr, body.indices
    model.a_matrix_.value_ = body.data
    solver: Any = highspy.Highs()  # type: ignore[no-untyped-call]  # no annotations
    for option, setting in (("output_flag", False), ("threads", 1), ("random_seed", 0), ("solver", "simplex")):
        solver.setOptionValue(option, setting)
    solver.passModel(model)
    return solver
