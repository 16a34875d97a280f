"""An agreement loads whole and consistent, or every problem is named with its line."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from parties_of_a_consortium import TEMPLATES

from linkage.errors import AgreementError
from linkage.governance.document import parse_agreement, read_agreement


def problems_of(content: bytes) -> str:
    with pytest.raises(AgreementError) as caught:
        parse_agreement(content, "a.yaml")
    return str(caught.value)


def replaced(content: bytes, old: str, new: str) -> bytes:
    assert old.encode() in content, old
    return content.replace(old.encode(), new.encode(), 1)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_every_shipped_template_loads(path: Path) -> None:
    document = read_agreement(path)
    assert document.terms.id == path.stem
    assert document.terms.status == "draft"


def test_the_hash_is_what_sha256sum_shows(template: Path) -> None:
    content = template.read_bytes()
    assert read_agreement(template).sha256 == hashlib.sha256(content).hexdigest()
    assert parse_agreement(content + b"# a comment\n", "a").sha256 != read_agreement(template).sha256


def test_x_fields_are_for_people_and_not_read(content: bytes) -> None:
    with_note = replaced(content, "status: active", "status: active\nx-note: {any: thing}")
    with_note = replaced(with_note, "    role: hub", "    role: hub\n    x-floor: 3")
    assert parse_agreement(with_note, "a").terms == parse_agreement(content, "a").terms


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("title: From", "titel: From", "did you mean `title`?"),
        ("tier: dsa", "tier: contract", "expected 'emou', 'dsa' or 'dul', found 'contract'"),
        ("tier: dsa", "tier: dul", "names the agreement it lies inside"),
        ("\nversion: 1\n", "\nversion: 2\n", "names an earlier version"),
        ("\nversion: 1\n", "\nversion: one\n", "expected a whole number"),
        ("effective: 2026-07-01", "effective: July 2026", "expected a date such as"),
        ("effective: 2026-07-01", "effective: 2032-07-01", "before the agreement takes effect"),
        ("destroy_by: 2031-12-31", "destroy_by: 2031-01-31", "before the end of use"),
        ("key_custodian: lakeside-district", "key_custodian: data-hub", "may not hold the shared secret"),
        ("hub_may_hold_identifiers: false", "hub_may_hold_identifiers: true", "hub_may_hold_identifiers"),
        ("id: workforce\n", "id: early-learning\n", "`early-learning` is listed 2 times"),
        ("role: hub", "role: provider", "lists `keys`"),
        ("study_duration: five years", "x-study_duration: five years", "a FERPA study states its duration"),
        ("need_to_know: Earnings", "x-need_to_know: Earnings", "ui_public_official requires it"),
        ("employer_threshold: 3", "x-employer_threshold: 3", "20 CFR 603.4 protects employers"),
        ("onsite_inspection: true", "onsite_inspection: false", "must be true for wage records"),
        ("debarment_acknowledged: true", "debarment_acknowledged: false", "must be true for education records"),
        ("no_reidentification: true", "no_reidentification: false", "no_reidentification"),
        ("person_threshold: 10 ", "person_threshold: 2 ", "greater than or equal to 3"),
        ("complementary", "complementery", "complementery"),
        (
            "{name: NAICS, ceds: EmploymentNAICSCode, use: aggregate_only",
            "{name: NAICS, ceds: EmploymentNAICSCode, use: anything",
            "use: expected 'link_only'",
        ),
        ("coarsen: {method: year}", "coarsen: {method: month}", "'method' must be"),
        ("use: output_coarsened, type: date", "use: output, type: date", "goes with `use: output_coarsened`"),
        (
            "{name: WageRecordId, use: link_only",
            "{name: WageRecordId, use: output",
            "an identifier is link_only",
        ),
        (
            "      - state-colleges.enrollments.credential\n",
            "      - state-colleges.enrollments.shoe_size\n",
            "not an element listed under data",
        ),
        (
            "      - state-colleges.enrollments.credential\n",
            "      - workforce.wages.Earnings\n",
            "aggregate_only, so no row-level file may hold it",
        ),
        (
            "      - lakeside-district.enrollment.DiplomaType\n    measures:\n",
            "      - child-welfare.placements.PlacementType\n    measures:\n",
            "joins child-welfare and workforce, against linkage.never_joined[0]",
        ),
        (
            "      - state-colleges.enrollments.credential\n",
            "      - state-colleges.enrollments.student_id\n",
            "link_only, so no output may hold it",
        ),
        ("    purposes: [research]\n", "    purposes: [profit]\n", "not a code of purpose.permitted_uses"),
        ("irb: {number: NSU-2026-0117", "irb: {exempt: none, number: NSU-2026-0117", "or `exempt`"),
    ],
)
def test_an_inconsistent_agreement_is_refused_with_its_line(content: bytes, old: str, new: str, problem: str) -> None:
    if old == "complementary":
        old, new = "  symbol:", "  complementery: true\n  symbol:"
    message = problems_of(replaced(content, old, new))
    assert problem in message
    assert "a.yaml:" in message


def test_all_problems_come_at_once_in_the_order_of_lines(content: bytes) -> None:
    message = problems_of(replaced(replaced(content, "epoch: 1", "epoch: soon"), "notify_hours: 24", "notify_hours: 0"))
    assert message.index("linkage.epoch") < message.index("incident.notify_hours")


def test_only_a_draft_may_have_keys_pending(template: Path) -> None:
    message = problems_of(template.read_bytes().replace(b"status: draft", b"status: active"))
    assert "parties[5].rooms.matcher: these keys are pending" in message
    assert "linkage.spec_sha256: is pending" in message


def test_two_parties_cannot_have_one_key(content: bytes) -> None:
    signing = content.decode().split("signing: ")[1].split(",")[0]
    other = content.decode().split("signing: ")[2].split(",")[0]
    assert "have the same key" in problems_of(content.replace(other.encode(), signing.encode()))


def test_a_wide_threshold_cannot_be_lowered_by_a_dataset(content: bytes) -> None:
    lower = replaced(content, "      person_threshold: 10\n", "      person_threshold: 3\n")
    rules = parse_agreement(lower, "a").terms.disclosure_rules(frozenset({"workforce.wages"}))
    assert rules.person_threshold == 10


def test_text_that_is_not_utf8_is_refused() -> None:
    assert "not UTF-8" in problems_of(b"title: \xff\xfe")
