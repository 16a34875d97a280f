"""The registry at size, and over ten years: ``python -m bench.registry [--records N] [--people N] [--json]``.

Three measurements:

- **update**: 10,000 new records into a tenth of ``--records`` existing ones, from opening the file to the commit.
- **size**: a registry of ``--records`` records, filled in ten runs; opening it, looking IDs up, listing histories.
- **years**: a simulated consortium of ``--people`` people. Each year every agency's register up to that year is
  linked with the default spec and resolved into the registry; compared with one batch of the last year's registers.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

import linkage
from linkage.registry.model import RunRecord
from linkage.registry.plan import plan_update
from linkage.registry.store import Registry
from linkage.simulation.parameters import Years
from linkage.simulation.world import simulate
from linkage.simulation.writing import write_world

RUN = RunRecord(datetime(2026, 9, 1, tzinfo=UTC), (), "benchmark")
AGENCIES = ("k12", "college", "workforce", "early-learning")
LOOKUPS = 300
YEARS = range(2017, 2027)
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
class Update:
    """New records into existing ones; seconds from opening the file to the commit."""

    existing: int
    new: int
    part_seconds: float  # the new records and the records they link to
    whole_seconds: float  # clusters of all records, as a matcher that links everything anew gives them


@dataclass(frozen=True)
class Size:
    """A large registry: how long it took to fill, and to ask."""

    records: int
    students: int
    megabytes: float
    fill_seconds: float
    open_ms: float
    lookup_ms_median: float
    lookup_ms_worst: float
    history_ms_median: float
    history_ms_worst: float


@dataclass(frozen=True)
class TenYears:
    """Ten yearly updates beside one batch, against the truth; churn is of existing records, over all years."""

    people: int
    records: int
    yearly_f1: float
    batch_f1: float
    changed_records: int
    changed_share: float
    changes_without_reason: int
    conflicts_last_year: int


@contextmanager
def _timed() -> Iterator[list[float]]:
    taken: list[float] = []
    begun = time.perf_counter()
    yield taken
    taken.append(time.perf_counter() - begun)


def _clusters(rng: np.random.Generator, count: int, first_cluster: int) -> pd.DataFrame:
    """Make records of new people, two and a half to a person."""
    text = rng.bytes(16 * count).hex()
    return pd.DataFrame(
        {
            "agency": rng.choice(np.array(AGENCIES, dtype=object), count),
            "person_token": [text[start : start + 32] for start in range(0, 32 * count, 32)],
            "cluster": first_cluster + rng.integers(0, max(1, count * 2 // 5), count),
        }
    )


def _resolve(path: Path, clusters: pd.DataFrame, touching: pd.DataFrame | None) -> None:
    with Registry.open(path, create=True) as registry, registry.exclusive():
        registry.apply(plan_update(registry.state(touching), clusters), RUN)


def measure_update(folder: Path, existing: int, new: int, rng: np.random.Generator) -> Update:
    """Add ``new`` records, half of which link to existing ones, first alone and then among all."""
    path = folder / "update.sqlite"
    base = _clusters(rng, existing, 0)
    _resolve(path, base, None)
    seconds = []
    for whole in (False, True):
        fresh = _clusters(rng, new, existing)
        linked = rng.random(new) < 0.5
        fresh.loc[linked, "cluster"] = rng.choice(base["cluster"].to_numpy(), int(linked.sum()))
        touched = base[base["cluster"].isin(fresh["cluster"])]
        clusters = pd.concat([base if whole else touched, fresh], ignore_index=True)
        with _timed() as taken:
            _resolve(path, clusters, None if whole else clusters)
        seconds += taken
        base = pd.concat([base, fresh], ignore_index=True)
    path.unlink()
    return Update(existing, new, *seconds)


def measure_size(folder: Path, records: int, rng: np.random.Generator) -> Size:
    """Fill a registry in ten runs and ask it."""
    path = folder / "size.sqlite"
    with _timed() as fill:
        for run in range(10):
            fresh = _clusters(rng, records // 10, run * records)
            _resolve(path, fresh, fresh.iloc[:0])
    with Registry.open(path) as registry:
        identifiers = registry.crosswalk()["student_id"].unique()
    opened, looked, listed = [], [], []
    for identifier in rng.choice(identifiers, LOOKUPS, replace=False):
        # Opened anew each time, so that nothing is in the connection's own cache.
        with _timed() as taken:
            registry = Registry.open(path)
        opened += taken
        with registry:
            with _timed() as taken:
                registry.lookup(identifier)
            looked += taken
            with _timed() as taken:
                registry.history(identifier)
            listed += taken
    size = path.stat().st_size / 1e6
    path.unlink()
    times = (statistics.median(looked), max(looked), statistics.median(listed), max(listed))
    return Size(
        records, len(identifiers), size, fill[0], 1000 * statistics.median(opened), *(1000 * taken for taken in times)
    )


def measure_years(folder: Path, people: int, seed: int) -> TenYears:
    """Link and resolve the registers of a simulated consortium, year by year and in one batch."""
    world = folder / "world"
    write_world(simulate(people, seed, Years(YEARS[0], YEARS[-1])), world)
    registers = {agency: _register(world, agency) for agency in REGISTERS}
    truth = _truth(world)
    one_each = [agency for agency in REGISTERS if agency not in MAY_HAVE_DUPLICATES]
    changed: set[tuple[str, str]] = set()
    unexplained = 0
    with Registry.open(folder / "years.sqlite", create=True) as registry:
        ids = _ids(registry)
        for year in YEARS:
            clusters = _link(registers, year)
            registry.apply(plan_update(registry.state(), clusters, one_each), RUN, limit=1.0)
            now = _ids(registry)
            before = ids[ids.to_numpy() != now.reindex(ids.index).to_numpy()]
            changed |= set(before.index)
            unexplained += sum(not registry.history(identifier)[-1].reason for identifier in before.unique())
            ids = now
        conflicts = len(registry.conflicts())
    batch = clusters.set_index(["agency", "person_token"])["cluster"]
    return TenYears(
        people,
        len(ids),
        _f1(ids, truth),
        _f1(batch.astype("str"), truth),
        len(changed),
        len(changed) / len(ids),
        unexplained,
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


def _link(registers: dict[str, pd.DataFrame], year: int) -> pd.DataFrame:
    """Link what the agencies know by the end of a year."""
    known = {agency: register[register["first_year"] <= year] for agency, register in registers.items()}
    known = {agency: rows.drop(columns=["first_year"]).reset_index(drop=True) for agency, rows in known.items()}
    result = linkage.link(known, may_have_duplicates=MAY_HAVE_DUPLICATES).clusters
    tokens = {agency: [_token(agency, local) for local in rows[REGISTERS[agency][1]]] for agency, rows in known.items()}
    token = [tokens[agency][row] for agency, row in zip(result["source"], result["row"], strict=True)]
    return pd.DataFrame({"agency": result["source"], "person_token": token, "cluster": result["cluster_id"]})


def _token(agency: str, local_id: str) -> str:
    return hashlib.sha256(f"{agency} {local_id}".encode()).hexdigest()[:32]


def _truth(world: Path) -> pd.Series[str]:
    truth = pd.read_csv(world / "truth.csv", dtype="str")
    people = zip(truth["agency"], truth["local_id"], strict=True)
    truth["person_token"] = [_token(agency, local) for agency, local in people]
    return truth.set_index(["agency", "person_token"])["person_id"]


def _f1(found: pd.Series[str], truth: pd.Series[str]) -> float:
    """Compare the pairs of records put together with the pairs of records of one person."""
    both = pd.DataFrame({"found": found, "true": truth.reindex(found.index)})
    right, put, true = (_pairs(both, names) for names in (["found", "true"], ["found"], ["true"]))
    return 2 * right / (put + true)


def _pairs(table: pd.DataFrame, names: list[str]) -> float:
    size = table.groupby(names).size()
    return float((size * (size - 1) / 2).sum())


def main() -> None:
    """Measure and print: a table for people, or one JSON object on the last line."""
    parser = argparse.ArgumentParser(prog="python -m bench.registry")
    parser.add_argument("--records", type=int, default=10_000_000)
    parser.add_argument("--people", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    rng = np.random.default_rng(chosen.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        results = {
            "update": asdict(measure_update(folder, chosen.records // 10, 10_000, rng)),
            "size": asdict(measure_size(folder, chosen.records, rng)),
            "years": asdict(measure_years(folder, chosen.people, chosen.seed)),
        }
    table = Table("measurement", "what", "value")
    for measurement, found in results.items():
        for what, value in found.items():
            table.add_row(measurement, what, f"{value:,}" if isinstance(value, int) else f"{value:,.4f}")
    Console().print(table)
    if chosen.json:
        print(json.dumps(results))


if __name__ == "__main__":
    main()
