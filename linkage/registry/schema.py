"""The registry's tables, and the rules that SQLite itself keeps.

Rules that no program can break, because the database refuses:

- A record belongs to exactly one student, and never to one that was merged away: it refers to (student, open),
  and ``open`` is 1 until the merge, which is refused while a record refers to it.
- An ID is unique for ever: no student, event, run, decision or past holding is ever deleted or altered.
- A merge is final, leaves no record behind, and redirects to a student that was itself not merged.
- Runs and events are numbered without a gap; an event belongs to the latest run.
- What a record held before is kept by a trigger in the same statement that changes it, so no change can go
  unrecorded.

``MIGRATIONS[n]`` takes a registry from version n to n + 1; a migration once released is never edited.
"""

from __future__ import annotations

APPLICATION_ID = 0x4C4E4B52  # "LNKR", so that `file` and we can tell a registry from another database

_RUNS = """
CREATE TABLE run (
    run INTEGER PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('update', 'rebuild', 'manual')),
    started TEXT NOT NULL,
    note TEXT NOT NULL,
    existing INTEGER NOT NULL CHECK (existing >= 0),
    changed INTEGER NOT NULL CHECK (changed BETWEEN 0 AND existing),
    last_event INTEGER NOT NULL CHECK (last_event >= 0),
    digest BLOB NOT NULL CHECK (length(digest) = 32)
) STRICT;

CREATE TABLE run_input (
    run INTEGER NOT NULL REFERENCES run DEFERRABLE INITIALLY DEFERRED,
    place INTEGER NOT NULL,
    sha256 BLOB NOT NULL CHECK (length(sha256) = 32),
    PRIMARY KEY (run, place)
) STRICT, WITHOUT ROWID;

CREATE TABLE conflict (
    run INTEGER NOT NULL REFERENCES run DEFERRABLE INITIALLY DEFERRED,
    place INTEGER NOT NULL,
    student INTEGER NOT NULL REFERENCES student,
    other INTEGER REFERENCES student,
    decision INTEGER REFERENCES decision,
    rule TEXT NOT NULL,
    evidence TEXT NOT NULL,
    PRIMARY KEY (run, place)
) STRICT, WITHOUT ROWID;
"""

_STUDENTS = """
CREATE TABLE student (
    student INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE CHECK (id GLOB '???-???-???'),
    merged_into INTEGER REFERENCES student CHECK (merged_into <> student),
    open INTEGER AS (CASE WHEN merged_into IS NULL THEN 1 END) STORED,
    UNIQUE (student, open)
) STRICT;

CREATE TABLE reason (
    reason INTEGER PRIMARY KEY,
    text TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE event (
    event INTEGER PRIMARY KEY,
    run INTEGER NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('minted', 'extended', 'merged', 'split', 'withdrawn', 'readmitted',
                                       'retired', 'pinned', 'unpinned')),
    student INTEGER NOT NULL REFERENCES student,
    other INTEGER REFERENCES student CHECK (other <> student),
    records INTEGER NOT NULL CHECK (records >= 0),
    reason INTEGER NOT NULL REFERENCES reason,
    evidence TEXT NOT NULL,
    CHECK ((kind IN ('merged', 'split')) <= (other IS NOT NULL)),
    CHECK ((kind IN ('extended', 'merged', 'split', 'withdrawn', 'readmitted')) = (records > 0) OR kind = 'minted'),
    FOREIGN KEY (run) REFERENCES run DEFERRABLE INITIALLY DEFERRED
) STRICT;

CREATE INDEX event_student ON event (student);
CREATE INDEX event_other ON event (other) WHERE other IS NOT NULL;
CREATE UNIQUE INDEX event_minted_once ON event (student) WHERE kind = 'minted';
"""

_RECORDS = """
CREATE TABLE agency (
    agency INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE CHECK (name <> ''),
    run INTEGER NOT NULL REFERENCES run DEFERRABLE INITIALLY DEFERRED
) STRICT;

CREATE TABLE record (
    record INTEGER PRIMARY KEY,
    agency INTEGER NOT NULL REFERENCES agency,
    person_token BLOB NOT NULL CHECK (length(person_token) = 16),
    student INTEGER NOT NULL,
    open INTEGER NOT NULL AS (1),
    withheld TEXT NOT NULL CHECK (withheld IN ('', 'record', 'person')),
    since INTEGER NOT NULL REFERENCES event,
    UNIQUE (agency, person_token),
    FOREIGN KEY (student, open) REFERENCES student (student, open)
) STRICT;

CREATE INDEX record_student ON record (student);
CREATE INDEX record_since ON record (since);

CREATE TABLE past (
    record INTEGER NOT NULL REFERENCES record,
    student INTEGER NOT NULL REFERENCES student,
    withheld TEXT NOT NULL CHECK (withheld IN ('', 'record', 'person')),
    since INTEGER NOT NULL REFERENCES event,
    until INTEGER NOT NULL REFERENCES event,
    PRIMARY KEY (record, since),
    CHECK (since < until)
) STRICT, WITHOUT ROWID;

CREATE INDEX past_since ON past (since);
CREATE INDEX past_until ON past (until);
"""

