"""What is one per person though several providers say it: race, sex, birth year.

Rules:

- Which provider's value stands is in the agreement (``linkage.precedence``), never a silent pick: the column
  ``FIELD_source`` names the provider, and ``FIELD_conflict`` says whether the values given differ.
- A provider that itself gave several values for the person has none to offer; the field is then missing, with
  the provider as its source, and in conflict. The next provider in order is not asked: it was outranked.
- A field without precedence is not made one per person; its values stay on the rows that brought them.
"""

from __future__ import annotations

from collections.abc import Sequence

from linkage.governance.model import Precedence
from linkage.release.coarsen import literal, name, sql_type
from linkage.release.columns import Column, Placed


def settled(
    precedence: Sequence[Precedence], placed: Sequence[Placed]
) -> tuple[tuple[Precedence, tuple[Placed, ...]], ...]:
    """Return each rule of precedence that two or more providers of the output come under, with their elements."""
    found = []
    for rule in precedence:
        given = tuple(
            each
            for each in placed
            if rule.field in (each.element.name, each.element.ceds) and each.dataset.provider in rule.order
        )
        if len({each.dataset.provider for each in given}) > 1:
            found.append((rule, given))
    return tuple(found)


def attribute_columns(rule: Precedence, given: Sequence[Placed]) -> tuple[Column, ...]:
    """Describe the three columns of a settled field."""
    codes = tuple(dict.fromkeys(code for each in given for code in each.form.codes or ()))
    return (
        Column(
            rule.field,
            given[0].form.type,
            f"{rule.field} of the person, from the first of {', '.join(rule.order)} that gives it.",
            given[0].element.ceds,
            codes if all(each.form.codes for each in given) else None,
            given[0].form.coarsened,
            tuple(each.reference for each in given),
            given[0].element.class_,
        ),
        Column(f"{rule.field}_source", "code", f"The provider whose {rule.field} stands.", codes=rule.order),
        Column(f"{rule.field}_conflict", "boolean", f"Whether the values of {rule.field} that were given differ."),
    )


def attribute_sql(rule: Precedence, given: Sequence[Placed], rows: str) -> str:
    """Return SQL for (release_id, field, field_source, field_conflict) over a relation of released rows."""
    values = " UNION ALL ".join(
        f"SELECT release_id, {literal(each.dataset.provider)} AS provider, {rule.order.index(each.dataset.provider)}"
        f" AS rank, CAST({name(each.column)} AS VARCHAR) AS value FROM {rows}"
        f" WHERE dataset = {literal(each.dataset.key)}"
        for each in given
    )
    kind = sql_type(given[0].form.type)
    return (
        f"SELECT release_id, CAST(arg_min(one, rank).value AS {kind}) AS {name(rule.field)},"
        f" arg_min(one, rank).provider AS {name(rule.field + '_source')},"
        f" min(lowest) <> max(highest) AS {name(rule.field + '_conflict')} FROM ("
        "SELECT release_id, rank, min(value) AS lowest, max(value) AS highest,"
        " {'value': CASE WHEN min(value) = max(value) THEN min(value) END, 'provider': provider} AS one"
        f" FROM ({values}) WHERE value IS NOT NULL GROUP BY release_id, provider, rank) GROUP BY release_id"
    )
