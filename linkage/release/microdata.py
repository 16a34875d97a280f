"""Rows that single nobody out: k-anonymity of a research file on the quasi-identifiers that the agreement names.

Rules:

- In each dataset and period every combination of quasi-identifiers is shared by at least k persons (Samarati and
  Sweeney 1998). A missing value is a category like any other; a row of which all are suppressed identifies nobody.
- Where it is not, values are suppressed: the quasi-identifier that is listed last goes first, so the agreement's
  order is the order of importance. Nothing is swapped, invented or averaged.
- A value is suppressed in *all* rows of the person: suppressed in one year, it would be read off another.
- A quasi-identifier that two datasets write in one column is one, for both.
- What this does not do: it looks at one period at a time. A path through several years can still be rare, and so can
  values that the agreement does not call quasi-identifiers.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
from pydantic import BaseModel, ConfigDict

from linkage.errors import DisclosureError
from linkage.governance.thresholds import Microdata
from linkage.release.coarsen import name
from linkage.release.columns import Placed
from linkage.release.workspace import scalar

MOST_PASSES = 200


class Suppressed(BaseModel):
    """How many persons have a column suppressed."""

    model_config = ConfigDict(frozen=True)

    column: str
    persons: int


class MicrodataCertificate(BaseModel):
    """What was done so that rows single nobody out, and that it was checked afterwards."""

    model_config = ConfigDict(frozen=True)

    k: int
    quasi_identifiers: tuple[str, ...]
    persons: int
    persons_changed: int
    suppressed: tuple[Suppressed, ...]
    smallest_group: int | None
    """Fewest persons behind any combination that is left; None where no quasi-identifier is."""


def quasi_columns(rule: Microdata, placed: Sequence[Placed]) -> tuple[str, ...]:
    """Return the released columns that hold the rule's quasi-identifiers, in its order."""
    column = {each.reference: each.column for each in placed}
    return tuple(dict.fromkeys(column[reference] for reference in rule.quasi_identifiers if reference in column))


def anonymised_sql(
    connection: duckdb.DuckDBPyConnection, rule: Microdata, columns: Sequence[str], rows: str
) -> tuple[str, MicrodataCertificate]:
    """Return SQL for ``rows`` (release_id, dataset, period, ...) with values suppressed, and the certificate.

    Raises DisclosureError if a combination of fewer than k persons were left.
    """
    persons = scalar(connection, f"SELECT count(DISTINCT release_id) FROM {rows}")
    if not columns:
        nothing = MicrodataCertificate(
            k=rule.k, quasi_identifiers=(), persons=persons, persons_changed=0, suppressed=(), smallest_group=None
        )
        return f"SELECT * FROM {rows}", nothing
    quoted = [name(column) for column in columns]
    connection.execute(
        f"CREATE TABLE combinations AS SELECT DISTINCT release_id, dataset, period, {', '.join(quoted)} FROM {rows}"
    )
    flags = [f"hide_{place}" for place in range(len(columns))]
    nothing_hidden = ", ".join(f"FALSE AS {flag}" for flag in flags)
    connection.execute(f"CREATE TABLE hidden AS SELECT DISTINCT release_id, {nothing_hidden} FROM {rows}")
    passes = 0
    while scalar(connection, f"SELECT count(*) FROM ({_rare_sql(quoted, flags, rule.k)})"):
        passes += 1
        if passes > MOST_PASSES:
            raise DisclosureError(f"The file's rows could not be brought to k = {rule.k}.")
        _hide_next(connection, quoted, flags, rule.k)
    return _suppressed_sql(columns, flags, rows), _certificate(connection, rule, columns, flags, persons)


def _shown(quoted: Sequence[str], flags: Sequence[str]) -> str:
    """Return the quasi-identifiers as a reader has them, for each person, dataset and period."""
    values = ", ".join(
        f"CASE WHEN NOT h.{flag} THEN c.{column} END AS {column}" for column, flag in zip(quoted, flags, strict=True)
    )
    everything = " AND ".join(f"h.{flag}" for flag in flags)
    return (
        f"SELECT c.release_id, c.dataset, c.period, {values}, {everything} AS nothing_left FROM combinations c"
        " JOIN hidden h USING (release_id)"
    )


def _groups_sql(quoted: Sequence[str], flags: Sequence[str]) -> str:
    keys = ", ".join(("dataset", "period", *quoted))
    return (
        f"SELECT {keys}, count(DISTINCT release_id) AS persons FROM ({_shown(quoted, flags)})"
        f" WHERE NOT nothing_left GROUP BY {keys}"
    )


def _rare_sql(quoted: Sequence[str], flags: Sequence[str], k: int) -> str:
    """Return SQL for the persons in a combination of fewer than k."""
    same = " AND ".join(f"s.{column} IS NOT DISTINCT FROM g.{column}" for column in ("dataset", "period", *quoted))
    return (
        f"SELECT DISTINCT s.release_id FROM ({_shown(quoted, flags)}) s"
        f" JOIN ({_groups_sql(quoted, flags)}) g ON {same} WHERE g.persons < {k} AND NOT s.nothing_left"
    )


def _hide_next(connection: duckdb.DuckDBPyConnection, quoted: Sequence[str], flags: Sequence[str], k: int) -> None:
    """Suppress for each rare person the last quasi-identifier that is still shown."""
    connection.execute(f"CREATE OR REPLACE TABLE rare AS {_rare_sql(quoted, flags, k)}")
    changed = []
    for place, flag in enumerate(flags):
        later = " AND ".join(f"h.{each}" for each in flags[place + 1 :]) or "TRUE"
        changed.append(f"h.{flag} OR (r.release_id IS NOT NULL AND {later}) AS {flag}")
    connection.execute(
        f"CREATE OR REPLACE TABLE hidden AS SELECT h.release_id, {', '.join(changed)} FROM hidden h"
        " LEFT JOIN rare r USING (release_id)"
    )


def _suppressed_sql(columns: Sequence[str], flags: Sequence[str], rows: str) -> str:
    replaced = ", ".join(
        f"CASE WHEN NOT h.{flag} THEN r.{name(column)} END AS {name(column)}"
        for column, flag in zip(columns, flags, strict=True)
    )
    return f"SELECT r.* REPLACE ({replaced}) FROM {rows} r JOIN hidden h USING (release_id)"


def _certificate(
    connection: duckdb.DuckDBPyConnection, rule: Microdata, columns: Sequence[str], flags: Sequence[str], persons: int
) -> MicrodataCertificate:
    quoted = [name(column) for column in columns]
    smallest = scalar(connection, f"SELECT min(persons) FROM ({_groups_sql(quoted, flags)})")
    if smallest and smallest < rule.k:
        raise DisclosureError(f"A combination of quasi-identifiers is left with fewer than {rule.k} persons.")
    hidden = [scalar(connection, f"SELECT count(*) FROM hidden WHERE {flag}") for flag in flags]
    return MicrodataCertificate(
        k=rule.k,
        quasi_identifiers=tuple(columns),
        persons=persons,
        persons_changed=scalar(connection, f"SELECT count(*) FROM hidden WHERE {' OR '.join(flags)}"),
        suppressed=tuple(
            Suppressed(column=column, persons=count) for column, count in zip(columns, hidden, strict=True)
        ),
        smallest_group=smallest or None,
    )
