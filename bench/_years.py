"""Ten yearly updates of a simulated consortium beside one batch, against the truth.

Each year every agency's register up to that year is linked with the default spec and resolved into the registry as an
update, under a new secret each time or under one for all. The batch is the clusters of the last year's links. Both are
compared with the truth on the same records. Churn is the share of records that ever show another ID than in the year
before.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from linkage.engine.registrar import record_links
from linkage.engine.steward import token_table
from linkage.exchange.context import Context
from linkage.exchange.secret import Secret
from linkage.hashing.columns import recognise
from linkage.hashing.encode import encode
from linkage.hashing.prepare import prepare
from linkage.hashing.statistics import field_statistics
from linkage.matching.persons import Persons, resolve_persons
from linkage.matching.score import score
from linkage.registry.model import EventKind, RunRecord
from linkage.registry.plan import plan_update
from linkage.registry.store import Registry
from linkage.simulation.parameters import Years
from linkage.simulation.world import simulate
from linkage.simulation.writing import write_world
from linkage.spec.encodings import Encodings
from linkage.spec.load import DEFAULT, load_spec

YEARS = range(2017, 2027)
RUN = RunRecord(datetime(2026, 9, 1, tzinfo=UTC), (), "benchmark")
#: Agency: its register, the key of it, the file that says when a person was met, and that file's column of time.
REGISTERS = {
    "early-learning": ("children.csv", "child_id", "attendance.csv", "program_year"),
    "lakeside-district": ("students.csv", "StudentUniqueId", "enrollment.csv", "SchoolYear"),
    "riverbend-district": ("students.csv", "Student_ID", "enrollment.csv", "SchoolYear"),
    "state-colleges": ("students.csv", "student_id", "enrollments.csv", "term"),
    "workforce": ("workers.csv", "WageRecordId", "wages.csv", "Quarter"),
    "child-welfare": ("children.csv", "ChildID", "placements.csv", "PlacementBegin"),
}
MAY_HAVE_DUPLICATES = frozenset({"lakeside-district"})


@dataclass(frozen=True)
class Pairs:
    """Pairs of records: put together, of these right, and truly one person's."""

    right: float
    put: float
    true: float

    def __add__(self, other: Pairs) -> Pairs:
        return Pairs(self.right + other.right, self.put + other.put, self.true + other.true)

    def described(self) -> str:
        """Return F1, precision and recall."""
        f1 = 2 * self.right / (self.put + self.true)
        return f"{f1:.4f}, {self.right / self.put:.4f}, {self.right / self.true:.4f}"


@dataclass(frozen=True)
class TenYears:
    """Pairs found by yearly updates and by one batch, and the records that changed their ID, by reason."""

    records: int
    yearly: Pairs
    batch: Pairs
    changed: int
    reasons: Counter[str]
    not_followed: int

    def __add__(self, other: TenYears) -> TenYears:
        return TenYears(
            self.records + other.records,
            self.yearly + other.yearly,
            self.batch + other.batch,
            self.changed + other.changed,
            self.reasons + other.reasons,
            self.not_followed + other.not_followed,
        )

    def described(self) -> dict[str, str]:
        """Return what was measured, line by line."""
        return {
            "records": f"{self.records:,}",
            "updates: F1, precision, recall": self.yearly.described(),
            "one batch: F1, precision, recall": self.batch.described(),
            "records that ever changed ID": f"{self.changed:,} ({self.changed / self.records:.3%})",
            "records moved, by event and reason": "; ".join(f"{n:,} {why}" for why, n in self.reasons.items())
            or "none",
            "evidence not followed in the last year": f"{self.not_followed:,}",
        }


