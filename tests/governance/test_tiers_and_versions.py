"""A lower tier lies inside its parent, and a new version says where it goes beyond the old one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from parties_of_a_consortium import TODAY, Consortium

from linkage.errors import AgreementError
from linkage.governance.comparison import compare
from linkage.governance.containment import outside_parent
from linkage.governance.decide import decide
from linkage.governance.document import AgreementDocument, parse_agreement
from linkage.governance.drafting import with_parent
from linkage.governance.requests import SealElement
from linkage.governance.signatures import signatures_path, write_signatures
from linkage.governance.standing import StandingAgreement, load_agreement
from linkage.governance.succession import succession_problems
from linkage.resources import shipped

GRADE = SealElement("lakeside-district", "enrollment", "GradeLevel")


def replaced(content: bytes, old: str, new: str) -> bytes:
    assert old.encode() in content, old
    return content.replace(old.encode(), new.encode(), 1)


TO = "    recipients: [university]\n    purposes:"


@pytest.fixture(scope="module")
def frame(consortium: Consortium) -> bytes:
    return consortium.fill(shipped("agreements") / "enterprise-mou.yaml")


@pytest.fixture(scope="module")
def child(consortium: Consortium, frame: bytes) -> bytes:
    filled = consortium.fill(shipped("agreements") / "k12-to-college.yaml").decode()
    parent = parse_agreement(frame, "enterprise-mou.yaml")
    return with_parent(filled, "k12", parent, "enterprise-mou.yaml").encode()


def document(content: bytes) -> AgreementDocument:
    return parse_agreement(content, "agreement.yaml")


@pytest.fixture
def on_disk(tmp_path: Path, consortium: Consortium, frame: bytes, child: bytes) -> Path:
    """Return the child's place, with its parent beside it and both signed by all."""
    for name, content in (("enterprise-mou", frame), ("k12-to-college", child)):
        path = tmp_path / f"{name}.yaml"
        path.write_bytes(content)
        write_signatures(signatures_path(path), path.name, consortium.signatures(content))
    return tmp_path / "k12-to-college.yaml"


@pytest.mark.parametrize(
    ("changes", "clause", "problem"),
    [
        ({"from: 2016, to: 2026}": "from: 2015, to: 2026}"}, "years", "goes beyond the parent's 2016-2026"),
        (
            {"- {name: SchoolId,": "- {name: Homeroom, use: output}\n      - {name: SchoolId,"},
            "elements",
            "not an element",
        ),
        (
            {"{name: SchoolId, use: aggregate_only": "{name: SchoolId, use: output"},
            "use",
            "beyond the parent's aggregate",
        ),
        ({"expires: 2031-06-30\n": "expires: 2031-07-31\n"}, "expires", "is after the parent's (2031-06-30)"),
        ({"destroy_by: 2031-12-31": "destroy_by: 2032-01-01"}, "destroy_by", "is after the parent's (2031-12-31)"),
        ({"person_threshold: 10 ": "person_threshold: 5 "}, "person_threshold", "is below the parent's 10"),
        (
            {"code: research": "code: marketing", "[research]": "[marketing]"}
            | {f"{by} and year\n{TO} [research,": f"{by} and year\n{TO} [marketing," for by in ("school", "ethnicity")},
            "permitted_uses",
            "not a permitted use of the parent",
        ),
        ({"- Any decision about": "- Every decision about"}, "prohibited_uses", "leaves out the parent's"),
        ({"[first_name, middle_name,": "[first_name, religion,"}, "identifiers", "not an identifier of the parent"),
        ({"extreme_rates: suppress": "extreme_rates: publish"}, "extreme_rates", "publishes 0 % and 100 %"),
        ({"rate_bands: true": "rate_bands: false"}, "rate_bands", "without the parent's bands"),
        ({"allowed_to: []": "allowed_to: [A newspaper]"}, "allowed_to", "`A newspaper` is not named"),
        ({"\ntier: dsa": "\ntier: emou", "\nparent:": "\nx-parent:"}, "tier", "cannot lie inside"),
    ],
)
def test_a_child_outside_its_parent_is_told_where(
    frame: bytes, child: bytes, changes: dict[str, str], clause: str, problem: str
) -> None:
    text = child
    for old, new in changes.items():
        text = replaced(text, old, new)
    found = outside_parent(document(text).terms, document(frame).terms)
    assert any(problem in reason for _, reason in found), found
    assert {clause} == {str(next(part for part in reversed(path) if isinstance(part, str))) for path, _ in found}


def test_a_child_inside_its_parent_has_nothing_to_mend(frame: bytes, child: bytes) -> None:
    assert outside_parent(document(child).terms, document(frame).terms) == []


