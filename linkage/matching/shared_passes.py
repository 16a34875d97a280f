"""Which passes likely matches share, from the checks that rows carry.

Rules:

- A row's checks say inside a block which *earlier* passes two rows share; so in the last pass that a pair shares its
  set of passes is whole. Working back from the last pass, pairs already known are taken off, and what is left of a
  pass shares no later one. No pair is ever followed from pass to pass.
- A pass with many pairs is sampled by whole blocks, which are pseudorandom, and its counts are scaled up.
- A pair counts by its probability of being a match. If an end has a likelier partner in the block, from a source that
  holds nobody twice, it is *taken* as surely as that one is a match: relatives and namesakes of linked records would
  look like matches of which little agrees, and such matches are what the lost ones are inferred from.
- What false pairs a set of passes brings is read from the placebo, the same sets among pairs inside duplicate-free
  sources; those that are taken are known, and taken off.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from linkage.matching.calibration import weighed
from linkage.matching.candidates import PatternTable, gather
from linkage.matching.capture import Captures
from linkage.matching.kernels import Rows, fill_table, keep_rows
from linkage.spec.encodings import EncodedPass, Encodings
from linkage.spec.model import Identifier, LinkageSpec

#: A pass is sampled so that about this many rows and pairs are looked at.
_ROWS, _PAIRS = 200_000, 500_000
#: Pairs less likely than this are left out.
LIKELY = 0.01


class Held(NamedTuple):
    """How many ``pairs``, how many ``matches`` are expected among them, and how many pairs have a ``taken`` end."""

    pairs: float = 0.0
    matches: float = 0.0
    taken: float = 0.0


@dataclass(frozen=True)
class Tally:
    """Likely matches by pair of sources and set of passes (bit p is pass p)."""

    passes: int
    held: Mapping[tuple[int, int], Held]


#: Returns, for pattern codes, the model's and the calibrated probability of a match, each (patterns, source pairs).
Assess = Callable[[NDArray[np.uint64]], tuple[NDArray[np.float64], NDArray[np.float64]]]


def _below(found: EncodedPass, share: float) -> EncodedPass:
    """Keep the blocks whose pseudorandom number lies in the lowest ``share``."""
    kept = found.blocks < np.uint64(min(share, 1.0 - 2**-53) * 2.0**64) if share < 1 else np.ones(found.rows, bool)
    return EncodedPass(
        found.name,
        found.blocks[kept],
        found.tokens[kept],
        found.checks[kept],
        {name: filters[kept] for name, filters in found.filters.items()},
    )


def _share(blocks: Sequence[NDArray[np.uint64]]) -> float:
    """Return the share of blocks to look at."""
    if not blocks:
        return 0.0
    rows = sum(len(held) for held in blocks)
    share = min(1.0, _ROWS / max(rows, 1))
    limit = np.uint64(min(share, 1.0 - 2**-53) * 2.0**64) if share < 1 else np.uint64(2**64 - 1)
    _, sizes = np.unique(np.concatenate([held[held <= limit] for held in blocks]), return_counts=True)
    pairs = float((sizes * (sizes - 1.0) / 2).sum())
    return share * min(1.0, _PAIRS / max(pairs, 1.0))


def _likely(rows: Rows, assess: Assess) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return the two rows of each pair that may be a match, and its calibrated probability."""
    # Hashing differs from block to block, so a pair's pattern here need not be one that was met in an earlier pass.
    met = PatternTable(int(rows.pair_of.max()) + 1)
    met.count(rows, 0, len(rows.block_end))
    codes = met.patterns().codes
    chance, calibrated = assess(codes)
    slots = len(met.codes)
    table, taken = np.zeros(slots, dtype=np.uint64), np.zeros(slots, dtype=bool)
    place = fill_table(table, taken, codes)
    wanted, pattern = np.zeros((slots, chance.shape[1]), dtype=bool), np.zeros(slots, dtype=np.int64)
    wanted[place] = chance >= LIKELY
    pattern[place] = np.arange(len(codes))
    room = max(1, int((rows.block_end - np.arange(len(rows.block_end)) - 1).sum()))
    out = [np.empty(room, dtype=np.uint32) for _ in range(3)]
    _, written = keep_rows(rows, 0, len(rows.block_end), table, taken, wanted, *out)
    a, b, slot = (column[:written].astype(np.int64) for column in out)
    return a, b, calibrated[pattern[slot], rows.pair_of[rows.sources[a], rows.sources[b]]]


