"""Controlled rounding: every number to a multiple of a base, and every total still the sum of its parts.

An alternative to hidden cells. Rules (Cox and Ernst 1982; Handbook on Statistical Disclosure Control, section 4.5):

- A cell becomes one of the two multiples of the base next to it; a multiple stays. Where no consistent table of that
  kind exists (it can be so in three dimensions), cells may go further, as little as it takes.
- Of all such tables the one nearest to the true numbers is published. Totals are never rounded on their own.
- The base is at least the threshold: a published multiple then stands for a range that reaches it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from linkage.disclosure.cells import System, build_system
from linkage.disclosure.rules import DisclosureRules
from linkage.disclosure.tables import COUNT, Table
from linkage.errors import DisclosureError, InputError

FARTHEST = 3
"""Multiples of the base by which a cell may move before the table is given up."""


def round_tables(tables: Sequence[Table], base: int, rules: DisclosureRules) -> tuple[pd.DataFrame, ...]:
    """Return the published frames of ``tables`` (counts over one population), rounded together."""
    if base < max(rules.person_threshold, 2):
        raise InputError(
            f"Base {base} is below the threshold of {rules.person_threshold}.",
            advice="A smaller base would show that a cell is below the threshold.",
        )
    if {table.measure for table in tables} != {COUNT} or len({table.population for table in tables}) > 1:
        raise InputError("Only counts over one population can be rounded together.")
    system = build_system(tables, (), rules, "rounded")
    for reach in range(1, FARTHEST + 1):
        rounded = _nearest(system, base, reach)
        if rounded is not None:
            return tuple(cells.keys.assign(count=rounded[cells.cell]) for cells in system.tables)
    raise DisclosureError("No consistent rounding was found.", advice="Take a larger base, or fewer linked tables.")


def _nearest(system: System, base: int, reach: int) -> np.ndarray | None:
    """Solve for multiples z of atoms and the cells' sums, each within ``reach`` multiples of the truth."""
    cells, atoms = system.matrix.shape
    low = np.maximum(np.floor(system.value / base) - (reach - 1), 0)
    high = np.where(system.value % base == 0, system.value / base, np.ceil(system.value / base)) + (reach - 1)
    # Distance of each cell from its true number, as two parts.
    body = sparse.vstack(
        [
            sparse.hstack([system.matrix, sparse.csr_matrix((cells, 2 * cells))]),
            sparse.hstack([system.matrix * base, -sparse.identity(cells), sparse.identity(cells)]),
        ]
    )
    limits = LinearConstraint(body, np.concatenate([low, system.value]), np.concatenate([high, system.value]))
    solved = milp(
        np.concatenate([np.zeros(atoms), np.ones(2 * cells)]),
        constraints=limits,
        integrality=np.concatenate([np.ones(atoms), np.zeros(2 * cells)]),
        bounds=Bounds(0, np.inf),
        options={"mip_rel_gap": 0.01, "time_limit": 120},
    )
    if solved.x is None:
        return None
    return np.asarray(base * np.round(system.matrix @ np.round(solved.x[:atoms]))).astype(int)
