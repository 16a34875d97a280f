"""Check the registry against itself, and against the digests that somebody else has kept.

Rules:

- What is checked is what a reader relies on: the file is whole, its rules are in force, the events explain every
  holding, redirects and decisions hold, and no run was altered since it was written.
- Each check states the truth it expects; a check that fails reports that sentence and how often it is broken.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from linkage.registry.connection import statements
from linkage.registry.digest import GENESIS, RunHeader, run_digest
from linkage.registry.ids import is_id
from linkage.registry.schema import MIGRATIONS


@dataclass(frozen=True)
class Head:
    """A run and the digest that seals it and all before it."""

    run: int
    digest: str


@dataclass(frozen=True)
class Verification:
    """What was checked, and every problem found."""

    head: Head
    students: int
    records: int
    events: int
    problems: tuple[str, ...]


_HOLDINGS = """(SELECT record, student, withheld, since, NULL AS until FROM record
                UNION ALL SELECT record, student, withheld, since, until FROM past)"""

# Each query counts what breaks the sentence.
_CHECKS = (
    ("runs are numbered without a gap", "SELECT coalesce(max(run), 0) - count(*) FROM run"),
    ("events are numbered without a gap", "SELECT coalesce(max(event), 0) - count(*) FROM event"),
    (
        "every event lies within its run",
        """SELECT count(*) FROM event JOIN run USING (run) LEFT JOIN run earlier ON earlier.run = run.run - 1
           WHERE event > run.last_event OR event <= coalesce(earlier.last_event, 0)""",
    ),
    (
        "every ID was minted once, by an event",
        """SELECT (SELECT count(*) FROM student) - (SELECT count(*) FROM event WHERE kind = 'minted')
           + (SELECT coalesce(max(student), 0) - count(*) FROM student)""",
    ),
    (
        "every event counts the records that it moved",
        f"""SELECT count(*) FROM event
            LEFT JOIN (SELECT since AS event, count(*) AS moved FROM {_HOLDINGS} GROUP BY since) USING (event)
            WHERE records <> coalesce(moved, 0)""",
    ),
    (
        "every record came to its ID by an event of that ID",
        f"""SELECT count(*) FROM {_HOLDINGS} held JOIN event ON event = since
            WHERE held.student <> CASE WHEN kind IN ('merged', 'split') THEN other ELSE event.student END
               OR kind IN ('retired', 'pinned', 'unpinned')""",
    ),
    (
        "every record left its ID by an event of that ID",
        """SELECT count(*) FROM past JOIN event ON event = until
           WHERE past.student <> event.student OR kind NOT IN ('merged', 'split', 'withdrawn', 'readmitted')""",
    ),
    (
        "a record is withheld by a withdrawal and shown again by a readmission",
        f"""SELECT count(*) FROM {_HOLDINGS} held JOIN event ON event = since
            WHERE (withheld = '' AND kind = 'withdrawn')
               OR (withheld <> '' AND kind IN ('minted', 'extended', 'readmitted'))""",
    ),
    (
        "each record's past is unbroken",
        f"""SELECT count(*) FROM (
                SELECT until, lead(since) OVER (PARTITION BY record ORDER BY since) AS next
                FROM {_HOLDINGS} WHERE record IN (SELECT record FROM past)
            ) WHERE until IS NOT next""",
    ),
    (
        "every redirect is a merge, and every merge a redirect",
        """SELECT (SELECT count(*) FROM student LEFT JOIN event ON event.student = student.student AND kind = 'merged'
                   WHERE merged_into IS NOT other)""",
    ),
    (
        "a decision is taken and lifted by events",
        """SELECT count(*) FROM decision JOIN event taken ON taken.event = made
           LEFT JOIN event ended ON ended.event = lifted
           WHERE taken.kind <> 'pinned' OR coalesce(ended.kind, 'unpinned') <> 'unpinned'""",
    ),
    (
        "records decided to be one student have one ID",
        """SELECT count(*) FROM (
               SELECT decision FROM decision JOIN decision_record USING (decision) JOIN record USING (record)
               WHERE kind <> 'split' AND lifted IS NULL GROUP BY decision HAVING count(DISTINCT student) > 1)""",
    ),
    (
        "records decided to be two students have no ID in common",
        """SELECT count(*) FROM (
               SELECT decision, student FROM decision JOIN decision_record USING (decision) JOIN record USING (record)
               WHERE kind = 'split' AND lifted IS NULL GROUP BY decision, student HAVING count(DISTINCT side) > 1)""",
    ),
)


def verify(connection: sqlite3.Connection, kept: Sequence[Head] = ()) -> Verification:
    """Check everything; ``kept`` are digests from elsewhere, such as the hub's ledger."""
    problems = list(_file_problems(connection))
    if not problems:
        problems += _rule_problems(connection)
    heads, broken = _chain(connection)
    problems += broken
    sealed = {head.run: head.digest for head in heads}
    problems += [
        f"run {head.run} is not the one that was sealed elsewhere"
        if head.run in sealed
        else f"run {head.run} was sealed elsewhere, but the registry ends before it"
        for head in kept
        if sealed.get(head.run) != head.digest
    ]
    students, records, events = (
        int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
        for table in ("student", "record", "event")
    )
    head = heads[-1] if heads else Head(0, GENESIS.hex())
    return Verification(head, students, records, events, tuple(problems))


def _file_problems(connection: sqlite3.Connection) -> Iterator[str]:
    """Ask SQLite whether the file is whole, and whether the rules written into it are all in force."""
    for (answer,) in connection.execute("PRAGMA integrity_check(20)").fetchall():
        if answer != "ok":
            yield f"the file is damaged: {answer}"
    for table, _, parent, _ in connection.execute("PRAGMA foreign_key_check").fetchall():
        yield f"a row of {table} refers to no row of {parent}"
    fresh = sqlite3.connect(":memory:", isolation_level=None)
    for migration in MIGRATIONS:
        for statement in statements(migration):
            fresh.execute(statement)
    expected, found = _schema(fresh), _schema(connection)
    fresh.close()
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name):
            yield f"the database's own rule {name} was altered, added or removed"


def _schema(connection: sqlite3.Connection) -> dict[str, str]:
    return dict(connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall())


def _rule_problems(connection: sqlite3.Connection) -> Iterator[str]:
    for sentence, query in _CHECKS:
        (broken,) = connection.execute(query).fetchone()
        if broken:
            yield f"broken: {sentence} ({abs(broken)} times)"
    cursor = connection.execute("SELECT id FROM student")
    unsound = 0
    while rows := cursor.fetchmany(100_000):
        unsound += int(np.count_nonzero([not is_id(identifier) for (identifier,) in rows]))
    if unsound:
        yield f"broken: every ID fits its check character ({unsound} times)"


def _chain(connection: sqlite3.Connection) -> tuple[list[Head], list[str]]:
    """Compute every run's digest again; a run altered later breaks the chain at that run."""
    rows = connection.execute(
        "SELECT run, kind, started, note, existing, changed, last_event, digest FROM run ORDER BY run"
    ).fetchall()
    heads, problems = [], []
    previous, first = GENESIS, 1
    for run, kind, started, note, existing, changed, last, digest in rows:
        header = RunHeader(run, kind, started, note, existing, changed, first, last)
        if run_digest(connection, header, previous) != digest:
            problems.append(f"run {run} is not as it was written: its digest does not fit")
        heads.append(Head(run, digest.hex()))
        previous, first = digest, last + 1
    return heads, problems
