"""Where a dataset, element or output stands in an agreement, for the rules that cite it.

Rules: the place of what is not listed is the list in which it is missing.
"""

from __future__ import annotations

from typing import TypeAlias

from linkage.governance.document import Citation
from linkage.governance.model import Agreement
from linkage.spec.strict_yaml import Path

Finding: TypeAlias = tuple[Citation, str]
"""A clause, and in words what it says about a request."""


def dataset_place(terms: Agreement, provider: str, dataset: str) -> Path:
    """Return the path of a provider's dataset, or of ``data``."""
    for number, listed in enumerate(terms.data):
        if (listed.provider, listed.dataset) == (provider, dataset):
            return ("data", number)
    return ("data",)


def element_place(terms: Agreement, provider: str, dataset: str, name: str) -> Path:
    """Return the path of an element, or of the list in which it or its dataset is missing."""
    place = dataset_place(terms, provider, dataset)
    listed = terms.dataset(provider, dataset)
    if listed is None:
        return place
    for number, element in enumerate(listed.elements):
        if element.name == name:
            return (*place, "elements", number)
    return (*place, "elements")


def output_place(terms: Agreement, output_id: str) -> Path:
    """Return the path of an output, or of ``outputs``."""
    for number, output in enumerate(terms.outputs):
        if output.id == output_id:
            return ("outputs", number)
    return ("outputs",)
