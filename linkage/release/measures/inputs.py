"""What measures are computed from: tables of the same shape, whatever the agencies call their columns.

Rules:

- A dataset of the agreement plays a *role* (enrollment, scores, readiness, college, wages) when it has the columns
  that the role cannot do without, found by CEDS name or by usual headers. Only listed elements are looked at.
- A person known to any dataset of a role is *linked* to it, with or without rows.
- Rows that say the same twice (a student registered twice, two exports) count once.
- Where two providers put a student into different grades in one year, the agreement's precedence for ``GradeLevel``
  decides; without one the grade is unknown and the year is marked as a conflict.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Literal

import duckdb
import pandas as pd

from linkage.release.coarsen import literal, name
from linkage.release.workspace import Source, add_source, scalar

Role = Literal["enrollment", "scores", "readiness", "college", "wages"]


@dataclass(frozen=True)
class RoleColumn:
    """A column of a role: its type, and the CEDS names and headers by which datasets have it."""

    name: str
    sql_type: str
    aliases: tuple[str, ...]
    needed: bool = False


def _column(name: str, sql_type: str, aliases: str, needed: bool = False) -> RoleColumn:
    return RoleColumn(name, sql_type, tuple(aliases.split()), needed)


ROLES: Mapping[Role, tuple[RoleColumn, ...]] = {
    "enrollment": (
        _column("school_year", "INTEGER", "schoolyear", True),
        _column("grade", "VARCHAR", "gradelevel grade entrygradelevel", True),
        _column("school", "VARCHAR", "schoolid school schoolidentifier"),
        _column("entry", "DATE", "enrollmententrydate entrydate"),
        _column("exit", "DATE", "enrollmentexitdate exitwithdrawdate exitdate"),
        _column("exit_type", "VARCHAR", "exitorwithdrawaltype exitwithdrawtype exittype"),
        _column("cohort_year", "INTEGER", "cohortyear cohortgraduationyear"),
        _column("days_enrolled", "DOUBLE", "daysenrolled daysinmembership"),
        _column("days_absent", "DOUBLE", "numberofdaysabsent daysabsent"),
    ),
    "scores": (
        _column("school_year", "INTEGER", "schoolyear", True),
        _column("grade", "VARCHAR", "gradelevel grade", True),
        _column("reading_score", "DOUBLE", "readingscalescore readingscore elascalescore", True),
        _column("reading_level", "INTEGER", "readingperformancelevel readinglevel elaperformancelevel"),
        _column("mathematics_score", "DOUBLE", "mathscalescore mathscore mathematicsscore mathematicsscalescore"),
        _column("mathematics_level", "INTEGER", "mathperformancelevel mathlevel mathematicsperformancelevel"),
    ),
    "readiness": (
        _column("year", "INTEGER", "programyear assessmentyear", True),
        _column("score", "DOUBLE", "readinessscore literacyscore assessmentresultscorevalue", True),
    ),
    "college": (
        _column("term", "VARCHAR", "term academicterm entrydateintopostsecondary", True),
        _column("institution", "VARCHAR", "college institution institutionid opeid"),
        _column("credential", "VARCHAR", "credential credentialawarded degree"),
    ),
    "wages": (
        _column("quarter", "VARCHAR", "quarter employmentrecordreferenceperiodstartdate", True),
        _column("earnings", "DOUBLE", "earnings quarterlyearnings wages", True),
        _column("employer", "VARCHAR", "employerid employer employeridentifier"),
    ),
}

_SEASONS = {"FA": (8, 25), "AU": (8, 25), "WI": (1, 5), "SP": (1, 10), "SU": (6, 1)}
RELEASE_ID, PROVIDER = "release_id", "provider"


@dataclass(frozen=True, eq=False)
class MeasureInputs:
    """Tables by role, with release_id, provider and the role's columns as text; and who is linked to which role.

    ``covered_until`` is the last day of which a role's data tell; what would lie later is *missing*, not *none*.
    ``grade_precedence`` lists providers, the one whose grade stands first.
    """

    tables: Mapping[Role, Source]
    linked: Mapping[Role, frozenset[str] | Source] = field(default_factory=dict)
    covered_until: Mapping[Role, date] = field(default_factory=dict)
    grade_precedence: tuple[str, ...] = ()


def load_inputs(connection: duckdb.DuckDBPyConnection, inputs: MeasureInputs, roles: tuple[Role, ...]) -> None:
    """Make for each role a view of its table as text, and one of whom it is linked to."""
    for role in roles:
        columns = (RELEASE_ID, PROVIDER, *(column.name for column in ROLES[role]))
        add_source(connection, f"{role}_text", inputs.tables[role], columns)
        linked = inputs.linked.get(role, frozenset())
        if isinstance(linked, frozenset):
            linked = pd.DataFrame({RELEASE_ID: pd.Series(sorted(linked), dtype="string")})
        add_source(connection, f"{role}_people", linked, (RELEASE_ID,))


def open_roles(
    connection: duckdb.DuckDBPyConnection, roles: tuple[Role, ...], grade_precedence: tuple[str, ...]
) -> None:
    """Make for each role's text view a typed one, each row once, and one of all who are linked to it.

    ``school_years`` gives one grade per person and school year.
    """
    for role in roles:
        typed = ", ".join(f"TRY_CAST({name(c.name)} AS {c.sql_type}) AS {name(c.name)}" for c in ROLES[role])
        connection.execute(
            f"CREATE OR REPLACE VIEW {role} AS SELECT DISTINCT release_id, provider, {typed}{_derived(role)}"
            f" FROM {role}_text"
        )
        connection.execute(
            f"CREATE OR REPLACE VIEW {role}_linked AS"
            f" SELECT release_id FROM {role}_text UNION SELECT release_id FROM {role}_people"
        )
    if "enrollment" in roles:
        connection.execute(f"CREATE OR REPLACE VIEW school_years AS {_school_years_sql(grade_precedence)}")


def covered_until(connection: duckdb.DuckDBPyConnection, known: Mapping[Role, date], role: Role) -> date:
    """Return the last day that a role's data tell of: as given, or as far as its own rows reach."""
    given = known.get(role)
    if given is not None:
        return given
    if role == "college":
        # A term is known when it has begun; what begins within the next four months would be there.
        query = "SELECT max(epoch_us(begin_day + INTERVAL 4 MONTH)) FROM college"
    else:
        query = "SELECT max(epoch_us(make_date(quarter_number // 4, (quarter_number % 4) * 3 + 3, 28) + 3)) FROM wages"
    return date(1970, 1, 1) + timedelta(microseconds=scalar(connection, query))


