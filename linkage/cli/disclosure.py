"""``linkage tabulate`` and ``linkage audit``: tables that give no small cell back, made here or made by anyone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import click
import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table as Grid

from linkage.cli.common import ExistingFile, NewFile, refuse_unwritable
from linkage.disclosure import DisclosureRules, Dominance, ProtectedRelease, Table, protect
from linkage.disclosure.merging import group_masked
from linkage.disclosure.outside import audit_outside
from linkage.disclosure.page import steward_page
from linkage.disclosure.printed import TOTAL_WORDS, ReadTable, read_table
from linkage.disclosure.reading import numbers, read_frame
from linkage.errors import DisclosureError, InputError
from linkage.exchange.files import write_atomically

PROVEN = 1e-6
"""Share of a pattern's cost below which it is called the least."""


def _data(path: Path, numeric: Sequence[str | None], margins_are_rows: Sequence[str]) -> pd.DataFrame:
    """Read a file of persons or cells; ``numeric`` columns hold numbers, all others codes.

    ``margins_are_rows`` are the dimensions of a file of cells, in which a row of totals would count twice.
    """
    frame = read_frame(path)
    problems = []
    for column in dict.fromkeys(name for name in numeric if name is not None and name in frame.columns):
        found = numbers(frame[column])
        wrong = np.flatnonzero(found.isna() & frame[column].ne(""))
        if len(wrong):
            rows = ", ".join(str(row + 1) for row in wrong[:5]) + (" and more" if len(wrong) > 5 else "")
            problems.append(f"column {column!r}: {len(wrong)} entries are no numbers (data row {rows})")
        frame[column] = found
    problems += [
        f"column {column!r}: {totals} rows are totals, and would be counted twice; take them out"
        for column in margins_are_rows
        if column in frame.columns and (totals := int(frame[column].str.lower().str.fullmatch(TOTAL_WORDS).sum()))
    ]
    if problems:
        raise InputError(f"{path} cannot be tabulated as it stands.", problems)
    for column in frame.columns.difference([name for name in numeric if name is not None]):
        frame[column] = frame[column].where(frame[column] != "")
    return frame


def _pairs(entries: Sequence[str], option: str) -> list[tuple[str, list[str]]]:
    found = []
    for entry in entries:
        name, sign, rest = entry.partition("=")
        if not sign or not name or not rest:
            raise click.BadParameter(f"expected NAME=VALUE[,VALUE...], got {entry!r}", param_hint=option)
        found.append((name, rest.split(",")))
    return found


