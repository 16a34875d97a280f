"""Who takes part in which pass, with which block and which token.

Rules:

- A record has an entry for each pass that it takes part in, and none for the others; its entries lie together, in the
  spec's order of passes. So memory is spent on what is encoded, and a record's earlier blocks are read from one place.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from linkage.hashing.prf import Blocks


@dataclass(frozen=True)
class Found:
    """The records of the pass at a place of the spec, ascending, with their whole block ids and tokens."""

    position: int
    rows: NDArray[np.int64]
    blocks: Blocks
    tokens: NDArray[np.uint64]


@njit(cache=True, nogil=True)
def _enter(
    position: int,
    rows: NDArray[np.int64],
    blocks: Blocks,
    tokens: NDArray[np.uint64],
    free: NDArray[np.int64],
    passes_of: NDArray[np.uint8],
    blocks_of: Blocks,
    tokens_of: NDArray[np.uint64],
) -> None:
    """Write a pass's records to the next free place of each; ``free`` is moved on."""
    for i in range(len(rows)):
        place = free[rows[i]]
        passes_of[place], tokens_of[place] = position, tokens[i]
        blocks_of[place, 0], blocks_of[place, 1] = blocks[i, 0], blocks[i, 1]
        free[rows[i]] = place + 1


@dataclass(frozen=True)
class TakingPart:
    """The entries of one pass, in the order of records: ``places`` in the table of all entries, and what stands there.

    ``firsts`` are the places of the records' first entries for any pass, so ``firsts[i]:places[i]`` are the earlier
    passes in which record ``rows[i]`` takes part.
    """

    rows: NDArray[np.int64]
    blocks: Blocks
    tokens: NDArray[np.uint64]
    places: NDArray[np.int64]
    firsts: NDArray[np.int64]


@dataclass(frozen=True)
class Entries:
    """All entries: record r's are ``starts[r]:starts[r+1]`` of the other arrays; ``passes`` are places in the spec."""

    starts: NDArray[np.int64]
    rows: NDArray[np.int32]
    passes: NDArray[np.uint8]
    blocks: Blocks
    tokens: NDArray[np.uint64]

    @classmethod
    def of(cls, records: int, found: list[Found]) -> Entries:
        """Merge passes, given in the spec's order. Empties ``found``: both would not fit in a laptop's memory."""
        held = np.zeros(records, dtype=np.int64)
        for each in found:
            held[each.rows] += 1
        starts = np.append(0, np.cumsum(held))
        total = int(starts[-1])
        rows, passes = np.repeat(np.arange(records, dtype=np.int32), held), np.empty(total, dtype=np.uint8)
        blocks, tokens = np.empty((total, 2), dtype=np.uint64), np.empty(total, dtype=np.uint64)
        free = starts[:-1].copy()
        found.reverse()
        while found:
            each = found.pop()
            _enter(each.position, each.rows, each.blocks, each.tokens, free, passes, blocks, tokens)
        return cls(starts, rows, passes, blocks, tokens)

    def of_pass(self, position: int) -> TakingPart:
        """Return the entries of the pass at a place of the spec."""
        places = np.flatnonzero(self.passes == position)
        rows = self.rows[places].astype(np.int64)
        return TakingPart(rows, self.blocks[places], self.tokens[places], places, self.starts[rows])
