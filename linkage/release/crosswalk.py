"""A crosswalk: which record of one provider is which of another, for a recipient whom the law lets know.

Rules:

- It holds the two providers' tokens and nothing else, of persons whom both know. Only the provider itself can turn a
  token of its own into a local ID; the other's stays opaque.
- A person whom a provider holds twice has a row for each pair.
- Rows are ordered by the tokens, which are keyed and random to everyone but their owner.
"""

from __future__ import annotations

from linkage.errors import InputError
from linkage.governance.outputs import Crosswalk
from linkage.release.assemble import AssembledFile, ReleasedTable
from linkage.release.coarsen import literal, name
from linkage.release.columns import RELEASE_ID, Column
from linkage.release.payload import PERSON_TOKEN
from linkage.release.people import AGENCY
from linkage.release.permission import PermittedRelease
from linkage.release.workspace import Source, Workspace, add_source, scalar, write_parquet


def make_crosswalk(permitted: PermittedRelease, crosswalk: Source, workspace: Workspace) -> AssembledFile:
    """Return the pairs of tokens of persons whom both providers know."""
    output = permitted.output
    if not isinstance(output, Crosswalk):
        raise InputError(f"{output.id} is a {output.kind}, not a crosswalk.")
    headers = [f"{provider.replace('-', '_')}_token" for provider in output.providers]
    sides = [
        f"(SELECT release_id, person_token AS {name(header)} FROM crosswalk WHERE agency = {literal(provider)})"
        for provider, header in zip(output.providers, headers, strict=True)
    ]
    with workspace.connect() as connection:
        add_source(connection, "crosswalk", crosswalk, (AGENCY, PERSON_TOKEN, RELEASE_ID))
        pairs = f"{sides[0]} JOIN {sides[1]} USING (release_id)"
        path = workspace.scratch / "pairs.parquet"
        chosen = ", ".join(name(header) for header in headers)
        write_parquet(connection, f"SELECT {chosen} FROM {pairs} ORDER BY ALL", path)
        people = scalar(connection, f"SELECT count(DISTINCT release_id) FROM {pairs}")
        rows = scalar(connection, f"SELECT count(*) FROM {pairs}")
    columns = tuple(
        Column(header, "text", f"The token of the person at {provider}.")
        for provider, header in zip(output.providers, headers, strict=True)
    )
    return AssembledFile((ReleasedTable("pairs", output.title, path, columns, rows),), (), people)
