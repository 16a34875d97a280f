"""The hot loops of the CLK scan: counting missing bits for 512 records at a time, and checking what is left.

Rules:

- A *tile* holds 512 records turned on their side: one row of eight words for each bit position, whose bit says that the
  record **lacks** the position. Sixteen rows are added at once by carry-save adders (five logical operations each; two
  where the processor has three-operand logic) into a counter that lies across the words, a bit of each count to a row.
- The counter begins at its maximum less what a record may lack, so its overflow says that the record is out.
- What is never out is compared in full: ``2.0 * common / (a + b) >= threshold`` in double precision, as anonlink does.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import njit, types
from numba.extending import intrinsic
from numpy.typing import NDArray

from linkage.spec.levels import popcount

#: Words to a row of a tile, and the records that a tile holds.
LANES = 8
TILE = 64 * LANES
#: Rows added at once: four low bits of the counter take them, the high bits take their carry.
STEP, LOW, HIGH = 16, 4, 5
#: The most missing bits that the counter can tell apart.
MOST_MISSING = (1 << (LOW + HIGH)) - 1
_STATE = LOW + HIGH + 1


def _add_rows(typing_context: Any, state: Any, rows: Any, chosen: Any) -> Any:  # noqa: ANN401 - numba's convention
    """Add the sixteen rows of a tile whose byte offsets stand at ``chosen``; true if every record is out."""
    word, wide = ir.IntType(64), ir.VectorType(ir.IntType(64), LANES)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        state_at, rows_at, chosen_at = arguments

        def row_pointer(base: Any, offset: Any) -> Any:  # noqa: ANN401
            return builder.inttoptr(builder.add(base, offset), wide.as_pointer())

        def rows_in_turn() -> Iterator[Any]:
            offsets = builder.inttoptr(chosen_at, ir.IntType(32).as_pointer())
            for number in range(STEP):
                at = builder.gep(offsets, [ir.Constant(word, number)])
                yield builder.load(row_pointer(rows_at, builder.zext(builder.load(at), word)), align=8)

        pointers = [row_pointer(state_at, ir.Constant(word, 8 * LANES * bit)) for bit in range(_STATE)]
        bits = [builder.load(pointer, align=8) for pointer in pointers]
        turn = rows_in_turn()

        def carry(level: int) -> Any:  # noqa: ANN401
            """Add ``2**level`` rows into the bits below ``level``; return what they carry."""
            if level == 0:
                return next(turn)
            first, second = carry(level - 1), carry(level - 1)
            held = bits[level - 1]
            either = builder.xor(held, first)
            bits[level - 1] = builder.xor(either, second)
            return builder.or_(builder.and_(held, first), builder.and_(either, second))

        carried = carry(LOW)
        for bit in range(LOW, LOW + HIGH):
            bits[bit], carried = builder.xor(bits[bit], carried), builder.and_(bits[bit], carried)
        bits[-1] = builder.or_(bits[-1], carried)
        for pointer, bit in zip(pointers, bits, strict=True):
            builder.store(bit, pointer, align=8)
        everyone = ir.Constant(wide, [2**64 - 1] * LANES)
        same = builder.bitcast(builder.icmp_unsigned("==", bits[-1], everyone), ir.IntType(LANES))
        return builder.icmp_unsigned("==", same, ir.Constant(ir.IntType(LANES), 2**LANES - 1))

    return types.boolean(types.uintp, types.uintp, types.uintp), generate


add_rows: Any = intrinsic(_add_rows)


@njit(cache=True, nogil=True)
def weigh(clks: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Count the set bits of each CLK."""
    weights = np.zeros(len(clks), dtype=np.int64)
    for row in range(len(clks)):
        for w in range(clks.shape[1]):
            weights[row] += popcount(clks[row, w])
    return weights


@njit(cache=True, nogil=True)
def lay_tiles(clks: NDArray[np.uint64], rank: NDArray[np.int64], tiles: NDArray[np.uint64]) -> None:
    """Turn CLKs on their side, into ``tiles`` of shape (tiles, positions + 1, LANES); position p is row ``rank[p]``.

    The last row of a tile says that no record lacks it: the lists of :func:`list_positions` are filled up with it.
    """
    count, words = clks.shape
    tiles[:, :-1, :] = ~np.uint64(0)
    tiles[:, -1, :] = np.uint64(0)
    for row in range(count):
        tile, lane, bit = row // TILE, row % TILE // 64, np.uint64(1) << np.uint64(row % 64)
        for w in range(words):
            left = clks[row, w]
            while left:
                low = left & (~left + np.uint64(1))
                tiles[tile, rank[64 * w + popcount(low - np.uint64(1))], lane] ^= bit
                left ^= low


