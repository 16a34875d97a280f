import math

import numpy as np
import pandas
import pytest

from linkage.simulation import parameters
from linkage.simulation.names import ENGLISH, SOMALI, name_book
from linkage.simulation.parameters import ERROR_KINDS, ERROR_MEANINGS, ErrorRates

RATES = {
    "early-learning": parameters.EARLY_LEARNING,
    "lakeside-district": parameters.LAKESIDE,
    "riverbend-district": parameters.RIVERBEND,
    "state-colleges": parameters.STATE_COLLEGES,
    "workforce": parameters.WORKFORCE,
    "child-welfare": parameters.CHILD_WELFARE,
    "public-health": parameters.VITAL_RECORDS,
}
BIRTH = {
    "early-learning": ("date_of_birth", "%m/%d/%Y"),
    "lakeside-district": ("BirthDate", "%Y-%m-%d"),
    "riverbend-district": ("DOB", "%m/%d/%Y"),
    "state-colleges": ("birth_date", "%Y%m%d"),
    "child-welfare": ("DOB", "%d-%b-%Y"),
    "public-health": ("date_of_birth", "%Y-%m-%d"),
}
BIRTH_ERRORS = {"birth_date_typo", "day_month_swapped", "birth_date_placeholder", "birth_date_missing"}
SEX = {
    "early-learning": ("gender", "girl"),
    "lakeside-district": ("BirthSex", "Female"),
    "riverbend-district": ("Gender", "F"),
    "state-colleges": ("sex", "F"),
    "child-welfare": ("Sex", "F"),
    "public-health": ("sex", "F"),
}
SSN = {
    "lakeside-district": "SocialSecurityNumber",
    "state-colleges": "ssn",
    "workforce": "SSN",
    "child-welfare": "SSN",
    "public-health": "ssn",
}
SSN_ERRORS = {"ssn_typo", "ssn_placeholder", "ssn_of_relative", "ssn_missing"}


def about(rate, count):
    """A rate, give or take five standard errors of a count."""
    return pytest.approx(rate, abs=5 * math.sqrt(rate * (1 - rate) / count) + 1 / count)


def having(errors, kind):
    return errors.map(lambda kinds: kind in kinds)


def test_every_kind_of_error_is_explained():
    assert tuple(ERROR_MEANINGS) == ERROR_KINDS


@pytest.mark.parametrize("name", RATES)
def test_every_kind_of_error_occurs_about_as_often_as_its_rate_and_the_group_factors_say(world, name):
    tallies = {tally.kind: tally for tally in world.agency(name).tallies}
    for kind in ERROR_KINDS:
        rate = getattr(RATES[name], kind)
        if rate == 0:
            assert kind not in tallies
            continue
        tally = tallies[kind]
        assert rate * tally.eligible <= tally.expected * 1.000001
        assert abs(tally.made - tally.expected) <= 5 * math.sqrt(tally.expected) + 1, kind


@pytest.mark.parametrize("name", RATES)
def test_the_truth_names_each_error_that_was_made(world, registers, name):
    named = registers[name].errors.explode().value_counts()
    for tally in world.agency(name).tallies:
        assert named.get(tally.kind, 0) == tally.made


def test_every_kind_of_error_occurs_somewhere(registers):
    assert set().union(*(kinds for table in registers.values() for kinds in table.errors)) == set(ERROR_KINDS)


@pytest.mark.parametrize("name", BIRTH)
def test_a_birth_date_is_wrong_in_the_rows_that_the_truth_names_and_in_no_other(registers, name):
    column, form = BIRTH[name]
    table = registers[name]
    written = pandas.to_datetime(table[column], format=form)
    assert ((written != table.true_birth) == table.errors.map(lambda kinds: bool(kinds & BIRTH_ERRORS))).all()

    rates = RATES[name]
    assert (written == pandas.Timestamp(1900, 1, 1)).mean() == about(rates.birth_date_placeholder, len(table))
    assert written.isna().mean() == about(rates.birth_date_missing, len(table))
    swapped = table[having(table.errors, "day_month_swapped")]
    day, month = swapped.true_birth.dt.day, swapped.true_birth.dt.month
    assert (written[swapped.index].dt.day == month).all()
    assert (written[swapped.index].dt.month == day).all()
    can = table.true_birth.dt.day.le(12) & (table.true_birth.dt.day != table.true_birth.dt.month)
    assert len(swapped) / can.sum() == about(rates.day_month_swapped, can.sum())


