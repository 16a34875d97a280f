"""Explaining a pair: what the registrar knows of two records, and what it asks the matcher.

Rules:

- What is explained is the newest matching run, by the clustering that resolving it makes, and what the registry made
  of it. No value is known here, so none is shown: agencies, tokens, levels, passes, weights.
- Explaining changes nothing, in the registry or elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import combinations, product

import pandas as pd

from linkage.engine.links import NewestLinks, open_newest_links
from linkage.engine.question import Asked, Met, Post, Question, ask
from linkage.engine.registrar import open_registry
from linkage.engine.rooms import Hub
from linkage.errors import InputError, StoreError
from linkage.matching.evidence import evidence
from linkage.matching.outcome import Decisions, Outcome, Record
from linkage.registry.ids import parse_id
from linkage.registry.model import Decision, DecisionKind, RecordKey, State, Withheld
from linkage.reports.explanation import Explanation
from linkage.spec.progress import Report

SHORTEST_TOKEN = 4


def explain(
    hub: Hub, one: str, other: str | None, post: Post, report: Report = lambda _phase, _done: None
) -> tuple[Explanation, ...]:
    """Explain the pairs between two operands, or among the records of one; likeliest first.

    An operand is AGENCY:TOKEN, the token perhaps cut short, or a common student ID. Raises InputError or StoreError.
    """
    newest = open_newest_links(hub, report)
    report("clustering", 0.0)
    decisions = Decisions(newest.persons(), newest.one_each)
    report("clustering", 1.0)
    first = _records(hub, one, decisions)
    second = first if other is None else _records(hub, other, decisions)
    pairs = list(dict.fromkeys(tuple(sorted(pair, key=str)) for pair in _pairs(first, second, other is None)))
    if not pairs:
        raise InputError(
            f"{one} is one record, and there is no other to compare it with", advice="name a second record or ID"
        )
    report("asking the matcher", 0.0)
    asked = [(a, b) for a, b in pairs if decisions.knows(a) and decisions.knows(b)]
    met = dict(zip(asked, _ask(hub, newest, asked, post), strict=True))
    report("asking the matcher", 1.0)
    state = _state(hub, [record for pair in pairs for record in pair])
    conflicts = _conflicts(hub, state)
    found = [_explain(a, b, met.get((a, b)), newest, decisions, state, conflicts) for a, b in pairs]
    return tuple(sorted(found, key=lambda each: -each.probability))


def _pairs(first: Sequence[Record], second: Sequence[Record], within: bool) -> list[tuple[Record, Record]]:
    if within:
        return list(combinations(first, 2))
    return [(a, b) for a, b in product(first, second) if a != b]


def _records(hub: Hub, operand: str, decisions: Decisions) -> list[Record]:
    source, colon, start = operand.rpartition(":")
    if not colon:
        with open_registry(hub) as registry:
            student = registry.lookup(parse_id(operand))
            held = registry.lookup(student.current).records if student.current != student.id else student.records
        return [Record(each.key.agency, each.key.person_token) for each in held]
    listing = f"`linkage hub ids list HUB --agency {source or 'AGENCY'}` lists tokens"
    if len(start) < SHORTEST_TOKEN:
        raise InputError(f"{operand}: give at least {SHORTEST_TOKEN} characters of the token", advice=listing)
    found = decisions.find(source, start)
    if len(found) != 1:
        raise InputError(
            f"{operand}: {len(found)} records of the newest packages fit",
            advice="give more of the token" if found else listing,
        )
    return found


def _ask(hub: Hub, newest: NewestLinks, pairs: Sequence[tuple[Record, Record]], post: Post) -> tuple[Met, ...]:
    tables = {table.source: table.table.set_index("person_token") for table in newest.tables}
    asked = tuple(
        Asked(source_a=a.source, source_b=b.source, tokens=_shared_passes(_tokens(tables, a), _tokens(tables, b)))
        for a, b in pairs
    )
    identifiers = tuple(identifier.name for identifier in newest.scored.model.identifiers)
    return ask(hub, Question(identifiers=identifiers, pairs=asked), post) if asked else ()


def _tokens(tables: dict[str, pd.DataFrame], record: Record) -> dict[str, int]:
    rows, prefix = tables[record.source].loc[[record.person_token]], "pass:"
    columns = [str(name) for name in rows.columns if str(name).startswith(prefix)]
    return {name.removeprefix(prefix): int(rows[name].iloc[0]) for name in columns}


def _shared_passes(one: dict[str, int], other: dict[str, int]) -> dict[str, tuple[int, int]]:
    return {name: (one[name], other[name]) for name in one if one[name] and other.get(name)}


def _explain(
    a: Record,
    b: Record,
    met: Met | None,
    newest: NewestLinks,
    decisions: Decisions,
    state: State | None,
    conflicts: Mapping[frozenset[str], str],
) -> Explanation:
    if met is None:
        lacking = [str(record) for record in (a, b) if not decisions.knows(record)]
        reason = f"the newest package of its agency does not hold {' and '.join(lacking)}"
        outcome, terms = Outcome.ABSENT, None
    else:
        pattern = met.pattern
        terms = None if pattern is None else evidence(newest.scored, a.source, b.source, pattern)
        decided = decisions.decided(a, b, terms.probability if terms else None)
        outcome, reason = decided.outcome, decided.reason
    passes = {table.source: table.table.set_index("person_token") for table in newest.tables}
    possible = tuple(_shared_passes(_tokens(passes, a), _tokens(passes, b))) if met else ()
    students = (_student(state, a), _student(state, b))
    against = conflicts.get(frozenset(students))
    notes = () if state is None else (*_withheld(state, (a, b)), *_by_hand(state.decisions, a, b))
    return Explanation(
        a=a,
        b=b,
        outcome=outcome,
        reason=reason,
        evidence=terms,
        passes_met=met.passes if met else (),
        passes_possible=possible,
        student_a=students[0],
        student_b=students[1],
        registry=(*notes, *([against] if against else [])),
    )


def _state(hub: Hub, records: Sequence[Record]) -> State | None:
    touching = pd.DataFrame(
        {"agency": [record.source for record in records], "person_token": [record.person_token for record in records]}
    ).drop_duplicates()
    with suppress(StoreError), open_registry(hub) as registry:
        return registry.state(touching)
    return None


def _conflicts(hub: Hub, state: State | None) -> dict[frozenset[str], str]:
    """Return what the registry's last run did not follow between two of the IDs at hand."""
    found: dict[frozenset[str], str] = {}
    if state is not None:
        wanted = set(state.ids)
        with open_registry(hub) as registry:
            for met in registry.conflicts():
                if {met.id, met.other} <= wanted and met.other:
                    found[frozenset({met.id, met.other})] = f"registry: not merged in its last run: {met.conflict.rule}"
    return found


