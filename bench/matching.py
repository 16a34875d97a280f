"""How fast the hub compares, fits and clusters: ``python -m bench.matching --records 1000000``.

Two registers that share half their people are hashed in a process of its own (not timed here: see bench.hashing), then
the hub's steps are timed one by one, reading one pass at a time from the disk as the hub does. Where Splink is
installed it links the same records in clear text in the same run. How many filters of identifiers the kernel compares a
second of one core is measured on blocks of about a hundred records. With ``--json`` the last line is one JSON object.
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import importlib.util
import json
import multiprocessing
import os
import pickle
import resource
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from bench._registers import registers
from linkage.engine.steward import token_table
from linkage.hashing.columns import recognise
from linkage.hashing.encode import encode
from linkage.hashing.prepare import prepare
from linkage.hashing.statistics import field_statistics
from linkage.matching.candidates import PatternTable, compared_identifiers, gather
from linkage.matching.persons import resolve_persons
from linkage.matching.score import score
from linkage.matching.truth import score_against_truth
from linkage.spec.encodings import EncodedPass, Encodings, TokenTable
from linkage.spec.load import load_spec
from linkage.spec.model import LinkageSpec, Pass


def _derive(label: str) -> bytes:
    return hmac.digest(b"bench", label.encode(), hashlib.sha256)


class _Stored(Mapping[str, EncodedPass]):
    """Passes that lie on the disk; the last one read is held."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._last: EncodedPass | None = None

    def __getitem__(self, name: str) -> EncodedPass:
        if name not in self:
            raise KeyError(name)
        if self._last is None or self._last.name != name:
            self._last = None
            self._last = EncodedPass.from_arrow(name, pq.read_table(self._folder / name), load_spec())
        return self._last

    def __contains__(self, name: object) -> bool:
        return (self._folder / str(name)).exists()

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(path.name for path in self._folder.iterdir()))

    def __len__(self) -> int:
        return len(list(self._folder.iterdir()))


def _encode(name: str, frame: pd.DataFrame, spec: LinkageSpec) -> tuple[Encodings, TokenTable]:
    prepared = prepare(frame, recognise(frame.columns, spec), spec)
    encoded = encode(prepared, spec, _derive, os.urandom)
    table = token_table(name, encoded.tokens, np.full(len(frame), "", dtype=object))
    return Encodings(name, len(frame), encoded.passes, field_statistics(prepared, os.urandom)), table


def _hash(records: int, folder: Path) -> None:
    """Hash both registers to files in ``folder``."""
    for name, frame in registers(records)[0].items():
        encodings, table = _encode(name, frame, load_spec())
        (folder / name).mkdir()
        for blocking, found in encodings.passes.items():
            pq.write_table(found.to_arrow(), folder / name / blocking, compression="none")
        (folder / f"{name}.pickle").write_bytes(pickle.dumps((encodings.records, encodings.statistics, table)))


def _hashed(records: int, folder: Path) -> tuple[list[Encodings], list[TokenTable]]:
    hashing = multiprocessing.get_context("spawn").Process(target=_hash, args=(records, folder))
    hashing.start()
    hashing.join()
    encodings, tables = [], []
    for path in sorted(folder.glob("*.pickle")):
        count, statistics, table = pickle.loads(path.read_bytes())
        encodings.append(Encodings(path.stem, count, _Stored(folder / path.stem), statistics))
        tables.append(table)
    return encodings, tables


def ours(records: int, truth: dict[str, pd.Series], folder: Path) -> dict[str, Any]:
    """Hash, then time matching and clustering."""
    spec = load_spec()
    encodings, tables = _hashed(records, folder)
    # Compile first, so that what is timed is the work.
    small = {name: frame.head(200) for name, frame in registers(400)[0].items()}
    _compile(small)
    begun = time.perf_counter()
    scored = score(encodings, spec)
    matched = time.perf_counter()
    persons = resolve_persons(scored, tables)
    clustered = time.perf_counter()
    _, after = score_against_truth(
        persons.records[["source", "row", "cluster_id"]],
        persons.pairs[persons.pairs["decision"] == "linked"],
        truth,
    )
    compared = sum(pair.compared for pair in scored.source_pairs)
    return {
        "match_seconds": round(matched - begun, 2),
        "cluster_seconds": round(clustered - matched, 2),
        "compared_pairs": int(compared),
        "links": len(scored.links),
        "f1": round(after.f1, 4),
        "peak_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
    }


