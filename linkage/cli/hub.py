"""``linkage hub``: the neutral operator's commands."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import click
from rich import box
from rich.console import Console
from rich.table import Table

from linkage.cli.common import ExistingFile, HubFolder, NewFile, now, refuse_unwritable, today
from linkage.cli.explain import hub_explain
from linkage.cli.hub_registry import (
    ChurnLimit,
    Confirm,
    PlanOnly,
    hub_agency_ids,
    hub_end_epoch,
    hub_rebuild,
    hub_restore,
)
from linkage.cli.ids import ids
from linkage.cli.review import hub_review
from linkage.engine import journal
from linkage.engine.facts import EncodingFacts
from linkage.engine.matcher import match as run_match
from linkage.engine.receive import held_encodings, latest
from linkage.engine.receive import receive as receive_package
from linkage.engine.registrar import REGISTRY_NAME, open_registry
from linkage.engine.registrar import resolve as run_resolve
from linkage.engine.releaser import BUNDLE_SUFFIX
from linkage.engine.releaser import release as run_release
from linkage.engine.rooms import ROOMS, Hub
from linkage.engine.work import work_of
from linkage.exchange.files import write_atomically
from linkage.governance.heads import head_problems, read_head
from linkage.governance.ledger import verify_ledger
from linkage.registry.backup import back_up
from linkage.registry.store import WAIT_SECONDS
from linkage.registry.verify import Head, Verification
from linkage.reports.certificate_html import certificate_html
from linkage.reports.forecast import show_forecast
from linkage.reports.linkage_run import show_certificate
from linkage.reports.outputs import describe_output
from linkage.reports.progress import Phases
from linkage.reports.registry_plan import show_plan


@click.group()
def hub() -> None:
    """Receive sealed packages, link them, keep the IDs, release what agreements allow."""


hub.add_command(ids)
hub.add_command(hub_explain)
hub.add_command(hub_review)
for command in (hub_agency_ids, hub_end_epoch, hub_rebuild, hub_restore):
    hub.add_command(command)


@hub.command("new")
@HubFolder
@click.option("--name", required=True, help="The hub's ID in agreements.")
def hub_new(hub: Path, name: str) -> None:
    """Make a HUB folder: three rooms, a key pair for each."""
    made = Hub.create(hub, name)
    for room in ROOMS:
        public = next((hub / room).glob("*.pub"))
        click.echo(f"{room:10} {public}  fingerprint {made.keys(room).public.fingerprint}")
    click.echo("Put the three .pub files into the agreement; then `linkage hub adopt`.")


@hub.command("adopt")
@HubFolder
@click.argument("agreement", type=ExistingFile)
@click.option("--spec", required=True, help="The linkage spec that the agreement names: a file or a ready one.")
def hub_adopt(hub: Path, agreement: Path, spec: str) -> None:
    """Take a signed AGREEMENT as the one that HUB works under."""
    folder = Hub(hub)
    with folder.working():
        standing = folder.adopt(agreement, spec)
        journal.enacted(folder, standing, now(), os.urandom)
    click.echo(f"{hub} works under {standing.terms.id} v{standing.terms.version}, sha256 {standing.sha256}")


@hub.command("receive")
@HubFolder
@click.argument("packages", nargs=-1, required=True, type=click.Path(path_type=Path))
def hub_receive(hub: Path, packages: tuple[Path, ...]) -> None:
    """Verify PACKAGES (.lpkg, .dpkg) and file them, still sealed, in the rooms they are for."""
    folder = Hub(hub)
    with folder.working():
        for path in packages:
            with journal.noting_refusals(folder, f"the hub accepts {path.name}", now()):
                received = receive_package(folder, path, today())
            journal.received(folder, received, now())
            state = "received" if received.new else "was here already, nothing changed"
            click.echo(f"{path.name}: {received.kind} of {received.sender}, {received.records:,} records: {state}")


@hub.command("match")
@HubFolder
@click.option("--anyway", is_flag=True, help="Match even if it looks too large for this machine.")
def hub_match(hub: Path, anyway: bool) -> None:
    """Match the latest encodings of all agencies and seal the links for the registrar.

    What the run will cost is shown before it begins; one that would not end is refused.
    """
    folder = Hub(hub)
    console = Console(highlight=False)
    memory = None if anyway else os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with folder.working(), Phases() as phases:
        matched = run_match(folder, now(), os.urandom, phases, announce=partial(show_forecast, console), memory=memory)
    if matched.scored is None:
        click.echo(f"these packages were matched before: run {matched.run}, nothing changed")
        return
    click.echo(f"run {matched.run}: {len(matched.sources)} sources, {len(matched.scored.links):,} pairs kept, sealed")
    for warning in matched.scored.warnings:
        click.echo(f"warning: {warning}")


@hub.command("resolve")
@HubFolder
@PlanOnly
@ChurnLimit
@Confirm
def hub_resolve(hub: Path, plan_only: bool, churn_limit: float, confirm: str) -> None:
    """Cluster the links, mint and extend common student IDs, and write the linkage certificate."""
    folder = Hub(hub)
    with folder.working(), Phases() as phases:
        done = run_resolve(
            folder, now(), plan_only=plan_only, churn_limit=churn_limit, confirmed=confirm, report=phases
        )
        if done.run:
            journal.linked(folder, done.certificate, now())
    console = Console(highlight=False)
    show_plan(console, done.plan, done.run)
    show_certificate(console, done.certificate)
    if done.certificate_file:
        page = done.certificate_file.with_suffix(".html")
        heading = f"{folder.agreement().terms.hub.id}, run {done.run}, {now():%Y-%m-%d}"
        write_atomically(page, certificate_html(done.certificate, heading))
        click.echo(f"certificate: {done.certificate_file}, as a page: {page}")


@hub.command("release")
@HubFolder
@click.argument("outputs", nargs=-1, required=True)
@click.option("--to", "recipient", required=True, metavar="PARTY", help="The recipient, as the agreement calls it.")
@click.option("--purpose", required=True, metavar="CODE", help="One of the agreement's permitted uses.")
@click.option("--user", "users", multiple=True, help="A named user it goes to.  [default: all named users]")
@click.option("--out", type=NewFile, required=True, help=f"The sealed bundle to write ({BUNDLE_SUFFIX}).")
@click.option("--as-resolved", is_flag=True, help="Release though newer packages came; ledger and bundle say so.")
def hub_release(
    hub: Path, outputs: tuple[str, ...], recipient: str, purpose: str, users: tuple[str, ...], out: Path,
    as_resolved: bool,
) -> None:  # fmt: skip
    """Make OUTPUTS that the agreement lists, protect them, and seal them to their recipient.

    Refused while the newest encodings are not matched and resolved (`hub status` says so).
    """
    refuse_unwritable(out)
    folder = Hub(hub)
    with folder.working(), Phases() as phases:
        done = run_release(
            folder, outputs, recipient=recipient, purpose=purpose, out=out, now=now(), random_bytes=os.urandom,
            users=users, as_resolved=as_resolved, report=phases,
        )  # fmt: skip
    for output in done.outputs:
        click.echo(describe_output(output))
    for note in done.notes:
        click.echo(f"note, in the bundle too: {note}")
    click.echo(f"sealed to {recipient}: {done.bundle}\nsigned head of the ledger: {done.head}")


@hub.command("verify")
@HubFolder
@click.option("--head", "heads", type=ExistingFile, multiple=True, help="A signed head of the ledger that you kept.")
@click.pass_context
def hub_verify(context: click.Context, hub: Path, heads: tuple[Path, ...]) -> None:
    """Check HUB's registry and ledger against themselves, one another, and heads of the ledger that were kept."""
    folder = Hub(hub)
    kept = journal.kept_heads(folder)
    with open_registry(folder) as registry:
        found = registry.verify(kept)
    counts = f"{found.students:,} students, {found.records:,} records, {found.events:,} events"
    click.echo(f"registry: {counts}, run {found.head.run}")
    ledger = verify_ledger(journal.ledger_path(folder))
    click.echo(f"ledger: {len(ledger.entries):,} entries, each linked to the one before")
    click.echo(
        f"of {found.head.run:,} runs of the registry the ledger has sealed {len(kept):,}{_unsealed(found, kept)}"
    )
    room = folder.agreement().terms.hub.public_keys("release")
    problems = [*found.problems, *head_problems(ledger, [read_head(head) for head in heads], room)]
    for problem in problems:
        click.echo(f"  - {problem}", err=True)
    click.echo("something does not hold" if problems else "everything holds")
    if problems:
        context.exit(1)


