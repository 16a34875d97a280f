"""What ``linkage try`` shows: what was recognised, what was linked, and how far to trust it."""

from __future__ import annotations

from collections.abc import Mapping

from rich import box
from rich.console import Console
from rich.table import Table

from linkage.matching.quality import Certificate, Estimate
from linkage.matching.truth import Scores


def show_trial(
    console: Console,
    certificate: Certificate,
    columns: Mapping[str, Mapping[str, str]],
    scores: tuple[Scores, Scores] | None,
) -> None:
    """Print a trial's columns, links and quality; ``scores`` are before and after clustering."""
    console.print(_columns(certificate, columns))
    console.print(_quality(certificate, scores))
    linked = sum(source.linked_records for source in certificate.sources)
    records = sum(source.records for source in certificate.sources)
    told = f"{records:,} records are {certificate.persons:,} persons"
    if len(certificate.sources) > 1:
        told += (
            f"; {linked:,} records were linked to another source's; {certificate.conflicts:,} links were refused "
            "because a source has one record a person"
        )
    console.print(f"{told}.")
    for warning in certificate.warnings:
        console.print(f"[yellow]warning:[/] {warning}")
    if scores is None:
        console.print("Estimates are made without labels. Name a truth column with --truth to compare them.")


def _columns(certificate: Certificate, columns: Mapping[str, Mapping[str, str]]) -> Table:
    table = Table(title="Identifiers and the columns they were found in", box=box.SIMPLE_HEAD, title_justify="left")
    table.add_column("identifier")
    for source in certificate.sources:
        table.add_column(f"{source.source} ({source.records:,} records)", overflow="fold")
    names = dict.fromkeys(name for found in columns.values() for name in found)
    for name in names:
        cells = []
        for source in certificate.sources:
            header = columns[source.source].get(name)
            missing = source.missing.get(name)
            if header is None:
                cells.append("-")
            else:
                cells.append(f"{header} (empty)" if missing is None else f"{header} ({1 - missing:.0%} filled)")
        table.add_row(name, *cells)
    return table


def _quality(certificate: Certificate, scores: tuple[Scores, Scores] | None) -> Table:
    table = Table(title="Links", box=box.SIMPLE_HEAD, title_justify="left")
    for heading in ("", "links", "precision", "recall", "F1"):
        table.add_column(heading, justify="left" if not heading else "right")
    before, after = certificate.before_clustering, certificate.after_clustering
    stages = (("before clustering", before), ("one record of a source to a person", after))
    for number, (stage, estimated) in enumerate(stages):
        _estimated_row(table, stage, estimated)
        if scores:
            true = scores[number]
            table.add_row(
                "  by the truth", f"{true.links:,}", f"{true.precision:.4f}", f"{true.recall:.4f}", f"{true.f1:.4f}"
            )
    return table


def _estimated_row(table: Table, stage: str, estimated: Estimate) -> None:
    precision, recall = estimated.estimated_precision, estimated.estimated_recall
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    table.add_row(
        f"{stage}, estimated without labels", f"{estimated.links:,}", f"{precision:.4f}", f"{recall:.4f}", f"{f1:.4f}"
    )
