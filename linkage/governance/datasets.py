"""What data the agreement covers, under which law, and what each element may be used for.

Rules:

- An element that is not listed is never sealed, linked on or released.
- ``link_only`` may feed the encodings and nothing else. ``output`` may be in a research file or a table;
  ``output_coarsened`` only in the coarser form written beside it; ``aggregate_only`` only inside a table's
  measure or dimension, never in a row (the Kentucky rule for wages).
- An element whose class is ``identifier`` is ``link_only``: 34 CFR 99.31(b)(2) and 45 CFR 164.514.
- An element whose class is ``employer`` says whose wage record it is: it is counted and never shown (20 CFR
  603.4 protects employers as well as persons).
- Each dataset names the law that lets its provider disclose it, with what that law wants written down:
  34 CFR 99.31(a)(6) studies, 99.31(a)(3) with 99.35 audit or evaluation, 20 CFR 603.10 wage records,
  45 CFR 164.514(e) limited data set.
- A dataset may ask for stricter disclosure rules than the agreement's; the strictest contributing rule wins.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from linkage.governance.base import Clause, Id, Name, Text
from linkage.governance.thresholds import StricterRules
from linkage.spec.strict_yaml import FieldsError

Use = Literal["link_only", "output", "output_coarsened", "aggregate_only"]
ElementClass = Literal["identifier", "quasi", "sensitive", "outcome", "admin", "employer"]
ValueType = Literal["text", "code", "integer", "number", "date", "boolean"]
Basis = Literal[
    "ferpa_studies",
    "ferpa_audit_evaluation",
    "ferpa_school_official",
    "ferpa_enrolling_school",
    "ui_public_official",
    "hipaa_limited_data_set",
    "hipaa_business_associate",
    "child_welfare",
    "state_law",
    "consent",
    "deidentified",
]


class Authority(Clause):
    """Why the provider may disclose this dataset: the paragraph that counsel looks for first."""

    statute: Name = Field(description="citation, such as 34 CFR 99.31(a)(6)")
    basis: Basis
    education_program: Text | None = None
    authorized_representative: Id | None = None
    need_to_know: Text | None = None

    @model_validator(mode="after")
    def _what_the_law_wants_is_written(self) -> Authority:
        wanted = {
            "ferpa_audit_evaluation": ("education_program", "authorized_representative"),
            "ui_public_official": ("need_to_know",),
        }.get(self.basis, ())
        missing = [
            ((field,), f"is missing: {self.basis} requires it ({self.statute})")
            for field in wanted
            if getattr(self, field) is None
        ]
        if missing:
            raise FieldsError(missing)
        return self


class YearOnly(Clause):
    """Keep the year of a date."""

    method: Literal["year"]


class Rounded(Clause):
    """Round a number to the nearest multiple of ``base``."""

    method: Literal["round"]
    base: float = Field(gt=0)


class Banded(Clause):
    """Replace a number by its band: ``edges`` [0, 5, 10] makes ``<0``, ``0-<5``, ``5-<10`` and ``>=10``."""

    method: Literal["band"]
    edges: tuple[float, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _edges_ascend(self) -> Banded:
        if list(self.edges) != sorted(set(self.edges)):
            raise FieldsError([(("edges",), "must ascend, each edge once")])
        return self


class TopCoded(Clause):
    """Replace a number above ``at`` by ``at``."""

    method: Literal["top_code"]
    at: float


class Truncated(Clause):
    """Keep the first characters of a code, such as three digits of a ZIP code."""

    method: Literal["truncate"]
    characters: int = Field(ge=1, le=20)


class Grouped(Clause):
    """Replace a code by its group; a code in no group becomes ``other``."""

    method: Literal["group"]
    groups: dict[Name, tuple[str, ...]] = Field(min_length=1)
    other: Name = "other"


Coarsening = Annotated[YearOnly | Rounded | Banded | TopCoded | Truncated | Grouped, Field(discriminator="method")]


class Element(Clause):
    """One column of a dataset."""

    name: Name = Field(description="the column's header in the provider's file")
    use: Use
    ceds: Name | None = Field(None, description="CEDS technical name, or its global ID")
    type: ValueType = "text"
    codes: tuple[str, ...] | None = Field(None, min_length=1, description="the only values allowed")
    class_: ElementClass = Field("admin", alias="class")
    coarsen: Coarsening | None = None
    justification: Text | None = None

    @model_validator(mode="after")
    def _use_fits(self) -> Element:
        problems: list[tuple[tuple[str | int, ...], str]] = []
        if (self.use == "output_coarsened") != (self.coarsen is not None):
            problems.append((("coarsen",), "goes with `use: output_coarsened`, and only with it"))
        if self.class_ == "identifier" and self.use != "link_only":
            problems.append((("use",), "an identifier is link_only (34 CFR 99.31(b)(2))"))
        if self.class_ == "employer" and self.use != "aggregate_only":
            problems.append((("use",), "an employer is aggregate_only (20 CFR 603.4)"))
        if self.codes is not None and self.type != "code":
            problems.append((("codes",), "goes with `type: code`"))
        if problems:
            raise FieldsError(problems)
        return self


class Years(Clause):
    """The rows covered, by the year that ``column`` begins with (2024, 2024Q3, 2024-09-01)."""

    column: Name
    first: int = Field(alias="from", ge=1900, le=2200)
    last: int = Field(alias="to", ge=1900, le=2200)

    @model_validator(mode="after")
    def _in_order(self) -> Years:
        if self.first > self.last:
            raise FieldsError([(("to",), f"must not be before `from` ({self.first})")])
        return self


class Condition(Clause):
    """A row belongs only if the column's value is one of those listed."""

    column: Name
    any_of: tuple[str, ...] = Field(min_length=1)


class Population(Clause):
    """Whose records are covered: in words for people, and as conditions (all must hold) for the machine."""

    description: Text
    where: tuple[Condition, ...] = ()


class Dataset(Clause):
    """One file of one provider."""

    provider: Id
    dataset: Id
    description: Text
    local_id: Name = Field(description="the column that holds the provider's own ID of the person")
    authority: Authority
    population: Population
    years: Years | None = Field(None, description="absent for a file without a period")
    refresh: Name = "once"
    elements: tuple[Element, ...] = Field(min_length=1)
    disclosure: StricterRules = StricterRules()

    @model_validator(mode="after")
    def _names_once(self) -> Dataset:
        seen: set[str] = set()
        problems: list[tuple[tuple[str | int, ...], str]] = []
        for number, element in enumerate(self.elements):
            if element.name in seen:
                problems.append((("elements", number, "name"), f"`{element.name}` is listed twice"))
            if element.name == self.local_id and element.use != "link_only":
                problems.append((("elements", number, "use"), "the local ID is link_only: it is replaced by a token"))
            seen.add(element.name)
        if problems:
            raise FieldsError(problems)
        return self

    @property
    def key(self) -> str:
        """``provider.dataset``, the name by which releases refer to it."""
        return f"{self.provider}.{self.dataset}"

    def element(self, name: str) -> Element | None:
        """Return the element of this name, if it is listed."""
        return next((element for element in self.elements if element.name == name), None)