def test_an_agreement_is_loaded_with_its_parent(on_disk: Path) -> None:
    agreement = load_agreement(on_disk)
    assert agreement.parent is not None
    assert agreement.parent.terms.id == "enterprise-mou"
    assert decide(agreement, GRADE, TODAY).allowed


def test_nothing_is_allowed_while_the_parent_does_not_stand(on_disk: Path) -> None:
    signatures_path(on_disk.with_name("enterprise-mou.yaml")).unlink()
    decision = decide(load_agreement(on_disk), GRADE, TODAY)
    assert not decision.allowed
    assert decision.clause.clause == "parent"
    assert "not signed by early-learning" in decision.reason


def test_a_parent_that_was_changed_since_is_refused(on_disk: Path) -> None:
    parent = on_disk.with_name("enterprise-mou.yaml")
    signatures_path(parent).unlink()
    parent.write_bytes(parent.read_bytes() + b"# amended\n")
    with pytest.raises(AgreementError, match="the parent was changed or amended since"):
        load_agreement(on_disk)


def test_a_parent_in_another_folder_or_in_a_circle_is_refused(on_disk: Path) -> None:
    content = on_disk.read_text()
    signatures_path(on_disk).unlink()
    on_disk.write_text(content.replace("file: enterprise-mou.yaml", "file: ../enterprise-mou.yaml"))
    with pytest.raises(AgreementError, match="without a folder"):
        load_agreement(on_disk)
    on_disk.write_text(content.replace("file: enterprise-mou.yaml", "file: k12-to-college.yaml"))
    with pytest.raises(AgreementError, match="circle"):
        load_agreement(on_disk)


def amended(child: bytes) -> bytes:
    text = replaced(child, "\nversion: 1\n", "\nversion: 2\n")
    note = f"supersedes: {{version: 1, sha256: {document(child).sha256}}}\namendments:\n"
    note += "  - {version: 2, date: 2026-08-01, summary: More years and another threshold.}\n"
    text = replaced(text, "\n# ---- Parties", f"\n{note}\n# ---- Parties")
    text = replaced(text, "from: 2016, to: 2026}", "from: 2016, to: 2028}")
    text = replaced(text, "person_threshold: 10 ", "person_threshold: 15 ")
    return replaced(text, "      - {name: term_gpa", "      - {name: honors, use: output}\n      - {name: term_gpa")


def test_a_new_version_lists_its_changes_and_where_it_allows_more(child: bytes) -> None:
    comparison = compare(document(child), document(amended(child)))
    found = {change.clause: (change.kind, change.before, change.after) for change in comparison.changes}
    assert found["data[lakeside-district.enrollment].years.to"] == ("changed", 2026, 2028)
    assert found["disclosure_control.person_threshold"] == ("changed", 10, 15)
    assert found["data[state-colleges.enrollments].elements[honors]"][0] == "added"
    assert len(found) == 6  # with version, supersedes and amendments
    assert len(comparison.widened) == 2
    assert "years" in comparison.widened[0]
    assert "goes beyond the earlier version's 2016-2026" in comparison.widened[0]
    assert "elements[honors]" in comparison.widened[1]


def test_order_in_a_list_is_no_change(child: bytes) -> None:
    lines = child.decode().split("\n")
    first = next(number for number, line in enumerate(lines) if "{name: credits_attempted" in line)
    lines[first], lines[first + 1] = lines[first + 1], lines[first]
    assert compare(document(child), document("\n".join(lines).encode())).changes == ()


def test_a_version_without_its_history_is_refused(child: bytes) -> None:
    with pytest.raises(AgreementError) as caught:
        document(replaced(child, "\nversion: 1\n", "\nversion: 2\n"))
    assert "names an earlier version" in str(caught.value)
    assert "says under amendments what it changed" in str(caught.value)


def test_only_the_next_version_that_all_signed_follows_the_one_in_use(consortium: Consortium, child: bytes) -> None:
    def standing(content: bytes, *but: str) -> StandingAgreement:
        # Without its parent, which is about tiers and not about versions.
        plain = re.sub(rb"\nparent: .*\n", b"\n", content)
        return consortium.sign(plain, but=but)

    first = standing(child)
    second_text = amended(re.sub(rb"\nparent: .*\n", b"\n", child))
    second = standing(second_text)
    assert succession_problems(None, first) == []
    assert succession_problems(first, first) == []
    assert succession_problems(first, second) == []
    (older,) = succession_problems(second, first)
    assert "version 2 is in use; version 1 was replaced by it" in older
    skipped = standing(second_text.replace(first.sha256.encode(), b"0" * 64))
    (unnamed,) = succession_problems(first, skipped)
    assert "is the version in use" in unnamed
    (unsigned,) = succession_problems(first, standing(second_text, "university"))
    assert "not signed by university" in unsigned
