"""Write one plan into the registry, inside the caller's transaction.

Rules:

- Students are numbered in the order of their ``minted`` events, records in the order of agency and token.
- An ID is drawn again as long as it was ever given before, in the registry or in this run.
- Everything a plan says is written and nothing else; a plan that does not fit the registry is refused whole.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

import numpy as np
import pandas as pd

from linkage.errors import StoreError
from linkage.registry.digest import RunHeader, last_run, run_digest
from linkage.registry.ids import Entropy, draw_ids
from linkage.registry.model import NEW, EventKind, Plan, RecordKey, RunRecord


def write_plan(connection: sqlite3.Connection, plan: Plan, record: RunRecord, entropy: Entropy) -> int:
    """Write a run and return its number; raises StoreError if the registry has moved on since the plan."""
    run, previous = last_run(connection)
    if plan.base_run != run:
        raise StoreError(
            f"The plan was made after run {plan.base_run}, but the registry's last run is {run}.",
            advice="Another run came between. Plan again on the registry as it is now.",
        )
    first_student, first_event = _next(connection, "student"), _next(connection, "event")
    _mint(connection, plan.minted, first_student, entropy)
    events = plan.events.assign(
        event=first_event + np.arange(len(plan.events)),
        student=_numbered(plan.events["student"], first_student),
        other=_numbered(plan.events["other"], first_student),
    )
    moves = plan.moves.assign(
        event=first_event + plan.moves["event"].astype("int64"),
        after=_numbered(plan.moves["after"], first_student),
    )
    _write_events(connection, events, run + 1)
    _write_records(connection, moves, run + 1)
    merged = events[events["kind"] == EventKind.MERGED.value]
    connection.executemany("UPDATE student SET merged_into = ? WHERE student = ?", _rows(merged, "other", "student"))
    last_event = first_event + len(events) - 1
    _write_decisions(connection, plan, last_event)
    _write_run_tables(connection, plan, record, run + 1, first_student)
    header = RunHeader(
        run=run + 1,
        kind=plan.kind.value,
        started=record.started.isoformat(timespec="seconds"),
        note=record.note,
        existing=plan.existing,
        changed=plan.changed,
        first_event=first_event,
        last_event=last_event,
    )
    connection.execute(
        "INSERT INTO run (run, kind, started, note, existing, changed, last_event, digest) VALUES (?,?,?,?,?,?,?,?)",
        (
            header.run,
            header.kind,
            header.started,
            header.note,
            header.existing,
            header.changed,
            header.last_event,
            run_digest(connection, header, previous),
        ),
    )
    return run + 1


def _next(connection: sqlite3.Connection, table: str) -> int:
    (last,) = connection.execute(f"SELECT coalesce(max({table}), 0) FROM {table}").fetchone()
    return int(last) + 1


def _numbered(students: pd.Series[int], first: int) -> pd.Series[int]:
    """Replace a plan's new students -1, -2, ... by the numbers they get."""
    return students.where(students >= NEW, first - 1 - students).astype("int64")


def _rows(table: pd.DataFrame, *columns: str) -> Iterable[tuple[object, ...]]:
    return zip(*(table[column].tolist() for column in columns), strict=True)


def _mint(connection: sqlite3.Connection, count: int, first: int, entropy: Entropy) -> None:
    """Insert ``count`` students under IDs that were never given before.

    They are numbered in the order drawn: sorted, an ID would tell where in the plan its student stood.
    """
    connection.execute("CREATE TEMP TABLE IF NOT EXISTS drawn (id TEXT PRIMARY KEY) WITHOUT ROWID")
    drawn: dict[str, None] = {}
    while len(drawn) < count:
        fresh = dict.fromkeys(draw_ids(count - len(drawn), entropy))
        connection.execute("DELETE FROM drawn")
        connection.executemany("INSERT INTO drawn VALUES (?)", ((identifier,) for identifier in fresh))
        used = {identifier for (identifier,) in connection.execute("SELECT id FROM drawn JOIN student USING (id)")}
        drawn |= {identifier: None for identifier in fresh if identifier not in used}
    connection.executemany("INSERT INTO student (student, id) VALUES (?, ?)", enumerate(drawn, first))


