"""Complementary suppression: hide as little more as keeps every primary cell uncertain.

The method is the linear-programming cycle heuristic (Kelly, Golden and Assad 1992; Robertson 1993; the family
of Statistics Canada's G-Confid), with three economies:

1. What needs no complementary cell is settled first, by joint moves (see proofs) and their witnesses.
2. For each primary cell left, in descending order of need, the cheapest move that brings it as far as it must
   look able to go; whatever printed cell that move touches is hidden. The search is made in the neighbourhood of
   the cell, and in a larger one only if that fails. Further programs, with prices divided by what the last one
   moved, gather the move in fewer cells.
3. Clean-up: a complementary cell is printed again if every primary cell can still be proven, the
   dearest first, and on large systems only those.

Rules: cells hidden in an earlier release are free to move, cells printed in one never are. The same input gives
the same pattern, whatever the order of rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from linkage.disclosure.cells import System
from linkage.disclosure.moves import TOLERANCE, MoveProgram
from linkage.disclosure.neighbourhood import Neighbourhood, Surroundings
from linkage.disclosure.proofs import joint_moves
from linkage.disclosure.witnesses import Need, Witnesses

NEAR = (450,)
"""Atoms in the neighbourhoods that are searched before everything is."""
GATHERINGS = 2
CLEANING = 300
"""Programs that clean-up may solve; small systems need fewer."""


@dataclass(frozen=True, eq=False)
class Pattern:
    """Which cells of a system are hidden, which primary cells no pattern could protect, and what it took.

    ``least_cost`` is what the complementary cells of any pattern must cost, where that was proven. ``causes`` says of
    complementary cells for which primary cell they were hidden, where that is known.
    """

    hidden: np.ndarray
    unprotected: np.ndarray
    programs: int
    least_cost: float | None = None
    causes: Mapping[int, int] = field(default_factory=dict)


def complementary(system: System, either: bool = False) -> Pattern:
    """Choose the complementary cells of ``system``; ``either`` asks for one direction only (exact protection)."""
    search = _Search(system, either)
    search.prove_jointly()
    search.buy()
    search.clean_up()
    unprotected = np.unique(np.array(sorted(search.hopeless), dtype=int))
    return Pattern(search.hidden, unprotected, search.programs, causes=search.cause)


class _Search:
    """The pattern as it grows and shrinks."""

    def __init__(self, system: System, either: bool) -> None:
        self.system = system
        self.hidden = system.hidden.copy()
        self.witnesses = Witnesses(system, either)
        self.surroundings = Surroundings(system.matrix)
        self.hopeless: set[int] = set()
        self.cause: dict[int, int] = {}
        self.programs = 0

    def prove_jointly(self) -> None:
        """Settle what the pattern as it stands already protects."""
        printed = np.flatnonzero(~self.hidden)
        for rising in (True, False):
            needs = [need for need in self.witnesses.missing() if (need[1] > 0) == rising]
            if needs:
                for move, programs in joint_moves(self.system.matrix, self.system.atoms.amount, printed, needs):
                    move[np.abs(move) < TOLERANCE] = 0.0
                    self.programs += programs
                    self.witnesses.add(move)

    def buy(self) -> None:
        """Hide what each need still unproven takes."""
        for need in self.witnesses.missing():
            if self.witnesses.prove(need):
                continue
            moves = [move for option in self._options(need) if (move := self._find(option, buying=True)) is not None]
            if not moves:
                self.hopeless.add(need[0])
                continue
            move = min(moves, key=self._expense)
            extra = np.flatnonzero((np.abs(self.system.matrix @ move) > TOLERANCE) & ~self.hidden)
            self.hidden[extra] = True
            self.cause |= dict.fromkeys(extra.tolist(), need[0])
            self.witnesses.add(move)

    def clean_up(self) -> None:
        """Print complementary cells again where all needs can still be proven.

        The primary cell that a cell was hidden for is tried first: it is the likeliest to fail.
        """
        most = self.programs + CLEANING
        extra = np.array(sorted(self.cause), dtype=int)
        for cell in extra[np.argsort(-self.system.cost[extra], kind="stable")].tolist():
            if self.programs > most:
                break
            kept, self.witnesses = self.witnesses, self.witnesses.without(cell)
            self.hidden[cell] = False
            needs = [need for need in self.witnesses.missing() if need[0] not in self.hopeless]
            needs.sort(key=lambda need: need[0] != self.cause[cell])
            for need in needs:
                if self.witnesses.prove(need):
                    continue
                moves = (self._find(option, buying=False) for option in self._options(need))
                move = next((found for found in moves if found is not None), None)
                if move is None:
                    self.hidden[cell] = True
                    self.witnesses = kept
                    break
                self.witnesses.add(move)

    def _options(self, need: Need) -> list[Need]:
        cell, distance = need
        other = -float(self.system.down[cell])
        return [need, (cell, other)] if self.witnesses.either and distance > 0 and other < 0 else [need]

    def _expense(self, move: np.ndarray) -> float:
        touched = (np.abs(self.system.matrix @ move) > TOLERANCE) & ~self.hidden
        return float(self.system.cost[touched].sum())

    def _find(self, need: Need, buying: bool) -> np.ndarray | None:
        """Return a move that meets ``need``, from the smallest neighbourhood that has one.

        Clean-up looks near the cell alone: what it does not find there stays hidden.
        """
        reached = 0
        whole = self.system.matrix.shape[1]
        for wanted in (*NEAR, whole) if buying else NEAR:
            atoms = np.arange(whole) if wanted >= whole else self.surroundings.around(need[0], wanted)
            if len(atoms) <= reached:
                continue
            reached = len(atoms)
            found = self._cheapest(self.surroundings.cut(atoms), need, buying)
            if found is not None:
                move = np.zeros(self.system.matrix.shape[1])
                move[atoms] = found
                return move
        return None

    def _cheapest(self, near: Neighbourhood, need: Need, buying: bool) -> np.ndarray | None:
        cell, distance = near.sum_of(need[0]), need[1]
        price = near.price(self.hidden, self.system.hideable & buying, self.system.cost)
        program = MoveProgram(near.matrix, self.system.atoms.amount[near.atoms], price, cell, distance)
        best = program.solve()
        self.programs += 1
        if best is None or not buying:
            return best
        expense = _price_of(near, best, price)
        for _ in range(GATHERINGS if expense > 0 else 0):
            change = np.abs(near.matrix @ best)
            program.reprice(np.where(change > TOLERANCE, price * abs(distance) / (change + abs(distance)), price))
            other = program.solve()
            self.programs += 1
            if other is None or (paid := _price_of(near, other, price)) >= expense:
                break
            best, expense = other, paid
        return best


def _price_of(near: Neighbourhood, move: np.ndarray, price: np.ndarray) -> float:
    """Return what a move costs when a cell is paid for once, however far it moves."""
    return float(price[np.abs(near.matrix @ move) > TOLERANCE].sum())
