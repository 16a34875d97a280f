"""What may leave the hub: research files, tables, flags back and crosswalks, each listed by name.

Rules:

- A release that is not listed, or holds an element that its entry does not list, is refused.
- A research file holds rows of persons: only ``output`` and ``output_coarsened`` elements.
- A table holds statistics: besides those, ``aggregate_only`` elements as measure or dimension.
- A flag back tells one provider yes or no about its own students, and never why.
- A crosswalk gives one recipient two providers' tokens for the same person; only where the law lets both know.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from linkage.governance.base import Clause, ElementRef, Id, Name, Text

Statistic = Literal["count", "rate", "sum", "mean", "median"]


class _Output(Clause):
    id: Id
    title: Name
    recipients: tuple[Id, ...] = Field(min_length=1)
    purposes: tuple[Id, ...] = Field(min_length=1, description="codes of purpose.permitted_uses")


class ResearchFile(_Output):
    """Person by period, under IDs made for this release."""

    kind: Literal["research_file"]
    form: Literal["long", "wide"] = "long"
    elements: tuple[ElementRef, ...] = Field(min_length=1)


class Measure(Clause):
    """What a table's cells hold; ``count`` counts persons, ``rate`` is a share of them."""

    name: Id
    statistic: Statistic
    elements: tuple[ElementRef, ...] = ()
    definition: Text | None = None


class Table(_Output):
    """A statistic for each combination of the dimensions' values, with margins."""

    kind: Literal["table"]
    dimensions: tuple[ElementRef, ...] = Field(min_length=1, max_length=5)
    measures: tuple[Measure, ...] = Field(min_length=1)

    @property
    def elements(self) -> tuple[str, ...]:
        """Every element that the table draws on."""
        return tuple(dict.fromkeys([*self.dimensions, *(e for m in self.measures for e in m.elements)]))


class FlagBack(_Output):
    """A yes or no per person, returned to one provider for its own persons."""

    kind: Literal["flag_back"]
    flag: Id
    elements: tuple[ElementRef, ...] = Field(min_length=1, description="what the flag is computed from")
    rule: Text


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
