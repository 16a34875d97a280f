"""``linkage keys`` and ``linkage secret``: what each party keeps to itself."""

from __future__ import annotations

from pathlib import Path

import click

from linkage.cli.common import ExistingFile, Folder, NewFile
from linkage.exchange.keys import generate_keys, load_public_keys, save_keys
from linkage.exchange.secret import Secret


@click.group()
def keys() -> None:
    """Make and show a party's key files."""


@keys.command("new")
@click.argument("name")
@click.option("--out", type=Folder, default=Path(), help="Folder for NAME.key and NAME.pub.  [default: here]")
@click.option("--passphrase", is_flag=True, help="Ask for a passphrase and lock NAME.key with it.")
def keys_new(name: str, out: Path, passphrase: bool) -> None:
    """Make the signing and sealing keys of the party NAME.

    NAME.key stays with the party (mode 0600). NAME.pub goes into the agreement.
    """
    phrase = click.prompt("passphrase", hide_input=True, confirmation_prompt=True, err=True) if passphrase else None
    made = generate_keys(name)
    private, public = save_keys(made, out, phrase)
    click.echo(f"private keys: {private}  (keep them to yourself)")
    click.echo(f"public keys:  {public}  (for the agreement)")
    click.echo(f"fingerprint:  {made.public.fingerprint}  (read it to the others over the telephone)")


@keys.command("show")
@click.argument("file", type=ExistingFile)
def keys_show(file: Path) -> None:
    """Show whose public keys a .pub FILE holds, and their fingerprint."""
    found = load_public_keys(file)
    click.echo(
        f"{found.name}\nfingerprint: {found.fingerprint}\nsigning:     {found.signing}\nsealing:     {found.sealing}"
    )


@click.group()
def secret() -> None:
    """Make the secret that the agencies share and the hub never holds."""


@secret.command("new")
@click.option("--out", type=NewFile, required=True, help="File for the secret (mode 0600).")
def secret_new(out: Path) -> None:
    """Draw 256 random bits into a file.

    The agreement's key custodian does this once, and gives the file to the other agencies by a channel that the hub
    does not see.
    """
    Secret.new().save(out)
    click.echo(f"shared secret: {out}  (for the agencies only; never for the hub)")
