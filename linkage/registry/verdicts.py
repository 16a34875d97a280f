"""Verdicts on a pair of records, as decisions: these two are one student, or two.

Rules:

- A verdict binds the two records it is about and no others: what else stands under their IDs may still be moved by
  evidence, these two may not be parted or joined by it.
- A verdict that another decision contradicts, or that would put a student twice into an agency that holds nobody twice,
  is refused with the reason; lifting that decision is for a person.
"""

from __future__ import annotations

from collections.abc import Collection

import pandas as pd

from linkage.errors import StoreError
from linkage.registry.changes import Reasons, no_changes, plan_of_changes
from linkage.registry.model import NEW, Decision, DecisionKind, EventKind, Plan, RecordKey, RunKind, State, Withheld
from linkage.registry.obstacles import Obstacles

_UNNUMBERED = 0


def decided_already(state: State, one: RecordKey, other: RecordKey) -> bool:
    """Tell whether a decision that stands already speaks of these two records."""
    return any(_speaks(decision, one, other) for decision in state.decisions)


def _speaks(decision: Decision, one: RecordKey, other: RecordKey) -> bool:
    holding = [{place for place, side in enumerate(decision.sides) if key in side} for key in (one, other)]
    if not all(holding):
        return False
    return decision.kind is not DecisionKind.SPLIT or holding[0] != holding[1]


def plan_same(state: State, one: RecordKey, other: RecordKey, one_each: Collection[str], reason: str) -> Plan:
    """Plan that two records are one student: their IDs are merged if they have two, and the records held together."""
    first, second = sorted((_student(state, one), _student(state, other)))
    decision = Decision(_UNNUMBERED, DecisionKind.MERGE, (frozenset({one, other}),), reason)
    changes = no_changes()
    if first != second:
        records = state.records[state.records["student"].isin([first, second])]
        if (records["withheld"] == Withheld.PERSON).any():
            raise StoreError("One of these students opted out.", advice="Readmit that ID first.")
        if (met := Obstacles.among(state, [first, second], one_each).between(second, [first])) is not None:
            raise StoreError(
                f"{state.ids[first]} and {state.ids[second]} cannot be merged.", [met[1].rule], "Decide by hand."
            )
        absorbed = records[records["student"] == second]
        changes = absorbed.assign(before=second, after=first, evidence="a verdict of agencies")
    return _plan(state, changes, reason, decision, (EventKind.PINNED, first, NEW))


def plan_different(state: State, one: RecordKey, other: RecordKey, leaving: Collection[RecordKey], reason: str) -> Plan:
    """Plan that two records are two students: ``leaving``, ``other`` among them, get a new ID if they have one."""
    first, second = _student(state, one), _student(state, other)
    decision = Decision(_UNNUMBERED, DecisionKind.SPLIT, (frozenset({one}), frozenset({other})), reason)
    if first != second:
        return _plan(state, no_changes(), reason, decision, (EventKind.PINNED, first, second))
    records = state.records[state.records["student"] == first]
    keys = [RecordKey(agency, token) for agency, token in zip(records["agency"], records["person_token"], strict=True)]
    going = frozenset(leaving) & frozenset(keys)
    for held in state.decisions:
        if held.kind is not DecisionKind.SPLIT and held.sides[0] & going and (held.sides[0] - going) & frozenset(keys):
            raise StoreError(
                f"{state.ids[first]} cannot be split so.",
                [f"decision {held.number} holds its records together"],
                "Lift that decision first, with unpin.",
            )
    changes = records[[key in going for key in keys]].assign(before=first, after=-1, evidence="a verdict of agencies")
    return _plan(state, changes, reason, decision, (EventKind.PINNED, first, -1))


def _student(state: State, key: RecordKey) -> int:
    records = state.records
    found = records[(records["agency"] == key.agency) & (records["person_token"] == key.person_token)]
    if len(found) != 1:
        raise StoreError(f"A record of {key.agency} is not in the registry.")
    return int(found["student"].iloc[0])


def _plan(
    state: State, changes: pd.DataFrame, reason: str, decision: Decision, verdict: tuple[EventKind, int, int]
) -> Plan:
    return plan_of_changes(state, RunKind.MANUAL, changes, (), Reasons.given(reason), decision, 0, verdict)