def _derived(role: Role) -> str:
    """Return the columns that follow from a role's text: a number for the grade, a day for the term."""
    if role in ("enrollment", "scores"):
        return ", CASE WHEN upper(grade) IN ('KG', 'K') THEN 0 ELSE TRY_CAST(grade AS INTEGER) END AS grade_number"
    if role == "college":
        seasons = " ".join(
            f"WHEN upper(term) LIKE '____%{season}%' THEN make_date(TRY_CAST(term[1:4] AS INTEGER), {month}, {day})"
            for season, (month, day) in _SEASONS.items()
        )
        return f", coalesce(TRY_CAST(term AS DATE), CASE {seasons} END) AS begin_day"
    if role == "wages":
        return (
            ", coalesce(TRY_CAST(quarter[1:4] AS INTEGER) * 4 + TRY_CAST(regexp_extract(quarter, 'Q([1-4])$', 1) AS"
            " INTEGER) - 1, year(TRY_CAST(quarter AS DATE)) * 4 + quarter(TRY_CAST(quarter AS DATE)) - 1)"
            " AS quarter_number"
        )
    return ""


def _school_years_sql(precedence: tuple[str, ...]) -> str:
    """Return SQL for (release_id, school_year, grade_number, conflict): one grade per person and year."""
    rank = " ".join(f"WHEN provider = {literal(each)} THEN {place}" for place, each in enumerate(precedence))
    ranked = f"CASE {rank} ELSE {len(precedence)} END" if rank else "0"
    return (
        "SELECT release_id, school_year, CASE WHEN min(grade_number) = max(grade_number) THEN min(grade_number) END"
        " AS grade_number, bool_or(several) AS conflict FROM ("
        f"SELECT *, {ranked} AS place, min({ranked}) OVER person_year AS first_place,"
        " min(grade_number) OVER person_year <> max(grade_number) OVER person_year AS several FROM enrollment"
        " WHERE grade_number IS NOT NULL WINDOW person_year AS (PARTITION BY release_id, school_year)"
        ") WHERE place = first_place GROUP BY release_id, school_year"
    )
