"""Counsel reads on paper what the machine enforces, and an answer names the clause it comes from."""

from __future__ import annotations

import re
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

import pytest
from parties_of_a_consortium import TEMPLATES, TODAY, Consortium

from linkage.governance.document import parse_agreement
from linkage.governance.explain import explain
from linkage.governance.prose import sections
from linkage.governance.prose_parts import day
from linkage.governance.render import render_html
from linkage.governance.schema import SCHEMA_NAME, agreement_schema
from linkage.governance.standing import StandingAgreement
from linkage.release.measures.definition import measures_in_words
from linkage.resources import shipped

MEASURES = measures_in_words()


class Page(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.links: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs) -> None:
        if tag not in ("meta", "link", "img"):
            self.open.append(tag)
        self.links += [value for name, value in attrs if name in ("href", "src")]

    def handle_endtag(self, tag) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def test_a_measure_is_quoted_as_its_definition_reads(agreement: StandingAgreement) -> None:
    text = Page(render_html(agreement, MEASURES)).text
    for defined in ("employment-q2", "postsecondary-16-months", "acgr-4"):
        assert MEASURES[defined].title in text
        assert " ".join(MEASURES[defined].met.split()) in text
    assert "leavers (count: Employment and earnings in the second quarter after exit)" in text


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_the_page_is_whole_self_contained_and_carries_the_hash(path: Path, consortium: Consortium) -> None:
    agreement = consortium.sign(consortium.fill(path))
    html = render_html(agreement, MEASURES)
    page = Page(html)
    assert page.open == []
    assert page.links == []
    assert "<script" not in html
    assert html.count(agreement.sha256) == 3  # first page, foot of the screen page, foot of every printed page
    for party in agreement.terms.parties:
        assert party.legal_name in page.text
        assert party.public_keys().fingerprint in page.text


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_every_element_output_and_threshold_that_is_enforced_is_said(path: Path, consortium: Consortium) -> None:
    agreement = consortium.sign(consortium.fill(path))
    text = Page(render_html(agreement, MEASURES)).text
    terms = agreement.terms
    for dataset in terms.data:
        assert dataset.authority.statute in text
        for element in dataset.elements:
            assert element.name in text
        if dataset.disclosure.employer_threshold is not None:
            assert f"fewer than {dataset.disclosure.employer_threshold} employers" in text
    for output in terms.outputs:
        assert f"({output.id})" in text
    for recipient in terms.recipients:
        for user in recipient.named_users:
            assert user.name in text
    assert f"fewer than {terms.disclosure_control.person_threshold} persons" in text
    assert day(terms.retention.destroy_by) in text
    for use in terms.purpose.prohibited_uses:
        assert use in text


def test_sections_follow_the_checklist(agreement: StandingAgreement) -> None:
    titles = [section.title for section in sections(agreement.terms, MEASURES)]
    order = ["Parties", "Legal authority", "Purpose, scope and activity", "Data", "Disclosure control"]
    order += ["Retention and destruction", "Audit", "Breach"]
    assert [title for title in titles if title in order] == order


def test_values_are_escaped(consortium: Consortium, content: bytes) -> None:
    hostile = content.replace(b"title: From early", b"title: <script>alert(1)</script> From early")
    html = render_html(consortium.sign(hostile), MEASURES)
    assert "<script" not in html
    assert "&lt;script&gt;" in html


def test_an_unsigned_agreement_has_lines_to_sign_on(template: Path) -> None:
    draft = StandingAgreement(parse_agreement(template.read_bytes(), "draft.yaml"))
    assert render_html(draft, MEASURES).count('class="rule"') == 7


def test_the_shipped_json_schema_is_that_of_the_models() -> None:
    shipped_schema = (shipped("agreements") / SCHEMA_NAME).read_text()
    assert shipped_schema == agreement_schema(), "write it again: linkage agreement schema --out agreements/..."


def sentences(agreement: StandingAgreement, element: str, recipient: str | None = None, today: date = TODAY):
    return [(answer.allowed, answer.sentence) for answer in explain(agreement, element, recipient, today)]


def test_explain_names_the_clause_that_allows_and_the_one_that_limits(agreement: StandingAgreement) -> None:
    answers = sentences(agreement, "quarterly_earnings")
    assert [allowed for allowed, _ in answers] == [True, True, False]
    assert re.search(
        r"Earnings in the table earnings-by-diploma: outputs\[earnings-by-diploma\] \(line \d+\)", answers[1][1]
    )
    assert "aggregate_only" in answers[2][1]
    assert "in no row that anyone receives" in answers[2][1]


