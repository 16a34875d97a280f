"""The hot loops of matching: comparing the rows of a block, counting agreement patterns, keeping pairs.

Rules:

- A first walk over the blocks counts patterns in a hash table and, where the caller has room for them, writes the
  pairs down; elsewhere a second walk looks each pattern up and keeps the pairs whose pattern is worth it, so that
  memory does not grow with the number of pairs.
- A pattern code has three bits an identifier, its level, 0 missing; two identifiers that may be swapped add three more:
  1 swapped, 2 as they stand.
- A pair that shares an earlier pass (an equal, non-zero check) was met there and is skipped here.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from linkage.spec.levels import popcount

#: Swapped names are looked for where two Dice similarities sum to less than the first; crosswise must gain the second.
SWAP_BELOW, SWAP_MARGIN = 1.2, 0.5

#: Fibonacci hashing: the golden ratio of 2^64.
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


class Rows(NamedTuple):
    """One pass of all sources in block order, as the kernels take it.

    ``block_end`` (rows,) is where each row's block ends; ``sources`` (rows,); ``checks`` (rows, earlier passes);
    ``filters`` (rows, words) with identifier f in words ``words[f]:words[f+1]``; ``weights`` (rows, identifiers);
    ``least`` (identifiers, weight sum, cuts) the common bits that reach a cut; ``cuts`` (identifiers,) how many there
    are; ``first`` and ``second`` two identifiers that may be swapped, or -1; ``pair_of`` (sources, sources) the number
    of each pair of sources.
    """

    block_end: NDArray[np.int64]
    sources: NDArray[np.uint16]
    checks: NDArray[np.uint32]
    filters: NDArray[np.uint64]
    words: NDArray[np.int64]
    weights: NDArray[np.uint16]
    least: NDArray[np.int16]
    cuts: NDArray[np.int64]
    first: int
    second: int
    pair_of: NDArray[np.int64]


@njit(cache=True, nogil=True)
def place_filters(
    given: NDArray[np.uint64],
    taken: NDArray[np.int64],
    places: NDArray[np.int64],
    filters: NDArray[np.uint64],
    weights: NDArray[np.uint16],
) -> None:
    """Copy one identifier's filters ``given[taken]`` to ``filters[places]`` and count their set bits in ``weights``."""
    for k in range(len(taken)):
        total = 0
        for w in range(given.shape[1]):
            word = given[taken[k], w]
            filters[places[k], w] = word
            total += popcount(word)
        weights[places[k]] = total


@njit(cache=True, nogil=True)
def place_checks(
    given: NDArray[np.uint32], taken: NDArray[np.int64], places: NDArray[np.int64], checks: NDArray[np.uint32]
) -> None:
    """Copy ``given[taken]`` to ``checks[places]``."""
    for k in range(len(taken)):
        for q in range(given.shape[1]):
            checks[places[k], q] = given[taken[k], q]


@njit(inline="always")
def _common(rows: Rows, i: int, f: int, j: int, g: int) -> int:
    """Count the bits that identifier f of row i and identifier g of row j have in common."""
    common = 0
    offset = rows.words[g] - rows.words[f]
    for w in range(rows.words[f], rows.words[f + 1]):
        common += popcount(rows.filters[i, w] & rows.filters[j, w + offset])
    return common


@njit(inline="always")
def _level(rows: Rows, f: int, common: int, weight_a: int, weight_b: int) -> int:
    if weight_a == 0 or weight_b == 0:
        return 0
    level = 1
    total = weight_a + weight_b
    for cut in range(rows.cuts[f]):
        if common >= rows.least[f, total, cut]:
            level += 1
    return level


@njit(inline="always")
def _dice(common: int, weight_a: int, weight_b: int) -> float:
    if weight_a == 0 or weight_b == 0:
        return 0.0
    return 2.0 * common / (weight_a + weight_b)


@njit(inline="always")
def _seen_before(rows: Rows, i: int, j: int) -> bool:
    for q in range(rows.checks.shape[1]):  # noqa: SIM110 - a kernel has no generators
        if rows.checks[i, q] == rows.checks[j, q] and rows.checks[i, q] != 0:
            return True
    return False