@pytest.mark.parametrize("name", SEX)
def test_the_sex_is_wrong_or_missing_at_its_rates(registers, name):
    column, female = SEX[name]
    table = registers[name]
    missing = table[column].isna()
    wrong = ~missing & ((table[column] == female) != table.true_female)
    assert missing.mean() == about(RATES[name].sex_missing, len(table))
    assert wrong.mean() == about(RATES[name].sex_wrong, len(table))
    assert (wrong == having(table.errors, "sex_wrong")).all()


@pytest.mark.parametrize("name", SSN)
def test_an_ssn_is_wrong_in_the_rows_that_the_truth_names_and_in_no_other(registers, name):
    table = registers[name]
    ssn = table[SSN[name]].str.replace("-", "")
    assert ((ssn != table.true_ssn) == table.errors.map(lambda kinds: bool(kinds & SSN_ERRORS))).all()
    known = ssn.notna().sum()
    placeholders = ssn.isin(["999999999", "123456789", "111111111"]).sum()
    assert placeholders / known == about(RATES[name].ssn_placeholder, known)
    assert ssn.isna().mean() == about(RATES[name].ssn_missing, len(table))


def test_an_ssn_of_a_relative_belongs_to_another_member_of_the_household(world, registers):
    people, table = world.population, registers["workforce"]
    borrowed = table[having(table.errors, "ssn_of_relative")]
    assert len(borrowed) > 5
    owner = {str(ssn): person for person, ssn in enumerate(people.ssn)}
    for ssn, person in zip(borrowed.SSN, borrowed.person, strict=True):
        assert owner[ssn] != person
        assert people.household[owner[ssn]] == people.household[person]


def test_names_without_an_error_are_the_names_of_the_person(world, registers):
    people, table = world.population, registers["lakeside-district"]
    clean = table[table.errors.map(lambda kinds: not kinds) & (people.second_given[table.person] < 0)]
    clean = clean[(people.surnames.second[clean.person] < 0) & (world.lives.surname_change[clean.person] > 2030)]
    assert len(clean) > 800
    text = name_book().lexicon.text
    assert (clean.FirstName == text[people.given[clean.person]]).all()
    assert (clean.LastSurname == text[people.surnames.first[clean.person]]).all()


def test_accents_are_gone_where_the_truth_says_so(registers):
    table = registers["lakeside-district"]
    names = table.FirstName + table.LastSurname
    lost = having(table.errors, "accents_lost")
    assert names[lost & ~table.errors.map(lambda kinds: bool(kinds & {"nickname"}))].map(str.isascii).all()
    assert (~names.map(str.isascii)).sum() > 300


def test_errors_in_names_are_more_frequent_for_the_groups_whose_factor_is_higher(world):
    def share(tradition, kind):
        hits = total = 0
        for agency in world.agencies:
            here = world.population.tradition[agency.persons] == tradition
            hits += sum(kind in errors.split() for errors in agency.errors[here])
            total += here.sum()
        return hits / total

    for kind in ("given_typo", "surname_typo"):
        assert 1.5 < share(SOMALI, kind) / share(ENGLISH, kind) < 3.3


def test_phones_and_addresses_of_poor_households_are_missing_more_often(world, registers):
    table = registers["lakeside-district"]
    missing = table.TelephoneNumber.isna()
    poor = world.population.poor[table.person]
    assert missing[poor].mean() == about(0.18, poor.sum())
    assert missing[~poor].mean() == about(0.10, (~poor).sum())


def test_a_register_without_rates_would_have_no_errors():
    assert all(getattr(ErrorRates(), kind) == 0 for kind in ERROR_KINDS)
    assert all(np.isfinite(getattr(rates, kind)) for rates in RATES.values() for kind in ERROR_KINDS)