def measure_years(folder: Path, people: int, seed: int, same_secret: bool) -> TenYears:
    """Link and resolve the registers of a simulated consortium, year by year and in one batch."""
    world = folder / f"world-{seed}"
    write_world(simulate(people, seed, Years(YEARS[0], YEARS[-1])), world)
    registers = {agency: _register(world, agency) for agency in REGISTERS}
    truth = _truth(world)
    one_each = [agency for agency in REGISTERS if agency not in MAY_HAVE_DUPLICATES]
    lasting = Secret.new()
    changed: set[tuple[str, str]] = set()
    reasons: Counter[str] = Counter()
    with Registry.open(folder / f"years-{seed}.sqlite", create=True) as registry:
        ids = _ids(registry)
        for year in YEARS:
            persons = _link(registers, year, lasting if same_secret else Secret.new())
            batch = persons.records.rename(columns={"source": "agency", "cluster_id": "cluster"})
            plan = plan_update(registry.state(), batch, one_each, record_links(persons))
            run = registry.apply(plan, RUN, limit=1.0)
            for event in registry.events(run):
                if event.kind in (EventKind.MERGED, EventKind.SPLIT):
                    reasons[f"{event.kind.value}: {event.reason}"] += len(event.records)
            now = _ids(registry)
            changed |= set(ids.index[ids.to_numpy() != now.reindex(ids.index).to_numpy()])
            ids = now
        conflicts = len(registry.conflicts())
    clusters = batch.set_index(["agency", "person_token"])["cluster"].astype("str")
    return TenYears(len(ids), _pairs(ids, truth), _pairs(clusters, truth), len(changed), reasons, conflicts)


def _ids(registry: Registry) -> pd.Series[str]:
    return registry.crosswalk().set_index(["agency", "person_token"])["student_id"]


def _register(world: Path, agency: str) -> pd.DataFrame:
    """Read an agency's register, with the year in which each person first appears in its other file."""
    file, key, events, when = REGISTERS[agency]
    register = pd.read_csv(world / agency / file, dtype="str", keep_default_na=False)
    seen = pd.read_csv(world / agency / events, dtype="str", usecols=[key, when])
    first = seen[when].str[:4].astype(int).groupby(seen[key]).min()
    return register.assign(first_year=register[key].map(first).fillna(YEARS[0]).astype(int))


def _link(registers: dict[str, pd.DataFrame], year: int, secret: Secret) -> Persons:
    """Link what the agencies know by the end of a year, with person tokens that last."""
    spec = load_spec(DEFAULT)
    context = Context(agreement="none", spec_sha256=spec.sha256, epoch=1)
    encodings, tables = [], []
    for agency, register in registers.items():
        known = register[register["first_year"] <= year].drop(columns=["first_year"]).reset_index(drop=True)
        prepared = prepare(known, recognise(list(known.columns), spec, None), spec)
        encoded = encode(prepared, spec, lambda label: secret.derive(context, label), os.urandom)
        encodings.append(Encodings(agency, len(known), encoded.passes, field_statistics(prepared, os.urandom)))
        tokens = [_token(agency, local) for local in known[REGISTERS[agency][1]]]
        tables.append(token_table(agency, encoded.tokens, pd.Series(tokens, dtype="object").to_numpy()))
    return resolve_persons(score(encodings, spec, MAY_HAVE_DUPLICATES), tables, MAY_HAVE_DUPLICATES)


def _token(agency: str, local_id: str) -> str:
    return hashlib.sha256(f"{agency} {local_id}".encode()).hexdigest()[:32]


def _truth(world: Path) -> pd.Series[str]:
    truth = pd.read_csv(world / "truth.csv", dtype="str")
    people = zip(truth["agency"], truth["local_id"], strict=True)
    truth["person_token"] = [_token(agency, local) for agency, local in people]
    return truth.set_index(["agency", "person_token"])["person_id"]


def _pairs(found: pd.Series[str], truth: pd.Series[str]) -> Pairs:
    both = pd.DataFrame({"found": found, "true": truth.reindex(found.index)})
    return Pairs(*(_count(both, names) for names in (["found", "true"], ["found"], ["true"])))


def _count(table: pd.DataFrame, names: list[str]) -> float:
    size = table.groupby(names).size()
    return float((size * (size - 1) / 2).sum())
