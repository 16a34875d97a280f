import secrets

import numpy as np
import pandas as pd
import pytest

from linkage.errors import InputError, Refused
from linkage.release.assemble import assemble
from linkage.release.identifiers import release_ids
from linkage.release.permission import PermittedRelease
from linkage.release.workspace import Workspace


def frame(**columns):
    return pd.DataFrame({key: pd.Series(value, dtype="string") for key, value in columns.items()})


def token(agency, number):
    return f"{agency[0]}{number:031d}".replace("n", "b").replace("w", "f")


PAYLOADS = {
    "district.enrollment": frame(
        person_token=[token("district", n) for n in (1, 1, 1, 2, 3)],
        SchoolYear=["2020", "2021", "2021", "2020", "2020"],
        School=["A", "A", "B", "A", "B"],
        Grade=["09", "10", "10", "03", None],
        Race=["W", "W", "W", "B", "W"],
        EntryDate=["2019-09-02"] * 5,
    ),
    "neighbor.enrollment": frame(
        person_token=[token("neighbor", n) for n in (1, 2)],
        SchoolYear=["2022", "2022"],
        School=["N", "N"],
        Grade=["11", "11"],
        Race=["B", "W"],
    ),
    "college.terms": frame(
        person_token=[token("college", n) for n in (1, 9)],
        term=["2024FA", "2024FA"],
        credits=["6", "12.5"],
        fulltime=["false", "true"],
    ),
}
LINKED = [
    ("district", 1, "s1"), ("district", 2, "s2"), ("district", 3, "s3"), ("neighbor", 1, "s1"), ("neighbor", 2, "s4"),
    ("college", 1, "s1"), ("college", 2, "s2"),
]  # fmt: skip


def crosswalk():
    ids = release_ids(["s1", "s2", "s3", "s4"], secrets.token_bytes)
    rows = [(agency, token(agency, number), ids[student]) for agency, number, student in LINKED]
    return pd.DataFrame(rows, columns=["agency", "person_token", "release_id"]), ids


@pytest.fixture
def run(agreement, today, tmp_path):
    def go(output="file", payloads=PAYLOADS, who=None, **options):
        permitted = PermittedRelease(agreement, output, "university", "research", today)
        return assemble(permitted, payloads, crosswalk()[0] if who is None else who, Workspace(tmp_path), **options)

    return go


def test_long_form_has_a_row_per_person_dataset_and_event_with_listed_columns_only(run):
    rows = run()["rows"].frame()
    assert list(rows.columns) == [
        "release_id", "dataset", "period", "SchoolYear", "School", "Grade", "Race", "EntryDate", "Note",
        "term", "credits", "fulltime",
    ]  # fmt: skip
    assert rows.groupby("dataset").size().to_dict() == {
        "college.terms": 1, "district.enrollment": 5, "neighbor.enrollment": 2,
    }  # fmt: skip
    assert rows.loc[rows["dataset"] == "college.terms", "period"].tolist() == ["2024FA"]


def test_values_leave_typed_and_only_in_their_coarser_form(run):
    rows = run()["rows"].frame()
    assert rows["SchoolYear"].dtype == "Int64"
    assert rows["Grade"].dropna().isin(["03", "09", "10", "11"]).all()
    assert rows["EntryDate"].dropna().unique().tolist() == [2019]
    assert rows["credits"].dropna().tolist() == ["6-<12"]
    assert rows["fulltime"].dropna().tolist() == [False]


def test_not_linked_is_another_word_than_linked_without_a_record(run):
    who, ids = crosswalk()
    persons = run(who=who)["persons"].frame().set_index("release_id")
    assert persons.loc[ids["s1"], "link_college_terms"] == "records"
    assert persons.loc[ids["s2"], "link_college_terms"] == "no_records"
    assert persons.loc[ids["s3"], "link_college_terms"] == "not_linked"


def test_a_conflict_is_settled_as_the_agreement_says_and_shown(run):
    who, ids = crosswalk()
    persons = run(who=who)["persons"].frame().set_index("release_id")
    one = persons.loc[ids["s1"]]
    assert (one["Race"], one["Race_source"], one["Race_conflict"]) == ("W", "district", True)
    assert persons.loc[ids["s4"], "Race_source"] == "neighbor"
    assert not persons.loc[ids["s4"], "Race_conflict"]


def test_a_provider_that_contradicts_itself_has_no_value_to_give(run):
    who, ids = crosswalk()
    changed = PAYLOADS["district.enrollment"].assign(Race=["W", "B", "W", "B", "W"])
    persons = run(who=who, payloads=PAYLOADS | {"district.enrollment": changed})["persons"].frame()
    one = persons.set_index("release_id").loc[ids["s1"]]
    assert one["Race"] is pd.NA
    assert one["Race_source"] == "district"
    assert one["Race_conflict"]


