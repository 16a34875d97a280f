"""``linkage try``: link files that lie side by side, with a secret that is thrown away."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pandas as pd
from rich.console import Console

from linkage.cli.common import NewFile, refuse_unwritable
from linkage.engine.local import LinkResult, link
from linkage.errors import InputError
from linkage.exchange.files import write_atomically
from linkage.hashing.read import read_extract
from linkage.matching.truth import score_against_truth
from linkage.reports.certificate_html import certificate_html
from linkage.reports.progress import Phases
from linkage.reports.trial import show_trial
from linkage.spec.load import DEFAULT, load_spec


def _sources(files: tuple[Path, ...], split: str | None) -> dict[str, pd.DataFrame]:
    frames: dict[str, pd.DataFrame] = {}
    problems = []
    for path in files:
        frame = read_extract(path).frame
        if split is None:
            parts = {path.stem: frame}
        elif split in frame.columns:
            parts = {str(name): part.drop(columns=split) for name, part in frame.groupby(split, sort=True)}
        else:
            problems.append(f"{path}: there is no column {split!r}")
            continue
        for name, part in parts.items():
            number = 2
            unique = name
            while unique in frames:
                unique, number = f"{name}-{number}", number + 1
            frames[unique] = part.reset_index(drop=True)
    if problems:
        raise InputError("the files cannot be split into sources", problems)
    return frames


def _without_truth(
    frames: dict[str, pd.DataFrame], column: str
) -> tuple[dict[str, pd.DataFrame], dict[str, pd.Series]]:
    lacking = [f"{name}: there is no column {column!r}" for name, frame in frames.items() if column not in frame]
    if lacking:
        raise InputError("the truth column must be in every file", lacking)
    truth = {name: frame[column] for name, frame in frames.items()}
    return {name: frame.drop(columns=column) for name, frame in frames.items()}, truth


def _write(result: LinkResult, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / "clusters.csv", result.clusters.to_csv(index=False).encode())
    write_atomically(folder / "pairs.csv", result.pairs.to_csv(index=False).encode())
    text = json.dumps(result.certificate.model_dump(mode="json"), indent=2)
    write_atomically(folder / "certificate.json", text.encode())
    write_atomically(folder / "certificate.html", certificate_html(result.certificate, _heading(result)))


def _heading(result: LinkResult) -> str:
    return f"a trial with {', '.join(result.columns)}"


@click.command("try")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--spec", default=DEFAULT, show_default=True, help="A ready linkage spec, or a spec file.")
@click.option("--truth", metavar="COLUMN", help="Column that names the person; never shown to the linker.")
@click.option("--split", metavar="COLUMN", help="Column that names the source, where one file holds several.")
@click.option("--duplicates-in", multiple=True, metavar="SOURCE", help="A source that may hold a person twice.")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for clusters, pairs, certificate."
)
@click.option("--html", type=NewFile, help="Write the linkage certificate as a page.")
def try_files(
    files: tuple[Path, ...],
    spec: str,
    truth: str | None,
    split: str | None,
    duplicates_in: tuple[str, ...],
    out: Path | None,
    html: Path | None,
) -> None:
    """Link FILES (CSV, Parquet, Excel, ...) on this machine; with one file, find its duplicates.

    Nothing is sealed and the secret is thrown away: this is for seeing what the linkage would find.
    """
    if html:
        refuse_unwritable(html)
    chosen = load_spec(spec)
    frames = _sources(files, split)
    known = None
    if truth:
        frames, known = _without_truth(frames, truth)
    with Phases() as phases:
        result = link(frames, chosen, may_have_duplicates=frozenset(duplicates_in), report=phases)
    scores = score_against_truth(result.clusters, result.pairs, known, frozenset(duplicates_in)) if known else None
    show_trial(Console(highlight=False), result.certificate, result.columns_text, scores)
    if out:
        _write(result, out)
        click.echo(f"\nwritten to {out}: clusters.csv, pairs.csv, certificate.json, certificate.html")
    if html:
        write_atomically(html, certificate_html(result.certificate, _heading(result)))
        click.echo(f"\nwritten: {html}")
