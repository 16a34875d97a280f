"""A flag back: yes or no about a provider's own persons, and never why.

Rules:

- The recipient learns of each of its own persons whether the flag is up: by its own token, which it alone can turn
  into its local ID. It learns of nobody else's.
- *No* is everyone else: without a record, or not linked. Telling these apart would say who is known to the other
  agency, which is the reason that must not be told.
- The flag is up where a record of the named datasets has every element that the agreement names (a boolean: true),
  of the year ``since`` or later where one is given.
"""

from __future__ import annotations

from collections.abc import Mapping

from linkage.errors import InputError
from linkage.governance.datasets import Dataset
from linkage.governance.outputs import FlagBack
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
    since: int | None = None,
) -> AssembledFile:
    """Return the recipient's persons by token with a yes or no."""
    output = permitted.output
    if not isinstance(output, FlagBack):
        raise InputError(f"{output.id} is a {output.kind}, not a flag back.")
    with workspace.connect() as connection:
        open_sources(connection, permitted.datasets, payloads, crosswalk, ())
        flagged = " UNION ".join(_flagged_sql(permitted, dataset, since) for dataset in permitted.datasets)
        own = f"agency = {literal(permitted.recipient)}"
        path = workspace.scratch / "flags.parquet"
        query = (
            f"SELECT person_token, CASE WHEN release_id IN ({flagged}) THEN '{YES}' ELSE '{NO}' END"
            f" AS {name(output.flag)} FROM crosswalk WHERE {own} ORDER BY person_token"
        )
        write_parquet(connection, query, path)
        people = scalar(connection, f"SELECT count(DISTINCT release_id) FROM crosswalk WHERE {own}")
        rows = scalar(connection, f"SELECT count(*) FROM crosswalk WHERE {own}")
    columns = (TOKEN_COLUMN, Column(output.flag, "code", output.rule, codes=(YES, NO)))
    table = ReleasedTable("flags", output.title, path, columns, rows, (PERSON_TOKEN,))
    return AssembledFile((table,), (), people)


def _flagged_sql(permitted: PermittedRelease, dataset: Dataset, since: int | None) -> str:
    """Return SQL for the persons whom one dataset flags."""
    elements = permitted.elements_of(dataset)
    conditions = [f"_{place} IS {'TRUE' if e.type == 'boolean' else 'NOT NULL'}" for place, e in enumerate(elements)]
    columns = [f"{typed_sql(element)} AS _{place}" for place, element in enumerate(elements)]
    if since is not None and dataset.years is not None:
        columns.append(f"TRY_CAST({name(dataset.years.column)}[1:4] AS INTEGER) AS _year")
        conditions.append(f"_year >= {since}")
    return f"SELECT release_id FROM {linked_rows(dataset, ', '.join(columns))} WHERE {' AND '.join(conditions)}"
