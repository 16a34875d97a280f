"""``linkage demo``: a small consortium, played through the public commands.

Rules:

- Every step is a command that a person could type; it is printed, then run. Nothing is done behind the curtain but the
  comparison with the truth at the end, which only a simulation can make.
- The rooms stay apart as in life: each agency uses its own folder and key, the hub its three rooms.
"""

from __future__ import annotations

import os
import shlex
from contextlib import chdir
from pathlib import Path

import click
import pandas as pd
from rich.console import Console

from linkage.cli.common import Folder
from linkage.engine.registrar import last_certificate, open_registry
from linkage.engine.rooms import Hub
from linkage.engine.steward import person_tokens
from linkage.errors import InputError, LinkageError
from linkage.exchange.keys import load_private_keys
from linkage.hashing.read import read_extract
from linkage.matching.quality import Certificate
from linkage.matching.truth import Scores, score_against_truth

#: Agency, its register, the column of its own ID, its payload, and whether a person may stand in the register twice.
AGENCIES = (
    ("early-learning", "children.csv", "child_id", ("attendance", "assessments"), False),
    ("lakeside-district", "students.csv", "StudentUniqueId", ("enrollment",), True),
    ("state-colleges", "students.csv", "student_id", ("enrollments",), False),
    ("workforce", "workers.csv", "WageRecordId", ("wages",), False),
    ("child-welfare", "children.csv", "ChildID", ("placements",), False),
)
_PARTIES = (*(agency for agency, *_ in AGENCIES), "university")
_AGREEMENT = "agreement.yaml"


@click.command()
@click.argument("folder", type=Folder, default="demo-world")
@click.option("--people", type=click.IntRange(1000, 100_000), default=6000, show_default=True, help="How many people.")
@click.option("--seed", type=click.IntRange(min=0), default=11, show_default=True, help="Another seed, other people.")
@click.pass_context
def demo(context: click.Context, folder: Path, people: int, seed: int) -> None:
    """Simulate a consortium in FOLDER and play steward, hub and researcher.

    Five agencies hash and seal their files, a hub links them and mints common student IDs, a university receives a
    longitudinal file and a table with small cells suppressed. Nothing is opened by itself.
    """
    if folder.exists() and any(folder.iterdir()):
        raise InputError(f"{folder} is not empty", advice="name a new folder, or remove this one")
    folder.mkdir(parents=True, exist_ok=True)
    console = Console(highlight=False, soft_wrap=True)
    root = context.find_root().command
    with chdir(folder):
        player = _Player(console, root)
        _prepare(player, people, seed)
        _agencies(player)
        _hub(player)
        _researcher(player)
        _results(console)
    console.print(f"\nEverything is in [bold]{folder}[/]: the world's README.md says who is who; delete it when done.")


class _Player:
    """Prints a command and runs it."""

    def __init__(self, console: Console, root: click.Command) -> None:
        self._console = console
        self._root = root

    def scene(self, title: str) -> None:
        self._console.print(f"\n[bold]{title}[/]")

    def run(self, command: str, expect: int = 0) -> None:
        self._console.print(f"[cyan]$ linkage {command}[/]")
        code = self._root.main(args=shlex.split(command), prog_name="linkage", standalone_mode=False)
        if (code or 0) != expect:
            raise LinkageError(f"the demo stopped: `linkage {command}` ended with {code}")


def _prepare(player: _Player, people: int, seed: int) -> None:
    player.scene("A fictional consortium, and the parties' keys")
    player.run(f"simulate world --people {people} --seed {seed}")
    for party in _PARTIES:
        player.run(f"keys new {party} --out {party}")
    player.run("hub new hub --name data-hub")

    player.scene("The agreement: five agencies, one hub, one university")
    public = Path("public-keys")
    public.mkdir()
    for found in (*Path().glob("*/*.pub"), *Path("hub").glob("*/*.pub")):
        if found.parent != public:
            (public / found.name).write_bytes(found.read_bytes())
    player.run(
        f"agreement new {_AGREEMENT} --template longitudinal-research --parties-from {public} --spec person "
        f"--trained-on {pd.Timestamp.today():%Y-%m-%d} --no-ask"
    )
    for party in _PARTIES:
        player.run(f"agreement sign {_AGREEMENT} --as {party} --key {party}/{party}.key")
    player.run(f"agreement sign {_AGREEMENT} --as data-hub --key hub/release/data-hub.release.key")
    player.run(f"hub adopt hub {_AGREEMENT} --spec person")


