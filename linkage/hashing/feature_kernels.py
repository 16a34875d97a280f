"""Taking values apart into features, a million at a time.

Rules:

- A feature's *code* is its characters, first character highest, in the upper seven bytes of a 64-bit word; the low byte
  is the number of the part (a feature that sets more than 16 bits has several).
- Which features a value has is said in docs/encoding.md, section 4, and a second time, in plain Python, in
  ``tests/hashing/reference.py``; the two must agree.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

#: The ways in which a value is taken apart.
BIGRAMS, POSITIONS, WHOLE, DATE, STREET, SSN, MIDDLE_NAME = range(7)

#: One PRF output places at most this many bits.
BITS_A_TAG = 16

_Letters = NDArray[np.uint8]
_Codes = NDArray[np.uint64]

_BLANK, _COLON, _HASH, _PAD = (np.uint64(ord(c)) for c in " :#_")
_Y, _M, _D, _T, _I, _H = (np.uint64(ord(c)) for c in "ymdtih")
_WHOLE_Y, _WHOLE_M, _WHOLE_D = (np.uint64(ord(c)) for c in "YMD")


@njit(inline="always")
def _then(code: Any, letter: Any) -> Any:  # noqa: ANN401 - uint64 in, uint64 out
    """Append a character to a code."""
    return (code << np.uint64(8)) | np.uint64(letter)


@njit(inline="always")
def _then_number(code: Any, number: int) -> Any:  # noqa: ANN401
    """Append a number below 1,000 in decimal digits."""
    if number >= 100:
        code = _then(code, 48 + number // 100)
    if number >= 10:
        code = _then(code, 48 + number // 10 % 10)
    return _then(code, 48 + number % 10)


@njit(inline="always")
def _is_digit(letter: Any) -> bool:  # noqa: ANN401
    return bool(48 <= letter <= 57)


@njit(cache=True, nogil=True)
def _bigrams(letters: _Letters, start: int, end: int, only: int, out: _Codes, at: int) -> int:
    """Write the padded bigrams of words; ``only`` 0: all words, 1: those that begin with a digit, 2: the others."""
    first = at
    word_start = start
    while word_start < end:
        if letters[word_start] == _BLANK:
            word_start += 1
            continue
        word_end = word_start
        while word_end < end and letters[word_end] != _BLANK:
            word_end += 1
        number = _is_digit(letters[word_start])
        if only == 0 or (only == 1 and number) or (only == 2 and not number):
            for i in range(word_start, word_end + 1):
                before = _PAD if i == word_start else np.uint64(letters[i - 1])
                after = _PAD if i == word_end else np.uint64(letters[i])
                out[at] = (before << np.uint64(8)) | after
                at += 1
        word_start = word_end
    # From the end, so that what is compared still lacks its number.
    for i in range(at - 1, first, -1):
        seen = 1
        for j in range(first, i):
            if out[j] == out[i]:
                seen += 1
        if seen > 1:
            out[i] = _then(out[i], 48 + min(seen, 9))
    return at


@njit(cache=True, nogil=True)
def _positions(letters: _Letters, start: int, end: int, label: Any, out: _Codes, at: int) -> int:  # noqa: ANN401
    for i in range(start, end):
        out[at] = _then(_then(_then_number(np.uint64(label), i - start), _COLON), letters[i])
        at += 1
    return at


@njit(cache=True, nogil=True)
def _whole(letters: _Letters, start: int, end: int, label: Any, out: _Codes, at: int) -> int:  # noqa: ANN401
    code = _then(np.uint64(label), _COLON)
    for i in range(start, end):
        code = _then(code, letters[i])
    out[at] = code
    return at + 1


@njit(cache=True, nogil=True)
def _date(letters: _Letters, start: int, end: int, out: _Codes) -> tuple[int, int]:
    """Write the digits by position, then year, month and day as wholes; returns where either ends."""
    month, day = start + 5, start + 8
    at = _positions(letters, start, start + 4, _Y, out, 0)
    if end - start == 10:
        at = _positions(letters, month, month + 2, _M, out, at)
        at = _positions(letters, day, day + 2, _D, out, at)
    digits = at
    at = _whole(letters, start, start + 4, _WHOLE_Y, out, at)
    if end - start == 10:
        at = _whole(letters, month, month + 2, _WHOLE_M, out, at)
        at = _whole(letters, day, day + 2, _WHOLE_D, out, at)
    return digits, at


@njit(cache=True, nogil=True)
def _house_numbers(letters: _Letters, start: int, end: int, out: _Codes) -> int:
    """Write ``#`` and the first six characters of each word that begins with a digit, once each."""
    at = 0
    i = start
    while i < end:
        word_end = i
        while word_end < end and letters[word_end] != _BLANK:
            word_end += 1
        if _is_digit(letters[i]):
            code = _HASH
            for k in range(i, min(word_end, i + 6)):
                code = _then(code, letters[k])
            known = False
            for k in range(at):
                known |= out[k] == code
            if not known:
                out[at] = code
                at += 1
        i = word_end + 1
    return at


