"""Pass-salted field-level Bloom filters: the default encoding.

Rules (docs/encoding.md gives the bytes):

- For each pass, a record's **block id** is a CMAC of the digests of the pass's key parts. A record that cannot give a
  part, or whose block in this extract is crowded (exceeds its cap), takes no part in the pass.
- A filter's positions are a CMAC of *block id, feature digest*: two records in different blocks have independent random
  filters, two records in one block have filters whose Dice similarity is that of their features.
- A **check** is a CMAC of *this block id, an earlier pass's block id*, cut to 32 bits: equal for two rows of a block
  exactly if they also share the earlier block.
- Rows carry random tokens and are sorted by them, so that nothing of the file's order is left.
- All keys are derived from the shared secret by label; no key is used for two things.
- First everything that a million records need once (:func:`plan`), then one pass after another
  (:func:`encode_pass`), so that no more than one pass lies in memory unless a caller keeps it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linkage.errors import LinkageError
from linkage.hashing.features import Features, features
from linkage.hashing.kernels import check_messages, cut_checks, filter_messages, set_bits
from linkage.hashing.prepare import Prepared, Values
from linkage.hashing.prf import SPARE_BYTES, Blocks, BulkCmac, digests
from linkage.spec.encodings import EncodedPass
from linkage.spec.model import Identifier, LinkageSpec, Pass

#: Derives a 32-byte key from the shared secret and a label.
Derive = Callable[[str], bytes]
#: Returns as many random bytes as asked for.
RandomBytes = Callable[[int], bytes]
#: Told the share of the work that is done, in [0, 1].
Progress = Callable[[float], None]

#: Rows that a thread handles at a time: their messages and tags stay in its processor's cache.
_CHUNK_ROWS = 4096
_FIRST_ROOM = 1 << 17
#: Draws of tokens after which the random source, not chance, is to blame for a repeated one.
_MOST_DRAWS = 4


@dataclass(frozen=True)
class FeatureTable:
    """An identifier's values and features, and the keyed digest of each distinct feature, shape (texts, 2)."""

    identifier: Identifier
    codes: NDArray[np.int32]
    features: Features
    digests: Blocks


@dataclass(frozen=True)
class EncodingPlan:
    """All that the passes of a source have in common.

    ``blocks`` has shape (records, passes, 2), ``present`` (records, passes), ``tokens`` (passes, records), 0 where a
    record takes no part. Passes are the spec's, in its order; one that the source cannot give has no record present.
    """

    spec: LinkageSpec
    tables: tuple[FeatureTable, ...]
    blocks: NDArray[np.uint64]
    present: NDArray[np.bool_]
    tokens: NDArray[np.uint64]
    over_cap: Mapping[str, int]

    @property
    def passes(self) -> tuple[str, ...]:
        """Names of the passes that the source can give."""
        return tuple(self.over_cap)

    def rows(self, name: str) -> int:
        """Return the number of records that take part in a pass."""
        return int(np.count_nonzero(self.tokens[self.position(name)]))

    def position(self, name: str) -> int:
        """Return the place of a pass in the spec."""
        return [blocking.name for blocking in self.spec.passes].index(name)

    def tokens_of(self) -> dict[str, NDArray[np.uint64]]:
        """Return the tokens of each pass, shape (records,)."""
        return {name: self.tokens[self.position(name)] for name in self.passes}


@dataclass(frozen=True)
class EncodedSource:
    """A source's passes, the pass tokens of each record, and what was left out.

    ``tokens[name]`` has shape (records,), 0 where a record takes no part; ``over_cap[name]`` counts the records that a
    pass left out because their block is crowded.
    """

    passes: Mapping[str, EncodedPass]
    tokens: Mapping[str, NDArray[np.uint64]]
    over_cap: Mapping[str, int]


def feature_table(values: Values, derive: Derive) -> FeatureTable:
    """Digest the features of an identifier's distinct values."""
    identifier = values.identifier
    found = features(identifier.kind, values.distinct, identifier.filter)
    return FeatureTable(
        identifier, values.codes, found, digests(derive(f"features/{identifier.group or identifier.name}"), found.texts)
    )