def _write_events(connection: sqlite3.Connection, events: pd.DataFrame, run: int) -> None:
    texts = [(text,) for text in events["reason"].unique()]
    connection.executemany("INSERT INTO reason (text) VALUES (?) ON CONFLICT (text) DO NOTHING", texts)
    reasons = dict(connection.execute("SELECT text, reason FROM reason").fetchall())
    events = events.assign(
        reason=events["reason"].map(reasons), other=events["other"].astype("object").where(events["other"] != NEW, None)
    )
    connection.executemany(
        "INSERT INTO event (event, run, kind, student, other, records, reason, evidence) VALUES (?,?,?,?,?,?,?,?)",
        _rows(events.assign(run=run), "event", "run", "kind", "student", "other", "records", "reason", "evidence"),
    )


def _write_records(connection: sqlite3.Connection, moves: pd.DataFrame, run: int) -> None:
    names = [(name, run) for name in sorted(moves["agency"].unique())]
    connection.executemany("INSERT INTO agency (name, run) VALUES (?, ?) ON CONFLICT (name) DO NOTHING", names)
    agencies = dict(connection.execute("SELECT name, agency FROM agency").fetchall())
    moves = moves.assign(agency=moves["agency"].map(agencies).astype("int64"))
    moves = moves.sort_values(["agency", "person_token"])
    moves["person_token"] = [bytes.fromhex(token) for token in moves["person_token"]]
    fresh, known = moves[moves["before"] == NEW], moves[moves["before"] != NEW]
    connection.executemany(
        "INSERT INTO record (agency, person_token, student, withheld, since) VALUES (?,?,?,?,?)",
        _rows(fresh, "agency", "person_token", "after", "withheld", "event"),
    )
    changed = connection.executemany(
        "UPDATE record SET student = ?, withheld = ?, since = ? WHERE agency = ? AND person_token = ? AND student = ?",
        _rows(known, "after", "withheld", "event", "agency", "person_token", "before"),
    ).rowcount
    if len(known) and changed != len(known):
        raise StoreError(
            f"The plan moves {len(known)} records, but the registry holds {changed} of them where the plan says.",
            advice="Nothing was changed. Plan again on the registry as it is now.",
        )


def _write_decisions(connection: sqlite3.Connection, plan: Plan, event: int) -> None:
    if plan.lifted:
        connection.execute("UPDATE decision SET lifted = ? WHERE decision = ?", (event, plan.lifted))
    if plan.decision is None:
        return
    number = _next(connection, "decision")
    connection.execute(
        "INSERT INTO decision (decision, kind, made) VALUES (?,?,?)", (number, plan.decision.kind.value, event)
    )
    for side, keys in enumerate(plan.decision.sides):
        connection.executemany(
            "INSERT INTO decision_record (decision, record, side) VALUES (?, (SELECT record FROM record JOIN agency"
            " USING (agency) WHERE name = ? AND person_token = ?), ?)",
            [(number, *_stored(key), side) for key in sorted(keys)],
        )


def _stored(key: RecordKey) -> tuple[str, bytes]:
    return key.agency, bytes.fromhex(key.person_token)


def _write_run_tables(
    connection: sqlite3.Connection, plan: Plan, record: RunRecord, run: int, first_student: int
) -> None:
    connection.executemany(
        "INSERT INTO run_input (run, place, sha256) VALUES (?,?,?)",
        [(run, place, bytes.fromhex(sha256)) for place, sha256 in enumerate(record.inputs, 1)],
    )
    students = [(conflict.student, conflict.other) for conflict in plan.conflicts]
    numbered = [[first_student - 1 - one if one < NEW else one for one in pair] for pair in students]
    connection.executemany(
        "INSERT INTO conflict (run, place, student, other, decision, rule, evidence) VALUES (?,?,?,?,?,?,?)",
        [
            (run, place, student, other or None, conflict.decision or None, conflict.rule, conflict.evidence)
            for place, ((student, other), conflict) in enumerate(zip(numbered, plan.conflicts, strict=True), 1)
        ],
    )
