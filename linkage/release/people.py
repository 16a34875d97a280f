"""Who is in a release, and which provider knows whom.

Rules:

- *Not linked* is not *linked without an event*: for each dataset a person is ``records`` (linked, with rows in the
  agreed population and years), ``no_records`` (linked, without such a row) or ``not_linked`` (the provider has no
  record that was linked to the person). EDFacts FS160 wants the same distinction (NOENROLL and NO).
- A crosswalk gives each record one person. One that gives two is refused.
- A payload record that no one linked has no release ID; it is counted and left out.
- The people of a release are those with a row, in one of the ``cohort``'s datasets, that meets its conditions; without
  a cohort, those with a row in any dataset.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb

from linkage.errors import InputError
from linkage.governance.datasets import Dataset
from linkage.governance.outputs import CohortPart
from linkage.release.coarsen import literal, name
from linkage.release.columns import RELEASE_ID, Column
from linkage.release.payload import PERSON_TOKEN
from linkage.release.workspace import Source, add_source, scalar

RECORDS, NO_RECORDS, NOT_LINKED = "records", "no_records", "not_linked"
STATES = (RECORDS, NO_RECORDS, NOT_LINKED)
AGENCY = "agency"


@dataclass(frozen=True)
class DatasetCounts:
    """How a dataset's rows and the release's people meet; for the steward and the certificate."""

    dataset: str
    rows_read: int
    rows_without_release_id: int
    people_with_records: int
    people_linked_without_records: int
    people_not_linked: int


def open_sources(
    connection: duckdb.DuckDBPyConnection,
    datasets: Sequence[Dataset],
    payloads: Mapping[str, Source],
    crosswalk: Source,
) -> None:
    """Make what assembly reads; raises InputError.

    ``payload_<key>`` holds a dataset's rows and ``crosswalk`` who is who; in it ``person`` numbers the release IDs in
    their own order, because a number joins and sorts faster than an ID.
    """
    missing = [dataset.key for dataset in datasets if dataset.key not in payloads]
    if missing:
        problems = [f"{key}: its payload is missing" for key in missing]
        raise InputError("The release cannot be assembled.", problems, "Seal and receive the payload first.")
    add_source(connection, "crosswalk_given", crosswalk, (AGENCY, PERSON_TOKEN, RELEASE_ID))
    _refuse_ambiguous(connection)
    connection.execute(
        "CREATE TABLE crosswalk AS SELECT *, CAST(dense_rank() OVER (ORDER BY release_id) AS INTEGER) AS person"
        " FROM crosswalk_given"
    )
    for dataset in datasets:
        columns = [element.name for element in dataset.elements if element.use != "link_only"]
        add_source(connection, payload_view(dataset), payloads[dataset.key], (PERSON_TOKEN, *columns))


def find_members(connection: duckdb.DuckDBPyConnection, datasets: Sequence[Dataset]) -> None:
    """Make ``members`` (person, dataset): who has rows in which dataset."""
    members = " UNION ALL ".join(
        f"SELECT DISTINCT x.person, {literal(dataset.key)} AS dataset FROM {linked_rows(dataset, PERSON_TOKEN)} x"
        for dataset in datasets
    )
    connection.execute(f"CREATE TABLE members AS {members}")


def find_people(
    connection: duckdb.DuckDBPyConnection, datasets: Sequence[Dataset], cohort: Sequence[CohortPart]
) -> None:
    """Make ``people`` (person): those of the cohort."""
    owner = {dataset.key: dataset for dataset in datasets}
    parts = []
    for part in cohort:
        columns = dict.fromkeys((PERSON_TOKEN, *(condition.column for condition in part.where)))
        rows = linked_rows(owner[part.dataset], ", ".join(map(name, columns)))
        conditions = [
            f"{name(condition.column)} IN ({', '.join(map(literal, condition.any_of))})" for condition in part.where
        ]
        parts.append(f"SELECT person FROM {rows} WHERE {' AND '.join(conditions) or 'TRUE'}")
    connection.execute(f"CREATE TABLE people AS SELECT DISTINCT person FROM ({' UNION ALL '.join(parts)})")


def payload_view(dataset: Dataset) -> str:
    """Return the name of the view of a dataset's payload."""
    return f"payload_{dataset.key}"


