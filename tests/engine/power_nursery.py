"""Commands of the hub and of others, and what a loss of power at any moment of their work leaves. Run by test_power.

``python power_nursery.py FOLDER STEPS STATES SEED`` prints one JSON object. The first STEPS commands are run once under
strace, and their calls played again on a disk that forgets: their order is checked, and of all that a loss of power may
leave of each command STATES are drawn, written to a folder, looked at as a kill's are, and the command run again on
them. What each left is kept in FOLDER line by line, and a nursery that was stopped goes on from there.
"""

from __future__ import annotations

import json
import pickle
import random
import shutil
import sys
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path

from kill_instants import in_child
from kill_look import look, look_again
from kill_nursery import command, warm
from kill_world import STEPS as HUB_STEPS
from kill_world import Step, at_hand, make_world
from power_disk import Survivor, matters
from power_replay import Replay
from power_trace import read_calls, run_traced

_SIGNED = "--agreement agreement.yaml --key keys/lakeside-district.key"
_BEFORE = (
    Step(f"hash register.csv {_SIGNED} --spec person --secret agencies.secret --local-id local --out mine.lpkg"),
    Step(f"seal enrollment.csv {_SIGNED} --dataset enrollment --out mine.dpkg"),
)
_AFTER = (
    Step("open first.rpkg --agreement agreement.yaml --key university/university.key --out opened", day=308),
    Step(
        f"destroy register.csv mine.lpkg {_SIGNED} --as lakeside-district --method deleted --person me --yes", day=308
    ),
)
STEPS = (*_BEFORE, *HUB_STEPS, *_AFTER)
_LEDGER = "hub/ledger.jsonl"


@dataclass
class Played:
    """What a command's calls showed: early ones, and what a loss of power may leave, with the states around it."""

    number: int
    before: Survivor
    findings: list[str] = field(default_factory=list)
    survivors: dict[bytes, Survivor] = field(default_factory=dict)
    after: Survivor | None = None


def rehearse(folder: Path, steps: int) -> None:
    """Run the commands, in a process that is traced; what is done before each is told from it by a mark."""
    warm()
    words = []
    for number, step in enumerate(STEPS[:steps]):
        world = folder / "world"
        in_child(step.prepare, world)
        words.append(step.command.format(**in_child(at_hand, world)))
        (folder / "marks" / f"begin-{number}").mkdir()
        in_child(command, step.day, world, words[-1])
        (folder / "marks" / f"end-{number}").mkdir()
    (folder / "words").write_bytes(pickle.dumps(words))


def record(folder: Path, steps: int) -> list[str]:
    """Make the world and have the commands traced, once for a folder; returns them as they were given."""
    if not (folder / "words").exists():
        for left in folder.iterdir():
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        (folder / "world").mkdir()
        (folder / "marks").mkdir()
        in_child(make_world, folder / "world")
        shutil.copytree(folder / "world", folder / "begun")
        run_traced([sys.executable, __file__, str(folder), str(steps)], folder / "calls")
    return list(pickle.loads((folder / "words").read_bytes()))


def play(folder: Path) -> list[Played]:
    """Play all calls again, command by command."""
    replay, marks = Replay(folder / "begun", folder / "world"), f"{folder / 'marks'}/"
    played: list[Played] = []
    running = False
    for call in read_calls(folder / "calls"):
        mark = call.path(0) if call.name == "mkdir" else call.path_at(0) if call.name == "mkdirat" else ""
        if mark.startswith(marks):
            running = mark.removeprefix(marks).startswith("begin")
            if running:
                replay.begin()
                played.append(Played(len(played), replay.disk.whole()))
            else:
                replay.end()
                played[-1].findings += dict.fromkeys(replay.findings)
                played[-1].after = replay.disk.whole()
        elif replay.play(call) and running:
            for survivor in replay.disk.survivors():
                played[-1].survivors.setdefault(survivor.name, survivor)
    _require_understood(folder / "world", replay.disk.whole())
    return played


def _require_understood(world: Path, played: Survivor) -> None:
    """Hold what the calls made against what is there: a call that was overlooked would show."""
    there = {str(path.relative_to(world)): path for path in world.rglob("*")}
    assert played.content.keys() == there.keys(), played.content.keys() ^ there.keys()
    for path, content in played.content.items():
        assert content is None or content.data == there[path].read_bytes(), f"{path} was not made by these calls"


def examine(folder: Path, words: str, played: Played, survivor: Survivor) -> tuple[str, str]:
    """Look at what a loss of power left, and run the command again; returns the state and a problem."""
    step, target = STEPS[played.number], folder / "lost"
    shutil.rmtree(target, ignore_errors=True)
    survivor.write(target)
    if step not in HUB_STEPS:
        return _examine_files(played, survivor)
    before, after = folder / f"before-{played.number}", folder / f"after-{played.number}"
    later = partial(command, step.day + 0.001)
    state = problem = ""
    try:
        _repair(target, later)
        state = in_child(look, target, words, before, after, later)
        in_child(look_again, target, words, before, after, later)
    except BaseException as error:
        problem = str(error) or repr(error)
    return state, problem


def _examine_files(played: Played, survivor: Survivor) -> tuple[str, str]:
    """Hold files against those before and after: each is there as it was made, or as it was, and nothing else is."""
    assert played.after is not None
    before, after, now = (each.digests for each in (played.before, played.after, survivor))
    torn = [path for path in now if matters(path) and now[path] not in (before.get(path), after.get(path))]
    lost = [path for path in before if path in after and path not in now]
    return "new" if now == after else "old", f"not whole: {torn}, lost: {lost}" if torn or lost else ""


def _repair(folder: Path, later: partial[str]) -> None:
    """Take away a line of the ledger that was cut short, as the message about it says."""
    ledger = folder / _LEDGER
    content = ledger.read_bytes() if ledger.exists() else b""
    if content and not content.endswith(b"\n"):
        in_child(later, folder, f"ledger verify {_LEDGER} --repair")


def main(folder: Path, steps: int, states: int, seed: int) -> None:
    warm()
    words = record(folder, steps)
    commands = play(folder)
    kept = folder / f"losses-{states}-{seed}.jsonl"
    lines = [json.loads(line) for line in kept.read_text().splitlines()] if kept.exists() else []
    numbers = count()
    for played in commands:
        if states:
            for name, state in (("before", played.before), ("after", played.after)):
                shutil.rmtree(folder / f"{name}-{played.number}", ignore_errors=True)
                state.write(folder / f"{name}-{played.number}")
        found = list(played.survivors.values())
        drawn = random.Random(f"{seed} {played.number}").sample(found, min(states, len(found)))
        for survivor in drawn:
            if next(numbers) < len(lines):
                continue
            state, problem = examine(folder, words[played.number], played, survivor)
            lines.append({"command": words[played.number], "state": state, "problem": problem})
            if problem:
                shutil.copytree(folder / "lost", folder / f"problem-{len(lines)}")
            with kept.open("a") as file:
                file.write(json.dumps(lines[-1]) + "\n")
    found = {
        "commands": [
            {"command": words[each.number], "survivors": len(each.survivors), "findings": each.findings}
            for each in commands
        ],
        "states": Counter(line["state"] for line in lines),
        "problems": [line for line in lines if line["problem"]],
    }
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    if len(sys.argv) == 3:
        rehearse(Path(sys.argv[1]), int(sys.argv[2]))
    else:
        main(Path(sys.argv[1]), *map(int, sys.argv[2:5]))
