"""What the registrar must ask the matcher to explain a pair, and the matcher's answer.

Rules:

- The matcher alone can tell in which passes two records met, and how a pair compared that was too unlikely to keep. To
  be asked, it must be told which pass tokens belong to the two records: for these two, and no others, it then knows
  what shuffled passes hide from it. So a question is asked for the pairs that somebody wants explained, one by one.
- Question and answer are sealed packages between the two rooms, as links are; both are removed once they are read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from linkage.engine.headings import heading_of
from linkage.engine.opened_passes import OpenedPasses
from linkage.engine.receive import latest_encodings
from linkage.engine.rooms import Hub, provider_keys
from linkage.exchange.manifest import Kind
from linkage.exchange.package import Member, open_package, write_package
from linkage.governance.parties import Room
from linkage.matching.candidates import compare
from linkage.spec.encodings import EncodedPass, Encodings, FieldStatistics
from linkage.spec.model import LinkageSpec

_MEMBER = "message.json"


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Asked(_Message):
    """Two records by their pass tokens; a pass in which one takes no part is left out."""

    source_a: str
    source_b: str
    tokens: dict[str, tuple[int, int]]


class Question(_Message):
    """Pairs to compare, on the identifiers that the run compared."""

    identifiers: tuple[str, ...]
    pairs: tuple[Asked, ...]


class Met(_Message):
    """The passes in which a pair shares a block, and its agreement pattern; None where it never met."""

    passes: tuple[str, ...]
    pattern: int | None


class Answer(_Message):
    """What the matcher found, pair by pair."""

    pairs: tuple[Met, ...]


@dataclass(frozen=True)
class Post:
    """What messages between rooms are dated and numbered with."""

    now: datetime
    random_bytes: Callable[[int], bytes]


def ask(hub: Hub, question: Question, post: Post) -> tuple[Met, ...]:
    """Ask the matcher about pairs, as the registrar."""
    asked = _send(hub, "registrar", "matcher", "question", question.model_dump_json().encode(), post)
    try:
        answered = _send(hub, "matcher", "registrar", "answer", _answer(hub, asked).model_dump_json().encode(), post)
        try:
            return Answer.model_validate(_read(hub, "matcher", "registrar", "answer", answered)).pairs
        finally:
            answered.unlink()
    finally:
        asked.unlink()


def _send(hub: Hub, sender: Room, receiver: Room, kind: Kind, message: bytes, post: Post) -> Path:
    agreement = hub.agreement()
    heading = heading_of(agreement, kind, {}, post.now, post.random_bytes)
    room = agreement.terms.hub.public_keys(receiver)
    path = hub.room(receiver) / f"{heading.serial}.{kind}"
    write_package(path, heading, {_MEMBER: Member(message)}, hub.keys(sender), [room])
    return path


def _read(hub: Hub, sender: Room, receiver: Room, kind: Kind, path: Path) -> object:
    known = hub.agreement().terms.hub.public_keys(sender)
    with open_package(path, hub.keys(receiver), {known.name: known}, kind) as package:
        found: object = json.loads(package.member(_MEMBER))
        return found


def _answer(hub: Hub, asked: Path) -> Answer:
    """Compare the pairs asked about, as the matcher."""
    question = Question.model_validate(_read(hub, "registrar", "matcher", "question", asked))
    spec, keys, senders = hub.spec(), hub.keys("matcher"), provider_keys(hub.agreement())
    sources = {source for pair in question.pairs for source in (pair.source_a, pair.source_b)}
    rows: dict[str, dict[str, EncodedPass]] = {source: {} for source in sources}
    for path in latest_encodings(hub, "matcher"):
        if path.parent.name not in sources:
            continue
        with open_package(path, keys, senders, "encodings", scratch=hub.room("matcher")) as package:
            sender = package.manifest.sender
            wanted = _tokens(question.pairs, sender)
            passes = OpenedPasses(package, spec)
            rows[sender] = {name: _only(passes[name], tokens) for name, tokens in wanted.items() if name in passes}
    return Answer(pairs=tuple(_compare(pair, question.identifiers, rows, spec) for pair in question.pairs))


def _tokens(pairs: Sequence[Asked], source: str) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for pair in pairs:
        for name, (one, other) in pair.tokens.items():
            mine = {token for token, its in ((one, pair.source_a), (other, pair.source_b)) if its == source}
            found[name] = found.get(name, set()) | mine
    return {name: tokens for name, tokens in found.items() if tokens}


def _only(found: EncodedPass, tokens: set[int]) -> EncodedPass:
    """Keep the rows of some tokens."""
    return _rows(found, np.isin(found.tokens, np.array(sorted(tokens), dtype=np.uint64)))


def _rows(found: EncodedPass, keep: NDArray[np.bool_]) -> EncodedPass:
    filters = {name: words[keep] for name, words in found.filters.items()}
    return EncodedPass(found.name, found.blocks[keep], found.tokens[keep], found.checks[keep], filters)


def _compare(
    pair: Asked, identifiers: Sequence[str], rows: Mapping[str, Mapping[str, EncodedPass]], spec: LinkageSpec
) -> Met:
    """Compare two records as the run did: the same kernel, on their rows alone."""
    passes_a, passes_b, met = {}, {}, []
    for name, (token_a, token_b) in pair.tokens.items():
        found_a, found_b = rows[pair.source_a].get(name), rows[pair.source_b].get(name)
        if found_a is None or found_b is None:
            continue
        one, other = _only(found_a, {token_a}), _only(found_b, {token_b})
        if one.rows and other.rows and one.blocks[0] == other.blocks[0]:
            met.append(name)
        passes_a[name], passes_b[name] = one, other
    # Two sources of one record each: which identifiers they state decides the places of the pattern code.
    stated = FieldStatistics(rates=dict.fromkeys(identifiers, ()), missing={})
    patterns = compare([Encodings("a", 1, passes_a, stated), Encodings("b", 1, passes_b, stated)], spec).patterns
    order = {blocking.name: place for place, blocking in enumerate(spec.passes)}
    return Met(
        passes=tuple(sorted(met, key=order.__getitem__)),
        pattern=int(patterns.codes[0]) if len(patterns.codes) else None,
    )
