"""``linkage review``, ``agency-ids`` and ``local-ids``: what a steward does with tokens that came from the hub."""

from __future__ import annotations

import os
from pathlib import Path

import click
import pandas as pd

from linkage.cli.common import ExistingFile, Folder, NewFile, now, open_keys, refuse_existing, refuse_unwritable
from linkage.engine.agency_ids import open_agency_ids
from linkage.engine.answering import (
    LOCAL_ID,
    NOT_HERE,
    OTHER_LOCAL_ID,
    local_ids_by_token,
    open_packet,
    read_sheet,
    seal_verdicts,
    with_local_ids,
)
from linkage.engine.steward import local_ids
from linkage.errors import InputError
from linkage.exchange.files import write_atomically
from linkage.exchange.keys import PrivateKeys
from linkage.governance.standing import StandingAgreement, load_agreement
from linkage.hashing.columns import recognise
from linkage.hashing.read import read_extract
from linkage.reports.review_html import review_html
from linkage.spec.load import DEFAULT, load_spec

Extract = click.option("--extract", type=ExistingFile, required=True, help="A file with your own IDs of the persons.")
LocalId = click.option("--local-id", metavar="HEADER", help="The column with your own ID of the person.")
AgreementFile = click.option("--agreement", type=ExistingFile, required=True, help="The signed agreement.")
KeyFile = click.option("--key", type=ExistingFile, required=True, help="Your private key file.")


def _known(extract: Path, local_id: str | None, agreement: StandingAgreement, keys: PrivateKeys) -> dict[str, str]:
    frame = read_extract(extract).frame
    headers = [str(header) for header in frame.columns]
    column = local_id or recognise(headers, load_spec(DEFAULT)).local_id
    return local_ids_by_token(local_ids(frame, column), keys, agreement)


def _table(path: Path, expected: str) -> pd.DataFrame:
    """Read a small table as text (CSV) or as it is (Parquet)."""
    try:
        return (
            pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path, dtype=str, keep_default_na=False)
        )
    except ValueError as error:  # of every reader: no text, rows of other lengths, nothing at all, no Parquet
        why = "it is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else "its rows cannot be read"
        raise InputError(f"{path} is not {expected}", [why], "give the file as it was written") from None


@click.command("local-ids")
@click.argument("file", type=ExistingFile)
@AgreementFile
@KeyFile
@Extract
@LocalId
@click.option("--out", type=NewFile, required=True, help="The CSV file to write.")
def local_ids_command(file: Path, agreement: Path, key: Path, extract: Path, local_id: str | None, out: Path) -> None:
    """Put your own IDs in place of the tokens in FILE, a table from the hub such as a flag back (CSV or Parquet).

    Your key and an extract that holds the persons turn tokens back into your IDs; nobody else can do it.
    """
    refuse_unwritable(out)
    table = _table(file, "a table from the hub")
    standing, keys = load_agreement(agreement), open_keys(key)
    found = with_local_ids(table, _known(extract, local_id, standing, keys))
    write_atomically(out, found.to_csv(index=False).encode())
    unknown = int((found[LOCAL_ID] == NOT_HERE).sum())
    click.echo(f"{len(found):,} rows written to {out}; {unknown:,} of persons whom {extract} does not hold")


@click.command("agency-ids")
@click.argument("package", type=ExistingFile)
@AgreementFile
@KeyFile
@click.option("--out", type=NewFile, required=True, help="The CSV file to write: person_token, scoped_id.")
def agency_ids_command(package: Path, agreement: Path, key: Path, out: Path) -> None:
    """Open PACKAGE, the lasting IDs that the hub gives your own records; `linkage local-ids` turns the tokens back."""
    refuse_unwritable(out)
    table = open_agency_ids(package, load_agreement(agreement), open_keys(key))
    write_atomically(out, table.to_csv(index=False).encode())
    click.echo(f"{len(table):,} records written to {out}")


@click.group("review")
def review() -> None:
    """Judge pairs in doubt that the hub asks about, on your own files."""


@review.command("open")
@click.argument("packet", type=ExistingFile)
@AgreementFile
@KeyFile
@Extract
@LocalId
@click.option("--out", type=Folder, required=True, help="The new folder to write the sheet and the page to.")
def review_open(packet: Path, agreement: Path, key: Path, extract: Path, local_id: str | None, out: Path) -> None:
    """Open a PACKET of pairs: review.csv to write verdicts into, review.html to read."""
    refuse_existing(out)
    standing, keys = load_agreement(agreement), open_keys(key)
    sheet = open_packet(packet, standing, keys, _known(extract, local_id, standing, keys))
    out.mkdir(parents=True)
    own = tuple(column for column in (LOCAL_ID, OTHER_LOCAL_ID) if column in sheet.rows)
    write_atomically(out / "review.html", review_html(sheet.rows, sheet.identifiers, own, "review.csv"))
    write_atomically(out / "review.csv", sheet.rows.to_csv(index=False).encode())
    click.echo(f"{len(sheet.rows):,} pairs to judge: read {out / 'review.html'}, write into {out / 'review.csv'}")
    if sheet.unknown:
        click.echo(f"{sheet.unknown:,} of them are of persons whom {extract} does not hold: take a larger extract")


@review.command("seal")
@click.argument("sheet", type=ExistingFile)
@AgreementFile
@KeyFile
@click.option("--out", type=NewFile, required=True, help="The package to write (.rva).")
def review_seal(sheet: Path, agreement: Path, key: Path, out: Path) -> None:
    """Seal the verdicts in SHEET (review.csv) for the hub: references, verdicts and grounds, nothing else."""
    refuse_unwritable(out)
    frame = _table(sheet, "a CSV file as `review open` wrote it")
    verdicts = read_sheet(frame)
    standing, keys = load_agreement(agreement), open_keys(key)
    seal_verdicts(verdicts, agreement=standing, keys=keys, out=out, now=now(), random_bytes=os.urandom)
    click.echo(f"{len(verdicts):,} verdicts of {len(frame):,} pairs sealed to {out}")