def test_a_record_that_no_one_linked_is_counted_and_left_out(run):
    result = run()
    college = next(count for count in result.counts if count.dataset == "college.terms")
    assert (college.rows_read, college.rows_without_release_id) == (2, 1)
    assert (college.people_with_records, college.people_linked_without_records, college.people_not_linked) == (1, 1, 2)


def test_a_cohort_keeps_everyone_else_out_and_those_without_a_row_in(run):
    who, ids = crosswalk()
    rows = PAYLOADS["district.enrollment"]
    third = {ids[f"s{token[-1]}"] for token in rows.loc[rows["Grade"] == "03", "person_token"]}
    result = run("graders", who=who)
    persons = result["persons"].frame().set_index("release_id")
    assert set(persons.index) == third
    assert set(result["rows"].frame()["release_id"]) <= third
    assert list(persons.columns) == ["link_college_terms"]  # the dataset that chooses gives no column


def test_wide_form_has_one_row_per_person_and_a_column_for_each_of_several_rows(run):
    who, ids = crosswalk()
    wide = run("wide", who=who)["persons"].frame().set_index("release_id")
    assert len(wide) == 3
    one = wide.loc[ids["s1"]]
    assert one["district_enrollment_School_2020"] == "A"
    assert one["district_enrollment_School_2021"] == "A"
    assert one["district_enrollment_School_2021_2"] == "B"
    assert not one["college_terms_fulltime_2024FA"]
    assert wide.loc[ids["s2"], "district_enrollment_School_2021"] is pd.NA


def test_parquet_files_and_frames_give_the_same_file(run, tmp_path):
    who, _ = crosswalk()
    paths = {}
    for key, payload in PAYLOADS.items():
        paths[key] = tmp_path / f"in-{key}.parquet"
        payload.to_parquet(paths[key])
    first = run(who=who)["rows"].frame()
    pd.testing.assert_frame_equal(first, run(who=who, payloads=paths)["rows"].frame())


def test_the_order_of_the_sources_leaves_no_trace(run):
    who, _ = crosswalk()
    shuffled = {key: payload.sample(frac=1, random_state=5) for key, payload in PAYLOADS.items()}
    first = run(who=who)["rows"].parquet.read_bytes()
    second = run(who=who.sample(frac=1, random_state=6), payloads=shuffled)["rows"].parquet.read_bytes()
    assert first == second


def test_two_releases_of_the_same_people_cannot_be_joined_by_id_or_row_order(run):
    number = 2000
    payload = frame(
        person_token=[token("district", n) for n in range(number)], SchoolYear=["2020"] * number, School=["A"] * number
    )
    seen = []
    for _ in range(2):
        ids = release_ids(range(number), secrets.token_bytes)
        who = pd.DataFrame(
            {"agency": "district", "person_token": payload["person_token"], "release_id": ids.to_numpy()}
        )
        empty = {key: value.iloc[:0] for key, value in PAYLOADS.items()}
        result = run(who=who, payloads=empty | {"district.enrollment": payload})
        person = pd.Series(range(number), index=ids.to_numpy())
        seen.append((result["rows"].frame(), person, result["rows"].parquet.read_bytes()))
    (first, one, file_one), (second, two, file_two) = seen
    assert set(first["release_id"]).isdisjoint(second["release_id"])
    assert file_one != file_two
    order_one, order_two = one[first["release_id"]].to_numpy(), two[second["release_id"]].to_numpy()
    # As many rows in the same place as chance has it (1 expected), and no rank correlation.
    assert (order_one == order_two).sum() < 10
    assert abs(np.corrcoef(np.argsort(order_one), np.argsort(order_two))[0, 1]) < 0.12


def test_a_crosswalk_that_gives_a_record_two_persons_is_refused(run):
    who, _ = crosswalk()
    twice = pd.concat([who, who.iloc[:1].assign(release_id="x" * 26)])
    with pytest.raises(InputError, match="more than one"):
        run(who=twice)


def test_a_missing_payload_is_named(run):
    with pytest.raises(InputError, match=r"college\.terms: its payload is missing"):
        run(payloads={key: value for key, value in PAYLOADS.items() if key != "college.terms"})


@pytest.mark.parametrize(
    ("output", "recipient", "purpose", "cause"),
    [
        ("other", "university", "research", "not listed"),
        ("file", "college", "research", "not a recipient"),
        ("file", "university", "marketing", "not a purpose"),
    ],
)
def test_nothing_is_made_without_a_permission(agreement, today, output, recipient, purpose, cause):
    with pytest.raises(Refused, match=cause):
        PermittedRelease(agreement, output, recipient, purpose, today)


def test_a_table_is_not_a_research_file(agreement, today, tmp_path):
    permitted = PermittedRelease(agreement, "college-by-school", "university", "research", today)
    with pytest.raises(InputError, match="not a research file"):
        assemble(permitted, PAYLOADS, crosswalk()[0], Workspace(tmp_path))
