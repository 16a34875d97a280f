"""What a table is to hold: its dimensions, and for each measure what it draws on.

Rules:

- A table has at most one dimension that is a period.
- A sum, mean or median is of exactly one number; a rate is of something that a person has or has not.
- A measure whose ``definition`` names one of :mod:`linkage.release.measures` is computed as that says, in a table that
  fits it.
- Where a contributing dataset has an employer threshold, its employer element contributes to every cell of those with
  wages. How many persons a definition counts at all, with wages or without, is no wage information.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from linkage.errors import InputError
from linkage.governance.datasets import Dataset, Element
from linkage.governance.outputs import Measure, Table
from linkage.release.coarsen import output_form
from linkage.release.measures.definition import MeasureDefinition, known_measures, load_measure
from linkage.release.measures.roles import periods_allowed
from linkage.release.permission import PermittedRelease


@dataclass(frozen=True)
class Dimension:
    """A column by which the table is cut."""

    header: str
    dataset: Dataset
    element: Element

    @property
    def is_period(self) -> bool:
        """Whether the dataset is cut into years by this element."""
        return self.dataset.years is not None and self.dataset.years.column == self.element.name


@dataclass(frozen=True)
class MeasurePlan:
    """A measure with what it draws on: a definition, or conditions and an amount; and the employer who contributes."""

    measure: Measure
    definition: MeasureDefinition | None
    conditions: tuple[tuple[Dataset, Element], ...]
    amount: tuple[Dataset, Element] | None
    employer: tuple[Dataset, Element] | None

    @property
    def flag(self) -> str:
        """Column that says whether a person counts."""
        return f"{self.measure.name}?"

    @property
    def has_amount(self) -> bool:
        """Whether it averages or adds up amounts."""
        return self.measure.statistic in ("sum", "mean", "median")

    @property
    def contributor(self) -> str | None:
        """Column that names the person's employer, where employers are counted."""
        return f"{self.measure.name} employer" if self.employer is not None else None


def plan_dimensions(permitted: PermittedRelease, output: Table) -> tuple[Dimension, ...]:
    """Return the table's dimensions with their headers; raises InputError if two are periods."""
    found = [permitted.resolve(reference) for reference in output.dimensions]
    names = [element.name.casefold() for _, element in found]
    dimensions = tuple(
        Dimension(
            element.name
            if names.count(element.name.casefold()) == 1
            else f"{dataset.provider}_{dataset.dataset}_{element.name}",
            dataset,
            element,
        )
        for dataset, element in found
    )
    periods = [dimension.header for dimension in dimensions if dimension.is_period]
    if len(periods) > 1:
        raise InputError(
            f"{output.id} is cut by {len(periods)} periods ({', '.join(periods)}).",
            advice="Name one of them among the dimensions.",
        )
    return dimensions


def plan_measures(
    permitted: PermittedRelease, output: Table, dimensions: Sequence[Dimension]
) -> tuple[MeasurePlan, ...]:
    """Return what each measure draws on; raises InputError naming every measure that cannot be made."""
    plans: list[MeasurePlan] = []
    problems: list[str] = []
    for measure in output.measures:
        drawn = [permitted.resolve(reference) for reference in measure.elements]
        employer = _employer(permitted, [dataset for dataset, _ in drawn], dimensions)
        if measure.definition in known_measures():
            definition = load_measure(measure.definition)
            problems += _misfits(measure, definition, any(dimension.is_period for dimension in dimensions))
            counts_all = measure.statistic == "count"
            plans.append(MeasurePlan(measure, definition, (), None, None if counts_all else employer))
            continue
        numbers = [pair for pair in drawn if output_form(pair[1]).type in ("integer", "number")]
        employers = [pair for pair in drawn if pair[1].class_ == "employer"]
        amounts: list[tuple[Dataset, Element]] = []
        if measure.statistic in ("sum", "mean", "median"):
            amounts = [pair for pair in numbers if pair not in employers and not _cuts_years(*pair)]
            if len(amounts) != 1:
                problems.append(f"{measure.name}: a {measure.statistic} needs one number, found {len(amounts)}")
        elif measure.statistic == "rate" and not drawn:
            problems.append(f"{measure.name}: a rate needs an element that a person has or has not")
        plans.append(
            MeasurePlan(
                measure,
                None,
                tuple(pair for pair in drawn if pair not in employers and pair not in amounts),
                amounts[0] if amounts else None,
                employer,
            )
        )
    if problems:
        raise InputError(f"The table {output.id} cannot be made as the agreement lists it.", problems)
    return tuple(plans)


def _misfits(measure: Measure, definition: MeasureDefinition, has_period: bool) -> Iterator[str]:
    """Yield why a defined measure cannot be shown as this statistic in this table."""
    allowed = periods_allowed(definition)
    if allowed == "needed" and not has_period:
        yield f"{measure.name}: {definition.id} is of a school year; name the school year among the dimensions"
    if allowed == "none" and has_period:
        yield f"{measure.name}: {definition.id} is of a cohort; take the school year off the dimensions"
    if measure.statistic in ("sum", "mean", "median") and definition.value is None:
        yield f"{measure.name}: {definition.id} has no amount, only a count and a rate"


def _cuts_years(dataset: Dataset, element: Element) -> bool:
    return dataset.years is not None and dataset.years.column == element.name


def _employer(
    permitted: PermittedRelease, drawn: Sequence[Dataset], dimensions: Sequence[Dimension]
) -> tuple[Dataset, Element] | None:
    """Return the employer element of the first dataset that the measure or a dimension is from, if one has any."""
    if permitted.rules.employer_threshold is None:
        return None
    for dataset in (*drawn, *(dimension.dataset for dimension in dimensions)):
        for element in dataset.elements:
            if element.class_ == "employer":
                return dataset, element
    return None
