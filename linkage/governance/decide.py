"""The one decision: may this be done under this agreement, today? Deny by default.

Rules:

- Everything not listed is refused. Every answer, yes or no, names the clause and its line.
- Nothing is allowed before every party has signed, outside the term, after a notice of termination, or while an
  agreement above it does not stand.
- The same function decides at all three places: the agency that seals, the hub that accepts, the hub that
  releases. It is pure: the agreement, the request and the date are all it knows.

::

    decision = decide(agreement, SealElement("lakeside-district", "enrollment", "Surname"), today)
    decision.allowed   # False
    decision.clause    # data[lakeside-district.enrollment].elements (line 88)
    decision.reason    # "Surname is not listed, and what is not listed is not shared"
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from linkage.errors import Refused
from linkage.governance.document import Citation
from linkage.governance.lookup import Finding, dataset_place, element_place, output_place
from linkage.governance.releasing import listed_instead, meant_instead, refuse_release
from linkage.governance.requests import (
    AcceptPackage,
    EncodeIdentifier,
    Release,
    Request,
    ReturnIds,
    SealElement,
    SealYear,
    SendReview,
)
from linkage.governance.sealing import (
    refuse_acceptance,
    refuse_encoding,
    refuse_return,
    refuse_review,
    refuse_seal_element,
    refuse_seal_year,
)
from linkage.governance.signatures import absent_signatures, unsigned_parties
from linkage.governance.standing import StandingAgreement
from linkage.governance.statements import Termination


@dataclass(frozen=True)
class Decision:
    """The answer to one request, with the clause that decides it."""

    request: Request
    allowed: bool
    clause: Citation
    reason: str

    def __str__(self) -> str:
        verb = "allowed" if self.allowed else "refused"
        return f"{self.request}: {verb} by {self.clause}: {self.reason}"


def decide(agreement: StandingAgreement, request: Request, today: date) -> Decision:
    """Answer one request with the first clause that refuses it, or with the clause that allows it."""
    refused = refusals(agreement, request, today)
    if refused:
        return refused[0]
    clause, reason = _permission(agreement, request)
    return Decision(request, True, clause, reason)


def refusals(agreement: StandingAgreement, request: Request, today: date) -> list[Decision]:
    """Return every clause that refuses a request; none when it is allowed."""
    found = (*standing_refusals(agreement, today), *_specific(agreement, request, today))
    return [Decision(request, False, clause, reason) for clause, reason in found]


def require(agreement: StandingAgreement, requests: Sequence[Request], today: date) -> None:
    """Raise Refused, naming every clause that refuses any of ``requests``."""
    problems = [f"{clause}: {reason}" for clause, reason in standing_refusals(agreement, today)]
    for request in requests:
        for clause, reason in _specific(agreement, request, today):
            problems.append(str(Decision(request, False, clause, reason)))
    if problems:
        raise Refused(
            f"The agreement {agreement.terms.id} ({agreement.document.yaml.source}) does not allow this.",
            problems,
            advice=_advice(agreement, requests),
        )


def _advice(agreement: StandingAgreement, requests: Sequence[Request]) -> str:
    absent = absent_signatures(agreement.document, agreement.signatures)
    if absent:
        return f"There is {absent}, or have all parties sign."
    releases = [request for request in requests if isinstance(request, Release)]
    meant = [name for each in releases for name in meant_instead(agreement.terms, each)]
    if meant:
        return f"Did you mean {' and '.join(meant)}?"
    listed = "; ".join(names for each in releases for names in listed_instead(agreement.terms, each))
    there = f" ({listed})" if listed else ""
    return f"Ask for what the agreement lists{there}, or have the parties amend and sign it."


def standing_refusals(agreement: StandingAgreement, today: date) -> Iterator[Finding]:
    """Yield each clause that refuses whatever is asked, because the agreement itself does not stand."""
    terms, term = agreement.terms, agreement.terms.term
    if terms.status != "active":
        yield agreement.cite("status"), f"the agreement is {terms.status}, not active"
    if today < term.effective:
        yield agreement.cite("term", "effective"), f"it takes effect on {term.effective}"
    if today > term.expires:
        yield agreement.cite("term", "expires"), f"it expired on {term.expires}"
    missing = unsigned_parties(terms, agreement.signatures)
    if missing:
        yield agreement.cite("parties"), f"not signed by {', '.join(missing)}"
    for statement in agreement.statements:
        if isinstance(statement, Termination) and statement.date <= today:
            yield agreement.cite("term"), f"terminated by {statement.party} on {statement.date}"
    if agreement.parent is not None:
        for clause, reason in standing_refusals(agreement.parent, today):
            yield agreement.cite("parent"), f"its parent does not stand ({clause}): {reason}"


def has_ended(agreement: StandingAgreement, today: date) -> bool:
    """Tell whether the term is over or a party has ended it, so that waiting would not help."""
    terminated = any(isinstance(each, Termination) and each.date <= today for each in agreement.statements)
    return terminated or today > agreement.terms.term.expires


def _specific(agreement: StandingAgreement, request: Request, today: date) -> Iterator[Finding]:
    match request:
        case EncodeIdentifier():
            yield from refuse_encoding(agreement, request)
        case SealElement():
            yield from refuse_seal_element(agreement, request)
        case SealYear():
            yield from refuse_seal_year(agreement, request)
        case AcceptPackage():
            yield from refuse_acceptance(agreement, request)
        case SendReview():
            yield from refuse_review(agreement, request)
        case ReturnIds():
            yield from refuse_return(agreement, request)
        case Release():
            yield from refuse_release(agreement, request, today)


def _permission(agreement: StandingAgreement, request: Request) -> Finding:
    """Return the clause that allows a request which nothing refuses."""
    match request:
        case EncodeIdentifier():
            place = agreement.terms.linkage.identifiers.index(request.identifier)
            return agreement.cite("linkage", "identifiers", place), "it is listed for linking"
        case SealElement():
            listed = element_place(agreement.terms, request.party, request.dataset, request.element)
            return agreement.cite(*listed, "use"), "it is listed for sharing"
        case SealYear():
            listed = dataset_place(agreement.terms, request.party, request.dataset)
            return agreement.cite(*listed, "years"), "the year is covered"
        case AcceptPackage():
            return agreement.cite("parties"), f"{request.sender} is a provider, under this spec and epoch"
        case SendReview():
            return agreement.cite("linkage", "clerical_review"), "agencies may be asked to judge pairs in doubt"
        case ReturnIds():
            return agreement.cite("linkage", "agency_ids"), f"{request.party} may have the IDs of its own records"
        case Release():
            listed = output_place(agreement.terms, request.output)
            return agreement.cite(*listed), "it is listed for this recipient, purpose and content"
