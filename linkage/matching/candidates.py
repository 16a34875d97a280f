"""Candidate pairs: the rows of all sources that share a block, compared identifier by identifier.

Rules:

- Two rows are compared only within a block of a pass. A pair that shares several passes is counted once, in the first.
- Pairs within a source are compared too: in a source without duplicates every link among them is false, which measures
  precision without labels; in a source that may hold duplicates they are what deduplication needs.
- What is kept of a pair is its pattern code: for each identifier the level of agreement, three bits each, 0 missing.
- Pairs are remembered while their patterns are counted, up to :data:`MOST_REMEMBERED`; a pass with more is walked again
  for the pairs that are kept. So memory is bounded, and the usual run reads everything once.
- Two identifiers of one group (first and last name) are compared crosswise where that agrees much better, and their
  order is one more thing to agree on: :data:`NAME_ORDER`, level 1 swapped, level 2 as they stand.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from linkage.matching.kernels import Rows, count_rows, fill_table, keep_rows, merge_tables, place_checks, place_filters
from linkage.matching.patterns import pair_table
from linkage.spec.encodings import Encodings
from linkage.spec.levels import cut_table
from linkage.spec.model import Filter, Identifier, Kind, LinkageSpec

Progress = Callable[[float], None]

#: Kernels release the interpreter, so threads are processors.
THREADS = os.cpu_count() or 1
#: A thread takes about so many pairs at a time; a hash table begins with so many slots; pairs are kept by so many.
_STRETCH_PAIRS, _FIRST_SLOTS, _KEPT_AT_ONCE = 500_000, 1 << 14, 1 << 16


#: So many pairs are remembered, of 28 bytes each.
MOST_REMEMBERED = 30_000_000

#: What the last place of a pattern code says where two identifiers may be swapped. It has no filter of its own.
NAME_ORDER = Identifier(
    name="name_order", kind=Kind.CODE, about="person", filter=Filter(bits=64, set_bits=8), cuts=(0.999,)
)


def compared_identifiers(sources: Sequence[Encodings], spec: LinkageSpec) -> tuple[Identifier, ...]:
    """Return the identifiers that two sources (or the only one) have, in the order of a pattern code's places."""
    needed = min(2, len(sources))
    shared = tuple(
        identifier
        for identifier in spec.identifiers
        if sum(identifier.name in source.statistics.rates for source in sources) >= needed
    )
    return (*shared, NAME_ORDER) if _crossed(shared)[0] >= 0 else shared


def _crossed(identifiers: tuple[Identifier, ...]) -> tuple[int, int]:
    """Return the places of two identifiers of one group, (-1, -1) where there are none."""
    for f, first in enumerate(identifiers):
        for g, second in enumerate(identifiers[f + 1 :], start=f + 1):
            if first.group is not None and first.group == second.group and first.filter == second.filter:
                return f, g
    return -1, -1


@dataclass(frozen=True)
class PassRows:
    """One pass of all sources: what the kernels compare, and the pass token of each row."""

    name: str
    rows: Rows
    tokens: NDArray[np.uint64]
    pairs: int


@dataclass(frozen=True)
class Patterns:
    """Agreement patterns and how often each occurs: ``codes`` (patterns,), ``counts`` (patterns, source pairs)."""

    codes: NDArray[np.uint64]
    counts: NDArray[np.float64]


@dataclass(frozen=True)
class Candidates:
    """The pairs of one pass that were remembered, as in :class:`KeptPairs`, and their pattern ``codes`` (pairs,)."""

    name: str
    source_a: NDArray[np.uint16]
    token_a: NDArray[np.uint64]
    source_b: NDArray[np.uint16]
    token_b: NDArray[np.uint64]
    codes: NDArray[np.uint64]


@dataclass(frozen=True)
class Compared:
    """All pairs compared: how often each pattern occurs, and the pairs of the passes that were remembered."""

    patterns: Patterns
    remembered: Mapping[str, Candidates]


