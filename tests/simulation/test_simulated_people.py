import numpy as np
import pytest

from linkage.simulation.families import CHILD, FATHER, MOTHER
from linkage.simulation.family_names import JUNIOR, THIRD
from linkage.simulation.names import FEMALE, MALE, SOMALI, SPANISH, name_book


@pytest.fixture(scope="module")
def people(world):
    return world.population


def second_of(pairs):
    """Positions of the second of each two people who stand side by side and are a pair."""
    return np.flatnonzero(pairs) + 1


def test_the_world_has_exactly_as_many_people_as_asked_for(people):
    assert people.size == 30_000


def test_people_of_a_household_stand_together_parents_first_and_children_by_age(people):
    assert (np.diff(people.household) >= 0).all()
    same = people.household[1:] == people.household[:-1]
    assert (people.role[1:][same] >= people.role[:-1][same]).all()
    children = same & (people.role[:-1] == CHILD)
    birth = people.birth.astype(np.int64)
    assert (np.diff(birth)[children] >= 0).all()


def test_siblings_are_born_on_one_day_or_more_than_ten_months_apart_but_for_papers_that_say_new_year(people):
    same = (people.household[1:] == people.household[:-1]) & (people.role[:-1] == CHILD)
    gap = np.diff(people.birth)[same]
    first_of_january = people.birth.astype("datetime64[D]").astype("datetime64[Y]").astype("datetime64[D]")
    papers = (people.birth.astype("datetime64[D]") == first_of_january)[1:][same]
    assert ((gap == 0) | (gap > 300) | papers | np.roll(papers, 1)).all()


def test_parents_were_grown_up_when_their_children_were_born(people):
    for parent in (MOTHER, FATHER):
        of_household = np.full(people.household.max() + 1, np.nan)
        adults = people.role == parent
        of_household[people.household[adults]] = people.birth[adults]
        age = (people.birth - of_household[people.household])[people.role == CHILD] / 365.25
        assert np.nanmin(age) > 15


def test_about_three_children_in_a_hundred_are_twins_who_share_birth_date_household_and_last_name(people):
    children = people.role == CHILD
    assert people.multiple_birth[children].mean() == pytest.approx(0.032, abs=0.006)
    assert not people.multiple_birth[~children].any()
    both = people.multiple_birth[1:] & people.multiple_birth[:-1] & (people.household[1:] == people.household[:-1])
    second = second_of(both & (people.birth[1:] == people.birth[:-1]))
    assert len(second) > 150
    juniors = np.isin(people.suffix[second], [JUNIOR, THIRD]) | np.isin(people.suffix[second - 1], [JUNIOR, THIRD])
    assert not juniors.any()
    for twin in second:
        plain = name_book().lexicon.plain
        names = {plain[people.surnames.first[twin]], plain[people.surnames.first[twin - 1]]}
        # Brother and sister of a Slavic family: Ivanov and Ivanova.
        assert len(names) == 1 or len({name[:4] for name in names}) == 1
        assert people.given[twin] != people.given[twin - 1]


def test_everyone_who_was_born_with_a_sibling_is_marked_and_no_one_else(people):
    same_day = (people.household[1:] == people.household[:-1]) & (people.birth[1:] == people.birth[:-1])
    same_day &= (people.role[1:] == CHILD) & (people.role[:-1] == CHILD)
    assert ((np.append(same_day, False) | np.append(False, same_day)) == people.multiple_birth).all()


def test_some_twins_have_names_that_look_alike(people):
    plain = name_book().lexicon.plain
    twins = second_of((people.birth[1:] == people.birth[:-1]) & (people.household[1:] == people.household[:-1]))
    initials = np.array([plain[people.given[t]][0] == plain[people.given[t - 1]][0] for t in twins])
    assert 0.15 < initials.mean() < 0.5


def test_no_two_children_of_a_household_have_the_same_first_name(people):
    children = people.role == CHILD
    pairs = people.household[children].astype(np.int64) * 100_000 + people.given[children]
    assert len(np.unique(pairs)) == children.sum()


def test_juniors_bear_all_of_their_fathers_names(people):
    sons = np.flatnonzero(np.isin(people.suffix, [JUNIOR, THIRD]) & (people.role == CHILD))
    assert len(sons) > 60
    fathers = people.role == FATHER
    father_of = np.full(people.household.max() + 1, -1)
    father_of[people.household[fathers]] = np.flatnonzero(fathers)
    father = father_of[people.household[sons]]
    assert (people.sex[sons] == MALE).all()
    for names in (people.given, people.second_given, people.middle, people.surnames.first, people.surnames.second):
        assert (names[sons] == names[father]).all()


def test_spanish_families_give_two_last_names_one_from_each_parent(people):
    spanish = people.tradition == SPANISH
    assert (people.surnames.second[spanish & (people.role == CHILD)] >= 0).mean() > 0.6
    mother_of = np.full(people.household.max() + 1, -1)
    mothers = np.flatnonzero(people.role == MOTHER)
    mother_of[people.household[mothers]] = mothers
    children = np.flatnonzero(spanish & (people.role == CHILD) & (people.surnames.second >= 0) & (people.suffix == 0))
    mother = mother_of[people.household[children]]
    kept = (mother >= 0) & (people.surnames.second[mother] >= 0)
    assert (people.surnames.second[children[kept]] == people.surnames.first[mother[kept]]).mean() > 0.9


def test_somali_children_bear_their_fathers_and_grandfathers_names(people):
    fathers = np.flatnonzero((people.role == FATHER) & (people.tradition == SOMALI) & (people.middle >= 0))
    father_of = np.full(people.household.max() + 1, -1)
    father_of[people.household[fathers]] = fathers
    children = np.flatnonzero((people.role == CHILD) & (people.tradition == SOMALI))
    father = father_of[people.household[children]]
    children, father = children[father >= 0], father[father >= 0]
    assert (people.middle[children] == people.given[father]).all()
    assert (people.surnames.first[children] == people.middle[father]).all()


def test_ssns_look_ordinary_and_are_distinct_as_are_state_ids(people):
    assert len(np.unique(people.ssn)) == len(np.unique(people.state_id)) == people.size
    area, group, serial = people.ssn // 1_000_000, people.ssn // 10_000 % 100, people.ssn % 10_000
    assert ((area >= 773) & (area <= 899) & (group > 0) & (serial > 0)).all()


def test_people_move_marry_and_are_adopted(world):
    lives, people = world.lives, world.population
    everyone = np.arange(people.size)
    moved = lives.home(everyone, 2016.0) != lives.home(everyone, 2026.0)
    assert moved[~people.poor].mean() < moved[people.poor].mean() < 0.95
    same = (people.household[1:] == people.household[:-1]) & (people.role[1:] != CHILD) & (people.role[:-1] != CHILD)
    home = lives.home(everyone, 2020.0)
    assert (home[1:][same] == home[:-1][same]).all()
    changed = lives.surname_change < 2026
    assert 0.005 < changed[people.sex == FEMALE].mean() < 0.5
    adopted = lives.care.adopted
    assert adopted.sum() > 20
    assert (lives.later_surnames.first != people.surnames.first)[adopted].mean() > 0.9
