"""What may leave the hub: research files, tables, flags back and crosswalks, each listed by name.

Rules:

- A release that is not listed, or holds an element that its entry does not list, is refused.
- A research file holds rows of persons: only ``output`` and ``output_coarsened`` elements.
- A table holds statistics: besides those, ``aggregate_only`` elements as measure or dimension.
- A file or table may be of a *cohort*: persons with a record in one of the named datasets that meets every condition.
- A flag back tells one provider yes or no about its own students, and never why. Its rule is a list of conditions on
  listed elements, which the machine tests and the prose repeats; there is no rule in free text.
- A crosswalk gives one recipient two providers' tokens for the same person; only where the law lets both know.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from linkage.governance.base import Clause, DatasetRef, ElementRef, Id, Name, Text
from linkage.governance.datasets import Condition
from linkage.spec.strict_yaml import FieldsError

Statistic = Literal["count", "rate", "sum", "mean", "median"]


class _Output(Clause):
    id: Id
    title: Name
    recipients: tuple[Id, ...] = Field(min_length=1)
    purposes: tuple[Id, ...] = Field(min_length=1, description="codes of purpose.permitted_uses")


class CohortPart(Clause):
    """Persons with a record in one dataset that meets every condition."""

    dataset: DatasetRef
    where: tuple[Condition, ...] = ()


class _OfCohort(_Output):
    cohort: tuple[CohortPart, ...] = Field(
        (), description="whose persons; absent: of a file all, of a table those of its first dimension's dataset"
    )


class SpellRule(Clause):
    """Elements of a dataset whose unbroken runs of periods are put together as spells."""

    dataset: DatasetRef
    elements: tuple[Name, ...] = Field(min_length=1)


class ResearchFile(_OfCohort):
    """Person by period, under IDs made for this release."""

    kind: Literal["research_file"]
    form: Literal["long", "wide"] = "long"
    elements: tuple[ElementRef, ...] = Field(min_length=1)
    spells: tuple[SpellRule, ...] = Field((), description="in the long form, beside the rows")


class Measure(Clause):
    """What a table's cells hold; ``count`` counts persons, ``rate`` is a share of them."""

    name: Id
    statistic: Statistic
    elements: tuple[ElementRef, ...] = ()
    definition: Text | None = None


class Table(_OfCohort):
    """A statistic for each combination of the dimensions' values, with margins."""

    kind: Literal["table"]
    dimensions: tuple[ElementRef, ...] = Field(min_length=1, max_length=5)
    measures: tuple[Measure, ...] = Field(min_length=1)

    @property
    def elements(self) -> tuple[str, ...]:
        """Every element that the table draws on."""
        return tuple(dict.fromkeys([*self.dimensions, *(e for m in self.measures for e in m.elements)]))


class FlagCondition(Clause):
    """One test of one element; exactly one test is given."""

    element: ElementRef
    present: Literal[True] | None = None
    is_true: Literal[True] | None = None
    any_of: tuple[str, ...] | None = Field(None, min_length=1)
    at_least: float | None = None
    at_most: float | None = None
    within_days: int | None = Field(None, ge=0, le=36525, description="days before the release, its day included")

    @model_validator(mode="after")
    def _one_test(self) -> FlagCondition:
        given = [name for name in FLAG_TESTS if getattr(self, name) is not None]
        if len(given) != 1:
            raise FieldsError([((), f"give exactly one of {', '.join(FLAG_TESTS)}")])
        return self

    @property
    def test(self) -> str:
        """The name of the test that is given."""
        return next(name for name in FLAG_TESTS if getattr(self, name) is not None)


FLAG_TESTS: Final = ("present", "is_true", "any_of", "at_least", "at_most", "within_days")


class FlagBack(_Output):
    """A yes or no per person, returned to one provider for its own persons.

    Yes: one record of one dataset meets every condition that the rule lists for that dataset.
    """

    kind: Literal["flag_back"]
    flag: Id
    rule: tuple[FlagCondition, ...] = Field(min_length=1)

    @property
    def elements(self) -> tuple[str, ...]:
        """What the flag is computed from."""
        return tuple(dict.fromkeys(condition.element for condition in self.rule))


class Crosswalk(_Output):
    """Which record of one provider is which of another."""

    kind: Literal["crosswalk"]
    providers: tuple[Id, Id]

    @property
    def elements(self) -> tuple[str, ...]:
        """A crosswalk carries no element."""
        return ()


Output = Annotated[ResearchFile | Table | FlagBack | Crosswalk, Field(discriminator="kind")]
OutputKind = Literal["research_file", "table", "flag_back", "crosswalk"]


def cohort_of(output: Output) -> tuple[CohortPart, ...]:
    """Return the parts of an output's cohort; none where it is not of one."""
    return output.cohort if isinstance(output, ResearchFile | Table) else ()
