from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkage.errors import InputError, Refused
from linkage.release.payload import accept_payload, prepare_payload
from linkage.release.values import MISSING_WORDS


def extract(rows=3, **columns):
    base = {"StudentId": [str(n) for n in range(rows)], "Sector": "public", "SchoolYear": "2021", "School": "North"}
    return pd.DataFrame(base | columns, dtype="string")


def tokens(frame):
    return pd.Series([f"{number:032x}" for number in range(len(frame))], dtype="string")


@pytest.fixture
def prepare(agreement, today):
    def run(frame, on=today, **options):
        dataset = agreement.terms.dataset("district", "enrollment")
        return prepare_payload(frame, dataset, agreement, on, tokens(frame), **options)

    return run


def test_only_listed_elements_travel_and_the_local_id_becomes_a_token(prepare):
    prepared = prepare(extract(Grade="03"))
    assert list(prepared.frame.columns) == ["person_token", "SchoolYear", "School", "Grade"]
    assert prepared.frame["person_token"].tolist() == tokens(prepared.frame).tolist()
    assert any(line.startswith("StudentId") for line in prepared.columns_left_out)
    assert prepared.absent[:4] == ("Race", "DaysAbsent", "EntryDate", "Note")


def test_unlisted_and_link_only_columns_are_refused_by_name_with_their_clause(prepare):
    with pytest.raises(Refused) as refused:
        prepare(extract(Lunch="free", Surname="Lee"))
    message = str(refused.value)
    assert "enrollment.Lunch: refused by data[district.enrollment].elements (line" in message
    assert "Surname is link_only" in message


def test_asked_to_it_leaves_unlisted_columns_out_and_says_so(prepare):
    prepared = prepare(extract(Lunch="free", Surname="Lee"), drop_unlisted=True)
    assert not {"Lunch", "Surname"} & set(prepared.frame.columns)
    assert {line.split(":")[0] for line in prepared.columns_left_out} == {"StudentId", "Sector", "Lunch", "Surname"}


def test_rows_outside_population_and_years_are_left_out_and_counted(prepare):
    frame = extract(5, SchoolYear=["2021", "2019", "2025", "", "2022"], Sector=["public"] * 4 + ["private"])
    prepared = prepare(frame)
    assert prepared.frame["SchoolYear"].tolist() == ["2021"]
    assert prepared.rows_read == 5
    assert sorted(left.rows for left in prepared.rows_left_out) == [1, 1, 1, 1]
    assert any("2019 is outside 2020 to 2024" in left.reason for left in prepared.rows_left_out)


def test_a_row_without_a_local_id_is_left_out(agreement, today):
    frame = extract(2)
    given_tokens = tokens(frame)
    given_tokens[1] = pd.NA
    dataset = agreement.terms.dataset("district", "enrollment")
    prepared = prepare_payload(frame, dataset, agreement, today, given_tokens)
    assert len(prepared.frame) == 1
    assert prepared.rows_left_out[0].reason == "no StudentId"


@pytest.mark.parametrize("on", [date(2026, 6, 30), date(2029, 7, 1)])
def test_nothing_is_sealed_outside_the_term(prepare, on):
    with pytest.raises(Refused, match="term"):
        prepare(extract(), on=on)


def test_types_and_codes_are_checked_all_at_once_by_row_and_never_by_value(prepare):
    frame = extract(
        3, Grade=["03", "Xyz", "10"], DaysAbsent=["5", "many", ""], EntryDate=["2020-09-01", "2020-02-30", ""]
    )
    with pytest.raises(InputError) as error:
        prepare(frame)
    assert [problem.split(":")[0] for problem in error.value.problems] == ["Grade", "DaysAbsent", "EntryDate"]
    assert all("row 2" in problem for problem in error.value.problems)
    assert "Xyz" not in str(error.value)
    assert "many" not in str(error.value)


def test_row_numbers_are_those_of_the_file_not_of_what_is_kept(prepare):
    frame = extract(3, SchoolYear=["2019", "2021", "2021"], Grade=["03", "03", "Xyz"])
    with pytest.raises(InputError, match="row 3"):
        prepare(frame)


