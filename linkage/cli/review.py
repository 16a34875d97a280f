"""``linkage hub review``: pairs in doubt go out to agencies, and their verdicts come back."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import click

from linkage.cli.common import ExistingFile, Folder, HubFolder, now
from linkage.engine import journal
from linkage.engine.question import Post
from linkage.engine.review import Settled, export_review, import_verdicts
from linkage.engine.rooms import Hub
from linkage.reports.progress import Phases


@click.group("review")
def hub_review() -> None:
    """Ask agencies about pairs in doubt, and follow their verdicts. Linkage needs neither."""


@hub_review.command("export")
@HubFolder
@click.argument("folder", type=Folder)
@click.option("--least", type=click.FloatRange(0.01, 1), default=0.05, show_default=True, help="Lowest probability.")
@click.option("--most", type=click.FloatRange(0, 1), default=0.95, show_default=True, help="Highest probability.")
@click.option("--at-most", type=click.IntRange(1), default=200, show_default=True, help="Pairs, nearest to even first.")
@click.option("--again", is_flag=True, help="Ask about pairs that agencies were asked about before, too.")
def review_export(hub: Path, folder: Path, least: float, most: float, at_most: int, again: bool) -> None:
    """Write a sealed packet for each agency that has a record in a pair in doubt to FOLDER.

    The agreement must let agencies be asked (linkage.clerical_review). A packet names the agency's own records by token
    and says how far each identifier agrees with a record elsewhere; no value, and no other agency. Packets that an
    export was kept from writing are written first, and alone.
    """
    work = Hub(hub)
    post = Post(now(), os.urandom)
    asking = journal.noting_refusals(work, "the hub sends pairs to review", post.now)
    with work.working(), Phases() as phases, asking:
        done = export_review(work, folder, post, least=least, most=most, at_most=at_most, again=again, report=phases)
    for packet in done.packets:
        click.echo(f"{packet.agency}: {packet.pairs:,} pairs, {folder / packet.name}")
    if done.left_over:
        click.echo("an earlier export that was cut short had chosen these pairs; export again to ask about more")
    click.echo("send each to its agency; it answers with `linkage review`" if done.packets else "no pair is in doubt")


@hub_review.command("import")
@HubFolder
@click.argument("verdicts", nargs=-1, required=True, type=ExistingFile)
def review_import(hub: Path, verdicts: tuple[Path, ...]) -> None:
    """Take agencies' VERDICTS in, and follow those that no agency contradicts.

    Each becomes a decision about the two records, with its reason, which later runs keep; `ids unpin` lifts it.
    """
    work = Hub(hub)
    with work.working():
        judged = import_verdicts(work, verdicts, Post(now(), os.urandom))
    counts = Counter(each.settled for each in judged)
    for settled in Settled:
        if counts[settled]:
            click.echo(f"{counts[settled]:,} pairs: {settled.value}")
    for each in judged:
        if each.settled in {Settled.CONTRADICTED, Settled.REFUSED}:
            click.echo(f"  {each.a} and {each.b}: {each.settled.value}{f' ({each.why})' if each.why else ''}")
