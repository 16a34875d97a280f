"""The attacks. Each returns the share of rows about which the attacker's best claim is right.

Every attack takes rows of encodings and the population list; none is given the secret.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from bench.redteam.victims import Bits, Encoded, Population, as_bits

#: Blocks larger than this are not matched by structure: the cost grows with the cube.
_LARGEST_BLOCK = 40


class Listed:
    """The attacker's own encoding of everyone on the list, as zeros and ones: what the attacks share, found once."""

    def __init__(self, words: NDArray[np.uint64]) -> None:
        self.bits = as_bits(words)
        self.weights = self.bits.sum(axis=1)
        self._held = np.empty(0, dtype=np.int64)
        self._similar = np.empty((len(words), 0), dtype=np.float32)

    def similar(self, records: NDArray[np.int64]) -> Bits:
        """Return how similar everyone is to some of the list, shape (list, records)."""
        new = np.setdiff1d(records, self._held)
        if len(new):
            self._held = np.append(self._held, new)
            self._similar = np.concatenate([self._similar, _dice(self.bits, self.bits[new])], axis=1)
        order = np.argsort(self._held)
        return self._similar[:, order[np.searchsorted(self._held, records, sorter=order)]]


def _normalised(rows: Bits) -> Bits:
    centred = rows - rows.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(centred, axis=1, keepdims=True)
    norms[norms == 0] = 1
    return np.asarray(centred / norms, dtype=np.float32)


def _dice(a: Bits, b: Bits) -> Bits:
    weights = a.sum(axis=1)[:, None] + b.sum(axis=1)[None, :]
    return np.asarray(2 * (a @ b.T) / np.maximum(weights, 1), dtype=np.float32)


def _right(guesses: NDArray[np.int64], records: NDArray[np.int64], population: Population) -> float:
    """Return the share of guesses that name the right person (two records may be one person's)."""
    return float(np.mean(population.persons[guesses] == population.persons[records])) if len(records) else 0.0


