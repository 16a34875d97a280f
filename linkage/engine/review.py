"""Clerical review: pairs in doubt go to the agencies whose records they are, and their verdicts come back.

Rules:

- Pairs are sent only where the agreement lets agencies be asked. A packet is sealed to one agency and signed by the
  registrar; it names that agency's records by token, and nobody else's.
- Pairs are chosen and recorded in one step (:mod:`linkage.engine.outbox`); an export that was cut short is ended by the
  next before anything else is chosen.
- A verdict is followed where at least one agency gives it and none contradicts it. It becomes a decision like those of
  `ids merge` and `ids split`, about these two records, and later runs keep it. What agencies contradict, or the
  registry refuses, is reported and left as it is.
- Verdicts are kept, sealed, so that an agency's may come later than another's. The same package twice changes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

import pandas as pd

from linkage.engine import journal, outbox
from linkage.engine.headings import heading_of
from linkage.engine.links import NewestLinks, open_newest_links
from linkage.engine.outbox import AskedPair, Batch, Packet
from linkage.engine.question import Post
from linkage.engine.registrar import open_registry
from linkage.engine.rooms import Hub, provider_keys
from linkage.errors import InputError, PackageError, Refused, StoreError
from linkage.exchange.files import copy_atomically, make_folder
from linkage.exchange.manifest import Manifest
from linkage.exchange.package import Member, open_package, package_sha256, write_package
from linkage.exchange.review_messages import (
    PACKET_MEMBER,
    VERDICTS_MEMBER,
    Answer,
    ReviewPair,
    Verdict,
    packet_bytes,
    read_verdicts,
)
from linkage.governance.day import local_day
from linkage.governance.decide import require
from linkage.governance.requests import SendReview
from linkage.matching.doubtful import Doubtful, doubtful_pairs
from linkage.matching.evidence import evidence
from linkage.matching.outcome import Record
from linkage.registry.model import Plan, RecordKey, RunRecord, State, Withheld
from linkage.registry.store import Registry
from linkage.registry.verdicts import decided_already, plan_different, plan_same
from linkage.spec.progress import Report

PACKET_SUFFIX, VERDICTS_SUFFIX = ".rvq", ".rva"


@dataclass(frozen=True)
class Exported:
    """The packets that were written; ``left_over`` if an export that was cut short had chosen them."""

    packets: tuple[Packet, ...]
    left_over: bool = False


class Settled(StrEnum):
    """What became of a pair that agencies judged."""

    MERGED = "one student: two IDs merged"
    CONFIRMED = "one student, as linked"
    SPLIT = "two students: one ID split"
    KEPT_APART = "two students, as they were"
    ALREADY = "decided before"
    UNSURE = "left: nobody is sure"
    CONTRADICTED = "left: agencies contradict each other"
    REFUSED = "left: the registry refuses"


@dataclass(frozen=True)
class Judged:
    """One pair, what became of it, and why where it was left."""

    a: Record
    b: Record
    settled: Settled
    why: str = ""


def export_review(
    hub: Hub,
    folder: Path,
    post: Post,
    *,
    least: float,
    most: float,
    at_most: int,
    again: bool = False,
    report: Report = lambda _phase, _done: None,
) -> Exported:
    """Write a packet for each agency that has a record in a pair in doubt. Raises Refused where it may not be asked.

    Where an export was cut short, its packets are written, and no other pair is chosen.
    """
    agreement = hub.agreement()
    if agreement.terms.linkage.clerical_review == "none":
        raise Refused(
            "The agreement lets no agency be asked about pairs: amend it to `linkage.clerical_review: by_agencies`."
        )
    if left := outbox.unsent(hub):
        _require_leave(hub, [packet.agency for path in left for packet in outbox.open_batch(hub, path).packets], post)
        return Exported(_send(hub, left, folder, post), left_over=True)
    newest = open_newest_links(hub, report)
    report("choosing pairs", 0.0)
    asked_before = set() if again else {(each.a, each.b) for each in outbox.asked(hub)}
    found = doubtful_pairs(newest.persons(), newest.one_each, least, most)
    state = _state(hub, [record for pair in found for record in (pair.a, pair.b)])
    chosen = [pair for pair in found if _worth_asking(pair, state, asked_before)][:at_most]
    report("choosing pairs", 1.0)
    agencies = sorted({record.source for pair in chosen for record in (pair.a, pair.b)})
    _require_leave(hub, agencies, post)
    if not chosen:
        return Exported(())
    pairs, questions = _questions(newest, chosen, post)
    packets = tuple(_packet(hub, agency, tuple(questions[agency]), post) for agency in agencies)
    make_folder(folder)
    outbox.record(hub, Batch(pairs=tuple(pairs), packets=packets), post)
    return Exported(_send(hub, outbox.unsent(hub), folder, post))


def _require_leave(hub: Hub, agencies: Sequence[str], post: Post) -> None:
    require(hub.agreement(), [SendReview(agency) for agency in agencies], local_day(post.now))


def _send(hub: Hub, batches: Sequence[Path], folder: Path, post: Post) -> tuple[Packet, ...]:
    make_folder(folder)
    return tuple(packet for path in batches for packet in outbox.send(hub, path, folder, post.now))


def _worth_asking(pair: Doubtful, state: State, asked: Collection[tuple[RecordKey, RecordKey]]) -> bool:
    a, b = _key(pair.a), _key(pair.b)
    if (a, b) in asked or (b, a) in asked or decided_already(state, a, b):
        return False
    return _shown(state, a) and _shown(state, b)


def _shown(state: State, key: RecordKey) -> bool:
    """Tell whether a record is in the registry and was not taken back; nobody is asked about one that was."""
    rows = state.records
    found = rows[(rows["agency"] == key.agency) & (rows["person_token"] == key.person_token)]
    return len(found) == 1 and found["withheld"].iloc[0] == Withheld.NO


def _questions(
    newest: NewestLinks, pairs: Sequence[Doubtful], post: Post
) -> tuple[list[AskedPair], dict[str, list[ReviewPair]]]:
    asked, questions = [], defaultdict(list)
    for pair in pairs:
        terms = evidence(newest.scored, pair.a.source, pair.b.source, pair.pattern)
        agreement = {each.identifier: each.agreement for each in terms.contributions}
        references = {agency: post.random_bytes(6).hex() for agency in sorted({pair.a.source, pair.b.source})}
        for mine, theirs in ((pair.a, pair.b), (pair.b, pair.a)):
            own = pair.a.source == pair.b.source
            if own and mine is pair.b:
                continue
            other = theirs.person_token if own else ""
            questions[mine.source].append(
                ReviewPair(
                    reference=references[mine.source],
                    person_token=mine.person_token,
                    other_token=other,
                    agreement=agreement,
                )
            )
        asked.append(AskedPair(a=_key(pair.a), b=_key(pair.b), references=references))
    return asked, questions


def _packet(hub: Hub, agency: str, pairs: tuple[ReviewPair, ...], post: Post) -> Packet:
    agreement = hub.agreement()
    heading = heading_of(agreement, "review", {"agency": agency, "pairs": len(pairs)}, post.now, post.random_bytes)
    # In the order of their references, which is random: the order of doubt is the hub's.
    ordered = tuple(sorted(pairs, key=lambda pair: pair.reference))
    recipient = provider_keys(agreement)[agency]
    part = hub.room("registrar", "reviews") / f".{agency}.part"  # the next command sweeps it, should a kill leave it
    write_package(part, heading, {PACKET_MEMBER: Member(packet_bytes(ordered))}, hub.keys("registrar"), [recipient])
    sealed = part.read_bytes()
    part.unlink()
    return Packet(
        agency=agency, name=f"{agency}-{post.now:%Y%m%dT%H%M%S}{PACKET_SUFFIX}", pairs=len(pairs), sealed=sealed
    )


def import_verdicts(hub: Hub, packages: Sequence[Path], post: Post) -> tuple[Judged, ...]:
    """Take verdicts in and follow those that no agency contradicts. Raises PackageError before anything is changed."""
    asked = outbox.asked(hub)
    known = {(agency, reference) for each in asked for agency, reference in each.references.items()}
    kept: dict[Path, Path] = {}
    for path in packages:
        place = _place_for(hub, path, known)
        held = place if place.exists() else kept.setdefault(place, path)
        if package_sha256(held) != package_sha256(path):
            raise PackageError(f"{path}: its serial number was already used on another package")
    with open_registry(hub) as registry:
        journal.require_same_registry(hub, registry)
    for place, path in kept.items():
        copy_atomically(path, place)
    said = _said(hub)
    newest = open_newest_links(hub)
    sides = {
        (_key(pair.a), _key(pair.b)): frozenset(map(_key, pair.side_of_b))
        for pair in doubtful_pairs(newest.persons(), newest.one_each, 0.0, 1.0)
        if pair.linked
    }
    with open_registry(hub) as registry:
        with registry.exclusive():
            judged = [_follow(registry, each, said, sides, newest.one_each, post) for each in _answered(asked, said)]
        journal.enter_runs(hub, registry, post.now)
    return tuple(judged)


def _place_for(hub: Hub, path: Path, known: Collection[tuple[str, str]]) -> Path:
    """Return where an agency's verdicts are kept. Raises PackageError unless it was asked for them."""
    manifest, verdicts = _open_verdicts(hub, path)
    unknown = [verdict.reference for verdict in verdicts if (manifest.sender, verdict.reference) not in known]
    if unknown:
        raise PackageError(
            f"{path}: {manifest.sender} was never asked about some of these pairs",
            [f"reference {reference}" for reference in unknown[:20]],
        )
    return hub.room("registrar", "verdicts", manifest.sender) / f"{manifest.serial}{VERDICTS_SUFFIX}"


