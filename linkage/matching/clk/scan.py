"""Every pair of CLKs of two sources whose Dice similarity reaches a threshold.

Rules:

- The scan is exact: the pairs are those for which ``2 |a and b| / (|a| + |b|) >= threshold`` in double precision, which
  is anonlink's rule. Empty CLKs pair with nothing.
- It is fast because a pair that is out is out early. A pair in has at least ``c`` common bits, so ``b`` lacks at most
  ``|a| - c`` of a's bits. a's bits are asked for rarest first, 512 records at once (see :mod:`.kernels`), until each of
  them lacks more than that; unrelated CLKs take 150 to 200 of 1,024 bits. Records that are left are compared in full.
- The result does not depend on threads: pairs are in descending similarity, then by row.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linkage.errors import MatchingError
from linkage.matching.clk import kernels

#: Rows compared in one turn: their lists of positions fit the processor's second cache beside a tile.
_BLOCK = 128
_CACHE_LINE = 64
_SAMPLE = 4096

Clks = NDArray[np.uint64]


@dataclass(frozen=True)
class Pairs:
    """Rows of two sources and their Dice similarity."""

    a: NDArray[np.int64]
    b: NDArray[np.int64]
    similarity: NDArray[np.float64]


def _aligned(shape: tuple[int, int, int]) -> NDArray[np.uint64]:
    """Return an array that begins on a cache line, so that each of a tile's rows is one."""
    loose = np.empty(int(np.prod(shape)) + _CACHE_LINE // 8, dtype=np.uint64)
    ahead = -loose.ctypes.data % _CACHE_LINE // 8
    return loose[ahead : ahead + int(np.prod(shape))].reshape(shape)


def chance_of(a: Clks, b: Clks) -> float:
    """Return the Dice similarity of two average CLKs: the common positions to expect, over their weights."""
    counts_a, counts_b = kernels.count_positions(a).astype(float), kernels.count_positions(b).astype(float)
    weights = counts_a.sum() / len(a) + counts_b.sum() / len(b)
    return float(2.0 * (counts_a / len(a) * counts_b / len(b)).sum() / weights) if weights else 0.0


def scan(a: Clks, b: Clks, threshold: float, threads: int = 1) -> Pairs:
    """Return the pairs of rows of ``a`` and ``b``, both (records, words), that reach ``threshold`` in (0, 1]."""
    if not 0.0 < threshold <= 1.0:
        raise MatchingError(f"a Dice threshold lies above 0 and is at most 1, not {threshold}")
    weights_a, weights_b = kernels.weigh(a), kernels.weigh(b)
    rows_a = np.flatnonzero(weights_a)
    rows_b = np.flatnonzero(weights_b)
    rows_b = rows_b[np.argsort(weights_b[rows_b], kind="stable")]
    if not len(rows_a) or not len(rows_b):
        return Pairs(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    # Neighbours in weight skip the same tiles.
    rows_a = rows_a[np.argsort(weights_a[rows_a], kind="stable")]
    ours, our_weights = np.ascontiguousarray(a[rows_a]), weights_a[rows_a]
    others, other_weights = np.ascontiguousarray(b[rows_b]), weights_b[rows_b]
    # Which positions are rare need not be known exactly: the order decides how soon a pair is out, not whether.
    sample = np.ascontiguousarray(others[:: -(-len(others) // _SAMPLE)])
    order = np.argsort(kernels.count_positions(sample), kind="stable")
    tiles = _aligned((-(-len(others) // kernels.TILE), 64 * others.shape[1] + 1, kernels.LANES))
    kernels.lay_tiles(others, np.argsort(order), tiles)
    fewest = kernels.fewest_common(int(our_weights.max() + other_weights.max()), threshold)

    def compare(first: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        block, weights = ours[first : first + _BLOCK], our_weights[first : first + _BLOCK]
        lists, starts = kernels.list_positions(block, weights, order)
        at_a, at_b, similarity = kernels.scan_block(
            block, weights, lists, starts, tiles, others, other_weights, fewest, threshold
        )
        return rows_a[first + at_a], rows_b[at_b], similarity

    with ThreadPoolExecutor(threads) as pool:
        parts = list(pool.map(compare, range(0, len(ours), _BLOCK)))
    found_a, found_b, similarity = (np.concatenate([part[i] for part in parts]) for i in range(3))
    ranked = np.lexsort((found_b, found_a, -similarity))
    return Pairs(found_a[ranked], found_b[ranked], similarity[ranked])
