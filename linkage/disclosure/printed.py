"""What a published table says, cell by cell: a number, a range, or a symbol that hides one.

Rules:

- A range (``<10``, ``1-9``, ``fewer than 10``, ``20+``) is not nothing: the reader knows its bounds, and so does the
  attacker. Any other text hides a number altogether, and so does an empty field.
- A total is told by its word (Total, All students, Statewide); one that goes by another name is found out where the
  other codes always add up to it. What might be a total is asked about.
- Percentages are no counts, and are refused: what they give away depends on counts that are not there.
- A table is long if it has a row per cell, else a crosstab: text columns on the left, a code in every other header.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from linkage.disclosure.reading import numbers
from linkage.disclosure.rules import TOTAL
from linkage.errors import InputError

HIDDEN = "hidden"
TOTAL_WORDS = re.compile(
    r"\(?((grand |sub)?totals?( .*)?|all( .*)?|sum|overall|statewide|(state|district|county) total)\)?"
)
_PERCENT = re.compile(r"[<>\u2264\u2265=~ ]*\d+(\.\d+)?( ?(-|\u2013|to) ?\d+(\.\d+)?)? ?%")
_SYMBOL = re.compile(
    r"[^0-9A-Za-z]*|n ?/ ?a|n\.?a\.?|n\.?d\.?|d\.?s\.?|[a-z]|suppressed|redacted|masked|hidden|n ?< ?\d+"
)
_BELOW = re.compile(r"(?:n ?)?(?:<|fewer than|less than|under|below) ?(\d+)")
_AT_MOST = re.compile(r"(?:<=|\u2264|at most|up to) ?(\d+)|(\d+) or (?:fewer|less)")
_BETWEEN = re.compile(r"(\d+) ?(?:-|\u2013|to) ?(\d+)")
_AT_LEAST = re.compile(r"(?:>=|\u2265|at least) ?(\d+)|(\d+) ?(?:\+|or more)")
_ABOVE = re.compile(r"(?:>|more than|over) ?(\d+)")

#: A table of so many rows crosses its dimensions, if more than a few describe a row (a school's code, name, district).
_MANY_ROWS, _DESCRIBING = 50, 4

Range = tuple[int, float, float]
"""A row, and the least and greatest that its printed range allows."""


@dataclass(frozen=True, eq=False)
class ReadTable:
    """A published table in long form: codes, and numbers or what stands in their place.

    ``notes`` say how it was read, for whoever knows better.
    """

    name: str
    frame: pd.DataFrame
    by: tuple[str, ...]
    measure: str
    ranges: tuple[Range, ...] = ()
    notes: tuple[str, ...] = ()


def read_table(
    name: str,
    frame: pd.DataFrame,
    by: Sequence[str] = (),
    measure: str | None = None,
    totals: Sequence[str] = (),
    zeros: Sequence[str] = (),
) -> ReadTable:
    """Read a published table; dimensions and measure are told from its columns where they are not named.

    ``totals`` are further codes of margins, ``zeros`` texts that stand for 0.
    """
    frame = frame.astype(str).apply(lambda column: column.str.strip())
    if len(frame.columns) < 2:
        raise InputError(
            f"{name} has one column only",
            advice="Expected codes and numbers in columns parted by commas, semicolons, tabs or |.",
        )
    notes = []
    if not by and measure is None and (keys := _crosstab_keys(frame)):
        _refuse_a_register(name, frame[keys])
        codes = [column for column in frame.columns if column not in keys]
        notes.append(f"read as a crosstab of {', '.join(map(repr, keys))} by the {len(codes)} columns beside")
        frame = frame.melt(id_vars=keys, var_name="column", value_name="number").astype(str)
        by, measure = [*keys, "column"], "number"
    elif not by or measure is None:
        numeric = [str(column) for column in frame.columns if column not in by and numbers(frame[column]).notna().any()]
        rest = [str(column) for column in frame.columns if column not in by]
        measure = measure or (numeric or rest or [str(frame.columns[-1])])[-1]
        by = list(by) or [str(column) for column in frame.columns if column != measure]
    missing = [f"column {column!r}" for column in [*by, measure] if column not in frame.columns]
    if missing:
        raise InputError(
            f"{name}: no such column",
            missing,
            f"The columns are: {', '.join(map(str, frame.columns))}.",
        )
    _refuse_a_register(name, frame[list(by)])
    text = frame[measure].where(~frame[measure].isin([str(zero) for zero in zeros]), "0")
    shown = numbers(text)
    _refuse_what_is_no_count(name, measure, text, shown)
    wanted = {str(each).strip().lower() for each in totals}
    margin = frame[list(by)].apply(
        lambda column: column.str.lower().isin(wanted) | column.str.lower().str.fullmatch(TOTAL_WORDS)
    )
    codes_of_rows = frame[list(by)].mask(margin, TOTAL)
    for column in by:
        found = list(_likely_totals(codes_of_rows, list(by), column, shown))
        if certain := [code for code, sure in found if sure]:
            codes_of_rows[column] = codes_of_rows[column].replace(certain[0], TOTAL)
            notes.append(f"{certain[0]!r} is taken for the total of {column!r}: the others add up to it")
        elif len(found) == 1 and shown.isna().any():
            notes.append(f"{found[0][0]!r} of {column!r} may be a total; if it is, say --total {found[0][0]!r}")
    repeated = int(codes_of_rows.duplicated().sum())
    if repeated:
        raise InputError(
            f"{name}: {repeated} rows repeat the codes of another row",
            [f"the dimensions are taken to be {', '.join(map(repr, by))}, the numbers {measure!r}"],
            "Name every dimension with --by, and the column of numbers with --count.",
        )
    ranges = tuple(_ranges(text, shown))
    bounded = {row for row, _, _ in ranges}
    symbols = text[shown.isna()].value_counts(sort=False)
    if len(symbols):
        told = ", ".join(f"{symbol!r} ({count})" for symbol, count in sorted(symbols.items())[:8])
        notes.append(f"taken as hidden: {told}" + (f"; {len(bounded)} of them as ranges" if bounded else ""))
    codes_of_rows[measure] = shown.astype(object).where(shown.notna(), HIDDEN)
    return ReadTable(name, codes_of_rows, tuple(map(str, by)), measure, ranges, tuple(notes))


def _crosstab_keys(frame: pd.DataFrame) -> list[str]:
    """Return the columns that hold a crosstab's row codes, or nothing if the table is long."""
    keys = [str(frame.columns[0])]
    for column in frame.columns[1:]:
        if _holds_numbers(frame[column]):
            break
        keys.append(str(column))
    values = [column for column in frame.columns if column not in keys]
    wide = len(values) > 1 and all(_holds_numbers(frame[column]) for column in values)
    return keys if wide and not frame[keys].duplicated().any() else []


