"""``linkage agreement``: what counsel and oversight do with the document that everyone signs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from linkage.cli.agreement_new import new, templates
from linkage.cli.common import ExistingFile, NewFile, open_keys, today
from linkage.errors import AgreementError
from linkage.exchange.files import write_atomically
from linkage.governance.comparison import Change, compare
from linkage.governance.decide import has_ended, standing_refusals
from linkage.governance.document import read_agreement
from linkage.governance.explain import explain
from linkage.governance.render import render_html
from linkage.governance.schema import agreement_schema
from linkage.governance.signatures import (
    absent_signatures,
    read_signatures,
    sign_document,
    signatures_path,
    unsigned_parties,
    with_signature,
    write_signatures,
)
from linkage.governance.standing import StandingAgreement, load_agreement
from linkage.governance.statements import (
    Acknowledgement,
    Approval,
    Destruction,
    Objection,
    ReviewOpened,
    SomeStatement,
    Termination,
    sign_statement,
    statements_path,
    write_statements,
)
from linkage.governance.to_write import to_write
from linkage.release.measures.definition import measures_in_words

Command = TypeVar("Command", bound=Callable[..., object])


@click.group()
def agreement() -> None:
    """Write, read, sign and check data sharing agreements.

    An agreement is one YAML file. What it does not list is refused: at the agency, at the hub and at release.
    """


agreement.add_command(new)


@agreement.command()
@click.argument("file", type=ExistingFile)
def check(file: Path) -> None:
    """Check that FILE is complete and consistent, and say what it still waits for.

    Fails with every problem and its line. Signatures, statements and the agreement above it are verified too.
    """
    standing = load_agreement(file)
    terms = standing.terms
    click.echo(f"{terms.id}, version {terms.version}: {terms.title}")
    click.echo(f"sha256 {standing.sha256}")
    click.echo(
        f"{len(terms.parties)} parties, {len(terms.data)} datasets with "
        f"{sum(len(dataset.elements) for dataset in terms.data)} elements, {len(terms.outputs)} outputs"
    )
    click.echo("The document is complete and consistent.")
    kept = to_write(standing.document, (read_agreement(path).terms for path in templates().values()))
    if kept:
        click.echo("Names, contacts, laws or numbers of a template, still to be written by you:")
    for section, lines in kept.items():
        click.echo(f"  {section}: line {', '.join(map(str, lines))}")
    waiting = [reason for _, reason in standing_refusals(standing, today())]
    when = "no longer" if has_ended(standing, today()) else "not yet"
    click.echo(f"{when} in force: {'; '.join(waiting)}" if waiting else "It is signed by all parties and in force.")


@agreement.command()
@click.argument("file", type=ExistingFile)
@click.option("--out", type=NewFile, help="The page to write.  [default: FILE.html]")
def render(file: Path, out: Path | None) -> None:
    """Write FILE as prose: one HTML page to read, print and sign by hand, with the file's hash on every page."""
    page = out or file.with_suffix(".html")
    write_atomically(page, render_html(load_agreement(file), measures_in_words()).encode(), mode=0o644)
    click.echo(f"prose: {page}")


@agreement.command()
@click.argument("file", type=ExistingFile)
@click.option("--as", "party", required=True, metavar="PARTY", help="The party that you sign for.")
@click.option("--key", type=ExistingFile, required=True, help="Its private key file; for the hub, its release room's.")
def sign(file: Path, party: str, key: Path) -> None:
    """Sign FILE for one party.

    The signature is over the file's SHA-256 and goes into FILE's .signatures.yaml, which is passed on with it. Read the
    prose first (linkage agreement render): you sign both.
    """
    document = read_agreement(file)
    place = signatures_path(file)
    gathered = with_signature(read_signatures(place), sign_document(document, party, open_keys(key), today()))
    write_signatures(place, file.name, gathered)
    missing = unsigned_parties(document.terms, gathered)
    click.echo(f"signed for {party}: sha256 {document.sha256}")
    click.echo(f"signatures: {place}")
    click.echo(f"still to sign: {', '.join(missing)}" if missing else "All parties have signed.")


@agreement.command()
@click.argument("file", type=ExistingFile)
@click.option("--gather", type=ExistingFile, multiple=True, help="Signatures that came back in another file.")
def verify(file: Path, gather: tuple[Path, ...]) -> None:
    """Verify every signature on FILE; fails unless all parties have signed this very text.

    Signatures that parties sent back one by one are put together with --gather.
    """
    document = read_agreement(file)
    signatures = read_signatures(signatures_path(file))
    for path in gather:
        for signature in read_signatures(path):
            signatures = with_signature(signatures, signature)
    standing = StandingAgreement(document, signatures, parent=load_agreement(file).parent)
    if gather:
        write_signatures(signatures_path(file), file.name, signatures)
    click.echo(f"sha256 {document.sha256}")
    for signature in standing.signatures:
        who = document.terms.party(signature.party)
        fingerprint = who.public_keys().fingerprint if who is not None else ""
        click.echo(f"good  {signature.party}: {signature.name}, {signature.date}, key {fingerprint}")
    missing = unsigned_parties(document.terms, signatures)
    if missing:
        absent = absent_signatures(document, signatures)
        raise AgreementError(
            f"{file} is not signed by all parties.",
            [f"missing: {party}" for party in missing],
            f"There is {absent}." if absent else "",
        )
    click.echo("All parties have signed this text.")


