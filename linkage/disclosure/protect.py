"""Protect a release: primary cells, complementary cells, audit, certificate. No certificate, no release.

::

    result = protect([Table("enrolment", pupils, by=["school", "grade"])], DisclosureRules(person_threshold=10))
    result["enrolment"]        # a DataFrame, "*" where hidden
    result.certificate         # dumps to JSON
    protect([...], rules, history=[result.record])

Rules:

- Every table of a measure over a population, and every earlier table over it, is one system; other vintages are
  part of it where one is known to hold the other.
- Complementary cells are chosen by a heuristic, or, on request and for small tables, so that nothing cheaper would do.
- The pattern chosen is not trusted: the audit reads only the published frames and must reach every target.
- A new release that would undo a hidden cell of an earlier one is refused by default, with both tables named and
  the cells whose hiding would make it safe; with ``on_differencing="hide"`` those cells are hidden.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd

from linkage.disclosure.audit import Structure, audit
from linkage.disclosure.cells import PrintedTable, System, build_system
from linkage.disclosure.certificate import DisclosureCertificate, TableAttested, attest, sha256_of, solver_name
from linkage.disclosure.explanation import explain, names_of, refuse_differencing, refuse_release
from linkage.disclosure.insiders import insider_views
from linkage.disclosure.optimum import cheapest, cost_of
from linkage.disclosure.publishing import what_is_published
from linkage.disclosure.rules import DisclosureRules
from linkage.disclosure.secondary import Pattern, complementary
from linkage.disclosure.tables import Table
from linkage.disclosure.vintages import about_the_same_persons
from linkage.errors import InputError

Method = Callable[[System], Pattern]
"""How complementary cells are chosen."""


@dataclass(frozen=True, eq=False)
class ReleaseRecord:
    """What the hub keeps of a release so that later ones can be checked against it. Confidential: it holds data."""

    release: str
    tables: tuple[PrintedTable, ...]


@dataclass(frozen=True, eq=False)
class ProtectedRelease:
    """A release that passed its audit.

    ``explanation`` is for the steward only: it says of each cell whether it is primary or complementary, and why.
    """

    tables: tuple[tuple[str, pd.DataFrame], ...]
    certificate: DisclosureCertificate
    record: ReleaseRecord
    explanation: tuple[tuple[str, pd.DataFrame], ...]
    legend: str

    def __getitem__(self, name: str) -> pd.DataFrame:
        return dict(self.tables)[name]


def protect(
    tables: Table | Sequence[Table],
    rules: DisclosureRules | None = None,
    history: Sequence[ReleaseRecord] = (),
    release: str = "release",
    optimal: bool = False,
    seconds: float = 60.0,
) -> ProtectedRelease:
    """Hide what must be hidden in ``tables`` and prove that it stays hidden.

    ``history`` holds the records of earlier releases, whose printed cells an attacker has too. With ``optimal`` each
    system's pattern is sought that costs least, for about ``seconds``; the certificate says how far from the least it
    may be.

    Raises DisclosureError if an earlier release would be undone or the audit finds a violation.
    """
    wanted = [tables] if isinstance(tables, Table) else list(tables)
    rules = rules or DisclosureRules()
    names = [table.name for table in wanted]
    if not wanted or len(set(names)) < len(names):
        raise InputError(
            "A release needs tables with names of their own.",
            problems=[f"table {name!r} is named twice" for name in sorted({n for n in names if names.count(n) > 1})],
        )
    printed = [table for record in history for table in record.tables]
    frames: dict[str, pd.DataFrame] = {}
    explained: dict[str, pd.DataFrame] = {}
    audited = []
    either = rules.protection == "exact"
    method = partial(cheapest, either=either, seconds=seconds) if optimal else partial(complementary, either=either)
    for together in about_the_same_persons(wanted, printed, rules.person_threshold):
        own, before = together.own, together.before
        system, hidden, gap, causes = _choose(own, before, printed, rules, release, method)
        published, targets = what_is_published(system, hidden, before, rules, len(own))
        structure = Structure(system.atoms.profiles, system.atoms.member)
        outcome = audit(published, structure, targets)
        if not outcome.passed:
            raise refuse_release(outcome, published, release)
        for view in insider_views(system, hidden):
            seen, insider_targets = what_is_published(view, view.hidden, before, rules, len(own))
            insider = audit(seen, structure, insider_targets)
            if not insider.passed:
                raise refuse_release(insider, published, release)
        audited.append(attest(system, hidden, outcome, together.vintages, [earlier.release for earlier in before], gap))
        protects = names_of(system, causes)
        for cells, table in zip(system.tables[: len(own)], published, strict=False):
            frames[table.name] = table.frame
            explained[table.name] = explain(cells, system, hidden, rules, protects)
    ordered = tuple((name, frames[name]) for name in names)
    certificate = DisclosureCertificate(
        release=release, passed=True, rules=rules, systems=tuple(audited), solver=solver_name(),
        tables=tuple(
            TableAttested(
                name=table.name, measure=table.measure, cells=len(frames[table.name]),
                hidden=int(frames[table.name][table.measure].eq(rules.symbol).sum()),
                sha256=sha256_of(frames[table.name]),
            )
            for table in wanted
        ),
    )  # fmt: skip
    record = ReleaseRecord(
        release, tuple(PrintedTable(release, table, frames[table.name], rules.symbol) for table in wanted)
    )
    return ProtectedRelease(
        ordered, certificate, record, tuple((name, explained[name]) for name in names), rules.legend
    )


def _choose(
    own: Sequence[Table],
    before: Sequence[PrintedTable],
    habits: Sequence[PrintedTable],
    rules: DisclosureRules,
    release: str,
    method: Method,
) -> tuple[System, np.ndarray, float | None, Mapping[int, int]]:
    """Choose what to hide; with a history, only if that leaves the history safe (or the rules say to hide more).

    Also returns the share of the pattern's cost that may not be needed, where the method proves a bound, and for
    which primary cell a complementary one was hidden.
    """
    system = build_system(own, before, rules, release, habits)
    if not before or rules.on_differencing == "hide":
        return system, *_against_insiders(system, method)
    alone = build_system(own, (), rules, release, habits)
    hidden, gap, causes = _against_insiders(alone, method)
    joined = _same_cells(alone, system)
    asked = system.hidden.copy()
    asked[[new for old, new in joined.items() if hidden[old]]] = True
    asked &= system.hideable | system.hidden
    system = replace(system, hidden=asked)
    hidden, _, _ = _against_insiders(system, method)
    more = hidden & ~asked
    published, targets = what_is_published(system, asked, before, rules, len(own))
    outcome = audit(published, Structure(system.atoms.profiles, system.atoms.member), targets)
    if not outcome.passed:
        raise refuse_differencing(outcome, published, system, more, len(own))
    known = {joined[cell]: joined[cause] for cell, cause in causes.items() if {cell, cause} <= joined.keys()}
    return system, hidden, gap, known


def _same_cells(alone: System, joint: System) -> dict[int, int]:
    """Return, for cells of a system, which cell of the joint system they are.

    Beside earlier releases a table may have other rows than alone: combinations that they make possible, or rule out.
    """
    found: dict[int, int] = {}
    for mine, its in zip(alone.tables, joint.tables, strict=False):
        both = mine.keys.assign(_old=mine.cell).merge(its.keys.assign(_new=its.cell), on=list(mine.keys.columns))
        found.update(zip(both["_old"].tolist(), both["_new"].tolist(), strict=True))
    return found


def _against_insiders(system: System, method: Method) -> tuple[np.ndarray, float | None, Mapping[int, int]]:
    """Hide what outsiders must not work out, then what each insider must not."""
    pattern = method(system)
    hidden = pattern.hidden
    for view in insider_views(system, hidden):
        view = replace(view, hidden=view.hidden | (hidden & view.hideable))
        hidden = hidden | method(view).hidden
    if pattern.least_cost is None:
        return hidden, None, pattern.causes
    cost = cost_of(system, hidden)
    return hidden, 1 - pattern.least_cost / cost if cost > 0 else 0.0, pattern.causes