def split(
    seen: Encoded, anchors: NDArray[np.int64], targets: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows of known records, and rows of others to attack."""
    known = np.isin(seen.record, anchors)
    others = rng.permutation(np.flatnonzero(~known))[:targets]
    return np.flatnonzero(known), others


def correlation(
    seen: Encoded, population: Population, listed: Listed, known: NDArray[np.int64], rows: NDArray[np.int64]
) -> float:
    """Known pairs: find who is as similar to the known people as this row is to their rows."""
    profiles = _normalised(_dice(seen.bits(rows), seen.bits(known)))
    on_list = _normalised(listed.similar(seen.record[known]))
    return _right((profiles @ on_list.T).argmax(axis=1), seen.record[rows], population)


def linear_map(
    seen: Encoded, population: Population, listed: Listed, known: NDArray[np.int64], rows: NDArray[np.int64]
) -> float:
    """Known pairs: learn by ridge regression which of the attacker's own bits a row's bits stand for.

    The best claim is who on the list correlates best with what the row is guessed to stand for.
    """
    given, wanted = seen.bits(known), listed.bits[seen.record[known]]
    mean_given, mean_wanted = given.mean(axis=0), wanted.mean(axis=0)
    given, wanted = given - mean_given, wanted - mean_wanted
    # The dual form: as many equations as known pairs.
    kernel = given @ given.T + 30 * np.eye(len(known), dtype=np.float32)
    guessed = _normalised(((seen.bits(rows) - mean_given) @ given.T) @ np.linalg.solve(kernel, wanted))
    # Correlation without a centred copy of the list: a guess sums to 0, and a zero or one is its own square.
    centre = (listed.weights - mean_wanted.sum()) / len(mean_wanted)
    squares = listed.weights - 2 * (listed.bits @ mean_wanted) + mean_wanted @ mean_wanted
    norms = np.sqrt(np.maximum(squares - len(mean_wanted) * centre**2, 1e-6))
    scores = (guessed @ listed.bits.T - (guessed @ mean_wanted)[:, None]) / norms
    return _right(scores.argmax(axis=1), seen.record[rows], population)


def _members(blocks: NDArray[np.uint64]) -> dict[int, NDArray[np.int64]]:
    """Return the rows of each block; 0 is none."""
    order = np.argsort(blocks, kind="stable")
    ordered = blocks[order]
    starts = np.flatnonzero(ordered[1:] != ordered[:-1]) + 1
    return {int(blocks[rows[0]]): rows for rows in np.split(order, starts) if len(rows) and blocks[rows[0]]}


def _assign(mine: NDArray[np.float32], theirs: NDArray[np.float32]) -> NDArray[np.int64]:
    cost = ((mine[:, None, :] - theirs[None, :, :]) ** 2).sum(axis=2)
    return np.asarray(linear_sum_assignment(cost)[1])


def inside_known_blocks(
    seen: Encoded, population: Population, spans: dict[str, slice], known: NDArray[np.int64]
) -> float:
    """Known pairs: a known person's row names its block's key, so all rows there are people with that key.

    They are told apart by how similar their fields are to the known person's. Returns the share of *all* other rows.
    """
    seen_blocks, own_blocks = _members(seen.blocks), _members(population.own_blocks[seen.name])
    right = 0
    for block in np.unique(seen.blocks[known]):
        rows = seen_blocks[int(block)]
        anchors = rows[np.isin(rows, known)]
        others = rows[~np.isin(rows, known)]
        own_block = int(population.own_blocks[seen.name][seen.record[anchors[0]]])
        on_list = own_blocks[own_block]
        candidates = on_list[~np.isin(on_list, seen.record[anchors])]
        if not len(others) or not len(candidates) or len(rows) > 400:
            continue
        mine, theirs = [], []
        for span in spans.values():
            mine.append(_dice(as_bits(seen.words[others, span]), as_bits(seen.words[anchors, span])))
            theirs.append(
                _dice(
                    as_bits(population.words[candidates, span]),
                    as_bits(population.words[seen.record[anchors], span]),
                )
            )
        at = _assign(np.concatenate(mine, axis=1), np.concatenate(theirs, axis=1))
        named = candidates[at]
        right += int((population.persons[named] == population.persons[seen.record[others[: len(named)]]]).sum())
    return right / max(1, len(seen.record) - len(known))


def block_sizes(seen: Encoded, population: Population) -> float:
    """Frequency: the largest block is the most frequent key, and so on down; inside, anyone at random."""
    seen_blocks = sorted(_members(seen.blocks).values(), key=len, reverse=True)
    own_blocks = sorted(_members(population.own_blocks[seen.name]).values(), key=len, reverse=True)
    right = 0.0
    for rows, on_list in zip(seen_blocks, own_blocks, strict=False):
        right += len(np.intersect1d(seen.record[rows], on_list)) / max(len(rows), len(on_list))
    return right / max(1, len(seen.record))


def block_structure(
    seen: Encoded, population: Population, spans: dict[str, slice], blocks: int, rng: np.random.Generator
) -> float:
    """Graph matching inside blocks, nothing known: find the key whose people are as alike as a block's rows.

    A block of n rows is described by the sorted similarities of its pairs, field by field, and compared with every
    block of n people on the list; then rows and people are assigned by their sorted similarities. A sample of
    ``blocks`` of at least two and at most 40 rows is attacked; returns the share of **all rows of the pass** that
    falls.
    """
    seen_blocks = [rows for rows in _members(seen.blocks).values() if 2 <= len(rows) <= _LARGEST_BLOCK]
    if not seen_blocks:
        return 0.0
    by_size: dict[int, list[NDArray[np.int64]]] = {}
    for on_list in _members(population.own_blocks[seen.name]).values():
        by_size.setdefault(len(on_list), []).append(on_list)
    chosen = [seen_blocks[i] for i in rng.permutation(len(seen_blocks))[:blocks]]
    right = 0
    described: dict[int, tuple[NDArray[np.float32], NDArray[np.float32]]] = {}
    for rows in chosen:
        size = len(rows)
        if size not in by_size:
            continue
        if size not in described:
            described[size] = _described(population.words[np.stack(by_size[size])], spans)
        wholes, profiles = described[size]
        whole, own = _described(seen.words[rows][None], spans)
        nearest = int(((wholes - whole) ** 2).sum(axis=1).argmin())
        named = by_size[size][nearest][_assign(own[0], profiles[nearest])]
        right += int((population.persons[named] == population.persons[seen.record[rows]]).sum())
    exposed = sum(len(rows) for rows in seen_blocks) / len(seen.record)
    return right / max(1, sum(len(rows) for rows in chosen)) * exposed


def _described(words: NDArray[np.uint64], spans: dict[str, slice]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Describe blocks of one size, given as ``words`` (blocks, rows, words), and each of their rows.

    A block by its sorted similarities, field by field; a row by what does not depend on the others' order: its own.
    """
    size = words.shape[1]
    similar = np.empty((len(words), size, size, len(spans)), dtype=np.float32)
    for field, span in enumerate(spans.values()):
        own = np.ascontiguousarray(words[:, :, span])
        weights = np.bitwise_count(own).sum(axis=2, dtype=np.int32)
        for i in range(size):
            common = np.bitwise_count(own[:, i, None] & own).sum(axis=2, dtype=np.int32)
            similar[:, i, :, field] = 2 * common / np.maximum(weights[:, i, None] + weights, 1)
    first, second = np.triu_indices(size, 1)
    wholes = np.sort(similar[:, first, second], axis=1).reshape(len(words), -1)
    return wholes, np.sort(similar, axis=2).reshape(len(words), size, -1)


def with_strangers(seen: Encoded, population: Population) -> float:
    """Return the share of a pass's rows that lie in a block with another person's row."""
    exposed = 0
    for rows in _members(seen.blocks).values():
        persons = population.persons[seen.record[rows]]
        exposed += len(rows) if (persons != persons[0]).any() else 0
    return exposed / max(1, len(seen.record))


def weight_and_length(seen: Encoded, population: Population, span: slice) -> float:
    """Return the correlation of a name filter's weight with the name's length."""
    weights = as_bits(seen.words[:, span]).sum(axis=1)
    lengths = population.name_lengths[seen.record]
    held = (lengths > 0) & (weights > 0)
    return float(np.corrcoef(weights[held], lengths[held])[0, 1])


def strangers(seen: Encoded, population: Population, span: slice, rng: np.random.Generator) -> tuple[float, float]:
    """Return the mean similarity of rows of different blocks: people of one last name, and people of two."""
    a, b = rng.integers(0, len(seen.record), (2, 200_000))
    same = (population.words[seen.record[a], span] == population.words[seen.record[b], span]).all(axis=1)
    held = (seen.words[a, span].any(axis=1)) & (seen.words[b, span].any(axis=1)) & (seen.blocks[a] != seen.blocks[b])
    means = []
    for chosen in (held & same, held & ~same):
        pairs = np.flatnonzero(chosen)[:20_000]
        one, other = as_bits(seen.words[a[pairs], span]), as_bits(seen.words[b[pairs], span])
        means.append(float(np.mean(2 * (one * other).sum(axis=1) / (one.sum(axis=1) + other.sum(axis=1)))))
    return means[0], means[1]


def shared_bytes(one: tuple[Encoded, ...], other: tuple[Encoded, ...]) -> int:
    """Count block ids and filters that two sets of encodings have in common, whatever the pass."""
    common = len(np.intersect1d(np.concatenate([s.blocks for s in one]), np.concatenate([s.blocks for s in other])))
    for a, b in zip(one, other, strict=True):
        rows_a, rows_b = (np.unique(s.words[s.words.any(axis=1)], axis=0) for s in (a, b))
        both = np.concatenate([rows_a, rows_b])
        common += len(both) - len(np.unique(both, axis=0))
    return common
