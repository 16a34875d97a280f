"""The research file: what many agencies know of the same people, under IDs made for this release.

Rules:

- *Long*: one row per person, dataset and period (or event, where a dataset has several rows in a period: two schools
  in a year, two employers in a quarter). Only the output's elements, in the only form in which they may leave.
- Beside the long form, where the agreement asks for them: *spells* (:mod:`linkage.release.spells`).
- *Wide*: one row per person; a column for each dataset, element and period. Where a person has several rows in a
  period they are numbered in the order of their values, and each has its column: none is picked.
- Beside either, ``persons`` has one row per person and says which dataset knows the person, so that *not linked*
  and *linked, no event* are different words (:mod:`linkage.release.people`).
- No combination of quasi-identifiers is left with fewer persons than the agreement says
  (:mod:`linkage.release.microdata`).
- Rows are ordered by release ID, which is random and new in each release, then by dataset and period, then by a hash
  of their values: nothing of the order in which agencies hold or send their records is left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import pandas as pd

from linkage.errors import InputError
from linkage.governance.datasets import Dataset
from linkage.governance.outputs import ResearchFile
from linkage.release.attributes import attribute_columns, attribute_sql, settled
from linkage.release.coarsen import literal, name, sql_type
from linkage.release.columns import DATASET, PERIOD, RELEASE_ID, Column, Placed, describe_columns, place_elements
from linkage.release.microdata import MicrodataCertificate, anonymised_sql, quasi_columns
from linkage.release.payload import PERSON_TOKEN
from linkage.release.people import (
    DatasetCounts,
    count_people,
    find_people,
    link_columns,
    linked_rows,
    open_sources,
    people_sql,
)
from linkage.release.permission import PermittedRelease
from linkage.release.spells import spell_columns, spells_sql
from linkage.release.workspace import Source, Workspace, scalar, write_parquet

MOST_COLUMNS = 4_000
ID_COLUMN = Column(RELEASE_ID, "text", "The person: a random ID that says nothing of who it is.")


@dataclass(frozen=True)
class ReleasedTable:
    """A released table: its name, where its Parquet file is, its columns and its key."""

    name: str
    title: str
    parquet: Path
    columns: tuple[Column, ...]
    rows: int
    key: tuple[str, ...] = ()

    def frame(self) -> pd.DataFrame:
        """Read the table into memory."""
        return pd.read_parquet(self.parquet, dtype_backend="numpy_nullable")


@dataclass(frozen=True)
class AssembledFile:
    """A research file: its tables, and how its people and its sources met."""

    tables: tuple[ReleasedTable, ...]
    counts: tuple[DatasetCounts, ...]
    people: int
    microdata: MicrodataCertificate | None = None

    def __getitem__(self, table: str) -> ReleasedTable:
        return next(each for each in self.tables if each.name == table)


def assemble(
    permitted: PermittedRelease,
    payloads: Mapping[str, Source],
    crosswalk: Source,
    workspace: Workspace,
) -> AssembledFile:
    """Assemble a research file into Parquet files in the workspace's scratch folder.

    ``payloads`` holds by ``provider.dataset`` what :func:`~linkage.release.payload.accept_payload` let in, and
    ``crosswalk`` the columns agency, person_token and release_id. Raises InputError.
    """
    output = permitted.output
    if not isinstance(output, ResearchFile):
        raise InputError(f"{output.id} is a {output.kind}, not a research file.")
    placed, datasets = place_elements(permitted), permitted.datasets
    with workspace.connect() as connection:
        open_sources(connection, permitted.sources, payloads, crosswalk)
        as_joined, rows_path = workspace.scratch / "joined.parquet", workspace.scratch / "rows.parquet"
        linked = _join(connection, permitted, placed, as_joined)
        rule = permitted.rules.microdata
        assert rule is not None, "an agreement with a research file has rules for its rows"
        protected, microdata = anonymised_sql(connection, rule, quasi_columns(rule, placed), "joined")
        write_parquet(connection, _released_sql(protected, placed), rows_path)
        connection.execute(f"CREATE VIEW rows AS SELECT * FROM read_parquet({literal(str(rows_path))})")
        persons = _persons(connection, permitted, placed, workspace.scratch)
        counts = count_people(connection, datasets, linked, f"read_parquet({literal(str(persons.parquet))})")
        as_joined.unlink()
        if output.form == "wide":
            tables: tuple[ReleasedTable, ...] = (_wide(connection, persons, placed, workspace.scratch),)
        else:
            columns = (ID_COLUMN, *_row_keys(placed, datasets), *describe_columns(placed))
            total = scalar(connection, "SELECT count(*) FROM rows")
            title = "One row per person, dataset and period or event"
            tables = (ReleasedTable("rows", title, rows_path, columns, total), persons)
            if output.spells:
                tables += (_spells(connection, output, placed, workspace.scratch),)
    return AssembledFile(tables, counts, persons.rows, microdata)


def _join(
    connection: duckdb.DuckDBPyConnection, permitted: PermittedRelease, placed: Sequence[Placed], path: Path
) -> dict[str, int]:
    """Write the rows of everyone in the release, in no order, and say how many rows of each dataset are linked.

    Makes the view ``joined`` and the tables ``members`` (person, dataset) and ``people`` (person).
    """
    datasets, cohort = permitted.datasets, permitted.cohort
    if cohort:
        find_people(connection, permitted.sources, cohort)
    parts = " UNION ALL ".join(_dataset_sql(placed, dataset) for dataset in datasets)
    chosen = f"SELECT * FROM ({parts}) SEMI JOIN people USING (person)" if cohort else parts
    write_parquet(connection, chosen, path)
    connection.execute(f"CREATE VIEW joined AS SELECT * FROM read_parquet({literal(str(path))})")
    connection.execute(f"CREATE TABLE members AS SELECT DISTINCT person, {DATASET} FROM joined")
    if not cohort:
        connection.execute("CREATE TABLE people AS SELECT DISTINCT person FROM members")
        counted = dict(connection.execute(f"SELECT {DATASET}, count(*) FROM joined GROUP BY 1").fetchall())
        return {dataset.key: int(counted.get(dataset.key, 0)) for dataset in datasets}
    return {
        dataset.key: scalar(connection, f"SELECT count(*) FROM {linked_rows(dataset, PERSON_TOKEN)}")
        for dataset in datasets
    }


def _dataset_sql(placed: Sequence[Placed], dataset: Dataset) -> str:
    """Return SQL for one dataset's rows in the columns of the file; those that it lacks are missing."""
    kinds = {each.column: sql_type(each.form.type) for each in placed}
    own = {each.column: each.form.sql for each in placed if each.dataset.key == dataset.key}
    period = next((each.form.sql for each in placed if each.dataset.key == dataset.key and each.is_period), "NULL")
    forms = ", ".join(f"CAST({own.get(column, 'NULL')} AS {kind}) AS {name(column)}" for column, kind in kinds.items())
    keys = f"{literal(dataset.key)} AS {DATASET}, CAST({period} AS VARCHAR) AS {PERIOD}"
    return f"SELECT * EXCLUDE (release_id) FROM {linked_rows(dataset, f'{keys}, {forms}')}"


