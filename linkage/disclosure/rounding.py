"""Controlled rounding: every number to a multiple of a base, and every total still the sum of its parts.

An alternative to hidden cells. Rules (Cox and Ernst 1982; Handbook on Statistical Disclosure Control, section 4.5):

- A cell becomes one of the two multiples of the base next to it; a multiple stays. Where no consistent table of that
  kind exists (it can be so in three dimensions), cells may go further, as little as it takes.
- Of all such tables the one nearest to the true numbers is published. Totals are never rounded on their own.
- The base exceeds the threshold: a published 0 then stands for a range that reaches it.
- The rounded tables are attacked before they are returned: from all of them together no small cell may be bounded
  closer than below the threshold, or from below at its value. The attacker knows the base and how far cells moved.
- Tables of one population are rounded together, once: a second rounding of the same persons narrows the first, and
  is not guarded against.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from linkage.disclosure.attack import TOLERANCE, Attack
from linkage.disclosure.cells import System, build_system
from linkage.disclosure.rules import DisclosureRules
from linkage.disclosure.tables import COUNT, Table
from linkage.errors import DisclosureError, InputError

FARTHEST = 3
"""Multiples of the base by which a cell may move before the table is given up."""


def round_tables(tables: Sequence[Table], base: int, rules: DisclosureRules) -> tuple[pd.DataFrame, ...]:
    """Return the published frames of ``tables`` (counts over one population), rounded together."""
    if base <= max(rules.person_threshold, 1):
        raise InputError(
            f"Base {base} does not exceed the threshold of {rules.person_threshold}.",
            advice="A published 0 would show that a cell is below the threshold. Take a larger base.",
        )
    if {table.measure for table in tables} != {COUNT} or len({table.population for table in tables}) > 1:
        raise InputError("Only counts over one population can be rounded together.")
    system = build_system(tables, (), rules, "rounded")
    for reach in range(1, FARTHEST + 1):
        rounded = _nearest(system, base, reach)
        if rounded is not None and _withstands_attack(system, rounded, base * reach, rules):
            return tuple(cells.keys.assign(count=rounded[cells.cell]) for cells in system.tables)
    raise DisclosureError(
        "No consistent and safe rounding was found.", advice="Take a larger base, or fewer linked tables."
    )


def _withstands_attack(system: System, rounded: np.ndarray, distance: int, rules: DisclosureRules) -> bool:
    """Whether ranges of ``distance`` around the published numbers, taken together, leave each small cell uncertain."""
    small = np.flatnonzero((system.value > 0) & (system.value < rules.person_threshold))
    none = sparse.csr_matrix((0, system.matrix.shape[1]))
    ranges = (system.matrix, np.maximum(rounded - distance + 1.0, 0.0), rounded + distance - 1.0)
    attack = Attack(none, np.zeros(0), system.matrix[small], ranges)
    low, high = system.value[small] - 1, np.full(len(small), float(rules.person_threshold))
    bounds = attack.prove(low, high, np.zeros(len(small), dtype=bool))
    return bool(((bounds.low <= low + TOLERANCE) & (bounds.high >= high - TOLERANCE)).all())


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