@njit(cache=True, nogil=True)
def _code(rows: Rows, i: int, j: int, commons: NDArray[np.int64]) -> np.uint64:
    """Return the pattern code of two rows; ``commons`` is room for an int an identifier."""
    identifiers = len(rows.cuts)
    for f in range(identifiers):
        commons[f] = _common(rows, i, f, j, f)
    swapped = False
    a, b = rows.first, rows.second
    weights = rows.weights
    if a >= 0:
        straight = _dice(commons[a], weights[i, a], weights[j, a]) + _dice(commons[b], weights[i, b], weights[j, b])
        if straight <= SWAP_BELOW:
            ab, ba = _common(rows, i, a, j, b), _common(rows, i, b, j, a)
            across = _dice(ab, weights[i, a], weights[j, b]) + _dice(ba, weights[i, b], weights[j, a])
            if across > straight + SWAP_MARGIN:
                swapped = True
                commons[a], commons[b] = ab, ba
    code = np.uint64(0)
    for f in range(identifiers):
        g = f
        if swapped and f == a:
            g = b
        elif swapped and f == b:
            g = a
        level = _level(rows, f, commons[f], weights[i, f], weights[j, g])
        code |= np.uint64(level) << np.uint64(3 * f)
    if a >= 0:
        code |= np.uint64(1 if swapped else 2) << np.uint64(3 * identifiers)
    return code


@njit(inline="always")
def _slot(codes: NDArray[np.uint64], taken: NDArray[np.bool_], code: np.uint64) -> np.int64:
    """Return where a code stands in the hash table, or the free place where it would."""
    size = len(codes)
    at = np.int64((code * _GOLDEN) >> np.uint64(32)) & (size - 1)
    while taken[at] and codes[at] != code:
        at = (at + 1) & (size - 1)
    return at


@njit(cache=True, nogil=True)
def count_rows(
    rows: Rows,
    first: int,
    last: int,
    codes: NDArray[np.uint64],
    taken: NDArray[np.bool_],
    counts: NDArray[np.int64],
    room: int,
    out: NDArray[np.uint32],
    out_codes: NDArray[np.uint64],
    written: int,
) -> tuple[int, int]:
    """Count the patterns of the pairs of rows ``first:last`` with the later rows of their blocks.

    The table has ``codes``, ``taken`` (slots,) and ``counts`` (slots, pairs of sources), and ``room`` free places.
    Pairs are written from ``written`` on to ``out`` (pairs, 2) and ``out_codes`` (pairs,), unless these are empty.
    Returns the row it came to, short of ``last`` where room might not do, and how many pairs are written.
    """
    commons = np.zeros(len(rows.cuts), dtype=np.int64)
    writing = len(out_codes) > 0
    for i in range(first, last):
        if room < rows.block_end[i] - i:
            return i, written
        for j in range(i + 1, rows.block_end[i]):
            pair = rows.pair_of[rows.sources[i], rows.sources[j]]
            if _seen_before(rows, i, j):
                continue
            code = _code(rows, i, j, commons)
            at = _slot(codes, taken, code)
            if not taken[at]:
                taken[at] = True
                codes[at] = code
                room -= 1
            counts[at, pair] += 1
            if writing:
                out[written, 0] = i
                out[written, 1] = j
                out_codes[written] = code
                written += 1
    return last, written


@njit(cache=True, nogil=True)
def keep_rows(
    rows: Rows,
    first: int,
    last: int,
    codes: NDArray[np.uint64],
    taken: NDArray[np.bool_],
    wanted: NDArray[np.bool_],
    out_a: NDArray[np.uint32],
    out_b: NDArray[np.uint32],
    out_slot: NDArray[np.uint32],
) -> tuple[int, int]:
    """Write the pairs whose pattern is ``wanted`` (slots, pairs of sources); returns the row come to, and how many."""
    commons = np.zeros(len(rows.cuts), dtype=np.int64)
    written = 0
    for i in range(first, last):
        if written + rows.block_end[i] - i > len(out_a):
            return i, written
        for j in range(i + 1, rows.block_end[i]):
            pair = rows.pair_of[rows.sources[i], rows.sources[j]]
            if _seen_before(rows, i, j):
                continue
            at = _slot(codes, taken, _code(rows, i, j, commons))
            if taken[at] and wanted[at, pair]:
                out_a[written] = i
                out_b[written] = j
                out_slot[written] = at
                written += 1
    return last, written


@njit(cache=True, nogil=True)
def merge_tables(
    codes: NDArray[np.uint64],
    taken: NDArray[np.bool_],
    counts: NDArray[np.int64],
    other_codes: NDArray[np.uint64],
    other_taken: NDArray[np.bool_],
    other_counts: NDArray[np.int64],
) -> None:
    """Add the counts of one hash table to another that has room for them."""
    for k in range(len(other_codes)):
        if other_taken[k]:
            at = _slot(codes, taken, other_codes[k])
            taken[at] = True
            codes[at] = other_codes[k]
            counts[at] += other_counts[k]


@njit(cache=True, nogil=True)
def fill_table(codes: NDArray[np.uint64], taken: NDArray[np.bool_], wanted: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Put codes into an empty table; returns the slot of each."""
    places = np.zeros(len(wanted), dtype=np.int64)
    for k in range(len(wanted)):
        at = _slot(codes, taken, wanted[k])
        taken[at] = True
        codes[at] = wanted[k]
        places[k] = at
    return places
