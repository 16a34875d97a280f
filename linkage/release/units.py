"""Who falls in which cell of a table, and what each adds to it.

Rules:

- A table counts persons. A dimension is one value per person: a person of whom a dataset says several is counted
  once, under ``(several)``; of whom it says nothing, under ``(missing)``, ``(no record)`` or ``(not linked)``,
  which are three different things. No value is picked.
- Where a dimension is the column by which its dataset is cut into years, the table counts persons within each period,
  the other dimensions of that dataset are those of the period, and nothing is added up across periods: the same
  persons are in several.
- A measure's element is counted for a person when a record of its dataset has it (for a boolean: has it true).
- The persons of a table are those of its first dimension's dataset, unless a cohort says otherwise.
- Amounts of one person are added up: two jobs in a quarter are one income. In a table that is not cut into the
  amount's periods, a sum is over all of them, and a mean or median is of each person's average period.
- Whoever a defined measure does not count is in no cell of it.
- Employers contribute to wage cells too (20 CFR 603.4). Counting persons, each has one employer, so that a cell never
  seems to have more employers than it has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb
import pandas as pd

from linkage.errors import InputError
from linkage.governance.datasets import Dataset
from linkage.governance.outputs import CohortPart, Table
from linkage.release.coarsen import literal, name, output_form, typed_sql
from linkage.release.measures.binding import bind_roles, exact_view
from linkage.release.measures.compute import outcome_sql
from linkage.release.people import (
    NO_RECORDS,
    NOT_LINKED,
    find_members,
    find_people,
    link_column,
    linked_rows,
    open_sources,
    people_sql,
)
from linkage.release.permission import PermittedRelease
from linkage.release.table_plan import Dimension, MeasurePlan, plan_dimensions, plan_measures
from linkage.release.workspace import Source

SEVERAL, MISSING, NO_RECORD, UNLINKED = "(several)", "(missing)", "(no record)", "(not linked)"
YES, NO, OTHER = "yes", "no", "not counted"
UNIT = "id"
ALL_TIME = ""


@dataclass(frozen=True, eq=False)
class Units:
    """The persons (in each period) of a table and the amounts they bring.

    ``persons`` has a row per person and period with the dimensions, a yes or no per measure, and employers;
    ``amounts`` holds by measure a row per person, period and employer.
    """

    dimensions: tuple[Dimension, ...]
    measures: tuple[MeasurePlan, ...]
    persons: pd.DataFrame
    amounts: Mapping[str, pd.DataFrame]

    def quantity(self, plan: MeasurePlan) -> str:
        """Name what a measure's amounts are of, alike in every output: sums of one quantity bound each other."""
        if plan.definition is not None:
            return f"amount of {plan.definition.id}"
        assert plan.amount is not None, "an amount comes from a definition or from an element"
        dataset, element = plan.amount
        averaged = plan.measure.statistic != "sum" and _averages_periods(dataset, self.dimensions)
        return f"{'average ' if averaged else ''}amount of {dataset.key}.{element.name}"

    @property
    def headers(self) -> list[str]:
        """The dimensions that cut within a period."""
        return [dimension.header for dimension in self.dimensions if not dimension.is_period]

    @property
    def period(self) -> str | None:
        """The dimension that is a period, if one is."""
        return next((dimension.header for dimension in self.dimensions if dimension.is_period), None)


def gather_units(
    connection: duckdb.DuckDBPyConnection,
    permitted: PermittedRelease,
    payloads: Mapping[str, Source],
    crosswalk: Source,
) -> Units:
    """Join what the table draws on into units. Raises InputError where the table is not one that can be made."""
    output = permitted.output
    if not isinstance(output, Table):
        raise InputError(f"{output.id} is a {output.kind}, not a table.")
    dimensions = plan_dimensions(permitted, output)
    measures = plan_measures(permitted, output, dimensions)
    cohort = permitted.cohort or (CohortPart(dataset=dimensions[0].dataset.key),)
    open_sources(connection, permitted.sources, payloads, crosswalk)
    find_people(connection, permitted.sources, cohort)
    find_members(connection, permitted.datasets)
    for dataset in permitted.datasets:
        shared = [element for element in dataset.elements if element.use != "link_only"]
        rows = linked_rows(dataset, ", ".join(f"{output_form(e).sql} AS {name(e.name)}" for e in shared))
        connection.execute(
            f"CREATE VIEW {name(dataset.key)} AS SELECT *, {_period_sql(dataset, dimensions)} AS _period FROM {rows}"
        )
        # A defined measure may count days exactly: what leaves is a statistic, not the date.
        exact = linked_rows(dataset, ", ".join(f"{typed_sql(e)} AS {name(e.name)}" for e in shared))
        connection.execute(f"CREATE VIEW {name(exact_view(dataset.key))} AS SELECT * FROM {exact}")
    for number, plan in enumerate(measures):
        if plan.definition is not None:
            drawn = [permitted.resolve(reference) for reference in plan.measure.elements]
            bind_roles(connection, plan.definition, drawn)
            outcomes = outcome_sql(connection, plan.definition, _grade_precedence(permitted))
            connection.execute(f"CREATE TABLE outcomes_{number} AS {outcomes}")
    connection.execute(f"CREATE TABLE units AS {_units_sql(permitted, dimensions, measures)}")
    persons = _frame(connection, "SELECT * FROM units ORDER BY ALL")
    amounts = {
        plan.measure.name: _frame(connection, _amounts_sql(plan, number, dimensions))
        for number, plan in enumerate(measures)
        if plan.has_amount
    }
    return Units(dimensions, measures, persons, amounts)


