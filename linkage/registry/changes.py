"""From "which record goes where" to events: every change named, counted and given its reason.

Rules:

- A change is one record with the student it leaves (0 if it is new) and the student it goes to.
- A student all of whose records go to one other student is **merged** into it. One that loses some is **split**.
  One with no record left to show, and not merged, is **retired**.
- Every event counts the records it moves, and every moved record names its event, so that the two can be checked
  against each other for ever.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from linkage.registry.model import NEW, Conflict, Decision, EventKind, Plan, RunKind, State, Withheld

EVENT_COLUMNS = ("kind", "student", "other", "records", "reason", "evidence")
MOVE_COLUMNS = ("agency", "person_token", "before", "after", "withheld", "event")

_ORDER = tuple(EventKind)
_MINTED, _EXTENDED, _MERGED, _SPLIT, _WITHDRAWN, _READMITTED, _RETIRED = range(7)
_AFTER_ALL = 2**62


@dataclass(frozen=True)
class Reasons:
    """Why, for each kind of event; the words that ``history`` shows."""

    minted: str = "no linked record had an ID"
    extended: str = "new records linked to records of this ID"
    merged: str = "records of both IDs were linked"
    split: str = "these records were linked to the other ID and not to this one"
    withdrawn: str = "linked to a record of a student who opted out"
    readmitted: str = ""
    retired: str = "no record is left to show under this ID"

    @classmethod
    def given(cls, reason: str) -> Reasons:
        """Use one person's reason for every event."""
        return cls(reason, reason, reason, reason, reason, reason, cls.retired)


def plan_of_changes(
    state: State,
    kind: RunKind,
    changes: pd.DataFrame,
    conflicts: tuple[Conflict, ...] = (),
    reasons: Reasons = Reasons(),
    decision: Decision | None = None,
    lifted: int = 0,
    verdict: tuple[EventKind, int, int] | None = None,
) -> Plan:
    """Name the events behind ``changes`` (agency, person_token, before, after, withheld, evidence).

    Only records that change are given; a column ``displaced`` marks those that leave their student on their own, even
    if all the others leave it too. ``verdict`` adds a last event (kind, student, other) that moves no record:
    the decision taken or lifted.
    """
    columns = ["agency", "person_token", "before", "after", "withheld", "evidence", "displaced"]
    changes = changes.reindex(columns=columns).sort_values(["agency", "person_token"], ignore_index=True)
    changes["displaced"] = changes["displaced"].eq(True)
    leaves = (changes["before"] != NEW) & (changes["before"] != changes["after"])
    changes["kind"] = _kinds(state, changes, leaves)
    changes["student"] = changes["before"].where(leaves, changes["after"])
    changes["other"] = changes["after"].where(leaves, NEW)
    events = _events(state, changes, leaves)
    if verdict is not None:
        last = {"kind": _ORDER.index(verdict[0]), "student": verdict[1], "other": verdict[2]}
        events = pd.concat([events, pd.DataFrame([last | {"records": 0, "evidence": ""}])], ignore_index=True)
    key = ["kind", "student", "other"]
    place = events.reset_index(names="event")[["event", *key]]
    moves = changes.merge(place, how="left", on=key, validate="many_to_one")
    moves = moves.sort_values("event", kind="stable", ignore_index=True)
    words = [getattr(reasons, kind, reasons.minted) for kind in _ORDER]
    events["reason"] = np.array(words, dtype=object)[events["kind"].to_numpy(dtype="int64")]
    events["kind"] = np.array([kind.value for kind in _ORDER], dtype=object)[events["kind"].to_numpy(dtype="int64")]
    return Plan(
        kind=kind,
        base_run=state.run,
        existing=state.existing,
        events=events[list(EVENT_COLUMNS)],
        moves=moves[list(MOVE_COLUMNS)],
        minted=int((events["kind"] == EventKind.MINTED.value).sum()),
        conflicts=conflicts,
        decision=decision,
        lifted=lifted,
    )