@pytest.mark.parametrize(
    ("written", "kept"),
    [(" 7 ", "7"), ("7.0", "7"), ("-2", "-2"), ("NULL", pd.NA), ("n/a", pd.NA), ("", pd.NA)],
)
def test_a_number_has_one_spelling(prepare, written, kept):
    found = prepare(extract(1, DaysAbsent=[written])).frame["DaysAbsent"][0]
    assert (found is pd.NA and kept is pd.NA) or found == kept


@pytest.mark.parametrize(
    "value",
    [
        "529-12-1234", "SSN 529 12 1234", "ann.lee@example.org", "(612) 555-0142", "call 612-555-0142 today",
        "born 2008-03-09", "3/9/2008",
    ],
)  # fmt: skip
def test_identifiers_written_into_free_text_are_found(prepare, value):
    with pytest.raises(InputError) as error:
        prepare(extract(2, Note=["fine", value]))
    assert "Note" in str(error.value)
    assert "row 2" in str(error.value)
    assert value not in str(error.value)


def test_names_in_a_text_column_are_found(prepare):
    given = ["Maria", "James", "Linda", "Robert", "David", "Susan"]
    family = ["Smith", "Johnson", "Garcia", "Miller", "Davis", "Brown"]
    names = [f"{first} {last}" for first in given for last in family]
    with pytest.raises(InputError, match="people's names"):
        prepare(extract(len(names), Note=names))


def test_school_names_are_not_taken_for_people(prepare):
    schools = [f"{name} Elementary School" for name in ("Martin King", "John Adams", "James Madison", "Thomas Lee")]
    assert len(prepare(extract(80, School=schools * 20)).frame) == 80


def test_bare_ssns_and_an_id_under_another_header_are_found(prepare):
    rng = np.random.default_rng(3)
    ssns = [f"{rng.integers(100, 600)}{rng.integers(10, 99)}{rng.integers(1000, 9999)}" for _ in range(60)]
    with pytest.raises(InputError, match="SSNs without hyphens"):
        prepare(extract(60, Note=ssns))
    with pytest.raises(InputError, match="ID of the person"):
        prepare(extract(60, Note=[f"K{number}x" for number in range(60)]))


def test_the_release_room_checks_again_what_the_agency_checked(prepare, agreement, today):
    dataset = agreement.terms.dataset("district", "enrollment")
    frame = prepare(extract(3, Grade="03")).frame
    pd.testing.assert_frame_equal(accept_payload(frame, dataset, agreement, today), frame)
    with pytest.raises(Refused, match="not listed"):
        accept_payload(frame.assign(Lunch="free"), dataset, agreement, today)
    with pytest.raises(Refused, match="2019 is outside"):
        accept_payload(frame.assign(SchoolYear="2019"), dataset, agreement, today)
    with pytest.raises(InputError, match="codes"):
        accept_payload(frame.assign(Grade="13"), dataset, agreement, today)
    with pytest.raises(InputError, match="person_token"):
        accept_payload(frame.assign(person_token="S1"), dataset, agreement, today)


@given(st.lists(st.text(max_size=3) | st.integers(0, 400).map(str), min_size=1, max_size=5))
def test_whatever_a_column_holds_it_is_sealed_or_refused_without_being_quoted(agreement, values):
    frame = extract(len(values), DaysAbsent=values)
    dataset = agreement.terms.dataset("district", "enrollment")
    whole = [value for value in values if value.strip().isascii() and value.strip().isdigit()]
    if len(whole) == len(values):
        prepared = prepare_payload(frame, dataset, agreement, date(2026, 9, 1), tokens(frame))
        assert prepared.frame["DaysAbsent"].tolist() == [value.strip() for value in whole]
    elif any(value.strip().isalpha() and value.strip().upper() not in MISSING_WORDS for value in values):
        with pytest.raises(InputError, match="DaysAbsent: expected a whole number"):
            prepare_payload(frame, dataset, agreement, date(2026, 9, 1), tokens(frame))
