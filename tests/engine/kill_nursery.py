"""Kill hub commands at random instants, look at what is left, and run them again. Run by test_kill.

``python kill_nursery.py FOLDER STEPS KILLS SEED`` prints one JSON object. It is a program of its own, with one thread,
so that it can fork: a command that starts in a millisecond can be killed in any millisecond of its work. Two kills of
three come just before the command touches a file of the hub, where a random instant would seldom fall.
"""

from __future__ import annotations

import json
import os
import pickle
import random
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd
from consortium import NOW, Consortium, children, enrollment, make_consortium, sign_all

import linkage.cli.hub
from linkage.cli.main import main as linkage_command
from linkage.engine.registrar import open_registry
from linkage.engine.releaser import open_bundle
from linkage.engine.rooms import Hub
from linkage.exchange.keys import load_private_keys, save_keys
from linkage.exchange.package import package_sha256
from linkage.governance.ledger import repair, verify_ledger
from linkage.governance.standing import load_agreement

PEOPLE, COMMON = 40, 30
_CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.truncate", "sqlite3.connect"}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_NUMBERED = {"crosswalks", "history", "certificates"}
_RELEASED = "--to university --purpose research --out"

#: The hub's work of two years, command by command.
STEPS = (
    "hub receive hub first/*",
    "hub match hub",
    "hub resolve hub",
    f"hub release hub college-by-school research-file {_RELEASED} first.rpkg",
    "hub receive hub second/*",
    "hub match hub",
    "hub resolve hub",
    f"hub release hub research-file {_RELEASED} second.rpkg",
    "hub adopt hub amended.yaml --spec person",
)


def make_world(folder: Path) -> None:
    """Make the hub, and the packages of two years in the order in which they will arrive."""
    world = make_consortium(folder)
    amend(world)
    save_keys(world.keys["university"], folder / "university")
    district, college = children(PEOPLE), children(PEOPLE, first=PEOPLE - COMMON)
    deliver(world, "first", 0, district, college)
    deliver(world, "second", 300, children(PEOPLE + 10, first=5), college)


def amend(world: Consortium) -> None:
    """Write and sign a second version of the agreement."""
    first = world.agreement
    heading = (
        f"version: 2\nsupersedes: {{version: 1, sha256: {first.sha256}}}\n"
        "amendments: [{version: 2, date: 2026-11-22, summary: A question was added.}]\n"
    )
    amended = world.folder / "amended.yaml"
    amended.write_text(world.agreement_path.read_text().replace("\nversion: 1\n", f"\n{heading}", 1))
    sign_all(amended, world.keys | {"data-hub": world.hub.keys("release")})


def deliver(world: Consortium, year: str, days: int, district: pd.DataFrame, college: pd.DataFrame) -> None:
    now, inbox = NOW + timedelta(days=days), world.folder / year
    inbox.mkdir()
    terms = pd.DataFrame(
        [
            {"student_id": local, "term": "2025FA", "sector": "2-year", "credits_earned": "12", "credential": ""}
            for local in college["local"]
        ]
    )
    attended = [{"child_id": i, "program_year": "2020", "program": "A", "days_offered": "9"} for i in district["local"]]
    scored = [{"child_id": i, "program_year": "2020", "literacy_score": "50"} for i in district["local"]]
    placed = [{"ChildID": i, "PlacementBegin": "2020-02-03"} for i in district["local"]]
    made = [
        world.hash("lakeside-district", district, now=now),
        world.hash("state-colleges", college, now=now),
        world.seal("lakeside-district", enrollment(district), "enrollment", now=now),
        world.seal("state-colleges", terms, "enrollments", now=now),
        world.seal("early-learning", pd.DataFrame(attended), "attendance", now=now),
        world.seal("early-learning", pd.DataFrame(scored), "assessments", now=now),
        world.seal("child-welfare", pd.DataFrame(placed), "placements", now=now),
    ]
    for path in made:
        path.rename(inbox / f"{path.parent.name}-{path.name}")


