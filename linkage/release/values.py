"""Values of a payload: their types, and the one spelling of each.

Rules:

- Types are the agreement's. A value that does not fit is reported, never turned into something else or dropped.
- Blank is missing. In a typed column so are ``NULL``, ``NA``, ``N/A`` and a lone dot, which can mean nothing else
  there; a code list that names one of them keeps it.
- Dates are ISO 8601 (2026-08-31): 03/04/2026 is two days, depending on who reads it.
- Checks run on distinct values, so that a column of ten million grades costs as much as one of thirteen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from linkage.governance.datasets import Element

MISSING_WORDS = ("NULL", "NA", "N/A", ".")
_BOOLEANS = dict.fromkeys(("true", "t", "yes", "y", "1"), "true") | dict.fromkeys(
    ("false", "f", "no", "n", "0"), "false"
)
_EXPECTED = {
    "integer": "a whole number",
    "number": "a number without thousands separators or currency signs",
    "date": "a date written 2026-08-31",
    "boolean": "yes or no (true, t, yes, y, 1; false, f, no, n, 0)",
    "code": "one of the codes that the agreement lists",
    "text": "text",
}


@dataclass(frozen=True, eq=False)
class DistinctValues:
    """The distinct values of a column and which rows hold them; missing is position -1.

    ``rows`` are the numbers by which the file's owner knows the rows.
    """

    values: pd.Series
    position: np.ndarray
    rows: np.ndarray

    def rows_of(self, chosen: np.ndarray) -> str:
        """Say in words which rows hold one of the chosen values."""
        padded = np.append(chosen, False)  # missing is position -1: never chosen
        return counted(self.rows[padded[self.position]])

    def spread(self) -> pd.Series:
        """Return the column again, with missing values missing."""
        return pd.Series(pd.api.extensions.take(self.values.array, self.position, allow_fill=True), dtype="string")


def counted(rows: np.ndarray) -> str:
    """Name the first few rows, and how many there are."""
    shown = ", ".join(str(row) for row in rows[:3])
    return f"row {shown}" if len(rows) == 1 else f"{len(rows):,} rows (first: {shown})"


def distinct(column: pd.Series, rows: np.ndarray) -> DistinctValues:
    """Find the distinct stripped values of a text column; blanks are missing."""
    position, found = pd.factorize(column)
    raw = pd.Series(found, dtype="string").str.strip()
    merged, values = pd.factorize(raw.where(raw != ""))
    merged = np.append(merged, -1)
    return DistinctValues(pd.Series(values, dtype="string"), merged[position], rows)


def canonical(column: DistinctValues, element: Element) -> tuple[DistinctValues, np.ndarray]:
    """Return the column in its canonical spelling, and which of its distinct values do not fit the type."""
    texts = column.values
    codes = set(element.codes or ())
    blank = np.zeros(len(texts), dtype=bool)
    if element.type != "text":
        blank = (texts.str.upper().isin(MISSING_WORDS) & ~texts.isin(codes)).to_numpy(dtype=bool)
    spelled, fits = _spelled(texts, element)
    wrong = ~fits & ~blank
    place = np.append(np.where(blank, -1, np.arange(len(texts))), -1)
    return DistinctValues(spelled, place[column.position], column.rows), wrong


def expected(element: Element) -> str:
    """Say what a value of this element looks like."""
    return _EXPECTED[element.type]


def _spelled(texts: pd.Series, element: Element) -> tuple[pd.Series, np.ndarray]:
    match element.type:
        case "integer":
            whole = texts.str.replace(r"\.0+$", "", regex=True)
            return whole, _fits(whole, r"[+-]?\d{1,18}")
        case "number":
            return texts, _fits(texts, r"[+-]?(?:\d{1,18}(?:\.\d{0,30})?|\.\d{1,30})(?:[eE][+-]?\d{1,2})?")
        case "date":
            day = texts.str.replace(r"[T ]00:00(:00(\.0+)?)?Z?$", "", regex=True)
            parsed = pd.to_datetime(day.where(_fits(day, r"\d{4}-\d{2}-\d{2}")), format="%Y-%m-%d", errors="coerce")
            return day, parsed.notna().to_numpy(dtype=bool)
        case "boolean":
            word = texts.str.lower().map(_BOOLEANS)
            return word.astype("string"), word.notna().to_numpy(dtype=bool)
        case "code" if element.codes is not None:
            return texts, texts.isin(element.codes).to_numpy(dtype=bool)
    return texts, np.ones(len(texts), dtype=bool)


def _fits(texts: pd.Series, pattern: str) -> np.ndarray:
    fits: np.ndarray = texts.str.fullmatch(pattern).fillna(False).to_numpy(dtype=bool)
    return fits
