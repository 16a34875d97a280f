"""``linkage status`` and ``linkage destroy``: what is owed under the agreements, and the proof that it was done."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import click

from linkage.cli.common import ExistingFile, open_keys, today
from linkage.errors import InputError
from linkage.exchange.files import remove_durably, sync_folder
from linkage.governance.ledger import verify_ledger
from linkage.governance.obligations import obligations
from linkage.governance.standing import load_agreement
from linkage.governance.statements import Destruction, sign_statement, statements_path, write_statements


@click.command()
@click.argument("ledger", type=ExistingFile)
@click.option("--agreement", "agreements", type=ExistingFile, multiple=True, help="An agreement; may be repeated.")
@click.option("--notice", type=click.IntRange(0), default=30, show_default=True, help="Days ahead to tell of.")
@click.pass_context
def status(ctx: click.Context, ledger: Path, agreements: tuple[Path, ...], notice: int) -> None:
    """Say what is owed under the agreements; fails if anything is overdue.

    Data to destroy and certify, training and approvals to renew. Certificates of destruction count from the agreements'
    .statements.yaml, so name the agreements too.
    """
    standing = [load_agreement(path) for path in agreements]
    found = obligations(verify_ledger(ledger).entries, standing, today(), notice)
    for each in found:
        click.echo(f"{'OVERDUE' if each.overdue(today()) else 'due    '} {each}")
    if not found:
        click.echo(f"Nothing is overdue, and nothing is due within {notice} days.")
    if any(each.overdue(today()) for each in found):
        ctx.exit(1)


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--agreement", type=ExistingFile, required=True, help="The agreement under which you hold them.")
@click.option("--as", "party", required=True, metavar="PARTY", help="Whose certificate it is.")
@click.option("--key", type=ExistingFile, required=True, help="Its private key file.")
@click.option("--method", required=True, help="How, as the agreement wants it: for instance 'disk key erased'.")
@click.option("--person", required=True, help="Who does it.")
@click.option("--what", help="What it was.  [default: the files' names]")
@click.option("--yes", is_flag=True, help="Do not ask.")
def destroy(
    files: tuple[Path, ...],
    agreement: Path,
    party: str,
    key: Path,
    method: str,
    person: str,
    what: str | None,
    yes: bool,
) -> None:
    """Delete FILES (and folders) and sign a certificate of it: what, when, how, by whom, with each file's SHA-256.

    The certificate goes into the agreement's .statements.yaml; send that file to the hub. Deleting removes the files'
    names: whether the disk forgets too depends on the disk, and is what you certify with --method.
    """
    standing = load_agreement(agreement)
    found = [file for path in files for file in _files(path)]
    if not yes:
        click.confirm(f"delete {len(found)} files for ever?", abort=True, err=True)
    statement = Destruction(
        kind="destruction",
        party=party,
        date=today(),
        document_sha256=standing.sha256,
        what=what or ", ".join(path.name for path in files)[:4000],
        files_sha256=tuple(sorted({_sha256(file) for file in found})),
        method=method,
        person=person,
    )
    signed = sign_statement(standing.document, statement, open_keys(key))
    for path in files:
        _delete(path)
    # Only what is gone is certified: a kill before this line leaves no files and no certificate.
    place = statements_path(agreement)
    write_statements(place, agreement.name, (*standing.statements, signed))
    click.echo(f"destroyed {len(found)} files; certificate by {party} in {place}")


def _files(path: Path) -> Iterator[Path]:
    if path.is_symlink():
        raise InputError(f"{path} is a link, not the file itself.", advice="Name the file that it points to.")
    if path.is_dir():
        for inner in sorted(path.iterdir()):
            yield from _files(inner)
    else:
        yield path


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _delete(path: Path) -> None:
    if path.is_dir():
        for inner in path.iterdir():
            _delete(inner)
        path.rmdir()
        sync_folder(path.parent)
    else:
        remove_durably(path)
