"""For the hub's steward: why each cell is hidden, and what is wrong with a release that is refused.

Nothing here is published: it tells primary cells from complementary ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from linkage.disclosure.audit import AuditResult, Published, Target
from linkage.disclosure.cells import System, TableCells
from linkage.disclosure.rules import DisclosureRules
from linkage.errors import DisclosureError

MOST_NAMED = 12
"""How many cells an error lists before it only counts the rest."""


def explain(
    cells: TableCells, system: System, hidden: np.ndarray, rules: DisclosureRules, protects: Mapping[int, str]
) -> pd.DataFrame:
    """Return each cell of a table with its value, whether it is published, and the reason if not.

    ``protects`` names, for complementary cells, the primary cell that each was hidden for.
    """
    frame = cells.keys.copy()
    primary = system.sensitive[cells.cell] | system.already_public[cells.cell]
    secret = hidden[cells.cell] | system.already_public[cells.cell]
    frame["value"] = cells.value
    frame["status"] = np.where(~secret, "published", np.where(primary, "primary", "complementary"))
    words = _words(rules)
    own_reason = [words.get(reason, "the same persons as a primary cell elsewhere") for reason in cells.needs.reason]
    other = [
        f"if it were printed, {protects[cell]} could be worked out too closely"
        if cell in protects
        else "if it were printed, a hidden cell could be worked out too closely"
        for cell in cells.cell.tolist()
    ]
    frame["reason"] = np.where(~secret, "", np.where(primary, own_reason, other)).astype(object)
    return frame


def _words(rules: DisclosureRules) -> dict[str, str]:
    """Return what a steward is told for each rule that makes a cell primary."""
    words = {
        "persons": f"fewer than {rules.person_threshold} persons",
        "contributors": f"fewer than {rules.employer_threshold} contributors",
        "asked for": "asked for",
        "zero": "a zero: all of the group are elsewhere",
    }
    if rules.dominance is not None:
        words["dominance"] = f"its {rules.dominance.n} largest contributors exceed {rules.dominance.k:g} % of it"
    if rules.p_percent is not None:
        words["p %"] = f"the largest contributor could be worked out to within {rules.p_percent:g} %"
    return words


def names_of(system: System, causes: Mapping[int, int]) -> dict[int, str]:
    """Return, for each complementary cell of ``causes``, the name of the primary cell it was hidden for."""
    wanted = set(causes.values())
    names: dict[int, str] = {}
    for cells in system.tables:
        chosen = np.flatnonzero(np.isin(cells.cell, list(wanted - names.keys())))
        columns = [levels[0] for levels in cells.table.level_columns]
        codes = cells.keys[columns].to_numpy(object)
        for row in chosen.tolist():
            names.setdefault(int(cells.cell[row]), " / ".join(map(str, codes[row])))
    for cell in wanted & system.differences.keys() - names.keys():
        gap = system.differences[cell]
        whole = system.tables[gap.table]
        own = [str(whole.keys.iloc[gap.row][levels[0]]) for levels in whole.table.level_columns]
        names[cell] = f"the few by whom {' / '.join(own)} differs between two tables"
    return {cell: names[cause] for cell, cause in causes.items() if cause in names}


def refuse_release(outcome: AuditResult, published: Sequence[Published], release: str) -> DisclosureError:
    """Return the error for a release whose audit failed."""
    problems = [outcome.inconsistent] if outcome.inconsistent else []
    problems += _capped([_named(published, v.target) for v in outcome.violations])
    return DisclosureError(
        f"Release {release!r} is held: the audit found cells that a reader could work out too closely.",
        problems=problems,
        advice="Publish fewer or coarser tables, or take cells off `must_publish`.",
    )


def refuse_differencing(
    outcome: AuditResult, published: Sequence[Published], system: System, more: np.ndarray, own: int
) -> DisclosureError:
    """Return the error for a release that would undo an earlier one, with the least change that would not."""
    new = ", ".join(repr(table.name) for table in published[:own])
    by_release: dict[str, list[str]] = {}
    for violation in outcome.violations:
        table = published[violation.target.table]
        by_release.setdefault(table.release, []).append(_named(published, violation.target))
    problems = []
    if outcome.inconsistent:
        problems.append(outcome.inconsistent)
    problems += [f"tables {new} together with {t.name!r} of release {t.release!r}" for t in published[own:]]
    problems += _capped([f"would give back {cell}" for named in by_release.values() for cell in named])
    extra = []
    for cells in system.tables[:own]:
        for row in np.flatnonzero(more[cells.cell]):
            codes = " / ".join(str(code) for code in cells.keys.iloc[row])
            extra.append(f"{cells.table.name!r}: {codes}")
    advice = (
        f"It would be safe with {len(extra)} more hidden: {'; '.join(_capped(extra))}."
        if extra
        else "No choice of hidden cells makes it safe; publish coarser tables."
    )
    return DisclosureError("An earlier release would be undone by this one.", problems=problems, advice=advice)


def _named(published: Sequence[Published], target: Target) -> str:
    table = published[target.table]
    keys = [name for levels in table.dimensions for name in levels[:1]]
    codes = " / ".join(str(table.frame.iloc[target.row][key]) for key in keys)
    cell = f"release {table.release!r}, table {table.name!r}, cell {codes}"
    if target.less is not None:
        narrower = published[target.less[0]]
        return f"the few persons of {cell}, who are not in table {narrower.name!r} of release {narrower.release!r}"
    if target.lacking is None:
        return cell
    other = next(p for p in published if p.source == target.lacking)
    return f"the few persons of {cell}, who are not in table {other.name!r} of release {other.release!r}"


def _capped(lines: Sequence[str]) -> list[str]:
    rest = len(lines) - MOST_NAMED
    return [*lines[:MOST_NAMED], *([f"and {rest} more"] if rest > 0 else [])]
