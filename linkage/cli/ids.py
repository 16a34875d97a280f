"""``linkage hub ids``: look common student IDs up, and decide about them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from linkage.cli.common import HubFolder, now
from linkage.engine import journal
from linkage.engine.registrar import open_registry
from linkage.engine.rooms import Hub
from linkage.errors import InputError
from linkage.registry import manual
from linkage.registry.model import Plan, RecordKey, RunRecord, State
from linkage.registry.read import Status, Student
from linkage.registry.store import Registry

_SHORTEST_TOKEN = 4

Identifier = click.argument("identifier", metavar="ID")
Reason = click.option("--reason", required=True, help="What the decision rests on; kept for good.")
Records = click.option(
    "--record",
    "records",
    multiple=True,
    metavar="AGENCY:TOKEN",
    help="A record, as `show` lists it; the first characters of the token will do. May be repeated.",
)


@click.group()
def ids() -> None:
    """List common student IDs, look them up, and merge, split, pin or withdraw them."""


@ids.command("list")
@HubFolder
@click.option("--agency", metavar="AGENCY", help="List the person tokens of this agency, with their IDs.")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="How many to list.")
def ids_list(hub: Path, agency: str | None, limit: int) -> None:
    """List IDs, oldest first, with their number of records and the agencies these are of."""
    with open_registry(Hub(hub)) as registry:
        if agency is None:
            lines = [
                f"{each.id}  {sum(each.records.values()):,} records: {', '.join(each.records)}"
                for each in registry.list_ids(limit + 1)
            ]
        else:
            lines = [
                f"{each.id}  {each.key.agency}:{each.key.person_token}"
                for each in registry.list_records(agency, limit + 1)
            ]
    click.echo("\n".join(lines[:limit]) or "none")
    if len(lines) > limit:
        click.echo(f"the first {limit:,}; there are more (--limit)", err=True)


@ids.command("show")
@HubFolder
@Identifier
def ids_show(hub: Path, identifier: str) -> None:
    """Show what stands under an ID: its records, the decisions that hold it, evidence against them."""
    with open_registry(Hub(hub)) as registry:
        student = registry.lookup(identifier)
    click.echo(f"{student.id}: {student.status.value}{_redirect(student)}")
    for holding in student.records:
        note = {"": "", "record": "  withdrawn by its agency", "person": "  the student opted out"}[holding.withheld]
        click.echo(f"  record {holding.key.agency}:{holding.key.person_token}{note}")
    for decision in student.decisions:
        count = sum(map(len, decision.sides))
        click.echo(f"  decision {decision.number} ({decision.kind.value}, {count} records): {decision.reason}")
    for met in student.conflicts:
        others = {met.id, met.other} - {student.id, ""}
        click.echo(f"  not followed in the last run: {met.conflict.evidence} ({met.conflict.rule}){_with(others)}")


def _with(others: set[str]) -> str:
    return f": {', '.join(sorted(others))}" if others else ""


def _redirect(student: Student) -> str:
    return f" into {student.current}" if student.status is Status.MERGED else ""


@ids.command("history")
@HubFolder
@Identifier
def ids_history(hub: Path, identifier: str) -> None:
    """List every event in which an ID took part."""
    with open_registry(Hub(hub)) as registry:
        events = registry.history(identifier)
    for event in events:
        other = f" -> {event.other}" if event.other else ""
        count = f", {len(event.records)} records" if event.records else ""
        click.echo(f"run {event.run}  {event.started}  {event.id} {event.kind.value}{other}{count}")
        click.echo(f"    {event.reason}{f' ({event.evidence})' if event.evidence else ''}")


@ids.command("conflicts")
@HubFolder
@click.option("--run", type=click.IntRange(1), help="The run to ask about; the last one if not given.")
def ids_conflicts(hub: Path, run: int | None) -> None:
    """List the evidence that a run did not follow, and the rule that stood against it."""
    with open_registry(Hub(hub)) as registry:
        lines = [
            f"{met.id}{f' and {met.other}' if met.other else ''}: {met.conflict.rule} ({met.conflict.evidence})"
            for met in registry.conflicts(run)
        ]
    click.echo("\n".join(lines) or "none")


@ids.command("merge")
@HubFolder
@click.argument("identifiers", metavar="ID ID...", nargs=-1, required=True)
@Reason
def ids_merge(hub: Path, identifiers: tuple[str, ...], reason: str) -> None:
    """Decide that several IDs are one student; the oldest survives."""
    with _deciding(hub, identifiers, reason) as decide:
        decide(lambda state, names: manual.plan_merge(state, names, reason))


@ids.command("split")
@HubFolder
@Identifier
@Records
@Reason
def ids_split(hub: Path, identifier: str, records: tuple[str, ...], reason: str) -> None:
    """Decide that some records of an ID are another student; they get a new ID."""
    with _deciding(hub, [identifier], reason) as decide:
        decide(lambda state, names: manual.plan_split(state, names[0], _keys(state, records), reason))


@ids.command("pin")
@HubFolder
@Identifier
@Reason
def ids_pin(hub: Path, identifier: str, reason: str) -> None:
    """Hold an ID's records together and let no other ID join them; new records may."""
    with _deciding(hub, [identifier], reason) as decide:
        decide(lambda state, names: manual.plan_pin(state, names[0], reason))