def in_child(work: Callable[..., Any], *arguments: Any) -> Any:
    """Do ``work`` in a process of its own, and return what it returned."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            result = work(*arguments)
        except BaseException as error:
            result = error
        with os.fdopen(writing, "wb") as pipe:
            pickle.dump(result, pipe)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        content = pipe.read()
    os.waitpid(child, 0)
    result = pickle.loads(content)
    if isinstance(result, BaseException):
        raise result
    return result


def command(folder: Path, step: str) -> str:
    """Run one command in ``folder``; returns what it printed, or raises with it."""
    os.chdir(folder)
    year = 300 if step in STEPS[4:] and "second" in step else 0
    linkage.cli.hub.now = lambda: NOW + timedelta(days=year)
    words = [word for part in step.split() for word in (sorted(map(str, Path().glob(part))) if "*" in part else [part])]
    said = StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        code = linkage_command.main(args=words, prog_name="linkage", standalone_mode=False)
    if code:
        raise RuntimeError(f"linkage {step} ended with {code}: {said.getvalue()}")
    return said.getvalue()


def count_changes(folder: Path, reached: Callable[[int], None]) -> None:
    """Call ``reached`` with 1, 2, ... just before this process touches a file below ``folder``."""
    seen = 0

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal seen
        if event not in _CHANGES and not (event == "open" and (arguments[2] or 0) & _WRITING):
            return
        if isinstance(arguments[0], str | bytes) and folder in (Path.cwd() / os.fsdecode(arguments[0])).parents:
            seen += 1
            reached(seen)

    sys.addaudithook(hook)


def run_counted(folder: Path, step: str) -> tuple[int, float]:
    """Run a command undisturbed; returns how often it touched a file, and how long it took."""
    touched = 0

    def reached(number: int) -> None:
        nonlocal touched
        touched = number

    count_changes(folder, reached)
    begun = time.perf_counter()
    command(folder, step)
    return touched, time.perf_counter() - begun


def run_killed(folder: Path, step: str, *, at_change: int = 0, after: float = 0.0) -> None:
    """Run a command and kill it before its ``at_change``-th touch of a file, or ``after`` seconds."""
    child = os.fork()
    if child == 0:
        if at_change:
            count_changes(folder, lambda number: number == at_change and os.kill(os.getpid(), signal.SIGKILL))
        try:
            command(folder, step)
        finally:
            os._exit(0)
    if not at_change:
        time.sleep(after)
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def persons(hub: Hub) -> dict[tuple[str, str], str]:
    """Return the common student ID of each record; none before the first run."""
    if not (hub.folder / "registrar" / "registry.sqlite").exists():
        return {}
    with open_registry(hub) as registry:
        problems = registry.verify().problems
        assert not problems, problems
        known = registry.crosswalk()
    return {(row.agency, row.person_token): row.student_id for row in known.itertuples()}


def grouping(ids: dict[tuple[str, str], str]) -> set[frozenset[tuple[str, str]]]:
    """Return which records belong together, whatever their IDs."""
    groups: dict[str, set[tuple[str, str]]] = {}
    for record, identifier in ids.items():
        groups.setdefault(identifier, set()).add(record)
    return {frozenset(group) for group in groups.values()}


def files(folder: Path) -> set[str]:
    """Return the names of what the hub has filed, but those that hold a random number or count the runs."""
    kept = [path for path in (folder / "hub").rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)) for path in kept if path.parent.name not in _NUMBERED}


def look(folder: Path, step: str, before: Path, after: Path) -> str:
    """Look at what a kill left: ``old`` or ``new`` by the IDs and files there, or raise AssertionError."""
    command(folder, "hub status hub")
    ledger = folder / "hub" / "ledger.jsonl"
    repair(ledger)
    old, new, now = (persons(Hub(world / "hub")) for world in (before, after, folder))
    assert now == old or grouping(now) == grouping(new), f"{step}: the registry is neither the old nor the new one"
    assert all(now.get(record) == identifier or now != old for record, identifier in old.items())
    written = ledger.read_bytes()
    assert written.startswith((before / "hub" / "ledger.jsonl").read_bytes()), f"{step}: the ledger lost an entry"
    verify_ledger(ledger)
    missing = files(before) - files(folder)
    assert not missing, f"{step}: lost {missing}"
    for bundle in folder.glob("*.rpkg"):
        open_for_recipient(folder, bundle)
    return "old" if now == old and written == (before / "hub" / "ledger.jsonl").read_bytes() else "new"


def open_for_recipient(folder: Path, bundle: Path) -> None:
    """Open a bundle whole, and find its disclosure in the ledger."""
    out = folder / "opened"
    keys = load_private_keys(folder / "university" / "university.key")
    open_bundle(bundle, load_agreement(folder / "agreement.yaml"), keys, out)
    shutil.rmtree(out)
    noted = {
        getattr(entry.event, "bundle_sha256", "") for entry in verify_ledger(folder / "hub" / "ledger.jsonl").entries
    }
    assert package_sha256(bundle) in noted, f"{bundle.name} was disclosed and is not in the ledger"


def again(folder: Path, step: str, before: Path, after: Path) -> None:
    """Run the command again, and hold what it leaves against what an undisturbed one leaves."""
    first = persons(Hub(folder / "hub"))
    out = Path(step.split()[-1])
    # A bundle that is there was released whole: whatever the hub does next sweeps what the kill left.
    command(folder, "hub match hub" if out.suffix == ".rpkg" and (folder / out).exists() else step)
    hub = Hub(folder / "hub")
    old, expected, now = persons(Hub(before / "hub")), persons(Hub(after / "hub")), persons(hub)
    assert grouping(now) == grouping(expected), f"{step}: the re-run did not end where an undisturbed run does"
    kept = {record for record in old if expected.get(record) == old[record]}
    lost = [record for record in kept if now.get(record) != old[record]]
    assert not lost, f"{step}: {len(lost)} records have another ID"
    assert all(now.get(record) == first[record] for record in first if first != old), f"{step}: new IDs changed again"
    assert files(folder) == files(after), f"{step}: {files(folder) ^ files(after)}"
    assert not list((folder / "hub").rglob(".*.part*")), f"{step}: half-written files stay"
    assert not (folder / "hub" / "release" / "scratch").exists(), f"{step}: payload stays in scratch"
    entries = verify_ledger(folder / "hub" / "ledger.jsonl").entries
    received = Counter(entry.event.package_sha256 for entry in entries if entry.event.kind == "received")
    inboxes = {package_sha256(path) for path in (folder / "hub").rglob("*.?pkg")}
    assert set(received) == inboxes, f"{step}: {len(inboxes - set(received))} packages are not in the ledger"
    assert set(received.values()) <= {1}, f"{step}: a package is in the ledger twice"
    linked = [entry for entry in entries if entry.event.kind == "linked"]
    runs = sorted((folder / "hub" / "registrar" / "certificates").glob("run-*.json"))
    assert bool(linked) == bool(now), f"{step}: {len(linked)} runs are in the ledger"
    assert bool(runs) == bool(now), f"{step}: {len(runs)} certificates"
    for bundle in folder.glob("*.rpkg"):
        open_for_recipient(folder, bundle)


def main(folder: Path, steps: int, kills: int, seed: int) -> None:
    rng = random.Random(seed)
    world = folder / "world"
    world.mkdir()
    in_child(make_world, world)
    states, touches, seconds = [], [], []
    for number, step in enumerate(STEPS[:steps]):
        states.append(Path(shutil.copytree(world, folder / f"before-{number}")))
        found = in_child(run_counted, world, step)
        touches.append(found[0])
        seconds.append(found[1])
    states.append(Path(shutil.copytree(world, folder / f"before-{steps}")))
    outcomes: Counter[str] = Counter(kills=kills, old=0, new=0)
    problems = []
    for kill in range(kills):
        number = kill % steps
        step, before, after = STEPS[number], states[number], states[number + 1]
        target = Path(shutil.copytree(before, folder / f"kill-{kill}"))
        if rng.random() < 0.7:
            instant: dict[str, Any] = {"at_change": rng.randint(1, touches[number])}
        else:
            instant = {"after": rng.uniform(0, 1.2) * seconds[number]}
        run_killed(target, step, **instant)
        sys.stderr.write(f"kill {kill} at {instant} of {step!r}\n")
        try:
            outcomes[in_child(look, target, step, before, after)] += 1
            in_child(again, target, step, before, after)
        except BaseException as error:
            problems.append(f"kill {kill} at {instant} of {step!r}: {type(error).__name__}: {error}")
        shutil.rmtree(target)
    sys.stdout.write(json.dumps({"outcomes": outcomes, "problems": problems, "touches": touches, "seconds": seconds}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
