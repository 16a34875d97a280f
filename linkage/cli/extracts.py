"""What the commands that read an extract have in common: how it is to be read, and where its identifiers are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from linkage.cli.common import ExistingFile, overrides
from linkage.exchange.files import write_atomically
from linkage.hashing.columns import LOCAL_ID
from linkage.hashing.mapping import SavedMapping, load_mapping
from linkage.hashing.quarantine import Quarantine
from linkage.hashing.read import Reading
from linkage.hashing.read_layout import load_layout

_OPTIONS = (
    click.option("--encoding", metavar="NAME", help="The file's encoding, if not found rightly, such as cp1252."),
    click.option("--delimiter", metavar="CHARACTER", help="What separates values, if not found rightly."),
    click.option("--sheet", metavar="NAME", help="The sheet of an Excel workbook."),
    click.option("--layout", type=ExistingFile, help="The layout (YAML) of a fixed-width file."),
    click.option("--column", multiple=True, metavar="IDENTIFIER=HEADER", help="Where an identifier is."),
    click.option("--local-id", metavar="HEADER", help="The column with your own ID of the person."),
    click.option("--mapping", type=ExistingFile, help="A mapping that `linkage check --save-mapping` wrote."),
)


def extract_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say how an extract is read."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def reading(encoding: str | None, delimiter: str | None, sheet: str | None, layout: Path | None) -> Reading:
    """Return what was said of the file's form."""
    if delimiter is not None:
        delimiter = delimiter.replace("\\t", "\t")
        if len(delimiter) != 1:
            raise click.BadParameter("a delimiter is one character (\\t is a tab)", param_hint="--delimiter")
    return Reading(encoding, delimiter, sheet, load_layout(layout) if layout else None)


def named_columns(column: tuple[str, ...], local_id: str | None, mapping: Path | None) -> dict[str, str] | SavedMapping:
    """Return what was said of the columns: some of them, or a saved mapping, which is all of them."""
    if mapping is None:
        return overrides(column) | ({LOCAL_ID: local_id} if local_id else {})
    if column or local_id:
        raise click.UsageError("--mapping says all of the columns; give it, or --column and --local-id, not both")
    return load_mapping(mapping)


def write_quarantine(quarantine: Quarantine, path: Path) -> None:
    """Write the row numbers and reasons of a quarantine and say so; with none, take an old file away."""
    if not quarantine.rows:
        path.unlink(missing_ok=True)
        return
    write_atomically(path, quarantine.to_csv())
    click.echo(f"{len(quarantine.rows):,} of {quarantine.of:,} rows were set aside; row numbers and reasons: {path}")
    for reason, count in quarantine.counts().items():
        click.echo(f"  {count:,}: {reason.value}")
