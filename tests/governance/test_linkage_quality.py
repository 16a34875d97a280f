"""The floor under linkage quality, and the leave to ask agencies about pairs."""

from __future__ import annotations

import pytest
from parties_of_a_consortium import TODAY, Consortium

from linkage.errors import AgreementError, Refused
from linkage.governance.containment import outside_parent
from linkage.governance.decide import decide
from linkage.governance.document import parse_agreement
from linkage.governance.prose_data import linkage_section
from linkage.governance.quality import require_quality
from linkage.governance.requests import SendReview
from linkage.resources import shipped

FLOOR = "linkage_quality: {min_precision: 0.98, min_recall: 0.9}\n"


def _with(content: bytes, *, floor: str = "", review: str = "") -> bytes:
    lines = content.decode().split("\n")
    place = lines.index("linkage:")
    if review:
        lines.insert(place + 1, f"  clerical_review: {review}")
    if floor:
        lines.insert(place, floor)
    return "\n".join(lines).encode()


def test_quality_at_the_floor_passes_and_without_a_floor_anything_does(consortium: Consortium, content: bytes):
    require_quality(consortium.sign(_with(content, floor=FLOOR)), 0.98, 0.9)
    require_quality(consortium.sign(content), 0.1, 0.1)


def test_quality_below_the_floor_is_refused_and_every_clause_named(consortium: Consortium, content: bytes):
    with pytest.raises(Refused) as refused:
        require_quality(consortium.sign(_with(content, floor=FLOOR)), 0.97, 0.85)
    first, second = refused.value.problems
    assert first.startswith("linkage_quality.min_precision (line ")
    assert "at least 0.98; the linkage certificate estimates 0.9700" in first
    assert second.startswith("linkage_quality.min_recall (line ")


def test_a_floor_is_a_share(content: bytes):
    with pytest.raises(AgreementError, match="min_precision"):
        parse_agreement(_with(content, floor="linkage_quality: {min_precision: 98}\n"), "agreement.yaml")


def test_pairs_are_sent_for_review_only_where_the_agreement_says_so(consortium: Consortium, content: bytes):
    asked = SendReview("lakeside-district")
    refused = decide(consortium.sign(content), asked, TODAY)
    assert not refused.allowed
    assert "clerical_review" in refused.reason
    allowed = consortium.sign(_with(content, review="by_agencies"))
    assert decide(allowed, asked, TODAY).allowed
    assert not decide(allowed, SendReview("university"), TODAY).allowed


def test_both_are_said_in_the_prose(content: bytes):
    terms = parse_agreement(_with(content, floor=FLOOR, review="by_agencies"), "agreement.yaml").terms
    words = " ".join(linkage_section(terms).paragraphs)
    assert "a precision of at least 0.98 and a recall of at least 0.9" in words
    assert "The Hub may ask a Provider to judge" in words


def test_a_child_may_not_lower_its_parents_floor_nor_add_a_review(consortium: Consortium):
    frame = consortium.fill(shipped("agreements") / "enterprise-mou.yaml")
    study = consortium.fill(shipped("agreements") / "k12-to-college.yaml")
    parent = parse_agreement(_with(frame, floor=FLOOR), "enterprise-mou.yaml").terms
    lower = FLOOR.replace("0.98", "0.9")
    child = parse_agreement(_with(study, floor=lower, review="by_agencies"), "k12-to-college.yaml").terms
    problems = dict(outside_parent(child, parent))
    assert problems["linkage_quality", "min_precision"] == "is below the parent's 0.98"
    assert ("linkage_quality", "min_recall") not in problems
    assert ("linkage", "clerical_review") in problems


def test_groups_of_link_rates_are_listed_elements(consortium: Consortium, content: bytes):
    listed = "linkage_quality: {groups: [lakeside-district.enrollment.RaceEthnicity]}\n"
    terms = parse_agreement(_with(content, floor=listed), "agreement.yaml").terms
    assert "in bands and without small groups" in " ".join(linkage_section(terms).paragraphs)
    for wrong in ("lakeside-district.enrollment.Homeroom", "nobody.enrollment.RaceEthnicity"):
        with pytest.raises(AgreementError, match="is not a listed element"):
            parse_agreement(_with(content, floor=f"linkage_quality: {{groups: [{wrong}]}}\n"), "agreement.yaml")