def _unsealed(found: Verification, kept: list[Head]) -> str:
    last = kept[-1].run if kept else 0
    return "; the next command enters the rest" if found.head.run > last else ""


@hub.command("backup")
@HubFolder
@click.argument("target", type=NewFile)
def hub_backup(hub: Path, target: Path) -> None:
    """Copy HUB's registry to the new file TARGET and verify the copy; safe while others work."""
    copied = back_up(Hub(hub).room("registrar") / REGISTRY_NAME, target, WAIT_SECONDS)
    click.echo(f"{target}: {copied.students:,} students as after run {copied.head.run}, verified")


@hub.command("status")
@HubFolder
def hub_status(hub: Path) -> None:
    """Show what HUB holds: agreement, packages, runs."""
    folder = Hub(hub)
    terms = folder.agreement().terms
    console = Console(highlight=False)
    console.print(f"{terms.id} v{terms.version}: {terms.title}\nstatus {terms.status}, expires {terms.term.expires}")
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("agency", "encodings", "records", "payload"):
        table.add_column(heading, justify="right" if heading == "records" else "left")
    held = {manifest.sender: manifest for manifest in held_encodings(folder)}
    payload: dict[str, list[str]] = {}
    for path in latest(folder.room("release", "inbox")):
        payload.setdefault(path.parent.parent.name, []).append(path.parent.name)
    for party in terms.parties:
        if party.role == "provider":
            manifest = held.get(party.id)
            table.add_row(
                party.id,
                manifest.created[:10] if manifest else "-",
                f"{EncodingFacts.of(manifest).records:,}" if manifest else "-",
                ", ".join(payload.get(party.id, [])) or "-",
            )
    console.print(table)
    work = work_of(folder)
    if work.last_run:
        console.print(f"registry: {work.students:,} student IDs in use after run {work.last_run}")
    else:
        console.print("registry: no run yet")
    if work.certificate is not None:
        after = work.certificate.after_clustering
        low, high = after.recall_interval
        estimates = (
            f", estimated precision {after.estimated_precision:.3f}, "
            f"recall {after.estimated_recall:.3f} ({low:.3f} to {high:.3f})"
        )
        console.print(f"linkage: {after.links:,} links{estimates if after.links else ''}")
    console.print(f"next: {work.next_step}")
