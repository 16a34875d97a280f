"""What the hub may release, to whom and when: the clauses that refuse it.

Rules:

- The output, its kind, recipient, purpose, elements and dimensions are all listed, or it does not go.
- ``link_only`` leaves in nothing; ``aggregate_only`` leaves in no row; what is never joined is not joined.
- The strictest person threshold of the contributing datasets holds.
- Each person it goes to is named, trained and has acknowledged the rules; the review board's approval is in
  force; the reviewers approved it, or their days passed without an objection.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta

from linkage.governance.consistency import dataset_keys, joined_against
from linkage.governance.lookup import Finding, element_place, output_place
from linkage.governance.model import Agreement
from linkage.governance.nearest import nearest
from linkage.governance.outputs import Output, Table, cohort_of
from linkage.governance.parties import NamedUser, Recipient
from linkage.governance.requests import Release
from linkage.governance.standing import StandingAgreement
from linkage.governance.statements import Acknowledgement, Approval, Objection, ReviewOpened


def refuse_release(agreement: StandingAgreement, request: Release, today: date) -> Iterator[Finding]:
    """Yield each clause that refuses this release."""
    terms = agreement.terms
    yield from _elements(agreement, request)
    output = terms.output(request.output)
    place = output_place(terms, request.output)
    if output is None:
        yield agreement.cite(*place), f"{request.output} is not listed, and what is not listed is not released"
        return
    if request.kind != output.kind:
        yield agreement.cite(*place, "kind"), f"it is a {output.kind}, not a {request.kind}"
    if request.recipient not in output.recipients:
        yield agreement.cite(*place, "recipients"), f"{request.recipient} is not a recipient of it"
    else:
        yield from _users(agreement, request, today)
    if request.purpose not in output.purposes:
        yield agreement.cite(*place, "purposes"), f"{request.purpose} is not a purpose of it"
    if output.elements and not request.elements:
        yield agreement.cite(*place), "the request does not say which elements it holds"
    for reference in request.elements:
        if reference not in output.elements:
            yield agreement.cite(*place), f"{reference} is not listed in {output.id}"
    dimensions = output.dimensions if isinstance(output, Table) else ()
    for reference in request.dimensions:
        if reference not in dimensions:
            yield agreement.cite(*place, "dimensions"), f"{reference} is not a dimension of {output.id}"
    chosen_by = {part.dataset for part in cohort_of(output)}
    for key in request.cohort:
        if key not in chosen_by:
            yield agreement.cite(*place), f"its persons are not chosen by {key}"
    yield from _threshold(agreement, request)
    irb = terms.irb
    if irb is not None and irb.expires is not None and today > irb.expires:
        yield agreement.cite("irb", "expires"), f"the review board's approval ended on {irb.expires}"
    yield from _review(agreement, output, today)


def meant_instead(terms: Agreement, request: Release) -> Iterator[str]:
    """Yield the listed output, recipient and purpose that a request probably misspelt."""
    output = terms.output(request.output)
    named: list[tuple[str, Iterable[str]]] = [(request.output, (each.id for each in terms.outputs))]
    named.append((request.recipient, (party.id for party in terms.parties)))
    if output is not None:
        named.append((request.purpose, output.purposes))
    for name, listed in named:
        known = tuple(listed)
        found = nearest(name, known) if name not in known else None
        if found is not None:
            yield found


def listed_instead(terms: Agreement, request: Release) -> Iterator[str]:
    """Yield, for each name in a request that is not listed, those that are."""
    output = terms.output(request.output)
    if output is None:
        yield f"outputs: {', '.join(each.id for each in terms.outputs)}"
        return
    if request.recipient not in output.recipients:
        yield f"recipients of {output.id}: {', '.join(output.recipients)}"
    if request.purpose not in output.purposes:
        yield f"purposes of {output.id}: {', '.join(output.purposes)}"
    recipient = terms.recipient(request.recipient)
    named = [user.name for user in recipient.named_users] if recipient is not None else []
    if set(request.users) - set(named):
        yield f"users of {request.recipient}: {', '.join(named)}"


def _elements(agreement: StandingAgreement, request: Release) -> Iterator[Finding]:
    """Refuse what no output of this kind may hold, whatever the output's own list says."""
    terms = agreement.terms
    for reference in _references(request):
        provider, dataset_id, name = (*reference.split(".", 2), "", "")[:3]
        place = element_place(terms, provider, dataset_id, name)
        found = terms.resolve(reference)
        if found is None:
            what = name if terms.dataset(provider, dataset_id) else f"the dataset {provider}.{dataset_id}"
            yield agreement.cite(*place), f"{what} is not listed, and what is not listed is not released"
        elif found[1].use == "link_only":
            yield agreement.cite(*place, "use"), f"{name} is link_only: it leaves in no output"
        elif found[1].use == "aggregate_only" and request.kind not in ("table", "flag_back"):
            yield agreement.cite(*place, "use"), f"{name} is aggregate_only: it is never released by row"
    against = joined_against(terms, _drawn(request))
    if against is not None:
        group, names = against
        clause = agreement.cite("linkage", "never_joined", group)
        yield clause, f"{' and '.join(names)} are never joined"


