"""The hot loop of encoding: setting bits."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True, nogil=True)
def expand(
    records: NDArray[np.int32], offsets: NDArray[np.int64], out_row: NDArray[np.int64], out_feature: NDArray[np.int64]
) -> None:
    """List every (row, feature) of records whose values own features ``offsets[v]:offsets[v+1]``; -1 has none."""
    at = 0
    for row in range(len(records)):
        value = records[row]
        if value < 0:
            continue
        for feature in range(offsets[value], offsets[value + 1]):
            out_row[at] = row
            out_feature[at] = feature
            at += 1


@njit(cache=True, nogil=True)
def set_bits(
    rows: NDArray[np.int64],
    features: NDArray[np.int64],
    counts: NDArray[np.uint8],
    tags: NDArray[np.uint8],
    bits: int,
    filters: NDArray[np.uint64],
) -> None:
    """Set in each row's filter as many bits as the feature owns, at the positions that its tag's bytes give.

    ``tags`` has shape (features listed, 16): one PRF output each; a byte modulo the filter's length is a position.
    """
    for i in range(len(rows)):
        for j in range(counts[features[i]]):
            position = tags[i, j] & (bits - 1)
            filters[rows[i], position >> 6] |= np.uint64(1) << np.uint64(position & 63)