@click.command()
@click.argument("data", type=ExistingFile)
@click.option("--by", multiple=True, required=True, metavar="COLUMN", help="A dimension; repeat to cross several.")
@click.option("--roll-up", multiple=True, metavar="COLUMN=COARSER[,...]", help="Coarser columns of a dimension.")
@click.option("--count", metavar="COLUMN", help="Rows are cells; this column holds their counts.")
@click.option("--sum", "value", metavar="COLUMN", help="Sum this column instead of counting rows.")
@click.option("--contributor", metavar="COLUMN", help="Who contributes (an employer), for the rules on contributors.")
@click.option("--where", multiple=True, metavar="COLUMN=CODE[,...]", help="Only rows with these codes.")
@click.option("--margins/--no-margins", default=True, show_default=True, help="Publish totals too.")
@click.option(
    "--threshold", type=click.IntRange(min=0), default=10, show_default=True, help="Fewest persons in a cell."
)
@click.option("--employers", type=click.IntRange(min=0), default=3, show_default=True, help="Fewest contributors.")
@click.option("--dominance", metavar="N,K", help="Hide where the N largest contributors exceed K per cent.")
@click.option("--p-percent", type=click.FloatRange(min=0, min_open=True, max=100), help="Hide by the p % rule.")
@click.option(
    "--zeros",
    type=click.Choice(["publish", "sensitive"]),
    default="publish",
    show_default=True,
    help="Show a zero, or protect it as a small cell.",
)
@click.option("--group", multiple=True, metavar="COLUMN", help="Show this dimension's small codes together, as one.")
@click.option("--optimal", is_flag=True, help="Small tables: seek the pattern that costs least, and prove it.")
@click.option(
    "--seconds", type=click.FloatRange(min=1), default=60, show_default=True, help="How long --optimal may take."
)
@click.option("--symbol", default="*", show_default=True, help="What stands for a hidden number.")
@click.option("--long", "as_rows", is_flag=True, help="One row per cell on the terminal, not a crosstab.")
@click.option("--out", type=NewFile, help="Write the table as CSV, one row per cell.")
@click.option("--certificate", type=NewFile, help="Write the audit's certificate as JSON.")
@click.option(
    "--explain",
    type=NewFile,
    help="Write why each cell is hidden, as CSV or, if FILE ends in .html, as a page. For you alone: it tells which "
    "are small.",
)
def tabulate(
    data: Path,
    by: tuple[str, ...],
    roll_up: tuple[str, ...],
    count: str | None,
    value: str | None,
    contributor: str | None,
    where: tuple[str, ...],
    margins: bool,
    threshold: int,
    employers: int,
    dominance: str | None,
    p_percent: float | None,
    zeros: str,
    group: tuple[str, ...],
    optimal: bool,
    seconds: float,
    symbol: str,
    as_rows: bool,
    out: Path | None,
    certificate: Path | None,
    explain: Path | None,
) -> None:
    """Make a table of DATA (CSV, Excel or Parquet) in which no small cell can be worked out.

    Small cells are hidden, then as few others as it takes; an audit attacks the result by linear programming before
    anything is printed. Totals stay true.
    """
    for path in (out, certificate, explain):
        if path is not None:
            refuse_unwritable(path)
    levels = {name: tuple(coarser) for name, coarser in _pairs(roll_up, "--roll-up")}
    filters = {name: tuple(codes) for name, codes in _pairs(where, "--where")}
    frame = _data(data, [count, value], by if count else ())
    _require_rows(data, frame, filters)
    rules = DisclosureRules.model_validate(
        {
            "person_threshold": threshold, "employer_threshold": employers, "p_percent": p_percent,
            "zero_policy": zeros, "symbol": symbol, "dominance": _dominance(dominance),
        }
    )  # fmt: skip
    table = Table(
        data.stem, frame, by, levels=levels, margins=margins, count=count, value=value, contributor=contributor,
        where=filters,
    )  # fmt: skip
    for dimension in group:
        grouped = group_masked(table, dimension, rules)
        table = grouped.table
        for label, members in grouped.members:
            click.echo(f"{label}: {', '.join(members)}")
    result = protect(table, rules, release=data.stem, optimal=optimal, seconds=seconds)
    published = result[table.name]
    _show(table, published, as_rows)
    _say(result, published[table.measure], rules)
    why = dict(result.explanation)[table.name].to_csv(index=False)
    if explain is not None and explain.suffix.lower() in (".html", ".htm"):
        why = steward_page(result)
    for path, text in (
        (out, published.to_csv(index=False)),
        (certificate, result.certificate.model_dump_json(indent=2)),
        (explain, why),
    ):
        if path is not None:
            write_atomically(path, text.encode(), mode=0o600 if path == explain else 0o644)
            click.echo(f"wrote {path}")


def _require_rows(data: Path, frame: pd.DataFrame, filters: Mapping[str, Sequence[str]]) -> None:
    """Refuse a table of nobody; a filter on a column that is not there is the table's to refuse."""
    inside = np.ones(len(frame), dtype=bool)
    for column in filters.keys() & set(frame.columns):
        inside &= frame[column].isin(filters[column]).to_numpy()
    if not inside.any():
        raise InputError(
            f"{data}: no row is in the table",
            [f"--where {column}={','.join(codes)}" for column, codes in filters.items()],
            "Give codes that the file has." if filters else "The file has a header line alone.",
        )


def _dominance(text: str | None) -> Dominance | None:
    if text is None:
        return None
    try:
        n, k = text.split(",")
        return Dominance(n=int(n), k=float(k))
    except ValueError:
        raise click.BadParameter(f"expected N,K such as 1,85, got {text!r}", param_hint="--dominance") from None