def _references(request: Release) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*request.elements, *request.dimensions)))


def _drawn(request: Release) -> frozenset[str]:
    return dataset_keys(_references(request)) | set(request.cohort)


def _threshold(agreement: StandingAgreement, request: Release) -> Iterator[Finding]:
    if request.person_threshold is None:
        return
    keys = _drawn(request)
    strictest = agreement.terms.disclosure_rules(keys).person_threshold
    if request.person_threshold >= strictest:
        return
    clause = agreement.cite("disclosure_control", "person_threshold")
    if agreement.terms.disclosure_control.person_threshold < strictest:
        stricter = (d.key in keys and d.disclosure.person_threshold == strictest for d in agreement.terms.data)
        clause = agreement.cite("data", list(stricter).index(True), "disclosure", "person_threshold")
    yield clause, f"cells of fewer than {strictest} persons are hidden; {request.person_threshold} is too low"


def _users(agreement: StandingAgreement, request: Release, today: date) -> Iterator[Finding]:
    number = next(i for i, r in enumerate(agreement.terms.recipients) if r.party == request.recipient)
    recipient = agreement.terms.recipients[number]
    named = {user.name: (place, user) for place, user in enumerate(recipient.named_users)}
    for name in request.users or named:
        if name not in named:
            yield agreement.cite("recipients", number, "named_users"), f"{name} is not a named user"
            continue
        place, user = named[name]
        problem = _training_problem(agreement, recipient, user, today)
        if problem:
            yield agreement.cite("recipients", number, "named_users", place), problem


def _training_problem(agreement: StandingAgreement, recipient: Recipient, user: NamedUser, today: date) -> str | None:
    renewals = [
        statement.date
        for statement in agreement.statements
        if isinstance(statement, Acknowledgement) and (statement.party, statement.user) == (recipient.party, user.name)
    ]
    trained = [day for day in (*renewals, user.trained_on) if day is not None and day <= today]
    acknowledged = [day for day in (*renewals, user.acknowledged_on) if day is not None and day <= today]
    if not trained or not acknowledged:
        return f"{user.name} has no confidentiality training or acknowledgement on record"
    until = max(trained) + timedelta(days=recipient.training_valid_days)
    return f"the training of {user.name} lapsed on {until}" if today > until else None


def _review(agreement: StandingAgreement, output: Output, today: date) -> Iterator[Finding]:
    """Hold an output until its reviewers let it go, or their days have passed without an objection."""
    review = agreement.terms.review
    about = [
        statement
        for statement in agreement.statements
        if isinstance(statement, ReviewOpened | Approval | Objection)
        and statement.output == output.id
        and statement.date <= today
    ]
    answers = [statement for statement in about if isinstance(statement, Approval | Objection)]
    last_word = {answer.party: answer for answer in sorted(answers, key=lambda answer: answer.date)}
    for answer in last_word.values():
        if isinstance(answer, Objection):
            yield agreement.cite("review", "reviewers"), f"{answer.party} objects: {answer.reason}"
    waiting = [party for party in review.reviewers if not isinstance(last_word.get(party), Approval)]
    if not waiting or not review.provider_review_days:
        return
    clause = agreement.cite("review", "provider_review_days")
    opened = [statement.date for statement in about if isinstance(statement, ReviewOpened)]
    if not opened:
        yield clause, f"no review was opened; {', '.join(waiting)} have {review.provider_review_days} days"
    elif today <= (until := max(opened) + timedelta(days=review.provider_review_days)):
        yield clause, f"{', '.join(waiting)} may answer until {until}"
