"""How fast an agency hashes: ``python -m bench.hashing --records 1000000 [--peer-python PATH] [--json]``.

A CSV file with eight identifiers goes the way of ``linkage hash``: read, normalised, measured, encoded in every pass of
the default spec that they can give, and sealed to two rooms with the token table. clkhash hashes the same identifiers
of the same records in the same run, one CLK a record, validation off: by the clock on as many processes as it starts of
itself, by the processor in one. A peer that cannot be imported by ``--peer-python`` is left out, and that is said.

On a machine that others use too, only seconds of the processor (of all threads) mean anything. Extract, hashing and
peer each have a process of their own, so that the peak is hashing's.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import subprocess
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd

from bench._agreement import signed_agreement
from bench._registers import registers
from linkage.engine.steward import examine_extract, hash_extract
from linkage.exchange.secret import Secret
from linkage.hashing.read import read_extract
from linkage.spec.load import load_spec

_T = TypeVar("_T")

#: Run by the peer's interpreter: hashes a CSV file, answers with seconds of the clock and of the processor.
_PEER = """
import json, sys, time
from clkhash import clk, field_formats, schema
from clkhash.comparators import NgramComparison

path, names = sys.argv[1], sys.argv[2].split(",")
strategy = field_formats.BitsPerFeatureStrategy(100)
hashing = field_formats.FieldHashingProperties(comparator=NgramComparison(2), strategy=strategy)
fields = [field_formats.StringSpec(name, hashing, max_length=None) for name in names]
described = schema.Schema(fields, 1024)

def timed(clock, workers):
    with open(path) as content:
        begun = clock()
        made = clk.generate_clk_from_csv(
            content, "secret", described, validate=False, progress_bar=False, max_workers=workers
        )
    return len(made), clock() - begun

made, seconds = timed(time.perf_counter, None)
# In one process, because the time of others is not seen from here.
_, cpu_seconds = timed(time.process_time, 1)
print(json.dumps({"records": made, "seconds": seconds, "cpu_seconds": cpu_seconds}))
"""


@dataclass(frozen=True)
class Timed:
    """What hashing took."""

    records: int
    passes: int
    encodings: int
    seconds: float
    cpu_seconds: float
    by_phase: dict[str, float]
    package_gb: float
    peak_gb: float


@dataclass(frozen=True)
class Peer:
    """What clkhash took."""

    records: int
    seconds: float
    cpu_seconds: float


def write_extract(path: Path, records: int) -> None:
    """Write a register of eight identifiers and the agency's own ID."""
    frame = next(iter(registers(records)[0].values())).reset_index(drop=True)
    frame.assign(local_id=np.arange(records)).to_csv(path, index=False)


class _Clock:
    """Takes the time of each phase."""

    def __init__(self) -> None:
        self.phases: dict[str, float] = {}
        self._begun: dict[str, float] = {}

    def __call__(self, phase: str, done: float) -> None:
        now = time.perf_counter()
        self._begun.setdefault(phase, now)
        self.phases[phase] = now - self._begun[phase]


def ours(path: Path, folder: Path) -> Timed:
    """Hash and seal a file, as ``linkage hash`` does."""
    now, spec = datetime.now(UTC), load_spec()
    signed = signed_agreement(folder, spec, now.date())
    out, clock = folder / "bench.lpkg", _Clock()
    begun, used = time.perf_counter(), time.process_time()
    clock("reading", 0.0)
    extract = read_extract(path, quarantine=True)
    clock("reading", 1.0)
    clock("normalising", 0.0)
    examined = examine_extract(
        extract, agreement=signed.agreement, spec=spec, agency=signed.keys.name, today=now.date(),
        columns={"local_id": "local_id"},
    )  # fmt: skip
    clock("normalising", 1.0)
    del extract
    receipt = hash_extract(
        examined, agreement=signed.agreement, spec=spec, secret=Secret.new(), keys=signed.keys, out=out, now=now,
        random_bytes=os.urandom, report=clock,
    )  # fmt: skip
    found = Timed(
        records=receipt.records,
        passes=len(receipt.rows_by_pass),
        encodings=sum(receipt.rows_by_pass.values()),
        seconds=time.perf_counter() - begun,
        cpu_seconds=time.process_time() - used,
        by_phase=clock.phases,
        package_gb=out.stat().st_size / 1e9,
        peak_gb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    )
    out.unlink()
    return found


def ours_when_compiled(path: Path, folder: Path) -> Timed:
    """Hash a few records first, so that what is timed is the work."""
    few = folder / "few.csv"
    pd.read_csv(path, dtype=str, nrows=500).to_csv(few, index=False)
    ours(few, folder)
    return ours(path, folder)


def clkhash(python: str, path: Path, folder: Path, records: int) -> Peer | None:
    """Hash records of the same file with clkhash, if that interpreter has it."""
    if subprocess.run([python, "-c", "import clkhash"], capture_output=True, check=False).returncode:
        return None
    few = folder / "peer.csv"
    frame = pd.read_csv(path, dtype=str, nrows=records, keep_default_na=False).drop(columns="local_id")
    frame.to_csv(few, index=False)
    command = [python, "-c", _PEER, str(few), ",".join(frame.columns)]
    told = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    return Peer(**json.loads(told.splitlines()[-1]))


def _apart(function: Callable[..., _T], *given: object) -> _T:
    """Call a function in a process of its own."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *given).result()


def main() -> None:
    """Time and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.hashing", description=__doc__)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--peer-records", type=int, default=20_000)
    parser.add_argument("--peer-python", default="python", help="an interpreter that has clkhash")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "extract.csv"
        _apart(write_extract, path, given.records)
        found = _apart(ours_when_compiled, path, folder)
        peer = clkhash(given.peer_python, path, folder, given.peer_records)
    print(f"{found.records:,} records, {found.passes} passes, {found.encodings:,} encodings, CSV to sealed package")
    print(
        f"{found.seconds:.1f} s, {found.cpu_seconds:.1f} s of the processor; "
        + ", ".join(f"{phase} {seconds:.1f} s" for phase, seconds in found.by_phase.items())
    )
    print(f"{found.records / found.seconds:,.0f} records a second, package {found.package_gb:.2f} GB, ", end="")
    print(f"peak memory {found.peak_gb:.2f} GB")
    if peer is None:
        print(f"{given.peer_python} has no clkhash: nothing to compare with")
    else:
        by_clock = found.records / found.seconds * peer.seconds / peer.records
        by_processor = found.records / found.cpu_seconds * peer.cpu_seconds / peer.records
        print(
            f"clkhash, one encoding a record, validation off: {peer.records / peer.seconds:,.0f} records a second, "
            f"{peer.records / peer.cpu_seconds:,.0f} a second of the processor"
        )
        print(f"records a second beside clkhash: {by_clock:.1f} times; a second of the processor: {by_processor:.1f}")
    if given.json:
        print(json.dumps({"linkage": asdict(found), "clkhash": asdict(peer) if peer else None}))


if __name__ == "__main__":
    main()
