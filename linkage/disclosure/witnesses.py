"""Witnesses: moves already found, and what each of them proves.

A move that holds printed cells still shows, for every hidden cell that it changes, that the cell could be other
than it is by that much. So does the same move backwards, shortened until no atom falls below 0. Most primary
cells are proven by a move found for another.
"""

from __future__ import annotations

import numpy as np

from linkage.disclosure.cells import System
from linkage.disclosure.moves import TOLERANCE

Need = tuple[int, float]
"""A cell and the signed distance by which it must be able to move."""


class Witnesses:
    """Moves of one system, and which needs they prove. With ``either`` one direction is enough for a cell."""

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

    def without(self, cell: int) -> Witnesses:
        """Return the witnesses that do not touch ``cell``."""
        rest = Witnesses(self.system, self.either)
        for touched, change in self.moves:
            at = np.searchsorted(touched, cell)
            if at == len(touched) or touched[at] != cell:
                rest._record(touched, change)
        return rest

    def prove(self, need: Need) -> bool:
        """Whether some witness proves ``need``."""
        cell, distance = need
        rises = bool(self.highest[cell] >= self.system.up[cell] - TOLERANCE)
        falls = bool(-self.lowest[cell] >= self.system.down[cell] - TOLERANCE)
        if self.either:
            return (rises and self.system.up[cell] > 0) or (falls and self.system.down[cell] > 0)
        return rises if distance > 0 else falls

    def missing(self) -> list[Need]:
        """Return the needs that no witness proves, the greatest first."""
        up, down = self.system.up, self.system.down
        rises = self.highest >= up - TOLERANCE
        falls = -self.lowest >= down - TOLERANCE
        if self.either:
            open_ = np.flatnonzero(self.system.sensitive & ~((rises & (up > 0)) | (falls & (down > 0))))
            return [(int(cell), float(up[cell] or -down[cell])) for cell in open_]
        needs = [(int(cell), float(up[cell])) for cell in np.flatnonzero(~rises)]
        needs += [(int(cell), -float(down[cell])) for cell in np.flatnonzero(~falls)]
        return sorted(needs, key=lambda need: (-abs(need[1]), need[0], -need[1]))