def _answered(asked: Sequence[AskedPair], said: Mapping[tuple[str, str], Verdict]) -> Iterator[AskedPair]:
    return (each for each in asked if any(item in said for item in each.references.items()))


def _follow(
    registry: Registry,
    asked: AskedPair,
    said: Mapping[tuple[str, str], Verdict],
    sides: Mapping[tuple[RecordKey, RecordKey], frozenset[RecordKey]],
    one_each: Collection[str],
    post: Post,
) -> Judged:
    a, b = asked.a, asked.b
    names = Record(*a), Record(*b)
    verdicts = {agency: said[agency, ref] for agency, ref in asked.references.items() if (agency, ref) in said}
    sure = {verdict.answer for verdict in verdicts.values()} - {Answer.UNSURE}
    if len(sure) != 1:
        return Judged(*names, Settled.CONTRADICTED if sure else Settled.UNSURE)
    state = registry.state(pd.DataFrame([a, b], columns=["agency", "person_token"]))
    if decided_already(state, a, b):
        return Judged(*names, Settled.ALREADY)
    answer = sure.pop()
    words = [
        f"{agency}{f' ({verdict.ground.value})' if verdict.ground else ''}"
        for agency, verdict in verdicts.items()
        if verdict.answer is answer
    ]
    reason = f"reviewed: {answer.value}, says {' and '.join(words)}"
    try:
        if answer is Answer.SAME:
            plan = plan_same(state, a, b, one_each, reason)
        else:
            leaving = sides.get((a, b))
            plan = plan_different(state, a, b, frozenset({b}) if leaving is None else leaving, reason)
        # A person's decision about named records is its own confirmation: the churn guard is for runs.
        registry.apply(plan, RunRecord(post.now, (), reason), limit=1.0)
    except (StoreError, InputError) as refused:
        return Judged(*names, Settled.REFUSED, " ".join([refused.message, *refused.problems]))
    return Judged(*names, _settled(plan, answer))


