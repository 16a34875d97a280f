"""A flag back: yes or no about a provider's own persons, and never why.

Rules:

- The recipient learns of each of its own persons whether the flag is up: by its own token, which it alone can turn
  into its local ID. It learns of nobody else's.
- *No* is everyone else: without a record, or not linked. Telling these apart would say who is known to the other
  agency, which is the reason that must not be told.
- The flag is up where one record meets every condition that the agreement's rule lists for its dataset. Days are
  counted back from the day of the release.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

from linkage.errors import InputError
from linkage.governance.datasets import Dataset
from linkage.governance.outputs import FlagBack, FlagCondition
from linkage.governance.prose_data import flag_rule
from linkage.release.assemble import AssembledFile, ReleasedTable
from linkage.release.coarsen import literal, name, typed_sql
from linkage.release.columns import Column
from linkage.release.payload import PERSON_TOKEN
from linkage.release.people import linked_rows, open_sources
from linkage.release.permission import PermittedRelease
from linkage.release.workspace import Source, Workspace, scalar, write_parquet

YES, NO = "yes", "no"
TOKEN_COLUMN = Column(PERSON_TOKEN, "text", "Your own token of the person.")


def make_flag_back(
    permitted: PermittedRelease,
    payloads: Mapping[str, Source],
    crosswalk: Source,
    workspace: Workspace,
) -> AssembledFile:
    """Return the recipient's persons by token with a yes or no."""
    output = permitted.output
    if not isinstance(output, FlagBack):
        raise InputError(f"{output.id} is a {output.kind}, not a flag back.")
    with workspace.connect() as connection:
        open_sources(connection, permitted.datasets, payloads, crosswalk)
        flagged = " UNION ".join(_flagged_sql(permitted, output, dataset) for dataset in permitted.datasets)
        own = f"agency = {literal(permitted.recipient)}"
        path = workspace.scratch / "flags.parquet"
        query = (
            f"SELECT person_token, CASE WHEN release_id IN ({flagged}) THEN '{YES}' ELSE '{NO}' END"
            f" AS {name(output.flag)} FROM crosswalk WHERE {own} ORDER BY person_token"
        )
        write_parquet(connection, query, path)
        people = scalar(connection, f"SELECT count(DISTINCT release_id) FROM crosswalk WHERE {own}")
        rows = scalar(connection, f"SELECT count(*) FROM crosswalk WHERE {own}")
    columns = (TOKEN_COLUMN, Column(output.flag, "code", flag_rule(output), codes=(YES, NO)))
    table = ReleasedTable("flags", output.title, path, columns, rows, (PERSON_TOKEN,))
    return AssembledFile((table,), (), people)


def _flagged_sql(permitted: PermittedRelease, output: FlagBack, dataset: Dataset) -> str:
    """Return SQL for the persons whom one dataset flags."""
    tested = [
        (condition, element)
        for condition in output.rule
        for owner, element in (permitted.resolve(condition.element),)
        if owner.key == dataset.key
    ]
    columns = ", ".join(f"{typed_sql(element)} AS _{place}" for place, (_, element) in enumerate(tested))
    conditions = " AND ".join(_test_sql(f"_{place}", each, permitted.today) for place, (each, _) in enumerate(tested))
    return f"SELECT release_id FROM {linked_rows(dataset, columns)} WHERE {conditions}"


def _test_sql(column: str, condition: FlagCondition, today: date) -> str:
    if condition.any_of is not None:
        return f"{column} IN ({', '.join(map(literal, condition.any_of))})"
    if condition.within_days is not None:
        first = today - timedelta(days=condition.within_days)
        return f"{column} BETWEEN DATE '{first}' AND DATE '{today}'"
    if condition.at_least is not None:
        return f"{column} >= {condition.at_least!r}"
    if condition.at_most is not None:
        return f"{column} <= {condition.at_most!r}"
    return f"{column} IS {'TRUE' if condition.is_true else 'NOT NULL'}"
