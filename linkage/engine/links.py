"""The newest links, opened in the registrar's room: all that persons are decided from.

Rules:

- Links are those of the packages received last; where these have not been matched, that is said and nothing is guessed.
- What is opened here is in memory only: on disk links and token tables stay sealed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO

import numpy as np
import pandas as pd

from linkage.engine.facts import EncodingFacts
from linkage.engine.matcher import LINKS_SUFFIX, run_name
from linkage.engine.receive import latest_encodings
from linkage.engine.rooms import Hub, provider_keys
from linkage.engine.steward import TOKENS_MEMBER
from linkage.errors import StoreError
from linkage.exchange.package import open_package, package_sha256
from linkage.matching.persons import Persons, resolve_persons
from linkage.matching.score import Scored
from linkage.matching.transfer import read_scored
from linkage.spec.encodings import TokenTable
from linkage.spec.progress import Report


@dataclass(frozen=True)
class NewestLinks:
    """The matcher's links, and the token tables that say which records they join.

    ``missing`` has each source's missing-value shares, ``packages`` the SHA-256 of each package matched.
    """

    run: str
    scored: Scored
    tables: tuple[TokenTable, ...]
    missing: Mapping[str, Mapping[str, float]]
    may_have_duplicates: frozenset[str]
    packages: tuple[str, ...]

    @property
    def one_each(self) -> tuple[str, ...]:
        """The sources that hold nobody twice."""
        return tuple(table.source for table in self.tables if table.source not in self.may_have_duplicates)

    def persons(self) -> Persons:
        """Cluster the links: the same input gives the same persons every time."""
        return resolve_persons(self.scored, self.tables, self.may_have_duplicates)


def open_newest_links(hub: Hub, report: Report = lambda _phase, _done: None) -> NewestLinks:
    """Open links and token tables with the registrar's key. Raises StoreError where nothing was matched yet."""
    agreement, spec, keys = hub.agreement(), hub.spec(), hub.keys("registrar")
    packages = latest_encodings(hub, "registrar")
    run = run_name(packages, spec.sha256)
    links = hub.room("registrar", "links") / f"{run}{LINKS_SUFFIX}"
    if not packages or not links.exists():
        raise StoreError(
            "the packages received last have not been matched",
            advice="run `linkage hub match` first; if nothing changes, a receive was cut short: receive them again",
        )
    matcher = agreement.terms.hub.public_keys("matcher")
    with open_package(links, keys, {matcher.name: matcher}, "links") as package:
        scored = read_scored(package.member("links.parquet"), package.member("model.json"), spec)
    senders = provider_keys(agreement)
    tables, missing, duplicates = [], {}, set()
    for done, path in enumerate(packages):
        report("opening token tables", done / len(packages))
        with open_package(path, keys, senders, "encodings") as package:
            facts, sender = EncodingFacts.of(package.manifest), package.manifest.sender
            table = pd.read_parquet(BytesIO(package.member(TOKENS_MEMBER)))
            tables.append(TokenTable(sender, table.assign(row=np.arange(len(table)))))
            missing[sender] = facts.statistics.missing
            if facts.may_have_duplicates:
                duplicates.add(sender)
    report("opening token tables", 1.0)
    inputs = tuple(package_sha256(path) for path in packages)
    return NewestLinks(run, scored, tuple(tables), missing, frozenset(duplicates), inputs)
