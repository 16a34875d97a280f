"""``linkage hub rebuild``, ``restore``, ``agency-ids`` and ``end-epoch``: what the registrar does now and then."""

from __future__ import annotations

import os
from pathlib import Path

import click
from rich.console import Console

from linkage.cli.common import ExistingFile, HubFolder, NewFile, now, refuse_unwritable
from linkage.engine import journal
from linkage.engine.agency_ids import AGENCY_IDS_SUFFIX, make_agency_ids
from linkage.engine.registrar import resolve
from linkage.engine.restoring import restore_registry
from linkage.engine.rooms import Hub
from linkage.engine.rotation import Ending, certified_already, end_epoch, plan_ending
from linkage.registry.guard import CHURN_LIMIT
from linkage.reports.linkage_run import show_certificate
from linkage.reports.progress import Phases
from linkage.reports.registry_plan import show_plan

PlanOnly = click.option("--plan", "plan_only", is_flag=True, help="Show what would change, and change nothing.")
ChurnLimit = click.option(
    "--churn-limit",
    type=click.FloatRange(0, 1),
    default=CHURN_LIMIT,
    show_default=True,
    help="Share of existing records that may change their ID unconfirmed.",
)
Confirm = click.option("--confirm", default="", metavar="PLAN", help="Apply a held plan, by the name that was shown.")


@click.command("rebuild")
@HubFolder
@PlanOnly
@ChurnLimit
@Confirm
def hub_rebuild(hub: Path, plan_only: bool, churn_limit: float, confirm: str) -> None:
    """Take the newest links as they are: IDs are inherited by largest overlap, and may be split.

    Unlike `resolve`, which extends, merges, and splits off thin evidence alone, this gives false links of earlier years
    up. Decisions of people hold. Look at the plan first.
    """
    folder = Hub(hub)
    with folder.working(), Phases() as phases:
        done = resolve(
            folder, now(), plan_only=plan_only, churn_limit=churn_limit, confirmed=confirm, rebuild=True, report=phases
        )
        if done.run:
            journal.linked(folder, done.certificate, now())
    console = Console(highlight=False)
    show_plan(console, done.plan, done.run)
    show_certificate(console, done.certificate)


@click.command("restore")
@HubFolder
@click.argument("backup", type=ExistingFile)
@click.option("--replace", is_flag=True, help="Move the registry that is there aside.")
def hub_restore(hub: Path, backup: Path, replace: bool) -> None:
    """Put BACKUP, a file made by `hub backup`, in the place of HUB's registry, once it is verified.

    Runs after the backup are lost: their new students get other IDs when they are resolved again.
    """
    folder = Hub(hub)
    with folder.working():
        done = restore_registry(folder, backup, now(), replace)
    found = done.verification
    click.echo(f"registry: {found.students:,} students as after run {found.head.run}, verified against the ledger")
    if done.aside:
        click.echo(f"the registry that was here is kept: {done.aside}")
    if done.lost:
        click.echo(
            f"lost: {len(done.lost):,} runs after the backup ({done.lost[0]} to {done.lost[-1]}). Decisions among them"
            " must be taken again; `linkage hub resolve` gives their new students other IDs than they had."
        )


@click.command("agency-ids")
@HubFolder
@click.argument("agency", metavar="AGENCY")
@click.option("--out", type=NewFile, required=True, help=f"The package to write ({AGENCY_IDS_SUFFIX}).")
def hub_agency_ids(hub: Path, agency: str, out: Path) -> None:
    """Give AGENCY lasting IDs of its own records, sealed to it, where the agreement lists it (linkage.agency_ids).

    They are made for this agency: two agencies cannot join theirs, and neither learns the common student ID.
    """
    refuse_unwritable(out)
    folder = Hub(hub)
    at = now()
    with folder.working(), journal.noting_refusals(folder, f"the IDs of its own records to {agency}", at):
        table = make_agency_ids(folder, agency, out, at, os.urandom)
    click.echo(f"{out}: {len(table):,} records of {agency} under {table['scoped_id'].nunique():,} IDs, sealed to it")


@click.command("end-epoch")
@HubFolder
@click.option("--plan", "plan_only", is_flag=True, help="Say what would be destroyed, and destroy nothing.")
@click.option("--method", help="How it is destroyed, for the certificate: for instance 'deleted, encrypted disk'.")
@click.option("--person", help="Who does it, for the certificate.")
@click.option("--out", type=NewFile, help="The certificate to write (JSON).")
def hub_end_epoch(hub: Path, plan_only: bool, method: str | None, person: str | None, out: Path | None) -> None:
    """Destroy what was made with the secret before this one, once all records are back under the new one.

    Refused until every agency has delivered under the new secret and the run over all of them is resolved. Student IDs
    stay: records come back under the same tokens. The agencies destroy the secret itself.
    """
    folder = Hub(hub)
    with folder.working():
        ending = plan_ending(folder)
        _show_ending(ending)
        if plan_only:
            return
        if not (method and person and out):
            raise click.UsageError("a certificate needs --method, --person and --out")
        if not certified_already(folder, ending, out):
            refuse_unwritable(out)
        certificate = end_epoch(folder, ending, method=method, person=person, out=out, now=now())
    click.echo(f"destroyed {len(certificate.files):,} files; certificate, signed by the hub: {out}")


def _show_ending(ending: Ending) -> None:
    for bridge in ending.bridges:
        click.echo(f"{bridge.agency}: {bridge.known:,} of {bridge.records:,} records are back under their tokens")
    for each in ending.encodings:
        check = each.key_check_value[:12]
        click.echo(f"  to destroy: {each.agency}, epoch {each.epoch}, {each.records:,} records, secret {check}...")
    click.echo(f"  {len(ending.files):,} files in all")
