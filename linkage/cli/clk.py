"""``linkage clk``: record-level CLKs, for consortia that already run clkhash, anonlink or the CODI tools."""

from __future__ import annotations

import os
from pathlib import Path

import click
import numpy as np
import pandas as pd
from rich.console import Console

from linkage.cli.common import ExistingFile, Folder, NewFile, overrides, refuse_unwritable
from linkage.errors import InputError, KeyFileError
from linkage.exchange.files import write_atomically
from linkage.exchange.private import read_private
from linkage.hashing.clk.hasher import clk_document, hash_records
from linkage.hashing.clk.schema import load_schema
from linkage.hashing.read import read_extract
from linkage.matching.clk.match import ClkLinks, match_clks
from linkage.matching.clk.read import ClkSource, read_clks
from linkage.matching.truth import score_against_truth
from linkage.reports.progress import Phases

_WEAKER = (
    "CLKs are weaker than `linkage hash`: who knows some people in them can learn the others (docs/clk.md). "
    "Keep them sealed."
)
_FEWEST_SECRET_BYTES = 16
#: A threshold nearer than this to the average Dice finds strangers.
_CLEARANCE = 0.1


@click.group()
def clk() -> None:
    """Write and match clkhash-compatible CLKs, for agencies that already exchange those.

    For a new consortium use `linkage hash`: CLKs protect less and link less well, as docs/clk.md says.
    """


@clk.command("hash")
@click.argument("extract", type=ExistingFile)
@click.option("--schema", "schema_path", required=True, type=ExistingFile, help="clkhash linkage schema (v1, v2, v3).")
@click.option("--secret", "secret_path", required=True, type=ExistingFile, help="File that holds the shared secret.")
@click.option("--out", required=True, type=NewFile, help="CLK file to write.")
@click.option("--column", "columns", multiple=True, metavar="IDENTIFIER=HEADER", help="Header of a schema's feature.")
@click.option("--without", multiple=True, metavar="IDENTIFIER", help="A feature that this extract does not have.")
def hash_command(
    extract: Path, schema_path: Path, secret_path: Path, out: Path, columns: tuple[str, ...], without: tuple[str, ...]
) -> None:
    """Encode EXTRACT (CSV, Parquet, Excel) as CLKs, bit for bit as clkhash 0.18.3 does.

    The secret is the file's content without a line end; it is never an argument, where others could read it.
    """
    refuse_unwritable(out)
    schema = load_schema(schema_path)
    secret = _secret(secret_path)
    table = read_extract(extract)
    frame = _as_schema(table.frame, overrides(columns), without, [one.identifier for one in schema.features])
    clks = hash_records(frame, schema, secret, table.row_numbers)
    write_atomically(out, clk_document(clks))
    share = float(np.unpackbits(clks, axis=1).mean()) * clks.shape[1] * 8 / schema.clkConfig.l
    click.echo(f"{out}: {len(clks):,} CLKs of {schema.clkConfig.l} bits, {share:.0%} set")
    click.echo(_WEAKER, err=True)


def _secret(path: Path) -> bytes:
    secret = read_private(path, "shared secret").rstrip(b"\r\n")
    if not secret:
        raise KeyFileError(f"{path} is empty, so it holds no secret")
    if len(secret) < _FEWEST_SECRET_BYTES:
        click.echo(f"warning: a secret of {len(secret)} bytes can be guessed; agree on 32 random ones", err=True)
    return secret


def _as_schema(
    frame: pd.DataFrame, headers: dict[str, str], without: tuple[str, ...], features: list[str]
) -> pd.DataFrame:
    """Name the columns by the schema's identifiers."""
    problems = [f"the schema has no feature {name!r}" for name in (*headers, *without) if name not in features]
    problems += [f"there is no column {header!r}" for header in headers.values() if header not in frame]
    problems += [f"{name!r} is both given a column and left out" for name in without if name in headers]
    if problems:
        raise InputError("the columns cannot be chosen", problems)
    chosen = {name: frame[headers.get(name, name)] for name in features if headers.get(name, name) in frame}
    chosen |= {name: pd.Series("", index=frame.index) for name in without}
    return pd.DataFrame(chosen, index=frame.index)