def _grade_precedence(permitted: PermittedRelease) -> tuple[str, ...]:
    rules = permitted.terms.linkage.precedence
    return next((rule.order for rule in rules if rule.field in ("GradeLevel", "Grade")), ())


def _period_sql(dataset: Dataset, dimensions: Sequence[Dimension]) -> str:
    for dimension in dimensions:
        if dimension.is_period and dimension.dataset.key == dataset.key:
            return f"coalesce(CAST({name(dimension.element.name)} AS VARCHAR), {literal(MISSING)})"
    return literal(ALL_TIME)


def _units_sql(permitted: PermittedRelease, dimensions: Sequence[Dimension], measures: Sequence[MeasurePlan]) -> str:
    period = next((dimension for dimension in dimensions if dimension.is_period), None)
    if period is None:
        base = (
            f"SELECT DISTINCT person, release_id, {literal(ALL_TIME)} AS _period FROM crosswalk"
            " SEMI JOIN people USING (person)"
        )
    else:
        inside = f"{name(period.dataset.key)} SEMI JOIN people USING (person)"
        base = f"SELECT DISTINCT person, release_id, _period FROM {inside}"
    joins = [f"LEFT JOIN ({people_sql(permitted.datasets)}) p ON p.person = u.person"]
    columns = [f"({_unit_id_sql(permitted)}) AS {UNIT}", "u.release_id", "u._period"]
    for number, dimension in enumerate(dimensions):
        if dimension.is_period:
            columns.append(f"u._period AS {name(dimension.header)}")
            continue
        joins.append(_join(f"d{number}", _settled_sql(dimension)))
        state = f"p.{name(link_column(dimension.dataset))}"
        columns.append(
            f"CASE WHEN d{number}.value IS NOT NULL THEN d{number}.value"
            f" WHEN {state} = {literal(NOT_LINKED)} THEN {literal(UNLINKED)}"
            f" WHEN {state} = {literal(NO_RECORDS)} THEN {literal(NO_RECORD)}"
            f" ELSE {literal(MISSING)} END AS {name(dimension.header)}"
        )
    for number, plan in enumerate(measures):
        if plan.definition is not None:
            joins.append(_outcome_join(number, period is not None))
            columns += _outcome_columns(number, plan)
            continue
        held = []
        for place, (dataset, conditions) in enumerate(_by_dataset(plan).items()):
            alias = f"m{number}_{place}"
            joins.append(_join(alias, _holders_sql(dataset, conditions)))
            held.append(f"{alias}.release_id IS NOT NULL")
        counts = " AND ".join(held) or "TRUE"
        columns.append(f"CASE WHEN {counts} THEN '{YES}' ELSE '{NO}' END AS {name(plan.flag)}")
        if plan.employer is not None:
            alias = f"e{number}"
            source, element = plan.employer
            employer = f"SELECT release_id, _period, min({name(element.name)}) AS employer FROM {name(source.key)}"
            joins.append(_join(alias, f"{employer} GROUP BY release_id, _period"))
            # Whoever does not count has no employer in the cell; each is a contributor of its own.
            columns.append(
                f"CASE WHEN {counts} THEN coalesce({alias}.employer, {literal(MISSING)}) ELSE 'not ' || u.release_id"
                f" END AS {name(str(plan.contributor))}"
            )
    return f"SELECT {', '.join(columns)} FROM ({base}) u {' '.join(joins)}"


def _outcome_join(number: int, in_period: bool) -> str:
    cohort = f" AND o{number}.cohort = TRY_CAST(u._period[1:4] AS INTEGER)" if in_period else ""
    return f"LEFT JOIN outcomes_{number} o{number} ON o{number}.release_id = u.release_id{cohort}"


def _outcome_columns(number: int, plan: MeasurePlan) -> list[str]:
    """Return SQL for a defined measure's yes, no or not counted, and its contributor."""
    outcome = f"o{number}"
    match plan.measure.statistic:
        case "rate":
            says = f"WHEN {outcome}.met THEN '{YES}' ELSE '{NO}'"
        case "count":
            says = f"ELSE '{YES}'"
        case _:
            says = f"WHEN {outcome}.value IS NOT NULL THEN '{YES}' ELSE '{NO}'"
    flag = f"CASE WHEN {outcome}.counted IS NOT TRUE THEN '{OTHER}' {says} END"
    columns = [f"{flag} AS {name(plan.flag)}"]
    if plan.contributor is not None:
        columns.append(f"coalesce({outcome}.contributor, 'none ' || u.release_id) AS {name(plan.contributor)}")
    return columns


