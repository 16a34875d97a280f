"""Disjoint sets of records, for kernels: who belongs together, by the lowest record of each set.

``parent`` (records,) begins as each record's own number; whoever joins two sets makes the lower root the parent of the
other.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True, nogil=True)
def root(parent: NDArray[np.int64], record: int) -> int:
    """Return the lowest record of a record's set, and shorten the way to it."""
    while parent[record] != record:
        parent[record] = parent[parent[record]]
        record = parent[record]
    return record


@njit(cache=True, nogil=True)
def roots(parent: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the lowest record of each record's set, shape (records,)."""
    lowest = np.empty_like(parent)
    for record in range(len(parent)):
        lowest[record] = root(parent, record)
    return lowest
