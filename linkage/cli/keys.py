"""``linkage keys``: the key files by which each party signs and opens."""

from __future__ import annotations

from pathlib import Path

import click

from linkage.cli.common import ExistingFile, Folder, open_keys
from linkage.exchange.keys import generate_keys, is_locked, load_public_keys, save_keys
from linkage.exchange.private import refuse_existing

#: What each role needs: one pair of keys, or one for each of the hub's rooms.
_ROLES: dict[str, tuple[str, ...]] = {
    "agency": ("",),
    "recipient": ("",),
    "hub": (".matcher", ".registrar", ".release"),
    "matcher": (".matcher",),
    "registrar": (".registrar",),
    "release": (".release",),
}
_SUFFIXES = (".key", ".pub")


@click.group()
def keys() -> None:
    """Make and show a party's key files."""


@keys.command("new")
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice(list(_ROLES)),
    default="agency",
    show_default=True,
    help="hub: a file for each of its rooms; matcher, registrar, release: for one room, held by itself.",
)
@click.option("--out", type=Folder, default=Path(), help="Folder for NAME.key and NAME.pub.  [default: here]")
@click.option("--passphrase", is_flag=True, help="Ask for a passphrase and lock NAME.key with it.")
def keys_new(name: str, role: str, out: Path, passphrase: bool) -> None:
    """Make the signing and sealing keys of the party NAME.

    NAME.key stays with the party (mode 0600). NAME.pub goes into the agreement. A hub's rooms have keys of their own,
    NAME.matcher, NAME.registrar and NAME.release; `linkage hub new` makes them in their places if one operator holds
    all three.
    """
    names = [f"{name}{room}" for room in _ROLES[role]]
    for each in names:  # all before any is made
        for suffix in _SUFFIXES:
            refuse_existing(out / f"{each}{suffix}", "key file")
    phrase = click.prompt("passphrase", hide_input=True, confirmation_prompt=True, err=True) if passphrase else None
    for made in [generate_keys(each) for each in names]:
        private, public = save_keys(made, out, phrase)
        click.echo(f"private keys: {private}  (keep them to yourself)")
        click.echo(f"public keys:  {public}  (for the agreement)")
        click.echo(f"fingerprint:  {made.public.fingerprint}  (read it to the others over the telephone)")


@keys.command("show")
@click.argument("file", type=ExistingFile)
def keys_show(file: Path) -> None:
    """Show whose keys FILE (.pub or .key) holds, and their fingerprint; never a private part."""
    if file.suffix == _SUFFIXES[0]:
        locked = is_locked(file)
        found = open_keys(file).public
        kind = f"private key file, {'locked with a passphrase' if locked else 'no passphrase'}; its public half:"
    else:
        found = load_public_keys(file)
        kind = "public key file"
    click.echo(f"{found.name}  ({kind})")
    click.echo(f"fingerprint: {found.fingerprint}\nsigning:     {found.signing}\nsealing:     {found.sealing}")
