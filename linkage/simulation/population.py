"""Households and the people in them: births, families' names, twins, juniors, groups.

Rules:

- People of one household are neighbours in every array, mother first, then father, then children by age.
- Twins share birth date, last name and home; their first names differ, and in a third of the pairs they sound alike.
- Children of one household never share a first name; a junior and his father share all of theirs.
- A child's last name follows its family's tradition (:mod:`linkage.simulation.names`); two-surname families give the
  first last name of each parent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from linkage.simulation.arrays import Flags, Floats, Ints, distinct_numbers
from linkage.simulation.names import (
    ARABIC,
    CHINESE,
    ENGLISH,
    FEMALE,
    MALE,
    NONE,
    SLAVIC,
    SOMALI,
    SOUTH_ASIAN,
    SPANISH,
    VIETNAMESE,
    NameBook,
    Pool,
)
from linkage.simulation.parameters import Years

MOTHER, FATHER, CHILD = range(3)

#: Race and ethnicity as states report them, with each group's share of households and of naming traditions.
RACES = (
    "White", "Hispanic or Latino", "Black or African American", "Asian", "Two or More Races",
    "American Indian or Alaska Native", "Native Hawaiian or Other Pacific Islander",
)  # fmt: skip
_RACE_SHARES = (0.48, 0.26, 0.12, 0.08, 0.04, 0.012, 0.008)
_TRADITION_SHARES: tuple[tuple[tuple[int, float], ...], ...] = (
    ((ENGLISH, 0.91), (SLAVIC, 0.05), (ARABIC, 0.04)),
    ((SPANISH, 0.93), (ENGLISH, 0.07)),
    ((ENGLISH, 0.80), (SOMALI, 0.20)),
    ((VIETNAMESE, 0.27), (CHINESE, 0.30), (SOUTH_ASIAN, 0.36), (ENGLISH, 0.07)),
    ((ENGLISH, 0.80), (SPANISH, 0.20)),
    ((ENGLISH, 0.92), (SPANISH, 0.08)),
    ((ENGLISH, 1.0),),
)
_POVERTY_BY_RACE = np.array([0.30, 0.60, 0.60, 0.35, 0.42, 0.65, 0.55])

#: Suffixes by code.
SUFFIXES = (None, "Jr", "Sr", "III")
JUNIOR, SENIOR, THIRD = 1, 2, 3

_CHILDREN = (0.36, 0.38, 0.17, 0.06, 0.02, 0.01)
_TWIN_BIRTHS = 0.032
_SIMILAR_TWINS = 1 / 3
#: Share of families of some traditions whose papers say 1 January, as refugees' papers often do.
_FIRST_OF_JANUARY = {SOMALI: 0.15, ARABIC: 0.08, VIETNAMESE: 0.03}


@dataclass(frozen=True)
class Households:
    """What the members of a household share."""

    tradition: Ints
    race: Ints
    poor: Flags


@dataclass(frozen=True)
class Surnames:
    """Last names: one, or two with a blank or a hyphen between."""

    first: Ints
    second: Ints
    hyphen: Flags

    def take(self, which: Ints) -> Surnames:
        """Return the last names of the people at the given positions."""
        return Surnames(self.first[which], self.second[which], self.hyphen[which])


@dataclass(frozen=True)
class Population:
    """Every person of the world, by position; names are codes of the lexicon, dates are days since 1970-01-01."""

    households: Households
    household: Ints
    role: Ints
    sex: Ints
    birth: Ints
    multiple_birth: Flags
    given: Ints
    second_given: Ints
    middle: Ints
    surnames: Surnames
    suffix: Ints
    known_as: Ints
    english_learner: Flags
    ability: Floats
    ssn: Ints
    state_id: Ints

    @property
    def size(self) -> int:
        """Number of people."""
        return len(self.household)

    @property
    def tradition(self) -> Ints:
        """Naming tradition of each person."""
        return self.households.tradition[self.household]

    @property
    def race(self) -> Ints:
        """Race and ethnicity of each person, as a position in RACES."""
        return self.households.race[self.household]

    @property
    def poor(self) -> Flags:
        """Whether the person's household is poor."""
        poor: Flags = self.households.poor[self.household]
        return poor

    @property
    def birth_year(self) -> Ints:
        """Calendar year of birth."""
        return 1970 + self.birth.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64)


