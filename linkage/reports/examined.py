"""What a dry run of ``linkage hash`` shows: what would be encoded, and what would stay behind."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from linkage.hashing.columns import ColumnMap
from linkage.hashing.usable import Usable


def show_examined(columns: ColumnMap, not_listed: Sequence[str], usable: Usable) -> None:
    """Print which columns would be encoded, how full they are, and how many rows would go; no value is in it."""
    console = Console(highlight=False)
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("identifier", "column", "filled"):
        table.add_column(heading, justify="right" if heading == "filled" else "left")
    for name, headers in columns.identifiers.items():
        values = usable.prepared.values.get(name)
        table.add_row(name, " + ".join(headers), "empty" if values is None else f"{1 - values.missing:.1%}")
    console.print(table)
    if not_listed:
        console.print(f"not in the agreement, so they would not be encoded: {', '.join(not_listed)}")
    console.print(f"{usable.prepared.records:,} records would be hashed. This was a dry run: nothing was sealed.")
