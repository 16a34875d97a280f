"""Pass-salted field-level Bloom filters: the default encoding.

Rules (docs/encoding.md gives the bytes):

- For each pass, a record's **block id** is a CMAC of the digests of the pass's key parts. A record that cannot give a
  part, or whose block in this extract exceeds the spec's cap, takes no part in the pass.
- A filter's positions are a CMAC of *block id, feature digest*: two records in different blocks have independent random
  filters, two records in one block have filters whose Dice similarity is that of their features.
- A **check** is a CMAC of *this block id, an earlier pass's block id*, cut to 32 bits: equal for two rows of a block
  exactly if they also share the earlier block.
- Rows carry random tokens and are sorted by block, which is a pseudo-random order that has nothing of the file's.
- All keys are derived from the shared secret by label; no key is used for two things.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linkage.hashing.features import features
from linkage.hashing.kernels import expand, set_bits
from linkage.hashing.prepare import Prepared, Values
from linkage.hashing.prf import Blocks, BulkCmac, digests
from linkage.spec.encodings import EncodedPass
from linkage.spec.model import Identifier, LinkageSpec, Pass

#: Derives a 32-byte key from the shared secret and a label.
Derive = Callable[[str], bytes]
#: Returns as many random bytes as asked for.
RandomBytes = Callable[[int], bytes]
#: Told the share of the work that is done, in [0, 1].
Progress = Callable[[float], None]

#: One PRF output places at most this many bits.
_BITS_A_TAG = 16
_CHUNK_ROWS = 50_000


@dataclass(frozen=True)
class FeatureTable:
    """The features of each distinct value: value v owns ``offsets[v]:offsets[v+1]`` of ``digests`` and ``counts``."""

    identifier: Identifier
    codes: NDArray[np.int32]
    offsets: NDArray[np.int64]
    digests: Blocks
    counts: NDArray[np.uint8]


@dataclass(frozen=True)
class EncodedSource:
    """A source's passes, the pass tokens of each record, and what was left out.

    ``tokens[name]`` has shape (records,), 0 where a record takes no part; ``over_cap[name]`` counts the records that a
    pass left out because their block exceeds the cap.
    """

    passes: Mapping[str, EncodedPass]
    tokens: Mapping[str, NDArray[np.uint64]]
    over_cap: Mapping[str, int]


def feature_table(values: Values, derive: Derive) -> FeatureTable:
    """Digest the features of an identifier's distinct values and share out the filter's bits among them."""
    identifier = values.identifier
    numbers: dict[str, int] = {}
    offsets = np.zeros(len(values.distinct) + 1, dtype=np.int64)
    ids: list[int] = []
    counts: list[int] = []
    for v, value in enumerate(values.distinct):
        for group in features(identifier.kind, value):
            bits = round(identifier.filter.set_bits * group.share)
            each, extra = divmod(bits, len(group.features))
            for i, feature in enumerate(group.features):
                left = each + (i < extra)
                part = 0
                while left > 0:
                    text = f"{part}:{feature}"
                    ids.append(numbers.setdefault(text, len(numbers)))
                    counts.append(min(left, _BITS_A_TAG))
                    left -= _BITS_A_TAG
                    part += 1
        offsets[v + 1] = len(ids)
    key = derive(f"features/{identifier.group or identifier.name}")
    table = digests(key, numbers)
    return FeatureTable(
        identifier, values.codes, offsets, table[np.array(ids, dtype=np.int64)], np.array(counts, dtype=np.uint8)
    )


def block_filters(rows: NDArray[np.int64], states: Blocks, table: FeatureTable, keyed: BulkCmac) -> NDArray[np.uint64]:
    """Return the filters of some records of one identifier under their blocks' keys, shape (rows, words)."""
    codes = table.codes[rows]
    lengths = np.where(codes >= 0, np.diff(table.offsets)[codes], 0)
    listed = int(lengths.sum())
    at_row, at_feature = np.empty(listed, dtype=np.int64), np.empty(listed, dtype=np.int64)
    expand(codes, table.offsets, at_row, at_feature)
    tags = keyed.finish(states[at_row], table.digests[at_feature])
    filters = np.zeros((len(rows), table.identifier.filter.words), dtype=np.uint64)
    set_bits(
        at_row, at_feature, table.counts, tags.view(np.uint8).reshape(-1, 16), table.identifier.filter.bits, filters
    )
    return filters


def _blocks(prepared: Prepared, blocking: Pass, derive: Derive) -> tuple[Blocks, NDArray[np.bool_]]:
    """Return each record's 16-byte block id and whether it has one."""
    parts, present = [], np.ones(prepared.records, dtype=bool)
    for part in blocking.parts:
        codes, texts = prepared.values[part.identifier].key_parts(part.transform)
        present &= codes >= 0
        label = "any" if blocking.unordered else part.label
        table = digests(derive(f"key-part/{blocking.name}/{label}"), texts)
        parts.append(table[codes] if len(texts) else np.zeros((len(codes), 2), dtype=np.uint64))
    if blocking.unordered:
        parts = _sorted_parts(parts)
    return BulkCmac(derive(f"block/{blocking.name}")).tags(*parts), present


