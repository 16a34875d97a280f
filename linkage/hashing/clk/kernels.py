"""The hot loops of CLK mode: numbering n-grams and setting bits."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

_FIRST_TABLE = 1 << 12


@njit(inline="always")
def _place(code: int, mask: int) -> int:
    """Return where the search for a code begins (Fibonacci hashing)."""
    return int((np.uint64(code) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(32)) & mask


@njit(cache=True, nogil=True)
def number_ngrams(
    letters: NDArray[np.int64], starts: NDArray[np.int64], n: int, alphabet: int, positional: bool
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Give the distinct n-grams of texts numbers; text t has ``letters[starts[t]:starts[t + 1]]``, and 0 is the blank.

    An n-gram's code is its letters as a number in base ``alphabet``, its position (from 1) in front. Returns the
    n-grams' numbers text after text, where each text's begin, and the code of each number.
    """
    count = len(starts) - 1
    offsets = np.zeros(count + 1, dtype=np.int64)
    for t in range(count):
        length = starts[t + 1] - starts[t]
        offsets[t + 1] = offsets[t] + (length + n - 1 if length else 0)
    numbers = np.empty(offsets[-1], dtype=np.int64)
    size = alphabet**n
    mask = _FIRST_TABLE - 1
    slots = np.full(mask + 1, -1, dtype=np.int64)
    codes = np.empty(_FIRST_TABLE, dtype=np.int64)
    found = 0
    for t in range(count):
        code = 0
        for i in range(offsets[t + 1] - offsets[t]):
            at = starts[t] + i
            code = letters[at] if i == 0 else code * alphabet % size + (letters[at] if at < starts[t + 1] else 0)
            full = code + (i + 1) * size if positional else code
            slot = _place(full, mask)
            while slots[slot] >= 0 and codes[slots[slot]] != full:
                slot = (slot + 1) & mask
            if slots[slot] < 0:
                if found == len(codes):
                    codes = np.concatenate((codes, np.empty_like(codes)))
                codes[found] = full
                slots[slot] = found
                numbers[offsets[t] + i] = found
                found += 1
                if 2 * found > mask:
                    mask = 2 * mask + 1
                    slots = np.full(mask + 1, -1, dtype=np.int64)
                    for known in range(found):
                        slot = _place(codes[known], mask)
                        while slots[slot] >= 0:
                            slot = (slot + 1) & mask
                        slots[slot] = known
            else:
                numbers[offsets[t] + i] = slots[slot]
    return numbers, offsets, codes[:found]


@njit(cache=True, nogil=True)
def set_bits(
    values: NDArray[np.int64],
    tokens: NDArray[np.int64],
    offsets: NDArray[np.int64],
    per_token: int,
    per_feature: int,
    positions: NDArray[np.uint32],
    filters: NDArray[np.uint8],
) -> None:
    """Set the bits of one feature in each record's filter; record r has value ``values[r]``.

    ``positions`` (tokens, most bits) lists each token's. With ``per_feature`` above 0, a value's tokens share that many
    bits and the first tokens take what does not divide. The first bit of a byte is its highest.
    """
    for row in range(len(values)):
        first, last = offsets[values[row]], offsets[values[row] + 1]
        each, over = per_token, 0
        if per_feature > 0 and last > first:
            each, over = per_feature // (last - first), per_feature % (last - first)
        for at in range(first, last):
            token = tokens[at]
            for i in range(each + (1 if at - first < over else 0)):
                position = positions[token, i]
                filters[row, position >> 3] |= np.uint8(0x80 >> (position & 7))
