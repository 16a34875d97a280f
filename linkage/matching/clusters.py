"""From scored pairs to persons: union-find in descending weight, one record of a source to a person.

Rules:

- Links are taken strongest first (Kruskal's order). A link that would put two records of one duplicate-free source into
  one cluster is refused and kept as a *conflict edge*, so that "why not linked?" has an answer.
- In a source that may hold duplicates a cluster may have several records, but they must look alike: two clusters join
  only if the log odds of all pairs between them sum to more than nothing. A pair of that source's records which was not
  scored counts as unlikely, so that a sibling's record is not drawn in through a third party's (correlation clustering,
  Bansal, Blum and Chawla 2004, taken greedily).
- The result does not depend on the order of rows, pairs or sources: ties in weight are broken by the records' keys.

Mutual-best links, iterated, give the same clusters (measured against Splink's single-best-links).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from linkage.spec.union_find import root, roots

#: Log odds of a pair of one source that was not scored: as if it had just missed the review floor of one in a hundred.
UNSCORED = -4.6


@dataclass(frozen=True)
class Scores:
    """Pairs of record numbers with the log odds of being one person; all arrays have shape (pairs,)."""

    a: NDArray[np.int64]
    b: NDArray[np.int64]
    log_odds: NDArray[np.float64]


@dataclass(frozen=True)
class Clusters:
    """``labels`` (records,): the lowest record number of each record's cluster.

    ``taken`` and ``refused`` (links,): which links joined (or lie inside) a cluster and which were refused.
    """

    labels: NDArray[np.int64]
    taken: NDArray[np.bool_]
    refused: NDArray[np.bool_]


@njit(cache=True, nogil=True)
def _evidence(
    x: int,
    y: int,
    following: NDArray[np.int64],
    keys: NDArray[np.int64],
    odds: NDArray[np.float64],
    twice: NDArray[np.int64],
) -> float:
    """Sum the log odds of the pairs between two clusters; ``following`` chains a cluster's records from its root.

    ``twice`` (records,) is the number of a source that may hold duplicates, -1 for a record of another source.
    """
    records = len(following)
    total = 0.0
    i = x
    while i >= 0:
        j = y
        while j >= 0:
            key = i * records + j if i < j else j * records + i
            at = np.searchsorted(keys, key)
            if at < len(keys) and keys[at] == key:
                total += odds[at]
            elif twice[i] >= 0 and twice[i] == twice[j]:
                total += UNSCORED
            j = following[j]
        i = following[i]
    return total


@njit(cache=True, nogil=True)
def _join(
    order: NDArray[np.int64],
    a: NDArray[np.int64],
    b: NDArray[np.int64],
    parent: NDArray[np.int64],
    following: NDArray[np.int64],
    last: NDArray[np.int64],
    mask: NDArray[np.uint64],
    twice: NDArray[np.int64],
    keys: NDArray[np.int64],
    odds: NDArray[np.float64],
    refused: NDArray[np.bool_],
) -> None:
    doubled = twice.max() >= 0 if len(twice) else False
    for at in order:
        x, y = root(parent, a[at]), root(parent, b[at])
        if x == y:
            continue
        clash = False
        for word in range(mask.shape[1]):
            if mask[x, word] & mask[y, word]:
                clash = True
        if not clash and doubled:
            clash = _evidence(x, y, following, keys, odds, twice) <= 0.0
        if clash:
            refused[at] = True
            continue
        low, high = (x, y) if x < y else (y, x)
        parent[high] = low
        following[last[low]] = high
        last[low] = last[high]
        for word in range(mask.shape[1]):
            mask[low, word] |= mask[high, word]


class Clustering:
    """Clusters that grow: links taken later never undo what earlier ones joined.

    ``source`` (records,) is each record's source; ``exclusive`` (sources,) says which sources hold no duplicates.
    ``scored`` are all pairs whose odds are known, links or not; it matters where a source may hold duplicates.
    """

    def __init__(self, source: NDArray[np.int64], exclusive: NDArray[np.bool_], scored: Scores | None = None) -> None:
        records = len(source)
        bit = np.cumsum(exclusive) - 1
        self._mask = np.zeros((records, int(exclusive.sum() // 64 + 1)), dtype=np.uint64)
        limited = np.flatnonzero(exclusive[source]) if records else np.zeros(0, dtype=np.int64)
        own = bit[source[limited]]
        self._mask[limited, own // 64] = np.uint64(1) << (own % 64).astype(np.uint64)
        # The records of a cluster are chained from its root, so that evidence between clusters can be summed.
        self._parent, self._last = np.arange(records), np.arange(records)
        self._following = np.full(records, -1, dtype=np.int64)
        self._twice = np.where(exclusive[source], -1, source) if records else np.zeros(0, dtype=np.int64)
        self._keys, self._odds = _lookup(scored if (self._twice >= 0).any() else None, records)

    def join(
        self,
        a: NDArray[np.int64],
        b: NDArray[np.int64],
        weight: NDArray[np.float64],
        rank: NDArray[np.int64] | None = None,
    ) -> NDArray[np.bool_]:
        """Take links ``a``-``b`` (record numbers), those of a lower ``rank`` and then of more ``weight`` first.

        Returns which of them were refused, shape (links,).
        """
        refused = np.zeros(len(a), dtype=bool)
        # A later key decides before an earlier one, and ties are broken by the records.
        ties = (np.maximum(a, b), np.minimum(a, b), -weight)
        order = np.lexsort(ties if rank is None else (*ties, rank))
        _join(
            order, a, b, self._parent, self._following, self._last, self._mask, self._twice, self._keys, self._odds,
            refused,
        )  # fmt: skip
        return refused

    @property
    def labels(self) -> NDArray[np.int64]:
        """The lowest record number of each record's cluster, shape (records,)."""
        return roots(self._parent)


def cluster(
    a: NDArray[np.int64],
    b: NDArray[np.int64],
    weight: NDArray[np.float64],
    source: NDArray[np.int64],
    exclusive: NDArray[np.bool_],
    rank: NDArray[np.int64] | None = None,
    scored: Scores | None = None,
) -> Clusters:
    """Cluster records by links at once; see :class:`Clustering`."""
    clustering = Clustering(source, exclusive, scored)
    refused = clustering.join(a, b, weight, rank)
    labels = clustering.labels
    return Clusters(labels, labels[a] == labels[b], refused)


def _lookup(scored: Scores | None, records: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    if scored is None:
        return np.zeros(0, dtype=np.int64), np.zeros(0)
    keys = np.minimum(scored.a, scored.b) * records + np.maximum(scored.a, scored.b)
    order = np.argsort(keys, kind="stable")
    return keys[order], scored.log_odds[order]
