"""One digest for each run, chained: what was written can no longer be altered unseen.

Rules:

- A run's digest is SHA-256 over the digest before it and everything the run wrote: its own record, inputs, new
  IDs, events, holdings, decisions and conflicts, in one fixed order and spelling.
- It is computed by reading back what was written, so that ``verify``, which computes it again, checks the same.
- Whoever keeps a digest elsewhere (the hub's ledger) can tell later that no run up to it was changed, added or lost.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from dataclasses import dataclass

GENESIS = bytes(32)
"""What stands before the first run."""

_WRITTEN = (
    "SELECT agency, name FROM agency WHERE run = :run ORDER BY agency",
    "SELECT place, lower(hex(sha256)) FROM run_input WHERE run = :run ORDER BY place",
    """SELECT e.student, s.id FROM event e JOIN student s USING (student)
       WHERE e.event BETWEEN :first AND :last AND e.kind = 'minted' ORDER BY e.event""",
    """SELECT e.event, e.kind, e.student, e.other, e.records, r.text, e.evidence FROM event e JOIN reason r
       USING (reason) WHERE e.event BETWEEN :first AND :last ORDER BY e.event""",
    "SELECT decision, kind, made FROM decision WHERE made BETWEEN :first AND :last ORDER BY decision",
    """SELECT d.decision, d.record, d.side FROM decision JOIN decision_record d USING (decision)
       WHERE made BETWEEN :first AND :last ORDER BY d.decision, d.record""",
    "SELECT decision, lifted FROM decision WHERE lifted BETWEEN :first AND :last ORDER BY decision",
    "SELECT place, student, other, decision, rule, evidence FROM conflict WHERE run = :run ORDER BY place",
)

# Numbers and hexadecimal only, so that plain text is unambiguous; these rows are the many.
_HOLDINGS = """
    SELECT since || ' ' || record || ' ' || agency || ' ' || hex(person_token) || ' ' || student || ' ' || withheld
    FROM (
        SELECT since, record, agency, person_token, student, withheld FROM record
        WHERE since BETWEEN :first AND :last
        UNION ALL
        SELECT past.since, record, agency, person_token, past.student, past.withheld
        FROM past JOIN record USING (record)
        WHERE past.since BETWEEN :first AND :last
    ) ORDER BY since, record
"""


@dataclass(frozen=True)
class RunHeader:
    """A run's own record, as it is digested."""

    run: int
    kind: str
    started: str
    note: str
    existing: int
    changed: int
    first_event: int
    last_event: int


def run_digest(connection: sqlite3.Connection, header: RunHeader, previous: bytes) -> bytes:
    """Digest what ``header``'s run wrote, chained to the digest before it."""
    digest = hashlib.sha256(previous)
    fields = (header.run, header.kind, header.started, header.note, header.existing, header.changed)
    digest.update(json.dumps([*fields, header.last_event]).encode())
    bounds = {"run": header.run, "first": header.first_event, "last": header.last_event}
    for query in _WRITTEN:
        cursor = connection.execute(query, bounds)
        digest.update(b"\n#")
        while rows := cursor.fetchmany(10_000):
            digest.update("".join(f"\n{json.dumps(row)}" for row in rows).encode())
    cursor = connection.execute(_HOLDINGS, bounds)
    digest.update(b"\n#")
    while rows := cursor.fetchmany(10_000):
        digest.update("".join(f"\n{text}" for (text,) in rows).encode())
    return digest.digest()


def last_run(connection: sqlite3.Connection) -> tuple[int, bytes]:
    """Return the number and digest of the last run; 0 and GENESIS before the first."""
    row = connection.execute("SELECT run, digest FROM run ORDER BY run DESC LIMIT 1").fetchone()
    return (int(row[0]), bytes(row[1])) if row else (0, GENESIS)