def no_changes() -> pd.DataFrame:
    """Return a table of changes without a row."""
    text = pd.Series([], dtype="str")
    number = pd.Series([], dtype="int64")
    columns = {"agency": text, "person_token": text, "before": number, "after": number}
    return pd.DataFrame(columns | {"withheld": text, "evidence": text})


def _kinds(state: State, changes: pd.DataFrame, leaves: pd.Series[bool]) -> npt.NDArray[np.int64]:
    """Name what happens to each record, as a place in ``_ORDER``."""
    apart = changes["displaced"]
    merged = leaves & ~apart & changes["before"].isin(_merged_students(state, changes[leaves]))
    conditions = [
        merged,
        leaves,
        changes["withheld"] != Withheld.NO,
        changes["before"] == changes["after"],
        changes["after"] < NEW,
    ]
    return np.select(conditions, [_MERGED, _SPLIT, _WITHDRAWN, _READMITTED, _MINTED], _EXTENDED)


def _merged_students(state: State, leaving: pd.DataFrame) -> pd.Index[int]:
    """Return the students who lose every record to one other student."""
    apart = leaving.groupby("before")["displaced"].sum()
    lost = leaving[~leaving["displaced"]].groupby("before")["after"].agg(["size", "nunique"])
    held = state.records.loc[state.records["student"].isin(lost.index)].groupby("student").size()
    return lost.index[(lost["nunique"] == 1) & (lost["size"] + apart.reindex(lost.index) == held.reindex(lost.index))]


def _events(state: State, changes: pd.DataFrame, leaves: pd.Series[bool]) -> pd.DataFrame:
    """Gather changes into events: one for each kind and student, or pair of students; in a fixed order."""
    groups = changes.groupby(["kind", "student", "other"], as_index=False, sort=False)
    events = groups.agg(records=("evidence", "size"), evidence=("evidence", "first"))
    quiet = [_without_records(_MINTED, _minted_by_split(changes, leaves))]
    quiet.append(_without_records(_RETIRED, _retired(state, changes)))
    events = pd.concat([events, *(rows for rows in quiet if len(rows))], ignore_index=True)
    # Existing students by age, then new ones in the order of their numbers -1, -2, ...
    age = events["student"].where(events["student"] > NEW, _AFTER_ALL - events["student"])
    order = pd.DataFrame({"kind": events["kind"], "age": age, "other": events["other"].abs()})
    return events.loc[order.sort_values(["kind", "age", "other"]).index].reset_index(drop=True)


def _minted_by_split(changes: pd.DataFrame, leaves: pd.Series[bool]) -> set[int]:
    """Return the new students whose first records all come from another student."""
    fresh = changes["after"] < NEW
    return set(changes.loc[fresh & leaves, "after"]) - set(changes.loc[fresh & ~leaves, "after"])


def _retired(state: State, changes: pd.DataFrame) -> set[int]:
    """Return the students who had a record to show and have none now, though they were not merged."""
    shown = changes["withheld"] == Withheld.NO
    stays = changes["before"] == changes["after"]
    loses = ((changes["kind"] == _SPLIT) & shown) | (stays & (changes["kind"] == _WITHDRAWN))
    lost = changes[loses].groupby("before").size()
    gains = shown & (~stays | (changes["kind"] == _READMITTED))
    gained = changes[gains & changes["after"].isin(lost.index)].groupby("after").size()
    records = state.records[state.records["student"].isin(lost.index)]
    before = records[records["withheld"] == Withheld.NO].groupby("student").size()
    left = before.sub(lost, fill_value=0).add(gained, fill_value=0)
    return {int(student) for student in lost.index[left.reindex(lost.index) <= 0]}


def _without_records(kind: int, students: set[int]) -> pd.DataFrame:
    rows = [
        {"kind": kind, "student": student, "other": NEW, "records": 0, "evidence": ""} for student in sorted(students)
    ]
    return pd.DataFrame(rows, columns=["kind", "student", "other", "records", "evidence"])