def _unit_id_sql(permitted: PermittedRelease) -> str:
    """Return SQL for what knows a person again in a later release: the first agency's token, never released."""
    order = " ".join(
        f"WHEN agency = {literal(provider)} THEN {number}"
        for number, provider in enumerate(dict.fromkeys(dataset.provider for dataset in permitted.datasets))
    )
    return (
        "SELECT arg_min(agency || ':' || person_token, (CASE " + order + " END, person_token))"
        " FROM crosswalk c WHERE c.release_id = u.release_id"
    )


def _join(alias: str, query: str) -> str:
    """Join per-person values; within the period where the dataset has the table's period, else over all time."""
    return (
        f"LEFT JOIN ({query}) {alias} ON {alias}.release_id = u.release_id"
        f" AND {alias}._period IN (u._period, {literal(ALL_TIME)})"
    )


def _settled_sql(dimension: Dimension) -> str:
    value = f"CAST({name(dimension.element.name)} AS VARCHAR)"
    return (
        f"SELECT release_id, _period, CASE WHEN min({value}) = max({value}) THEN min({value})"
        f" WHEN min({value}) IS NOT NULL THEN {literal(SEVERAL)} END AS value"
        f" FROM {name(dimension.dataset.key)} GROUP BY release_id, _period"
    )


def _by_dataset(plan: MeasurePlan) -> dict[str, list[str]]:
    """Return, for each dataset that a measure draws on, the conditions under which a record counts."""
    found: dict[str, list[str]] = {}
    for dataset, element in plan.conditions:
        has = f"{name(element.name)} IS TRUE" if element.type == "boolean" else f"{name(element.name)} IS NOT NULL"
        found.setdefault(dataset.key, []).append(has)
    if plan.amount is not None:
        found.setdefault(plan.amount[0].key, []).append(f"{name(plan.amount[1].name)} IS NOT NULL")
    return found


def _holders_sql(key: str, conditions: Sequence[str]) -> str:
    return f"SELECT DISTINCT release_id, _period FROM {name(key)} WHERE {' AND '.join(conditions)}"


def _amounts_sql(plan: MeasurePlan, number: int, dimensions: Sequence[Dimension]) -> str:
    """Return SQL for what each person (and employer) adds to the cells of an amount."""
    headers = ", ".join(f"u.{name(dimension.header)}" for dimension in dimensions)
    if plan.definition is not None:
        has_period = any(dimension.is_period for dimension in dimensions)
        return (
            f"SELECT {headers}, u.{UNIT}, u.release_id, o{number}.contributor AS employer, o{number}.value AS amount"
            f" FROM units u {_outcome_join(number, has_period)}"
            f" WHERE u.{name(plan.flag)} = '{YES}' ORDER BY ALL"
        )
    assert plan.amount is not None, "an amount comes from a definition or from an element"
    dataset, element = plan.amount
    employer = "NULL"
    if plan.employer is not None and plan.employer[0].key == dataset.key:
        employer = f"coalesce(CAST({name(plan.employer[1].name)} AS VARCHAR), {literal(MISSING)})"
    where = " AND ".join(_by_dataset(plan)[dataset.key])
    share = "1"
    if plan.measure.statistic != "sum" and _averages_periods(dataset, dimensions):
        assert dataset.years is not None, "a dataset without years has no periods to average"
        share = f"count(DISTINCT {name(dataset.years.column)}) OVER (PARTITION BY release_id)"
    return (
        f"SELECT {headers}, u.{UNIT}, u.release_id, a.employer, sum(CAST(a.amount AS DOUBLE) / a.share) AS amount"
        f" FROM units u JOIN (SELECT release_id, _period, {employer} AS employer, {name(element.name)} AS amount,"
        f" {share} AS share FROM {name(dataset.key)} WHERE {where}) a"
        f" ON a.release_id = u.release_id AND a._period IN (u._period, {literal(ALL_TIME)})"
        f" WHERE u.{name(plan.flag)} = '{YES}' GROUP BY ALL ORDER BY ALL"
    )


def _averages_periods(dataset: Dataset, dimensions: Sequence[Dimension]) -> bool:
    """Tell whether a person's amounts are of several periods that the table does not tell apart."""
    if dataset.years is None or any(d.is_period and d.dataset.key == dataset.key for d in dimensions):
        return False
    element = dataset.element(dataset.years.column)
    return element is not None and element.use != "link_only"


def _frame(connection: duckdb.DuckDBPyConnection, query: str) -> pd.DataFrame:
    frame: pd.DataFrame = connection.sql(query).to_arrow_table().to_pandas()
    return frame
