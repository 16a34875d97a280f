"""The hot loops of matching: comparing the rows of a block, and counting agreement patterns."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from linkage.spec.levels import level_of, popcount

#: Swapped names are looked for where two Dice similarities sum to less than the first; crosswise must gain the second.
SWAP_BELOW, SWAP_MARGIN = 1.2, 0.5


@njit(cache=True, nogil=True)
def weigh(filters: NDArray[np.uint64], words: NDArray[np.int64], weights: NDArray[np.uint16]) -> None:
    """Count the set bits of each identifier's filter; identifier f owns words ``words[f]:words[f+1]``."""
    for row in range(filters.shape[0]):
        for f in range(len(words) - 1):
            total = 0
            for w in range(words[f], words[f + 1]):
                total += popcount(filters[row, w])
            weights[row, f] = total


@njit(inline="always")
def _common(a: NDArray[np.uint64], start_a: int, b: NDArray[np.uint64], start_b: int, words: int) -> int:
    common = 0
    for w in range(words):
        common += popcount(a[start_a + w] & b[start_b + w])
    return common


@njit(inline="always")
def _dice(
    i: int, f: int, j: int, g: int, filters: NDArray[np.uint64], weights: NDArray[np.uint16], words: NDArray[np.int64]
) -> float:
    if weights[i, f] == 0 or weights[j, g] == 0:
        return 0.0
    common = _common(filters[i], words[f], filters[j], words[g], words[f + 1] - words[f])
    return float(2.0 * common / (weights[i, f] + weights[j, g]))


@njit(cache=True, nogil=True)
def _swapped(
    i: int, j: int, f: int, g: int, filters: NDArray[np.uint64], weights: NDArray[np.uint16], words: NDArray[np.int64]
) -> bool:
    """Tell whether two rows agree better with identifiers ``f`` and ``g`` of one of them swapped."""
    straight = _dice(i, f, j, f, filters, weights, words) + _dice(i, g, j, g, filters, weights, words)
    if straight > SWAP_BELOW:
        return False
    across = _dice(i, f, j, g, filters, weights, words) + _dice(i, g, j, f, filters, weights, words)
    return across > straight + SWAP_MARGIN


@njit(cache=True, nogil=True)
def compare_rows(
    first: int,
    last: int,
    block_end: NDArray[np.int64],
    sources: NDArray[np.uint16],
    compared: NDArray[np.bool_],
    checks: NDArray[np.uint32],
    filters: NDArray[np.uint64],
    weights: NDArray[np.uint16],
    words: NDArray[np.int64],
    cuts: NDArray[np.float64],
    crossed: tuple[int, int],
    out_a: NDArray[np.uint32],
    out_b: NDArray[np.uint32],
    out_code: NDArray[np.uint64],
) -> int:
    """Compare each row in ``first:last`` with the later rows of its block; returns how many pairs were written.

    ``compared[a, b]`` says whether pairs of sources a and b are wanted. A pair that shares an earlier pass (an equal,
    non-zero check) was written there and is skipped here. A pattern code has three bits an identifier.

    ``crossed`` names two identifiers that may be swapped (a negative one: none). They are then compared crosswise where
    that agrees better by :data:`SWAP_MARGIN`, and the code ends in their order: 1 swapped, 2 as they stand, 0 unknown.
    """
    written = 0
    identifiers = len(words) - 1
    for i in range(first, last):
        for j in range(i + 1, block_end[i]):
            if not compared[sources[i], sources[j]]:
                continue
            seen = False
            for q in range(checks.shape[1]):
                if checks[i, q] == checks[j, q] and checks[i, q] != 0:
                    seen = True
                    break
            if seen:
                continue
            swapped = False
            if crossed[0] >= 0:
                swapped = _swapped(i, j, crossed[0], crossed[1], filters, weights, words)
            code = np.uint64(0)
            for f in range(identifiers):
                g = f
                if swapped and f == crossed[0]:
                    g = crossed[1]
                elif swapped and f == crossed[1]:
                    g = crossed[0]
                common = _common(filters[i], words[f], filters[j], words[g], words[f + 1] - words[f])
                level = level_of(common, weights[i, f], weights[j, g], cuts[f])
                code |= np.uint64(level) << np.uint64(3 * f)
            if crossed[0] >= 0:
                code |= np.uint64(1 if swapped else 2) << np.uint64(3 * identifiers)
            out_a[written] = i
            out_b[written] = j
            out_code[written] = code
            written += 1
    return written
