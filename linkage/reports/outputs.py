"""One line on the terminal for each output of a release."""

from __future__ import annotations

from linkage.release.assemble import AssembledFile
from linkage.release.bundle import ReleasedOutput


def describe_output(output: ReleasedOutput) -> str:
    """Say what an output holds, and for a table what its audit proved."""
    content, name = output.content, output.permitted.output_id
    if isinstance(content, AssembledFile):
        rows = ", ".join(f"{table.name} {table.rows:,} rows" for table in content.tables)
        return f"{name}: {content.people:,} persons under IDs of this release; {rows}"
    attested = content.certificate.tables
    hidden, cells = sum(table.hidden for table in attested), sum(table.cells for table in attested)
    programs = sum(system.linear_programs for system in content.certificate.systems)
    found = "no hidden cell can" if content.certificate.passed else "FAILED: a hidden cell can"
    return (
        f"{name}: {hidden:,} of {cells:,} cells hidden; {found} be worked out from the others "
        f"(checked by {programs:,} linear programs)"
    )
