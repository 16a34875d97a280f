"""Ten yearly updates of a simulated consortium beside one batch, against the truth.

Each year every agency's register up to that year is linked with the default spec and resolved into the registry as an
update. The batch is the clusters of the last year's links. Both are compared with the truth on the same records. Churn
is the share of records that ever show another ID than in the year before.
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
class TenYears:
    """Pairs found by yearly updates and by one batch, and the records that changed their ID, by reason."""

    people: int
    seed: int
    records: int
    yearly_f1: float
    yearly_precision: float
    yearly_recall: float
    batch_f1: float
    batch_precision: float
    batch_recall: float
    changed_records: int
    changed_share: float
    reasons: dict[str, int]
    changes_without_reason: int
    not_followed_last_year: int


def measure_years(folder: Path, people: int, seed: int) -> TenYears:
    """Link and resolve the registers of a simulated consortium, year by year and in one batch."""
    world = folder / f"world-{seed}"
    write_world(simulate(people, seed, Years(YEARS[0], YEARS[-1])), world)
    registers = {agency: _register(world, agency) for agency in REGISTERS}
    truth = _truth(world)
    one_each = [agency for agency in REGISTERS if agency not in MAY_HAVE_DUPLICATES]
    changed: set[tuple[str, str]] = set()
    reasons: Counter[str] = Counter()
    with Registry.open(folder / f"years-{seed}.sqlite", create=True) as registry:
        ids = _ids(registry)
        for year in YEARS:
            persons = _link(registers, year)
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
    return TenYears(
        people,
        seed,
        len(ids),
        *_accuracy(ids, truth),
        *_accuracy(clusters, truth),
        len(changed),
        len(changed) / len(ids),
        dict(reasons),
        sum(count for reason, count in reasons.items() if not reason.split(": ")[1]),
        conflicts,
    )


def _ids(registry: Registry) -> pd.Series[str]:
    return registry.crosswalk().set_index(["agency", "person_token"])["student_id"]


def _register(world: Path, agency: str) -> pd.DataFrame:
    """Read an agency's register, with the year in which each person first appears in its other file."""
    file, key, events, when = REGISTERS[agency]
    register = pd.read_csv(world / agency / file, dtype="str", keep_default_na=False)
    seen = pd.read_csv(world / agency / events, dtype="str", usecols=[key, when])
    first = seen[when].str[:4].astype(int).groupby(seen[key]).min()
    return register.assign(first_year=register[key].map(first).fillna(YEARS[0]).astype(int))


def _link(registers: dict[str, pd.DataFrame], year: int) -> Persons:
    """Link what the agencies know by the end of a year, with person tokens that last."""
    spec, secret = load_spec(DEFAULT), Secret.new()
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


def _accuracy(found: pd.Series[str], truth: pd.Series[str]) -> tuple[float, float, float]:
    """Return F1, precision and recall of the pairs of records put together."""
    both = pd.DataFrame({"found": found, "true": truth.reindex(found.index)})
    right, put, true = (_pairs(both, names) for names in (["found", "true"], ["found"], ["true"]))
    return 2 * right / (put + true), right / put, right / true


def _pairs(table: pd.DataFrame, names: list[str]) -> float:
    size = table.groupby(names).size()
    return float((size * (size - 1) / 2).sum())
