"""What the attacker holds: encodings of two school districts, and the list of everyone in them."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from linkage.hashing.columns import recognise
from linkage.hashing.encode import Derive, EncodingPlan, block_filters, encode_pass, plan
from linkage.hashing.prepare import Prepared, prepare
from linkage.hashing.prf import BulkCmac
from linkage.simulation import simulate
from linkage.spec.model import LinkageSpec

_DISTRICTS = ("lakeside-district", "riverbend-district")
#: Of a simulated world, this share of people is on the register of one of the two districts.
_PUPILS_A_PERSON = 0.30
_CLK_BITS = 1024

Bits = NDArray[np.float32]


def keys_of(secret: bytes) -> Derive:
    """Return a derivation of keys from a secret and a label."""
    return lambda label: hmac.digest(secret, label.encode(), hashlib.sha256)


@dataclass(frozen=True)
class Encoded:
    """Rows of encodings and whose they are: ``words`` (rows, words), ``blocks`` (rows,), ``record`` on the list."""

    name: str
    words: NDArray[np.uint64]
    blocks: NDArray[np.uint64]
    record: NDArray[np.int64]

    def bits(self, rows: NDArray[np.int64]) -> Bits:
        """Return some rows as zeros and ones."""
        return as_bits(self.words[rows])


@dataclass(frozen=True)
class Population:
    """The list that the attacker has: records in clear text, who they are, and his own encoding of them.

    ``words`` are field filters under a key of his own in one block for all; ``own_blocks[pass]`` tells which records
    share a block there (0: none), which he finds by computing the pass keys.
    """

    persons: NDArray[np.int64]
    name_lengths: NDArray[np.int64]
    words: NDArray[np.uint64]
    own_blocks: dict[str, NDArray[np.uint64]]
    clk: NDArray[np.uint64]

    @property
    def size(self) -> int:
        """Number of records on the list."""
        return len(self.persons)


@dataclass(frozen=True)
class Scene:
    """An attacker's scene: the list, the victim's passes, the victim's CLKs, and where each filter's words lie."""

    population: Population
    passes: tuple[Encoded, ...]
    clk: Encoded
    spans: dict[str, slice]


def as_bits(words: NDArray[np.uint64]) -> Bits:
    """Unpack words to zeros and ones."""
    return np.unpackbits(np.ascontiguousarray(words).view(np.uint8), axis=1).astype(np.float32)


def pupils(records: int, seed: int) -> tuple[list[pd.DataFrame], NDArray[np.int64]]:
    """Simulate two districts that together hold about ``records`` pupils; returns their files and who is in them."""
    world = simulate(max(1000, round(records / _PUPILS_A_PERSON)), seed)
    agencies = [world.agency(name) for name in _DISTRICTS]
    frames = [agency.register.table.to_pandas() for agency in agencies]
    return frames, np.concatenate([agency.persons for agency in agencies])


def _plans(frames: list[pd.DataFrame], spec: LinkageSpec, derive: Derive, seed: int) -> list[EncodingPlan]:
    rng = np.random.default_rng(seed)
    return [plan(_prepared(frame, spec), spec, derive, rng.bytes) for frame in frames]


def _prepared(frame: pd.DataFrame, spec: LinkageSpec) -> Prepared:
    return prepare(frame, recognise(map(str, frame.columns), spec), spec)


def _one_block_filters(planned: EncodingPlan, spec: LinkageSpec, derive: Derive) -> NDArray[np.uint64]:
    """Encode every record's fields under one key and one block: what the attacker can do with clear text."""
    keyed = BulkCmac(derive("filter"))
    records = planned.records
    spans = spans_of(spec)
    words = np.zeros((records, max(span.stop for span in spans.values())), dtype=np.uint64)
    states = keyed.absorb(np.zeros((records, 2), dtype=np.uint64))
    for table in planned.tables:
        for start in range(0, records, 4096):
            rows = np.arange(start, min(start + 4096, records))
            part = np.zeros((len(rows), table.identifier.filter.words), dtype=np.uint64)
            block_filters(rows, states[rows], table, keyed, part)
            words[rows, spans[table.identifier.name]] = part
    return words


