"""A table of an agreement, made, protected and certified; or not released.

Rules:

- Every number that is published, or can be worked out from what is, goes through
  :func:`linkage.disclosure.protect` in one system with what earlier releases printed: counts, both sides of a rate
  (those counted, those not, and all), and the sum behind a mean.
- The rules are the strictest of every dataset that contributes. Where they count employers, each wage cell does.
- A rate shows only where the persons it counts, those it does not and their total could all be shown; a mean or a
  median only where its sum and its persons could. A median is somebody's wage: medians and means keep three figures.
- Persons are taken at a *vintage*: the table's period, or, of a table without one, the day of the release. A table that
  is released again a year later is of other persons; what the two together would tell is guarded.
- Where the agreement rounds, each count and sum is rounded by itself, so totals need not be the sums of their parts;
  the column and the release's notes say so.
- Where a period has nobody whom a measure counts, its cells carry the symbol of hidden ones.
- If the audit does not pass there is no table (DisclosureError). Nothing here can publish a cell that is hidden there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from linkage import disclosure
from linkage.disclosure.rates import EDFACTS, rounded_amount
from linkage.disclosure.rules import TOTAL
from linkage.disclosure.tables import COUNT
from linkage.errors import InputError
from linkage.governance.datasets import ValueType
from linkage.governance.thresholds import DisclosureControl
from linkage.release.columns import Column
from linkage.release.employers import cells_of_few_employers
from linkage.release.permission import PermittedRelease
from linkage.release.table_plan import MeasurePlan
from linkage.release.units import NO, YES, Units, gather_units
from linkage.release.workspace import Source, Workspace

_MEANINGS = {
    "count": "Number of persons.",
    "rate": "Share of the persons in the cell of whom it is on record; not linked counts as not on record.",
    "sum": "Sum over persons.",
    "mean": "Mean over the persons who have it, each person's amounts of a period added up.",
    "median": "Median over the persons who have it, each person's amounts of a period added up.",
}


_ROUNDED = (
    "Counts and sums are rounded to multiples of {base}, each number by itself: parts need not add up to their total."
)


@dataclass(frozen=True, eq=False)
class ProtectedTable:
    """A table that may leave.

    ``record`` is what the hub keeps, so that later releases can be checked against this one; it and ``explanation``
    are the hub's own and never leave.
    """

    name: str
    title: str
    frame: pd.DataFrame
    columns: tuple[Column, ...]
    legend: str
    notes: tuple[str, ...]
    certificate: disclosure.DisclosureCertificate
    record: disclosure.ReleaseRecord
    explanation: tuple[tuple[str, pd.DataFrame], ...]


def make_table(
    permitted: PermittedRelease,
    payloads: Mapping[str, Source],
    crosswalk: Source,
    workspace: Workspace,
    release: str,
    history: Sequence[disclosure.ReleaseRecord] = (),
) -> ProtectedTable:
    """Make one table output and protect it, together with ``history``; raises DisclosureError if that cannot be.

    ``release`` names it in certificates and in later refusals.
    """
    with workspace.connect() as connection:
        units = gather_units(connection, permitted, payloads, crosswalk)
    if not len(units.persons):
        raise InputError(f"No person falls in the table {permitted.output_id}.")
    result = disclosure.protect(
        list(_tables(units, permitted.rules, permitted.today)),
        disclosure_rules(permitted.rules, _has_rate(units)),
        history,
        release,
    )
    shown = pd.concat([_published(units, period, result, permitted.rules) for period in _periods(units)])
    return ProtectedTable(
        permitted.output_id,
        permitted.output.title,
        shown.reset_index(drop=True),
        _columns(units, shown, permitted.rules),
        result.legend,
        (_ROUNDED.format(base=permitted.rules.rounding_base),)
        if any(_is_rounded(plan, permitted.rules) for plan in units.measures)
        else (),
        result.certificate,
        result.record,
        result.explanation,
    )


def disclosure_rules(control: DisclosureControl, rates: bool) -> disclosure.DisclosureRules:
    """Translate an agreement's rules; where it asks for more than one dominance rule, one at least as strict."""
    dominance = [rule for rule in control.dominance if rule.share < 1]
    sensitive = control.zero_policy == "suppress" or (rates and control.extreme_rates == "suppress")
    return disclosure.DisclosureRules(
        person_threshold=control.person_threshold,
        employer_threshold=control.employer_threshold or 0,
        dominance=disclosure.Dominance(
            n=max(rule.largest for rule in dominance), k=100 * min(rule.share for rule in dominance)
        )
        if dominance
        else None,
        p_percent=control.p_percent,
        zero_policy="sensitive" if sensitive else "publish",
        on_differencing=control.prior_conflicts,
        symbol=control.symbol,
    )


