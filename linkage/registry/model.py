"""What the registry is made of: state, events, decisions and plans, as frozen values.

Rules:

- A **record** is (agency, person token). The token is the agency's keyed name for one local student, the same from
  year to year, so a record sent again is the same record and keeps its ID.
- A **student** is a number given in order of minting, so the lower of two is the older; its ID is for people.
  In a plan, students not yet minted are -1, -2, ...
- A record belongs to exactly one student. A **withheld** record still belongs, but has no ID in any crosswalk:
  ``record`` when its agency took it back, ``person`` when the student opted out.
- Nothing changes but by an **event** with a reason and its evidence, and all events of a run are one **plan**,
  which can be read before it is applied.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

import pandas as pd

from linkage.errors import InputError

NEW = 0
"""The student of a record that has none yet."""

_TOKEN = re.compile(r"[0-9a-f]{32}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class RecordKey(NamedTuple):
    """One local student of one agency, for good."""

    agency: str
    person_token: str


class EventKind(StrEnum):
    """What can happen to a student; ``other`` is the second student of an event."""

    MINTED = "minted"  # a new ID, with its first records
    EXTENDED = "extended"  # new records join
    MERGED = "merged"  # every record goes to ``other``; this ID redirects from now on
    SPLIT = "split"  # some records go to ``other``
    WITHDRAWN = "withdrawn"  # records are withheld from every later crosswalk
    READMITTED = "readmitted"  # withheld records are back
    RETIRED = "retired"  # no record is left to show
    PINNED = "pinned"  # a decision of a person, which later runs keep
    UNPINNED = "unpinned"  # that decision is lifted


class RunKind(StrEnum):
    """How a run came to its events."""

    UPDATE = "update"
    REBUILD = "rebuild"
    MANUAL = "manual"


class DecisionKind(StrEnum):
    """What a person decided about records."""

    MERGE = "merge"  # the records of side 0 are one student
    SPLIT = "split"  # those of side 0 and those of side 1 are two students
    PIN = "pin"  # those of side 0 are one student, and no other existing ID may join it


class Withheld(StrEnum):
    """Why a record has no ID in a crosswalk."""

    NO = ""
    RECORD = "record"
    PERSON = "person"


@dataclass(frozen=True)
class Decision:
    """A person's decision, kept by every later run until it is lifted; ``number`` is 0 until it is written."""

    number: int
    kind: DecisionKind
    sides: tuple[frozenset[RecordKey], ...]
    reason: str


@dataclass(frozen=True)
class Conflict:
    """Evidence that was not followed, and the rule that stood against it; ``decision`` is 0 if no person's."""

    student: int
    other: int
    decision: int
    rule: str
    evidence: str


@dataclass(frozen=True, eq=False)
class State:
    """What a plan needs to know of the registry, whole or the part that some records touch.

    ``records``: agency, person_token, student, withheld; always every record of each student in it.
    ``ids``: ID by student. ``existing``: records in the whole registry that have an ID to lose.
    """

    run: int
    records: pd.DataFrame
    ids: pd.Series[str]
    existing: int
    decisions: tuple[Decision, ...] = ()

    @classmethod
    def empty(cls) -> State:
        """Return the state of a registry in which nothing has happened."""
        records = pd.DataFrame(
            {
                "agency": pd.Series([], dtype="str"),
                "person_token": pd.Series([], dtype="str"),
                "student": pd.Series([], dtype="int64"),
                "withheld": pd.Series([], dtype="str"),
            }
        )
        return cls(0, records, pd.Series([], index=pd.Index([], dtype="int64"), dtype="str"), 0)


@dataclass(frozen=True, eq=False)
class Plan:
    """What a run would do, before it does it.

    ``events``: kind, student, other (0 for none), records (how many it moves), reason, evidence; in order.
    ``moves``: agency, person_token, before (0 for a record not seen before), after, withheld, event (a row of
    ``events``). ``minted`` students are new. ``decision`` is taken, and ``lifted`` (0 for none) lifted, with the
    last event.
    """

    kind: RunKind
    base_run: int
    existing: int
    events: pd.DataFrame
    moves: pd.DataFrame
    minted: int
    conflicts: tuple[Conflict, ...] = ()
    decision: Decision | None = None
    lifted: int = 0

    @property
    def changed(self) -> int:
        """How many existing records would show another ID."""
        known = self.moves["before"] != NEW
        shown = self.moves["withheld"] == Withheld.NO
        return int((known & shown & (self.moves["before"] != self.moves["after"])).sum())

    @property
    def churn(self) -> float:
        """The share of existing records that would show another ID."""
        return self.changed / self.existing if self.existing else 0.0

    def count(self, kind: EventKind) -> int:
        """Count the events of one kind."""
        return int((self.events["kind"] == kind).sum())

    @property
    def changes_nothing(self) -> bool:
        """True when applying this would leave only the record of a run."""
        return self.events.empty

    @property
    def sha256(self) -> str:
        """A name for exactly this plan, so that what is confirmed is what was shown."""
        digest = hashlib.sha256(f"{self.kind} {self.base_run} {self.lifted}".encode())
        for side in self.decision.sides if self.decision else ():
            digest.update(repr(sorted(side)).encode())
        for table in (self.events, self.moves):
            digest.update(pd.util.hash_pandas_object(table, index=False).to_numpy().tobytes())
        return digest.hexdigest()


@dataclass(frozen=True)
class RunRecord:
    """What is written down about a run besides its events: when, from which inputs, and why."""

    started: datetime
    inputs: tuple[str, ...] = field(default=())
    note: str = ""

    def __post_init__(self) -> None:
        problems = [f"input {n}: expected 64 lower-case hex digits" for n in _not_matching(_SHA256, self.inputs)]
        if self.started.tzinfo is None:
            problems.append("started: expected a time with its zone")
        if problems:
            raise InputError("This run record is not complete.", problems)


def _not_matching(pattern: re.Pattern[str], values: tuple[str, ...]) -> list[int]:
    return [number for number, value in enumerate(values, 1) if not pattern.fullmatch(value)]


def check_clusters(clusters: pd.DataFrame) -> None:
    """Refuse a cluster table that does not put each record into exactly one cluster; raises InputError."""
    missing = [name for name in ("agency", "person_token", "cluster") if name not in clusters.columns]
    if missing:
        raise InputError("The cluster table lacks columns.", missing)
    absent = {name: int(clusters[name].isna().sum()) for name in ("agency", "person_token", "cluster")}
    problems = [f"{name}: missing in {count} rows" for name, count in absent.items() if count]
    if not problems:
        unsound = ~clusters["person_token"].astype("str").str.fullmatch(_TOKEN.pattern)
        if (count := int(unsound.sum())) > 0:
            problems.append(f"person_token: not 32 lower-case hex digits in {count} rows")
        if (count := int((clusters["agency"].astype("str") == "").sum())) > 0:
            problems.append(f"agency: empty in {count} rows")
        if (count := int(clusters.duplicated(["agency", "person_token"]).sum())) > 0:
            problems.append(f"(agency, person_token): {count} rows repeat a record")
    if problems:
        raise InputError(
            "The cluster table is not one row for each record.",
            problems,
            "Join the clusters that share a person token before they come to the registry.",
        )
