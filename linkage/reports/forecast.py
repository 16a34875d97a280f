"""What a matching run will cost, on the terminal, before it begins."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table

from linkage.matching.forecast import Forecast

#: Passes with a smaller share of the pairs than this go into one line.
_WORTH_A_LINE = 0.02


def show_forecast(console: Console, forecast: Forecast) -> None:
    """Print pairs by pass, memory and time."""
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("pass", "rows in blocks", "blocks", "largest", "pairs"):
        table.add_column(heading, justify="left" if heading == "pass" else "right")
    shown = [each for each in forecast.heaviest if each.pairs >= _WORTH_A_LINE * forecast.pairs and each.pairs]
    for each in shown:
        table.add_row(each.name, f"{each.rows:,}", f"{each.blocks:,}", f"{each.largest:,}", f"{each.pairs:,}")
    rest = [each for each in forecast.passes if each not in shown]
    if rest:
        table.add_row(f"{len(rest)} smaller passes", "", "", "", f"{sum(each.pairs for each in rest):,}")
    console.print(table)
    console.print(
        f"before the run: {forecast.pairs:,} pairs to meet, about {max(forecast.memory / 1e9, 0.1):.1f} GB of memory "
        f"and {duration(forecast.seconds)} on {forecast.processors} processors",
        soft_wrap=True,
    )


def duration(seconds: float) -> str:
    """Write a time roughly, as an estimate should be."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.0f} h"
