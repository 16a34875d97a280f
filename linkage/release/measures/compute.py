"""Computing a measure: one row per person and cohort, with the reason for every exclusion.

Rules:

- Nobody drops out silently: whoever is not counted has a status that says why.
- *Not linked* and *linked, none* are different statuses; whether both are counted is the definition's decision.
- What is returned are persons. Rates and medians of it leave only as a protected table (:mod:`linkage.release.tables`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import duckdb
import pandas as pd

from linkage.errors import InputError
from linkage.release.measures.definition import (
    ChronicAbsence,
    Credential,
    Employment,
    GraduationRate,
    Growth,
    MeasureDefinition,
    NinthGradeOnTrack,
    Persistence,
    PostsecondaryEnrollment,
    ReadinessToReading,
)
from linkage.release.measures.inputs import MeasureInputs, Role, covered_until, load_inputs, open_roles
from linkage.release.measures.later import credential_sql, employment_sql, persistence_sql, postsecondary_sql
from linkage.release.measures.roles import roles_of
from linkage.release.measures.school import (
    chronic_absence_sql,
    graduation_sql,
    growth_sql,
    on_track_sql,
    readiness_sql,
)
from linkage.release.workspace import Workspace


@dataclass(frozen=True, eq=False)
class Outcomes:
    """A measure of persons.

    ``persons`` has release_id, cohort, part (of readiness: ready or not), status, counted, met,
    value and contributor (the employer who paid most of a value, where there is one).
    """

    definition: MeasureDefinition
    persons: pd.DataFrame

    def summary(self) -> pd.DataFrame:
        """Return by cohort and part: persons counted, met, their rate, and the value's median and mean.

        For the hub: these numbers are not protected.
        """
        counted = self.persons[self.persons["counted"]]
        grouped = counted.groupby(["cohort", "part"], dropna=False)
        found = grouped.agg(
            counted=("counted", "sum"), met=("met", "sum"), median=("value", "median"), mean=("value", "mean")
        )
        found.insert(2, "rate", found["met"] / found["counted"])
        return found.reset_index()


def compute(definition: MeasureDefinition, inputs: MeasureInputs, workspace: Workspace) -> Outcomes:
    """Compute a measure. Raises InputError where a table that it needs is missing."""
    roles = roles_of(definition)
    missing = [role for role in roles if role not in inputs.tables]
    if missing:
        raise InputError(
            f"{definition.id} cannot be computed.", [f"no dataset plays the role of {role}" for role in missing]
        )
    with workspace.connect() as connection:
        load_inputs(connection, inputs, roles)
        query = outcome_sql(connection, definition, inputs.grade_precedence, inputs.covered_until)
        persons: pd.DataFrame = connection.sql(f"{query} ORDER BY cohort, release_id").to_arrow_table().to_pandas()
    return Outcomes(definition, persons)


def outcome_sql(
    connection: duckdb.DuckDBPyConnection,
    definition: MeasureDefinition,
    grade_precedence: tuple[str, ...] = (),
    covered: Mapping[Role, date] | None = None,
) -> str:
    """Return SQL for a measure over the text views of its roles, which are typed here."""
    open_roles(connection, roles_of(definition), grade_precedence)
    query = _query(connection, definition, covered or {})
    return (
        "SELECT CAST(release_id AS VARCHAR) AS release_id, CAST(cohort AS INTEGER) AS cohort,"
        " CAST(part AS VARCHAR) AS part, status, counted, met, CAST(value AS DOUBLE) AS value,"
        f" CAST(contributor AS VARCHAR) AS contributor FROM ({query})"
    )


def _query(connection: duckdb.DuckDBPyConnection, definition: MeasureDefinition, covered: Mapping[Role, date]) -> str:
    match definition.method:
        case GraduationRate() as method:
            return graduation_sql(method)
        case ChronicAbsence() as method:
            return chronic_absence_sql(method)
        case NinthGradeOnTrack() as method:
            return on_track_sql(method)
        case Growth() as method:
            return growth_sql(method)
        case ReadinessToReading() as method:
            return readiness_sql(method)
        case PostsecondaryEnrollment() as method:
            return postsecondary_sql(method, covered_until(connection, covered, "college"))
        case Persistence() as method:
            return persistence_sql(method, covered_until(connection, covered, "college"))
        case Credential() as method:
            return credential_sql(method, covered_until(connection, covered, "college"))
        case Employment() as method:
            return employment_sql(method, covered_until(connection, covered, "wages"))
