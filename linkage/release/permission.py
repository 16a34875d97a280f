"""A release that the agreement allows: nothing in this package makes an output without one.

Rules:

- It cannot be made unless :mod:`linkage.governance.decide` allows the output, its recipient, its purpose and each of
  its elements on that day; the refusal names every clause.
- What it says (elements, cohort, rules, destruction date) is read from the agreement, never from the caller.
- Where an agreement lies inside others, the earliest destruction date holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from linkage.governance.consistency import dataset_keys, drawn_from
from linkage.governance.datasets import Dataset, Element
from linkage.governance.decide import require
from linkage.governance.model import Agreement
from linkage.governance.outputs import CohortPart, Output, Table, cohort_of
from linkage.governance.requests import Release
from linkage.governance.standing import StandingAgreement
from linkage.governance.thresholds import DisclosureControl


@dataclass(frozen=True)
class PermittedRelease:
    """One output of an agreement, allowed for one recipient and purpose on one day. Raises Refused."""

    agreement: StandingAgreement
    output_id: str
    recipient: str
    purpose: str
    today: date
    users: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        require(self.agreement, [self._request()], self.today)

    @property
    def terms(self) -> Agreement:
        """What the agreement says."""
        return self.agreement.terms

    @property
    def output(self) -> Output:
        """The output as the agreement lists it."""
        found = self.terms.output(self.output_id)
        assert found is not None, "checked when made"
        return found

    @property
    def datasets(self) -> tuple[Dataset, ...]:
        """The datasets of which the output has elements, in the agreement's order."""
        keys = dataset_keys(self.output.elements)
        return tuple(dataset for dataset in self.terms.data if dataset.key in keys)

    @property
    def sources(self) -> tuple[Dataset, ...]:
        """All datasets that must be there: those with elements, and those that choose the persons."""
        keys = drawn_from(self.output)
        return tuple(dataset for dataset in self.terms.data if dataset.key in keys)

    @property
    def cohort(self) -> tuple[CohortPart, ...]:
        """Whose persons the output is of, where the agreement says so."""
        return cohort_of(self.output)

    def elements_of(self, dataset: Dataset) -> tuple[Element, ...]:
        """Return the elements of one dataset that the output lists, in the output's order."""
        return tuple(
            element
            for reference in self.output.elements
            for owner, element in (self.resolve(reference),)
            if owner.key == dataset.key
        )

    def resolve(self, reference: str) -> tuple[Dataset, Element]:
        """Return the dataset and element behind ``provider.dataset.element``."""
        found = self.terms.resolve(reference)
        assert found is not None, "an output lists only what the agreement's data list"
        return found

    @property
    def rules(self) -> DisclosureControl:
        """The strictest disclosure rules of everything that contributes."""
        return self.terms.disclosure_rules(drawn_from(self.output))

    @property
    def destroy_by(self) -> date:
        """The earliest day by which this agreement, or one it lies inside, wants the data destroyed."""
        days, above = [self.terms.retention.destroy_by], self.agreement.parent
        while above is not None:
            days.append(above.terms.retention.destroy_by)
            above = above.parent
        return min(days)

    def _request(self) -> Release:
        output = self.terms.output(self.output_id)
        return Release(
            output=self.output_id,
            kind=output.kind if output is not None else "research_file",
            recipient=self.recipient,
            purpose=self.purpose,
            elements=tuple(output.elements) if output is not None else (),
            dimensions=output.dimensions if isinstance(output, Table) else (),
            cohort=tuple(part.dataset for part in self.cohort) if output is not None else (),
            users=self.users,
        )
