"""What the registry can tell: its state, one ID, an ID's history, and the crosswalk as of any run."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import pandas as pd

from linkage.errors import StoreError
from linkage.registry.digest import last_run
from linkage.registry.model import Conflict, Decision, DecisionKind, EventKind, RecordKey, RunKind, State, Withheld


class Status(StrEnum):
    """What an ID is good for."""

    ACTIVE = "active"
    MERGED = "merged"
    RETIRED = "retired"


@dataclass(frozen=True)
class Holding:
    """A record under an ID."""

    key: RecordKey
    withheld: Withheld


@dataclass(frozen=True)
class Listed:
    """An ID that holds records: how many of each agency, those that are withheld among them."""

    id: str
    records: Mapping[str, int]


@dataclass(frozen=True)
class ListedRecord:
    """A record of an agency, and the ID that it is under."""

    key: RecordKey
    id: str


@dataclass(frozen=True)
class NamedConflict:
    """Evidence that was not followed, with the IDs it concerns; ``other`` is empty if it is one ID's own."""

    conflict: Conflict
    id: str
    other: str


@dataclass(frozen=True)
class Student:
    """One ID as it stands; ``current`` is the ID to use instead, or itself."""

    student: int
    id: str
    status: Status
    current: str
    records: tuple[Holding, ...]
    decisions: tuple[Decision, ...]
    conflicts: tuple[NamedConflict, ...]


@dataclass(frozen=True)
class Run:
    """A run as it was sealed: how many events of each kind, and how many existing records it gave another ID."""

    run: int
    kind: RunKind
    digest: str
    events: Mapping[EventKind, int]
    changed: int


@dataclass(frozen=True)
class PastEvent:
    """One event in the history of an ID."""

    run: int
    started: str
    kind: EventKind
    id: str
    other: str
    records: tuple[RecordKey, ...]
    reason: str
    evidence: str


def read_state(connection: sqlite3.Connection, touching: pd.DataFrame | None) -> State:
    """Read every student, or those with a record among the rows (agency, person_token) of ``touching``."""
    existing = _existing(connection)
    if touching is None or 2 * len(touching) > existing:
        return _state(connection, existing, "")  # one scan is quicker than as many searches
    _touch(connection, touching)
    return _state(connection, existing, "WHERE student IN (SELECT student FROM touched_student)")


def read_state_of(connection: sqlite3.Connection, identifiers: Sequence[str]) -> State:
    """Read the students under some IDs; raises StoreError for an ID never given or merged away."""
    students = [find_student(connection, identifier) for identifier in identifiers]
    current = [current_id(connection, student) for student in students]
    merged = [
        f"{identifier} was merged into {now}"
        for identifier, now in zip(identifiers, current, strict=True)
        if identifier != now
    ]
    if merged:
        raise StoreError("Not all of these IDs are in use.", merged, "Decide about the ID in use instead.")
    places = ", ".join(map(str, students))
    return _state(connection, _existing(connection), f"WHERE student IN ({places})")


def _existing(connection: sqlite3.Connection) -> int:
    (count,) = connection.execute("SELECT count(*) FROM record WHERE withheld = ''").fetchone()
    return int(count)


def _state(connection: sqlite3.Connection, existing: int, where: str) -> State:
    rows = connection.execute(
        "SELECT name, lower(hex(person_token)), student, withheld"
        f" FROM record JOIN agency USING (agency) {where} ORDER BY record"
    ).fetchall()
    records = pd.DataFrame(rows, columns=["agency", "person_token", "student", "withheld"])
    records = records.astype({"agency": "str", "person_token": "str", "student": "int64", "withheld": "str"})
    named = connection.execute(f"SELECT student, id FROM student {where} ORDER BY student").fetchall()
    ids = pd.Series([row[1] for row in named], index=pd.Index([row[0] for row in named], dtype="int64"), dtype="str")
    return State(last_run(connection)[0], records, ids, existing, read_decisions(connection))


def _touch(connection: sqlite3.Connection, touching: pd.DataFrame) -> None:
    """Gather the students of some records in a temporary table."""
    connection.execute("CREATE TEMP TABLE IF NOT EXISTS touched (agency INTEGER, person_token BLOB)")
    connection.execute("CREATE TEMP TABLE IF NOT EXISTS touched_student (student INTEGER PRIMARY KEY)")
    connection.execute("DELETE FROM touched")
    connection.execute("DELETE FROM touched_student")
    agencies = dict(connection.execute("SELECT name, agency FROM agency").fetchall())
    known = touching[touching["agency"].isin(agencies)]
    tokens = map(_token, known["person_token"])
    keys = zip(known["agency"].map(agencies).tolist(), tokens, strict=True)
    connection.executemany("INSERT INTO touched VALUES (?, ?)", keys)
    connection.execute(
        "INSERT OR IGNORE INTO touched_student"
        " SELECT student FROM touched CROSS JOIN record USING (agency, person_token)"
    )