class _Room:
    """Memory that is used again and again: the messages of a chunk and their tags."""

    def __init__(self) -> None:
        self.grow(_FIRST_ROOM)

    def grow(self, messages: int) -> None:
        self.messages = np.empty((messages, 2), dtype=np.uint64)
        self.tags = np.empty(16 * messages + SPARE_BYTES, dtype=np.uint8)


def block_filters(
    rows: NDArray[np.int64],
    states: Blocks,
    table: FeatureTable,
    keyed: BulkCmac,
    filters: NDArray[np.uint64],
    room: _Room | None = None,
    places: NDArray[np.int64] | None = None,
) -> None:
    """Write the filters of some records of one identifier under their blocks' keys to ``filters`` (rows, words).

    ``places`` says to which rows of ``filters``; by default in order.
    """
    room = room or _Room()
    places = np.arange(len(rows)) if places is None else places
    found = table.features
    while True:
        written = filter_messages(
            table.codes, rows, found.offsets, found.numbers, table.digests, states, keyed.last_mask, room.messages
        )
        if written >= 0:
            break
        room.grow(2 * len(room.messages))
    tags = keyed.permute(room.messages[:written], room.tags).view(np.uint8).reshape(-1, 16)
    set_bits(table.codes, rows, places, found.offsets, found.counts, tags, table.identifier.filter.bits, filters)


def _sorted_parts(parts: list[Blocks]) -> list[Blocks]:
    """Put each record's part digests into ascending order, so that their places do not matter."""
    stacked = np.stack(parts)
    order = np.lexsort((stacked[:, :, 1], stacked[:, :, 0]), axis=0)
    return list(np.take_along_axis(stacked, order[:, :, None], axis=0))


class _KeyParts:
    """The parts of pass keys, each taken from the distinct values once."""

    def __init__(self, prepared: Prepared) -> None:
        self._prepared = prepared
        self._known: dict[str, tuple[NDArray[np.int32], tuple[str, ...]]] = {}

    def blocks(self, blocking: Pass, derive: Derive) -> tuple[Blocks, NDArray[np.bool_]]:
        """Return each record's 16-byte block id and whether it has one."""
        parts, present = [], np.ones(self._prepared.records, dtype=bool)
        for part in blocking.parts:
            if part.label not in self._known:
                self._known[part.label] = self._prepared.values[part.identifier].key_parts(part.transform)
            codes, texts = self._known[part.label]
            present &= codes >= 0
            label = "any" if blocking.unordered else part.label
            table = digests(derive(f"key-part/{blocking.name}/{label}"), texts)
            parts.append(table[codes] if len(texts) else np.zeros((len(codes), 2), dtype=np.uint64))
        if blocking.unordered:
            parts = _sorted_parts(parts)
        return BulkCmac(derive(f"block/{blocking.name}")).tags(*parts), present


def _crowded(blocks: NDArray[np.uint64], cap: int) -> NDArray[np.bool_]:
    """Tell which of these block ids occur more than ``cap`` times."""
    order = np.argsort(blocks)
    ordered = blocks[order]
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])) if len(blocks) else np.empty(0, dtype=int)
    sizes = np.diff(np.append(starts, len(blocks)))
    crowded = np.empty(len(blocks), dtype=bool)
    crowded[order] = np.repeat(sizes > cap, sizes)
    return crowded


def _random_tokens(count: int, random_bytes: RandomBytes) -> NDArray[np.uint64]:
    """Return distinct, non-zero random 64-bit tokens.

    Raises
    ------
    LinkageError
        If the source of random bytes repeats itself; a sound one does so in one of half a million draws of 8 million.
    """
    for _ in range(_MOST_DRAWS):
        tokens = np.frombuffer(random_bytes(8 * count), dtype=np.uint64)
        ordered = np.sort(tokens)
        if tokens.all() and (ordered[1:] != ordered[:-1]).all():
            return tokens
    raise LinkageError(
        f"the source of random numbers repeats itself: each of {_MOST_DRAWS} draws of {count:,} tokens holds one twice",
        advice="this machine's random number generator is not to be trusted: use another machine",
    )


