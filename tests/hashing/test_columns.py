"""Identifiers are found under the headers that agencies use."""

import pytest

from linkage.errors import InputError
from linkage.hashing.columns import recognise

EDFI = "StudentUniqueId,PersonalTitlePrefix,FirstName,LastSurname,PreferredFirstName,BirthDate,MiddleName,BirthSex"


def test_edfi_headers_are_recognised(spec):
    found = recognise(EDFI.split(","), spec)
    assert found.local_id == "StudentUniqueId"
    assert found.identifiers == {
        "first_name": ("FirstName",),
        "middle_name": ("MiddleName",),
        "last_name": ("LastSurname",),
        "birth_date": ("BirthDate",),
        "sex": ("BirthSex",),
    }


def test_a_value_spread_over_columns_is_put_together(spec):
    found = recognise(["by", "bm", "bd", "street_number", "address_1"], spec)
    assert found.identifiers == {"birth_date": ("by", "bm", "bd"), "street": ("street_number", "address_1")}


def test_an_override_wins_and_is_not_used_twice(spec):
    found = recognise(["First Name", "Called", "Surname"], spec, {"first_name": "Called"})
    assert found.identifiers == {"first_name": ("Called",), "last_name": ("Surname",)}


def test_all_wrong_overrides_are_named_at_once(spec):
    with pytest.raises(InputError) as refused:
        recognise(["Surname"], spec, {"nickname": "Surname", "first_name": "Nope"})
    assert len(refused.value.problems) == 2


def test_two_headers_that_look_the_same_are_refused(spec):
    with pytest.raises(InputError, match="cannot be used"):
        recognise(["First Name", "first_name"], spec)


def test_nothing_recognised_says_how_to_name_columns(spec):
    with pytest.raises(InputError, match="--column"):
        recognise(["a", "b"], spec)