def linked_rows(dataset: Dataset, columns: str) -> str:
    """Return SQL for a dataset's rows (``columns`` of its payload) with person and release_id."""
    payload = f"SELECT person_token AS _token, {columns} FROM {name(payload_view(dataset))}"
    return (
        f"(SELECT x.person, x.release_id, s.* EXCLUDE (_token) FROM ({payload}) s"
        f" JOIN crosswalk x ON x.agency = {literal(dataset.provider)} AND x.person_token = s._token)"
    )


def link_column(dataset: Dataset) -> str:
    """Return the name of the column that tells whether a dataset knows the person."""
    return f"link_{dataset.provider}_{dataset.dataset}".replace("-", "_")


def link_columns(datasets: Sequence[Dataset]) -> tuple[Column, ...]:
    """Describe the columns that tell which dataset knows whom."""
    return tuple(
        Column(
            name=link_column(dataset),
            type="code",
            codes=STATES,
            description=f"Whether the person is known to {dataset.key}: {RECORDS} (linked, with rows in this release), "
            f"{NO_RECORDS} (linked, without such a row) or {NOT_LINKED} (no record was linked to the person).",
        )
        for dataset in datasets
    )


def people_sql(datasets: Sequence[Dataset]) -> str:
    """Return SQL for one row per person (by number and release ID) with a state for each dataset."""
    has = ", ".join(
        f"bool_or(dataset = {literal(dataset.key)}) AS has_{number}" for number, dataset in enumerate(datasets)
    )
    knows = ", ".join(
        f"bool_or(agency = {literal(dataset.provider)}) AS knows_{number}" for number, dataset in enumerate(datasets)
    )
    states = ", ".join(
        f"CASE WHEN h.has_{number} THEN '{RECORDS}' WHEN k.knows_{number} THEN '{NO_RECORDS}' "
        f"ELSE '{NOT_LINKED}' END AS {name(link_column(dataset))}"
        for number, dataset in enumerate(datasets)
    )
    return (
        f"SELECT p.person, k.release_id, {states} FROM people p"
        f" LEFT JOIN (SELECT person, {has} FROM members GROUP BY person) h USING (person)"
        f" JOIN (SELECT person, any_value(release_id) AS release_id, {knows} FROM crosswalk GROUP BY person) k"
        " USING (person)"
    )


def count_people(
    connection: duckdb.DuckDBPyConnection, datasets: Sequence[Dataset], linked: Mapping[str, int], persons: str
) -> tuple[DatasetCounts, ...]:
    """Count, for each dataset, its rows and whom of the release (the relation ``persons``) it knows.

    ``linked`` holds each dataset's number of rows that have a release ID.
    """
    found = []
    for dataset in datasets:
        state = name(link_column(dataset))
        total = scalar(connection, f"SELECT count(*) FROM {name(payload_view(dataset))}")
        by_state = dict(connection.execute(f"SELECT {state}, count(*) FROM {persons} GROUP BY 1").fetchall())
        found.append(
            DatasetCounts(
                dataset.key,
                total,
                total - linked[dataset.key],
                *(int(by_state.get(each, 0)) for each in STATES),
            )
        )
    return tuple(found)


def _refuse_ambiguous(connection: duckdb.DuckDBPyConnection) -> None:
    twice = scalar(
        connection,
        "SELECT count(*) FROM (SELECT agency, person_token FROM crosswalk_given GROUP BY ALL"
        " HAVING count(*) > 1 OR count(release_id) = 0)",
    )
    if twice:
        raise InputError(
            "The crosswalk does not give each record one person.",
            [f"{twice:,} records have no release ID, or more than one"],
            advice="Have the registrar make it again; it lists each agency's person token once.",
        )
