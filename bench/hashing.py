"""How fast an agency hashes: ``python -m bench.hashing --records 1000000``.

A CSV file with eight identifiers goes the way of ``linkage hash``: read, normalised, measured, encoded in every pass of
the default spec that they can give, and sealed to two rooms. Where clkhash is installed, it hashes names and dates of
the same records in the same run, one CLK a record, validation off. With ``--json`` the last line is one JSON object.
"""

from __future__ import annotations

import argparse
import importlib.util
import io
import json
import os
import resource
import tempfile
import time
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from bench._registers import registers
from linkage.exchange.context import Context
from linkage.exchange.keys import generate_keys
from linkage.exchange.manifest import Heading
from linkage.exchange.package import Member, write_package
from linkage.exchange.secret import Secret
from linkage.hashing.columns import recognise
from linkage.hashing.encode import EncodingPlan, encode_pass, plan
from linkage.hashing.prepare import prepare
from linkage.hashing.read import read_extract
from linkage.hashing.statistics import field_statistics
from linkage.spec.load import load_spec


def _derive(secret: Secret, context: Context, label: str) -> bytes:
    return secret.derive(context, label)


def _parquet(planned: EncodingPlan, name: str, derive: Any) -> bytes:  # noqa: ANN401 - a partial
    buffer = BytesIO()
    table = encode_pass(planned, name, derive).to_arrow()
    pq.write_table(table, buffer, compression="none", use_dictionary=False, write_statistics=False)
    return buffer.getvalue()


def ours(path: Path, folder: Path) -> dict[str, Any]:
    """Hash and seal a file; returns seconds by phase."""
    spec, secret = load_spec(), Secret.new()
    context = Context("bench", spec.sha256, 1)
    derive = partial(_derive, secret, context)
    agency, matcher, registrar = (generate_keys(name) for name in ("agency", "hub.matcher", "hub.registrar"))
    times, cpu = [time.perf_counter()], time.process_time()
    frame = read_extract(path).frame
    times.append(time.perf_counter())
    prepared = prepare(frame, recognise(map(str, frame.columns), spec), spec)
    times.append(time.perf_counter())
    statistics = field_statistics(prepared, os.urandom)
    planned = plan(prepared, spec, derive, os.urandom)
    times.append(time.perf_counter())
    heading = Heading(
        kind="encodings", context=context, serial="0" * 32, created="2026-01-01T00:00:00+00:00",
        key_check_value=secret.key_check_value(context), canary_mac="0" * 64, facts={"fields": len(statistics.rates)},
    )  # fmt: skip
    members = {
        f"pass.{name}.parquet": Member(partial(_parquet, planned, name, derive), matcher.public)
        for name in planned.passes
    }
    out = folder / "bench.lpkg"
    write_package(out, heading, members, agency, [matcher.public, registrar.public])
    times.append(time.perf_counter())
    steps = ("read", "normalise", "plan", "encode_and_seal")
    seconds = {step: round(b - a, 2) for step, a, b in zip(steps, times, times[1:], strict=False)}
    total = times[-1] - times[0]
    return {
        "records": len(frame),
        "passes": len(planned.passes),
        "seconds": round(total, 2),
        "cpu_seconds": round(time.process_time() - cpu, 2),
        "by_step": seconds,
        "records_a_second": round(len(frame) / total),
        "package_gb": round(out.stat().st_size / 1e9, 3),
        "peak_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
    }


def clkhash(frame: pd.DataFrame) -> dict[str, Any] | None:
    """Hash the same records with clkhash, if it is installed."""
    if importlib.util.find_spec("clkhash") is None:
        return None
    from clkhash import clk, field_formats, schema
    from clkhash.comparators import NgramComparison

    names = [name for name in frame.columns if name != "local_id"]
    strategy = field_formats.BitsPerFeatureStrategy(100)
    hashing = field_formats.FieldHashingProperties(comparator=NgramComparison(2), strategy=strategy)
    fields = [field_formats.StringSpec(name, hashing, max_length=None) for name in names]
    described = schema.Schema(fields, 1024)
    content = io.StringIO()
    frame[names].to_csv(content, index=False)
    content.seek(0)
    begun = time.perf_counter()
    clk.generate_clk_from_csv(content, "secret", described, validate=False, progress_bar=False)
    return {"seconds": round(time.perf_counter() - begun, 2), "records": len(frame)}


def main() -> None:
    """Time and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.hashing", description=__doc__)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        frame = next(iter(registers(given.records)[0].values()))
        frame = frame.reset_index(drop=True).assign(local_id=np.arange(len(frame)))
        path, small = folder / "extract.csv", folder / "small.csv"
        frame.to_csv(path, index=False)
        frame.head(500).to_csv(small, index=False)
        ours(small, folder)  # compile first, so that what is timed is the work
        result: dict[str, Any] = {"linkage": ours(path, folder), "clkhash": clkhash(frame.head(100_000))}
    found, peer = result["linkage"], result["clkhash"]
    print(f"{found['records']:,} records, {found['passes']} passes, CSV to sealed package: {found['seconds']} s")
    print(f"{found['cpu_seconds']} s of processor time: the measure to go by on a machine that others use too")
    print(", ".join(f"{step.replace('_', ' ')} {seconds} s" for step, seconds in found["by_step"].items()))
    print(
        f"{found['records_a_second']:,} records a second; package {found['package_gb']} GB; peak {found['peak_gb']} GB"
    )
    if peer:
        rate = peer["records"] / peer["seconds"]
        result["ratio"] = round(found["records_a_second"] / rate, 2)
        print(f"clkhash: {rate:,.0f} records a second, one encoding each; ours is {result['ratio']} times that")
    if given.json:
        print(json.dumps(result))


if __name__ == "__main__":
    main()