_DECISIONS = """
CREATE TABLE decision (
    decision INTEGER PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('merge', 'split', 'pin')),
    made INTEGER NOT NULL UNIQUE REFERENCES event,
    lifted INTEGER UNIQUE REFERENCES event CHECK (lifted > made)
) STRICT;

CREATE TABLE decision_record (
    decision INTEGER NOT NULL REFERENCES decision,
    record INTEGER NOT NULL REFERENCES record,
    side INTEGER NOT NULL CHECK (side IN (0, 1)),
    PRIMARY KEY (decision, record)
) STRICT, WITHOUT ROWID;

CREATE INDEX decision_record_record ON decision_record (record);
"""

_NEVER_DELETED = (
    "run",
    "run_input",
    "conflict",
    "student",
    "reason",
    "event",
    "agency",
    "record",
    "past",
    "decision",
    "decision_record",
)
_NEVER_ALTERED = ("run", "run_input", "conflict", "reason", "event", "agency", "past", "decision_record")

_APPEND_ONLY = "\n".join(
    f"CREATE TRIGGER {table}_never_{verb.lower()}d BEFORE {verb} ON {table}\n"
    f"BEGIN SELECT RAISE(ABORT, 'the registry keeps every {table.replace('_', ' ')}'); END;"
    for verb, tables in (("DELETE", _NEVER_DELETED), ("UPDATE", _NEVER_ALTERED))
    for table in tables
)

_RULES = """
CREATE TRIGGER run_without_gap BEFORE INSERT ON run
WHEN NEW.run <> (SELECT coalesce(max(run), 0) + 1 FROM run)
  OR NEW.last_event <> (SELECT coalesce(max(event), 0) FROM event)
BEGIN SELECT RAISE(ABORT, 'runs are numbered without a gap and close with the last event'); END;

CREATE TRIGGER event_without_gap BEFORE INSERT ON event
WHEN NEW.event <> (SELECT coalesce(max(event), 0) + 1 FROM event)
  OR NEW.run <> (SELECT coalesce(max(run), 0) + 1 FROM run)
BEGIN SELECT RAISE(ABORT, 'events are numbered without a gap and belong to the run being written'); END;

CREATE TRIGGER student_begins_unmerged BEFORE INSERT ON student
WHEN NEW.merged_into IS NOT NULL OR NEW.student <> (SELECT coalesce(max(student), 0) + 1 FROM student)
BEGIN SELECT RAISE(ABORT, 'students are numbered in order of minting, and begin unmerged'); END;

CREATE TRIGGER student_merges_once BEFORE UPDATE ON student
WHEN NEW.student <> OLD.student OR NEW.id <> OLD.id OR OLD.merged_into IS NOT NULL
  OR NEW.merged_into IS NULL
  OR (SELECT merged_into FROM student WHERE student = NEW.merged_into) IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'an ID merges once, into one that was not merged'); END;

CREATE TRIGGER record_moves_forward BEFORE UPDATE ON record
WHEN NEW.record <> OLD.record OR NEW.agency <> OLD.agency OR NEW.person_token <> OLD.person_token
  OR NEW.since <= OLD.since
  OR (NEW.student = OLD.student AND NEW.withheld = OLD.withheld)
BEGIN SELECT RAISE(ABORT, 'a record moves by a later event'); END;

CREATE TRIGGER record_keeps_its_past AFTER UPDATE ON record
BEGIN
    INSERT INTO past (record, student, withheld, since, until)
    VALUES (OLD.record, OLD.student, OLD.withheld, OLD.since, NEW.since);
END;

CREATE TRIGGER decision_lifts_once BEFORE UPDATE ON decision
WHEN NEW.decision <> OLD.decision OR NEW.kind <> OLD.kind OR NEW.made <> OLD.made
  OR OLD.lifted IS NOT NULL OR NEW.lifted IS NULL
BEGIN SELECT RAISE(ABORT, 'a decision is lifted once, and nothing else about it changes'); END;
"""

MIGRATIONS: tuple[str, ...] = ("\n".join((_RUNS, _STUDENTS, _RECORDS, _DECISIONS, _APPEND_ONLY, _RULES)),)
