"""Computing a measure: one row per person and cohort, with the reason for every exclusion.

Rules:

- Nobody drops out silently: whoever is not counted has a status that says why.
- *Not linked* and *linked, none* are different statuses; whether both are counted is the definition's decision.
- What is returned are persons. Rates and medians of it leave only as a protected table (:mod:`linkage.release.tables`).
"""

from __future__ import annotations

from dataclasses import dataclass

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
from linkage.release.measures.inputs import MeasureInputs, Role, covered_until, open_inputs
from linkage.release.measures.later import credential_sql, employment_sql, persistence_sql, postsecondary_sql
from linkage.release.measures.school import (
    chronic_absence_sql,
    graduation_sql,
    growth_sql,
    on_track_sql,
    readiness_sql,
)
from linkage.release.workspace import Workspace

_ROLES: dict[str, tuple[Role, ...]] = {
    "graduation_rate": ("enrollment",),
    "chronic_absence": ("enrollment",),
    "on_track": ("enrollment",),
    "growth": ("scores",),
    "readiness_to_reading": ("readiness", "scores"),
    "postsecondary_enrollment": ("enrollment", "college"),
    "persistence": ("college",),
    "credential": ("college",),
    "employment": ("enrollment", "wages"),
}


@dataclass(frozen=True, eq=False)
class Outcomes:
    """A measure of persons.

    ``persons`` has release_id, cohort, part (of readiness: ready or not), status, counted, met and value.
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


def roles_of(definition: MeasureDefinition) -> tuple[Role, ...]:
    """Return the roles whose tables a measure is computed from."""
    return _ROLES[definition.method.kind]


def compute(definition: MeasureDefinition, inputs: MeasureInputs, workspace: Workspace) -> Outcomes:
    """Compute a measure. Raises InputError where a table that it needs is missing."""
    roles = roles_of(definition)
    missing = [role for role in roles if role not in inputs.tables]
    if missing:
        raise InputError(
            f"{definition.id} cannot be computed.", [f"no dataset plays the role of {role}" for role in missing]
        )
    with workspace.connect() as connection:
        open_inputs(connection, inputs, roles)
        query = _query(connection, definition, inputs)
        columns = (
            "CAST(release_id AS VARCHAR) AS release_id, CAST(cohort AS INTEGER) AS cohort,"
            " CAST(part AS VARCHAR) AS part, status, counted, met, CAST(value AS DOUBLE) AS value"
        )
        ordered = f"SELECT {columns} FROM ({query}) ORDER BY cohort, release_id"
        persons: pd.DataFrame = connection.sql(ordered).to_arrow_table().to_pandas()
    return Outcomes(definition, persons)


def _query(connection: duckdb.DuckDBPyConnection, definition: MeasureDefinition, inputs: MeasureInputs) -> str:
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
            return postsecondary_sql(method, covered_until(connection, inputs, "college"))
        case Persistence() as method:
            return persistence_sql(method, covered_until(connection, inputs, "college"))
        case Credential() as method:
            return credential_sql(method, covered_until(connection, inputs, "college"))
        case Employment() as method:
            return employment_sql(method, covered_until(connection, inputs, "wages"))
