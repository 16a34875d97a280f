"""CLK mode beside clkhash and anonlink: ``python -m bench.clk [--records N] [--rows N] [--peer-python PATH] [--json]``.

- **hash**: CLKs of fictional people under a version 3 schema of seven features; records a CPU-second, and whether each
  CLK is the peer's bit for bit. clkhash runs in one process, with validation and without; ours always validates.
- **scan**: every pair of two sides at Dice 0.8; pairs a CPU-second on one thread, and whether the pairs are the peer's.

Rates are per CPU-second, ours and the peers' alternating in one run, medians of ``--rounds``. A peer that cannot be
imported by ``--peer-python`` (default: this interpreter) is left out, and that is said.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
from faker import Faker
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from linkage.hashing.clk.hasher import clk_document, hash_records
from linkage.hashing.clk.schema import schema_from_document
from linkage.matching.clk.read import read_clks
from linkage.matching.clk.scan import Pairs, scan

THRESHOLD = 0.8
SECRET = "a secret for benchmarks"
_TEXT = {"type": "string", "encoding": "utf-8"}
_BITS = {"given": 22, "family": 22, "born": 14, "sex": 20, "street": 9, "city": 12, "zip": 22}
SCHEMA = {
    "version": 3,
    "clkConfig": {"l": 1024, "kdf": {"type": "HKDF", "hash": "SHA256"}},
    "features": [
        {
            "identifier": name,
            "format": _TEXT,
            "hashing": {
                "comparison": {"type": "ngram", "n": 1 if name in {"born", "zip", "sex"} else 2,
                               "positional": name in {"born", "zip"}},
                "strategy": {"bitsPerToken": bits // 2},
            },
        }
        for name, bits in _BITS.items()
    ],
}  # fmt: skip

#: Run by the peer's interpreter: reads a task, answers with seconds of CPU time and results.
_PEER = """
import base64, json, sys, time
task = json.load(open(sys.argv[1]))
if task["what"] == "hash":
    from clkhash.clk import generate_clks
    from clkhash.schema import from_json_dict
    from clkhash.serialization import serialize_bitarray
    schema = from_json_dict(task["schema"])
    begun = time.process_time()
    clks = generate_clks(task["rows"], schema, task["secret"], validate=task["validate"], max_workers=1)
    seconds = time.process_time() - begun
    print(json.dumps({"seconds": seconds, "found": [serialize_bitarray(clk) for clk in clks]}))
else:
    from anonlink.similarities import dice_coefficient_accelerated
    from bitarray import bitarray
    sides = []
    for path in task["sides"]:
        side = []
        for text in json.load(open(path))["clks"]:
            clk = bitarray(endian="big")
            clk.frombytes(base64.b64decode(text))
            side.append(clk)
        sides.append(side)
    begun = time.process_time()
    _, (a, b) = dice_coefficient_accelerated(sides, task["threshold"])
    seconds = time.process_time() - begun
    print(json.dumps({"seconds": seconds, "found": [list(a), list(b)]}))
"""


@dataclass(frozen=True)
class Row:
    """One engine's rate in millions a CPU-second, how many times it ours is, and whether the results are equal."""

    task: str
    engine: str
    millions: float
    ours_is_times: float | None
    identical: bool | None


T = TypeVar("T")


def people(rng: np.random.Generator, count: int) -> pd.DataFrame:
    """Make fictional people."""
    fake = Faker("en_US")
    fake.seed_instance(int(rng.integers(2**31)))
    pools = {
        "given": [fake.first_name() for _ in range(2_000)],
        "family": [fake.last_name() for _ in range(2_000)],
        "street": [fake.street_name() for _ in range(20_000)],
        "city": [fake.city() for _ in range(2_000)],
    }
    drawn = {name: np.array(pool, dtype=object)[rng.integers(len(pool), size=count)] for name, pool in pools.items()}
    days = np.datetime64("1990-01-01") + rng.integers(0, 9_000, count).astype("timedelta64[D]")
    number = rng.integers(1, 999, count)
    return pd.DataFrame(
        {
            "given": drawn["given"],
            "family": drawn["family"],
            "born": np.datetime_as_string(days).astype(object),
            "sex": np.array(["F", "M"], dtype=object)[rng.integers(2, size=count)],
            "street": [f"{n} {street}" for n, street in zip(number, drawn["street"], strict=True)],
            "city": drawn["city"],
            "zip": [f"{zip_code:05}" for zip_code in rng.integers(501, 99_950, count)],
        },
        dtype=object,
    )


def _measured(work: Callable[[], T]) -> tuple[float, T]:
    begun = time.process_time()
    result = work()
    return time.process_time() - begun, result


