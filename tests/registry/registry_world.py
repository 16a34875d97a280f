"""What the registry's tests share: clusters written by hand, runs with a fixed clock, a seeded source of IDs."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from linkage.registry.model import RunRecord
from linkage.registry.store import Registry


def token(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:32]


def clusters(*groups: str) -> pd.DataFrame:
    """``clusters("k12:a col:a", "k12:b")``: one cluster of two records, and one of one."""
    rows = [(*record.split(":"), number) for number, group in enumerate(groups, 1) for record in group.split()]
    return frame([(agency, token(f"{agency}:{name}"), number) for agency, name, number in rows])


def frame(rows: Iterable[tuple[str, str, int]]) -> pd.DataFrame:
    table = pd.DataFrame(list(rows), columns=["agency", "person_token", "cluster"])
    return table.astype({"agency": "str", "person_token": "str", "cluster": "int64"})


def run(note: str = "test", hour: int = 0) -> RunRecord:
    return RunRecord(datetime(2026, 9, 1, hour, tzinfo=UTC), (), note)


def open_registry(path: Path, seed: int = 3, create: bool = True) -> Registry:
    return Registry.open(path, create=create, wait_seconds=5, entropy=np.random.default_rng(seed).bytes)


def ids_of(registry: Registry, as_of_run: int | None = None) -> dict[str, str]:
    """ID by record, written as in ``clusters`` for the records whose names are a letter or two."""
    table = registry.crosswalk(as_of_run)
    names = {
        token(f"{agency}:{first}{second}"): f"{agency}:{first}{second}"
        for agency in set(table["agency"])
        for first in "abcdefghijklmnopqrstuvwxyz"
        for second in ("", *"0123456789")
    }
    return {names[key]: value for key, value in zip(table["person_token"], table["student_id"], strict=True)}


def content(path: Path, without_runs: bool = False) -> str:
    """Every row of every table, or all but the record of runs."""
    connection = sqlite3.connect(path)
    try:
        lines = list(connection.iterdump())
    finally:
        connection.close()
    runs = ('INSERT INTO "run"', 'INSERT INTO "run_input"', 'INSERT INTO "conflict"')
    return "\n".join(line for line in lines if not (without_runs and line.startswith(runs)))