def _settled(plan: Plan, answer: Answer) -> Settled:
    if answer is Answer.SAME:
        return Settled.MERGED if plan.changed else Settled.CONFIRMED
    return Settled.SPLIT if plan.changed else Settled.KEPT_APART


def _open_verdicts(hub: Hub, path: Path) -> tuple[Manifest, tuple[Verdict, ...]]:
    with open_package(path, hub.keys("registrar"), provider_keys(hub.agreement()), "verdicts") as package:
        return package.manifest, read_verdicts(package.member(VERDICTS_MEMBER))


def _said(hub: Hub) -> dict[tuple[str, str], Verdict]:
    """Return each agency's latest verdict on each reference."""
    opened = [_open_verdicts(hub, path) for path in hub.room("registrar", "verdicts").rglob(f"*{VERDICTS_SUFFIX}")]
    opened.sort(key=lambda each: datetime.fromisoformat(each[0].created))
    return {(manifest.sender, verdict.reference): verdict for manifest, verdicts in opened for verdict in verdicts}


def _state(hub: Hub, records: Sequence[Record]) -> State:
    touching = pd.DataFrame(
        {"agency": [record.source for record in records], "person_token": [record.person_token for record in records]}
    ).drop_duplicates()
    with open_registry(hub) as registry:
        return registry.state(touching)


def _key(record: Record) -> RecordKey:
    return RecordKey(record.source, record.person_token)