def _row(state: State, record: Record) -> pd.DataFrame:
    records = state.records
    return records[(records["agency"] == record.source) & (records["person_token"] == record.person_token)]


def _student(state: State | None, record: Record) -> str:
    row = None if state is None else _row(state, record)
    return "" if state is None or row is None or row.empty else str(state.ids[int(row["student"].iloc[0])])


def _withheld(state: State, records: Sequence[Record]) -> list[str]:
    words = {
        Withheld.RECORD.value: "was withdrawn by its agency",
        Withheld.PERSON.value: "is of a student who opted out",
    }
    found = [(record, _row(state, record)) for record in records]
    return [
        f"registry: {record} {words[str(row['withheld'].iloc[0])]}"
        for record, row in found
        if not row.empty and row["withheld"].iloc[0] != Withheld.NO.value
    ]


def _by_hand(decisions: Sequence[Decision], a: Record, b: Record) -> list[str]:
    """Say which decisions of people bear on a pair."""
    one, other = RecordKey(a.source, a.person_token), RecordKey(b.source, b.person_token)
    found = []
    for decision in decisions:
        of_one = [place for place, side in enumerate(decision.sides) if one in side]
        of_other = [place for place, side in enumerate(decision.sides) if other in side]
        if decision.kind is DecisionKind.SPLIT:
            bears = "keeps them apart" if of_one and of_other and of_one != of_other else ""
        elif of_one and of_other:
            bears = "holds them together"
        else:
            pinned = decision.kind is DecisionKind.PIN and (of_one or of_other)
            bears = f"pins the ID of {a if of_one else b}: no other ID may join it" if pinned else ""
        if bears:
            found.append(f"by hand: decision {decision.number} {bears}: {decision.reason}")
    return found
