"""``linkage ledger``: what was done under the agreements, and whether the record of it still holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import click

from linkage.cli.common import ExistingFile
from linkage.engine.journal import ledger_path
from linkage.engine.rooms import Hub
from linkage.errors import StoreError
from linkage.exchange.keys import PublicKeys, load_public_keys
from linkage.governance.document import read_agreement
from linkage.governance.events import Disclosed, Entry, Event
from linkage.governance.heads import head_problems, read_head
from linkage.governance.ledger import repair as repair_ledger
from linkage.governance.ledger import verify_ledger

_KINDS = [each.model_fields["kind"].default for each in get_args(get_args(Event)[0])]

LedgerFile = click.argument("file", type=click.Path(path_type=Path, exists=True))


@click.group()
def ledger() -> None:
    """Verify and read the record of what was received, released and refused."""


@ledger.command()
@LedgerFile
@click.option("--head", "heads", type=ExistingFile, multiple=True, help="A signed head that you kept; may be repeated.")
@click.option("--key", type=ExistingFile, help="The hub's release key (NAME.pub).")
@click.option("--agreement", "agreements", type=ExistingFile, help="Or the agreement that pins it.")
@click.option("--repair", is_flag=True, help="Remove a torn last line, which a crash left and nobody was told of.")
def verify(file: Path, heads: tuple[Path, ...], key: Path | None, agreements: Path | None, repair: bool) -> None:
    """Verify the chain of FILE (or of a hub's folder), and that it still reaches every head that you kept.

    A chain alone cannot show that its end was cut off; a kept head can. Heads come with each result.
    """
    file = _ledger_file(file)
    pinned = _hub_key(key, agreements) if heads else None
    if repair and (torn := repair_ledger(file)):
        click.echo(f"removed a torn last line of {len(torn)} bytes")
    verified = verify_ledger(file)
    click.echo(f"ledger {verified.ledger}: {len(verified.entries)} entries, each linked to the one before")
    click.echo(f"head sha256 {verified.head.sha256}")
    if pinned is None:
        click.echo("No kept head was given, so a cut at the end would not show (--head).")
        return
    problems = head_problems(verified, [read_head(path) for path in heads], pinned)
    if problems:
        raise StoreError(f"{file} breaks faith with what was signed.", problems, "Ask the hub for the whole ledger.")
    click.echo(f"It reaches {'the head' if len(heads) == 1 else f'all {len(heads)} heads'} that you kept.")


@ledger.command()
@click.argument("file", type=ExistingFile)
@click.option("--key", type=ExistingFile, help="The hub's release key (NAME.pub).")
@click.option("--agreement", "agreements", type=ExistingFile, help="Or the agreement that pins it.")
def certificate(file: Path, key: Path | None, agreements: Path | None) -> None:
    """Verify FILE, a hub's certificate of destruction, and show what it says was destroyed.

    The hub writes one when an epoch ends; the SHA-256 shown is the one that the ledger holds.
    """
    # This pulls in pandas and the registry.
    from linkage.engine.rotation import read_certificate
    from linkage.exchange.package import package_sha256

    read = read_certificate(file, _hub_key(key, agreements))
    click.echo(f"{read.hub} destroyed {len(read.files)} files on {read.destroyed} ({read.method}; {read.person})")
    for each in read.encodings:
        click.echo(
            f"encodings of {each.agency}, epoch {each.epoch}: {each.records:,} records, "
            f"key check value {each.key_check_value}"
        )
    for destroyed in read.files:
        click.echo(f"{destroyed.sha256}  {destroyed.path}")
    click.echo(f"signed by {read.hub}; certificate sha256 {package_sha256(file)}")


def _ledger_file(path: Path) -> Path:
    return ledger_path(Hub(path)) if path.is_dir() else path


def _hub_key(key: Path | None, agreement: Path | None) -> PublicKeys:
    if key is not None:
        return load_public_keys(key)
    if agreement is not None:
        return read_agreement(agreement).terms.hub.public_keys("release")
    raise click.UsageError("a signature is checked against the hub's key: give --key or --agreement")


@ledger.command()
@LedgerFile
@click.option(
    "--kind", type=click.Choice(_KINDS), metavar="KIND", help="Only entries of this kind, such as disclosed or refused."
)
@click.option("--recipient", metavar="PARTY", help="Only disclosures to this recipient.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def show(file: Path, kind: str | None, recipient: str | None, as_json: bool) -> None:
    """Show FILE (or the ledger of a hub's folder), oldest first, after verifying it.

    Disclosures carry what 34 CFR 99.32 asks for: who received what, when, and for which legitimate interest.
    """
    for entry in verify_ledger(_ledger_file(file)).entries:
        event = entry.event
        if kind is not None and event.kind != kind:
            continue
        if recipient is not None and not (isinstance(event, Disclosed) and event.recipient == recipient):
            continue
        click.echo(json.dumps(entry.model_dump(mode="json")) if as_json else _line(entry))


def _line(entry: Entry) -> str:
    fields = entry.event.model_dump(mode="json", exclude={"kind"})
    details = ", ".join(f"{name} {_short(value)}" for name, value in fields.items() if value not in ((), [], None))
    return f"{entry.sequence:5} {entry.recorded[:19]} {entry.event.kind:10} {details}"


def _short(value: object) -> str:
    text = "; ".join(map(str, value)) if isinstance(value, list) else str(value)
    return f"{text[:12]}..." if len(text) == 64 and all(c in "0123456789abcdef" for c in text) else text
