"""How families name their members: last names by tradition, juniors, twins, nicknames.

Rules:

- A child's last name follows its family's tradition (:mod:`linkage.simulation.names`); two-surname families give the
  first last name of each parent.
- Twins share their last name; their first names differ, and in a third of the pairs of one sex they sound alike.
- Children of one household never share a first name; a junior and his father share all of theirs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from linkage.simulation.arrays import Flags, Ints
from linkage.simulation.families import CHILD, FATHER, MOTHER, Families
from linkage.simulation.names import ENGLISH, FEMALE, MALE, NONE, SLAVIC, SOMALI, NameBook, Pool

#: Suffixes by code.
SUFFIXES = (None, "Jr", "Sr", "III")
JUNIOR, SENIOR, THIRD = 1, 2, 3

_SIMILAR_TWINS = 1 / 3


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
class FamilyNames:
    """Names of every person, as codes of the lexicon; ``suffix`` is a position in SUFFIXES."""

    given: Ints
    second_given: Ints
    middle: Ints
    surnames: Surnames
    suffix: Ints
    known_as: Ints


def name_families(families: Families, book: NameBook, rng: np.random.Generator) -> FamilyNames:
    """Draw the names of everyone."""
    given, second_given = _given_names(families, book, rng)
    parents = _parents_names(families, book, given, rng)
    middle = _middle_names(families, book, parents, rng)
    surnames = _surnames(families, book, parents, rng)
    suffix = np.zeros(len(families.household), dtype=np.int8)
    names = FamilyNames(given, second_given, middle, surnames, suffix, given)
    _name_juniors(families, book, names, rng)
    _name_twins(families, book, given, rng)
    _tell_siblings_apart(families, book, given, suffix, rng)
    return replace(names, known_as=_known_as(families, book, given, rng))


def _draw(pools: list[Pool], which: Ints, rng: np.random.Generator) -> Ints:
    """Draw a name for each person from the pool that ``which`` names."""
    result = np.full(len(which), NONE, dtype=np.int32)
    for index, pool in enumerate(pools):
        here = which == index
        result[here] = pool.draw(rng, int(here.sum()))
    return result


def _given_pools(book: NameBook) -> list[Pool]:
    return [pool for tradition in book.traditions for pool in tradition.given]


def _given_names(families: Families, book: NameBook, rng: np.random.Generator) -> tuple[Ints, Ints]:
    tradition = families.tradition
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


def _parents_names(families: Families, book: NameBook, given: Ints, rng: np.random.Generator) -> _Parents:
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


def _middle_names(families: Families, book: NameBook, parents: _Parents, rng: np.random.Generator) -> Ints:
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


def _surnames(families: Families, book: NameBook, parents: _Parents, rng: np.random.Generator) -> Surnames:
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
    families: Families,
    book: NameBook,
    names: FamilyNames,
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
    sons = sons[~families.multiple_birth[sons]]
    share = np.array([t.juniors for t in book.traditions])[families.households.tradition[household[sons]]]
    sons = sons[rng.random(len(sons)) < share]
    named_after = father_of[household[sons]]
    surnames = names.surnames
    for part in (names.given, names.second_given, names.middle, surnames.first, surnames.second, surnames.hyphen):
        part[sons] = part[named_after]
    third = rng.random(len(sons)) < 0.1
    names.suffix[sons] = np.where(third, THIRD, JUNIOR)
    names.suffix[named_after] = np.where(third, JUNIOR, SENIOR)


def _tell_siblings_apart(
    families: Families, book: NameBook, given: Ints, suffix: Ints, rng: np.random.Generator
) -> None:
    """Draw another first name for each child that shares its with another child or its father, until none does."""
    pools = _given_pools(book)
    which = families.tradition * 2 + families.sex
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


def _name_twins(families: Families, book: NameBook, given: Ints, rng: np.random.Generator) -> None:
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


def _known_as(families: Families, book: NameBook, given: Ints, rng: np.random.Generator) -> Ints:
    """Draw what each person is called instead of the first name: a nickname, or an English name, or nothing."""
    tradition = families.tradition
    result = np.full(len(given), NONE, dtype=np.int32)
    has_nickname = book.lexicon.nicknames.any_for(given)
    result[has_nickname] = book.lexicon.nicknames.draw(rng, given[has_nickname])
    share = np.array([t.english_name for t in book.traditions])[tradition]
    english = ~has_nickname & (rng.random(len(given)) < share)
    result[english] = _draw(list(book.traditions[ENGLISH].given), families.sex[english], rng)
    return result
