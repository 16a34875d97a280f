"""The pattern of least cost, proven: for small tables, on request.

The method is the implicit hitting set form of Fischetti and Salazar's Benders decomposition (Management Science 47,
2001). A *core* is a set of printed cells of which at least one must be hidden, for together they bound a primary cell
too closely. A core is read off the multipliers of the attacker's linear program, the fewest that will do. The master
problem, an integer program, hides one cell of every core known at least cost; its pattern is attacked, and what the
attacker wins becomes new cores. When the attacker wins nothing the pattern is the optimum.

Rules:

- Whenever it stops, the cost of the master's pattern bounds the optimum from below, and the best pattern found, at
  first that of the heuristic, from above. Both are reported: a pattern is called optimal only if they meet.
- Cells that no pattern could protect are left out, as they are by the heuristic.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import highspy
import numpy as np
from scipy import sparse

from linkage.disclosure.cells import System
from linkage.disclosure.proofs import joint_moves
from linkage.disclosure.secondary import Pattern, complementary
from linkage.disclosure.witnesses import Need, Witnesses

SHORT = 1e-5
"""How far below a need, as a share of it, the attacker's bound must lie for a core."""
MEETING = 1e-6
"""Relative difference at which the two bounds count as one."""
DISJOINT = 12
"""Cores that are looked for at once for one need, none sharing a cell with another."""


def cheapest(system: System, either: bool, seconds: float, clock: Callable[[], float] = time.monotonic) -> Pattern:
    """Return the pattern of least cost, or the best found in about ``seconds``, with the bound that was proven."""
    best = complementary(system, either)
    search = _HittingSets(system, either, best)
    return search.run(clock() + seconds, clock)


def cost_of(system: System, hidden: np.ndarray) -> float:
    """Return what the complementary cells of a pattern cost."""
    return float(system.cost[hidden & ~system.hidden].sum())


class _HittingSets:
    """Cores found so far, and the bounds they give."""

    def __init__(self, system: System, either: bool, start: Pattern) -> None:
        self.system = system
        self.either = either
        self.best = start
        self.least = 0.0
        self.hopeless = set(start.unprotected.tolist())
        self.choice = np.flatnonzero(system.hideable & ~system.hidden)
        self.attacker = _Multipliers(system)
        self.master = _Master(system.cost[self.choice])
        self.place = np.full(len(system.value), -1)
        self.place[self.choice] = np.arange(len(self.choice))

    def run(self, deadline: float, clock: Callable[[], float]) -> Pattern:
        hidden = self.system.hidden
        while True:
            # The search for cores leaves the master half of the time.
            stop = clock() + (deadline - clock()) / 2
            found = 0
            for core in self._cores(hidden):
                self.master.add(self.place[core])
                found += 1
                if clock() > stop:
                    break
            if not found:
                # The pattern under attack is the master's own: nothing cheaper hits every core.
                self._offer(hidden)
                break
            solved = self.master.solve(deadline - clock()) if clock() < deadline else None
            if solved is None:
                break
            chosen, bound = solved
            self.least = max(self.least, bound)
            hidden = self.system.hidden.copy()
            hidden[self.choice[chosen]] = True
            if self._met():
                break
        if not self._met():
            self._offer(complementary(replace(self.system, hidden=hidden), self.either).hidden)
        return replace(self.best, least_cost=min(self.least, self._cost()))

    def _cost(self) -> float:
        return cost_of(self.system, self.best.hidden)

    def _met(self) -> bool:
        return self._cost() - self.least <= MEETING * max(1.0, self._cost())

    def _offer(self, hidden: np.ndarray) -> None:
        if cost_of(self.system, hidden) < self._cost():
            self.best = replace(self.best, hidden=hidden, causes={})

    def _cores(self, hidden: np.ndarray) -> Iterator[np.ndarray]:
        """Attack ``hidden`` and yield the cores that it does not hit."""
        for need in self._unproven(hidden):
            tried = hidden.copy()
            for _ in range(DISJOINT):
                core = self._core(need, tried)
                if core is None:
                    break
                if len(core):
                    yield core
                tried[core] = True

    def _core(self, need: Need, hidden: np.ndarray) -> np.ndarray | None:
        cell, distance = need
        core = self.attacker.core(cell, distance, hidden, self.place >= 0)
        if core is None or not self.either:
            return core
        other = self.attacker.core(cell, -float(self.system.down[cell]), hidden, self.place >= 0)
        return None if other is None else np.union1d(core, other)

    def _unproven(self, hidden: np.ndarray) -> list[Need]:
        witnesses = Witnesses(self.system, self.either)
        printed = np.flatnonzero(~hidden)
        for rising in (True, False):
            needs = [need for need in witnesses.missing() if (need[1] > 0) == rising]
            if needs:
                for move, _ in joint_moves(self.system.matrix, self.system.atoms.amount, printed, needs):
                    witnesses.add(move)
        return [need for need in witnesses.missing() if need[0] not in self.hopeless]