@agreement.command()
@click.argument("old", type=ExistingFile)
@click.argument("new_version", metavar="NEW", type=ExistingFile)
def diff(old: Path, new_version: Path) -> None:
    """Say what NEW changes against OLD, and first of all where it allows more."""
    comparison = compare(read_agreement(old), read_agreement(new_version))
    if not comparison.changes:
        click.echo("The two say the same.")
    if comparison.widened:
        click.secho("Allows more than before:", bold=True)
        for text in comparison.widened:
            click.echo(f"  ! {text}")
    if comparison.changes:
        click.secho("Changes:", bold=True)
    for change in comparison.changes:
        click.echo(f"  {_change_line(change)}")


def _change_line(change: Change) -> str:
    if change.kind == "added":
        return f"+ {change.clause}: {_short(change.after)}"
    if change.kind == "removed":
        return f"- {change.clause}: {_short(change.before)}"
    return f"~ {change.clause}: {_short(change.before)} -> {_short(change.after)}"


def _short(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_short(inner)}" for key, inner in value.items())[:100]
    return " ".join(str(value).split())[:100]


@agreement.command("explain")
@click.argument("file", type=ExistingFile)
@click.option("--element", required=True, metavar="NAME", help="A column, a CEDS name, or provider.dataset.element.")
@click.option("--recipient", metavar="PARTY", help="Only for this recipient.")
def explain_command(file: Path, element: str, recipient: str | None) -> None:
    """Say which clause allows or refuses an element, in one sentence per answer."""
    for answer in explain(load_agreement(file), element, recipient, today()):
        click.echo(f"{'yes' if answer.allowed else 'no ':3} {answer.sentence}")


@agreement.command()
@click.option("--out", type=NewFile, help="The file to write.  [default: the terminal]")
def schema(out: Path | None) -> None:
    """Give the JSON Schema by which editors complete and check an agreement as it is written."""
    if out is None:
        click.echo(agreement_schema(), nl=False)
    else:
        write_atomically(out, agreement_schema().encode(), mode=0o644)
        click.echo(f"schema: {out}")


@agreement.group()
def declare() -> None:
    """Declare something about a signed agreement: each declaration is signed and kept beside it.

    Declarations go into FILE's .statements.yaml, which is passed on to all parties.
    """


def _declared_by(command: Command) -> Command:
    """Add the arguments that every declaration takes."""
    with_key = click.option("--key", type=ExistingFile, required=True, help="Its private key file.")(command)
    with_party = click.option("--as", "party", required=True, metavar="PARTY", help="Who declares it.")(with_key)
    return click.argument("file", type=ExistingFile)(with_party)


def _declare(file: Path, statement: SomeStatement, key: Path) -> None:
    standing: StandingAgreement = load_agreement(file)
    signed = sign_statement(standing.document, statement, open_keys(key))
    write_statements(statements_path(file), file.name, (*standing.statements, signed))
    click.echo(f"{statement.kind} by {statement.party} on {statement.date}: {statements_path(file)}")


@declare.command()
@_declared_by
@click.option("--reason", required=True, help="Why.")
def termination(file: Path, party: str, key: Path, reason: str) -> None:
    """End the agreement from today: nothing is accepted or released any more."""
    sha256 = read_agreement(file).sha256
    statement = Termination(kind="termination", party=party, date=today(), document_sha256=sha256, reason=reason)
    _declare(file, statement, key)


@declare.command()
@_declared_by
@click.option("--user", required=True, help="The named user.")
def acknowledgement(file: Path, party: str, key: Path, user: str) -> None:
    """Declare that a named user was trained again and acknowledged the rules today."""
    sha256 = read_agreement(file).sha256
    statement = Acknowledgement(kind="acknowledgement", party=party, date=today(), document_sha256=sha256, user=user)
    _declare(file, statement, key)


@declare.command()
@_declared_by
@click.option("--output", required=True, help="The output to be reviewed.")
def review(file: Path, party: str, key: Path, output: str) -> None:
    """Open the reviewers' window for an output (the hub)."""
    sha256 = read_agreement(file).sha256
    statement = ReviewOpened(kind="review", party=party, date=today(), document_sha256=sha256, output=output)
    _declare(file, statement, key)


@declare.command()
@_declared_by
@click.option("--output", required=True, help="The output that may go.")
def approval(file: Path, party: str, key: Path, output: str) -> None:
    """Let an output go (a reviewer)."""
    sha256 = read_agreement(file).sha256
    statement = Approval(kind="approval", party=party, date=today(), document_sha256=sha256, output=output)
    _declare(file, statement, key)


@declare.command()
@_declared_by
@click.option("--output", required=True, help="The output to stop.")
@click.option("--reason", required=True, help="Why.")
def objection(file: Path, party: str, key: Path, output: str, reason: str) -> None:
    """Stop an output (a reviewer); it waits until the same party approves."""
    sha256 = read_agreement(file).sha256
    statement = Objection(
        kind="objection", party=party, date=today(), document_sha256=sha256, output=output, reason=reason
    )
    _declare(file, statement, key)


@declare.command()
@_declared_by
@click.option("--what", required=True, help="What was destroyed.")
@click.option("--method", required=True, help="How.")
@click.option("--person", required=True, help="Who did it.")
@click.option("--sha256", "files", multiple=True, help="SHA-256 of a file that was destroyed.")
def destruction(file: Path, party: str, key: Path, what: str, method: str, person: str, files: tuple[str, ...]) -> None:
    """Certify that data were destroyed."""
    statement = Destruction(
        kind="destruction",
        party=party,
        date=today(),
        document_sha256=read_agreement(file).sha256,
        what=what,
        files_sha256=files,
        method=method,
        person=person,
    )
    _declare(file, statement, key)