def _columns(units: Units, shown: pd.DataFrame, control: DisclosureControl) -> tuple[Column, ...]:
    """Describe the columns of the published table, in its order."""
    described = {
        dimension.header: Column(
            dimension.header,
            "code",
            f"{dimension.element.name} of {dimension.dataset.key}"
            + ("; persons are counted within each." if dimension.is_period else f"; {TOTAL} is the margin."),
            dimension.element.ceds,
            sources=(f"{dimension.dataset.key}.{dimension.element.name}",),
        )
        for dimension in units.dimensions
    }
    for plan in units.measures:
        measure = plan.measure
        kind: ValueType = "integer" if measure.statistic == "count" else "number"
        described[measure.name] = Column(
            measure.name,
            "text" if measure.statistic == "rate" else kind,
            _meaning(plan)
            + (f" Rounded to a multiple of {control.rounding_base}." if _is_rounded(plan, control) else ""),
            sources=measure.elements,
        )
    return tuple(described[str(header)] for header in shown.columns)


def _meaning(plan: MeasurePlan) -> str:
    if plan.definition is None:
        return plan.measure.definition or _MEANINGS[plan.measure.statistic]
    definition = plan.definition
    parts = [f"{definition.title} ({definition.authority}).", f"Counted: {definition.counted}"]
    if plan.measure.statistic == "rate":
        parts.append(f"Met: {definition.met}")
    if plan.has_amount:
        parts.append(f"{plan.measure.statistic.capitalize()} of: {definition.value}")
    return " ".join(parts)


def _has_rate(units: Units) -> bool:
    return any(_is_rate(plan) for plan in units.measures)


def _is_rounded(plan: MeasurePlan, control: DisclosureControl) -> bool:
    return control.rounding_base > 0 and plan.measure.statistic in ("count", "sum")


def _periods(units: Units) -> list[str | None]:
    return sorted(units.persons[units.period].unique()) if units.period is not None else [None]


def _tables(units: Units, control: DisclosureControl, today: date) -> Iterator[disclosure.Table]:
    """Yield everything that the published numbers are made of, as tables to be protected."""
    tables = []
    for period in _periods(units):
        vintage = period or today.isoformat()
        for plan in units.measures:
            if _counts_anybody(units, plan, period):
                tables.append(_persons_table(units, plan, period, vintage, control))
                if plan.has_amount:
                    tables.append(_amounts_table(units, plan, period, vintage))
    if not tables:
        raise InputError(
            "The table would be empty: its measures count nobody.",
            advice="See which of the definitions' persons the payload covers, and its years.",
        )
    yield from tables


def _counts_anybody(units: Units, plan: MeasurePlan, period: str | None) -> bool:
    return bool(_inside(units, plan, period)[plan.flag].isin([YES, NO] if _is_rate(plan) else [YES]).any())


def _inside(units: Units, plan: MeasurePlan, period: str | None) -> pd.DataFrame:
    persons = units.persons
    return persons if period is None else persons[persons[str(units.period)] == period]


def _is_rate(plan: MeasurePlan) -> bool:
    return plan.measure.statistic == "rate"


def _persons_table(
    units: Units, plan: MeasurePlan, period: str | None, vintage: str, control: DisclosureControl
) -> disclosure.Table:
    by, margins = _cut(units)
    must_hide: tuple[dict[str, str], ...] = ()
    if plan.contributor is not None:
        inside = _inside(units, plan, period)
        met = inside[inside[plan.flag] == YES]
        # Whoever is on a rate's other side has no wages, and so no employer.
        side = {plan.flag: YES} if _is_rate(plan) else {}
        few = cells_of_few_employers(met, by, margins or _is_rate(plan), plan.contributor, control)
        must_hide = tuple(cell | side for cell in few)
    return disclosure.Table(
        _persons_name(plan, period),
        units.persons,
        [*by, plan.flag] if _is_rate(plan) else by,
        margins=margins or _is_rate(plan),
        where=_in_period(units, period) | {plan.flag: [YES, NO] if _is_rate(plan) else [YES]},
        population=_population(period),
        vintage=vintage,
        id="id",
        must_hide=must_hide,
    )


def _amounts_table(units: Units, plan: MeasurePlan, period: str | None, vintage: str) -> disclosure.Table:
    by, margins = _cut(units)
    data = units.amounts[plan.measure.name]
    # Amounts below zero (a loss of points) are moved up together; what is published is moved back.
    data = data.assign(**{units.quantity(plan): data["amount"] - _floor(data["amount"])})
    named = plan.employer is not None and data["employer"].notna().any()
    return disclosure.Table(
        _amounts_name(plan, period),
        data.assign(id=data["id"] + "|" + data["employer"].fillna("").astype(str)),
        by,
        margins=margins,
        value=units.quantity(plan),
        contributor="employer" if named else None,
        where=_in_period(units, period),
        population=_population(period),
        vintage=vintage,
        id="id",
    )


def _cut(units: Units) -> tuple[list[str], bool]:
    """Return the dimensions within a period, and whether their margins mean something."""
    if units.headers:
        return units.headers, True
    return [str(units.period)], False


def _in_period(units: Units, period: str | None) -> dict[str, list[str]]:
    return {} if units.period is None or period is None else {units.period: [period]}


