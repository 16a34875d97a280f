"""The steward's receipt on the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from linkage.exchange.receipt import Receipt


def show_receipt(receipt: Receipt, kept_in: Path) -> None:
    """Print what was hashed and sealed; no value of any record is in it."""
    console = Console(highlight=False)
    console.print(f"hashed as {receipt.agency} ({receipt.agency_name})", markup=False, soft_wrap=True)
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("identifier", "column", "filled"):
        table.add_column(heading, justify="right" if heading == "filled" else "left")
    for name, headers in receipt.identifiers.items():
        filled = f"{1 - receipt.missing[name]:.1%}" if name in receipt.missing else "empty"
        table.add_row(name, headers, filled)
    console.print(table)
    _say(console, "not in the agreement, so not encoded", receipt.not_listed)
    _say(console, "rows set aside", [f"{count:,} because {reason}" for reason, count in receipt.quarantined.items()])
    console.print(_passes(receipt), soft_wrap=True)
    console.print(f"sealed to {' and '.join(receipt.sealed_to)} under {receipt.agreement}")
    console.print(f"package: {receipt.package}\nreceipt: {kept_in}")


def _say(console: Console, what: str, items: Sequence[str]) -> None:
    if items:
        console.print(f"{what}: {', '.join(items)}")


def _passes(receipt: Receipt) -> str:
    """Sum the passes up in a line; the receipt has each."""
    shares = [count / receipt.records for count in receipt.rows_by_pass.values()]
    crowded = sum(1 for count in receipt.over_block_cap.values() if count)
    part = f", {min(shares):.0%} to {max(shares):.0%} of them in each of {len(shares)} passes" if shares else ""
    left = f"; {crowded} passes leave out rows of crowded blocks" if crowded else ""
    return f"{receipt.records:,} records{part}{left} (the receipt lists them)"
