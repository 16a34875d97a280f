"""Dates in one canonical form.

Rules:

- The order of day and month is read from the whole column, never value by value: 05/06/1994 says nothing alone. What
  the column does not prove is taken as the American order and reported as not proven.
- A date that is merely *wrong* (the year 2972, the 31st of February) stays: its digits may still be nearly right.
- Dates that systems write for "no date" are missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date as CalendarDate  # noqa: N812 - `date` is the rule for a value here
from typing import Literal

from linkage.hashing.text import ascii_upper

DateOrder = Literal["month-day", "day-month"]

#: What people and systems (Excel, SQL Server, .NET, Oracle) write for no date.
PLACEHOLDER_DATES = frozenset(
    """1900-01-01 1901-01-01 1800-01-01 1899-12-30 1899-12-31 1753-01-01 1601-01-01 0001-01-01 1111-11-11 9999-12-31
    9999-09-09 2999-12-31 4712-12-31""".split()
)
_PLACEHOLDER_YEARS = frozenset({"0000", "1111", "9999"})

_TIME = r"(?:[T ]+\d.*)?"
_YEAR_FIRST = re.compile(rf"^(\d{{4}})\D(\d{{1,2}})\D(\d{{1,2}}){_TIME}$")
_YEAR_LAST = re.compile(rf"^(\d{{1,2}})\D(\d{{1,2}})\D(\d{{4}}|\d{{2}}){_TIME}$")
_COMPACT = re.compile(r"^(\d{4})(\d{2})(\d{2})(?:\.0|\d{6})?$")
_YEAR_ONLY = re.compile(r"^(\d{4})(?:\.0)?$")
_MONTHS = {name: i for i, name in enumerate("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split(), start=1)}
_MONTH_NAME = re.compile(
    rf"^(?:[A-Z]+DAY\W+)?(?:(\d{{1,2}})(?:ST|ND|RD|TH)?\W*([A-Z]{{3}})[A-Z]*"
    rf"|([A-Z]{{3}})[A-Z]*\W*(\d{{1,2}})(?:ST|ND|RD|TH)?)\W+(\d{{4}}|\d{{2}}){_TIME}$"
)


def _last_first(text: str) -> tuple[str, str, str] | None:
    """Return two components and the year of a date that ends in its year."""
    if match := _YEAR_LAST.match(text):
        return match[1], match[2], match[3]
    # 02292008: eight digits that cannot begin with a year, or would name a thirteenth month.
    if len(text) == 8 and (match := _COMPACT.match(text)):
        as_year = "1600" <= match[1] <= "2999" and match[2] <= "12"
        if not as_year and "1600" <= text[4:] <= "2999":
            return text[:2], text[2:4], text[4:]
    return None


def date_order(values: Iterable[str]) -> tuple[DateOrder, bool]:
    """Return whether day or month comes first in dates such as 05/06/1994, and whether the column proves it.

    A component above 12 cannot be a month. The larger count of proofs wins, so that a few typing errors do not turn
    a column round; with no proof at all the order is the American one, and the second result is False.
    """
    first = second = 0
    for value in values:
        if found := _last_first(value.strip()):
            first += int(found[0]) > 12
            second += int(found[1]) > 12
    return ("day-month" if first > second else "month-day"), first != second


def is_ambiguous(value: str) -> bool:
    """Whether a date could be read with day and month either way and would not be the same."""
    found = _last_first(value.strip())
    return found is not None and found[0] != found[1] and 1 <= int(found[0]) <= 12 and 1 <= int(found[1]) <= 12


def is_impossible(canonical: str) -> bool:
    """Whether a canonical date is no day of the calendar."""
    if len(canonical) <= 4:
        return False
    try:
        CalendarDate.fromisoformat(canonical)
    except ValueError:
        return True
    return False


def date(value: str, order: DateOrder) -> str:
    """Return YYYY-MM-DD, or YYYY where only a year is known; digits that make no calendar day are kept as they are."""
    found = as_written(value, order)
    return "" if is_placeholder_date(found) else found


def is_placeholder_date(canonical: str) -> bool:
    """Whether a canonical date stands for no date."""
    return canonical in PLACEHOLDER_DATES or canonical[:4] in _PLACEHOLDER_YEARS


def as_written(value: str, order: DateOrder) -> str:
    """Return the canonical text of a date, placeholders too; empty where it is no date."""
    text = ascii_upper(value).strip()
    if match := _YEAR_FIRST.match(text):
        year, month, day = match.groups()
    elif found := _last_first(text):
        a, b, year = found
        month, day = (b, a) if order == "day-month" else (a, b)
        if int(month) > 12 >= int(day) >= 1 and int(month) <= 31:
            month, day = day, month
    elif match := _COMPACT.match(text):
        year, month, day = match.groups()
    elif (match := _MONTH_NAME.match(text)) and (name := match[2] or match[3]) in _MONTHS:
        year, month, day = match[5], str(_MONTHS[name]), match[1] or match[4]
    elif match := _YEAR_ONLY.match(text):
        return match[1]
    else:
        return ""
    if len(year) == 2:
        # A two-digit year belongs to the century that makes the person younger than a hundred.
        year = ("19" if int(year) > 30 else "20") + year
    if int(month) == int(day) == 0 and int(year):
        return year
    return f"{year}-{int(month):02}-{int(day):02}"
