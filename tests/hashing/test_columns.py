"""Identifiers are found under the headers that agencies use."""

import pytest

from linkage.errors import InputError
from linkage.hashing.columns import recognise
from linkage.hashing.mapping import SavedMapping, load_mapping

EDFI = "StudentUniqueId,PersonalTitlePrefix,FirstName,LastSurname,PreferredFirstName,BirthDate,MiddleName,BirthSex"


def test_edfi_headers_are_recognised(spec):
    found = recognise(EDFI.split(","), spec)
    assert found.local_id == "StudentUniqueId"
    assert found.identifiers == {
        "first_name": ("FirstName",),
        "middle_name": ("MiddleName",),
        "last_name": ("LastSurname",),
        "suffix": ("LastSurname",),
        "birth_date": ("BirthDate",),
        "sex": ("BirthSex",),
    }


def test_a_value_spread_over_columns_is_put_together(spec):
    found = recognise(["by", "bm", "bd", "street_number", "address_1"], spec)
    assert found.identifiers == {"birth_date": ("by", "bm", "bd"), "street": ("street_number", "address_1")}


def test_an_override_wins_and_is_not_used_twice(spec):
    found = recognise(["First Name", "Called", "Surname"], spec, {"first_name": "Called"})
    assert found.identifiers == {"first_name": ("Called",), "last_name": ("Surname",), "suffix": ("Surname",)}


def test_all_wrong_overrides_are_named_at_once(spec):
    with pytest.raises(InputError) as refused:
        recognise(["Surname"], spec, {"nickname": "Surname", "first_name": "Nope"})
    assert len(refused.value.problems) == 2
    assert "no identifier 'nickname', but birth_date, " in refused.value.problems[0]


def test_two_headers_that_look_the_same_are_refused(spec):
    with pytest.raises(InputError, match="cannot be used"):
        recognise(["First Name", "first_name"], spec)


def test_nothing_recognised_says_how_to_name_columns(spec):
    with pytest.raises(InputError, match="--column"):
        recognise(["a", "b"], spec)


def test_a_full_name_gives_the_parts_that_have_no_column_of_their_own(spec):
    found = recognise(["id", "Name", "Middle Name", "DOB"], spec)
    assert found.full_name == "Name"
    assert found.identifiers == {
        "first_name": ("Name",),
        "middle_name": ("Middle Name",),
        "last_name": ("Name",),
        "suffix": ("Name",),
        "birth_date": ("DOB",),
    }


def test_a_full_name_beside_its_parts_is_not_used(spec):
    found = recognise(["Full Name", "Surname"], spec)
    assert found.full_name is None
    assert found.identifiers == {"last_name": ("Surname",), "suffix": ("Surname",)}


def test_headers_that_look_like_someones_data_are_not_shown(spec):
    with pytest.raises(InputError, match="has the file a header") as refused:
        recognise(["1", "MARKER", "2009-04-01", "M"], spec)
    assert "MARKER" not in str(refused.value)


def test_data_that_look_alike_where_headers_should_be_are_not_shown(spec):
    with pytest.raises(InputError, match="two columns have the same name") as refused:
        recognise(["MARKER", "marker", "2001-02-03"], spec)
    assert "marker" not in str(refused.value).lower()


def test_a_saved_mapping_says_the_same_of_the_next_file(spec, tmp_path):
    headers = ["ID", "Name", "by", "bm", "bd", "City"]
    columns = recognise(headers, spec)
    path = tmp_path / "mapping.yaml"
    path.write_text(SavedMapping.of(columns, spec).to_yaml(), encoding="utf-8")
    assert load_mapping(path).columns([*headers, "SSN"], spec) == columns


def test_a_saved_mapping_that_does_not_fit_is_refused_with_all_that_is_lacking(spec):
    mapping = SavedMapping(spec="person", local_id="ID", identifiers={"first_name": ("First",), "shoe_size": ("Shoe",)})
    with pytest.raises(InputError) as refused:
        mapping.columns(["First"], spec)
    assert len(refused.value.problems) == 4


def test_a_mapping_file_with_an_unknown_field_is_refused_by_line(tmp_path):
    path = tmp_path / "mapping.yaml"
    path.write_text("kind: ColumnMapping\nspec: person\ncolums: {}\nidentifiers: {ssn: [SSN]}\n", encoding="utf-8")
    with pytest.raises(InputError, match="3"):
        load_mapping(path)
