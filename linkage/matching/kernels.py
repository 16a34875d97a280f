"""The hot loops of matching: comparing the rows of a block, and counting agreement patterns."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from linkage.spec.levels import level_of, popcount


@njit(cache=True, nogil=True)
def weigh(filters: NDArray[np.uint64], words: NDArray[np.int64], weights: NDArray[np.uint16]) -> None:
    """Count the set bits of each identifier's filter; identifier f owns words ``words[f]:words[f+1]``."""
    for row in range(filters.shape[0]):
        for f in range(len(words) - 1):
            total = 0
            for w in range(words[f], words[f + 1]):
                total += popcount(filters[row, w])
            weights[row, f] = total


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
    out_a: NDArray[np.uint32],
    out_b: NDArray[np.uint32],
    out_code: NDArray[np.uint64],
) -> int:
    """Compare each row in ``first:last`` with the later rows of its block; returns how many pairs were written.

    ``compared[a, b]`` says whether pairs of sources a and b are wanted. A pair that shares an earlier pass (an equal,
    non-zero check) was written there and is skipped here. A pattern code has three bits an identifier.
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
            code = np.uint64(0)
            for f in range(identifiers):
                common = 0
                for w in range(words[f], words[f + 1]):
                    common += popcount(filters[i, w] & filters[j, w])
                level = level_of(common, weights[i, f], weights[j, f], cuts[f])
                code |= np.uint64(level) << np.uint64(3 * f)
            out_a[written] = i
            out_b[written] = j
            out_code[written] = code
            written += 1
    return written