def test_an_element_and_a_recipient_are_answered_in_one_sentence(agreement: StandingAgreement) -> None:
    ((allowed, sentence),) = sentences(agreement, "quarterly_earnings", "university")
    assert allowed
    assert re.fullmatch(
        r"university may receive workforce\.wages\.Earnings in the table earnings-by-diploma "
        r"\(outputs\S+ \(line \d+\)\), "
        r"and in no row: data\[workforce\.wages\]\.elements\[Earnings\]\.use \(line \d+\) says aggregate_only\.",
        sentence,
    )
    ((allowed, sentence),) = sentences(agreement, "ExitWithdrawDate", "university")
    assert "in its coarser form only" in sentence
    ((allowed, sentence),) = sentences(agreement, "WageRecordId", "university")
    assert not allowed
    assert "says link_only" in sentence


def test_explain_refuses_a_stranger_an_identifier_and_what_is_not_listed(agreement: StandingAgreement) -> None:
    ((allowed, sentence),) = sentences(agreement, "lakeside-district.enrollment.GradeLevel", "newspaper")
    assert not allowed
    assert "newspaper may not receive" in sentence
    assert ".recipients (line" in sentence
    assert sentences(agreement, "student_unique_id")[0][0] is False
    ((allowed, sentence),) = sentences(agreement, "shoe size")
    assert not allowed
    assert sentence.startswith(f"shoe size is refused: {agreement.cite('data')} does not list it")


def test_an_identifier_listed_for_linking_alone_is_answered_as_such(agreement: StandingAgreement) -> None:
    line = agreement.cite("linkage", "identifiers", agreement.terms.linkage.identifiers.index("ssn")).line
    where = f"may be encoded for linking (linkage.identifiers, line {line})"
    assert sentences(agreement, "SSN") == [(True, f"ssn {where}; it is never sealed or released.")]
    refused = f"university may not receive ssn: it {where}, and is never sealed or released."
    assert sentences(agreement, "ssn", "university") == [(False, refused)]
    ((allowed, sentence),) = sentences(agreement, "last_name", None, date(2040, 1, 1))
    assert not allowed
    assert sentence.endswith("Not now: it expired on 2031-06-30.")


def test_a_misspelt_element_or_recipient_is_answered_with_the_nearest(agreement: StandingAgreement) -> None:
    ((_, sentence),) = sentences(agreement, "DaysAbsnet")
    assert sentence.endswith("what is not listed is refused; did you mean DaysAbsent?")
    expected = [(False, "University: no such party; did you mean university?")]
    assert sentences(agreement, "DaysAbsent", "University") == expected


def test_a_name_that_is_like_none_is_answered_with_all_there_are(agreement: StandingAgreement) -> None:
    ((_, sentence),) = sentences(agreement, "shoe size")
    for dataset in agreement.terms.data:
        assert f"{dataset.key} ({', '.join(each.name for each in dataset.elements)})" in sentence
    assert "for linking first_name, " in sentence
    ((_, sentence),) = sentences(agreement, "lakeside-district.enrollment.GradeLevel", "newspaper")
    assert sentence.endswith("; the recipients are university.")


def test_explain_says_that_nothing_flows_when_the_agreement_has_ended(agreement: StandingAgreement) -> None:
    answers = sentences(agreement, "lakeside-district.enrollment.GradeLevel", None, date(2040, 1, 1))
    assert not any(allowed for allowed, _ in answers)
    assert "term.expires" in answers[0][1]


def test_an_element_in_no_output_is_released_to_nobody(consortium: Consortium, content: bytes) -> None:
    without = content.replace(b"      - lakeside-district.enrollment.DaysEnrolled\n", b"")
    answers = sentences(consortium.sign(without), "DaysEnrolled")
    assert answers[1][0] is False
    assert "released to nobody" in answers[1][1]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_the_rendered_templates_in_docs_are_those_that_are_shipped(path: Path) -> None:
    page = path.parent.parent / "docs" / "agreements" / f"{path.stem}.html"
    standing = StandingAgreement(parse_agreement(path.read_bytes(), path.name))
    assert page.read_text() == render_html(standing, MEASURES), f"linkage agreement render {path} --out {page}"
