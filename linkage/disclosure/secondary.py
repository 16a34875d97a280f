"""Complementary suppression: hide as little more as keeps every primary cell uncertain.

The method is the linear-programming cycle heuristic (Kelly, Golden and Assad 1992; Robertson 1993; the family
of Statistics Canada's G-Confid):

1. Primary cells in descending order of need, upward and downward: find the cheapest move that brings the cell
   as far as it must look able to go (see moves), and hide whatever printed cell it touches. A second program,
   with prices divided by what the first one moved, gathers the move in fewer cells.
2. A move is a *witness* for every other cell it changes; so is the same move backwards, shortened until no atom
   goes below 0. Most primary cells are proven by a witness and cost no program.
3. Clean-up: dearest first, print each complementary cell again if every primary cell can still be proven.

Rules: cells hidden in an earlier release are free to move, cells printed in one never are. The same input gives
the same pattern, whatever the order of rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from linkage.disclosure.cells import System
from linkage.disclosure.moves import TOLERANCE, MoveModel


@dataclass(frozen=True, eq=False)
class Pattern:
    """Which cells of a system are hidden, which primary cells no pattern could protect, and what it took."""

    hidden: np.ndarray
    unprotected: np.ndarray
    programs: int


class _Witnesses:
    """Moves found so far, and which needs each of them proves."""

    def __init__(self, system: System, either: bool) -> None:
        self.system = system
        self.either = either
        self.moves: list[tuple[np.ndarray, np.ndarray]] = []
        self.highest = np.zeros(len(system.value))
        self.lowest = np.zeros(len(system.value))

    def add(self, move: np.ndarray) -> None:
        """Record a move of the atoms, and the same move backwards as far as it can go."""
        change = self.system.matrix @ move
        touched = np.flatnonzero(np.abs(change) > TOLERANCE)
        rising = move > TOLERANCE
        back = min(1.0, float((self.system.atoms.amount[rising] / move[rising]).min())) if rising.any() else 1.0
        self._record(touched, change[touched])
        if back > TOLERANCE:
            self._record(touched, -back * change[touched])

    def _record(self, touched: np.ndarray, change: np.ndarray) -> None:
        self.moves.append((touched, change))
        self.highest[touched] = np.maximum(self.highest[touched], change)
        self.lowest[touched] = np.minimum(self.lowest[touched], change)

    def without(self, cell: int) -> _Witnesses:
        """Return the witnesses that do not touch ``cell``."""
        rest = _Witnesses(self.system, self.either)
        for touched, change in self.moves:
            at = np.searchsorted(touched, cell)
            if at == len(touched) or touched[at] != cell:
                rest._record(touched, change)
        return rest

    def missing(self) -> list[tuple[int, float]]:
        """Needs (cell, signed distance) that no witness proves; the greatest first."""
        up, down = self.system.up, self.system.down
        rises = self.highest >= up - TOLERANCE
        falls = -self.lowest >= down - TOLERANCE
        if self.either:
            unproven = np.flatnonzero(self.system.sensitive & ~((rises & (up > 0)) | (falls & (down > 0))))
            return [(int(cell), float(up[cell] or -down[cell])) for cell in unproven]
        needs = [(int(cell), float(up[cell])) for cell in np.flatnonzero(~rises)]
        needs += [(int(cell), -float(down[cell])) for cell in np.flatnonzero(~falls)]
        return sorted(needs, key=lambda need: (-abs(need[1]), need[0], -need[1]))


def complementary(system: System, either: bool = False) -> Pattern:
    """Choose the complementary cells of ``system``; ``either`` asks for one direction only (exact protection)."""
    hidden = system.hidden.copy()
    model = MoveModel(system.matrix, system.atoms.amount, system.cost, system.hideable & ~hidden)
    model.hide(np.flatnonzero(hidden))
    witnesses = _Witnesses(system, either)
    unprotected: list[int] = []
    for cell, distance in witnesses.missing():
        if _proven(witnesses, cell, distance):
            continue
        options = [distance]
        if either and distance > 0 and system.down[cell] > 0:
            options.append(-float(system.down[cell]))
        moves = [move for option in options if (move := _gathered(system, model, hidden, cell, option)) is not None]
        if not moves:
            unprotected.append(cell)
            continue
        move = min(moves, key=lambda found: _expense(system, hidden, found))
        extra = np.flatnonzero((np.abs(system.matrix @ move) > TOLERANCE) & ~hidden)
        hidden[extra] = True
        model.hide(extra)
        witnesses.add(move)
    _clean_up(system, model, hidden, witnesses)
    return Pattern(hidden, np.unique(np.array(unprotected, dtype=int)), model.programs)


def _proven(witnesses: _Witnesses, cell: int, distance: float) -> bool:
    rises = witnesses.highest[cell] >= witnesses.system.up[cell] - TOLERANCE
    falls = -witnesses.lowest[cell] >= witnesses.system.down[cell] - TOLERANCE
    if witnesses.either:
        return bool((rises and witnesses.system.up[cell] > 0) or (falls and witnesses.system.down[cell] > 0))
    return bool(rises) if distance > 0 else bool(falls)


def _expense(system: System, hidden: np.ndarray, move: np.ndarray) -> float:
    touched = (np.abs(system.matrix @ move) > TOLERANCE) & ~hidden
    return float(system.cost[touched].sum())


def _gathered(
    system: System, model: MoveModel, hidden: np.ndarray, cell: int, distance: float, rounds: int = 2
) -> np.ndarray | None:
    """Return the cheapest move of ``cell``, re-priced so that it touches few cells rather than many a little."""
    best = model.cheapest(cell, distance)
    if best is None:
        return None
    expense = _expense(system, hidden, best)
    for _ in range(rounds):
        change = np.abs(system.matrix @ best)
        touched = np.flatnonzero((change > TOLERANCE) & ~hidden)
        if len(touched) < 2:
            break
        model.price(touched, system.cost[touched] * abs(distance) / (change[touched] + abs(distance)))
        other = model.cheapest(cell, distance)
        model.price(touched, system.cost[touched])
        if other is None or (price := _expense(system, hidden, other)) >= expense:
            break
        best, expense = other, price
    return best


def _clean_up(system: System, model: MoveModel, hidden: np.ndarray, witnesses: _Witnesses) -> None:
    """Print complementary cells again where all needs can still be proven."""
    closed = np.flatnonzero(system.hideable & ~hidden & (model.slack >= 0))
    model.allow(closed, allowed=False)
    extra = np.flatnonzero(hidden & ~system.hidden)
    model.allow(extra, allowed=False)
    hopeless = {cell for cell, _ in witnesses.missing()}
    for cell in extra[np.argsort(-system.cost[extra], kind="stable")]:
        rest = witnesses.without(int(cell))
        model.show(np.array([cell]))
        needs = [need for need in rest.missing() if need[0] not in hopeless]
        for other, distance in needs:
            if _proven(rest, other, distance):
                continue
            move = model.cheapest(other, distance)
            if move is None and rest.either and distance > 0 and system.down[other] > 0:
                move = model.cheapest(other, -float(system.down[other]))
            if move is None:
                model.hide(np.array([cell]))
                break
            rest.add(move)
        else:
            hidden[cell] = False
            witnesses = rest
