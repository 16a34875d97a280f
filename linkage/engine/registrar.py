"""The registrar's work: join links to records, decide persons, and keep their IDs.

Rules:

- The registrar opens token tables and links, never an encoding and never payload.
- A run is planned first and applied in one transaction; planning alone changes nothing.
- The same links a second time change no ID.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd

from linkage.engine import journal
from linkage.engine.links import open_newest_links
from linkage.engine.rooms import Hub
from linkage.errors import StoreError
from linkage.exchange.files import rename_durably, write_atomically
from linkage.governance.quality import require_quality
from linkage.matching.persons import Persons
from linkage.matching.quality import Certificate, certify
from linkage.registry.contested import LINK_COLUMNS
from linkage.registry.guard import CHURN_LIMIT
from linkage.registry.model import Plan, RunRecord, State
from linkage.registry.plan import plan_update
from linkage.registry.rebuild import plan_rebuild
from linkage.registry.store import Registry
from linkage.spec.progress import Report

#: Probabilities are kept this far from nought and one, so that odds are finite.
_ALMOST_NEVER = 1e-12

REGISTRY_NAME = "registry.sqlite"


@dataclass(frozen=True)
class Resolved:
    """What a run does or did; ``run`` is 0 for a plan that was not applied."""

    run: int
    plan: Plan
    certificate: Certificate
    certificate_file: Path | None


@contextmanager
def open_registry(hub: Hub, create: bool = False) -> Iterator[Registry]:
    """Open the hub's registry."""
    path = hub.room("registrar") / REGISTRY_NAME
    if not create and not path.exists():
        raise StoreError("no run has been resolved yet", advice="match first, then `linkage hub resolve`")
    if not path.exists():
        _begin_registry(path)
    with Registry.open(path) as registry:
        yield registry


def _begin_registry(path: Path) -> None:
    """Make a registry without a run, whole or not at all: an empty file would look like one that lost its content."""
    part = path.with_name(f".{path.name}.part")
    for left in (part, part.with_name(f"{part.name}-journal")):
        left.unlink(missing_ok=True)
    Registry.open(part, create=True).close()
    rename_durably(part, path)


def resolve(
    hub: Hub,
    now: datetime,
    *,
    plan_only: bool = False,
    churn_limit: float = CHURN_LIMIT,
    confirmed: str = "",
    rebuild: bool = False,
    report: Report = lambda _phase, _done: None,
) -> Resolved:
    """Resolve the newest links into the registry, as an update or a rebuild.

    Raises StoreError where there are none, where the run is held, or where the ledger knows another registry; Refused
    where quality lies below the agreement's floor.
    """
    newest = open_newest_links(hub, report)
    report("clustering", 0.0)
    persons = newest.persons()
    certificate = certify(newest.scored, persons, newest.missing, hub.spec(), newest.may_have_duplicates)
    report("clustering", 1.0)
    clusters = persons.records.rename(columns={"source": "agency", "cluster_id": "cluster"})[
        ["agency", "person_token", "cluster"]
    ]
    if not plan_only:
        after = certificate.after_clustering
        require_quality(hub.agreement(), after.estimated_precision, after.estimated_recall)
    report("registry", 0.0)
    if plan_only and not (hub.room("registrar") / REGISTRY_NAME).exists():
        first = plan_update(State.empty(), clusters, newest.one_each, record_links(persons))
        return Resolved(0, first, certificate, None)
    with open_registry(hub, create=not plan_only) as registry:
        journal.require_same_registry(hub, registry)
        with registry.exclusive():
            if rebuild:
                plan = plan_rebuild(registry.state(), clusters)
            else:
                plan = plan_update(registry.state(), clusters, newest.one_each, record_links(persons))
            if plan_only:
                return Resolved(0, plan, certificate, None)
            run = RunRecord(now, newest.packages, f"links {newest.run}")
            number = registry.apply(plan, run, churn_limit, confirmed)
        journal.enter_runs(hub, registry, now)
    report("registry", 1.0)
    path = _certificate_path(hub, number)
    write_atomically(path, (json.dumps(certificate.model_dump(mode="json"), indent=2) + "\n").encode())
    return Resolved(number, plan, certificate, path)


def record_links(persons: Persons) -> pd.DataFrame:
    """Return the scored pairs of records with their odds, as the registry weighs them; placebo pairs are false."""
    pairs = persons.pairs[persons.pairs["decision"] != "placebo"]
    token = persons.records.set_index(["source", "row"])["person_token"]
    probability = pairs["match_probability"].clip(_ALMOST_NEVER, 1 - _ALMOST_NEVER)
    ends = {
        side: token.reindex(pd.MultiIndex.from_frame(pairs[[f"source_{side}", f"row_{side}"]])).to_numpy()
        for side in "ab"
    }
    return pd.DataFrame(
        {
            "agency_a": pairs["source_a"].to_numpy(),
            "token_a": ends["a"],
            "agency_b": pairs["source_b"].to_numpy(),
            "token_b": ends["b"],
            "log_odds": np.log(probability.to_numpy() / (1 - probability.to_numpy())),
        },
        columns=list(LINK_COLUMNS),
    )


def last_certificate(hub: Hub) -> Path:
    """Return the certificate of the registry's last update or rebuild; those of runs that a restore took back stay."""
    with open_registry(hub) as registry:
        run = registry.last_linkage()
    path = _certificate_path(hub, run)
    if not path.exists():
        raise StoreError(
            f"run {run} has no linkage certificate: it was cut short", advice="resolve again: `linkage hub resolve`"
        )
    return path


def _certificate_path(hub: Hub, run: int) -> Path:
    return hub.room("registrar", "certificates") / f"run-{run:05}.json"
