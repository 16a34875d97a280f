"""Which of an agreement's datasets plays which role for a measure.

Rules:

- A column is found by its CEDS name or by the headers that are usual for it; never by its content.
- Only elements that the measure's entry in the agreement lists are looked at. Inside the release room they are exact;
  what leaves is a statistic of persons.
- Several datasets may play one role (two districts); a dataset plays it only with every column the role needs.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import duckdb

from linkage.errors import InputError
from linkage.governance.datasets import Dataset, Element
from linkage.release.coarsen import literal, name
from linkage.release.measures.definition import MeasureDefinition
from linkage.release.measures.inputs import PROVIDER, RELEASE_ID, ROLES, Role, RoleColumn
from linkage.release.measures.roles import roles_of

Drawn = Sequence[tuple[Dataset, Element]]


def exact_view(key: str) -> str:
    """Return the name of the view that holds a dataset's elements uncoarsened."""
    return f"exact {key}"


def bind_roles(connection: duckdb.DuckDBPyConnection, definition: MeasureDefinition, drawn: Drawn) -> None:
    """Make the text views of every role that a measure needs, from the views of its datasets.

    Raises InputError naming the role and the columns it lacks.
    """
    problems = []
    for role in roles_of(definition):
        bound = {dataset.key: columns for dataset, columns in _bound(role, drawn)}
        if not bound:
            needed = ", ".join(column.aliases[0] for column in ROLES[role] if column.needed)
            problems.append(f"no dataset plays the role of {role}: it needs {needed}")
            continue
        _make_views(connection, role, {dataset.key: dataset for dataset, _ in drawn}, bound)
    if problems:
        raise InputError(
            f"The measure {definition.id} cannot be computed from the elements that are listed for it.",
            problems,
            advice="List the elements under the measure, with their CEDS names.",
        )


def _bound(role: Role, drawn: Drawn) -> list[tuple[Dataset, dict[str, str]]]:
    """Return each dataset that can play a role, with the element behind each of its columns."""
    found = []
    for key in dict.fromkeys(dataset.key for dataset, _ in drawn):
        own = [(dataset, element) for dataset, element in drawn if dataset.key == key]
        columns: dict[str, str] = {}
        for column in ROLES[role]:
            element = next((element for _, element in own if _is_called(element, column)), None)
            if element is not None:
                columns[column.name] = element.name
        if all(column.name in columns for column in ROLES[role] if column.needed):
            found.append((own[0][0], columns))
    return found


def _is_called(element: Element, column: RoleColumn) -> bool:
    names = {re.sub(r"[^a-z0-9]", "", text.lower()) for text in (element.name, element.ceds) if text}
    return bool(names & set(column.aliases))


def _make_views(
    connection: duckdb.DuckDBPyConnection,
    role: Role,
    datasets: dict[str, Dataset],
    bound: dict[str, dict[str, str]],
) -> None:
    parts = []
    for key, columns in bound.items():
        taken = {
            column.name: name(columns[column.name]) if column.name in columns else "NULL" for column in ROLES[role]
        }
        values = ", ".join(f"CAST({sql} AS VARCHAR) AS {name(column)}" for column, sql in taken.items())
        provider = literal(datasets[key].provider)
        parts.append(f"SELECT {RELEASE_ID}, {provider} AS {PROVIDER}, {values} FROM {name(exact_view(key))}")
    providers = ", ".join(sorted({literal(datasets[key].provider) for key in bound}))
    connection.execute(f"CREATE OR REPLACE VIEW {role}_text AS {' UNION ALL '.join(parts)}")
    connection.execute(
        f"CREATE OR REPLACE VIEW {role}_people AS"
        f" SELECT DISTINCT release_id FROM crosswalk WHERE agency IN ({providers})"
    )