@ids.command("unpin")
@HubFolder
@Identifier
@click.option("--decision", type=int, required=True, help="The decision's number, as `show` lists it.")
@Reason
def ids_unpin(hub: Path, identifier: str, decision: int, reason: str) -> None:
    """Lift a decision: a merge, a split or a pin. The IDs stay until a run has reason to change them."""
    with _deciding(hub, [identifier], reason) as decide:
        decide(lambda state, names: manual.plan_unpin(state, names[0], decision, reason))


@ids.command("withdraw")
@HubFolder
@Identifier
@Records
@click.option("--opt-out", is_flag=True, help="The student opted out: all records, and those linked later.")
@Reason
def ids_withdraw(hub: Path, identifier: str, records: tuple[str, ...], opt_out: bool, reason: str) -> None:
    """Keep records of an ID out of every later release: those an agency takes back, or a whole student's."""
    if opt_out == bool(records):
        raise click.UsageError("name the records that the agency takes back with --record, or give --opt-out")
    with _deciding(hub, [identifier], reason) as decide:
        if opt_out:
            decide(lambda state, names: manual.plan_opt_out(state, names[0], reason))
        else:
            decide(lambda state, _names: manual.plan_withdrawal(state, _keys(state, records), reason))


@ids.command("readmit")
@HubFolder
@Identifier
@Records
@Reason
def ids_readmit(hub: Path, identifier: str, records: tuple[str, ...], reason: str) -> None:
    """Undo a withdrawal: of the records named, or of all the ID's."""
    with _deciding(hub, [identifier], reason) as decide:
        decide(lambda state, names: manual.plan_readmission(state, names[0], _keys(state, records), reason))


@contextmanager
def _deciding(
    hub: Path, identifiers: Sequence[str], reason: str
) -> Iterator[Callable[[Callable[[State, Sequence[str]], Plan]], None]]:
    """Hold the hub while a decision about some IDs is planned and applied, then say what it did."""
    folder = Hub(hub)
    with folder.working(), open_registry(folder) as registry:
        journal.require_same_registry(folder, registry)

        def decide(plan: Callable[[State, Sequence[str]], Plan]) -> None:
            state = registry.state_of(identifiers)
            _apply(registry, plan(state, state.ids.tolist()), reason)

        try:
            with registry.exclusive():
                yield decide
        finally:  # also where the decision is refused because it was taken, by a command that was killed
            journal.enter_runs(folder, registry, now())


def _apply(registry: Registry, plan: Plan, reason: str) -> None:
    # A person's decision about named IDs is its own confirmation: the churn guard is for runs.
    run = registry.apply(plan, RunRecord(now(), (), reason), limit=1.0)
    for event in registry.events(run):
        other = f" -> {event.other}" if event.other else ""
        click.echo(f"run {run}: {event.id} {event.kind.value}{other}")


def _keys(state: State, written: Iterable[str]) -> list[RecordKey]:
    """Read records as ``AGENCY:TOKEN``, the token perhaps cut short, among the IDs at hand."""
    at_hand = list(map(RecordKey, state.records["agency"], state.records["person_token"]))
    found: list[RecordKey] = []
    problems: list[str] = []
    for text in written:
        agency, _, token = text.rpartition(":")
        fits = [key for key in at_hand if key.agency == agency and key.person_token.startswith(token.lower())]
        if len(token) < _SHORTEST_TOKEN or len(fits) != 1:
            problems.append(f"{text}: {len(fits)} records of this ID fit; give more of the token")
        else:
            found += fits
    if problems:
        raise InputError("Not every record named is one record of the ID.", problems, "`ids show` lists them.")
    return found
