"""The steward's receipt on the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from linkage.exchange.receipt import Receipt


def show_receipt(receipt: Receipt, kept_in: Path) -> None:
    """Print what was hashed and sealed; no value of any record is in it."""
    console = Console(highlight=False)
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("identifier", "column", "filled"):
        table.add_column(heading, justify="right" if heading == "filled" else "left")
    for name, headers in receipt.identifiers.items():
        filled = f"{1 - receipt.missing[name]:.1%}" if name in receipt.missing else "empty"
        table.add_row(name, headers, filled)
    console.print(table)
    _say(console, "not in the agreement, so not encoded", receipt.not_listed)
    _say(console, "rows set aside", [f"{count:,} because {reason}" for reason, count in receipt.quarantined.items()])
    console.print(f"{receipt.records:,} records; records that take part in each pass (share of all):")
    _passes(console, receipt.rows_by_pass, receipt.records)
    crowded = {name: count for name, count in receipt.over_block_cap.items() if count}
    _say(console, "left out of a pass because their block is too common", [f"{n}: {c:,}" for n, c in crowded.items()])
    console.print(f"sealed to {' and '.join(receipt.sealed_to)} under {receipt.agreement}")
    console.print(f"package: {receipt.package}\nreceipt: {kept_in}")


def _say(console: Console, what: str, items: Sequence[str]) -> None:
    if items:
        console.print(f"{what}: {', '.join(items)}")


def _passes(console: Console, rows: Mapping[str, int], records: int) -> None:
    console.print("  " + ", ".join(f"{name} {count / records:.0%}" for name, count in rows.items()), soft_wrap=True)