def _holds_numbers(column: pd.Series) -> bool:
    """Whether a column is one of numbers: numbers, ranges and symbols; single letters alone are codes."""
    text = column.str.lower()
    number = numbers(column).notna() | text.str.fullmatch(_PERCENT) | text.map(lambda each: _bounds(each) is not None)
    symbol = text.str.fullmatch(_SYMBOL)
    letters = text.str.fullmatch("[a-z]")
    return bool((number | symbol).all() and (number.any() or not letters.any()))


def _lines(codes: pd.DataFrame, column: str) -> int:
    """Return how many combinations of the other dimensions there are: lines along ``column``."""
    others = codes.drop(columns=column)
    return len(others.drop_duplicates()) if len(others.columns) else 1


def _refuse_a_register(name: str, codes: pd.DataFrame) -> None:
    """Raise InputError where many columns were taken for dimensions, and rows cross none of them with the others."""
    if len(codes) < _MANY_ROWS or len(codes.columns) <= _DESCRIBING:
        return
    if all(_lines(codes, column) > len(codes) / 2 for column in codes.columns):
        raise InputError(
            f"{name} looks like a list with a row per person, not like a table",
            [f"taken for dimensions, but hardly ever crossed: {', '.join(map(str, codes.columns))}"],
            "Name its dimensions with --by and its numbers with --count. Of persons, linkage tabulate makes a table.",
        )


def _refuse_what_is_no_count(name: str, measure: str, text: pd.Series, shown: pd.Series) -> None:
    if text.str.fullmatch(_PERCENT).any():
        raise InputError(
            f"{name}: column {measure!r} holds percentages",
            advice="Audit the counts that they are made of; --count names the column of counts.",
        )
    if (shown < 0).any():
        raise InputError(f"{name}: column {measure!r} holds negative numbers", advice="Only counts can be audited.")


def _likely_totals(codes: pd.DataFrame, by: list[str], column: str, shown: pd.Series) -> Iterator[tuple[str, bool]]:
    """Yield codes of ``column`` that look like its total, and whether that is certain, where it has no total yet."""
    if codes[column].eq(TOTAL).any() or codes[column].nunique() < 3 or f"{column}_level" in by:
        return
    if 2 * _lines(codes[by], column) > len(codes):
        return  # most stand alone: nothing adds up
    others = [each for each in by if each != column]
    lines = codes.assign(number=shown)
    wide = lines.set_index([column, *others])["number"] if others else lines.set_index(column)["number"]
    if wide.index.duplicated().any():
        return
    table = wide.unstack(others) if others else wide.to_frame()
    for code in table.index:
        own, rest = table.loc[code], table.drop(index=code)
        full = (rest.notna().all() & own.notna() & rest.sum().gt(0)).to_numpy()
        sums = rest.sum().to_numpy()
        number, known = own.to_numpy(dtype=float), own.notna().to_numpy()
        if full.sum() >= 2 and (number[full] == sums[full]).all():
            yield str(code), True
        elif not full.any() and known.any() and (sums[known] > 0).all() and (number[known] >= sums[known]).all():
            yield str(code), False


def _ranges(text: pd.Series, shown: pd.Series) -> Iterator[Range]:
    for row in np.flatnonzero(shown.isna()).tolist():
        bounds = _bounds(str(text.iloc[row]).lower())
        if bounds is not None:
            yield row, *bounds


def _bounds(text: str) -> tuple[float, float] | None:
    """Return the least and the greatest number that a printed range allows."""
    if found := _BELOW.fullmatch(text):
        return 0.0, float(found[1]) - 1
    if found := _AT_MOST.fullmatch(text):
        return 0.0, float(found[1] or found[2])
    if found := _BETWEEN.fullmatch(text):
        return float(found[1]), float(found[2])
    if found := _AT_LEAST.fullmatch(text):
        return float(found[1] or found[2]), np.inf
    if found := _ABOVE.fullmatch(text):
        return float(found[1]) + 1, np.inf
    return None