def spans_of(spec: LinkageSpec) -> dict[str, slice]:
    """Return where each identifier's words lie in a row."""
    ends = np.cumsum([0, *(identifier.filter.words for identifier in spec.identifiers)])
    return {
        identifier.name: slice(int(a), int(b))
        for identifier, a, b in zip(spec.identifiers, ends, ends[1:], strict=False)
    }


def clks(planned: EncodingPlan, derive: Derive) -> NDArray[np.uint64]:
    """Encode records as CLKs (Schnell, Bachteler, Reiher 2011): all features in one filter of 1024 bits, 8 bits each.

    Hashing is keyed and independent, the better of the two usual ways.
    """
    records = planned.records
    filled = np.zeros((records, _CLK_BITS), dtype=np.uint8)
    for table in planned.tables:
        keyed = BulkCmac(derive(f"clk/{table.identifier.name}"))
        positions = keyed.digests(table.features.texts).view(np.uint16).reshape(-1, 8) % _CLK_BITS
        held = np.flatnonzero(table.codes >= 0)
        first = table.features.offsets[table.codes[held]]
        sizes = table.features.offsets[table.codes[held] + 1] - first
        rows = np.repeat(held, sizes)
        places = np.repeat(first - np.cumsum(sizes) + sizes, sizes) + np.arange(sizes.sum())
        numbers = table.features.numbers[places]
        for column in range(positions.shape[1]):
            filled[rows, positions[numbers, column]] = 1
    return np.packbits(filled, axis=1).view(np.uint64)


def scene(frames: list[pd.DataFrame], persons: NDArray[np.int64], spec: LinkageSpec, seed: int) -> Scene:
    """Encode two agencies' files under a secret, and the attacker's list under a key of his own."""
    secret, attackers = keys_of(b"the agencies' secret"), keys_of(b"the attacker's own key")
    theirs, mine = _plans(frames, spec, secret, seed), _plans(frames, spec, attackers, seed + 1)
    starts = np.cumsum([0, *map(len, frames)])
    spans = spans_of(spec)
    width = max(span.stop for span in spans.values())
    passes, own_blocks = [], {}
    for blocking in spec.passes:
        holding = [(i, planned) for i, planned in enumerate(theirs) if blocking.name in planned.passes]
        if not holding:
            continue
        words, blocks, record = [], [], []
        for i, planned in holding:
            found = encode_pass(planned, blocking.name, secret)
            members = planned.taking_part(blocking.name)
            record.append(starts[i] + members.rows[np.argsort(members.tokens)])
            blocks.append(found.blocks)
            placed = np.zeros((found.rows, width), dtype=np.uint64)
            for name, filters in found.filters.items():
                placed[:, spans[name]] = filters
            words.append(placed)
        passes.append(Encoded(blocking.name, np.concatenate(words), np.concatenate(blocks), np.concatenate(record)))
        own_blocks[blocking.name] = np.concatenate([_own_blocks(planned, blocking.name) for planned in mine])
    everyone = np.arange(len(persons))
    lengths = [_lengths(frame, spec) for frame in frames]
    population = Population(
        persons=persons,
        name_lengths=np.concatenate(lengths),
        words=np.concatenate([_one_block_filters(planned, spec, attackers) for planned in mine]),
        own_blocks=own_blocks,
        clk=np.concatenate([clks(planned, attackers) for planned in mine]),
    )
    victims_clk = np.concatenate([clks(planned, secret) for planned in theirs])
    return Scene(population, tuple(passes), Encoded("CLK", victims_clk, everyone.astype(np.uint64), everyone), spans)


def _own_blocks(planned: EncodingPlan, name: str) -> NDArray[np.uint64]:
    """Return the block of every record in a pass, 0 where it has none."""
    members = planned.taking_part(name)
    blocks = np.zeros(planned.records, dtype=np.uint64)
    blocks[members.rows] = members.blocks[:, 0]
    return blocks


def _lengths(frame: pd.DataFrame, spec: LinkageSpec) -> NDArray[np.int64]:
    """Return the number of letters of each record's last name."""
    values = _prepared(frame, spec).values["last_name"]
    lengths = np.array([len(value.replace(" ", "")) for value in values.distinct] + [0])
    return lengths[values.codes]