def plan(prepared: Prepared, spec: LinkageSpec, derive: Derive, random_bytes: RandomBytes) -> EncodingPlan:
    """Find the blocks of a prepared source, draw its tokens and take its values apart.

    Passes whose identifiers the source lacks are left out.
    """
    tables = tuple(feature_table(values, derive) for values in prepared.values.values())
    blocks = np.zeros((prepared.records, len(spec.passes), 2), dtype=np.uint64)
    present = np.zeros((prepared.records, len(spec.passes)), dtype=bool)
    tokens = np.zeros((len(spec.passes), prepared.records), dtype=np.uint64)
    over_cap: dict[str, int] = {}
    parts = _KeyParts(prepared)
    for p, blocking in enumerate(spec.passes):
        if not all(prepared.can_give(part) for part in blocking.parts):
            continue
        blocks[:, p], given = parts.blocks(blocking, derive)
        members = np.flatnonzero(given)
        crowded = _crowded(blocks[members, p, 0], spec.cap(blocking))
        over_cap[blocking.name] = int(crowded.sum())
        members = members[~crowded]
        present[members, p] = True
        tokens[p, members] = _random_tokens(len(members), random_bytes)
    return EncodingPlan(spec, tables, blocks, present, tokens, over_cap)


def encode_pass(plan: EncodingPlan, name: str, derive: Derive, threads: int | None = None) -> EncodedPass:
    """Encode one pass of a plan, on as many threads as there are processors."""
    p = plan.position(name)
    members = np.flatnonzero(plan.present[:, p])
    drawn = plan.tokens[p, members]
    order = np.argsort(drawn)
    # Records are encoded in the file's order, in which their values lie side by side, and put down in random order.
    places = np.empty(len(members), dtype=np.int64)
    places[order] = np.arange(len(members))
    checks = np.empty((len(members), p), dtype=np.uint32)
    filters = [np.empty((len(members), table.identifier.filter.words), dtype=np.uint64) for table in plan.tables]
    filtering, checking = BulkCmac(derive(f"filter/{name}")), BulkCmac(derive(f"check/{name}"))

    def work(chunks: range) -> None:
        room = _Room()
        for start in chunks:
            rows = members[start : start + _CHUNK_ROWS]
            own_places = places[start : start + _CHUNK_ROWS]
            own = plan.blocks[rows, p]
            states = filtering.absorb(own)
            for table, found in zip(plan.tables, filters, strict=True):
                block_filters(rows, states, table, filtering, found, room, own_places)
            if p:
                if len(rows) * p > len(room.messages):
                    room.grow(len(rows) * p)
                states = checking.absorb(own)
                written = check_messages(rows, plan.blocks, plan.present, p, states, checking.last_mask, room.messages)
                tags = checking.permute(room.messages[:written], room.tags).view(np.uint32).reshape(-1, 4)
                cut_checks(rows, own_places, plan.present, tags, checks)

    workers = threads or os.cpu_count() or 1
    step = _CHUNK_ROWS * workers
    shares = [range(first, len(members), step) for first in range(0, min(step, len(members)), _CHUNK_ROWS)]
    with ThreadPoolExecutor(workers) as pool:
        for done in [pool.submit(work, share) for share in shares]:
            done.result()
    return EncodedPass(
        name=name,
        blocks=plan.blocks[members[order], p, 0],
        tokens=drawn[order],
        checks=checks,
        filters={table.identifier.name: found for table, found in zip(plan.tables, filters, strict=True)},
    )


def encode(
    prepared: Prepared,
    spec: LinkageSpec,
    derive: Derive,
    random_bytes: RandomBytes,
    progress: Progress = lambda _: None,
) -> EncodedSource:
    """Encode a prepared source under a spec, all passes at once."""
    planned = plan(prepared, spec, derive, random_bytes)
    passes = {}
    for done, name in enumerate(planned.passes):
        passes[name] = encode_pass(planned, name, derive)
        progress((done + 1) / len(planned.passes))
    return EncodedSource(passes, planned.tokens_of(), planned.over_cap)