def comparison_rate() -> dict[str, Any]:
    """Compare all pairs within large blocks on one core; two missing values are compared as well."""
    spec = load_spec().model_copy(update={"passes": (Pass(name="city", key=("city",)),), "block_cap": 1_000})
    sources = [_encode(name, frame, spec)[0] for name, frame in registers(20_000)[0].items()]
    identifiers = compared_identifiers(sources, spec)
    found = gather("city", sources, identifiers)
    assert found is not None
    rows = found.rows
    pairs = int((rows.block_end - np.arange(len(rows.block_end)) - 1).sum())
    PatternTable(len(sources) + 1).count(rows, 0, 100)
    begun = time.thread_time()
    PatternTable(len(sources) + 1).count(rows, 0, len(rows.block_end))
    seconds = time.thread_time() - begun
    filters = len(rows.cuts) * pairs
    return {"mean_block": round(1 + 2 * pairs / len(rows.block_end)), "filters_a_second": int(filters / seconds)}


def _compile(frames: dict[str, pd.DataFrame]) -> None:
    from linkage.engine.local import link

    link(frames)


def splink(frames: dict[str, pd.DataFrame]) -> dict[str, Any] | None:
    """Link the same records in clear text with Splink, if it is installed."""
    if importlib.util.find_spec("splink") is None:
        return None
    import splink.comparison_library as cl
    from splink import DuckDBAPI, Linker, SettingsCreator, block_on

    tables = [frame.replace("", None).assign(unique_id=np.arange(len(frame))) for frame in frames.values()]
    blocks = [
        block_on("birth_date"),
        block_on("first_name", "last_name"),
        block_on("last_name", "zip"),
        block_on("first_name", "zip"),
        block_on("phone"),
    ]
    settings = SettingsCreator(
        link_type="link_only",
        blocking_rules_to_generate_predictions=blocks,
        comparisons=[
            cl.NameComparison("first_name"),
            cl.NameComparison("last_name"),
            cl.DateOfBirthComparison("birth_date", input_is_string=True),
            cl.ExactMatch("sex"),
            cl.LevenshteinAtThresholds("street", 2),
            cl.ExactMatch("city"),
            cl.ExactMatch("zip"),
            cl.ExactMatch("phone"),
        ],
    )
    begun = time.perf_counter()
    linker = Linker(tables, settings, DuckDBAPI())
    linker.training.estimate_probability_two_random_records_match(blocks[1:3], recall=0.8)
    linker.training.estimate_u_using_random_sampling(max_pairs=1e6)
    linker.training.estimate_parameters_using_expectation_maximisation(blocks[0])
    linker.training.estimate_parameters_using_expectation_maximisation(blocks[1])
    linker.inference.predict(threshold_match_probability=0.01)
    return {"match_seconds": round(time.perf_counter() - begun, 2)}


def main() -> None:
    """Print a table, and with ``--json`` an object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=20_000, help="in each register")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    _, truth = registers(chosen.records)
    with tempfile.TemporaryDirectory() as folder:
        result: dict[str, Any] = {
            "records": chosen.records,
            "linkage": ours(chosen.records, truth, Path(folder)) | comparison_rate(),
        }
    peer = splink(registers(chosen.records)[0])
    if peer:
        result["splink"] = peer
        result["ratio"] = round(peer["match_seconds"] / result["linkage"]["match_seconds"], 2)
    print(f"{chosen.records:,} x {chosen.records:,} records")
    for name, value in result["linkage"].items():
        print(f"  {name:18} {value:>14,}")
    print(f"  splink, clear text {peer['match_seconds']:>14,} s" if peer else "  splink is not installed: no peer row")
    if chosen.json:
        print(json.dumps(result))


if __name__ == "__main__":
    main()
