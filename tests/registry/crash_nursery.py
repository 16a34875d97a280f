"""Kill a process that writes to a registry, at random instants, and look at what it left. Run by test_registry_crash.

``python crash_nursery.py FOLDER KILLS SEED`` prints one JSON object. It is a program of its own, with one thread, so
that it can fork: a process that starts in a millisecond can be killed in any millisecond of its work.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
from registry_world import content, open_registry, run, token

from linkage.registry.plan import plan_update
from linkage.registry.store import Registry

RUNS = 6
PEOPLE = 150


def clusters_of(year: int) -> pd.DataFrame:
    """A year's clusters: more agencies each year, new people, and two that turn out to be one."""
    people = range(PEOPLE + 30 * year)
    rows = [(f"agency{at}", f"{person}", person) for person in people for at in range(1 + (year + person) % 3)]
    merged = [
        (agency, token(f"{agency}:{name}"), person - person % 2 * (person < 2 * year)) for agency, name, person in rows
    ]
    return pd.DataFrame(merged, columns=["agency", "person_token", "cluster"])


def apply_year(path: Path, year: int, small_cache: bool = False) -> None:
    with open_registry(path, seed=year) as registry:
        if small_cache:  # so that pages reach the file long before the commit
            registry._connection.execute("PRAGMA cache_size = 8")
        with registry.exclusive():
            registry.apply(plan_update(registry.state(), clusters_of(year)), run(f"year {year}"))


def sealed(path: Path) -> str:
    return hashlib.sha256(content(path).encode()).hexdigest()


def main(folder: Path, kills: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    states, expected, slowest = [], [], 0.0
    for year in range(RUNS + 1):
        path = folder / f"after-{year}.sqlite"
        if states:
            shutil.copy(states[-1], path)
        begun = time.perf_counter()
        apply_year(path, year, small_cache=True)
        slowest = max(slowest, time.perf_counter() - begun)
        states.append(path)
        expected.append(sealed(path))
    found: Counter[str] = Counter(kills=kills, old=0, new=0, hot=0, wrong=0)
    target = folder / "registry.sqlite"
    journal = Path(f"{target}-journal")
    for _ in range(kills):
        year = int(rng.integers(0, RUNS))
        journal.unlink(missing_ok=True)
        shutil.copy(states[year], target)
        small_cache = bool(rng.integers(0, 2))
        child = os.fork()
        if child == 0:
            apply_year(target, year + 1, small_cache)
            os._exit(0)
        time.sleep(rng.uniform(0, 2 * slowest))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        found["hot"] += journal.exists() and journal.stat().st_size > 0
        with Registry.open(target) as registry:
            reached = registry.head().run - 1
            sound = registry.verify().problems == ()
        outcome = "old" if reached == year else "new"
        if not sound or reached not in (year, year + 1) or sealed(target) != expected[reached]:
            outcome = "wrong"
        elif reached == year:
            apply_year(target, year + 1)  # the re-run completes, and ends where an undisturbed one does
            outcome = "old" if sealed(target) == expected[year + 1] else "wrong"
        found[outcome] += 1
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