@clk.command("match")
@click.argument("files", nargs=-1, required=True, metavar="[NAME=]FILE...")
@click.option("--threshold", default=0.8, show_default=True, type=click.FloatRange(0, 1, min_open=True), help="Dice.")
@click.option("--project", metavar="NAME", help="Of zips with several projects, match this one alone.")
@click.option("--duplicates-in", multiple=True, metavar="SOURCE", help="A source that may hold a person twice.")
@click.option("--truth", multiple=True, type=ExistingFile, help="For trials: each file's extract, in the same order.")
@click.option("--truth-column", default="truth", show_default=True, help="Column of --truth that names the person.")
@click.option("--threads", default=os.cpu_count() or 1, show_default="all", type=click.IntRange(1), help="At once.")
@click.option("--out", type=Folder, help="Folder for clusters.csv and pairs.csv.")
def match_command(
    files: tuple[str, ...],
    threshold: float,
    project: str | None,
    duplicates_in: tuple[str, ...],
    truth: tuple[Path, ...],
    truth_column: str,
    threads: int,
    out: Path | None,
) -> None:
    """Match CLK FILES (clkhash JSON, or CODI zips) of two or more parties, every pair of records compared.

    Rows in the results are numbered from 0, in the order of each file. A threshold is no probability: what is linked
    wrongly is not estimated here.
    """
    sources = [_open(given, project) for given in files]
    names = [source.name for source in sources]
    known = _truth(truth, truth_column, sources)
    with Phases() as phases:
        links = match_clks(sources, threshold, frozenset(duplicates_in), threads, phases)
    refused = int((links.pairs["link"] == "refused").sum())
    click.echo(f"{links.compared:,} pairs of CLKs compared, {len(links.pairs):,} with a Dice of {threshold:g} or more")
    click.echo(
        f"{sum(source.records for source in sources):,} records of {len(names)} sources in "
        f"{links.clusters['cluster_id'].nunique():,} clusters; {refused:,} links refused (a source's second record)"
    )
    click.echo(f"any two of these CLKs have a Dice of about {links.chance:.2f}, whoever they are")
    if threshold < links.chance + _CLEARANCE:
        click.echo("warning: the threshold is hardly above that; raise it, or set fewer bits in the schema", err=True)
    if known:
        before, after = score_against_truth(links.clusters, links.pairs, known, frozenset(duplicates_in))
        for title, scores in (("pairs", before), ("clusters", after)):
            click.echo(
                f"{title}: precision {scores.precision:.4f}, recall {scores.recall:.4f}, F1 {scores.f1:.4f} "
                f"({scores.correct:,} of {scores.true_pairs:,} true pairs)"
            )
    if out:
        _write(links, out)
    else:
        _preview(links)


def _open(given: str, project: str | None) -> ClkSource:
    name, sign, file = given.partition("=")
    path = Path(file if sign else given)
    source = read_clks(path, name if sign else path.stem)
    if project is None:
        return source
    if project not in source.projects:
        raise InputError(f"{path}: there is no project {project!r}", [f"there is {one!r}" for one in source.projects])
    return ClkSource(source.name, {project: source.projects[project]}, {project: source.bits[project]})


def _truth(paths: tuple[Path, ...], column: str, sources: list[ClkSource]) -> dict[str, pd.Series]:
    if not paths:
        return {}
    if len(paths) != len(sources):
        raise click.UsageError("--truth is given once for each CLK file, in the same order")
    known, problems = {}, []
    for path, source in zip(paths, sources, strict=True):
        frame = read_extract(path).frame
        if column not in frame:
            problems.append(f"{path}: there is no column {column!r}")
        elif len(frame) != source.records:
            problems.append(f"{path}: {len(frame):,} rows, but {source.name} has {source.records:,} CLKs")
        else:
            known[source.name] = frame[column]
    if problems:
        raise InputError("the truth does not fit the CLK files", problems)
    return known


def _write(links: ClkLinks, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / "clusters.csv", links.clusters.to_csv(index=False).encode())
    write_atomically(folder / "pairs.csv", links.pairs.to_csv(index=False).encode())
    click.echo(f"written to {folder}: clusters.csv, pairs.csv")


def _preview(links: ClkLinks) -> None:
    taken = links.pairs[links.pairs["link"] == "taken"]
    if len(taken):
        Console(highlight=False).print(taken.head(5).to_string(index=False, float_format="{:.4f}".format))
        click.echo("name a folder with --out to keep all of them")
