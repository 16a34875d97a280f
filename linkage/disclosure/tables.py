"""A table to be released: contributors (or cells), the dimensions that cross them, and what is measured.

Rules:

- The rows of ``data`` are contributors (a pupil, a pupil's wage in a quarter), or cells when ``count`` names
  the column that holds their counts. A combination that never occurs is a zero.
- A dimension is one column of ``by``, rolled up through the columns ``levels`` names for it (school through
  district and county); levels need not be nested in each other. With ``margins`` every total is published too.
- Tables over the same ``population`` are one system: what one prints may undo what another hides. By default
  all tables are over the same population; name another only where no person can be in both.
- ``vintage`` names the school year (or date) at which the persons are taken: tables of other vintages are about other
  persons, unless one vintage is known to hold the other (see vintages). A refreshed extract of the same year keeps
  the vintage.
- Two frames over one population and vintage that do not hold the same rows (a refreshed extract, a file without the
  pupils of small cells) differ by persons; those differences are protected like cells. With ``id`` the persons are
  followed from frame to frame; without it, as few as possible are assumed to have changed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np
import pandas as pd

from linkage.disclosure.rules import TOTAL
from linkage.errors import InputError

COUNT = "count"
MISSING = "(missing)"

GroupingSet = tuple[str | None, ...]
"""For each dimension, the level column that a cell is cut by; None is the total."""


@dataclass(frozen=True, eq=False)
class Table:
    """One table to be released, with the data it is made from."""

    name: str
    data: pd.DataFrame
    by: Sequence[str]
    levels: Mapping[str, Sequence[str]] = field(default_factory=dict)
    margins: bool = True
    count: str | None = None
    value: str | None = None
    contributor: str | None = None
    where: Mapping[str, Sequence[str]] = field(default_factory=dict)
    population: str = "all"
    vintage: str = ""
    nested: bool = False
    """Whether the persons of earlier vintages are known to be among these, or these among them."""
    id: str | None = None
    must_publish: Sequence[Mapping[str, str]] = ()
    must_hide: Sequence[Mapping[str, str]] = ()
    """Cells named by their key columns (``{"school": "North", "grade": "Total"}``); a column left out is any code."""
    priority: Mapping[str, float] = field(default_factory=dict)
    """Cost factor per level column (or ``"Total"``): above 1 is spared, below 1 is sacrificed first."""

    def __post_init__(self) -> None:
        problems = list(_problems(self))
        if problems:
            raise InputError(
                f"Table {self.name!r} cannot be made from its data.",
                problems=problems,
                advice="Columns must exist, counts and amounts must be numbers of at least 0.",
            )

    @property
    def measure(self) -> str:
        """Name of the column that the published table fills."""
        return self.value if self.value is not None else COUNT

    @property
    def series(self) -> str:
        """Name of the table in any vintage: the next year's table of the same series is its successor."""
        if not self.vintage:
            return self.name
        return " ".join(re.sub(rf"(?<!\w){re.escape(self.vintage)}(?!\w)", " ", self.name).split())

    @property
    def level_columns(self) -> tuple[tuple[str, ...], ...]:
        """For each dimension its columns, finest first."""
        return tuple((dimension, *self.levels.get(dimension, ())) for dimension in self.by)

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that decides which cells a row falls in."""
        names = [column for levels in self.level_columns for column in levels]
        return tuple(dict.fromkeys([*names, *self.where]))

    @property
    def grouping_sets(self) -> tuple[GroupingSet, ...]:
        """Every cross of levels that is published, finest first."""
        return tuple(product(*[(*levels, None) if self.margins else levels for levels in self.level_columns]))

    @property
    def key_columns(self) -> tuple[str, ...]:
        """Columns of the published table that say which cell a row is."""
        names: list[str] = []
        for levels in self.level_columns:
            names += [levels[0], f"{levels[0]}_level"] if len(levels) > 1 else [levels[0]]
        return tuple(names)


def codes_of(frame: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Return ``columns`` as text codes; a missing value is a code of its own, for such persons count too."""
    coded = {}
    for column in columns:
        series = frame[column]
        coded[column] = series.astype("object").where(series.notna(), MISSING).map(str).to_numpy(dtype=object)
    return pd.DataFrame(coded, index=range(len(frame)))


def amounts_of(table: Table, measure: str) -> np.ndarray:
    """Return what each row of the table's data adds to ``measure``."""
    if measure != COUNT:
        return table.data[measure].fillna(0).to_numpy(dtype=float)
    if table.count is not None:
        return table.data[table.count].to_numpy(dtype=float)
    return np.ones(len(table.data))


def _problems(table: Table) -> list[str]:
    frame, found = table.data, []
    if not table.by:
        found.append("`by` names no dimension")
    named = [*table.columns, *[c for c in (table.count, table.value, table.contributor, table.id) if c is not None]]
    missing = [column for column in dict.fromkeys(named) if column not in frame.columns]
    found += [f"column {column!r} is not in the data" for column in missing]
    found += [f"levels are given for {name!r}, which is not in `by`" for name in table.levels if name not in table.by]
    if table.count is not None and table.value is not None:
        found.append("a table counts (`count`) or sums (`value`), not both")
    for column in (table.count, table.value):
        if column is None or column in missing:
            continue
        if not pd.api.types.is_numeric_dtype(frame[column]) or pd.api.types.is_bool_dtype(frame[column]):
            found.append(f"column {column!r} does not hold numbers")
        elif (frame[column] < 0).any():
            found.append(f"column {column!r} holds negative numbers")
        elif column == table.count and (frame[column].isna() | (frame[column] % 1 != 0)).any():
            found.append(f"column {column!r} holds counts that are missing or not whole")
    for column in table.columns:
        if column not in missing and frame[column].astype("object").eq(TOTAL).any():
            found.append(f"column {column!r} holds {TOTAL!r}, which is the name of the margin")
    if len(set(table.columns)) < len([c for levels in table.level_columns for c in levels]):
        found.append("a column is used for two dimensions")
    return found
