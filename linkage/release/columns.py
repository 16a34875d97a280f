"""The columns of a research file: which element of which provider is in which.

Rules:

- A column has the element's name as the agreement lists it, and its CEDS name beside it.
- Two datasets share a column only if both call it so and mean the same: same type, codes, CEDS name, coarsening.
  Otherwise each has its own, named ``provider_dataset_element``.
- ``period`` repeats, as text, the column by which a dataset is cut into years, so that all datasets can be ordered
  by one; a dataset whose year column is not among the output's elements has no period, for that column is data too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from linkage.governance.datasets import Dataset, Element, ValueType
from linkage.release.coarsen import OutputForm, output_form
from linkage.release.permission import PermittedRelease

RELEASE_ID, DATASET, PERIOD = "release_id", "dataset", "period"
RESERVED = (RELEASE_ID, DATASET, PERIOD)


@dataclass(frozen=True)
class Column:
    """One column of a released file, with what the codebook says of it."""

    name: str
    type: ValueType
    description: str
    ceds: str | None = None
    codes: tuple[str, ...] | None = None
    coarsened: str | None = None
    sources: tuple[str, ...] = ()
    element_class: str = "admin"


@dataclass(frozen=True)
class Placed:
    """An element of the output, its form in the release and the column that it fills."""

    dataset: Dataset
    element: Element
    form: OutputForm
    column: str

    @property
    def reference(self) -> str:
        """The element as agreements name it."""
        return f"{self.dataset.key}.{self.element.name}"

    @property
    def is_period(self) -> bool:
        """Whether the dataset is cut into years by this element."""
        return self.dataset.years is not None and self.dataset.years.column == self.element.name


def place_elements(permitted: PermittedRelease) -> tuple[Placed, ...]:
    """Decide for each element of a research file which column it fills."""
    listed = [
        (dataset, element, output_form(element))
        for dataset in permitted.datasets
        for element in permitted.elements_of(dataset)
    ]
    meanings: dict[str, set[object]] = {word: {word} for word in RESERVED}
    for _, element, form in listed:
        meanings.setdefault(element.name.casefold(), set()).add(_meaning(element, form))
    placed = []
    for dataset, element, form in listed:
        shared = len(meanings[element.name.casefold()]) == 1
        placed.append(Placed(dataset, element, form, element.name if shared else _own(dataset, element)))
    return tuple(placed)


def describe_columns(placed: Sequence[Placed]) -> tuple[Column, ...]:
    """Return the columns that the placed elements fill, each once, in order."""
    columns: dict[str, Column] = {}
    for each in placed:
        known = columns.get(each.column)
        sources = (*(known.sources if known else ()), each.reference)
        providers = " and ".join(dict.fromkeys(source.split(".")[0] for source in sources))
        columns[each.column] = Column(
            name=each.column,
            type=each.form.type,
            description=each.element.justification or f"{each.element.name}, as {providers} recorded it.",
            ceds=each.element.ceds,
            codes=each.form.codes,
            coarsened=each.form.coarsened,
            sources=sources,
            element_class=each.element.class_,
        )
    return tuple(columns.values())


def _meaning(element: Element, form: OutputForm) -> object:
    return (element.name, element.ceds, form.type, form.codes, form.coarsened, element.coarsen is None or form.sql)


def _own(dataset: Dataset, element: Element) -> str:
    return "_".join((dataset.provider, dataset.dataset, element.name)).replace("-", "_")