class _Multipliers:
    """The dual of the attacker's program: how printed cells combine into a bound on a hidden one.

    A cell's change is the sum over printed cells of multiplier times change, less slack times the change of atoms;
    printed cells do not change and no atom falls below 0, so the slack-weighted amounts bound it.
    """

    def __init__(self, system: System) -> None:
        self.system = system
        self.cells, self.atoms = system.matrix.shape
        infinity = highspy.kHighsInf
        turned = system.matrix.T.tocsr()
        unit = sparse.identity(self.atoms, format="csr")
        bound = sparse.csr_matrix(np.concatenate([np.zeros(2 * self.cells), system.atoms.amount]).reshape(1, -1))
        body = sparse.vstack([sparse.hstack([turned, -turned, -unit]), bound], format="csc")
        model = highspy.HighsLp()
        model.num_col_, model.num_row_ = body.shape[1], body.shape[0]
        model.col_cost_ = np.zeros(body.shape[1])
        model.col_lower_ = np.zeros(body.shape[1])
        model.col_upper_ = np.full(body.shape[1], infinity)
        model.row_lower_ = np.append(np.zeros(self.atoms), -infinity)
        model.row_upper_ = np.append(np.zeros(self.atoms), infinity)
        model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        model.a_matrix_.start_, model.a_matrix_.index_ = body.indptr, body.indices
        model.a_matrix_.value_ = body.data
        self.solver = _solver()
        self.solver.passModel(model)

    def core(self, cell: int, distance: float, hidden: np.ndarray, choosable: np.ndarray) -> np.ndarray | None:
        """Return printed cells that keep ``cell`` from moving by ``distance``, or None if it can."""
        infinity = highspy.kHighsInf
        sign = 1.0 if distance > 0 else -1.0
        own = np.zeros(self.atoms)
        start, end = self.system.matrix.indptr[cell], self.system.matrix.indptr[cell + 1]
        own[self.system.matrix.indices[start:end]] = sign * self.system.matrix.data[start:end]
        low = np.append(own, -infinity)
        high = np.append(own, abs(distance) * (1 - SHORT))
        rows = np.arange(self.atoms + 1, dtype=np.int32)
        self.solver.changeRowsBounds(len(rows), rows, low, high)
        columns = np.arange(2 * self.cells, dtype=np.int32)
        most = np.tile(np.where(hidden, 0.0, infinity), 2)
        self.solver.changeColsBounds(len(columns), columns, np.zeros(len(columns)), most)
        self.solver.changeColsCost(len(columns), columns, np.tile(np.where(choosable, 1.0, 0.0), 2))
        self.solver.run()
        if self.solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            return None
        found = np.asarray(self.solver.getSolution().col_value)
        weight = np.abs(found[: self.cells] - found[self.cells : 2 * self.cells])
        return np.flatnonzero((weight > 1e-9) & choosable & ~hidden)


class _Master:
    """Choose one cell of every core at least cost."""

    def __init__(self, cost: np.ndarray) -> None:
        model = highspy.HighsLp()
        model.num_col_, model.num_row_ = len(cost), 0
        model.col_cost_ = cost
        model.col_lower_, model.col_upper_ = np.zeros(len(cost)), np.ones(len(cost))
        model.row_lower_, model.row_upper_ = np.zeros(0), np.zeros(0)
        model.integrality_ = [highspy.HighsVarType.kInteger] * len(cost)
        model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        model.a_matrix_.start_ = np.zeros(1, dtype=np.int32)
        self.solver = _solver()
        self.solver.setOptionValue("mip_rel_gap", 0.0)
        self.solver.passModel(model)
        self.known: set[bytes] = set()

    def add(self, core: np.ndarray) -> None:
        """Require one cell of ``core``."""
        columns = np.sort(core).astype(np.int32)
        if columns.tobytes() not in self.known:
            self.known.add(columns.tobytes())
            self.solver.addRow(1.0, highspy.kHighsInf, len(columns), columns, np.ones(len(columns)))

    def solve(self, seconds: float) -> tuple[np.ndarray, float] | None:
        """Return the chosen positions and the bound proven; None if there is no choice in time."""
        self.solver.setOptionValue("time_limit", self.solver.getRunTime() + seconds)
        self.solver.run()
        found = np.asarray(self.solver.getSolution().col_value)
        bound = float(self.solver.getInfo().mip_dual_bound)
        if len(found) == 0 or not np.isfinite(bound):
            return None
        return np.flatnonzero(found > 0.5), bound


def _solver() -> Any:  # noqa: ANN401 - highspy has no types
    solver: Any = highspy.Highs()  # type: ignore[no-untyped-call]  # no annotations
    for option, setting in (("output_flag", False), ("threads", 1), ("random_seed", 0)):
        solver.setOptionValue(option, setting)
    return solver
