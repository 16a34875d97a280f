"""Candidate pairs: the rows of all sources that share a block, compared identifier by identifier.

Rules:

- Two rows are compared only within a block of a pass. A pair that shares several passes is counted once, in the first.
- Pairs within a source are compared too: in a source without duplicates every link among them is false, which measures
  precision without labels; in a source that may hold duplicates they are what deduplication needs.
- What is kept of a pair is its pattern code: for each identifier the level of agreement, three bits each, 0 missing.
- Two identifiers of one group (first and last name) are compared crosswise where that agrees much better, and their
  order is one more thing to agree on: :data:`NAME_ORDER`, level 1 swapped, level 2 as they stand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linkage.matching.kernels import compare_rows, weigh
from linkage.spec.encodings import Encodings
from linkage.spec.levels import cut_table
from linkage.spec.model import Filter, Identifier, Kind, LinkageSpec

Progress = Callable[[float], None]

#: A batch holds at most about this many pairs, which bounds memory at 64 MB of output.
_BATCH_PAIRS = 4_000_000


#: What the last place of a pattern code says where two identifiers may be swapped. It has no filter of its own.
NAME_ORDER = Identifier(
    name="name_order", kind=Kind.CODE, about="person", filter=Filter(bits=64, set_bits=8), cuts=(0.999,)
)


@dataclass(frozen=True)
class Candidates:
    """Compared pairs of one pass; all arrays have shape (pairs,).

    ``source_*`` index the list of sources, ``token_*`` are the rows' pass tokens, ``code`` the agreement pattern.
    """

    name: str
    source_a: NDArray[np.uint16]
    token_a: NDArray[np.uint64]
    source_b: NDArray[np.uint16]
    token_b: NDArray[np.uint64]
    code: NDArray[np.uint64]


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
class _Rows:
    """One pass of all sources in block order."""

    block_end: NDArray[np.int64]
    sources: NDArray[np.uint16]
    tokens: NDArray[np.uint64]
    checks: NDArray[np.uint32]
    filters: NDArray[np.uint64]


def _gather(name: str, sources: Sequence[Encodings], identifiers: tuple[Identifier, ...]) -> _Rows | None:
    holding = [(index, source.passes[name]) for index, source in enumerate(sources) if name in source.passes]
    if not holding:
        return None
    blocks = np.concatenate([found.blocks for _, found in holding])
    order = np.argsort(blocks, kind="stable")
    # Only rows that share a block with another row can make a pair.
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
    words = np.cumsum([0, *(identifier.filter.words for identifier in identifiers)])
    filters = np.zeros((len(order), int(words[-1])), dtype=np.uint64)
    for (_, found), start in zip(holding, starts[:-1], strict=True):
        mine = (order >= start) & (order < start + found.rows)
        local = order[mine] - start
        for f, identifier in enumerate(identifiers):
            if identifier.name in found.filters:
                filters[mine, words[f] : words[f + 1]] = found.filters[identifier.name][local]
    return _Rows(
        block_end=block_end,
        sources=np.concatenate([np.full(f.rows, i, dtype=np.uint16) for i, f in holding])[order],
        tokens=np.concatenate([found.tokens for _, found in holding])[order],
        checks=np.concatenate([found.checks for _, found in holding])[order],
        filters=filters,
    )


def _batches(block_end: NDArray[np.int64]) -> Iterator[tuple[int, int, int]]:
    """Yield (first row, last row, room for pairs) so that no batch is larger than needed."""
    followers = np.cumsum(block_end - np.arange(len(block_end)) - 1)
    first = 0
    while first < len(followers):
        before = followers[first - 1] if first else 0
        last = int(np.searchsorted(followers, before + _BATCH_PAIRS, side="right"))
        last = max(last, first + 1)
        yield first, last, int(followers[last - 1] - before)
        first = last


def compare_pass(name: str, sources: Sequence[Encodings], identifiers: tuple[Identifier, ...]) -> Iterator[Candidates]:
    """Compare the pairs of one pass, in batches."""
    identifiers = tuple(identifier for identifier in identifiers if identifier is not NAME_ORDER)
    rows = _gather(name, sources, identifiers)
    if rows is None:
        return
    crossed = _crossed(identifiers)
    words = np.cumsum([0, *(identifier.filter.words for identifier in identifiers)]).astype(np.int64)
    weights = np.zeros((len(rows.tokens), len(identifiers)), dtype=np.uint16)
    weigh(rows.filters, words, weights)
    compared = np.ones((len(sources), len(sources)), dtype=bool)
    cuts = cut_table(identifiers)
    for first, last, room in _batches(rows.block_end):
        a, b = np.empty(room, dtype=np.uint32), np.empty(room, dtype=np.uint32)
        code = np.empty(room, dtype=np.uint64)
        written = compare_rows(
            first, last, rows.block_end, rows.sources, compared, rows.checks,
            rows.filters, weights, words, cuts, crossed, a, b, code,
        )  # fmt: skip
        if written:
            a, b = a[:written], b[:written]
            yield Candidates(
                name, rows.sources[a], rows.tokens[a], rows.sources[b], rows.tokens[b], code[:written].copy()
            )


def compare(sources: Sequence[Encodings], spec: LinkageSpec, progress: Progress = lambda _: None) -> list[Candidates]:
    """Compare all candidate pairs of all passes."""
    identifiers = compared_identifiers(sources, spec)
    found: list[Candidates] = []
    for done, blocking in enumerate(spec.passes):
        found.extend(compare_pass(blocking.name, sources, identifiers))
        progress((done + 1) / len(spec.passes))
    return found
