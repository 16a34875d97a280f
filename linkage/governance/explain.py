"""Why an element may or may not be shared, released or received: one sentence per answer, with its clause.

Rules:

- An answer comes from the clauses that :mod:`linkage.governance.decide` enforces, and from nothing else.
- A person may name an element by its column, its CEDS name or its full reference, in any spelling of case and
  underscores; a recipient by its ID.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from linkage.governance.datasets import Dataset, Element
from linkage.governance.decide import decide, refusals
from linkage.governance.document import Citation
from linkage.governance.lookup import element_place, output_place
from linkage.governance.model import Agreement
from linkage.governance.outputs import Output, Table
from linkage.governance.requests import Release, SealElement
from linkage.governance.standing import StandingAgreement


@dataclass(frozen=True)
class Explanation:
    """One answer: yes or no, in a sentence that names its clause."""

    allowed: bool
    sentence: str


def explain(agreement: StandingAgreement, element: str, recipient: str | None, today: date) -> tuple[Explanation, ...]:
    """Explain what may happen to every element that ``element`` names, for one recipient or for all."""
    found = list(_named(agreement.terms, element))
    if not found:
        clause = agreement.cite("data")
        return (
            Explanation(False, f"{element} is refused: {clause} does not list it, and what is not listed is refused."),
        )
    return tuple(
        answer for dataset, listed in found for answer in _answers(agreement, dataset, listed, recipient, today)
    )


def _named(terms: Agreement, name: str) -> Iterator[tuple[Dataset, Element]]:
    exact = terms.resolve(name)
    if exact is not None:
        yield exact
        return
    wanted = _plain(name)
    for dataset in terms.data:
        for element in dataset.elements:
            if wanted in (_plain(element.name), _plain(element.ceds or element.name)):
                yield dataset, element


def _plain(name: str) -> str:
    return name.replace("_", "").replace(" ", "").replace("-", "").casefold()


def _answers(
    agreement: StandingAgreement, dataset: Dataset, element: Element, recipient: str | None, today: date
) -> Iterator[Explanation]:
    terms = agreement.terms
    reference = f"{dataset.key}.{element.name}"
    sealing = decide(agreement, SealElement(dataset.provider, dataset.dataset, element.name), today)
    may = "may be sealed by" if sealing.allowed else "may not be sealed by"
    yield Explanation(
        sealing.allowed,
        f"{reference} {may} {dataset.provider} for the hub: {sealing.clause} says {element.use} ({sealing.reason}).",
    )
    if not sealing.allowed and element.use == "link_only":
        return
    outputs = [output for output in terms.outputs if reference in output.elements]
    if not outputs:
        clause = agreement.cite("outputs")
        yield Explanation(False, f"{reference} is released to nobody: {clause} lists no output that holds it.")
        return
    for output in outputs:
        for receiver in output.recipients if recipient is None else (recipient,):
            yield _receiving(agreement, output, reference, receiver, today)
    if element.use == "aggregate_only":
        clause = _use_clause(agreement, dataset, element)
        yield Explanation(False, f"{reference} is in no row that anyone receives: {clause} says aggregate_only.")


def _receiving(agreement: StandingAgreement, output: Output, reference: str, receiver: str, today: date) -> Explanation:
    request = Release(
        output=output.id,
        kind=output.kind,
        recipient=receiver,
        purpose=output.purposes[0],
        elements=(reference,),
        dimensions=(reference,) if isinstance(output, Table) and reference in output.dimensions else (),
    )
    refused = refusals(agreement, request, today)
    if refused:
        reasons = "; ".join(f"{each.clause}: {each.reason}" for each in refused)
        return Explanation(False, f"{receiver} may not receive {reference} in {output.id}: {reasons}.")
    clause = agreement.cite(*output_place(agreement.terms, output.id))
    kind = output.kind.replace("_", " ")
    return Explanation(
        True,
        f"{receiver} may receive {reference} in the {kind} {output.id}: {clause} lists it for "
        f"{' and '.join(output.purposes)}.",
    )


def _use_clause(agreement: StandingAgreement, dataset: Dataset, element: Element) -> Citation:
    place = element_place(agreement.terms, dataset.provider, dataset.dataset, element.name)
    return agreement.cite(*place, "use")
