"""Why an element may or may not be shared, released or received: one sentence per answer, with its clause.

Rules:

- Asked about an element and a recipient, the answer is one sentence: in which outputs, or why in none. Asked about the
  element alone, there is a sentence for each thing that may happen to it.
- An identifier that is listed for linking alone is answered as such: it is encoded, and nothing else happens to it.
- An answer comes from the clauses that :mod:`linkage.governance.decide` enforces, and from nothing else.
- A person may name an element by its column, its CEDS name or its full reference, in any spelling of case and
  underscores; a recipient by its ID. What is misspelt is answered with the nearest name, what is like no name with
  all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from linkage.governance.datasets import Dataset, Element
from linkage.governance.decide import decide, refusals, standing_refusals
from linkage.governance.document import Citation
from linkage.governance.lookup import element_place, output_place
from linkage.governance.model import Agreement
from linkage.governance.nearest import did_you_mean, nearest
from linkage.governance.outputs import Output, Table
from linkage.governance.prose_parts import listed
from linkage.governance.requests import Release, SealElement
from linkage.governance.standing import StandingAgreement


@dataclass(frozen=True)
class Explanation:
    """One answer: yes or no, in a sentence that names its clause."""

    allowed: bool
    sentence: str


def explain(agreement: StandingAgreement, element: str, recipient: str | None, today: date) -> tuple[Explanation, ...]:
    """Explain what may happen to every element that ``element`` names, for one recipient or for all."""
    terms = agreement.terms
    parties = [party.id for party in terms.parties]
    if recipient is not None and recipient not in parties and nearest(recipient, parties) is not None:
        return (Explanation(False, f"{recipient}: no such party{did_you_mean(recipient, parties)}"),)
    found = list(_named(terms, element))
    if not found:
        return (_not_in_data(agreement, element, recipient, today),)
    if recipient is not None:
        return tuple(_for_recipient(agreement, dataset, each, recipient, today) for dataset, each in found)
    return tuple(answer for dataset, each in found for answer in _answers(agreement, dataset, each, today))


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


def _not_in_data(agreement: StandingAgreement, name: str, recipient: str | None, today: date) -> Explanation:
    """Answer for an identifier that is listed for linking, or for a name that is not listed anywhere."""
    terms = agreement.terms
    for number, identifier in enumerate(terms.linkage.identifiers):
        if _plain(identifier) == _plain(name):
            line = agreement.cite("linkage", "identifiers", number).line
            where = f"may be encoded for linking (linkage.identifiers, line {line})"
            if recipient is not None:
                sentence = f"{recipient} may not receive {identifier}: it {where}, and is never sealed or released."
                return Explanation(False, sentence)
            waiting = "; ".join(reason for _, reason in standing_refusals(agreement, today))
            not_now = f" Not now: {waiting}." if waiting else ""
            return Explanation(not waiting, f"{identifier} {where}; it is never sealed or released.{not_now}")
    known = [*terms.linkage.identifiers]
    for dataset in terms.data:
        for element in dataset.elements:
            known += [element.name, f"{dataset.key}.{element.name}", element.ceds or element.name]
    meant = did_you_mean(name, known) or f"; {_all_listed(terms)}."
    clause = agreement.cite("data")
    return Explanation(False, f"{name} is refused: {clause} does not list it, and what is not listed is refused{meant}")


def _all_listed(terms: Agreement) -> str:
    """Name every element that the agreement lists, by dataset, and every identifier."""
    datasets = [f"{dataset.key} ({', '.join(each.name for each in dataset.elements)})" for dataset in terms.data]
    return f"listed are {', '.join(datasets)}; for linking {', '.join(terms.linkage.identifiers)}"


def _plain(name: str) -> str:
    return name.replace("_", "").replace(" ", "").replace("-", "").casefold()


def _for_recipient(
    agreement: StandingAgreement, dataset: Dataset, element: Element, recipient: str, today: date
) -> Explanation:
    """Answer in one sentence whether one recipient may receive an element."""
    reference = f"{dataset.key}.{element.name}"
    outputs = [output for output in agreement.terms.outputs if reference in output.elements]
    use = _use_clause(agreement, dataset, element)
    if not outputs:
        why = (
            f"{use} says link_only"
            if element.use == "link_only"
            else f"{agreement.cite('outputs')} lists no such output"
        )
        return Explanation(False, f"{recipient} may not receive {reference}: {why}.")
    refused = {output.id: refusals(agreement, _asked(output, reference, recipient), today) for output in outputs}
    allowed = [output for output in outputs if not refused[output.id]]
    if not allowed:
        clauses = dict.fromkeys(f"{each.clause}: {each.reason}" for found in refused.values() for each in found)
        known = [each.party for each in agreement.terms.recipients]
        others = "" if recipient in known else f"; the recipients are {listed(known)}"
        return Explanation(False, f"{recipient} may not receive {reference}: {'; '.join(clauses)}{others}.")
    places = [
        f"the {output.kind.replace('_', ' ')} {output.id} ({agreement.cite(*output_place(agreement.terms, output.id))})"
        for output in allowed
    ]
    only = {
        "output": "",
        "output_coarsened": f", in its coarser form only: {use}",
        "aggregate_only": f", and in no row: {use} says aggregate_only",
    }.get(element.use, "")
    return Explanation(True, f"{recipient} may receive {reference} in {listed(places)}{only}.")


def _answers(agreement: StandingAgreement, dataset: Dataset, element: Element, today: date) -> Iterator[Explanation]:
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
        for receiver in output.recipients:
            yield _receiving(agreement, output, reference, receiver, today)
    if element.use == "aggregate_only":
        clause = _use_clause(agreement, dataset, element)
        yield Explanation(False, f"{reference} is in no row that anyone receives: {clause} says aggregate_only.")


def _receiving(agreement: StandingAgreement, output: Output, reference: str, receiver: str, today: date) -> Explanation:
    refused = refusals(agreement, _asked(output, reference, receiver), today)
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


def _asked(output: Output, reference: str, receiver: str) -> Release:
    return Release(
        output=output.id,
        kind=output.kind,
        recipient=receiver,
        purpose=output.purposes[0],
        elements=(reference,),
        dimensions=(reference,) if isinstance(output, Table) and reference in output.dimensions else (),
    )


def _use_clause(agreement: StandingAgreement, dataset: Dataset, element: Element) -> Citation:
    place = element_place(agreement.terms, dataset.provider, dataset.dataset, element.name)
    return agreement.cite(*place, "use")
