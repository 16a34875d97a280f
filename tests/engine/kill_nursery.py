"""Kill hub commands at random instants, look at what is left, and run them again. Run by test_kill.

``python kill_nursery.py FOLDER KILLS SEED [COMMANDS]`` prints one JSON object; COMMANDS is ``all`` or ``yearly``, or
``review``, whose commands are killed at every touch of a file, once each, instead of KILLS times. It is a program of
its own, so that it can fork: a command that starts in a millisecond can be killed in any millisecond of
its work. What each kill left is kept in FOLDER line by line, and a nursery that was stopped goes on from there.
"""

from __future__ import annotations

import json
import os
import pickle
import random
import shutil
import sys
from collections import Counter
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import timedelta
from functools import cache, partial
from importlib import import_module
from io import StringIO
from pathlib import Path

from click import ClickException
from consortium import NOW, children
from kill_instants import Instant, Work, draw, every_touch, in_child, measure, run_killed
from kill_look import look, look_again
from kill_world import REVIEW, STEPS, YEARLY, Step, at_hand, make_world

import linkage
from linkage.cli.main import main as linkage_command
from linkage.governance import document

CLOCKS = [import_module(f"linkage.cli.{name}") for name in ("hub", "hub_registry", "ids", "review", "steward")]


@dataclass(frozen=True)
class Rehearsed:
    """A step as it is commanded, and what it did undisturbed."""

    command: str
    work: Work


def warm() -> None:
    """Load here what every child would load again: compiled kernels, and agreements once they are parsed.

    Instants then fall into a command's own work and not into its start.
    """
    document.parse_agreement = cache(document.parse_agreement)
    linkage.link({"one": children(30), "other": children(30, first=10)})


def command(day: float, folder: Path, words: str) -> str:
    """Run one command in ``folder`` on a day; returns what it printed, or raises with it."""
    os.chdir(folder)
    for module in CLOCKS:
        module.now = lambda: NOW + timedelta(days=day)
    listed = [
        word for part in words.split(" ") for word in (sorted(map(str, Path().glob(part))) if "*" in part else [part])
    ]
    said = StringIO()
    try:
        with redirect_stdout(said), redirect_stderr(said):
            code = linkage_command.main(args=listed, prog_name="linkage", standalone_mode=False)
    except ClickException as refused:
        raise RuntimeError(f"linkage {words}: {refused.message}") from None
    if code:
        raise RuntimeError(f"linkage {words} ended with {code}: {said.getvalue()}")
    return said.getvalue()


def rehearse(folder: Path, step: Step) -> Rehearsed:
    """Run a step undisturbed."""
    words = step.command.format(**at_hand(folder))
    return Rehearsed(words, measure(folder, partial(command, step.day, folder, words)))


def rehearse_all(folder: Path) -> list[Rehearsed]:
    """Make the world and run every step, keeping the state before each; once for a folder."""
    kept, world = folder / "rehearsed", folder / "world"
    if kept.exists():
        return list(pickle.loads(kept.read_bytes()))
    for left in folder.iterdir():
        shutil.rmtree(left)
    world.mkdir()
    in_child(make_world, world)
    found = []
    for number, step in enumerate(STEPS):
        in_child(step.prepare, world)
        shutil.copytree(world, folder / f"before-{number}")
        found.append(in_child(rehearse, world, step))
        shutil.copytree(world, folder / f"after-{number}")
    kept.write_bytes(pickle.dumps(found))
    return found


def kill(folder: Path, target: Path, number: int, rehearsed: Rehearsed, instant: Instant) -> tuple[str, bool, str]:
    """Kill a step at an instant; returns the state it left, whether a journal was left to roll back, and a problem."""
    step, before, after = STEPS[number], folder / f"before-{number}", folder / f"after-{number}"
    shutil.copytree(before, target)
    run_killed(target, partial(command, step.day, target, rehearsed.command), instant)
    journal = target / "hub" / "registrar" / "registry.sqlite-journal"
    hot = journal.exists() and journal.stat().st_size > 0
    state = problem = ""
    later = partial(command, step.day + 0.001)
    try:
        state = in_child(look, target, rehearsed.command, before, after, later)
        in_child(look_again, target, rehearsed.command, before, after, later)
    except BaseException as error:
        problem = str(error)
    shutil.rmtree(target)
    return state, hot, problem


def instants(rehearsed: list[Rehearsed], kills: int, seed: int, which: str) -> list[tuple[int, Instant]]:
    """Say which step is killed when, kill by kill."""
    if which == "review":
        return [(number, instant) for number in REVIEW for instant in every_touch(rehearsed[number].work)]
    chosen = YEARLY if which == "yearly" else range(len(STEPS))
    numbers = [chosen[at % len(chosen)] for at in range(kills)]
    return [(n, draw(rehearsed[n].work, random.Random(f"{seed} {at}"))) for at, n in enumerate(numbers)]


def main(folder: Path, kills: int, seed: int, which: str) -> None:
    warm()
    rehearsed = rehearse_all(folder)
    planned = instants(rehearsed, kills, seed, which)
    kept = folder / f"kills-{which}-{seed}.jsonl"
    lines = [json.loads(line) for line in kept.read_text().splitlines()] if kept.exists() else []
    for at in sorted(set(range(len(planned))) - {line["kill"] for line in lines}):
        number, instant = planned[at]
        target = folder / "killed"
        shutil.rmtree(target, ignore_errors=True)
        state, hot, problem = kill(folder, target, number, rehearsed[number], instant)
        words = " ".join(rehearsed[number].command.split()[1:3])
        line = {"kill": at, "command": words, "kind": instant.kind, "at": str(instant), "state": state, "hot": hot}
        lines.append(line | {"problem": problem})
        with kept.open("a") as file:
            file.write(json.dumps(lines[-1]) + "\n")
    found = {
        "kills": len(planned),
        "states": Counter(line["state"] for line in lines),
        "kinds": Counter(line["kind"] for line in lines),
        "hot": sum(line["hot"] for line in lines),
        "commands": Counter(f"{line['command']}: {line['state']}" for line in lines),
        "problems": [line for line in lines if line["problem"]],
    }
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4] if len(sys.argv) > 4 else "all")
