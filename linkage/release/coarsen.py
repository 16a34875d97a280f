"""Elements as they may leave: typed, and coarsened where the agreement says so.

Rules:

- A payload holds text; what a value means is the agreement's type for its element.
- An ``output_coarsened`` element exists in a release only in its coarser form. Whoever writes a query gets the
  expression for that form from here, and has no other.
- A band includes its lower edge: edges [6, 12] make ``<6``, ``6-<12`` and ``>=12``.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from linkage.governance.datasets import (
    Banded,
    Coarsening,
    Element,
    Grouped,
    Rounded,
    TopCoded,
    Truncated,
    ValueType,
    YearOnly,
)

_SQL_TYPES: dict[ValueType, str] = {
    "text": "VARCHAR",
    "code": "VARCHAR",
    "integer": "BIGINT",
    "number": "DOUBLE",
    "date": "DATE",
    "boolean": "BOOLEAN",
}


@dataclass(frozen=True)
class OutputForm:
    """What an element is in a release: its type, its possible codes, how it was coarsened, and as SQL."""

    type: ValueType
    codes: tuple[str, ...] | None
    coarsened: str | None
    sql: str


def output_form(element: Element) -> OutputForm:
    """Return the only form in which an element of a payload may leave."""
    typed = typed_sql(element)
    if element.coarsen is None:
        return OutputForm(element.type, element.codes, None, typed)
    return _coarsened(element, element.coarsen, typed)


def typed_sql(element: Element) -> str:
    """Return the element's column, cast to its type: for statistics, which may use it uncoarsened."""
    return f"CAST({name(element.name)} AS {_SQL_TYPES[element.type]})"


def sql_type(value_type: ValueType) -> str:
    """Return DuckDB's name for a value type."""
    return _SQL_TYPES[value_type]


def name(text: str) -> str:
    """Quote an SQL name."""
    return '"' + text.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Quote an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def _coarsened(element: Element, coarsening: Coarsening, typed: str) -> OutputForm:
    text = f"CAST({name(element.name)} AS VARCHAR)"
    match coarsening:
        case YearOnly():
            return OutputForm("integer", None, "year only", f"CAST(substr({text}, 1, 4) AS BIGINT)")
        case Rounded(base=base):
            rounded = f"round(CAST({typed} AS DOUBLE) / {base!r}) * {base!r}"
            return OutputForm("number", None, f"rounded to {base:g}", rounded)
        case Banded(edges=edges):
            labels = band_labels(edges)
            cases = " ".join(
                f"WHEN {typed} < {edge!r} THEN {literal(label)}" for edge, label in zip(edges, labels[:-1], strict=True)
            )
            sql = f"CASE WHEN {typed} IS NULL THEN NULL {cases} ELSE {literal(labels[-1])} END"
            return OutputForm("code", labels, "in bands", sql)
        case TopCoded(at=at):
            capped = f"CAST(least({typed}, {at!r}) AS {_SQL_TYPES[element.type]})"
            return OutputForm(element.type, None, f"values above {at:g} are {at:g}", capped)
        case Truncated(characters=characters):
            return OutputForm("code", None, f"first {characters} characters", f"substr({text}, 1, {characters})")
        case Grouped(groups=groups, other=other):
            cases = " ".join(
                f"WHEN {text} IN ({', '.join(map(literal, codes))}) THEN {literal(group)}"
                for group, codes in groups.items()
            )
            sql = f"CASE WHEN {text} IS NULL THEN NULL {cases} ELSE {literal(other)} END"
            return OutputForm("code", (*groups, other), "in groups", sql)


def band_labels(edges: tuple[float, ...]) -> tuple[str, ...]:
    """Name the bands between ascending edges."""
    middle = (f"{low:g}-<{high:g}" for low, high in pairwise(edges))
    return (f"<{edges[0]:g}", *middle, f">={edges[-1]:g}")
