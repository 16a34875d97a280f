"""The hot loops of encoding: PRF messages in, bits and checks out.

Each loop handles a chunk of rows that fits in the processor's cache; between two of them runs the PRF itself. They hold
no lock, so chunks run on as many threads as there are processors.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True, nogil=True)
def filter_messages(
    codes: NDArray[np.int32],
    rows: NDArray[np.int64],
    offsets: NDArray[np.int64],
    numbers: NDArray[np.int32],
    digests: NDArray[np.uint64],
    states: NDArray[np.uint64],
    mask: NDArray[np.uint64],
    out: NDArray[np.uint64],
) -> int:
    """Write the last CMAC input of every (row, feature) to ``out``; returns how many, or -1 if there is no room.

    Row ``rows[i]`` has the value ``codes[rows[i]]`` (-1: missing), whose features are
    ``numbers[offsets[v]:offsets[v+1]]``; ``states[i]`` is the chaining state after its block id.
    """
    at = 0
    for i in range(len(rows)):
        value = codes[rows[i]]
        if value < 0:
            continue
        if at + offsets[value + 1] - offsets[value] > len(out):
            return -1
        first, second = states[i, 0] ^ mask[0], states[i, 1] ^ mask[1]
        for place in range(offsets[value], offsets[value + 1]):
            feature = numbers[place]
            out[at, 0] = first ^ digests[feature, 0]
            out[at, 1] = second ^ digests[feature, 1]
            at += 1
    return at


@njit(cache=True, nogil=True)
def set_bits(
    codes: NDArray[np.int32],
    rows: NDArray[np.int64],
    offsets: NDArray[np.int64],
    counts: NDArray[np.uint8],
    tags: NDArray[np.uint8],
    bits: int,
    filters: NDArray[np.uint64],
) -> None:
    """Set in each row's filter as many bits as a feature owns, at the positions that its tag's bytes give.

    ``tags`` has shape (messages, 16), in the order of :func:`filter_messages`; a byte modulo the filter's length is a
    position.
    """
    at = 0
    for i in range(len(rows)):
        value = codes[rows[i]]
        if value < 0:
            continue
        for place in range(offsets[value], offsets[value + 1]):
            for j in range(counts[place]):
                position = tags[at, j] & (bits - 1)
                filters[i, position >> 6] |= np.uint64(1) << np.uint64(position & 63)
            at += 1


@njit(cache=True, nogil=True)
def check_messages(
    rows: NDArray[np.int64],
    blocks: NDArray[np.uint64],
    present: NDArray[np.bool_],
    earlier: int,
    states: NDArray[np.uint64],
    mask: NDArray[np.uint64],
    out: NDArray[np.uint64],
) -> int:
    """Write the last CMAC input of every (row, earlier pass in which it takes part); returns how many.

    ``blocks`` has shape (records, passes, 2), ``present`` (records, passes).
    """
    at = 0
    for i in range(len(rows)):
        for q in range(earlier):
            if not present[rows[i], q]:
                continue
            out[at, 0] = states[i, 0] ^ mask[0] ^ blocks[rows[i], q, 0]
            out[at, 1] = states[i, 1] ^ mask[1] ^ blocks[rows[i], q, 1]
            at += 1
    return at


@njit(cache=True, nogil=True)
def cut_checks(
    rows: NDArray[np.int64], present: NDArray[np.bool_], tags: NDArray[np.uint32], checks: NDArray[np.uint32]
) -> None:
    """Take the first 32 bits of each tag, never 0, where the record takes part in the earlier pass; else 0.

    ``tags`` has shape (messages, 4), in the order of :func:`check_messages`; ``checks`` (rows, earlier passes).
    """
    at = 0
    for i in range(checks.shape[0]):
        for q in range(checks.shape[1]):
            if present[rows[i], q]:
                checks[i, q] = max(tags[at, 0], np.uint32(1))
                at += 1
            else:
                checks[i, q] = np.uint32(0)
