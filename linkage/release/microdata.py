"""Rows that single nobody out: k-anonymity of a research file on the quasi-identifiers that the agreement names.

Rules:

- A person is known by *all* the values that a quasi-identifier has had in the person's rows, whatever the year: what is
  hidden in one year must not be read off another. Each combination of such sets is shared by at least k persons
  (Samarati and Sweeney 1998). Missing is a category like any other.
- Where it is not, values are suppressed in all rows of the person: the quasi-identifier that is listed last goes
  first, so the agreement's order is the order of importance. Nothing is swapped, invented or averaged.
- Those of whom all is suppressed are a class too: who is rare is known to be in it. Where it would be smaller than k,
  the smallest other class joins it.
- A quasi-identifier that two datasets write in one column is one, for both.
- What this does not do: the order and the years of a person's changes are not part of the combination, and neither
  are values that the agreement does not call quasi-identifiers.
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
    """Fewest persons who share what is left; None where the file has no quasi-identifier."""


def quasi_columns(rule: Microdata, placed: Sequence[Placed]) -> tuple[str, ...]:
    """Return the released columns that hold the rule's quasi-identifiers, in its order."""
    column = {each.reference: each.column for each in placed}
    return tuple(dict.fromkeys(column[reference] for reference in rule.quasi_identifiers if reference in column))


def anonymised_sql(
    connection: duckdb.DuckDBPyConnection, rule: Microdata, columns: Sequence[str], rows: str
) -> tuple[str, MicrodataCertificate]:
    """Return SQL for ``rows`` (person, ...) with values suppressed, and the certificate.

    ``person`` is a number. Raises DisclosureError if the file has too few persons to be made safe.
    """
    if not columns:
        persons = scalar(connection, f"SELECT count(DISTINCT person) FROM {rows}")
        nothing = MicrodataCertificate(
            k=rule.k, quasi_identifiers=(), persons=persons, persons_changed=0, suppressed=(), smallest_group=None
        )
        return f"SELECT * FROM {rows}", nothing
    places = range(len(columns))
    sets = ", ".join(
        f"CASE WHEN count({name(column)}) > 0 THEN"
        f" hash(list_sort(list(DISTINCT {name(column)}) FILTER (WHERE {name(column)} IS NOT NULL))) END AS q{place},"
        f" FALSE AS hide_{place}"
        for place, column in enumerate(columns)
    )
    connection.execute(f"CREATE TABLE paths AS SELECT person, {sets} FROM {rows} GROUP BY person")
    while _mark_rare(connection, len(columns), rule.k):
        _suppress_next(connection, len(columns))
    _fill_the_class_of_the_suppressed(connection, len(columns), rule.k)
    replaced = ", ".join(
        f"CASE WHEN NOT p.hide_{place} THEN r.{name(columns[place])} END AS {name(columns[place])}" for place in places
    )
    sql = f"SELECT r.* REPLACE ({replaced}) FROM {rows} r JOIN paths p USING (person)"
    return sql, _certificate(connection, rule, columns)


def _seen(count: int) -> str:
    """Return what a reader has of each quasi-identifier; suppressed and missing look the same."""
    return ", ".join(f"CASE WHEN NOT hide_{place} THEN q{place} END AS s{place}" for place in range(count))


def _classes_sql(count: int) -> str:
    keys = ", ".join(f"s{place}" for place in range(count))
    return f"SELECT {keys}, count(*) AS persons FROM (SELECT {_seen(count)} FROM paths) GROUP BY {keys}"


def _everything_hidden(count: int) -> str:
    return " AND ".join(f"s{place} IS NULL" for place in range(count))


def _mark_rare(connection: duckdb.DuckDBPyConnection, count: int, k: int) -> int:
    """Collect the persons in classes of fewer than k, but for those of whom nothing is left; return how many."""
    _mark(connection, count, f"{_classes_sql(count)} HAVING persons < {k} AND NOT ({_everything_hidden(count)})")
    return scalar(connection, "SELECT count(*) FROM marked")


def _mark(connection: duckdb.DuckDBPyConnection, count: int, classes: str) -> None:
    same = " AND ".join(f"p.s{place} IS NOT DISTINCT FROM c.s{place}" for place in range(count))
    connection.execute(
        f"CREATE OR REPLACE TABLE marked AS SELECT person FROM (SELECT person, {_seen(count)} FROM paths) p"
        f" JOIN ({classes}) c ON {same}"
    )


def _suppress_next(connection: duckdb.DuckDBPyConnection, count: int) -> None:
    """Suppress for each marked person the last quasi-identifier that is still shown."""
    changes = []
    for place in range(count):
        later = " AND ".join(f"hide_{each}" for each in range(place + 1, count)) or "TRUE"
        changes.append(f"hide_{place} = (hide_{place} OR ({later}))")
    connection.execute(f"UPDATE paths SET {', '.join(changes)} WHERE person IN (SELECT person FROM marked)")


def _fill_the_class_of_the_suppressed(connection: duckdb.DuckDBPyConnection, count: int, k: int) -> None:
    everything = _everything_hidden(count)
    while True:
        left = scalar(connection, f"SELECT min(persons) FROM ({_classes_sql(count)}) WHERE {everything}")
        if left == 0 or left >= k:
            return
        keys = ", ".join(f"s{place}" for place in range(count))
        smallest = f"SELECT * FROM ({_classes_sql(count)}) WHERE NOT ({everything}) ORDER BY persons, {keys} LIMIT 1"
        _mark(connection, count, smallest)
        if not scalar(connection, "SELECT count(*) FROM marked"):
            raise DisclosureError(
                f"A research file of {left} persons cannot be made {k}-anonymous.",
                advice="Release tables instead, or a file of more persons.",
            )
        hidden = ", ".join(f"hide_{place} = TRUE" for place in range(count))
        connection.execute(f"UPDATE paths SET {hidden} WHERE person IN (SELECT person FROM marked)")


def _certificate(
    connection: duckdb.DuckDBPyConnection, rule: Microdata, columns: Sequence[str]
) -> MicrodataCertificate:
    smallest = scalar(connection, f"SELECT min(persons) FROM ({_classes_sql(len(columns))})")
    if smallest and smallest < rule.k:
        raise DisclosureError(f"A combination of quasi-identifiers is left with fewer than {rule.k} persons.")
    places = range(len(columns))
    hidden = [scalar(connection, f"SELECT count(*) FROM paths WHERE hide_{place}") for place in places]
    changed = " OR ".join(f"hide_{place}" for place in places)
    return MicrodataCertificate(
        k=rule.k,
        quasi_identifiers=tuple(columns),
        persons=scalar(connection, "SELECT count(*) FROM paths"),
        persons_changed=scalar(connection, f"SELECT count(*) FROM paths WHERE {changed}"),
        suppressed=tuple(
            Suppressed(column=column, persons=count) for column, count in zip(columns, hidden, strict=True)
        ),
        smallest_group=smallest or None,
    )
