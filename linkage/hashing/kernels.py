"""The hot loops of encoding: PRF messages in, bits and checks out.

Each loop handles a chunk of rows that fits in the processor's cache; between two of them runs the PRF itself. They hold
no lock, so chunks run on as many threads as there are processors. Places are counted without a sign, because a signed
one costs a test for counting from the end; blocks of 16 bytes are two words side by side.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

_NONE, _ONE, _TWO = (np.uint64(n) for n in range(3))
_TAG_BYTES = np.uint64(16)
#: The low six bits of a position are a bit of a word; the others, from these on, a word and a pair of words.
_BIT_IN_WORD, _WORD, _PAIR_OF_WORDS = np.uint64(63), np.uint64(6), np.uint64(7)


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
    words, digest_words = out.reshape(-1), digests.reshape(-1)
    at, room = _NONE, np.uint64(len(words))
    for i in range(len(rows)):
        value = codes[rows[i]]
        if value < 0:
            continue
        start, end = np.uint64(offsets[value]), np.uint64(offsets[value + 1])
        if at + _TWO * (end - start) > room:
            return -1
        first, second = states[i, 0] ^ mask[0], states[i, 1] ^ mask[1]
        for place in range(start, end):
            feature = _TWO * np.uint64(numbers[place])
            words[at] = first ^ digest_words[feature]
            words[at + _ONE] = second ^ digest_words[feature + _ONE]
            at += _TWO
    return int(np.int64(at // _TWO))


@njit(cache=True, nogil=True)
def set_bits(
    codes: NDArray[np.int32],
    rows: NDArray[np.int64],
    offsets: NDArray[np.int64],
    layouts: NDArray[np.int32],
    layout_starts: NDArray[np.int64],
    tag_bytes: NDArray[np.uint16],
    tags: NDArray[np.uint8],
    bits: int,
    filters: NDArray[np.uint64],
) -> None:
    """Set each row's bits at the positions that its features' tags give, in ``filters`` (rows, words).

    ``tags`` are those of :func:`filter_messages`, end to end; the layout of a row's value says which of their bytes are
    used. A byte modulo the filter's length is a position. A missing value's filter is all zeros.
    """
    last = np.uint64(bits - 1)
    start = _NONE
    for i in range(len(rows)):
        value = codes[rows[i]]
        if value < 0:
            filters[i] = 0
            continue
        layout = layouts[value]
        used = range(np.uint64(layout_starts[layout]), np.uint64(layout_starts[layout + 1]))
        # Words are gathered in registers, where no bit waits for the one before, and chosen by masks, not by branches.
        a = b = c = d = _NONE
        if bits <= 128:
            for k in used:
                position = np.uint64(tags[start + np.uint64(tag_bytes[k])]) & last
                bit = _ONE << (position & _BIT_IN_WORD)
                odd = _NONE - (position >> _WORD)
                a |= bit & ~odd
                b |= bit & odd
        else:
            for k in used:
                position = np.uint64(tags[start + np.uint64(tag_bytes[k])])
                bit = _ONE << (position & _BIT_IN_WORD)
                odd, upper = _NONE - (position >> _WORD & _ONE), _NONE - (position >> _PAIR_OF_WORDS)
                a |= bit & ~odd & ~upper
                b |= bit & odd & ~upper
                c |= bit & ~odd & upper
                d |= bit & odd & upper
            filters[i, 2], filters[i, 3] = c, d
        filters[i, 0] = a
        if bits > 64:
            filters[i, 1] = b
        start += _TAG_BYTES * np.uint64(offsets[value + 1] - offsets[value])


@njit(cache=True, nogil=True)
def check_messages(
    firsts: NDArray[np.int64],
    places: NDArray[np.int64],
    blocks: NDArray[np.uint64],
    states: NDArray[np.uint64],
    mask: NDArray[np.uint64],
    out: NDArray[np.uint64],
) -> int:
    """Write the last CMAC input of every (row, earlier pass in which it takes part); returns how many.

    Row i's block in this pass is ``blocks[places[i]]``, its blocks in earlier passes those from ``firsts[i]`` on.
    ``out`` has room for all of them.
    """
    words, block_words = out.reshape(-1), blocks.reshape(-1)
    at = _NONE
    for i in range(len(places)):
        first, second = states[i, 0] ^ mask[0], states[i, 1] ^ mask[1]
        for word in range(_TWO * np.uint64(firsts[i]), _TWO * np.uint64(places[i]), _TWO):
            words[at] = first ^ block_words[word]
            words[at + _ONE] = second ^ block_words[word + _ONE]
            at += _TWO
    return int(np.int64(at // _TWO))


@njit(cache=True, nogil=True)
def cut_checks(
    firsts: NDArray[np.int64],
    places: NDArray[np.int64],
    passes: NDArray[np.uint8],
    tags: NDArray[np.uint32],
    checks: NDArray[np.uint32],
) -> None:
    """Take the first 32 bits of each tag, never 0, where the record takes part in the earlier pass; else 0.

    ``tags`` has shape (messages, 4), in the order of :func:`check_messages`; ``checks`` has a row a place and a column
    an earlier pass.
    """
    at = _NONE
    for i in range(len(places)):
        checks[i] = 0
        for place in range(np.uint64(firsts[i]), np.uint64(places[i])):
            checks[i, passes[place]] = max(tags[at, 0], np.uint32(1))
            at += _ONE