@dataclass(frozen=True)
class _Families:
    """Who lives where: the frame into which names are written."""

    households: Households
    household: Ints
    role: Ints
    sex: Ints
    birth: Ints
    twin_of_previous: Flags


def build_population(people: int, years: Years, book: NameBook, rng: np.random.Generator) -> Population:
    """Draw ``people`` people in households."""
    families = _families(people, years, rng)
    given, second_given = _given_names(families, book, rng)
    parents = _parents_names(families, book, given, rng)
    middle = _middle_names(families, book, parents, rng)
    surnames = _surnames(families, book, parents, rng)
    suffix = np.zeros(people, dtype=np.int8)
    _name_juniors(families, book, given, second_given, middle, surnames, suffix, rng)
    _name_twins(families, book, given, rng)
    _tell_siblings_apart(families, book, given, suffix, rng)
    tradition = families.households.tradition[families.household]
    learner_share = np.array([t.english_learner for t in book.traditions])[tradition]
    household_ability = rng.normal(size=len(families.households.poor))[families.household]
    return Population(
        families.households,
        families.household,
        families.role,
        families.sex,
        families.birth,
        _multiple_births(families),
        given,
        second_given,
        middle,
        surnames,
        suffix,
        _known_as(families, book, given, rng),
        (rng.random(people) < learner_share) & (families.role == CHILD),
        (0.6 * household_ability + 0.8 * rng.normal(size=people)).astype(np.float32),
        _ssns(people, rng),
        distinct_numbers(rng, people, 1_000_000_000, 10_000_000_000),
    )


def _ssns(people: int, rng: np.random.Generator) -> Ints:
    """Draw SSNs that look ordinary, in the areas (773-899) of which none was issued before June 2011."""
    serials = distinct_numbers(rng, people, 0, (900 - 773) * 99 * 9999)
    area, rest = np.divmod(serials, 99 * 9999)
    group, serial = np.divmod(rest, 9999)
    numbers: Ints = (773 + area) * 1_000_000 + (group + 1) * 10_000 + serial + 1
    return numbers


def _families(people: int, years: Years, rng: np.random.Generator) -> _Families:
    # Every household has at least two members, so that people / 2 households are enough.
    count = people // 2 + 1
    children = rng.choice(np.arange(1, len(_CHILDREN) + 1), size=count, p=_CHILDREN)
    father = rng.random(count) < 0.74
    mother = ~father | (rng.random(count) < 0.95)
    members = children + father + mother
    # The last household loses the members that would be too many.
    count = int(np.searchsorted(np.cumsum(members), people)) + 1
    members, children = members[:count], children[:count]
    household = np.repeat(np.arange(count, dtype=np.int32), members)[:people]
    starts = np.concatenate([[0], np.cumsum(members)[:-1]])
    position = np.arange(people) - starts[household]
    has_mother, has_father = mother[household], father[household]
    role = np.where(
        has_mother & (position == 0), MOTHER, np.where(has_father & (position == has_mother), FATHER, CHILD)
    ).astype(np.int8)
    child = role == CHILD
    sex = np.where(child, rng.random(people) < 0.512, role == FATHER).astype(np.int8)

    race = rng.choice(len(RACES), size=count, p=_RACE_SHARES).astype(np.int8)
    tradition = np.zeros(count, dtype=np.int8)
    for group, shares in enumerate(_TRADITION_SHARES):
        here = race == group
        tradition[here] = rng.choice([t for t, _ in shares], size=int(here.sum()), p=[s for _, s in shares])
    poor = rng.random(count) < _POVERTY_BY_RACE[race]
    households = Households(tradition, race, poor)

    first_child = child & (position == has_mother.astype(np.int64) + has_father)
    twin = child & ~first_child & (rng.random(people) < _TWIN_BIRTHS)
    birth = _birth_dates(households, household, child, first_child, twin, years, rng)
    parents_age = np.clip(rng.normal(27, 5.5, size=count), 17, 42)
    eldest = np.full(count, np.iinfo(np.int64).max)
    np.minimum.at(eldest, household[child], birth[child])
    older = np.where(role == FATHER, np.maximum(rng.normal(2, 3, size=people), 17 - parents_age[household]), 0.0)
    adult_birth = eldest[household] - ((parents_age[household] + older) * 365.25).astype(np.int64)
    birth = np.where(child, birth, adult_birth - rng.integers(0, 365, size=people))
    return _Families(households, household, role, sex, birth.astype(np.int32), twin)