@dataclass(frozen=True)
class KeptPairs:
    """Pairs of one pass that are kept; all arrays have shape (pairs,).

    ``source_*`` index the list of sources, ``token_*`` are the rows' pass tokens, ``pattern`` the place of the pair's
    pattern in :class:`Patterns`.
    """

    name: str
    source_a: NDArray[np.uint16]
    token_a: NDArray[np.uint64]
    source_b: NDArray[np.uint16]
    token_b: NDArray[np.uint64]
    pattern: NDArray[np.int64]


def least_common(identifiers: Sequence[Identifier]) -> NDArray[np.int16]:
    """Return the common bits that reach each cut, by the sum of two weights: shape (identifiers, sums, cuts)."""
    cuts = cut_table(tuple(identifiers))
    most = 2 * max(identifier.filter.bits for identifier in identifiers)
    common = np.arange(most + 1)
    least = np.full((len(identifiers), most + 1, cuts.shape[1]), np.iinfo(np.int16).max, dtype=np.int16)
    for f, row in enumerate(cuts):
        for c, cut in enumerate(row):
            if cut > 0:
                # As level_of decides: 2 c >= cut * (a + b).
                least[f, :, c] = np.searchsorted(2.0 * common, cut * common.astype(np.float64))
    return least


def gather(name: str, sources: Sequence[Encodings], identifiers: tuple[Identifier, ...]) -> PassRows | None:
    """Bring the rows of one pass that share a block with another row into block order; None if there are none."""
    identifiers = tuple(identifier for identifier in identifiers if identifier is not NAME_ORDER)
    holding = [(index, source.passes[name]) for index, source in enumerate(sources) if name in source.passes]
    if not holding:
        return None
    blocks = np.concatenate([found.blocks for _, found in holding])
    order = np.argsort(blocks, kind="stable")
    ordered = blocks[order]
    same = ordered[1:] == ordered[:-1]
    paired = np.zeros(len(order), dtype=bool)
    paired[1:] |= same
    paired[:-1] |= same
    order, ordered = order[paired], ordered[paired]
    if not len(order):
        return None
    last_of_block = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
    block_end = np.repeat(last_of_block + 1, np.diff(np.append(-1, last_of_block)))

    starts = np.cumsum([0, *(found.rows for _, found in holding)])
    words = np.cumsum([0, *(identifier.filter.words for identifier in identifiers)]).astype(np.int64)
    filters = np.zeros((len(order), int(words[-1])), dtype=np.uint64)
    weights = np.zeros((len(order), len(identifiers)), dtype=np.uint16)
    checks = np.empty((len(order), holding[0][1].checks.shape[1]), dtype=np.uint32)
    copies: list[Callable[[], None]] = []
    for (_, found), start in zip(holding, starts[:-1], strict=True):
        places = np.flatnonzero((order >= start) & (order < start + found.rows))
        taken = order[places] - start
        copies.append(partial(place_checks, found.checks, taken, places, checks))
        for f, identifier in enumerate(identifiers):
            given = found.filters.get(identifier.name)
            if given is not None:
                into = filters[:, words[f] : words[f + 1]]
                copies.append(partial(place_filters, given, taken, places, into, weights[:, f]))
    with ThreadPoolExecutor(THREADS) as pool:
        for copied in [pool.submit(copy) for copy in copies]:
            copied.result()
    crossed = _crossed(identifiers)
    rows = Rows(
        block_end=block_end,
        sources=np.concatenate([np.full(f.rows, i, dtype=np.uint16) for i, f in holding])[order],
        checks=checks,
        filters=filters,
        words=words,
        weights=weights,
        least=least_common(identifiers),
        cuts=np.array([len(identifier.cuts) for identifier in identifiers], dtype=np.int64),
        first=crossed[0],
        second=crossed[1],
        pair_of=pair_table(len(sources)),
    )
    tokens = np.concatenate([found.tokens for _, found in holding])[order]
    return PassRows(name, rows, tokens, int((block_end - np.arange(len(block_end)) - 1).sum()))


