"""Spells: unbroken runs of periods in which what is recorded of a person stays the same.

Rules:

- Which elements make a spell is in the agreement: the school, for spells at a school; the grade, for repeated grades.
- Periods follow each other as they do in the dataset: 2023 and 2024, 2024SP and 2024FA, 2024Q4 and 2025Q1. A period in
  which nobody has a record (a year without tests) breaks no spell.
- Two records of one period that differ (two schools in a year) are in two spells, which overlap: none is picked.
- Spells are made of the released rows, after they were protected: they say nothing that the rows do not.
"""

from __future__ import annotations

from collections.abc import Sequence

from linkage.governance.outputs import SpellRule
from linkage.release.coarsen import literal, name, sql_type
from linkage.release.columns import DATASET, PERIOD, RELEASE_ID, Column, Placed, describe_columns

_SEASONS = ("WI", "SP", "SU", "FA")


def spell_columns(placed: Sequence[Placed], rules: Sequence[SpellRule]) -> tuple[Column, ...]:
    """Describe the columns of the spells, but for the ID."""
    made_of = "; ".join(f"{', '.join(rule.elements)} in {rule.dataset}" for rule in rules)
    keys = dict.fromkeys(rule.dataset for rule in rules)
    values = {each.column for rule in rules for each in _of(placed, rule)}
    return (
        Column(DATASET, "code", f"The dataset whose records make the spell: {made_of}.", codes=tuple(keys)),
        Column("first_period", "text", "The spell's first period."),
        Column("last_period", "text", "The spell's last period."),
        Column("periods", "integer", "In how many periods there is a record, first and last included."),
        *(column for column in describe_columns(placed) if column.name in values),
    )


def spells_sql(placed: Sequence[Placed], rules: Sequence[SpellRule], rows: str) -> str:
    """Return SQL for one row per spell over a relation of released rows."""
    kinds = {each.column: sql_type(each.form.type) for rule in rules for each in _of(placed, rule)}
    parts = " UNION ALL ".join(f"({_one_rule_sql(placed, rule, kinds, rows)})" for rule in rules)
    return f"SELECT * FROM ({parts}) ORDER BY {RELEASE_ID}, {DATASET}, first_period, last_period, hash(COLUMNS(*))"


def _of(placed: Sequence[Placed], rule: SpellRule) -> list[Placed]:
    return [each for each in placed if each.dataset.key == rule.dataset and each.element.name in rule.elements]


def _one_rule_sql(placed: Sequence[Placed], rule: SpellRule, kinds: dict[str, str], rows: str) -> str:
    own = [each.column for each in _of(placed, rule)]
    values = ", ".join(map(name, own))
    shown = ", ".join(
        f"{name(column) if column in own else 'NULL'}::{kind} AS {name(column)}" for column, kind in kinds.items()
    )
    season = " ".join(f"WHEN {PERIOD} LIKE '____%{code}%' THEN {rank}" for rank, code in enumerate(_SEASONS))
    return (
        f"WITH here AS (SELECT DISTINCT {RELEASE_ID}, {PERIOD}, {values} FROM {rows}"
        f" WHERE {DATASET} = {literal(rule.dataset)} AND {PERIOD} IS NOT NULL),"
        f" places AS (SELECT {PERIOD}, row_number() OVER (ORDER BY {PERIOD}[1:4], CASE {season} END, {PERIOD}) AS place"
        f" FROM (SELECT DISTINCT {PERIOD} FROM here)),"
        f" runs AS (SELECT h.*, place, place - row_number() OVER (PARTITION BY {RELEASE_ID}, {values} ORDER BY place)"
        f" AS run FROM here h JOIN places USING ({PERIOD}))"
        f" SELECT {RELEASE_ID}, {literal(rule.dataset)} AS {DATASET}, arg_min({PERIOD}, place) AS first_period,"
        f" arg_max({PERIOD}, place) AS last_period, count(*) AS periods, {shown} FROM runs"
        f" GROUP BY {RELEASE_ID}, {values}, run"
    )