def _population(period: str | None) -> str:
    # Persons of two periods are the same persons, but no published number is a sum over both.
    return "persons" if period is None else f"persons in {period}"


def _persons_name(plan: MeasurePlan, period: str | None) -> str:
    return " ".join(part for part in (plan.measure.name, "persons", period) if part)


def _amounts_name(plan: MeasurePlan, period: str | None) -> str:
    return " ".join(part for part in (plan.measure.name, "amounts", period) if part)


def _published(
    units: Units, period: str | None, result: disclosure.ProtectedRelease, control: DisclosureControl
) -> pd.DataFrame:
    """Return one row per cell of a period, with a column per measure."""
    by, _ = _cut(units)
    names = [plan.measure.name for plan in units.measures]
    made = {
        plan.measure.name: _measure(units, plan, period, result, control)
        for plan in units.measures
        if _persons_name(plan, period) in dict(result.tables)
    }
    if not made:
        return pd.DataFrame()
    shown = pd.concat(made, axis=1).reindex(columns=names)
    # A cell in which a measure has nobody must not be told from one that is hidden.
    shown = shown.astype(object).where(shown.notna(), control.symbol).reset_index()
    shown.columns = pd.Index([*by, *names])
    if period is not None and units.period not in by:
        shown.insert(0, str(units.period), period)
    # Margins come after the cells that they sum.
    order = [f"{column} margin" for column in by]
    sorting = shown.assign(**{name: shown[column] == TOTAL for name, column in zip(order, by, strict=True)})
    return shown.loc[sorting.sort_values([*order, *by]).index]


def _measure(
    units: Units, plan: MeasurePlan, period: str | None, result: disclosure.ProtectedRelease, control: DisclosureControl
) -> pd.Series:
    """Return what is published of a measure, by cell."""
    by, _ = _cut(units)
    persons = result[_persons_name(plan, period)]
    symbol = control.symbol
    if _is_rate(plan):
        return _rates(persons, by, plan.flag, control)
    counts = persons.set_index(by)[COUNT]
    if not plan.has_amount:
        return _rounded(counts, plan, control)
    sums = result[_amounts_name(plan, period)].set_index(by)[units.quantity(plan)].reindex(counts.index)
    hidden = sums.eq(symbol) | counts.eq(symbol)
    persons_shown = pd.to_numeric(counts.where(~hidden), errors="coerce")
    floor = _floor(units.amounts[plan.measure.name]["amount"])
    numbers = pd.to_numeric(sums.where(~hidden), errors="coerce") + floor * persons_shown
    if plan.measure.statistic == "mean":
        numbers = numbers / persons_shown
    elif plan.measure.statistic == "median":
        numbers = _medians(units.amounts[plan.measure.name], by, units, period).reindex(counts.index).where(~hidden)
    if plan.measure.statistic == "sum":
        return _rounded(numbers.astype(object).where(~hidden, symbol), plan, control)
    return numbers.map(rounded_amount, na_action="ignore").astype(object).where(~hidden, symbol)


def _rates(persons: pd.DataFrame, by: list[str], flag: str, control: DisclosureControl) -> pd.Series:
    sides = persons.set_index([*by, flag])[COUNT].unstack(flag).reindex(columns=[YES, NO, TOTAL])
    # A side that no person is on is a zero that may be published; one that is hidden has the symbol.
    sides = sides.astype(object).where(sides.notna(), 0)
    hidden = (sides == control.symbol).any(axis=1) | sides[TOTAL].eq(0)
    met = sides[YES].where(~hidden, 0).astype(float)
    total = sides[TOTAL].where(~hidden, 0).astype(float)
    shown = [
        EDFACTS.show(met_here, number) if control.rate_bands else f"{met_here / max(number, 1):.1%}"
        for met_here, number in zip(met, total, strict=True)
    ]
    rates = pd.Series(shown, index=sides.index, dtype=object)
    return rates.where(~hidden & rates.notna(), control.symbol)


def _medians(amounts: pd.DataFrame, by: list[str], units: Units, period: str | None) -> pd.Series:
    """Return the median over persons for every cell and margin."""
    inside = amounts if period is None else amounts[amounts[str(units.period)] == period]
    people = inside.groupby([*by, "release_id"], as_index=False)["amount"].sum()
    found = []
    for chosen in np.ndindex(*(2,) * len(by)):
        kept = [column for column, margin in zip(by, chosen, strict=True) if not margin]
        cut = people.assign(**{column: TOTAL for column in by if column not in kept})
        found.append(cut.groupby(by)["amount"].median())
    medians: pd.Series = pd.concat(found)
    return medians


def _floor(amounts: pd.Series) -> float:
    return min(0.0, float(amounts.min())) if len(amounts) else 0.0


def _rounded(values: pd.Series, plan: MeasurePlan, control: DisclosureControl) -> pd.Series:
    if not _is_rounded(plan, control):
        return values
    base = control.rounding_base
    rounded: pd.Series = values.map(lambda value: value if value == control.symbol else round(value / base) * base)
    return rounded
