"""A whole name in one column is split as people write it."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkage.hashing.columns import recognise
from linkage.hashing.person_name import PersonName, split_name, surname_suffix
from linkage.hashing.prepare import prepare


@pytest.mark.parametrize(
    ("value", "given_name", "middle", "surname", "suffix"),
    [
        ("SMITH, JOHN ALBERT", "JOHN", "ALBERT", "SMITH", ""),
        ("Smith Jr., John A.", "John", "A.", "Smith", "Jr."),
        ("SMITH, JOHN A, JR", "JOHN", "A", "SMITH", "JR"),
        ("SMITH, JR, JOHN", "JOHN", "", "SMITH", "JR"),
        ("SMITH, JOHN III", "JOHN", "", "SMITH", "III"),
        ("García López, María José", "María", "José", "García López", ""),
        ("de la Cruz, Juan", "Juan", "", "de la Cruz", ""),
        ("John A. Smith", "John", "A.", "Smith", ""),
        ("John A. Smith, Jr.", "John", "A.", "Smith", "Jr."),
        ("Mr. John Smith III", "John", "", "Smith", "III"),
        ("Juan de la Cruz", "Juan", "", "de la Cruz", ""),
        ("Anna Maria van der Berg", "Anna", "Maria", "van der Berg", ""),
        ('Robert "Bob" Jones', "Robert", "", "Jones", ""),
        ("Jones, Robert (Bob)", "Robert", "", "Jones", ""),
        ("Madonna", "", "", "Madonna", ""),
        ("Smith,", "", "", "Smith", ""),
        (", John", "", "", "John", ""),
        ("John V", "John", "", "V", ""),
        ("", "", "", "", ""),
        (" , ", "", "", "", ""),
    ],
)
def test_a_name_is_split(value, given_name, middle, surname, suffix):
    assert split_name(value) == PersonName(given_name, middle, surname, suffix)


@pytest.mark.parametrize(
    ("value", "suffix"), [("Smith Jr.", "Jr."), ("Smith, III", "III"), ("Smith", ""), ("Jr", ""), ("Garcia V", "")]
)
def test_a_suffix_is_seen_at_the_end_of_a_surname(value, suffix):
    assert surname_suffix(value) == suffix


@given(st.text(max_size=40))
def test_any_text_is_split_without_an_error_and_without_inventing_words(text):
    found = split_name(text)
    for part in (found.given, found.middle, found.surname, found.suffix):
        assert all(word in text for word in part.split())


def test_prepared_values_come_from_the_full_name(spec):
    frame = pd.DataFrame({"Name": ["SMITH JR, JOHN A", "Ana Maria Díaz"], "Middle Name": ["", "Luz"]})
    found = prepare(frame, recognise(frame.columns, spec), spec).values
    assert {name: values.distinct for name, values in found.items()} == {
        "first_name": ("JOHN", "ANA"),
        "middle_name": ("LUZ",),
        "last_name": ("SMITH", "DIAZ"),
        "suffix": ("JR",),
    }


def test_the_suffix_is_taken_from_the_surname_only_where_it_has_no_column(spec):
    without = pd.DataFrame({"last_name": ["Smith Jr", "Lee"]})
    found = prepare(without, recognise(without.columns, spec), spec).values
    assert found["suffix"].distinct == ("JR",)
    beside = without.assign(suffix=["", "II"])
    assert prepare(beside, recognise(beside.columns, spec), spec).values["suffix"].distinct == ("II",)
