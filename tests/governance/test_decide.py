"""Deny by default: what is listed is allowed, what is not is refused, each with its clause and line."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from parties_of_a_consortium import SPEC_SHA256, TODAY, Consortium

from linkage.errors import Refused
from linkage.governance.decide import decide, refusals, require
from linkage.governance.requests import AcceptPackage, EncodeIdentifier, Release, SealElement, SealYear
from linkage.governance.standing import StandingAgreement
from linkage.governance.statements import Acknowledgement, Approval, Objection, ReviewOpened, Termination
from linkage.governance.succession import succession_problems

GRADE = SealElement("lakeside-district", "enrollment", "GradeLevel")
FILE = Release(
    output="research-file",
    kind="research_file",
    recipient="university",
    purpose="research",
    elements=("lakeside-district.enrollment.GradeLevel", "state-colleges.enrollments.term"),
)
EARNINGS = Release(
    output="earnings-by-diploma",
    kind="table",
    recipient="university",
    purpose="research",
    elements=("lakeside-district.enrollment.DiplomaType", "workforce.wages.Earnings"),
    dimensions=("lakeside-district.enrollment.DiplomaType",),
)


@pytest.mark.parametrize(
    ("request_", "clause"),
    [
        (GRADE, "data[lakeside-district.enrollment].elements[GradeLevel].use"),
        (SealYear("workforce", "wages", 2020), "data[workforce.wages].years"),
        (EncodeIdentifier("workforce", "ssn", SPEC_SHA256, 1), "linkage.identifiers[11]"),
        (AcceptPackage("workforce", "payload", "longitudinal-research", SPEC_SHA256, 1), "parties"),
        (FILE, "outputs[research-file]"),
        (EARNINGS, "outputs[earnings-by-diploma]"),
    ],
)
def test_what_is_listed_is_allowed_by_its_clause(agreement: StandingAgreement, request_, clause) -> None:
    decision = decide(agreement, request_, TODAY)
    assert decision.allowed
    assert decision.clause.clause == clause
    assert "allowed by" in str(decision)


@pytest.mark.parametrize(
    ("request_", "clause", "reason"),
    [
        (replace(GRADE, element="Surname"), "data[lakeside-district.enrollment].elements", "not listed"),
        (replace(GRADE, element="StudentUniqueId"), "elements[StudentUniqueId].use", "link_only"),
        (replace(GRADE, dataset="discipline"), "data", "lakeside-district.discipline is not listed"),
        (replace(GRADE, party="stranger"), "data", "stranger.enrollment is not listed"),
        (SealYear("workforce", "wages", 2015), "data[workforce.wages].years", "outside 2016 to 2026"),
        (EncodeIdentifier("workforce", "religion", SPEC_SHA256, 1), "linkage.identifiers", "not listed"),
        (EncodeIdentifier("workforce", "ssn", "0" * 64, 1), "linkage.spec_sha256", "not 000000000000"),
        (EncodeIdentifier("workforce", "ssn", SPEC_SHA256, 2), "linkage.epoch", "the epoch is 1, not 2"),
        (EncodeIdentifier("university", "ssn", SPEC_SHA256, 1), "parties[university].role", "not a provider"),
        (AcceptPackage("nobody", "payload", "longitudinal-research", SPEC_SHA256, 1), "parties", "not a party"),
        (AcceptPackage("workforce", "payload", "other", SPEC_SHA256, 1), "id", "made under other"),
        (replace(FILE, output="everything"), "outputs", "not listed"),
        (replace(FILE, kind="table"), "outputs[research-file].kind", "it is a research_file"),
        (replace(FILE, recipient="newspaper"), "outputs[research-file].recipients", "not a recipient"),
        (replace(FILE, purpose="marketing"), "outputs[research-file].purposes", "not a purpose"),
        (replace(FILE, elements=()), "outputs[research-file]", "does not say which elements"),
        (
            replace(FILE, elements=("lakeside-district.enrollment.SchoolId",)),
            "outputs[research-file]",
            "SchoolId is not listed",
        ),
        (
            replace(FILE, elements=("workforce.wages.Earnings",)),
            "data[workforce.wages].elements[Earnings].use",
            "never released by row",
        ),
        (
            replace(FILE, elements=("lakeside-district.enrollment.StudentUniqueId",)),
            "data[lakeside-district.enrollment].elements[StudentUniqueId].use",
            "leaves in no output",
        ),
        (replace(FILE, elements=("health.records.weight",)), "data", "health.records is not listed"),
        (replace(FILE, elements=("nonsense",)), "data", "not listed"),
        (
            replace(FILE, elements=("child-welfare.placements.PlacementBegin", "workforce.wages.Earnings")),
            "linkage.never_joined[0]",
            "child-welfare and workforce are never joined",
        ),
        (replace(EARNINGS, dimensions=("workforce.wages.Earnings",)), ".dimensions", "not a dimension"),
        (replace(EARNINGS, person_threshold=5), "disclosure_control.person_threshold", "5 is too low"),
        (replace(FILE, users=("Somebody Else",)), "recipients[university].named_users", "not a named user"),
    ],
)
def test_what_is_not_listed_is_refused_with_its_clause(
    agreement: StandingAgreement, request_, clause: str, reason: str
) -> None:
    assert not decide(agreement, request_, TODAY).allowed
    found = refusals(agreement, request_, TODAY)
    assert any(each.clause.clause.endswith(clause) and reason in each.reason for each in found), found


def test_a_refusal_names_the_line_that_a_person_can_open(agreement: StandingAgreement, content: bytes) -> None:
    decision = decide(agreement, replace(GRADE, element="StudentUniqueId"), TODAY)
    line = content.decode().splitlines()[decision.clause.line - 1]
    assert "name: StudentUniqueId" in line


def test_the_strictest_contributing_dataset_sets_the_threshold(agreement: StandingAgreement) -> None:
    wages = replace(EARNINGS, person_threshold=10)
    assert decide(agreement, wages, TODAY).allowed
    with_placements = agreement.terms.disclosure_rules(frozenset({"workforce.wages", "child-welfare.placements"}))
    assert with_placements.person_threshold == 11
    assert with_placements.employer_threshold == 3
    assert with_placements.zero_policy == "suppress"
    assert agreement.terms.disclosure_rules(frozenset()).person_threshold == 10


@pytest.mark.parametrize(
    ("today", "allowed"),
    [
        (date(2026, 6, 30), False),
        (date(2026, 7, 1), True),
        (date(2031, 6, 30), True),
        (date(2031, 7, 1), False),
    ],
)
def test_the_first_and_last_day_of_the_term_count(agreement: StandingAgreement, today: date, *, allowed: bool) -> None:
    assert decide(agreement, GRADE, today).allowed is allowed


def test_every_party_must_have_signed(consortium: Consortium, content: bytes) -> None:
    for party in consortium.sign(content).terms.parties:
        decision = decide(consortium.sign(content, but=(party.id,)), GRADE, TODAY)
        assert not decision.allowed
        assert decision.reason == f"not signed by {party.id}"


@pytest.mark.parametrize("status", ["suspended", "terminated", "expired"])
def test_only_an_active_agreement_allows_anything(consortium: Consortium, content: bytes, status: str) -> None:
    changed = consortium.sign(content.replace(b"status: active", f"status: {status}".encode()))
    assert decide(changed, GRADE, TODAY).reason == f"the agreement is {status}, not active"


def test_termination_by_any_party_stops_everything_from_its_day(
    consortium: Consortium, agreement: StandingAgreement
) -> None:
    notice = Termination(
        kind="termination",
        party="workforce",
        date=TODAY,
        document_sha256=agreement.sha256,
        reason="A safeguard failed and was not mended.",
    )
    ended = consortium.state(agreement, notice)
    assert decide(ended, FILE, TODAY - timedelta(days=1)).allowed
    assert decide(ended, FILE, TODAY).reason == f"terminated by workforce on {TODAY}"
    assert not decide(ended, GRADE, TODAY).allowed


def test_lapsed_training_stops_a_release_and_an_acknowledgement_renews_it(
    consortium: Consortium, agreement: StandingAgreement
) -> None:
    later = date(2027, 8, 16)
    assert decide(agreement, FILE, date(2027, 8, 15)).allowed
    lapsed = refusals(agreement, FILE, later)
    assert [each.reason for each in lapsed] == [
        "the training of Maya Iyer lapsed on 2027-08-15",
        "the training of Sam Ford lapsed on 2027-08-15",
    ]
    renewal = Acknowledgement(
        kind="acknowledgement",
        party="university",
        date=later,
        document_sha256=agreement.sha256,
        user="Maya Iyer",
    )
    renewed = consortium.state(agreement, renewal)
    assert decide(renewed, replace(FILE, users=("Maya Iyer",)), later).allowed
    assert not decide(renewed, FILE, later).allowed


def test_a_review_holds_a_release_until_days_pass_or_reviewers_approve(consortium: Consortium, content: bytes) -> None:
    reviewed = consortium.sign(
        content.replace(b"reviewers: []", b"reviewers: [workforce, child-welfare]").replace(
            b"provider_review_days: 0", b"provider_review_days: 5"
        )
    )
    assert "no review was opened" in decide(reviewed, FILE, TODAY).reason

    def said(kind, party, **more):
        return kind[0](
            kind=kind[1], party=party, date=TODAY, document_sha256=reviewed.sha256, output="research-file", **more
        )

    opened = consortium.state(reviewed, said((ReviewOpened, "review"), "data-hub"))
    assert "may answer until 2026-09-06" in decide(opened, FILE, TODAY + timedelta(days=5)).reason
    assert decide(opened, FILE, TODAY + timedelta(days=6)).allowed
    assert not decide(opened, replace(EARNINGS), TODAY + timedelta(days=6)).allowed
    one = consortium.state(opened, said((Approval, "approval"), "workforce"))
    assert not decide(one, FILE, TODAY).allowed
    both = consortium.state(one, said((Approval, "approval"), "child-welfare"))
    assert decide(both, FILE, TODAY).allowed
    objected = consortium.state(opened, said((Objection, "objection"), "workforce", reason="Cells too small."))
    assert decide(objected, FILE, TODAY + timedelta(days=30)).reason == "workforce objects: Cells too small."


def test_the_review_boards_approval_must_be_in_force(consortium: Consortium, content: bytes) -> None:
    expired = consortium.sign(
        content.replace(b"{number: NSU-2026-0117, expires: 2031-06-30}", b"{number: N, expires: 2026-08-31}")
    )
    assert decide(expired, FILE, TODAY).clause.clause == "irb.expires"
    assert decide(expired, GRADE, TODAY).allowed


def test_require_lists_every_refusal_and_the_state_of_the_agreement_once(
    consortium: Consortium, content: bytes
) -> None:
    unsigned = consortium.sign(content, but=("workforce",))
    with pytest.raises(Refused) as caught:
        require(unsigned, [GRADE, replace(GRADE, element="Surname"), replace(GRADE, element="Phone")], TODAY)
    assert len(caught.value.problems) == 3
    assert "not signed by workforce" in caught.value.problems[0]
    assert "seals enrollment.Surname: refused by" in caught.value.problems[1]
    assert "(line " in caught.value.problems[2]


def test_require_passes_what_is_allowed(agreement: StandingAgreement) -> None:
    require(agreement, [GRADE, FILE, EARNINGS], TODAY)


@pytest.mark.parametrize(
    ("request_", "advice"),
    [
        (replace(FILE, output="reserch-file"), "Did you mean research-file?"),
        (replace(FILE, recipient="University"), "Did you mean university?"),
        (replace(FILE, recipient="newspaper"), "Ask for what the agreement lists (recipients of research-file: univ"),
        (replace(FILE, recipient="workforce"), "Ask for what the agreement lists (recipients of research-file: univ"),
        (replace(FILE, output="everything"), "Ask for what the agreement lists (outputs: research-file, "),
        (replace(FILE, purpose="sale"), "Ask for what the agreement lists (purposes of research-file: "),
        (replace(FILE, users=("Nobody",)), "Ask for what the agreement lists (users of university: "),
    ],
)
def test_a_misspelt_release_is_answered_with_the_name_that_is_listed(
    agreement: StandingAgreement, request_: Release, advice: str
) -> None:
    with pytest.raises(Refused) as caught:
        require(agreement, [request_], TODAY)
    assert caught.value.advice.startswith(advice)


def test_an_agreement_copied_without_its_signatures_asks_for_their_file(agreement: StandingAgreement) -> None:
    alone = replace(agreement, signatures=())
    with pytest.raises(Refused) as caught:
        require(alone, [GRADE], TODAY)
    assert "no agreement.signatures.yaml beside it; put it there" in caught.value.advice
    assert succession_problems(None, alone)[-1] == "no agreement.signatures.yaml beside it; put it there"


_WORDS = st.one_of(
    st.sampled_from(["lakeside-district", "enrollment", "GradeLevel", "workforce", "wages", "Earnings"]),
    st.text(max_size=20),
)


@given(party=_WORDS, dataset=_WORDS, element=_WORDS)
def test_an_element_is_sealed_only_if_the_agreement_lists_it(
    agreement: StandingAgreement, party: str, dataset: str, element: str
) -> None:
    allowed = decide(agreement, SealElement(party, dataset, element), TODAY).allowed
    listed = agreement.terms.dataset(party, dataset)
    found = listed.element(element) if listed else None
    assert allowed == (found is not None and found.use != "link_only")


@given(elements=st.lists(st.one_of(_WORDS, st.just("lakeside-district.enrollment.GradeLevel")), max_size=4))
def test_a_release_is_allowed_only_if_every_element_is_listed(
    agreement: StandingAgreement, elements: list[str]
) -> None:
    allowed = decide(agreement, replace(FILE, elements=tuple(elements)), TODAY).allowed
    assert allowed == (bool(elements) and set(elements) <= {"lakeside-district.enrollment.GradeLevel"})