def _taken(
    rows: Rows, a: NDArray[np.int64], b: NDArray[np.int64], chance: NDArray[np.float64], exclusive: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return how surely an end of each pair has a likelier partner in the other end's source."""
    of_a, of_b = rows.sources[a].astype(np.int64), rows.sources[b].astype(np.int64)
    sources = len(exclusive)
    # A place for each row and each source that its partner may be from.
    ends = a * sources + of_b, b * sources + of_a
    best = np.zeros(len(rows.sources) * sources)
    for end in ends:
        np.maximum.at(best, end, chance)
    surely = np.zeros(len(a))
    for end, other in zip(ends, (of_b, of_a), strict=True):
        likelier = (best[end] > chance) & exclusive[other] & (of_a != of_b)
        surely = np.maximum(surely, np.where(likelier, best[end], 0.0))
    return surely


def _pass_counts(
    name: str,
    sources: Sequence[Encodings],
    identifiers: tuple[Identifier, ...],
    assess: Assess,
    exclusive: NDArray[np.bool_],
) -> tuple[NDArray[np.int64], NDArray[np.uint64], NDArray[np.float64]]:
    """Return the likely matches of one pass: pair of sources, set of earlier passes, and what a :class:`Held` has."""
    nothing = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.uint64), np.zeros((0, 3))
    # A pass may have to be read from a package: once is enough.
    held = [source.passes.get(name) for source in sources]
    share = _share([found.blocks for found in held if found is not None])
    sampled = [
        replace(source, passes={} if found is None else {name: _below(found, share)})
        for source, found in zip(sources, held, strict=True)
    ]
    del held
    found = gather(name, sampled, identifiers)
    if found is None:
        return nothing
    checks = found.rows.checks
    # Without its checks no pair counts as met before.
    rows = found.rows._replace(checks=np.zeros((len(checks), 0), dtype=np.uint32))
    a, b, expected = _likely(rows, assess)
    taken = _taken(rows, a, b, expected, exclusive)
    shared = (checks[a] == checks[b]) & (checks[a] != 0)
    bits = np.uint64(1) << np.arange(checks.shape[1], dtype=np.uint64)
    counts = np.column_stack([np.ones(len(a)), expected * (1.0 - taken), taken]) / share
    return rows.pair_of[rows.sources[a], rows.sources[b]], (shared * bits).sum(axis=1, dtype=np.uint64), counts


def tally(
    sources: Sequence[Encodings],
    spec: LinkageSpec,
    identifiers: tuple[Identifier, ...],
    assess: Assess,
    exclusive: NDArray[np.bool_],
) -> Tally:
    """Count the likely matches by the set of passes they share; ``exclusive`` (sources,) hold nobody twice."""
    known: dict[tuple[int, int], NDArray[np.float64]] = {}
    for p in reversed(range(len(spec.passes))):
        pair, earlier, counts = _pass_counts(spec.passes[p].name, sources, identifiers, assess, exclusive)
        counted: dict[tuple[int, int], NDArray[np.float64]] = {}
        keys, inverse = np.unique(np.column_stack([pair.astype(np.uint64), earlier]), axis=0, return_inverse=True)
        sums = np.zeros((len(keys), 3))
        np.add.at(sums, inverse.ravel(), counts)
        for (number, mask), held in zip(keys.tolist(), sums, strict=True):
            counted[number, mask | (1 << p)] = held
        upto = (1 << (p + 1)) - 1
        for (number, mask), held in known.items():
            if mask >> p & 1 and (number, mask & upto) in counted:
                counted[number, mask & upto] -= held
        known |= {key: np.maximum(held, 0.0) for key, held in counted.items() if held[0] > 0.5}
    return Tally(len(spec.passes), {key: Held(*held.tolist()) for key, held in known.items()})


def captures(counted: Tally, pair: int, placebo: Sequence[int], scale: float, passes: NDArray[np.bool_]) -> Captures:
    """Return the expected matches of a pair of sources by the set of passes they share.

    ``placebo`` are the numbers of duplicate-free sources with themselves, whose pairs times ``scale`` are what to
    expect of false pairs; the model's own number is the prior. ``passes`` (passes,) are those to tell of.
    """
    masks = sorted(mask for number, mask in counted.held if number == pair)
    own = np.array([counted.held[pair, mask] for mask in masks]).reshape(len(masks), 3)
    pairs, expected, taken = own.T
    # A pair may be taken in one pass and not in the next, so that the rest of a set comes out below nothing.
    free = np.maximum(pairs - taken, 0.0)
    matches = np.minimum(expected, free)
    false = np.array([scale * sum(counted.held.get((p, mask), Held()).pairs for p in placebo) for mask in masks])
    flags = np.array([[mask >> p & 1 for p in range(counted.passes)] for mask in masks], dtype=bool)
    return Captures(
        flags.reshape(len(masks), counted.passes)[:, passes],
        weighed(free, matches, np.maximum(false - taken, 0.0)) if placebo else matches,
    )
