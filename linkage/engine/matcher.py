"""The matcher's work: open the encodings, score links, and seal them for the registrar.

Rules:

- The matcher sees encodings and pass tokens; what it writes, it cannot read back: links are sealed to the registrar.
- The same packages under the same spec are matched once: the run is named by a hash of its inputs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from linkage.engine.facts import EncodingFacts
from linkage.engine.headings import heading_of
from linkage.engine.opened_passes import OpenedPasses
from linkage.engine.receive import latest_encodings
from linkage.engine.rooms import Hub, provider_keys
from linkage.errors import MatchingError
from linkage.exchange.package import Member, open_package, package_sha256, write_package
from linkage.matching.forecast import Forecast, estimate
from linkage.matching.score import Scored, score
from linkage.matching.transfer import links_bytes, model_bytes
from linkage.spec.encodings import Encodings
from linkage.spec.progress import Report

LINKS_SUFFIX = ".links"


@dataclass(frozen=True)
class Matched:
    """A matching run: its name, and what it found unless it had been made before."""

    run: str
    path: Path
    sources: tuple[str, ...]
    scored: Scored | None


def run_name(packages: list[Path], spec_sha256: str) -> str:
    """Return the name of the run over these packages: the same inputs have the same name."""
    content = "\n".join([spec_sha256, *sorted(package_sha256(path) for path in packages)])
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def match(
    hub: Hub,
    now: datetime,
    random_bytes: Callable[[int], bytes],
    report: Report = lambda _phase, _done: None,
    *,
    announce: Callable[[Forecast], None] = lambda _forecast: None,
    memory: int | None = None,
) -> Matched:
    """Match the latest encodings of every agency and hand the links to the registrar, sealed.

    ``announce`` is told what the run will cost before it begins. Where ``memory`` (bytes) is given, a run that has too
    many pairs or needs more is refused with MatchingError.
    """
    agreement, spec = hub.agreement(), hub.spec()
    keys = hub.keys("matcher")
    packages = latest_encodings(hub, "matcher")
    if not packages:
        raise MatchingError("no encodings have been received", advice="receive some with `linkage hub receive`")
    run = run_name(packages, spec.sha256)
    destination = hub.room("registrar", "links") / f"{run}{LINKS_SUFFIX}"
    names = tuple(path.parent.name for path in packages)
    if destination.exists():
        return Matched(run, destination, names, None)
    senders = provider_keys(agreement)
    sources, duplicates = [], set()
    with ExitStack() as open_packages:
        for done, path in enumerate(packages):
            report("opening packages", done / len(packages))
            package = open_packages.enter_context(
                open_package(path, keys, senders, "encodings", scratch=hub.room("matcher"))
            )
            facts = EncodingFacts.of(package.manifest)
            passes = OpenedPasses(package, spec)
            sources.append(Encodings(package.manifest.sender, facts.records, passes, facts.statistics))
            if facts.may_have_duplicates:
                duplicates.add(package.manifest.sender)
        report("opening packages", 1.0)
        forecast = estimate(sources, spec)
        announce(forecast)
        if memory is not None:
            forecast.require_feasible(memory, spec.block_cap)
        scored = score(sources, spec, frozenset(duplicates), report)
    heading = heading_of(
        agreement,
        "links",
        {"run": run, "sources": list(names), "packages": [package_sha256(path) for path in packages]},
        now,
        random_bytes,
    )
    members = {"links.parquet": Member(links_bytes(scored)), "model.json": Member(model_bytes(scored))}
    write_package(destination, heading, members, keys, [agreement.terms.hub.public_keys("registrar")])
    return Matched(run, destination, names, scored)