def _birth_dates(
    households: Households,
    household: Ints,
    child: Flags,
    first_child: Flags,
    twin: Flags,
    years: Years,
    rng: np.random.Generator,
) -> Ints:
    """Days since 1970 on which children were born: siblings eleven months or more apart, twins on one day."""
    people = len(household)
    gap = np.where(child & ~first_child & ~twin, 335 + rng.gamma(2.0, 380.0, size=people), 0.0).astype(np.int64)
    since_eldest = np.cumsum(gap)
    since_eldest -= np.repeat(since_eldest[np.flatnonzero(np.diff(household, prepend=-1))], np.bincount(household))
    span = np.zeros(len(households.race), dtype=np.int64)
    np.maximum.at(span, household, since_eldest)
    # Children are of an age to be known to an agency in the world's years: 3 at its end, 22 at its beginning.
    earliest, latest = ((year - 1970) * 365.25 for year in (years.first - 22, years.last - 3))
    start = earliest + rng.random(len(span)) * np.maximum(latest - earliest - span, 365)
    birth = (start[household] + since_eldest).astype(np.int64)

    share = np.zeros(max(households.tradition.max(initial=0), *_FIRST_OF_JANUARY) + 1)
    for tradition, of_families in _FIRST_OF_JANUARY.items():
        share[tradition] = of_families
    on_paper = (rng.random(len(span)) < share[households.tradition])[household]
    year = birth.astype("datetime64[D]").astype("datetime64[Y]")
    same_year = (year[1:] == year[:-1]) & (household[1:] == household[:-1])
    alone = ~(np.append(same_year, False) | np.append(False, same_year))
    new_year: Ints = year.astype("datetime64[D]").astype(np.int64)
    return np.where(on_paper & alone, new_year, birth)


def _multiple_births(families: _Families) -> Flags:
    twin = families.twin_of_previous
    either: Flags = twin | np.append(twin[1:], False)
    return either


def _draw(pools: list[Pool], which: Ints, rng: np.random.Generator) -> Ints:
    """Draw a name for each person from the pool that ``which`` names."""
    result = np.full(len(which), NONE, dtype=np.int32)
    for index, pool in enumerate(pools):
        here = which == index
        result[here] = pool.draw(rng, int(here.sum()))
    return result


def _given_pools(book: NameBook) -> list[Pool]:
    return [pool for tradition in book.traditions for pool in tradition.given]


def _given_names(families: _Families, book: NameBook, rng: np.random.Generator) -> tuple[Ints, Ints]:
    tradition = families.households.tradition[families.household]
    which = tradition * 2 + families.sex
    given = _draw(_given_pools(book), which, rng)
    second = _draw(_given_pools(book), which, rng)
    share = np.array([t.second_given for t in book.traditions])[tradition]
    second[(rng.random(len(second)) >= share) | (second == given)] = NONE
    return given, second


