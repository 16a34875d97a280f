"""What people decide about IDs: merge, split, pin, unpin, withdraw, opt out, readmit.

Rules:

- Every decision has a reason, becomes events like those of any run, and is kept by every later run: an update or a
  rebuild that would undo it reports a conflict instead.
- Two decisions never contradict each other: the second is refused, and names the first, which can be lifted.
- A withdrawn record stays withdrawn, whoever sends it again, until it is readmitted; it then has the ID it had. A
  student who opted out takes along later records linked to that student.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import pandas as pd

from linkage.errors import InputError, StoreError
from linkage.registry.changes import Reasons, no_changes, plan_of_changes
from linkage.registry.model import NEW, Decision, DecisionKind, EventKind, Plan, RecordKey, RunKind, State, Withheld
from linkage.registry.obstacles import Obstacles

_UNNUMBERED = 0
"""The number of a decision until the registry gives it one."""


def plan_merge(state: State, identifiers: Sequence[str], reason: str) -> Plan:
    """Make several IDs one: the oldest survives, the others redirect to it."""
    students = sorted({_student(state, identifier) for identifier in identifiers})
    if len(students) < 2:
        raise InputError("A merge takes at least two IDs.")
    records = _records(state, students)
    if (records["withheld"] == Withheld.PERSON).any():
        raise StoreError(
            "One of these students opted out.",
            advice="Readmit that ID first, or opt out the others: a merge must not decide it on the way.",
        )
    obstacles = Obstacles.among(state, students, ())
    for place, student in enumerate(students):
        if (met := obstacles.between(student, students[:place])) is not None:
            raise StoreError(
                f"{state.ids[met[0]]} and {state.ids[student]} cannot be merged.",
                [met[1].rule],
                "Lift that decision first, with unpin.",
            )
    absorbed = records[records["student"] != students[0]]
    changes = absorbed.assign(before=absorbed["student"], after=students[0], evidence="decided by a person")
    decision = Decision(_UNNUMBERED, DecisionKind.MERGE, (_keys(records),), reason)
    return _plan(state, changes, reason, decision, (EventKind.PINNED, students[0], NEW))


def plan_split(state: State, identifier: str, leaving: Collection[RecordKey], reason: str) -> Plan:
    """Give some records of an ID a new ID; the others keep it."""
    student = _student(state, identifier)
    records = _records(state, [student])
    keys, leave = _keys(records), frozenset(leaving)
    if unknown := leave - keys:
        raise InputError(f"{len(unknown)} of the records to split off are not under {identifier}.")
    if not leave or leave == keys:
        raise InputError("A split takes some of an ID's records: at least one, and not all.")
    for decision in state.decisions:
        if decision.kind is not DecisionKind.SPLIT and decision.sides[0] & leave and decision.sides[0] - leave & keys:
            raise StoreError(
                f"{identifier} cannot be split so.",
                [f"decision {decision.number} holds its records together"],
                "Lift that decision first, with unpin.",
            )
    going = [key in leave for key in zip(records["agency"], records["person_token"], strict=True)]
    changes = records[going].assign(before=student, after=-1, evidence="decided by a person")
    decision = Decision(_UNNUMBERED, DecisionKind.SPLIT, (keys - leave, leave), reason)
    return _plan(state, changes, reason, decision, (EventKind.PINNED, student, -1))


def plan_pin(state: State, identifier: str, reason: str) -> Plan:
    """Hold an ID's records together, and let no other existing ID join them; new records may."""
    student = _student(state, identifier)
    decision = Decision(_UNNUMBERED, DecisionKind.PIN, (_keys(_records(state, [student])),), reason)
    return _plan(state, no_changes(), reason, decision, (EventKind.PINNED, student, NEW))


def plan_unpin(state: State, identifier: str, number: int, reason: str) -> Plan:
    """Lift a decision about an ID's records. The IDs stay as they are; later runs may follow the evidence again."""
    student = _student(state, identifier)
    keys = _keys(_records(state, [student]))
    numbers = [decision.number for decision in state.decisions if any(side & keys for side in decision.sides)]
    if number not in numbers:
        raise StoreError(
            f"Decision {number} does not stand on {identifier}.",
            advice=f"Decisions that do: {', '.join(map(str, numbers)) or 'none'}.",
        )
    return _plan(state, no_changes(), reason, None, (EventKind.UNPINNED, student, NEW), number)


def plan_withdrawal(state: State, keys: Collection[RecordKey], reason: str) -> Plan:
    """Take back records at their agency's word; the other records of their IDs stay."""
    records = _named(state, keys)
    if (already := int((records["withheld"] != Withheld.NO).sum())) > 0:
        raise StoreError(f"{already} of these records are withdrawn already.")
    return _plan(state, _stay(records, Withheld.RECORD), reason)


def plan_opt_out(state: State, identifier: str, reason: str) -> Plan:
    """Withhold every record of a student, and every record that is linked to that student later."""
    records = _records(state, [_student(state, identifier)])
    return _plan(state, _stay(records[records["withheld"] != Withheld.PERSON], Withheld.PERSON), reason)


def plan_readmission(state: State, identifier: str, keys: Collection[RecordKey], reason: str) -> Plan:
    """Show withheld records of an ID again under that ID: those in ``keys``, or all if none are named."""
    student = _student(state, identifier)
    records = _named(state, keys) if keys else _records(state, [student])
    records = records[(records["student"] == student) & (records["withheld"] != Withheld.NO)]
    if records.empty:
        raise StoreError(f"No such record under {identifier} is withheld.")
    return _plan(state, _stay(records, Withheld.NO), reason)


def _plan(
    state: State,
    changes: pd.DataFrame,
    reason: str,
    decision: Decision | None = None,
    verdict: tuple[EventKind, int, int] | None = None,
    lifted: int = 0,
) -> Plan:
    if not reason.strip():
        raise InputError("A decision needs a reason.", advice="Say in a sentence what it rests on.")
    reasons = Reasons.given(reason.strip())
    return plan_of_changes(state, RunKind.MANUAL, changes, (), reasons, decision, lifted, verdict)


def _student(state: State, identifier: str) -> int:
    found = state.ids.index[state.ids == identifier]
    if len(found) != 1:
        raise StoreError(f"{identifier} is not among the IDs at hand.")
    return int(found[0])


def _records(state: State, students: Sequence[int]) -> pd.DataFrame:
    return state.records[state.records["student"].isin(students)]


def _named(state: State, keys: Collection[RecordKey]) -> pd.DataFrame:
    at_hand = zip(state.records["agency"], state.records["person_token"], strict=True)
    wanted = frozenset(keys)
    records = state.records[[key in wanted for key in at_hand]]
    if (missing := len(wanted) - len(records)) > 0:
        raise InputError(f"{missing} of these records are not in the registry.")
    return records


def _keys(records: pd.DataFrame) -> frozenset[RecordKey]:
    return frozenset(map(RecordKey, records["agency"], records["person_token"]))


def _stay(records: pd.DataFrame, withheld: Withheld) -> pd.DataFrame:
    return records.assign(
        before=records["student"], after=records["student"], withheld=withheld.value, evidence="decided by a person"
    )
