"""``linkage hash`` and ``linkage seal``: the agency data steward's commands."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path

import click

from linkage.cli.common import ExistingFile, NewFile, now, open_keys, open_secret, overrides, refuse_existing
from linkage.engine.payload import seal_payload
from linkage.engine.receive import PAYLOAD_SUFFIX
from linkage.engine.steward import ENCODINGS_SUFFIX, hash_extract
from linkage.exchange.files import write_atomically
from linkage.governance.standing import load_agreement
from linkage.hashing.read import read_extract
from linkage.reports.progress import Phases
from linkage.reports.receipt import show_receipt
from linkage.spec.load import load_spec


@click.command("hash")
@click.argument("extract", type=ExistingFile)
@click.option("--agreement", type=ExistingFile, required=True, help="The signed agreement.")
@click.option("--spec", required=True, help="The linkage spec that the agreement names: a file or a ready one.")
@click.option("--secret", "secret_file", type=ExistingFile, help="File of the shared secret.")
@click.option("--key", type=ExistingFile, required=True, help="Your private key file.")
@click.option("--out", type=NewFile, required=True, help=f"The package to write ({ENCODINGS_SUFFIX}).")
@click.option("--column", multiple=True, metavar="IDENTIFIER=HEADER", help="Where an identifier is, if not recognised.")
@click.option("--local-id", metavar="HEADER", help="The column with your own ID of the person.")
@click.option("--may-have-duplicates", is_flag=True, help="One person may stand in this extract twice.")
def hash_command(
    extract: Path,
    agreement: Path,
    spec: str,
    secret_file: Path | None,
    key: Path,
    out: Path,
    column: tuple[str, ...],
    local_id: str | None,
    may_have_duplicates: bool,
) -> None:
    """Hash the identifiers in EXTRACT (CSV or Parquet) and seal them for the hub.

    Only identifiers that the agreement lists are encoded, and no name leaves this machine. Beside the package a receipt
    is written (PACKAGE.receipt.json) that an auditor can keep.
    """
    if out.suffix != ENCODINGS_SUFFIX:
        raise click.BadParameter(f"a package of encodings is called SOMETHING{ENCODINGS_SUFFIX}", param_hint="--out")
    refuse_existing(out)
    named = overrides(column) | ({"local_id": local_id} if local_id else {})
    read = read_extract(extract)
    with Phases() as phases:
        receipt = hash_extract(
            read.frame,
            agreement=load_agreement(agreement),
            spec=load_spec(spec),
            secret=open_secret(secret_file),
            keys=open_keys(key),
            out=out,
            now=now(),
            random_bytes=os.urandom,
            columns=named,
            may_have_duplicates=may_have_duplicates,
            report=phases,
        )
    receipt_file = out.with_name(f"{out.name}.receipt.json")
    write_atomically(receipt_file, (json.dumps(asdict(receipt), indent=2) + "\n").encode())
    click.echo(f"read {extract} ({read.described})")
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
    refuse_existing(out)
    read = read_extract(payload)
    sealed = seal_payload(
        read.frame,
        dataset,
        agreement=load_agreement(agreement),
        keys=open_keys(key),
        out=out,
        now=now(),
        random_bytes=os.urandom,
        drop_unlisted=drop_unlisted,
    )
    click.echo(f"read {payload} ({read.described}), {sealed.rows_read:,} rows")
    for left in sealed.rows_left_out:
        click.echo(f"left out: {left.rows:,} rows: {left.reason}")
    if sealed.columns_left_out:
        click.echo(f"left out, not in the agreement: {', '.join(sealed.columns_left_out)}")
    for facts in sealed.elements:
        click.echo(f"  {facts.element:28} {1 - facts.missing:.1%} filled")
    click.echo(f"sealed {len(sealed.frame):,} rows of {sealed.dataset} to {out}")
