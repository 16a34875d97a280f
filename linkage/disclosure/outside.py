"""The audit of anyone's published table: what its hidden cells give away to a reader with a solver.

Rules:

- Nothing is known but what was printed. A cell that is not a number is hidden; a range in its place bounds it.
- A hidden cell is given away if the attacker's upper bound is below the threshold: the reader then knows that the
  number is small, or even which it is. One that was printed as a range below the threshold is given away if the
  attacker can lower the range's upper end, or knows that the number is there.
- Tables handed in together are one system, joined by the dimensions they share by name. A combination that no
  row names is a zero.
- Rows at several levels (schools and districts) need to be told which school is in which district.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from linkage.disclosure.audit import AuditResult, Published, Structure, Target, audit
from linkage.disclosure.printed import HIDDEN, ReadTable
from linkage.disclosure.rules import TOTAL
from linkage.errors import InputError

MOST_INNER = 500_000


@dataclass(frozen=True)
class GivenAway:
    """A hidden cell and the bounds that a reader can put on it."""

    table: str
    cell: tuple[str, ...]
    low: float
    high: float

    @property
    def exact(self) -> bool:
        """Whether only one whole number is possible."""
        return int(np.floor(self.high + 1e-6)) - int(np.ceil(self.low - 1e-6)) < 1


@dataclass(frozen=True)
class OutsideAudit:
    """What an outsider can do with published tables."""

    cells: int
    hidden: int
    given_away: tuple[GivenAway, ...]
    programs: int
    inconsistent: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether no hidden cell is given away and the numbers add up."""
        return not self.given_away and not self.inconsistent


def audit_outside(
    tables: Sequence[ReadTable], threshold: int, within: Mapping[str, pd.DataFrame] | None = None
) -> OutsideAudit:
    """Attack ``tables`` together and list the hidden cells that are shown to be below ``threshold``.

    ``within`` gives, for a dimension with rows at several levels, a frame whose columns are its levels, finest first.
    """
    within = within or {}
    published = []
    problems = [
        f"{table.name}: column {column!r} holds several levels"
        for table in tables
        for column in table.by
        if f"{column}_level" in table.by and column not in within
    ]
    if problems:
        raise InputError("Which codes lie in which is not known.", problems, "Give the codes' table with --within.")
    for table in tables:
        by = tuple(column for column in table.by if not column.endswith("_level"))
        dimensions = tuple(
            tuple(str(name) for name in within[column].columns) if f"{column}_level" in table.by else (column,)
            for column in by
        )
        published.append(Published("", table.name, table.frame, dimensions, table.measure, HIDDEN, ranges=table.ranges))
    inner = _inner(published, within)
    structure = Structure((inner,), np.ones((len(inner), 1), dtype=bool))
    targets = [target for number, table in enumerate(tables) for target in _targets(number, table, threshold)]
    result: AuditResult = audit(published, structure, targets, settle_all=0)
    given = tuple(
        GivenAway(
            published[found.target.table].name,
            tuple(
                str(published[found.target.table].frame.iloc[found.target.row][levels[0]])
                for levels in published[found.target.table].dimensions
            ),
            found.low,
            found.high,
        )
        for found in result.violations
    )
    size = sum(len(table.frame) for table in tables)
    wrong = tuple(_contradictions(published)) or ((result.inconsistent,) if result.inconsistent else ())
    hidden = sum(int(table.frame[table.measure].astype("object").eq(HIDDEN).sum()) for table in tables)
    return OutsideAudit(size, hidden, given, result.programs, wrong)


def _targets(number: int, table: ReadTable, threshold: int) -> Iterator[Target]:
    """Yield what must not be known of the hidden cells of a table."""
    printed = {row: (low, high) for row, low, high in table.ranges}
    for row in np.flatnonzero(table.frame[table.measure].astype("object").eq(HIDDEN)).tolist():
        low, high = printed.get(row, (0.0, np.inf))
        if low < threshold:
            yield Target(number, row, low=-1.0, high=float(min(high, threshold)), either=True)
        if high < threshold:
            yield Target(number, row, low=high - 1, high=-1.0)


def _contradictions(published: Sequence[Published]) -> list[str]:
    """Name the sums that two tables print differently: the difference is itself a number of persons."""
    seen: dict[frozenset[tuple[str, str]], tuple[str, float]] = {}
    found = []
    for table in published:
        for row in table.frame.to_dict("records"):
            codes = [(levels[0], str(row[levels[0]])) for levels in table.dimensions if row[levels[0]] != TOTAL]
            if row[table.measure] == HIDDEN:
                continue
            number = float(row[table.measure])
            name, other = seen.setdefault(frozenset(codes), (table.name, number))
            if other != number:
                cell = " / ".join(code for _, code in codes) or TOTAL
                found.append(f"{cell} is {other:,.0f} in {name} and {number:,.0f} in {table.name}")
    return found


def _inner(published: Sequence[Published], within: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the inner combinations that the finest rows of the tables allow."""
    inner: pd.DataFrame | None = None
    for table in published:
        finest = np.ones(len(table.frame), dtype=bool)
        for levels in table.dimensions:
            if len(levels) > 1:
                finest &= table.frame[f"{levels[0]}_level"].eq(levels[0]).to_numpy()
            finest &= table.frame[levels[0]].ne(TOTAL).to_numpy()
        columns = [levels[0] for levels in table.dimensions]
        part = table.frame.loc[finest, columns].drop_duplicates()
        if inner is None:
            inner = part
            continue
        shared = [column for column in columns if column in inner.columns]
        size = (
            int((inner.groupby(shared).size() * part.groupby(shared).size()).sum())
            if shared
            else len(inner) * len(part)
        )
        if size > MOST_INNER:
            raise InputError(f"Together the tables have more than {MOST_INNER} inner cells.")
        inner = inner.merge(part, how="inner" if shared else "cross")
    if inner is None or inner.empty:
        raise InputError("The tables have no inner cells.", advice="A table needs rows that are not totals.")
    for column, codes in within.items():
        if column in inner.columns and len(codes.columns) > 1:
            inner = inner.merge(codes.astype(str).drop_duplicates(), how="left", on=column)
    return inner.reset_index(drop=True)
