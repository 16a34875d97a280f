"""Each kind of value has one canonical text."""

import pytest

from linkage.hashing.dates import date_order
from linkage.hashing.normalise import normalise
from linkage.spec.model import Kind

VECTORS = [
    (Kind.GIVEN_NAME, "José", "JOSE"),
    (Kind.GIVEN_NAME, "jose\u0301", "JOSE"),
    (Kind.GIVEN_NAME, "Dr. Mary-Ann", "MARY ANN"),
    (Kind.GIVEN_NAME, "Baby Boy", ""),
    (Kind.GIVEN_NAME, "Daughter", ""),
    (Kind.GIVEN_NAME, "UNKNOWN", ""),
    (Kind.GIVEN_NAME, "Мария", "MARIYA"),
    (Kind.SURNAME, "O'Brien", "OBRIEN"),
    (Kind.SURNAME, "de la Cruz", "DELACRUZ"),
    (Kind.SURNAME, "García-López", "GARCIA LOPEZ"),
    (Kind.SURNAME, "Smith Jr.", "SMITH"),
    (Kind.SURNAME, "Mac Donald", "MACDONALD"),
    (Kind.SURNAME, "Van", "VAN"),
    (Kind.SURNAME, "Müller", "MULLER"),
    (Kind.SUFFIX, "Jr.", "JR"),
    (Kind.SUFFIX, "3rd", "III"),
    (Kind.SUFFIX, "Esq", ""),
    (Kind.SEX, "Female", "F"),
    (Kind.SEX, "1", "M"),
    (Kind.SEX, "unknown", ""),
    (Kind.STREET, "12 North Main Street", "12 N MAIN ST"),
    (Kind.POSTAL_CODE, "01234-5678", "01234"),
    (Kind.POSTAL_CODE, "00000", ""),
    (Kind.POSTAL_CODE, "A96 X2P4", "A96X2P4"),
    (Kind.PHONE, "1 (555) 201-0199", "5552010199"),
    (Kind.PHONE, "0000000000", ""),
    (Kind.EMAIL, " Ann@Example.org", "ANN@EXAMPLE.ORG"),
    (Kind.EMAIL, "none", ""),
    (Kind.SSN, "123-45-6789", ""),
    (Kind.SSN, "219-09-1120", "219091120"),
    (Kind.SSN, "1120", "1120"),
    (Kind.CODE, "ss-0012", "SS0012"),
    (Kind.DATE, "2008-02-29", "2008-02-29"),
    (Kind.DATE, "20080229", "2008-02-29"),
    (Kind.DATE, "8 Mar 2001", "2001-03-08"),
    (Kind.DATE, "14-JAN-2011", "2011-01-14"),
    (Kind.DATE, "2008-02-29 00:00:00", "2008-02-29"),
    (Kind.DATE, "1900-01-01", ""),
    (Kind.DATE, "1980", "1980"),
    (Kind.DATE, "not a date", ""),
    (Kind.DATE, "2972-12-22", "2972-12-22"),
]


@pytest.mark.parametrize(("kind", "value", "expected"), VECTORS, ids=lambda v: str(v))
def test_vector(kind, value, expected):
    assert normalise(kind, [value]) == [expected]


def test_a_missing_value_stays_missing_in_every_kind():
    assert all(normalise(kind, [""]) == [""] for kind in Kind)


def test_normalising_twice_changes_nothing():
    for kind, value, _ in VECTORS:
        once = normalise(kind, [value])
        assert normalise(kind, once) == once


def test_the_order_of_day_and_month_is_read_from_the_column():
    assert date_order(["05/06/1994", "27/08/1941"]) == ("day-month", True)
    assert date_order(["05/06/1994", "08/27/1941"]) == ("month-day", True)
    assert normalise(Kind.DATE, ["05/06/1994", "27/08/1941"]) == ["1994-06-05", "1941-08-27"]


def test_an_ambiguous_column_is_american_and_says_that_it_is_not_proven():
    assert date_order(["05/06/1994"]) == ("month-day", False)
