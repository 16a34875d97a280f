"""``linkage secret``: the secret that the agencies share, from making it to renewing it.

No option takes a secret: it comes from a file (mode 0600) or the environment, and goes into a file.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from linkage.cli.common import SECRET_VARIABLE, ExistingFile, Folder, NewFile, open_keys, open_secret
from linkage.engine.ceremony import Joined, Step, begin, ceremony_of, give, join, share, take
from linkage.engine.steward import require_spec
from linkage.errors import MismatchError
from linkage.exchange.ceremony import Ceremony
from linkage.exchange.secret import Secret
from linkage.governance.standing import load_agreement
from linkage.hashing.canary import canary_mac
from linkage.spec.load import load_spec

Command = TypeVar("Command", bound=Callable[..., object])

_AGREEMENT = click.option("--agreement", type=ExistingFile, required=True, help="The agreement, signed by all.")
_KEY = click.option("--key", type=ExistingFile, required=True, help="Your private key file.")
_FOLDER_HELP = "The ceremony's folder: your files, and those that the other agencies send."
_SECRET = click.option(
    "--secret", "secret_file", type=ExistingFile, help=f"File of the shared secret.  [default: ${SECRET_VARIABLE}]"
)
_EPOCH = click.option("--epoch", type=click.IntRange(min=0), help="The epoch.  [default: the agreement's]")


@click.group()
def secret() -> None:
    """Make, share, check and renew the secret that the agencies share and the hub never holds.

    Together, so that nobody chooses it: new --folder, share --folder, join --folder, check.

    By one custodian, who hands it to the others: new --out, share --to, join --envelope, check.

    What agencies send each other meanwhile may pass through the hub: it cannot open it.
    """


@secret.command()
@click.option("--out", type=NewFile, help="Draw the secret alone, into this file (mode 0600).")
@click.option("--folder", type=Folder, help=f"Or begin a ceremony with the other agencies. {_FOLDER_HELP}")
@click.option("--agreement", type=ExistingFile, help="With --folder: the agreement, signed by all.")
@click.option("--key", type=ExistingFile, help="With --folder: your private key file.")
def new(out: Path | None, folder: Path | None, agreement: Path | None, key: Path | None) -> None:
    """Draw a secret, alone or together with the other agencies.

    With --folder you draw your contribution and write a commitment to it, to send to every other agency. Nobody sees
    the contribution itself before every agency has committed.
    """
    if out is not None and folder is None and agreement is None and key is None:
        Secret.new().save(out)
        click.echo(f"shared secret: {out}  (for the agencies only; never for the hub)")
        return
    if out is not None or folder is None or agreement is None or key is None:
        raise click.UsageError("give --out FILE, or --folder FOLDER with --agreement and --key")
    _begin(folder, agreement, key, next_epoch=False)


@secret.command()
@click.option("--folder", type=Folder, required=True, help=f"{_FOLDER_HELP} A new one.")
@_AGREEMENT
@_KEY
def rotate(folder: Path, agreement: Path, key: Path) -> None:
    """Begin the ceremony for the epoch after the agreement's.

    Go on with share and join in the same folder. The new secret serves once the parties have signed the agreement with
    the new epoch; encodings of the two epochs cannot be compared, so every agency hashes again. If they have signed it
    already, begin with `linkage secret new --folder` instead.
    """
    _begin(folder, agreement, key, next_epoch=True)


@secret.command("share")
@click.option("--folder", type=Folder, help=_FOLDER_HELP)
@_SECRET
@click.option("--to", multiple=True, metavar="AGENCY", help="An agency to hand the whole secret to. May be repeated.")
@click.option("--out", type=NewFile, help="With --to: the envelope to write.")
@_EPOCH
@_AGREEMENT
@_KEY
def share_command(
    folder: Path | None,
    secret_file: Path | None,
    to: tuple[str, ...],
    out: Path | None,
    epoch: int | None,
    agreement: Path,
    key: Path,
) -> None:
    """Reveal your contribution to the other agencies, or hand them a whole secret.

    With --folder: once every agency's commitment lies in FOLDER, your contribution is sealed to the other agencies.
    With --to: the secret in --secret is sealed to the agencies named. Neither can be sealed to the hub.
    """
    standing = load_agreement(agreement)
    if folder is not None and not (secret_file or to or out or epoch is not None):
        step = share(folder, standing, open_keys(key))
        _show_step("your contribution, sealed to the others", step)
        _show_next(step, "reveal", folder, f"join --folder {folder} --out FILE --agreement {agreement} --key {key}")
        return
    if folder is not None or not to or out is None:
        raise click.UsageError("give --folder FOLDER, or --to AGENCY (each) with --out FILE")
    step = give(standing, open_keys(key), open_secret(secret_file), to, out, epoch)
    _show_step(f"the secret, sealed to {', '.join(to)}", step)
    click.echo(f"Next: send it; they open it with: linkage secret join --envelope {out.name} --out FILE")


@secret.command("join")
@click.option("--folder", type=Folder, help=_FOLDER_HELP)
@click.option("--envelope", type=ExistingFile, help="Or the envelope in which an agency sent the secret.")
@click.option("--out", type=NewFile, required=True, help="File for the secret (mode 0600).")
@_AGREEMENT
@_KEY
def join_command(folder: Path | None, envelope: Path | None, out: Path, agreement: Path, key: Path) -> None:
    """Derive the secret from all contributions, or take it out of an envelope.

    A contribution that was changed after its agency had committed to it is refused with the agency's name.
    """
    standing = load_agreement(agreement)
    if (folder is None) == (envelope is None):
        raise click.UsageError("give --folder FOLDER or --envelope FILE")
    if folder is not None:
        done = join(folder, standing, open_keys(key), out)
        click.echo(f"made by {', '.join(done.ceremony.roster.names)}, for {_what_for(done.ceremony)}")
    else:
        assert envelope is not None, "one of the two was given"
        done = take(envelope, standing, open_keys(key), out)
        custodian = standing.terms.linkage.key_custodian
        note = "" if done.sender == custodian else f" (the agreement's key custodian is {custodian})"
        click.echo(f"sealed by {done.sender}{note}, for {_what_for(done.ceremony)}")
    _show_joined(done)


@secret.command()
@_SECRET
@_AGREEMENT
@_EPOCH
@click.option("--spec", help="The linkage spec, to show by the canary that your software encodes alike, too.")
@click.option("--compare", metavar="VALUE", help="The value that another agency read to you; fails if yours differs.")
def check(secret_file: Path | None, agreement: Path, epoch: int | None, spec: str | None, compare: str | None) -> None:
    """Show the key check value, by which two stewards see over the telephone that they hold the same secret.

    The value tells nothing of the secret, and the hub sees it too: it refuses packages whose values differ.
    """
    standing = load_agreement(agreement)
    found, ceremony = open_secret(secret_file), ceremony_of(standing, epoch)
    value = found.key_check_value(ceremony.context)
    click.echo(f"for             {_what_for(ceremony)}")
    click.echo(f"agencies        {', '.join(ceremony.roster.names)}")
    click.echo(f"key check value {_grouped(value)}  (read it to the others over the telephone)")
    if spec is not None:
        chosen = load_spec(spec)
        require_spec(standing, chosen)
        mac = canary_mac(chosen, lambda label: found.derive(ceremony.context, label))
        click.echo(f"canary          {_grouped(mac)}  (equal: your software encodes alike)")
    if compare is not None:
        if not _same_value(compare, value):
            raise MismatchError(
                "The key check values differ: the two agencies hold different secrets, or mean different epochs.",
                [f"here, {_what_for(ceremony)}: {_grouped(value)}"],
                "Compare agreement and epoch first. If they are the same, one of the two has the wrong file.",
            )
        click.echo("The values are the same: so is the secret.")


def _begin(folder: Path, agreement: Path, key: Path, next_epoch: bool) -> None:
    step = begin(folder, load_agreement(agreement), open_keys(key), os.urandom, next_epoch)
    _show_step("your commitment", step)
    _show_next(step, "commitment", folder, f"share --folder {folder} --agreement {agreement} --key {key}")


def _show_next(step: Step, kind: str, folder: Path, command: str) -> None:
    others = step.ceremony.roster.others(step.sender)
    click.echo(f"Next: send it to {', '.join(keys.name for keys in others)}; the hub may carry it.")
    click.echo(f"Put the .{kind}.yaml files that they send you into {folder}, then:")
    click.echo(f"linkage secret {command}")


def _show_step(what: str, step: Step) -> None:
    again = "" if step.new else " (was there already, nothing changed)"
    click.echo(f"{what}: {step.path}{again}")
    click.echo(f"for {_what_for(step.ceremony)}")


def _show_joined(done: Joined) -> None:
    again = "" if done.new else " (was there already, nothing changed)"
    click.echo(f"shared secret: {done.path}{again}  (for the agencies only; never for the hub)")
    click.echo(f"key check value: {_grouped(done.key_check_value)}  (read it to the others over the telephone)")


def _what_for(ceremony: Ceremony) -> str:
    return f"{ceremony.context.agreement}, epoch {ceremony.context.epoch}"


def _grouped(value: str) -> str:
    """Return the first 128 bits of a value in groups of four, to read aloud."""
    return "-".join(value[start : start + 4] for start in range(0, 32, 4))


def _same_value(given: str, value: str) -> bool:
    """Compare what was read aloud, whole or its first 128 bits, with our value."""
    digits = re.sub(r"[\s-]", "", given).lower()
    return len(digits) in (32, len(value)) and value.startswith(digits)
