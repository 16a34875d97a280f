"""``linkage agreement new``: from a ready template to an agreement of one's own."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path
from typing import Any

import click

from linkage.cli.common import ExistingFile, Folder, NewFile, refuse_unwritable, today
from linkage.errors import AgreementError
from linkage.exchange.files import write_atomically
from linkage.governance.containment import outside_parent
from linkage.governance.document import AgreementDocument, parse_agreement, read_agreement
from linkage.governance.drafting import Particulars, fill_template, keys_in, with_parent
from linkage.governance.schema import SCHEMA_NAME, agreement_schema
from linkage.resources import shipped
from linkage.spec.load import load_spec
from linkage.spec.strict_yaml import Path as FieldPath

#: What no question can answer for its parties: they write it, with the template's words before them.
_TO_WRITE: tuple[FieldPath, ...] = (
    ("parties",),
    ("purpose",),
    ("methodology",),
    ("data",),
    ("outputs",),
    ("recipients",),
    ("retention",),
    ("incident",),
    ("irb",),
    ("general",),
)
_LEAVES = {"research_file": "rows", "table": "tables", "flag_back": "yes or no", "crosswalk": "who is who"}
_DAY = click.DateTime(["%Y-%m-%d"])


def templates() -> dict[str, Path]:
    """Return the ready agreements, by name."""
    return {path.stem: path for path in sorted(shipped("agreements").glob("*.yaml"))}


def _line(name: str, path: Path) -> str:
    """Say in a line what a template is for and what leaves under it."""
    terms = read_agreement(path).terms
    leaves = dict.fromkeys(_LEAVES[output.kind] for output in terms.outputs)
    return f"{name:32} {terms.title} ({', '.join(leaves) or 'nothing leaves'})"


def _listed(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        for name, path in templates().items():
            click.echo(_line(name, path))
        ctx.exit()


@click.command()
@click.argument("out", type=NewFile)
@click.option("--list", is_flag=True, is_eager=True, expose_value=False, callback=_listed, help="List the templates.")
@click.option("--template", metavar="NAME", help="The ready agreement to start from, or a draft of your own: its file.")
@click.option("--id", "agreement_id", metavar="ID", help="The agreement's ID: lower-case letters, digits, hyphens.")
@click.option("--effective", type=_DAY, metavar="DATE", help="First day.  [default: today]")
@click.option("--expires", type=_DAY, metavar="DATE", help="Last day.  [default: as long as the template]")
@click.option("--destroy-by", type=_DAY, metavar="DATE", help="Day by which data are destroyed.")
@click.option("--trained-on", type=_DAY, metavar="DATE", help="Day on which the named users were trained.")
@click.option("--parties-from", type=Folder, metavar="FOLDER", help="Folder with every party's NAME.pub.")
@click.option("--parent", type=ExistingFile, help="The agreement above it, in OUT's folder; OUT must lie inside it.")
@click.option("--spec", metavar="SPEC", help="The linkage spec: a file or a ready one.  [default: the template's]")
@click.option("--ask/--no-ask", default=None, help="Ask for what is not given.  [default: on a terminal]")
def new(
    out: Path,
    template: str | None,
    agreement_id: str | None,
    effective: date | None,
    expires: date | None,
    destroy_by: date | None,
    trained_on: date | None,
    parties_from: Path | None,
    parent: Path | None,
    spec: str | None,
    ask: bool | None,
) -> None:
    """Write an agreement to OUT from a ready template, asking for what differs.

    With --parties-from it is ready to sign; without, it is a draft in which keys are pending. Comments stay.
    """
    refuse_unwritable(out)
    asking = sys.stdin.isatty() if ask is None else ask
    draft = _template(template, asking)
    terms = draft.terms
    chosen_id = agreement_id or (_ask("ID of the agreement", terms.id) if asking else terms.id)
    first = _day(effective) or (_ask_day("first day", today()) if asking else today())
    length, keeping = terms.term.expires - terms.term.effective, terms.retention.destroy_by - terms.term.expires
    last = _day(expires) or (_ask_day("last day", first + length) if asking else first + length)
    gone = _day(destroy_by) or (_ask_day("data destroyed by", last + keeping) if asking else last + keeping)
    folder = parties_from
    if folder is None and asking:
        answer = _ask("folder with the parties' NAME.pub files (empty: later)", "")
        folder = Path(answer) if answer else None
    above = read_agreement(parent) if parent is not None else None
    filled = fill_template(
        draft.text if above is None or parent is None else with_parent(draft.text, str(out), above, parent.name),
        draft.yaml.source,
        Particulars(
            keys=keys_in(folder) if folder is not None else None,
            spec_sha256=load_spec(spec or terms.linkage.spec).sha256,
            effective=first,
            expires=last,
            destroy_by=gone,
            agreement_id=chosen_id,
            trained_on=_day(trained_on),
            others=(_asked(draft) if asking else {}) | ({("linkage", "spec"): spec} if spec is not None else {}),
        ),
    ).encode()
    written = parse_agreement(filled, str(out))
    if above is not None:
        _refuse_outside(written, above)
    write_atomically(out, filled, mode=0o644)
    schema = out.with_name(SCHEMA_NAME)
    if not schema.exists():
        write_atomically(schema, agreement_schema().encode(), mode=0o644)
    click.echo(f"agreement: {out}  ({written.terms.status})")
    there = (path for path in _TO_WRITE if path in written.yaml.lines)
    click.echo("Yours to write in the file: " + ", ".join(str(written.cite(*path)) for path in there))
    click.echo(f"Then: linkage agreement check {out}, render {out}, sign {out}")


def _refuse_outside(written: AgreementDocument, above: AgreementDocument) -> None:
    problems = [f"{written.cite(*path)}: {text}" for path, text in outside_parent(written.terms, above.terms)]
    if problems:
        raise AgreementError(f"The agreement does not lie inside {above.yaml.source}.", problems)


def _template(name: str | None, asking: bool) -> AgreementDocument:
    ready = templates()
    if name is None and asking:
        _say("Templates. Take the one whose outputs are nearest to yours.")
        for each, path in ready.items():
            click.echo(f"  {_line(each, path)}", err=True)
        name = click.prompt("start from", type=click.Choice(list(ready)), show_choices=False, err=True)
    if name is not None and name not in ready and Path(name).is_file():
        return read_agreement(Path(name))
    if name not in ready:
        raise AgreementError(
            f"There is no template {name}." if name else "No template was named.",
            advice=f"Give --template one of: {', '.join(ready)}.",
        )
    return read_agreement(ready[name])


def _asked(draft: AgreementDocument) -> dict[FieldPath, str | int]:
    """Ask what differs from consortium to consortium; keep only what differs from the template."""
    terms = draft.terms
    _say("Parties. Each signs; who signs must be able to bind it.")
    answers: dict[FieldPath, str | int] = {("title",): _ask("title of the agreement", terms.title)}
    for number, party in enumerate(terms.parties):
        place: FieldPath = ("parties", number)
        answers[*place, "legal_name"] = _ask(f"legal name of {party.id} ({party.role})", party.legal_name)
        answers[*place, "signatory", "name"] = _ask("  who signs for it", party.signatory.name)
        answers[*place, "signatory", "title"] = _ask("  title of the signatory", party.signatory.title)
    _say("Data. Rows of other years stay with their agency; each law is the provider's own reason to share.")
    for number, dataset in enumerate(terms.data):
        place = ("data", number)
        if dataset.years is not None:
            answers[*place, "years", "from"] = _ask_year(f"{dataset.key}: first year", dataset.years.first)
            answers[*place, "years", "to"] = _ask_year(f"{dataset.key}: last year", dataset.years.last)
        if dataset.authority.basis == "state_law":
            answers[*place, "authority", "statute"] = _ask(
                f"{dataset.key}: the law of your state that lets {dataset.provider} share it", dataset.authority.statute
            )
    _say("Recipients. Only these persons may work with what is released; each needs training first.")
    for number, recipient in enumerate(terms.recipients):
        for user, named in enumerate(recipient.named_users):
            answers["recipients", number, "named_users", user, "name"] = _ask(
                f"named user {user + 1} of {recipient.party}", named.name
            )
    _say("Protection. Groups of fewer persons are hidden; 10 is usual, 3 the floor.")
    control = terms.disclosure_control
    answers["disclosure_control", "person_threshold"] = int(
        click.prompt("fewest persons in a published cell", default=control.person_threshold, type=int, err=True)
    )
    answers["incident", "contact"] = _ask("who is told of a breach (e-mail)", terms.incident.contact)
    if terms.irb is not None and terms.irb.number is not None:
        answers["irb", "number"] = _ask("number of the review board's approval", terms.irb.number)
    answers["general", "governing_law"] = _ask("governing law", terms.general.governing_law)
    return {path: answer for path, answer in answers.items() if answer != _in_template(draft, path)}


def _in_template(draft: AgreementDocument, path: FieldPath) -> object:
    inside: Any = draft.yaml.data
    for part in path:
        inside = inside[part]
    return inside


def _say(text: str) -> None:
    click.secho(f"\n{text}", bold=True, err=True)


def _ask_year(question: str, default: int) -> int:
    return int(click.prompt(question, default=default, type=click.IntRange(1900, 2200), err=True))


def _ask(question: str, default: str) -> str:
    return str(click.prompt(question, default=default, err=True))


def _ask_day(question: str, default: date) -> date:
    return _day(click.prompt(question, default=default.isoformat(), type=_DAY, err=True)) or default


def _day(value: date | None) -> date | None:
    """Return the date of click's datetime."""
    return date(value.year, value.month, value.day) if value is not None else None