@dataclass(frozen=True)
class _Parents:
    """Names of a household's parents, present or not."""

    father_given: Ints
    father_middle: Ints
    father: Surnames
    mother: Surnames
    mother_took_name: Flags
    child_bears_mothers: Flags
    child_bears_both: Flags


def _parents_names(families: _Families, book: NameBook, given: Ints, rng: np.random.Generator) -> _Parents:
    tradition = families.households.tradition
    count = len(tradition)
    surname_pools = [t.surnames for t in book.traditions]
    two = np.array([t.two_surnames for t in book.traditions])[tradition] & (rng.random(count) < 0.85)
    surnames = []
    for _ in (FATHER, MOTHER):
        first = _draw(surname_pools, tradition, rng)
        second = np.where(two, _draw(surname_pools, tradition, rng), NONE)
        surnames.append(Surnames(first, second, np.zeros(count, dtype=np.bool_)))
    father_given = _draw(_given_pools(book), tradition * 2 + MALE, rng)
    fathers = families.role == FATHER
    father_given[families.household[fathers]] = given[fathers]
    father_middle = _draw([t.middle[MALE] for t in book.traditions], tradition, rng)
    takes = np.array([t.takes_name_at_marriage for t in book.traditions])[tradition]
    has_father = np.zeros(count, dtype=np.bool_)
    has_father[families.household[fathers]] = True
    both = (tradition == ENGLISH) & (rng.random(count) < 0.07)
    return _Parents(
        father_given,
        father_middle,
        surnames[0],
        surnames[1],
        (rng.random(count) < np.where(has_father, takes, takes * 0.4)),
        ~has_father & (rng.random(count) < 0.55) & (tradition != SOMALI),
        both,
    )


def _middle_names(families: _Families, book: NameBook, parents: _Parents, rng: np.random.Generator) -> Ints:
    household = families.household
    tradition = families.households.tradition[household]
    pools = [pool for t in book.traditions for pool in t.middle]
    middle = _draw(pools, tradition * 2 + families.sex, rng)
    of_father = np.array([t.middle_of == "father" for t in book.traditions])[tradition]
    child = families.role == CHILD
    middle = np.where(of_father & child, parents.father_given[household], middle)
    middle = np.where(families.role == FATHER, parents.father_middle[household], middle)
    share = np.array([t.middle_share for t in book.traditions])[tradition]
    middle[rng.random(len(middle)) >= share] = NONE
    return middle


def _surnames(families: _Families, book: NameBook, parents: _Parents, rng: np.random.Generator) -> Surnames:
    household = families.household
    tradition = families.households.tradition[household]
    people = len(household)
    child, is_mother = families.role == CHILD, families.role == MOTHER
    father, mother = parents.father.take(household), parents.mother.take(household)
    took = parents.mother_took_name[household]
    first = np.where((child & parents.child_bears_mothers[household]) | (is_mother & ~took), mother.first, father.first)
    second = np.where(is_mother, np.where(took, NONE, mother.second), np.where(father.second >= 0, mother.first, NONE))
    second = np.where(families.role == FATHER, father.second, second)
    both = parents.child_bears_both[household] & child
    first, second = np.where(both, father.first, first), np.where(both, mother.first, second)
    # Somali children bear their father's and grandfather's first names.
    lineage = np.array([t.surname_of == "grandfather" for t in book.traditions])[tradition]
    first = np.where(lineage & child, parents.father_middle[household], first)
    # A child of an earlier marriage bears another name, and so does its twin.
    step = child & (rng.random(people) < 0.05) & ~lineage
    earlier = _draw([t.surnames for t in book.traditions], tradition, rng)
    first_of_birth = np.maximum.accumulate(np.where(families.twin_of_previous, 0, np.arange(people)))
    step, earlier = step[first_of_birth], earlier[first_of_birth]
    first, second = np.where(step, earlier, first), np.where(step, NONE, second)
    first = np.where((families.sex == FEMALE) & (tradition == SLAVIC), book.lexicon.feminine[first], first)
    second = np.where(second == first, NONE, second)
    return Surnames(first.astype(np.int32), second.astype(np.int32), both & ~step & (second >= 0))