def _agencies(player: _Player) -> None:
    player.scene("Each agency's steward: hash the register, seal the payload. No name leaves the building.")
    player.run("secret new --out agencies-only.secret")
    for agency, register, _, payload, twice in AGENCIES:
        more = " --may-have-duplicates" if twice else ""
        player.run(
            f"hash world/{agency}/{register} --agreement {_AGREEMENT} --spec person --secret agencies-only.secret "
            f"--key {agency}/{agency}.key --out {agency}/register.lpkg{more}"
        )
        for dataset in payload:
            player.run(
                f"seal world/{agency}/{dataset}.csv --dataset {dataset} --agreement {_AGREEMENT} "
                f"--key {agency}/{agency}.key --out {agency}/{dataset}.dpkg --drop-unlisted"
            )
    player.scene("What the agreement does not list is refused")
    player.run(
        f"seal world/early-learning/attendance.csv --dataset attendance --agreement {_AGREEMENT} "
        f"--key early-learning/early-learning.key --out early-learning/everything.dpkg",
        expect=1,
    )


def _hub(player: _Player) -> None:
    player.scene("The hub: receive, match without labels, keep common student IDs, release what is allowed")
    packages = " ".join(str(path) for path in sorted([*Path().glob("*/*.lpkg"), *Path().glob("*/*.dpkg")]))
    player.run(f"hub receive hub {packages}")
    player.run("hub match hub")
    player.run("hub resolve hub")
    player.run(
        "hub release hub research-file college-by-school --to university --purpose research --out university/2026.rpkg"
    )
    player.run("hub release hub research-file --to university --purpose marketing --out university/ads.rpkg", expect=1)


def _researcher(player: _Player) -> None:
    player.scene("The researcher: open, read, destroy in time")
    player.run(
        f"open university/2026.rpkg --agreement {_AGREEMENT} --key university/university.key --out university/2026"
    )


def true_scores(hub: Hub, world: Path, agreement: str) -> Scores:
    """Hold the hub's IDs against the simulation's truth, through the agencies' own tokens."""
    truth = pd.read_csv(world / "truth.csv", dtype=str)
    registers, persons = [], {}
    for agency, register, local_id, _, _ in AGENCIES:
        ids = read_extract(world / agency / register).frame[local_id]
        tokens = person_tokens(load_private_keys(Path(agency) / f"{agency}.key"), agreement, ids)
        registers.append(pd.DataFrame({"source": agency, "row": range(len(ids)), "person_token": tokens}))
        mine = truth[truth["agency"] == agency].set_index("local_id")["person_id"]
        persons[agency] = mine.reindex(ids).reset_index(drop=True)
    with open_registry(hub) as registry:
        known = registry.crosswalk().rename(columns={"agency": "source", "student_id": "cluster_id"})
    clusters = pd.concat(registers).merge(known, on=["source", "person_token"], how="left", validate="one_to_one")
    twice = frozenset(agency for agency, *_, duplicates in AGENCIES if duplicates)
    no_pairs = pd.DataFrame(columns=["source_a", "row_a", "source_b", "row_b"])
    return score_against_truth(clusters, no_pairs, persons, twice)[1]


def _results(console: Console) -> None:
    hub = Hub(Path("hub"))
    certificate = Certificate.model_validate_json(last_certificate(hub).read_bytes())
    estimated = certificate.after_clustering
    scores = true_scores(hub, Path("world"), hub.agreement().terms.id)
    records = sum(source.records for source in certificate.sources)
    console.print("\n[bold]Results[/]")
    console.print(f"records            {records:,} of {len(certificate.sources)} agencies")
    console.print(f"persons            {certificate.persons:,} common student IDs")
    console.print(f"links              {scores.links:,} pairs of records")
    console.print(
        f"precision          {estimated.estimated_precision:.4f} estimated without labels, {scores.precision:.4f} true"
    )
    console.print(f"recall             {estimated.estimated_recall:.4f} estimated, {scores.recall:.4f} true")
    opened = Path("university/2026")
    console.print("\n[bold]The longitudinal file[/] (first rows and columns)")
    rows = pd.read_parquet(opened / "research-file-rows.parquet")
    shown = rows[["release_id", "dataset", "period", "GradeLevel", "DaysAbsent", "term", "credential"]]
    busy = rows["release_id"].value_counts().index[0]
    console.print(shown[rows["release_id"] == busy].head(12).to_string(index=False, na_rep=""), markup=False)
    console.print("\n[bold]The table[/] (* is hidden: a small cell, or one that would give a small cell back)")
    console.print(pd.read_csv(opened / "college-by-school.csv").head(12).to_string(index=False), markup=False)
    console.print(f"\n[bold]Files[/]\n  {opened}{os.sep}  what the researcher got; codebook.html explains it")
    console.print("  hub/               the hub's three rooms; it holds no name, no birth date, no secret")
    console.print(f"  {last_certificate(hub)}  the linkage certificate")
