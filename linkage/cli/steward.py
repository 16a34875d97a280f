"""``linkage hash`` and ``linkage seal``: the agency data steward's commands."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path

import click

from linkage.cli.common import SECRET_VARIABLE, ExistingFile, NewFile, now, open_keys, open_secret, refuse_unwritable
from linkage.cli.extracts import extract_options, named_columns, reading, write_quarantine
from linkage.engine.payload import seal_payload
from linkage.engine.receive import PAYLOAD_SUFFIX
from linkage.engine.steward import ENCODINGS_SUFFIX, examine_extract, hash_extract
from linkage.errors import KeyFileError
from linkage.exchange.files import write_atomically
from linkage.exchange.keys import PrivateKeys
from linkage.governance.day import local_day
from linkage.governance.standing import StandingAgreement, load_agreement
from linkage.hashing.read import read_extract
from linkage.reports.examined import show_examined
from linkage.reports.progress import Phases
from linkage.reports.receipt import show_receipt
from linkage.spec.load import load_spec


@click.command("hash")
@click.argument("extract", type=ExistingFile)
@click.option("--agreement", type=ExistingFile, required=True, help="The signed agreement.")
@click.option("--spec", required=True, help="The linkage spec that the agreement names: a file or a ready one.")
@click.option(
    "--secret", "secret_file", type=ExistingFile, help=f"File of the shared secret.  [default: ${SECRET_VARIABLE}]"
)
@click.option("--key", type=ExistingFile, required=True, help="Your private key file.")
@click.option("--out", type=NewFile, required=True, help=f"The package to write ({ENCODINGS_SUFFIX}).")
@click.option("--dry-run", is_flag=True, help="Read, decide, normalise and set rows aside; seal nothing.")
@extract_options
@click.option("--may-have-duplicates", is_flag=True, help="One person may stand in this extract twice.")
def hash_command(
    extract: Path,
    agreement: Path,
    spec: str,
    secret_file: Path | None,
    key: Path,
    out: Path,
    dry_run: bool,
    encoding: str | None,
    delimiter: str | None,
    sheet: str | None,
    layout: Path | None,
    column: tuple[str, ...],
    local_id: str | None,
    mapping: Path | None,
    may_have_duplicates: bool,
) -> None:
    """Hash the identifiers in EXTRACT and seal them for the hub.

    EXTRACT is CSV, Parquet, Excel, Ed-Fi XML or fixed width, compressed or not. Only identifiers that the agreement
    lists are encoded, and no name leaves this machine. Beside the package a receipt is written (PACKAGE.receipt.json)
    that an auditor can keep, and, where rows cannot be used, PACKAGE.quarantine.csv with their numbers and the reasons.
    """
    if out.suffix != ENCODINGS_SUFFIX:
        raise click.BadParameter(f"a package of encodings is called SOMETHING{ENCODINGS_SUFFIX}", param_hint="--out")
    refuse_unwritable(out)
    columns = named_columns(column, local_id, mapping)
    standing, chosen, keys, at = load_agreement(agreement), load_spec(spec), open_keys(key), now()
    click.echo(f"hashing as {_agency(standing, keys, key)}")
    secret = None if dry_run else open_secret(secret_file)
    with Phases() as phases:
        phases("reading", 0.0)
        read = read_extract(extract, reading(encoding, delimiter, sheet, layout), quarantine=True)
        phases.rows = read.rows
        phases("reading", 1.0)
        phases("normalising", 0.0)
        examined = examine_extract(
            read, agreement=standing, spec=chosen, agency=keys.name, today=local_day(at), columns=columns
        )
        phases("normalising", 1.0)
    click.echo(f"read {extract} ({read.described})")
    # What was read is not needed any more, and hashing wants the room.
    del read
    write_quarantine(examined.usable.quarantine, out.with_name(f"{out.name}.quarantine.csv"))
    examined.usable.quarantine.require_within(chosen.quarantine_limit)
    if secret is None:
        show_examined(examined.columns, examined.not_listed, examined.usable)
        return
    with Phases(rows=examined.usable.prepared.records) as phases:
        receipt = hash_extract(
            examined,
            agreement=standing,
            spec=chosen,
            secret=secret,
            keys=keys,
            out=out,
            now=at,
            random_bytes=os.urandom,
            may_have_duplicates=may_have_duplicates,
            report=phases,
        )
    receipt_file = out.with_name(f"{out.name}.receipt.json")
    write_atomically(receipt_file, (json.dumps(asdict(receipt), indent=2) + "\n").encode())
    show_receipt(receipt, receipt_file)


@click.command("seal")
@click.argument("payload", type=ExistingFile)
@click.option("--dataset", required=True, help="Which dataset of the agreement this file is.")
@click.option("--agreement", type=ExistingFile, required=True, help="The signed agreement.")
@click.option("--key", type=ExistingFile, required=True, help="Your private key file.")
@click.option("--out", type=NewFile, required=True, help=f"The package to write ({PAYLOAD_SUFFIX}).")
@click.option("--drop-unlisted", is_flag=True, help="Leave out columns that are not listed, instead of refusing.")
def seal_command(payload: Path, dataset: str, agreement: Path, key: Path, out: Path, drop_unlisted: bool) -> None:
    """Seal PAYLOAD (grades, attendance, wages) for the hub's release room.

    Only the elements, population and years that the agreement lists leave; your own IDs are replaced by tokens.
    """
    if out.suffix != PAYLOAD_SUFFIX:
        raise click.BadParameter(f"a package of payload is called SOMETHING{PAYLOAD_SUFFIX}", param_hint="--out")
    refuse_unwritable(out)
    standing, keys = load_agreement(agreement), open_keys(key)
    click.echo(f"sealing as {_agency(standing, keys, key)}")
    read = read_extract(payload)
    click.echo(f"read {payload} ({read.described})")
    sealed = seal_payload(
        read.frame,
        dataset,
        agreement=standing,
        keys=keys,
        out=out,
        now=now(),
        random_bytes=os.urandom,
        drop_unlisted=drop_unlisted,
    )
    for left in sealed.rows_left_out:
        click.echo(f"left out: {left.rows:,} rows: {left.reason}")
    if sealed.columns_left_out:
        click.echo(f"left out, not in the agreement: {', '.join(sealed.columns_left_out)}")
    for facts in sealed.elements:
        click.echo(f"  {facts.element:28} {1 - facts.missing:.1%} filled")
    click.echo(f"sealed {len(sealed.frame):,} of {sealed.rows_read:,} rows of {sealed.dataset} to {out}")


def _agency(agreement: StandingAgreement, keys: PrivateKeys, key: Path) -> str:
    """Say whose work this will be; raises KeyFileError where the key is no provider's."""
    party = agreement.terms.party(keys.name)
    if party is None:
        raise KeyFileError(
            f"{key} belongs to {keys.name}, no party of the agreement {agreement.terms.id}; use your agency's key"
        )
    if party.role != "provider":
        raise KeyFileError(f"{key} belongs to a {party.role}; use your agency's key")
    return f"{party.id} ({party.legal_name})"
