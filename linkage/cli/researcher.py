"""``linkage open``: the researcher's command."""

from __future__ import annotations

from pathlib import Path

import click

from linkage.cli.common import ExistingFile, Folder, open_keys
from linkage.engine.receive import PAYLOAD_SUFFIX
from linkage.engine.releaser import open_bundle
from linkage.engine.steward import ENCODINGS_SUFFIX
from linkage.errors import PackageError
from linkage.governance.standing import load_agreement

_FOR_THE_HUB = {ENCODINGS_SUFFIX: "encodings", PAYLOAD_SUFFIX: "payload"}


@click.command("open")
@click.argument("bundle", type=ExistingFile)
@click.option("--agreement", type=ExistingFile, required=True, help="The signed agreement.")
@click.option("--key", type=ExistingFile, required=True, help="Your private key file.")
@click.option("--out", type=Folder, required=True, help="The new folder to unpack into.")
def open_command(bundle: Path, agreement: Path, key: Path, out: Path) -> None:
    """Verify BUNDLE and unpack it.

    It opens only with your key, only if the hub of your agreement sealed it, and only whole.
    """
    if bundle.suffix in _FOR_THE_HUB:
        held = _FOR_THE_HUB[bundle.suffix]
        raise PackageError(f"{bundle}: this is a package of {held} for the hub, not a release (.rpkg)")
    described = open_bundle(bundle, load_agreement(agreement), open_keys(key), out)
    click.echo(f"{described.title}")
    for resource in described.resources:
        click.echo(f"  {resource.path:36} {resource.rows:>10,} rows  {resource.title}")
    click.echo(f"destroy by {described.linkage.destroy_by}; start with {out / 'README.md'} and {out / 'codebook.html'}")
