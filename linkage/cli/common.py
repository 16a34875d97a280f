"""What several commands share: loading keys and secrets, today's date, tables for the terminal."""

from __future__ import annotations

import os
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import click

from linkage.errors import KeyFileError
from linkage.exchange.files import unfinished
from linkage.exchange.keys import PrivateKeys, is_locked, load_private_keys
from linkage.exchange.secret import Secret, load_secret, secret_from_text
from linkage.governance.day import local_day

SECRET_VARIABLE = "LINKAGE_SECRET"

ExistingFile = click.Path(path_type=Path, exists=True, dir_okay=False)
Folder = click.Path(path_type=Path, file_okay=False)
NewFile = click.Path(path_type=Path, dir_okay=False)
HubFolder = click.argument("hub", type=Folder)


def now() -> datetime:
    """Return the time of this run, in UTC."""
    return datetime.now(UTC)


def today() -> date:
    """Return the local date, by which agreements count their terms."""
    return local_day(now())


def open_keys(path: Path) -> PrivateKeys:
    """Load a private key file, asking for its passphrase if it has one."""
    passphrase = click.prompt(f"passphrase of {path}", hide_input=True, err=True) if is_locked(path) else None
    return load_private_keys(path, passphrase)


def open_secret(path: Path | None) -> Secret:
    """Load the shared secret from a file; if none is named from the environment, or ask for it on a terminal."""
    if path is not None:
        return load_secret(path)
    text = os.environ.get(SECRET_VARIABLE)
    if text is None and sys.stdin.isatty():
        text = click.prompt("shared secret", hide_input=True, err=True)
    if text is None:
        raise KeyFileError(
            "no shared secret was given",
            advice=f"name its file with --secret FILE, or put it into the environment as {SECRET_VARIABLE}",
        )
    return secret_from_text(text)


def overrides(pairs: tuple[str, ...]) -> dict[str, str]:
    """Read ``NAME=HEADER`` options."""
    found = {}
    for pair in pairs:
        name, sign, header = pair.partition("=")
        if not sign or not name or not header:
            raise click.BadParameter(f"expected IDENTIFIER=HEADER, got {pair!r}", param_hint="--column")
        found[name] = header
    return found


def refuse_unwritable(path: Path) -> None:
    """Stop before long work whose result could not be written; take away what a killed run left of the same file."""
    refuse_existing(path)
    if not path.parent.is_dir():
        raise click.UsageError(f"there is no folder {path.parent}; make it first")
    if not os.access(path.parent, os.W_OK):
        raise click.UsageError(f"nothing can be written to the folder {path.parent}; name another file")
    for left in unfinished(path):
        left.unlink()
        click.echo(f"{left} was left by a run that did not end; it is taken away", err=True)


def refuse_existing(path: Path) -> None:
    """Stop before anything is written over."""
    if path.exists():
        raise click.UsageError(f"{path} exists already; name a new file")