def _name_juniors(
    families: _Families,
    book: NameBook,
    given: Ints,
    second_given: Ints,
    middle: Ints,
    surnames: Surnames,
    suffix: Ints,
    rng: np.random.Generator,
) -> None:
    """Write the father's names and suffixes into the arrays of fathers and of the sons named after them."""
    household = families.household
    father_of = np.full(len(families.households.race), -1)
    fathers = np.flatnonzero(families.role == FATHER)
    father_of[household[fathers]] = fathers
    sons = np.flatnonzero((families.role == CHILD) & (families.sex == MALE) & (father_of[household] >= 0))
    # The eldest son, that is, the first of his household, unless he is a twin.
    sons = sons[np.diff(household[sons], prepend=-1) > 0]
    sons = sons[~_multiple_births(families)[sons]]
    share = np.array([t.juniors for t in book.traditions])[families.households.tradition[household[sons]]]
    sons = sons[rng.random(len(sons)) < share]
    named_after = father_of[household[sons]]
    for names in (given, second_given, middle, surnames.first, surnames.second, surnames.hyphen):
        names[sons] = names[named_after]
    third = rng.random(len(sons)) < 0.1
    suffix[sons] = np.where(third, THIRD, JUNIOR)
    suffix[named_after] = np.where(third, JUNIOR, SENIOR)


def _tell_siblings_apart(
    families: _Families, book: NameBook, given: Ints, suffix: Ints, rng: np.random.Generator
) -> None:
    """Draw another first name for each child that shares its with another child or its father, until none does."""
    pools = _given_pools(book)
    which = families.households.tradition[families.household] * 2 + families.sex
    may_share = (families.role != CHILD) | np.isin(suffix, [JUNIOR, THIRD])
    while True:
        key = families.household.astype(np.int64) * len(book.lexicon.text) + given
        # Those who keep their names come first among equals.
        order = np.lexsort((~may_share, key))
        same = key[order][1:] == key[order][:-1]
        again = order[1:][same & ~may_share[order][1:]]
        if not len(again):
            return
        given[again] = _draw(pools, which[again], rng)


def _name_twins(families: _Families, book: NameBook, given: Ints, rng: np.random.Generator) -> None:
    """Give a third of the pairs of twins of one sex first names that look alike."""
    twins = np.flatnonzero(families.twin_of_previous)
    elder = twins - 1
    alike = (rng.random(len(twins)) < _SIMILAR_TWINS) & (families.sex[twins] == families.sex[elder])
    pools = _given_pools(book)
    found: dict[tuple[int, int], int] = {}
    for twin, first in zip(twins[alike].tolist(), elder[alike].tolist(), strict=True):
        pool = int(families.households.tradition[families.household[twin]]) * 2 + int(families.sex[twin])
        key = (pool, int(given[first]))
        if key not in found:
            found[key] = book.similar(key[1], pools[pool])
        given[twin] = found[key]


def _known_as(families: _Families, book: NameBook, given: Ints, rng: np.random.Generator) -> Ints:
    """Draw what each person is called instead of the first name: a nickname, or an English name, or nothing."""
    tradition = families.households.tradition[families.household]
    result = np.full(len(given), NONE, dtype=np.int32)
    has_nickname = book.lexicon.nicknames.any_for(given)
    result[has_nickname] = book.lexicon.nicknames.draw(rng, given[has_nickname])
    share = np.array([t.english_name for t in book.traditions])[tradition]
    english = ~has_nickname & (rng.random(len(given)) < share)
    result[english] = _draw(list(book.traditions[ENGLISH].given), families.sex[english], rng)
    return result
