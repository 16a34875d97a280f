"""What a kill left of a hub, held against the state before the command and against what it does undisturbed.

IDs are random, so the new state is not the undisturbed one byte for byte: it is the same but for the names of the IDs
that the command gave.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from linkage.engine.outbox import asked, unsent
from linkage.engine.registrar import REGISTRY_NAME, open_registry
from linkage.engine.releaser import open_bundle
from linkage.engine.rooms import Hub
from linkage.exchange.keys import load_private_keys
from linkage.exchange.package import open_package, package_sha256
from linkage.exchange.review_messages import PACKET_MEMBER, read_packet
from linkage.governance.ledger import VerifiedLedger, verify_ledger
from linkage.governance.standing import load_agreement

Command = Callable[[Path, str], str]
_NUMBERED = {"crosswalks", "history", "certificates", "reviews", "packets"}


@dataclass(frozen=True)
class Facts:
    """What a registry says of each record: its ID, whether it is withheld; and the decisions and IDs ever given.

    There are none before the first run, whether there is a file already or not.
    """

    run: int
    ids: dict[tuple[str, str], str]
    withheld: dict[tuple[str, str], str]
    decisions: frozenset[tuple[str, frozenset[frozenset[tuple[str, str]]], str]]
    given: frozenset[str]

    @classmethod
    def of(cls, folder: Path) -> Facts | None:
        """Read the registry of the hub in ``folder``; None before the first run."""
        if not _registry(folder).exists():
            return None
        with open_registry(Hub(folder / "hub")) as registry:
            state = registry.state()
        if not state.run:
            return None
        keys = list(zip(state.records["agency"], state.records["person_token"], strict=True))
        return cls(
            state.run,
            dict(zip(keys, state.records["student"].map(state.ids), strict=True)),
            dict(zip(keys, state.records["withheld"], strict=True)),
            frozenset(
                (each.kind, frozenset(frozenset(map(tuple, side)) for side in each.sides), each.reason)
                for each in state.decisions
            ),
            frozenset(state.ids),
        )

    def same_as(self, new: Facts, old: Facts | None) -> bool:
        """Tell whether these are the facts of ``new``, but for the names of IDs that were not given in ``old``."""
        before = old.given if old else frozenset()
        pairs = {(new.ids[key], self.ids.get(key, "")) for key in new.ids}
        return (
            self.ids.keys() == new.ids.keys()
            and (self.withheld, self.decisions) == (new.withheld, new.decisions)
            and len(pairs) == len({one for one, _ in pairs}) == len({other for _, other in pairs})
            and all(one == other if one in before else other not in before for one, other in pairs)
            and self.given & before == new.given & before
            and len(self.given) == len(new.given)
        )


def look(folder: Path, step: str, before: Path, after: Path, command: Command) -> str:
    """Say whether a kill left the ``old`` state or the ``new`` one, or raise AssertionError."""
    old, new, now = (Facts.of(world) for world in (before, after, folder))
    command(folder, "hub status hub")
    if _registry(folder).exists():
        assert "everything holds" in command(folder, "hub verify hub"), f"{step}: verify fails"
    ledger = verify_ledger(folder / "hub" / "ledger.jsonl")
    written, was = ((world / "hub" / "ledger.jsonl").read_bytes() for world in (folder, before))
    assert written.startswith(was), f"{step}: the ledger lost an entry"
    assert now == old or (now and new and now.run == new.run and now.same_as(new, old)), f"{step}: neither old nor new"
    # What a command destroys may be gone, and nothing else.
    missing = (files(before) & files(after)) - files(folder)
    assert not missing, f"{step}: lost {missing}"
    _require_entered(folder, ledger)
    return "old" if now == old and written == was else "new"


def look_again(folder: Path, step: str, before: Path, after: Path, command: Command) -> None:
    """Run a killed command again, and hold what it leaves against what an undisturbed one leaves."""
    old, new, first = (Facts.of(world) for world in (before, after, folder))
    if first != old or _shows(folder, step):
        # A decision that was taken, or a file that was made whole, is not taken or made again: that is said.
        with suppress(RuntimeError):
            command(folder, step)
        command(folder, "hub match hub")  # and whatever the hub does next sweeps what the kill left
    else:
        command(folder, step)
    now = Facts.of(folder)
    assert (now is None and new is None) or (now and new and now.same_as(new, old)), (
        f"{step}: the re-run ended elsewhere"
    )
    assert first == old or now.ids == first.ids, f"{step}: IDs changed again"
    _require_asked_once(folder, step, after)
    differing = files(folder) ^ files(after)
    assert not differing, f"{step}: {differing}"
    left = [path for path in folder.rglob(".*") if ".part" in path.name]
    assert not left, f"{step}: half-written files stay: {left}"
    assert not (folder / "hub" / "release" / "scratch").exists(), f"{step}: payload stays in scratch"
    if now:
        said = command(folder, "hub verify hub")
        assert "everything holds" in said, f"{step}: verify fails after the re-run"
        assert "enters the rest" not in said, f"{step}: a run is not in the ledger"
    _require_complete_ledger(folder, step, now)


def _require_complete_ledger(folder: Path, step: str, now: Facts | None) -> None:
    """Hold the ledger against the packages that are there and the runs that were made."""
    ledger = verify_ledger(folder / "hub" / "ledger.jsonl")
    _require_entered(folder, ledger)
    received = Counter(entry.event.package_sha256 for entry in ledger.entries if entry.event.kind == "received")
    inboxes = {package_sha256(path) for path in (folder / "hub").rglob("*.?pkg")}
    assert inboxes <= set(received), f"{step}: {len(inboxes - set(received))} packages are not in the ledger"
    assert set(received.values()) <= {1}, f"{step}: a package is in the ledger twice"
    linked = [entry for entry in ledger.entries if entry.event.kind == "linked"]
    assert bool(linked) == bool(now), f"{step}: {len(linked)} runs are in the ledger"
    for path in folder.glob("destroyed.json"):
        said = [entry.event.what for entry in ledger.entries if entry.event.kind == "destroyed"]
        assert len([what for what in said if package_sha256(path) in what]) == 1, f"{step}: not certified once"


def _require_entered(folder: Path, ledger: VerifiedLedger) -> None:
    """Find all that is ready to go out in the ledger, and open it as its recipient does."""
    noted = {getattr(entry.event, name, "") for entry in ledger.entries for name in ("bundle_sha256", "package_sha256")}
    keys = load_private_keys(folder / "university" / "university.key")
    for path in (*folder.glob("*.rpkg"), *folder.glob("*.ids"), *folder.glob("packets/*.rvq")):
        assert package_sha256(path) in noted, f"{path.name} is there to be sent and is not in the ledger"
        if path.suffix == ".rpkg":
            open_bundle(path, load_agreement(folder / "agreement.yaml"), keys, folder / "opened")
            shutil.rmtree(folder / "opened")


def _require_asked_once(folder: Path, step: str, after: Path) -> None:
    """Hold packets against what is recorded as asked: each agency has each of its pairs, once."""
    hub = Hub(folder / "hub")
    pairs, wanted = asked(hub), asked(Hub(after / "hub"))
    assert not unsent(hub), f"{step}: a batch stays unsent"
    assert Counter((each.a, each.b) for each in pairs) == Counter((each.a, each.b) for each in wanted), step
    registrar = hub.agreement().terms.hub.public_keys("registrar")
    found = Counter()
    for path in folder.glob("packets/*.rvq"):
        keys = load_private_keys(folder / "keys" / f"{path.name.rpartition('-')[0]}.key")
        with open_package(path, keys, {registrar.name: registrar}, "review") as package:
            found.update((keys.name, each.reference) for each in read_packet(package.member(PACKET_MEMBER)))
    assert found == Counter(item for each in pairs for item in each.references.items()), f"{step}: a packet lacks"


def _registry(folder: Path) -> Path:
    return folder / "hub" / "registrar" / REGISTRY_NAME


def _shows(folder: Path, step: str) -> bool:
    """Tell whether the file is there that a command was to make."""
    return (folder / step.split()[-1]).exists()


def files(folder: Path) -> set[str]:
    """Return the names of what the hub has filed, but those that hold a random number, a time or a run's number."""
    kept = [path for path in folder.rglob("*") if path.is_file() and path.parent.name not in _NUMBERED]
    return {str(path.relative_to(folder)) for path in kept if not path.name.startswith((f"{REGISTRY_NAME}.", "."))}
