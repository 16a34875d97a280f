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
    places: NDArray[np.int64],
    offsets: NDArray[np.int64],
    counts: NDArray[np.uint8],
    tags: NDArray[np.uint8],
    bits: int,
    filters: NDArray[np.uint64],
) -> None:
    """Set in each row's filter as many bits as a feature owns, at the positions that its tag's bytes give.

    ``tags`` has shape (messages, 16), in the order of :func:`filter_messages`; a byte modulo the filter's length is a
    position. The filter of ``rows[i]`` is written to ``filters[places[i]]``, all zeros where the value is missing.
    """
    words = filters.shape[1]
    # A byte for each bit, so that setting one does not wait for the one before; eight are gathered at a time.
    flags = np.zeros(64 * words, dtype=np.uint8)
    eights = flags.view(np.uint64)
    last = np.uint8(bits - 1)
    at = 0
    for i in range(len(rows)):
        place = places[i]
        value = codes[rows[i]]
        if value < 0:
            for w in range(words):
                filters[place, w] = 0
            continue
        for feature in range(offsets[value], offsets[value + 1]):
            for j in range(counts[feature]):
                flags[tags[at, j] & last] = 1
            at += 1
        for w in range(words):
            found = np.uint64(0)
            for k in range(8):
                # Moves the lowest bit of byte b to bit b of the highest byte.
                gathered = (eights[8 * w + k] * np.uint64(0x0102040810204080)) >> np.uint64(56)
                found |= gathered << np.uint64(8 * k)
                eights[8 * w + k] = 0
            filters[place, w] = found


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
    rows: NDArray[np.int64],
    places: NDArray[np.int64],
    present: NDArray[np.bool_],
    tags: NDArray[np.uint32],
    checks: NDArray[np.uint32],
) -> None:
    """Take the first 32 bits of each tag, never 0, where the record takes part in the earlier pass; else 0.

    ``tags`` has shape (messages, 4), in the order of :func:`check_messages`; those of ``rows[i]`` are written to
    ``checks[places[i]]``, a column an earlier pass.
    """
    at = 0
    for i in range(len(rows)):
        for q in range(checks.shape[1]):
            if present[rows[i], q]:
                checks[places[i], q] = max(tags[at, 0], np.uint32(1))
                at += 1
            else:
                checks[places[i], q] = np.uint32(0)
