"""What an agency may encode and seal, and what the hub may take in: the clauses that refuse or allow it.

Rules:

- Only the identifiers that the agreement lists are encoded, under its spec and epoch.
- Only listed elements are sealed, of listed years; a ``link_only`` element is never in a payload.
- The hub takes packages from providers of this agreement only, made under its spec and epoch.
"""

from __future__ import annotations

from collections.abc import Iterator

from linkage.governance.lookup import Finding, dataset_place, element_place
from linkage.governance.requests import AcceptPackage, EncodeIdentifier, ReturnIds, SealElement, SealYear, SendReview
from linkage.governance.standing import StandingAgreement


def refuse_encoding(agreement: StandingAgreement, request: EncodeIdentifier) -> Iterator[Finding]:
    """Yield each clause that refuses to encode this identifier."""
    linkage = agreement.terms.linkage
    yield from _provider(agreement, request.party)
    if request.identifier not in linkage.identifiers:
        yield (
            agreement.cite("linkage", "identifiers"),
            f"{request.identifier} is not listed, and what is not listed is not encoded",
        )
    yield from _context(agreement, request.spec_sha256, request.epoch)


def refuse_seal_element(agreement: StandingAgreement, request: SealElement) -> Iterator[Finding]:
    """Yield each clause that refuses to seal this column."""
    terms = agreement.terms
    place = element_place(terms, request.party, request.dataset, request.element)
    dataset = terms.dataset(request.party, request.dataset)
    if dataset is None:
        yield agreement.cite(*place), f"the dataset {request.party}.{request.dataset} is not listed"
        return
    element = dataset.element(request.element)
    if element is None:
        yield agreement.cite(*place), f"{request.element} is not listed, and what is not listed is not shared"
    elif element.use == "link_only":
        yield (
            agreement.cite(*place, "use"),
            f"{request.element} is link_only: it is encoded for linking and never sealed",
        )


def refuse_seal_year(agreement: StandingAgreement, request: SealYear) -> Iterator[Finding]:
    """Yield each clause that refuses to seal rows of this year."""
    terms = agreement.terms
    place = dataset_place(terms, request.party, request.dataset)
    dataset = terms.dataset(request.party, request.dataset)
    if dataset is None:
        yield agreement.cite(*place), f"the dataset {request.party}.{request.dataset} is not listed"
        return
    years = dataset.years
    if years is not None and not years.first <= request.year <= years.last:
        yield agreement.cite(*place, "years"), f"{request.year} is outside {years.first} to {years.last}"


def refuse_acceptance(agreement: StandingAgreement, request: AcceptPackage) -> Iterator[Finding]:
    """Yield each clause that refuses this package."""
    terms = agreement.terms
    yield from _provider(agreement, request.sender)
    if request.agreement != terms.id:
        yield agreement.cite("id"), f"the package was made under {request.agreement}, not {terms.id}"
    if request.kind == "payload" and all(dataset.provider != request.sender for dataset in terms.data):
        yield agreement.cite("data"), f"no dataset of {request.sender} is listed"
    yield from _context(agreement, request.spec_sha256, request.epoch)


def refuse_review(agreement: StandingAgreement, request: SendReview) -> Iterator[Finding]:
    """Yield each clause that refuses to ask this agency about pairs."""
    yield from _provider(agreement, request.party)
    if agreement.terms.linkage.clerical_review == "none":
        yield agreement.cite("linkage"), "clerical_review is `none`: no agency is asked to judge pairs"


def refuse_return(agreement: StandingAgreement, request: ReturnIds) -> Iterator[Finding]:
    """Yield each clause that refuses to give this agency the IDs of its own records."""
    yield from _provider(agreement, request.party)
    if request.party not in agreement.terms.linkage.agency_ids:
        yield agreement.cite("linkage"), f"agency_ids does not list {request.party}"


def _provider(agreement: StandingAgreement, party_id: str) -> Iterator[Finding]:
    numbers = {party.id: number for number, party in enumerate(agreement.terms.parties)}
    if party_id not in numbers:
        yield agreement.cite("parties"), f"{party_id} is not a party"
    elif (role := agreement.terms.parties[numbers[party_id]].role) != "provider":
        yield agreement.cite("parties", numbers[party_id], "role"), f"{party_id} is a {role}, not a provider"


def _context(agreement: StandingAgreement, spec_sha256: str, epoch: int) -> Iterator[Finding]:
    linkage = agreement.terms.linkage
    if spec_sha256 != linkage.spec_sha256:
        yield (
            agreement.cite("linkage", "spec_sha256"),
            f"the linkage spec is {linkage.spec_sha256[:12]}..., not {spec_sha256[:12]}...",
        )
    if epoch != linkage.epoch:
        yield agreement.cite("linkage", "epoch"), f"the epoch is {linkage.epoch}, not {epoch}"