def _token(text: object) -> bytes | None:
    """Return the stored form of a token; a malformed one touches nothing, and is refused by whoever plans."""
    try:
        return bytes.fromhex(str(text))
    except ValueError:
        return None


def read_decisions(connection: sqlite3.Connection, numbers: Iterable[int] | None = None) -> tuple[Decision, ...]:
    """Read the decisions that stand, or those of ``numbers`` that do."""
    rows = connection.execute(
        "SELECT decision, d.kind, text FROM decision d JOIN event ON event = made JOIN reason USING (reason)"
        " WHERE lifted IS NULL ORDER BY decision"
    ).fetchall()
    wanted = None if numbers is None else set(numbers)
    return tuple(
        Decision(number, DecisionKind(kind), _sides(connection, number), reason)
        for number, kind, reason in rows
        if wanted is None or number in wanted
    )


def _sides(connection: sqlite3.Connection, number: int) -> tuple[frozenset[RecordKey], ...]:
    rows = connection.execute(
        "SELECT side, name, lower(hex(person_token)) FROM decision_record JOIN record USING (record)"
        " JOIN agency USING (agency) WHERE decision = ?",
        (number,),
    ).fetchall()
    count = 1 + max((side for side, _, _ in rows), default=0)
    return tuple(
        frozenset(RecordKey(agency, token) for its, agency, token in rows if its == side) for side in range(count)
    )


def find_student(connection: sqlite3.Connection, identifier: str) -> int:
    """Return the student under an ID; raises StoreError if it was never given."""
    row = connection.execute("SELECT student FROM student WHERE id = ?", (identifier,)).fetchone()
    if row is None:
        raise StoreError(
            f"The ID {identifier} was never given by this registry.",
            advice="An agency's or a release's own IDs are not common student IDs; `linkage hub ids list` lists those.",
        )
    return int(row[0])


def read_student(connection: sqlite3.Connection, student: int) -> Student:
    """Read one ID, whether active, merged or retired."""
    identifier, merged_into = connection.execute(
        "SELECT id, merged_into FROM student WHERE student = ?", (student,)
    ).fetchone()
    rows = connection.execute(
        "SELECT name, lower(hex(person_token)), withheld FROM record JOIN agency USING (agency)"
        " WHERE student = ? ORDER BY name, person_token",
        (student,),
    ).fetchall()
    holdings = tuple(Holding(RecordKey(agency, token), Withheld(withheld)) for agency, token, withheld in rows)
    if merged_into is not None:
        status = Status.MERGED
    elif any(holding.withheld is Withheld.NO for holding in holdings):
        status = Status.ACTIVE
    else:
        status = Status.RETIRED
    numbers = connection.execute(
        "SELECT DISTINCT decision FROM decision_record JOIN record USING (record) WHERE student = ?", (student,)
    ).fetchall()
    return Student(
        student,
        identifier,
        status,
        current_id(connection, student),
        holdings,
        read_decisions(connection, (number for (number,) in numbers)) if numbers else (),
        read_conflicts(connection, last_run(connection)[0], student),
    )


def current_id(connection: sqlite3.Connection, student: int) -> str:
    """Follow redirects to the ID in use; merges are final and never circular, so this ends."""
    (identifier,) = connection.execute(
        """WITH RECURSIVE chain (student) AS (
               VALUES (?) UNION SELECT merged_into FROM student JOIN chain USING (student) WHERE merged_into IS NOT NULL
           ) SELECT id FROM chain JOIN student USING (student) WHERE merged_into IS NULL""",
        (student,),
    ).fetchone()
    return str(identifier)


def read_conflicts(connection: sqlite3.Connection, run: int, student: int | None = None) -> tuple[NamedConflict, ...]:
    """Read the conflicts that a run met, or those of one student."""
    rows = connection.execute(
        """SELECT c.student, coalesce(c.other, 0), coalesce(decision, 0), rule, evidence, s.id, coalesce(o.id, '')
           FROM conflict c JOIN student s ON s.student = c.student LEFT JOIN student o ON o.student = c.other
           WHERE run = :run AND (:student IS NULL OR :student IN (c.student, c.other)) ORDER BY place""",
        {"run": run, "student": student},
    ).fetchall()
    return tuple(NamedConflict(Conflict(*row[:5]), row[5], row[6]) for row in rows)


def read_runs(connection: sqlite3.Connection, after: int) -> tuple[Run, ...]:
    """Read the runs since run ``after``, oldest first."""
    rows = connection.execute(
        "SELECT run, kind, lower(hex(digest)), changed, last_event FROM run WHERE run >= ? ORDER BY run", (after,)
    ).fetchall()
    found, first = [], 0
    for run, kind, digest, changed, last in rows:
        if run > after:
            counted = connection.execute(
                "SELECT kind, count(*) FROM event WHERE event > ? AND event <= ? GROUP BY kind", (first, last)
            ).fetchall()
            counts = dict(counted)
            events = {each: counts[each.value] for each in EventKind if each.value in counts}
            found.append(Run(run, RunKind(kind), digest, events, changed))
        first = last
    return tuple(found)