@njit(cache=True, nogil=True)
def _groups(way: int, letters: _Letters, start: int, end: int, out: _Codes) -> tuple[int, int, float, float]:
    """Write a value's features; returns where each of two groups ends, and their shares of the bits."""
    if way == POSITIONS:
        n = _positions(letters, start, end, np.uint64(0), out, 0)
        return n, n, 1.0, 0.0
    if way == WHOLE:
        code = np.uint64(0)
        for i in range(start, min(end, start + 7)):
            code = _then(code, letters[i])
        out[0] = code
        return 1, 1, 1.0, 0.0
    if way == DATE:
        digits, wholes = _date(letters, start, end, out)
        return digits, wholes, 0.8, 0.2
    if way == STREET:
        numbers = _house_numbers(letters, start, end, out)
        if numbers:
            numbers = _bigrams(letters, start, end, 1, out, numbers)
        both = _bigrams(letters, start, end, 2, out, numbers)
        if numbers == 0:
            return both, both, 1.0, 0.0
        if both == numbers:
            return both, both, 1.0, 0.0
        return numbers, both, 0.35, 0.65
    if way == SSN:
        tail = _positions(letters, max(start, end - 4), end, _T, out, 0)
        both = tail
        for i in range(end - 5, start - 1, -1):
            out[both] = _then(_then(_then_number(_H, end - 5 - i), _COLON), letters[i])
            both += 1
        return tail, both, 0.5, 0.5
    if way == MIDDLE_NAME:
        out[0] = _then(_then(_I, _COLON), letters[start])
        both = _bigrams(letters, start, end, 0, out, 1) if end - start > 1 else 1
        return 1, both, 0.5, 0.5
    n = _bigrams(letters, start, end, 0, out, 0)
    return n, n, 1.0, 0.0


@njit(inline="always")
def _bits_of(i: int, first: int, last: int, bits: int, total: float) -> int:
    """Return how many of a filter's ``bits`` the i-th feature of one value sets."""
    if i < first:
        share, place, members = bits, i, first
    else:
        share, place, members = int(total), i - first, last - first
    return share // members + (1 if place < share % members else 0)


@njit(cache=True, nogil=True)
def take_apart(
    way: int, letters: _Letters, ends: NDArray[np.int64], set_bits: int, longest: int, slots: int
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.uint8], NDArray[np.int32], _Codes]:
    """Return (offsets, numbers, counts, shapes, codes) of the features of values ``ends[v]:ends[v+1]`` of ``letters``.

    Values of one shape have as many features in each group, and therefore the same counts. Codes are numbered by a hash
    table of ``slots`` places (a power of two); if it fills by half, offsets are empty.
    """
    values = len(ends) - 1
    scratch = np.zeros(2 * longest + 32, dtype=np.uint64)
    offsets = np.zeros(values + 1, dtype=np.int64)
    shapes = np.empty(values, dtype=np.int32)
    # Upper bound: a value of n characters has at most 2 n + 2 features or set_bits parts, and never more than both.
    room = 0
    for v in range(values):
        room += min(2 * (ends[v + 1] - ends[v]) + 32, 2 * set_bits) + set_bits // BITS_A_TAG + 2
    numbers = np.empty(room, dtype=np.int32)
    counts = np.empty(room, dtype=np.uint8)
    keys = np.zeros(slots, dtype=np.uint64)
    places = np.zeros(slots, dtype=np.int32)
    codes = np.empty(slots // 2 + 1, dtype=np.uint64)
    known = 0
    at = 0
    for v in range(values):
        first, last, share_first, share_second = _groups(way, letters, ends[v], ends[v + 1], scratch)
        shapes[v] = first * len(scratch) + last
        bits_first = int(np.floor(set_bits * share_first + 0.5))
        bits_second = int(np.floor(set_bits * share_second + 0.5))
        for i in range(last):
            left = _bits_of(i, first, last, bits_first, bits_second)
            part = 0
            while left > 0:
                code = (scratch[i] << np.uint64(8)) | np.uint64(part)
                # Fibonacci hashing: the upper bits of a product with 2^64 / golden ratio.
                slot = np.int64((code * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(32)) & (slots - 1)
                while keys[slot] != code and keys[slot] != 0:
                    slot = (slot + 1) & (slots - 1)
                if keys[slot] == 0:
                    if 2 * known >= slots:
                        return offsets[:0], numbers[:0], counts[:0], shapes[:0], codes[:0]
                    keys[slot] = code
                    places[slot] = known
                    codes[known] = code
                    known += 1
                numbers[at] = places[slot]
                counts[at] = min(left, BITS_A_TAG)
                at += 1
                left -= BITS_A_TAG
                part += 1
        offsets[v + 1] = at
    return offsets, numbers[:at].copy(), counts[:at], shapes, codes[:known].copy()