def _released_sql(rows: str, placed: Sequence[Placed]) -> str:
    """Return SQL for the rows under their release IDs, in an order that follows from IDs and values alone."""
    columns = ", ".join(f"r.{name(column)}" for column in dict.fromkeys(each.column for each in placed))
    return (
        f"SELECT i.release_id, r.{DATASET}, r.{PERIOD}, {columns} FROM ({rows}) r"
        " JOIN (SELECT DISTINCT person, release_id FROM crosswalk) i USING (person)"
        f" ORDER BY r.person, r.{DATASET}, r.{PERIOD}, hash({columns})"
    )


def _row_keys(placed: Sequence[Placed], datasets: Sequence[Dataset]) -> tuple[Column, Column]:
    periods = "; ".join(f"{each.element.name} in {each.dataset.key}" for each in placed if each.is_period)
    return (
        Column(DATASET, "code", "The dataset that the row is from.", codes=tuple(dataset.key for dataset in datasets)),
        Column(PERIOD, "text", f"When: {periods or 'no dataset of this file has a period'}."),
    )


def _persons(
    connection: duckdb.DuckDBPyConnection, permitted: PermittedRelease, placed: Sequence[Placed], scratch: Path
) -> ReleasedTable:
    columns: tuple[Column, ...] = (ID_COLUMN, *link_columns(permitted.datasets))
    query = f"SELECT * EXCLUDE (person) FROM ({people_sql(permitted.datasets)})"
    for rule, given in settled(permitted.terms.linkage.precedence, placed):
        query = f"SELECT * FROM ({query}) LEFT JOIN ({attribute_sql(rule, given, 'rows')}) USING (release_id)"
        columns += attribute_columns(rule, given)
    path = scratch / "persons.parquet"
    write_parquet(connection, f"SELECT * FROM ({query}) ORDER BY release_id", path)
    total = scalar(connection, f"SELECT count(*) FROM read_parquet({literal(str(path))})")
    return ReleasedTable("persons", "One row per person", path, columns, total, (RELEASE_ID,))