def _stretches(rows: Rows) -> list[tuple[int, int]]:
    """Divide the rows into stretches of about equally many pairs, for the threads."""
    followers = np.cumsum(rows.block_end - np.arange(len(rows.block_end)) - 1)
    total = int(followers[-1])
    parts = max(1, min(64, total // _STRETCH_PAIRS))
    bounds = np.searchsorted(followers, np.linspace(0, total, parts + 1)[1:-1])
    edges = [0, *(int(bound) for bound in bounds), len(followers)]
    return [(a, b) for a, b in pairwise(edges) if a < b]


class PatternTable:
    """A hash table of pattern counts that grows as patterns are found."""

    def __init__(self, source_pairs: int, slots: int = _FIRST_SLOTS) -> None:
        self.codes = np.zeros(slots, dtype=np.uint64)
        self.taken = np.zeros(slots, dtype=bool)
        self.counts = np.zeros((slots, source_pairs), dtype=np.int64)

    def count(self, rows: Rows, first: int, last: int, pairs: int = 0) -> tuple[NDArray[np.uint32], NDArray[np.uint64]]:
        """Count the pairs of rows ``first:last`` with the later rows of their blocks.

        With room for ``pairs``, returns the rows of each pair, shape (pairs, 2), and its code; else nothing.
        """
        longest = int((rows.block_end[first:last] - np.arange(first, last)).max())
        out, codes, written = np.empty((pairs, 2), dtype=np.uint32), np.empty(pairs, dtype=np.uint64), 0
        while first < last:
            room = len(self.codes) // 2 - int(self.taken.sum())
            if room < longest:
                self._grow(2 * len(self.codes))
                continue
            first, written = count_rows(
                rows, first, last, self.codes, self.taken, self.counts, room, out, codes, written
            )
        return out[:written].copy(), codes[:written].copy()

    def _grow(self, slots: int) -> None:
        larger = PatternTable(self.counts.shape[1], slots)
        larger.add(self)
        self.codes, self.taken, self.counts = larger.codes, larger.taken, larger.counts

    def add(self, other: PatternTable) -> None:
        """Add another table's counts to this one."""
        while int(self.taken.sum()) + int(other.taken.sum()) > len(self.codes) // 2:
            self._grow(2 * len(self.codes))
        merge_tables(self.codes, self.taken, self.counts, other.codes, other.taken, other.counts)

    def patterns(self) -> Patterns:
        """Return the patterns in ascending order of their codes."""
        found = np.flatnonzero(self.taken)
        order = found[np.argsort(self.codes[found])]
        return Patterns(self.codes[order], self.counts[order].astype(np.float64))


def compare(
    sources: Sequence[Encodings], spec: LinkageSpec, progress: Progress = lambda _: None, threads: int = THREADS
) -> Compared:
    """Compare all candidate pairs: count their agreement patterns, and remember them where there is room."""
    identifiers = compared_identifiers(sources, spec)
    total = PatternTable(len(sources) * (len(sources) + 1) // 2)
    remembered: dict[str, Candidates] = {}
    left = MOST_REMEMBERED
    with ThreadPoolExecutor(threads) as pool:
        for done, blocking in enumerate(spec.passes):
            found = gather(blocking.name, sources, identifiers)
            if found is not None:
                remember = found.pairs <= left
                left -= found.pairs if remember else 0
                parts = []
                for table, rows, codes in pool.map(
                    lambda part, rows=found.rows, remember=remember: _counted(rows, part, remember),
                    _stretches(found.rows),
                ):
                    total.add(table)
                    parts.append((rows, codes))
                if remember:
                    remembered[blocking.name] = _candidates(found, parts)
            progress((done + 1) / len(spec.passes))
    return Compared(total.patterns(), remembered)


def _counted(
    rows: Rows, stretch: tuple[int, int], remember: bool
) -> tuple[PatternTable, NDArray[np.uint32], NDArray[np.uint64]]:
    first, last = stretch
    pairs = int((rows.block_end[first:last] - np.arange(first, last) - 1).sum()) if remember else 0
    table = PatternTable(int(rows.pair_of.max()) + 1)
    return table, *table.count(rows, first, last, pairs)


def _candidates(found: PassRows, parts: Sequence[tuple[NDArray[np.uint32], NDArray[np.uint64]]]) -> Candidates:
    a, b = np.concatenate([rows for rows, _ in parts]).T
    sources, tokens = found.rows.sources, found.tokens
    codes = np.concatenate([codes for _, codes in parts])
    return Candidates(found.name, sources[a], tokens[a], sources[b], tokens[b], codes)


def keep(
    sources: Sequence[Encodings],
    spec: LinkageSpec,
    compared: Compared,
    wanted: NDArray[np.bool_],
    progress: Progress = lambda _: None,
    threads: int = THREADS,
) -> Iterator[KeptPairs]:
    """Yield the candidate pairs whose pattern is ``wanted`` (patterns, source pairs), pass by pass."""
    identifiers = compared_identifiers(sources, spec)
    patterns, pair_of = compared.patterns, pair_table(len(sources))
    slots = _FIRST_SLOTS
    while slots < 4 * len(patterns.codes):
        slots *= 2
    codes, taken = np.zeros(slots, dtype=np.uint64), np.zeros(slots, dtype=bool)
    place = fill_table(codes, taken, patterns.codes)
    by_slot = np.zeros((slots, wanted.shape[1]), dtype=bool)
    by_slot[place] = wanted
    pattern_of = np.zeros(slots, dtype=np.int64)
    pattern_of[place] = np.arange(len(place))
    with ThreadPoolExecutor(threads) as pool:
        for done, blocking in enumerate(spec.passes):
            held = compared.remembered.get(blocking.name)
            if held is not None:
                yield _kept_of(held, patterns, wanted, pair_of)
                continue
            found = gather(blocking.name, sources, identifiers)
            if found is not None:
                kept = pool.map(
                    lambda part, rows=found.rows: _kept(rows, part, codes, taken, by_slot), _stretches(found.rows)
                )
                for a, b, slot in kept:
                    rows = found.rows
                    yield KeptPairs(
                        blocking.name, rows.sources[a], found.tokens[a], rows.sources[b], found.tokens[b],
                        pattern_of[slot],
                    )  # fmt: skip
            progress((done + 1) / len(spec.passes))


def _kept_of(held: Candidates, patterns: Patterns, wanted: NDArray[np.bool_], pair_of: NDArray[np.int64]) -> KeptPairs:
    pattern = np.searchsorted(patterns.codes, held.codes)
    kept = wanted[pattern, pair_of[held.source_a, held.source_b]]
    return KeptPairs(
        held.name, held.source_a[kept], held.token_a[kept], held.source_b[kept], held.token_b[kept], pattern[kept]
    )


def _kept(
    rows: Rows,
    stretch: tuple[int, int],
    codes: NDArray[np.uint64],
    taken: NDArray[np.bool_],
    wanted: NDArray[np.bool_],
) -> tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.uint32]]:
    first, last = stretch
    longest = int((rows.block_end[first:last] - np.arange(first, last)).max())
    size = max(_KEPT_AT_ONCE, longest)
    out = [np.empty(size, dtype=np.uint32) for _ in range(3)]
    parts: list[list[NDArray[np.uint32]]] = [[], [], []]
    while first < last:
        first, written = keep_rows(rows, first, last, codes, taken, wanted, *out)
        for part, column in zip(parts, out, strict=True):
            part.append(column[:written].copy())
    a, b, slot = (np.concatenate(part) for part in parts)
    return a, b, slot
