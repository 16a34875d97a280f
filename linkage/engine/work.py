"""Where a hub's work stands: what is matched, what is resolved, what is not sent, and what comes next."""

from __future__ import annotations

from dataclasses import dataclass

from linkage.engine.certified import read_certificate
from linkage.engine.matcher import LINKS_SUFFIX, run_name
from linkage.engine.outbox import unsent
from linkage.engine.receive import latest_encodings
from linkage.engine.registrar import open_registry
from linkage.engine.rooms import Hub
from linkage.errors import StoreError
from linkage.exchange.package import package_sha256
from linkage.matching.quality import Certificate


@dataclass(frozen=True)
class Work:
    """Whether the newest packages are matched and resolved, the IDs in use, and the last run with its certificate.

    ``unsent`` counts exports of pairs to review that were cut short.
    """

    packages: int
    matched: bool
    resolved: bool
    students: int
    last_run: int
    certificate: Certificate | None
    unsent: int = 0

    @property
    def stale(self) -> bool:
        """Whether packages have come that are not in the links yet."""
        return self.packages > 0 and not self.resolved

    @property
    def next_step(self) -> str:
        """Say what the operator would do next."""
        if not self.packages:
            return "nothing has been received: `linkage hub receive`"
        if not self.matched:
            return "the newest encodings are not matched: `linkage hub match`"
        if not self.resolved:
            return "the newest links are not resolved: `linkage hub resolve --plan`, then `linkage hub resolve`"
        if self.unsent:
            return "an export of pairs to review was cut short: `linkage hub review export` writes its packets"
        return "all that was received is matched and resolved"


def work_of(hub: Hub) -> Work:
    """Look at what a hub holds; opens no package."""
    packages = latest_encodings(hub, "matcher")
    run = run_name(packages, hub.spec().sha256)
    matched = bool(packages) and (hub.room("registrar", "links") / f"{run}{LINKS_SUFFIX}").exists()
    try:
        with open_registry(hub) as registry:
            resolved = matched and {package_sha256(path) for path in packages} <= registry.inputs()
            students, last = registry.count(), registry.head().run
    except StoreError:
        return Work(len(packages), matched, False, 0, 0, None)
    try:
        certificate = read_certificate(hub)
    except StoreError:  # a kill came between the run and its certificate
        return Work(len(packages), matched, False, students, last, None)
    return Work(len(packages), matched, resolved, students, last, certificate, len(unsent(hub)))
