"""Pass-salted field-level Bloom filters: the default encoding.

Rules (docs/encoding.md gives the bytes):

- For each pass, a record's **block id** is a CMAC of the digests of the pass's key parts. A record that cannot give a
  part, or whose block in this extract is crowded (:mod:`linkage.hashing.blocks`), takes no part in the pass.
- A filter's positions are a CMAC of *block id, feature digest*: two records in different blocks have independent random
  filters, two records in one block have filters whose Dice similarity is that of their features.
- A **check** is a CMAC of *this block id, an earlier pass's block id*, cut to 32 bits: equal for two rows of a block
  exactly if they also share the earlier block.
- Rows carry random tokens and are sorted by them, so that nothing of the file's order is left.
- All keys are derived from the shared secret by label; no key is used for two things.
- First everything that a million records need once (:func:`plan`), then pass by pass (:func:`encode_pass`), so that no
  more passes lie in memory than a caller makes at a time or keeps.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linkage.errors import LinkageError
from linkage.hashing.blocks import Keys, Part, pass_blocks
from linkage.hashing.entries import Entries, Found, TakingPart
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

    Passes are the spec's, in its order; one that the source cannot give has no entry and is not in ``over_cap``.
    """

    spec: LinkageSpec
    records: int
    tables: tuple[FeatureTable, ...]
    entries: Entries
    over_cap: Mapping[str, int]

    @property
    def passes(self) -> tuple[str, ...]:
        """Names of the passes that the source can give."""
        return tuple(self.over_cap)

    @property
    def rows_by_pass(self) -> dict[str, int]:
        """The number of records that take part in each pass."""
        rows = np.bincount(self.entries.passes, minlength=len(self.spec.passes))
        return {name: int(rows[self.position(name)]) for name in self.passes}

    def position(self, name: str) -> int:
        """Return the place of a pass in the spec."""
        return [blocking.name for blocking in self.spec.passes].index(name)

    def taking_part(self, name: str) -> TakingPart:
        """Return the records that take part in a pass."""
        return self.entries.of_pass(self.position(name))

    def tokens_of(self) -> dict[str, NDArray[np.uint64]]:
        """Return the tokens of each pass, shape (records,), 0 where a record takes no part."""
        tokens = np.zeros((len(self.spec.passes), self.records), dtype=np.uint64)
        tokens[self.entries.passes, self.entries.rows] = self.entries.tokens
        return {name: tokens[self.position(name)] for name in self.passes}


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
) -> None:
    """Write the filters of some records of one identifier under their blocks' keys to ``filters`` (rows, words)."""
    room = room or _Room()
    found = table.features
    while True:
        written = filter_messages(
            table.codes, rows, found.offsets, found.numbers, table.digests, states, keyed.last_mask, room.messages
        )
        if written >= 0:
            break
        room.grow(2 * len(room.messages))
    tags = keyed.permute(room.messages[:written], room.tags).view(np.uint8).reshape(-1)
    set_bits(
        table.codes, rows, found.offsets, found.layouts, found.layout_starts, found.tag_bytes, tags,
        table.identifier.filter.bits, filters,
    )  # fmt: skip


def _sorted_parts(parts: list[Blocks]) -> list[Blocks]:
    """Put each record's part digests into ascending order, so that their places do not matter."""
    for last in range(len(parts) - 1, 0, -1):
        for i in range(last):
            a, b = parts[i], parts[i + 1]
            swapped = (a[:, 0] > b[:, 0]) | ((a[:, 0] == b[:, 0]) & (a[:, 1] > b[:, 1]))
            parts[i], parts[i + 1] = np.where(swapped[:, None], b, a), np.where(swapped[:, None], a, b)
    return parts


def _block_ids(blocking: Pass, parts: list[Part], rows: NDArray[np.int64], derive: Derive) -> Blocks:
    """Return the 16-byte block ids of records that can give the key of a pass."""
    found = [
        digests(derive(f"key-part/{blocking.name}/{'any' if blocking.unordered else part.label}"), texts)[codes[rows]]
        for part, (codes, texts) in zip(blocking.parts, parts, strict=True)
    ]
    if blocking.unordered:
        found = _sorted_parts(found)
    return BulkCmac(derive(f"block/{blocking.name}")).tags(*found)


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
    found: list[Found] = []
    over_cap: dict[str, int] = {}
    keys = Keys(prepared)
    for blocking, shared, crowded in pass_blocks(prepared, spec, keys):
        over_cap[blocking.name] = int(crowded.sum())
        rows = shared.rows[~crowded]
        blocks = _block_ids(blocking, keys.parts(blocking), rows, derive)
        found.append(Found(spec.passes.index(blocking), rows, blocks, _random_tokens(len(rows), random_bytes)))
    return EncodingPlan(spec, prepared.records, tables, Entries.of(prepared.records, found), over_cap)


def encode_pass(plan: EncodingPlan, name: str, derive: Derive, threads: int | None = None) -> EncodedPass:
    """Encode one pass of a plan, on as many threads as there are processors."""
    members = plan.taking_part(name)
    # In the file's order, in which values lie side by side; the rows are put into random order when all are there.
    filters = [np.empty((len(members.rows), table.identifier.filter.words), dtype=np.uint64) for table in plan.tables]
    checks = np.empty((len(members.rows), plan.position(name)), dtype=np.uint32)
    filtering, checking = BulkCmac(derive(f"filter/{name}")), BulkCmac(derive(f"check/{name}"))

    def work(starts: range) -> None:
        room = _Room()
        for start in starts:
            chunk = slice(start, start + _CHUNK_ROWS)
            rows, states = members.rows[chunk], filtering.absorb(members.blocks[chunk])
            for table, found in zip(plan.tables, filters, strict=True):
                block_filters(rows, states, table, filtering, found[chunk], room)
            _write_checks(plan.entries, members, chunk, checking, checks[chunk], room)

    workers = threads or os.cpu_count() or 1
    step = _CHUNK_ROWS * workers
    shares = [range(first, len(members.rows), step) for first in range(0, min(step, len(members.rows)), _CHUNK_ROWS)]
    with ThreadPoolExecutor(workers) as pool:
        for done in [pool.submit(work, share) for share in shares]:
            done.result()
    order = np.argsort(members.tokens)
    return EncodedPass(
        name=name,
        blocks=members.blocks[order, 0],
        tokens=members.tokens[order],
        checks=np.take(checks, order, axis=0),
        filters={table.identifier.name: np.take(filters.pop(0), order, axis=0) for table in plan.tables},
    )


def _write_checks(
    entries: Entries, members: TakingPart, chunk: slice, keyed: BulkCmac, checks: NDArray[np.uint32], room: _Room
) -> None:
    """Write the checks of some rows to ``checks`` (rows, earlier passes)."""
    places, firsts = members.places[chunk], members.firsts[chunk]
    if int((places - firsts).sum()) > len(room.messages):
        room.grow(int((places - firsts).sum()))
    states = keyed.absorb(members.blocks[chunk])
    written = check_messages(firsts, places, entries.blocks, states, keyed.last_mask, room.messages)
    tags = keyed.permute(room.messages[:written], room.tags).view(np.uint32).reshape(-1, 4)
    cut_checks(firsts, places, entries.passes, tags, checks)


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
