"""From scored pairs to persons: union-find in descending weight, one record of a source to a person.

Rules:

- Links are taken strongest first (Kruskal's order). A link that would put two records of one duplicate-free source into
  one cluster is refused and kept as a *conflict edge*, so that "why not linked?" has an answer.
- Sources that may hold duplicates do not limit a cluster.
- The result does not depend on the order of rows, pairs or sources: ties in weight are broken by the records' keys.

Mutual-best links, iterated, give the same clusters (measured against Splink's single-best-links).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray


@dataclass(frozen=True)
class Clusters:
    """``labels`` (records,): the lowest record number of each record's cluster.

    ``taken`` and ``refused`` (links,): which links joined (or lie inside) a cluster and which were refused.
    """

    labels: NDArray[np.int64]
    taken: NDArray[np.bool_]
    refused: NDArray[np.bool_]


@njit(cache=True, nogil=True)
def _find(parent: NDArray[np.int64], record: int) -> int:
    while parent[record] != record:
        parent[record] = parent[parent[record]]
        record = parent[record]
    return record


@njit(cache=True, nogil=True)
def _join(
    order: NDArray[np.int64],
    a: NDArray[np.int64],
    b: NDArray[np.int64],
    parent: NDArray[np.int64],
    mask: NDArray[np.uint64],
    refused: NDArray[np.bool_],
) -> None:
    for at in order:
        x, y = _find(parent, a[at]), _find(parent, b[at])
        if x == y:
            continue
        clash = False
        for word in range(mask.shape[1]):
            if mask[x, word] & mask[y, word]:
                clash = True
        if clash:
            refused[at] = True
            continue
        low, high = (x, y) if x < y else (y, x)
        parent[high] = low
        for word in range(mask.shape[1]):
            mask[low, word] |= mask[high, word]


def cluster(
    a: NDArray[np.int64],
    b: NDArray[np.int64],
    weight: NDArray[np.float64],
    source: NDArray[np.int64],
    exclusive: NDArray[np.bool_],
    rank: NDArray[np.int64] | None = None,
) -> Clusters:
    """Cluster records by links ``a``-``b`` (record numbers) of ``weight``; links of a lower ``rank`` are taken first.

    ``source`` (records,) is each record's source; ``exclusive`` (sources,) says which sources hold no duplicates.
    """
    records = len(source)
    bit = np.cumsum(exclusive) - 1
    words = int(exclusive.sum() // 64 + 1)
    mask = np.zeros((records, words), dtype=np.uint64)
    limited = np.flatnonzero(exclusive[source]) if records else np.zeros(0, dtype=np.int64)
    own = bit[source[limited]]
    mask[limited, own // 64] = np.uint64(1) << (own % 64).astype(np.uint64)
    parent = np.arange(records)
    refused = np.zeros(len(a), dtype=bool)
    order = np.lexsort((np.maximum(a, b), np.minimum(a, b), -weight, np.zeros(len(a)) if rank is None else rank))
    _join(order, a, b, parent, mask, refused)
    labels = _flatten(parent)
    return Clusters(labels, labels[a] == labels[b], refused)


@njit(cache=True, nogil=True)
def _flatten(parent: NDArray[np.int64]) -> NDArray[np.int64]:
    labels = np.empty_like(parent)
    for record in range(len(parent)):
        labels[record] = _find(parent, record)
    return labels
