"""``linkage hub explain``: why two records were or were not linked."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console

from linkage.cli.common import HubFolder, NewFile, now
from linkage.engine.explain import explain
from linkage.engine.question import Post
from linkage.engine.rooms import Hub
from linkage.exchange.files import write_atomically
from linkage.reports.explanation import show_explanations
from linkage.reports.explanation_html import explanation_html
from linkage.reports.progress import Phases


@click.command("explain")
@HubFolder
@click.argument("one", metavar="A")
@click.argument("other", metavar="[B]", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--html", type=NewFile, help="Write a page with the waterfalls as charts.")
def hub_explain(hub: Path, one: str, other: str | None, as_json: bool, html: Path | None) -> None:
    """Show why two records were or were not linked: levels, weights, passes, decision; never a value.

    A and B are each AGENCY:TOKEN (the first characters of the token will do) or a common student ID, which stands for
    all its records. With A alone, an ID, its records are compared with each other.

    Only the matcher knows in which passes two records met, so it is asked; for these records it then knows which of
    its rows belong together.
    """
    folder = Hub(hub)
    with folder.working(), Phases() as phases:
        found = explain(folder, one, other, Post(now(), os.urandom), phases)
    if html:
        write_atomically(html, explanation_html(found))
    if as_json:
        click.echo(json.dumps([asdict(each) for each in found], indent=2))
    else:
        show_explanations(Console(highlight=False), found)
    if html:
        click.echo(f"written: {html}", err=as_json)
