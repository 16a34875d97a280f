"""How fast the hub compares, fits and clusters: ``python -m bench.matching --records 1000000``.

Two registers that share half their people are hashed (not timed here: see bench.hashing), then the hub's steps are
timed one by one. Where Splink is installed it links the same records in clear text in the same run. With ``--json``
the last line is one JSON object.
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import importlib.util
import json
import os
import resource
import time
from typing import Any

import numpy as np
import pandas as pd

from bench._registers import registers
from linkage.engine.steward import token_table
from linkage.hashing.columns import recognise
from linkage.hashing.encode import encode
from linkage.hashing.prepare import prepare
from linkage.hashing.statistics import field_statistics
from linkage.matching.persons import resolve_persons
from linkage.matching.score import score
from linkage.matching.truth import score_against_truth
from linkage.spec.encodings import Encodings
from linkage.spec.load import load_spec


def _derive(label: str) -> bytes:
    return hmac.digest(b"bench", label.encode(), hashlib.sha256)


def ours(frames: dict[str, pd.DataFrame], truth: dict[str, pd.Series]) -> dict[str, Any]:
    """Hash, then time matching and clustering."""
    spec = load_spec()
    encodings, tables = [], []
    for name, frame in frames.items():
        prepared = prepare(frame, recognise(frame.columns, spec), spec)
        encoded = encode(prepared, spec, _derive, os.urandom)
        encodings.append(Encodings(name, len(frame), encoded.passes, field_statistics(prepared, os.urandom)))
        tables.append(token_table(name, encoded.tokens, np.full(len(frame), "", dtype=object)))
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


def _compile(frames: dict[str, pd.DataFrame]) -> None:
    from linkage.engine.local import link

    link(frames)


def splink(frames: dict[str, pd.DataFrame], truth: dict[str, pd.Series]) -> dict[str, Any] | None:
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
    frames, truth = registers(chosen.records)
    result: dict[str, Any] = {"records": chosen.records, "linkage": ours(frames, truth)}
    peer = splink(frames, truth)
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