def count_students(connection: sqlite3.Connection) -> int:
    """Count the IDs in use: neither merged nor without a record to show."""
    (count,) = connection.execute("SELECT count(DISTINCT student) FROM record WHERE withheld = ''").fetchone()
    return int(count)


def list_ids(connection: sqlite3.Connection, limit: int) -> tuple[Listed, ...]:
    """List the first IDs that hold records, oldest first; reads no more of the registry than these."""
    rows = connection.execute(
        """SELECT s.id, name, count(*) FROM (
               SELECT student, id FROM student
               WHERE EXISTS (SELECT 1 FROM record WHERE record.student = student.student) ORDER BY student LIMIT ?
           ) s CROSS JOIN record USING (student) JOIN agency USING (agency)
           GROUP BY s.student, name ORDER BY s.student, name""",
        (limit,),
    ).fetchall()
    found: dict[str, dict[str, int]] = {}
    for identifier, agency, count in rows:
        found.setdefault(identifier, {})[agency] = count
    return tuple(Listed(identifier, records) for identifier, records in found.items())


def list_records(connection: sqlite3.Connection, agency: str, limit: int) -> tuple[ListedRecord, ...]:
    """List the first records of an agency by token; raises StoreError for one that has none here."""
    known = dict(connection.execute("SELECT name, agency FROM agency ORDER BY name").fetchall())
    if agency not in known:
        raise StoreError(f"The registry has no record of {agency!r}.", advice=f"It has records of {', '.join(known)}.")
    rows = connection.execute(
        "SELECT lower(hex(person_token)), id FROM record JOIN student USING (student)"
        " WHERE agency = ? ORDER BY person_token LIMIT ?",
        (known[agency], limit),
    ).fetchall()
    return tuple(ListedRecord(RecordKey(agency, token), identifier) for token, identifier in rows)


def read_history(connection: sqlite3.Connection, student: int) -> tuple[PastEvent, ...]:
    """Read every event in which an ID took part, oldest first."""
    which = "SELECT event FROM event WHERE student = :of UNION SELECT event FROM event WHERE other = :of"
    return _events(connection, which, student)


def read_events(connection: sqlite3.Connection, run: int) -> tuple[PastEvent, ...]:
    """Read the events of one run, in order."""
    which = """SELECT event FROM event WHERE event <= (SELECT last_event FROM run WHERE run = :of)
               AND event > coalesce((SELECT last_event FROM run WHERE run = :of - 1), 0)"""
    return _events(connection, which, run)


def _events(connection: sqlite3.Connection, which: str, of: int) -> tuple[PastEvent, ...]:
    rows = connection.execute(
        f"""SELECT e.event, run, started, e.kind, s.id, coalesce(o.id, ''), text, evidence
            FROM ({which}) JOIN event e USING (event) JOIN run USING (run) JOIN reason USING (reason)
            JOIN student s ON s.student = e.student LEFT JOIN student o ON o.student = e.other ORDER BY e.event""",
        {"of": of},
    ).fetchall()
    return tuple(
        PastEvent(run, started, EventKind(kind), one, other, _moved(connection, event), reason, evidence)
        for event, run, started, kind, one, other, reason, evidence in rows
    )


def _moved(connection: sqlite3.Connection, event: int) -> tuple[RecordKey, ...]:
    rows = connection.execute(
        """SELECT name, lower(hex(person_token)) FROM (
               SELECT record FROM record WHERE since = :event UNION SELECT record FROM past WHERE since = :event
           ) JOIN record USING (record) JOIN agency USING (agency) ORDER BY name, person_token""",
        {"event": event},
    ).fetchall()
    return tuple(RecordKey(agency, token) for agency, token in rows)


def read_crosswalk(connection: sqlite3.Connection, as_of_run: int | None) -> pd.DataFrame:
    """Read agency, person_token, student_id of every record shown, now or when a run had ended."""
    if as_of_run is None:
        held = "SELECT record, student, withheld FROM record"
        bounds = {}
    else:
        row = connection.execute("SELECT last_event FROM run WHERE run = ?", (as_of_run,)).fetchone()
        if row is None:
            raise StoreError(
                f"The registry has no run {as_of_run}.", advice=f"Its last run is {last_run(connection)[0]}."
            )
        held = """SELECT record, student, withheld FROM record WHERE since <= :last
                  UNION ALL SELECT record, student, withheld FROM past WHERE since <= :last AND until > :last"""
        bounds = {"last": row[0]}
    rows = connection.execute(
        f"""SELECT name, lower(hex(person_token)), id FROM ({held}) held
            JOIN record USING (record) JOIN agency USING (agency) JOIN student ON student.student = held.student
            WHERE held.withheld = '' ORDER BY name, person_token""",
        bounds,
    ).fetchall()
    return pd.DataFrame(rows, columns=["agency", "person_token", "student_id"]).astype("str")