def _say(result: ProtectedRelease, shown: pd.Series, rules: DisclosureRules) -> None:
    hidden = int(shown.astype("object").eq(rules.symbol).sum())
    audited = result.certificate.systems[0]
    click.echo(f"\n{hidden} of {len(shown)} cells hidden; audit passed ({audited.targets} cells attacked).")
    if audited.narrowest_interval is not None:
        low, high = audited.narrowest_interval
        word = "" if audited.narrowest_is_exact else "at least "
        ceiling = "any number" if high is None else f"{high:,.0f}"
        click.echo(f"Narrowest interval left to an attacker: {word}{low:,.0f} to {ceiling}.")
    if audited.cost_above_least is not None:
        click.echo(
            "Proven: no pattern of hidden cells costs less."
            if audited.cost_above_least < PROVEN
            else f"In the time given: a better pattern might save up to {audited.cost_above_least:.1%} of its cost."
        )
    if hidden:
        click.echo(result.legend)


def _show(table: Table, published: pd.DataFrame, as_rows: bool) -> None:
    keys = list(table.key_columns)
    grid = Grid(title=table.name)
    if as_rows or len(keys) != 2 or len(table.by) != 2:
        for column in published.columns:
            grid.add_column(str(column), justify="right" if column == table.measure else "left")
        for row in published.itertuples(index=False):
            grid.add_row(*(str(entry) for entry in row))
    else:
        cross = published.pivot(index=keys[0], columns=keys[1], values=table.measure).astype("object")
        cross = cross.where(cross.notna(), 0)
        ends = [
            [*[code for code in codes if code != "Total"], *[code for code in codes if code == "Total"]]
            for codes in (cross.index, cross.columns)
        ]
        grid.add_column(keys[0])
        for code in ends[1]:
            grid.add_column(str(code), justify="right")
        for code in ends[0]:
            grid.add_row(str(code), *(str(cross.loc[code, other]) for other in ends[1]))
    Console().print(grid)


@click.command()
@click.argument("tables", nargs=-1, required=True, type=ExistingFile)
@click.option(
    "--threshold", type=click.IntRange(min=1), default=10, show_default=True, help="Fewest persons in a cell."
)
@click.option("--by", multiple=True, metavar="COLUMN", help="A dimension. [default: all but the last numeric column]")
@click.option("--count", metavar="COLUMN", help="The column of published numbers.")
@click.option("--total", multiple=True, metavar="CODE", help="A code that is a total, besides words such as Total.")
@click.option("--zero", multiple=True, metavar="TEXT", help="A text that stands for 0, such as a dash.")
@click.option("--within", type=ExistingFile, multiple=True, help="CSV of a dimension's codes, finest level first.")
def audit(
    tables: tuple[Path, ...],
    threshold: int,
    by: tuple[str, ...],
    count: str | None,
    total: tuple[str, ...],
    zero: tuple[str, ...],
    within: tuple[Path, ...],
) -> None:
    """Attack published TABLES as a reader with a solver would, and list the hidden cells they give away.

    A TABLE is a CSV or Excel sheet with a row per cell, or a crosstab. Whatever is not a number is hidden; a range such
    as <10 bounds what it hides; a code such as Total or All students is a margin. How each table was read is said
    first. Several tables are attacked together. Exits 1 if a cell is given away.
    """
    read: list[ReadTable] = []
    for path in tables:
        frame = read_frame(path)
        own = [column for column in by if column in frame.columns] if len(tables) > 1 else by
        named = count if len(tables) == 1 or count in frame.columns else None
        read.append(read_table(path.name, frame, own, named, total, zero))
        for note in read[-1].notes:
            click.echo(f"{path.name}: {note}")
    maps = {}
    for path in within:
        codes = read_frame(path)
        maps[str(codes.columns[0])] = codes
    found = audit_outside(read, threshold, maps)
    click.echo(f"{found.cells} cells, {found.hidden} hidden, {found.programs} linear programs.")
    if found.inconsistent:
        raise DisclosureError(
            "The published numbers contradict each other.",
            found.inconsistent,
            "Made from different persons, their difference counts those left out; rounded, they prove nothing.",
        )
    if found.passed:
        click.echo(f"No hidden cell can be shown to be below {threshold}.")
        return
    raise DisclosureError(
        f"{len(found.given_away)} of {found.hidden} hidden cells can be shown to be below {threshold}.",
        [
            f"{cell.table}: {' / '.join(cell.cell)} is "
            + (f"exactly {cell.high:,.0f}" if cell.exact else f"from {max(cell.low, 0.0):,.0f} to {cell.high:,.0f}")
            for cell in found.given_away
        ],
        "Hide more cells of the same rows and columns: linkage tabulate chooses them.",
    )