@njit(cache=True, nogil=True)
def count_positions(clks: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Count, for each bit position, the CLKs that have it."""
    counts = np.zeros(64 * clks.shape[1], dtype=np.int64)
    for row in range(len(clks)):
        for w in range(clks.shape[1]):
            left = clks[row, w]
            while left:
                low = left & (~left + np.uint64(1))
                counts[64 * w + popcount(low - np.uint64(1))] += 1
                left ^= low
    return counts


@njit(cache=True, nogil=True)
def list_positions(
    clks: NDArray[np.uint64], weights: NDArray[np.int64], order: NDArray[np.int64]
) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """List each CLK's set positions in ``order`` as byte offsets of their rows in a tile, filled up to whole steps.

    Returns the lists one after another, and where each begins, in steps.
    """
    width = 8 * LANES
    starts = np.zeros(len(clks) + 1, dtype=np.int64)
    starts[1:] = np.cumsum((weights + STEP - 1) // STEP)
    lists = np.empty(STEP * starts[-1] + 1, dtype=np.uint32)
    for row in range(len(clks)):
        at = STEP * starts[row]
        for place, position in enumerate(order):
            # Written whether or not it is set, and written over if it is not: a branch here would be a coin's throw.
            lists[at] = place * width
            at += clks[row, position >> 6] >> np.uint64(position & 63) & np.uint64(1)
        lists[at : STEP * starts[row + 1]] = 64 * clks.shape[1] * width
    return lists, starts


@njit(cache=True, nogil=True)
def fewest_common(most: int, threshold: float) -> NDArray[np.int64]:
    """Return, for weights that sum to 0, 1, ... ``most``, the fewest common bits that reach the threshold."""
    fewest = np.zeros(most + 1, dtype=np.int64)
    for total in range(1, most + 1):
        common = fewest[total - 1]
        while 2.0 * common / total < threshold:
            common += 1
        fewest[total] = common
    return fewest


@njit(cache=True, nogil=True)
def scan_block(
    block: NDArray[np.uint64],
    block_weights: NDArray[np.int64],
    lists: NDArray[np.uint32],
    starts: NDArray[np.int64],
    tiles: NDArray[np.uint64],
    others: NDArray[np.uint64],
    other_weights: NDArray[np.int64],
    fewest: NDArray[np.int64],
    threshold: float,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Compare a block of CLKs with all ``others``, which are sorted by weight and none of them empty.

    Returns the pairs that reach the threshold, as rows of the two arrays, and their Dice similarity.
    """
    out_a = np.empty(1024, dtype=np.int64)
    out_b = np.empty(1024, dtype=np.int64)
    out_similarity = np.empty(1024, dtype=np.float64)
    found = 0
    state = np.zeros((_STATE, LANES), dtype=np.uint64)
    absent = np.zeros(LANES, dtype=np.uint64)
    full, none = ~np.uint64(0), np.uint64(0)
    words = block.shape[1]
    # Addresses, for a slice made in the loop would be counted there.
    state_at, rows_at, lists_at = state.ctypes.data, tiles.ctypes.data, lists.ctypes.data
    for tile in range(len(tiles)):
        first = tile * TILE
        last = min(first + TILE, len(others))
        lightest, heaviest = other_weights[first], other_weights[last - 1]
        for lane in range(LANES):
            beyond = min(max(first + 64 * (lane + 1) - last, 0), 64)
            absent[lane] = none if beyond == 0 else full << np.uint64((64 - beyond) & 63)
        for row in range(len(block)):
            weight = block_weights[row]
            missing = weight - fewest[weight + lightest]
            if missing < 0 or heaviest < fewest[weight + heaviest]:
                continue
            start = max(MOST_MISSING - missing, 0)
            for bit in range(LOW + HIGH):
                value = full if start >> bit & 1 else none
                for lane in range(LANES):
                    state[bit, lane] = value
            for lane in range(LANES):
                state[-1, lane] = absent[lane]
            all_out = False
            if missing <= MOST_MISSING:
                tile_at = rows_at + tile * tiles.strides[0]
                for step in range(starts[row], starts[row + 1]):
                    if add_rows(state_at, tile_at, lists_at + step * STEP * lists.itemsize):
                        all_out = True
                        break
            if all_out:
                continue
            for lane in range(LANES):
                left = ~state[-1, lane]
                while left:
                    low = left & (~left + np.uint64(1))
                    left ^= low
                    other = first + 64 * lane + popcount(low - np.uint64(1))
                    common = 0
                    for w in range(words):
                        common += popcount(block[row, w] & others[other, w])
                    similarity = 2.0 * common / (weight + other_weights[other])
                    if similarity >= threshold:
                        if found == len(out_a):
                            out_a = np.concatenate((out_a, np.empty_like(out_a)))
                            out_b = np.concatenate((out_b, np.empty_like(out_b)))
                            out_similarity = np.concatenate((out_similarity, np.empty_like(out_similarity)))
                        out_a[found], out_b[found], out_similarity[found] = row, other, similarity
                        found += 1
    return out_a[:found], out_b[:found], out_similarity[:found]
