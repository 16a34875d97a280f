import pandas as pd
import pytest

from linkage.errors import InputError, Refused
from linkage.release.crosswalk import make_crosswalk
from linkage.release.flag_back import make_flag_back
from linkage.release.permission import PermittedRelease
from linkage.release.workspace import Workspace

CROSSWALK = pd.DataFrame(
    [
        ("district", "a1", "p1"), ("district", "a2", "p2"), ("district", "a3", "p3"), ("district", "a33", "p3"),
        ("workforce", "f1", "p1"), ("workforce", "f2", "p2"), ("workforce", "f9", "p9"),
        ("college", "c1", "p1"), ("college", "c3", "p3"), ("college", "c9", "p9"),
    ],
    columns=["agency", "person_token", "release_id"],
)  # fmt: skip
WAGES = pd.DataFrame(
    [("f1", "2024Q1", "E1", "100"), ("f2", "2023Q1", "E1", None), ("f9", "2024Q1", "E1", "100")],
    columns=["person_token", "quarter", "employer_id", "earnings"],
)


@pytest.fixture
def permit(agreement, today):
    return lambda output, recipient: PermittedRelease(agreement, output, recipient, "research", today)


def flags(permit, tmp_path, wages=None):
    payload = {"workforce.wages": WAGES if wages is None else wages}
    result = make_flag_back(permit("care", "district"), payload, CROSSWALK, Workspace(tmp_path))
    return result, result["flags"].frame()


def test_a_flag_comes_back_for_ones_own_persons_only_and_without_the_reason(permit, tmp_path):
    result, frame = flags(permit, tmp_path)
    assert list(frame.columns) == ["person_token", "works"]
    assert dict(zip(frame["person_token"], frame["works"], strict=True)) == {
        "a1": "yes", "a2": "no", "a3": "no", "a33": "no",
    }  # fmt: skip
    assert result.people == 3


def test_one_record_must_meet_every_condition_of_the_rule(permit, tmp_path):
    apart = [("f1", "2024Q1", "E1", "0"), ("f1", "2023Q4", "E1", "100"), ("f2", "2024Q1", "E1", "1")]
    _, frame = flags(permit, tmp_path, pd.DataFrame(apart, columns=WAGES.columns))
    assert dict(zip(frame["person_token"], frame["works"], strict=True)) == {
        "a1": "no", "a2": "yes", "a3": "no", "a33": "no",
    }  # fmt: skip


def test_a_flag_goes_to_nobody_else(permit):
    with pytest.raises(Refused, match="not a recipient"):
        permit("care", "university")


def test_a_crosswalk_pairs_the_tokens_of_persons_whom_both_know(permit, tmp_path):
    result = make_crosswalk(permit("pairs", "college"), CROSSWALK, Workspace(tmp_path))
    frame = result["pairs"].frame()
    assert list(frame.columns) == ["district_token", "college_token"]
    assert sorted(map(tuple, frame.to_numpy())) == [("a1", "c1"), ("a3", "c3"), ("a33", "c3")]
    assert result.people == 2


def test_one_kind_of_output_is_not_made_as_another(permit, tmp_path):
    with pytest.raises(InputError, match="not a crosswalk"):
        make_crosswalk(permit("care", "district"), CROSSWALK, Workspace(tmp_path))
    with pytest.raises(InputError, match="not a flag back"):
        make_flag_back(permit("pairs", "college"), {}, CROSSWALK, Workspace(tmp_path))