def _sorted_parts(parts: list[Blocks]) -> list[Blocks]:
    """Put each record's part digests into ascending order, so that their places do not matter."""
    stacked = np.stack(parts)
    order = np.lexsort((stacked[:, :, 1], stacked[:, :, 0]), axis=0)
    return list(np.take_along_axis(stacked, order[:, :, None], axis=0))


def _within_cap(blocks: Blocks, present: NDArray[np.bool_], cap: int) -> tuple[NDArray[np.bool_], int]:
    """Leave out records whose block holds more than ``cap`` records of this source."""
    rows = np.flatnonzero(present)
    _, inverse, sizes = np.unique(blocks[rows, 0], return_inverse=True, return_counts=True)
    small = sizes[inverse] <= cap
    kept = np.zeros(len(present), dtype=bool)
    kept[rows[small]] = True
    return kept, int((~small).sum())


def _random_tokens(count: int, random_bytes: RandomBytes) -> NDArray[np.uint64]:
    """Return distinct, non-zero random 64-bit tokens."""
    while True:
        tokens = np.frombuffer(random_bytes(8 * count), dtype=np.uint64)
        if len(np.unique(tokens)) == count and tokens.all():
            return tokens


def _checks(keyed: BulkCmac, own: Blocks, earlier: list[tuple[Blocks, NDArray[np.bool_]] | None]) -> NDArray[np.uint32]:
    """Return a 32-bit check for each earlier pass; 0 where the record has no block in it."""
    checks = np.zeros((len(own), len(earlier)), dtype=np.uint32)
    states = keyed.absorb(own)
    for column, other in enumerate(earlier):
        if other is not None:
            blocks, present = other
            tags = keyed.finish(states, blocks).view(np.uint32)[:, 0]
            checks[:, column] = np.where(present, np.maximum(tags, 1), 0)
    return checks


def encode(
    prepared: Prepared,
    spec: LinkageSpec,
    derive: Derive,
    random_bytes: RandomBytes,
    progress: Progress = lambda _: None,
) -> EncodedSource:
    """Encode a prepared source under a spec. Passes whose identifiers the source lacks are left out."""
    tables = [feature_table(values, derive) for values in prepared.values.values()]
    own: dict[str, tuple[Blocks, NDArray[np.bool_]]] = {}
    over_cap: dict[str, int] = {}
    for blocking in spec.passes:
        if all(prepared.can_give(part) for part in blocking.parts):
            blocks, present = _blocks(prepared, blocking, derive)
            present, over_cap[blocking.name] = _within_cap(blocks, present, spec.block_cap)
            own[blocking.name] = blocks, present

    passes: dict[str, EncodedPass] = {}
    tokens: dict[str, NDArray[np.uint64]] = {}
    for done, (name, (blocks, present)) in enumerate(own.items()):
        members = np.flatnonzero(present)
        drawn = _random_tokens(len(members), random_bytes)
        # Rows of one block follow their random tokens, so that the file's order does not survive within it.
        order = members[np.lexsort((drawn, blocks[members, 0]))]
        token_of = np.zeros(prepared.records, dtype=np.uint64)
        token_of[members] = drawn
        index = [blocking.name for blocking in spec.passes].index(name)
        earlier = [
            (own[q.name][0][order], own[q.name][1][order]) if q.name in own else None for q in spec.passes[:index]
        ]
        passes[name] = EncodedPass(
            name=name,
            blocks=np.ascontiguousarray(blocks[order, 0]),
            tokens=token_of[order],
            checks=_checks(BulkCmac(derive(f"check/{name}")), blocks[order], earlier),
            filters=_filters(order, blocks, tables, BulkCmac(derive(f"filter/{name}"))),
        )
        tokens[name] = token_of
        progress((done + 1) / len(own))
    return EncodedSource(passes, tokens, over_cap)


def _filters(
    order: NDArray[np.int64], blocks: Blocks, tables: list[FeatureTable], keyed: BulkCmac
) -> dict[str, NDArray[np.uint64]]:
    filters = {
        table.identifier.name: np.empty((len(order), table.identifier.filter.words), dtype=np.uint64)
        for table in tables
    }
    for start in range(0, len(order), _CHUNK_ROWS):
        rows = order[start : start + _CHUNK_ROWS]
        states = keyed.absorb(blocks[rows])
        for table in tables:
            filters[table.identifier.name][start : start + len(rows)] = block_filters(rows, states, table, keyed)
    return filters