def _spells(
    connection: duckdb.DuckDBPyConnection, output: ResearchFile, placed: Sequence[Placed], scratch: Path
) -> ReleasedTable:
    path = scratch / "spells.parquet"
    write_parquet(connection, spells_sql(placed, output.spells, "rows"), path)
    total = scalar(connection, f"SELECT count(*) FROM read_parquet({literal(str(path))})")
    columns = (ID_COLUMN, *spell_columns(placed, output.spells))
    return ReleasedTable("spells", "One row per person and spell", path, columns, total)


def _wide(
    connection: duckdb.DuckDBPyConnection, persons: ReleasedTable, placed: Sequence[Placed], scratch: Path
) -> ReleasedTable:
    """Write one row per person: what ``persons`` holds, and each dataset's elements by period."""
    values = ", ".join(name(column) for column in dict.fromkeys(each.column for each in placed))
    connection.execute(
        "CREATE VIEW numbered AS SELECT *, row_number() OVER"
        f" (PARTITION BY release_id, dataset, period ORDER BY {values}) AS number FROM rows"
    )
    cells = connection.execute("SELECT dataset, period, max(number) FROM numbered GROUP BY ALL ORDER BY ALL").fetchall()
    columns: list[Column] = []
    sql: list[str] = []
    for key, period, most in cells:
        for number in range(1, int(most) + 1):
            for each, column in _elements_of(placed, str(key)):
                header = "_".join(
                    [str(key).replace(".", "_").replace("-", "_"), each.element.name]
                    + ([str(period)] if period is not None else [])
                    + ([str(number)] if number > 1 else [])
                )
                when = f"period = {literal(str(period))}" if period is not None else "period IS NULL"
                sql.append(
                    f"any_value({name(each.column)}) FILTER (WHERE dataset = {literal(str(key))} AND {when}"
                    f" AND number = {number}) AS {name(header)}"
                )
                said = f"{column.description} Period {period}." if period is not None else column.description
                columns.append(replace(column, name=header, description=said, sources=(each.reference,)))
    if len(columns) > MOST_COLUMNS:
        raise InputError(
            f"The wide form would have {len(columns):,} columns; {MOST_COLUMNS:,} is the most.",
            advice="Ask for the long form.",
        )
    path = scratch / "wide.parquet"
    source = f"SELECT * FROM read_parquet({literal(str(persons.parquet))})"
    if sql:
        source += (
            f" LEFT JOIN (SELECT release_id, {', '.join(sql)} FROM numbered GROUP BY release_id) USING (release_id)"
        )
    write_parquet(connection, f"SELECT * FROM ({source}) ORDER BY release_id", path)
    return ReleasedTable(
        "persons", "One row per person", path, (*persons.columns, *columns), persons.rows, (RELEASE_ID,)
    )


def _elements_of(placed: Sequence[Placed], key: str) -> list[tuple[Placed, Column]]:
    """Return a dataset's elements with their columns, without the period, which wide headers name."""
    described = {column.name: column for column in describe_columns(placed)}
    return [(each, described[each.column]) for each in placed if each.dataset.key == key and not each.is_period]
