"""The registry: common student IDs of one hub, in one SQLite file.

Rules:

- A run is planned from a state, shown to whoever asks, and applied in one transaction; a plan made on another
  state than the registry's is refused.
- A run that would change more existing records than the limit is held until somebody confirms that very plan.
- Reading never changes anything, and no reader sees half a run.

::

    with Registry.open(path) as registry, registry.exclusive():
        plan = plan_update(registry.state(), clusters)
        registry.apply(plan, RunRecord(started, inputs, "spring extracts"))
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import pandas as pd

from linkage.errors import StoreError
from linkage.registry import read
from linkage.registry.connection import connect, snapshot, transaction
from linkage.registry.digest import last_run
from linkage.registry.guard import CHURN_LIMIT, refuse_if_held
from linkage.registry.ids import Entropy, parse_id
from linkage.registry.model import Plan, RunKind, RunRecord, State
from linkage.registry.verify import Head, Verification, verify
from linkage.registry.write import write_plan

WAIT_SECONDS = 30.0


class Registry:
    """One hub's registry, open."""

    def __init__(self, connection: sqlite3.Connection, path: Path, entropy: Entropy) -> None:
        self._connection = connection
        self._entropy = entropy
        self.path = path

    @classmethod
    def open(
        cls,
        path: Path,
        create: bool = False,
        wait_seconds: float = WAIT_SECONDS,
        entropy: Entropy = secrets.token_bytes,
    ) -> Registry:
        """Open the registry at ``path``, creating it if told to; waits for another process so long."""
        return cls(connect(path, create, wait_seconds), path, entropy)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def __enter__(self) -> Registry:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the registry against other writers, so that plan and apply see one state; all or nothing."""
        with transaction(self._connection, self.path):
            yield

    def apply(self, plan: Plan, run: RunRecord, limit: float = CHURN_LIMIT, confirmed: str = "") -> int:
        """Write a plan as one run and return the run's number.

        Raises StoreError if the plan changes more than ``limit`` of the existing records and ``confirmed`` is not
        the plan's own name, or if the registry is no longer the one that the plan was made on.
        """
        refuse_if_held(plan, limit, confirmed)
        with self.exclusive():
            return write_plan(self._connection, plan, run, self._entropy)

    def state(self, touching: pd.DataFrame | None = None) -> State:
        """Return the state to plan from: all of it, or at least the students with a record in ``touching``."""
        with snapshot(self._connection, self.path):
            return read.read_state(self._connection, touching)

    def state_of(self, identifiers: Sequence[str]) -> State:
        """Return the state of some IDs, to decide about them.

        Raises InputError for a slip, StoreError for an ID that was never given or was merged away.
        """
        wanted = [parse_id(identifier) for identifier in identifiers]
        with snapshot(self._connection, self.path):
            return read.read_state_of(self._connection, wanted)

    def lookup(self, identifier: str) -> read.Student:
        """Return what stands under an ID; raises InputError for a slip, StoreError for an ID never given."""
        canonical = parse_id(identifier)
        with snapshot(self._connection, self.path):
            return read.read_student(self._connection, read.find_student(self._connection, canonical))

    def list_ids(self, limit: int) -> tuple[read.Listed, ...]:
        """List the first ``limit`` IDs that hold records, oldest first."""
        with snapshot(self._connection, self.path):
            return read.list_ids(self._connection, limit)

    def list_records(self, agency: str, limit: int) -> tuple[read.ListedRecord, ...]:
        """List the first ``limit`` records of an agency by token; raises StoreError for one that has none here."""
        with snapshot(self._connection, self.path):
            return read.list_records(self._connection, agency, limit)

    def history(self, identifier: str) -> tuple[read.PastEvent, ...]:
        """Return every event in which an ID took part, oldest first."""
        canonical = parse_id(identifier)
        with snapshot(self._connection, self.path):
            return read.read_history(self._connection, read.find_student(self._connection, canonical))

    def crosswalk(self, as_of_run: int | None = None) -> pd.DataFrame:
        """Return agency, person_token, student_id: now, or as it was when a run had ended."""
        with snapshot(self._connection, self.path):
            return read.read_crosswalk(self._connection, as_of_run)

    def events(self, run: int) -> tuple[read.PastEvent, ...]:
        """Return the events of one run, in order."""
        with snapshot(self._connection, self.path):
            return read.read_events(self._connection, run)

    def conflicts(self, run: int | None = None) -> tuple[read.NamedConflict, ...]:
        """Return the evidence that a run, the last by default, did not follow."""
        with snapshot(self._connection, self.path):
            return read.read_conflicts(self._connection, last_run(self._connection)[0] if run is None else run)

    def runs(self, after: int = 0) -> tuple[read.Run, ...]:
        """Return the runs since run ``after``, oldest first."""
        with snapshot(self._connection, self.path):
            return read.read_runs(self._connection, after)

    def last_linkage(self) -> int:
        """Return the number of the last run that was an update or a rebuild; 0 before the first."""
        with snapshot(self._connection, self.path):
            (run,) = self._connection.execute(
                "SELECT coalesce(max(run), 0) FROM run WHERE kind <> ?", (RunKind.MANUAL.value,)
            ).fetchone()
        return int(run)

    def inputs(self) -> frozenset[str]:
        """Return the SHA-256 of every package that a run was made from."""
        with snapshot(self._connection, self.path):
            return frozenset(
                sha256 for (sha256,) in self._connection.execute("SELECT lower(hex(sha256)) FROM run_input")
            )

    def count(self) -> int:
        """Count the IDs in use, without reading them."""
        with snapshot(self._connection, self.path):
            return read.count_students(self._connection)

    def head(self, run: int | None = None) -> Head:
        """Return the digest that seals a run and all before it, for a ledger to keep; the last run's by default."""
        with snapshot(self._connection, self.path):
            last, digest = last_run(self._connection)
            if run is not None and run != last:
                row = self._connection.execute("SELECT digest FROM run WHERE run = ?", (run,)).fetchone()
                if row is None:
                    raise StoreError(f"The registry has no run {run}.", advice=f"Its last run is {last}.")
                last, digest = run, row[0]
        return Head(last, digest.hex())

    def verify(self, kept: Sequence[Head] = ()) -> Verification:
        """Check the registry against itself, and against digests ``kept`` elsewhere."""
        with snapshot(self._connection, self.path):
            return verify(self._connection, kept)