def _ask(python: str, task: dict[str, object]) -> tuple[float, list[object]] | None:
    """Run a task in the peer's interpreter; None where the peer cannot be imported."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "task.json"
        path.write_text(json.dumps(task), encoding="utf-8")
        done = subprocess.run([python, "-c", _PEER, str(path)], capture_output=True, text=True, check=False)
    if "ModuleNotFoundError" in done.stderr or "ImportError" in done.stderr:
        return None
    if done.returncode:
        raise SystemExit(f"the peer failed: {done.stderr.strip().splitlines()[-1]}")
    answer = json.loads(done.stdout)
    return answer["seconds"], answer["found"]


def _rows(
    task: str, work: float, ours: list[float], peers: dict[str, list[float]], identical: dict[str, bool]
) -> list[Row]:
    our_rate = work / statistics.median(ours)
    rows = [Row(task, "linkage", our_rate, None, None)]
    for engine, seconds in peers.items():
        rate = work / statistics.median(seconds)
        rows.append(Row(task, engine, rate, our_rate / rate, identical[engine]))
    return rows


def measure_hash(frame: pd.DataFrame, peer_records: int, rounds: int, python: str) -> list[Row]:
    """Hash ``frame`` here and its first ``peer_records`` records there."""
    schema = schema_from_document(SCHEMA, "benchmark")
    hash_records(frame.head(100), schema, SECRET.encode())
    ours: list[float] = []
    peers: dict[str, list[float]] = {}
    identical: dict[str, bool] = {}
    rows = frame.head(peer_records).to_numpy().tolist()
    for _ in range(rounds):
        seconds, clks = _measured(lambda: hash_records(frame, schema, SECRET.encode()))
        ours.append(seconds / len(frame))
        expected = json.loads(clk_document(clks[:peer_records]))["clks"]
        for validate in (True, False):
            engine = f"clkhash, validation {'on' if validate else 'off'}"
            answer = _ask(
                python, {"what": "hash", "schema": SCHEMA, "secret": SECRET, "rows": rows, "validate": validate}
            )
            if answer:
                peers.setdefault(engine, []).append(answer[0] / len(rows))
                identical[engine] = identical.get(engine, True) and answer[1] == expected
    return _rows("hash, million records", 1e-6, ours, peers, identical)


def measure_scan(clks: NDArray[np.uint8], rounds: int, python: str) -> list[Row]:
    """Scan the first fifth of ``clks`` against the rest, the first of which are near copies of it."""
    rng = np.random.default_rng(3)
    cut = len(clks) // 5
    first, second = clks[:cut], clks[cut:].copy()
    noise = np.packbits(rng.random((cut // 2, 8 * clks.shape[1])) < rng.uniform(0, 0.2, (cut // 2, 1)), axis=1)
    second[: cut // 2] = first[: cut // 2] ^ noise
    ours: list[float] = []
    peers: dict[str, list[float]] = {}
    identical: dict[str, bool] = {}
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / "a.json", Path(folder) / "b.json"]
        for path, side in zip(paths, (first, second), strict=True):
            path.write_bytes(clk_document(side))
        a, b = (read_clks(path, path.stem).projects["clks"] for path in paths)
        scan(a[:10], b[:1000], THRESHOLD)
        for _ in range(rounds):
            seconds, pairs = _measured(lambda: scan(a, b, THRESHOLD))
            ours.append(seconds)
            answer = _ask(python, {"what": "scan", "sides": [str(path) for path in paths], "threshold": THRESHOLD})
            if answer:
                peers.setdefault("anonlink", []).append(answer[0])
                identical["anonlink"] = identical.get("anonlink", True) and answer[1] == _plain(pairs)
    return _rows(f"scan at {THRESHOLD}, million pairs", len(first) * len(second) / 1e6, ours, peers, identical)


def _plain(pairs: Pairs) -> list[object]:
    return [pairs.a.tolist(), pairs.b.tolist()]


def main() -> None:
    """Measure and show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=100_000, help="records that linkage hashes")
    parser.add_argument("--rows", type=int, default=40_000, help="records that clkhash hashes, and that are scanned")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer-python", default=sys.executable, help="interpreter that has clkhash and anonlink")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    frame = people(np.random.default_rng(1), max(given.records, given.rows))
    schema = schema_from_document(SCHEMA, "benchmark")
    clks = hash_records(frame.head(given.rows), schema, SECRET.encode())
    rows = [
        *measure_hash(frame.head(given.records), given.rows, given.rounds, given.peer_python),
        *measure_scan(clks, given.rounds, given.peer_python),
    ]
    filled = float(np.unpackbits(clks, axis=1).mean())
    if given.json:
        print(json.dumps({"filled": filled, "rows": [asdict(row) for row in rows]}, indent=2))
        return
    table = Table(title=f"CLK mode, one core, CPU time ({filled:.0%} of bits set)")
    for column in ("task", "engine", "a second", "linkage is", "identical"):
        table.add_column(column, justify="left" if column in {"task", "engine"} else "right")
    for row in rows:
        times = "" if row.ours_is_times is None else f"{row.ours_is_times:.1f} times"
        same = "" if row.identical is None else "yes" if row.identical else "NO"
        table.add_row(row.task, row.engine, f"{row.millions:,.4g}", times, same)
    console = Console()
    console.print(table)
    engines = {row.engine.split(",")[0] for row in rows}
    for peer in ("clkhash", "anonlink"):
        if peer not in engines:
            console.print(f"{peer} cannot be imported by {given.peer_python}: not compared")


if __name__ == "__main__":
    main()
