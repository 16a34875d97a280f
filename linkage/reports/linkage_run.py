"""What a linkage run shows on the terminal: links by pair of sources, with quality estimated without labels."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table

from linkage.matching.quality import Certificate, Estimate


def show_certificate(console: Console, certificate: Certificate) -> None:
    """Print the links of each pair of sources and overall; shares of nothing are a dash."""
    table = Table(box=box.SIMPLE_HEAD, title="Links (estimates are made without labels)", title_justify="left")
    table.add_column("sources")
    for heading in ("links", "false links", "precision", "recall"):
        table.add_column(heading, justify="right")
    for pair in certificate.source_pairs:
        name = pair.source_a if pair.source_a == pair.source_b else f"{pair.source_a} - {pair.source_b}"
        _row(table, name, pair.after_clustering)
    if len(certificate.source_pairs) > 1:
        table.add_section()
        _row(table, "all", certificate.after_clustering)
    console.print(table)
    records = sum(source.records for source in certificate.sources)
    console.print(
        f"{records:,} records are {certificate.persons:,} persons; "
        f"{certificate.conflicts:,} links were refused because a source has one record a person."
    )
    for warning in certificate.warnings:
        console.print(f"[yellow]warning:[/] {warning}")


def _row(table: Table, name: str, estimate: Estimate) -> None:
    table.add_row(
        name,
        f"{estimate.links:,}",
        f"{estimate.estimated_false_links:,.0f}",
        f"{estimate.estimated_precision:.4f}" if estimate.links else "-",
        f"{estimate.estimated_recall:.4f}" if estimate.links or estimate.estimated_recall < 1 else "-",
    )
