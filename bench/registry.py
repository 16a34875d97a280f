"""The registry at size, and over ten years: ``python -m bench.registry [--only PART] [--records N] [--people N]``.

Three measurements:

- **update**: 10,000 new records into a tenth of ``--records`` existing ones, from opening the file to the commit.
- **size**: a registry of ``--records`` records, filled in ten runs; opening it, looking IDs up, listing histories.
- **years**: ``--worlds`` simulated consortia of ``--people`` people, ten yearly updates each beside one batch
  (:mod:`bench._years`).
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from bench._years import RUN, TenYears, measure_years
from linkage.registry.plan import plan_update
from linkage.registry.store import Registry

AGENCIES = ("k12", "college", "workforce", "early-learning")
LOOKUPS = 300


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


def main() -> None:
    """Measure and print: a table for people, or one JSON object on the last line."""
    parser = argparse.ArgumentParser(prog="python -m bench.registry")
    parser.add_argument("--only", choices=("update", "size", "years"))
    parser.add_argument("--records", type=int, default=10_000_000)
    parser.add_argument("--people", type=int, default=20_000)
    parser.add_argument("--worlds", type=int, default=1)
    parser.add_argument("--same-secret", action="store_true", help="one for ten years, not a new one each year")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    rng = np.random.default_rng(chosen.seed)
    wanted = [chosen.only] if chosen.only else ["update", "size", "years"]
    results: dict[str, dict[str, object]] = {}
    together: TenYears | None = None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if "update" in wanted:
            results["update"] = asdict(measure_update(folder, chosen.records // 10, 10_000, rng))
        if "size" in wanted:
            results["size"] = asdict(measure_size(folder, chosen.records, rng))
        for seed in range(chosen.seed, chosen.seed + chosen.worlds if "years" in wanted else chosen.seed):
            measured = measure_years(folder, chosen.people, seed, chosen.same_secret)
            together = measured if together is None else together + measured
            results[f"years, world {seed}"] = dict(measured.described())
        if together is not None and chosen.worlds > 1:
            results["years, all worlds"] = dict(together.described())
    table = Table("measurement", "what", "value")
    for measurement, found in results.items():
        for what, value in found.items():
            table.add_row(measurement, what, value if isinstance(value, str) else _written(value))
    Console().print(table)
    if chosen.json:
        print(json.dumps(results))


def _written(value: object) -> str:
    return f"{value:,.4f}" if isinstance(value, float) else f"{value:,}"


if __name__ == "__main__":
    main()
