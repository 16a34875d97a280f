"""``linkage check``: what an extract is like before it is hashed."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from linkage.cli.common import ExistingFile, NewFile, refuse_unwritable, today
from linkage.cli.extracts import extract_options, named_columns, reading
from linkage.engine.steward import require_column, require_spec
from linkage.errors import MismatchError, Refused
from linkage.exchange.files import write_atomically
from linkage.governance.decide import require
from linkage.governance.standing import StandingAgreement, load_agreement
from linkage.hashing.columns import recognise
from linkage.hashing.mapping import SavedMapping
from linkage.hashing.profile import profile_extract
from linkage.hashing.read import read_extract
from linkage.reports.check import show_check
from linkage.reports.check_html import check_html
from linkage.spec.load import DEFAULT, load_spec
from linkage.spec.model import LinkageSpec


@click.command()
@click.argument("extract", type=ExistingFile)
@click.option("--spec", default=DEFAULT, show_default=True, help="A ready linkage spec, or a spec file.")
@click.option("--agreement", type=ExistingFile, help="Profile only the identifiers that this agreement lists.")
@extract_options
@click.option("--html", type=NewFile, help="Write the profile as a page, too.")
@click.option("--save-mapping", type=NewFile, help="Save which column holds which identifier, for --mapping.")
def check(
    extract: Path,
    spec: str,
    agreement: Path | None,
    encoding: str | None,
    delimiter: str | None,
    sheet: str | None,
    layout: Path | None,
    column: tuple[str, ...],
    local_id: str | None,
    mapping: Path | None,
    html: Path | None,
    save_mapping: Path | None,
) -> None:
    """Profile EXTRACT before it is hashed: what is missing, what is wrong, how well its rows could be linked.

    EXTRACT is CSV, Parquet, Excel, Ed-Fi XML or fixed width, compressed or not. Nothing leaves this machine; the
    profile holds no value, and counts from 1 to 9 are shown as <10. Exits with 1 where `linkage hash` would refuse.
    """
    for path in (html, save_mapping):
        if path is not None:
            refuse_unwritable(path)
    chosen = load_spec(spec)
    standing = load_agreement(agreement) if agreement else None
    refusal = _refusal(standing, chosen) if standing else None
    said = named_columns(column, local_id, mapping)
    read = read_extract(extract, reading(encoding, delimiter, sheet, layout), quarantine=True)
    headers = read.headers
    columns = said.columns(headers, chosen) if isinstance(said, SavedMapping) else recognise(headers, chosen, said)
    listed = standing.terms.linkage.identifiers if standing else tuple(columns.identifiers)
    profile = profile_extract(read, columns.only(listed), chosen)
    refused = refusal.message if refusal else ""
    show_check(Console(highlight=False), profile, refused)
    if html is not None:
        write_atomically(html, check_html(profile, extract.name, refused))
        click.echo(f"page: {html}")
    if save_mapping is not None:
        write_atomically(save_mapping, SavedMapping.of(columns, chosen).to_yaml().encode())
        click.echo(f"mapping: {save_mapping}")
    left = [name for name in columns.identifiers if name not in listed]
    if left:
        click.echo(f"not in the agreement, so not profiled and never encoded: {', '.join(left)}")
    if refusal:
        raise refusal
    require_column(headers, columns.local_id)
    profile.quarantine.require_within(chosen.quarantine_limit)


def _refusal(agreement: StandingAgreement, spec: LinkageSpec) -> MismatchError | Refused | None:
    """Return why ``linkage hash`` would take no file at all under this agreement today, as things stand."""
    try:
        require_spec(agreement, spec)
        require(agreement, [], today())
    except (MismatchError, Refused) as error:
        return error
    return None
