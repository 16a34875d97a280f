"""``linkage simulate``: write a fictional consortium to a folder."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from linkage.simulation import Progress, Years, refuse_occupied, write_world
from linkage.simulation import simulate as simulate_world
from linkage.simulation.world import FEWEST, MOST

#: Share of all the work that is done when the files begin to be written.
_SIMULATED = 0.6


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--people",
    type=click.IntRange(FEWEST, MOST),
    default=5000,
    show_default=True,
    help="How many people live in the world, children and grown-ups.",
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=1, show_default=True, help="The same seed makes the same files."
)
@click.option(
    "--years",
    default=f"{Years().first}-{Years().last}",
    show_default=True,
    metavar="FIRST-LAST",
    help="School years that the files cover, by the year in which they end.",
)
def simulate(folder: Path, people: int, seed: int, years: str) -> None:
    """Write a fictional P-20W consortium to FOLDER, which must be new or empty.

    Seven agencies (early learning, two K-12 districts, state colleges, workforce, child welfare, vital records) export
    what they know of the same people, each in its own columns and with its own errors. FOLDER/README.md explains the
    files, and FOLDER/truth.csv tells who is who.
    """
    refuse_occupied(folder)
    span = _years(years)
    with _progress() as report:
        world = simulate_world(people, seed, span, lambda phase, done: report(phase, _SIMULATED * done))
        write_world(world, folder, lambda phase, done: report(phase, _SIMULATED + (1 - _SIMULATED) * done))
    records = sum(agency.register.rows for agency in world.agencies)
    click.echo(f"{people:,} people, {len(world.agencies)} agencies, {records:,} records of persons in {folder}")
    click.echo(f"Read {folder / 'README.md'} for what the files hold; {folder / 'truth.csv'} tells who is who.")


def _years(text: str) -> Years:
    first, _, last = text.partition("-")
    if not (first.isdigit() and last.isdigit()):
        raise click.BadParameter(f"expected two years such as 2016-2026, not {text!r}", param_hint="--years")
    return Years(int(first), int(last))


@contextmanager
def _progress() -> Iterator[Progress]:
    """Yield a reporter of phases: a bar with the time left on a terminal, plain lines elsewhere."""
    if not sys.stderr.isatty():
        yield lambda phase, done: click.echo(f"{done:4.0%}  {phase}", err=True)
        return
    columns = (TextColumn("{task.description:42}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=1.0)
        yield lambda phase, done: bar.update(task, description=phase, completed=done)
