"""What changes in a life: homes, phones, last names, and for some children the family.

Rules:

- Times are years with a fraction. Whatever lasts (a home, a name) is held as its beginnings, so that any agency can
  ask for it at the time when it met the person.
- A household has up to four homes, a grown child up to three of its own. People of a household move together.
- Adoption gives a child a new last name and a new home; marriage gives some women, and a few men, a new last name.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from linkage.simulation.arrays import Flags, Floats, Ints
from linkage.simulation.families import CHILD, MOTHER
from linkage.simulation.family_names import Surnames
from linkage.simulation.names import FEMALE, NONE, SLAVIC, NameBook
from linkage.simulation.parameters import POVERTY_FACTOR, Years
from linkage.simulation.places import (
    ELSEWHERE,
    LAKESIDE,
    OUT_OF_STATE,
    RIVERBEND,
    Addresses,
    draw_addresses,
    draw_phones,
)
from linkage.simulation.population import Population

_HOUSEHOLD_HOMES, _OWN_HOMES = 4, 3
_REGION_SHARES = {LAKESIDE: 0.39, RIVERBEND: 0.25, ELSEWHERE: 0.32, OUT_OF_STATE: 0.04}
_MOVES_PER_YEAR = 0.075
_YOUNG_MOVES_PER_YEAR = 0.2
_STAYS_IN_REGION = 0.72
_KEEPS_PHONE = 0.8
#: Share of women who marry while they are young, and of men who take a wife's name.
_MARRIES, _MAN_TAKES_NAME, _HYPHENATES = 0.55, 0.03, 0.12
_MOTHER_REMARRIES = 0.06
_CHILD_WELFARE, _ADOPTED = 0.07, 0.15


@dataclass(frozen=True)
class ChildWelfareEpisodes:
    """When children came into care: ``start`` is infinite for those who never did."""

    start: Floats
    adopted: Flags


@dataclass(frozen=True)
class Lives:
    """The population with its homes and names over time."""

    people: Population
    care: ChildWelfareEpisodes
    homes: Addresses
    household_moves: Floats
    own_home: Ints
    own_moves: Floats
    later_surnames: Surnames
    surname_change: Floats
    own_phone: Ints

    def home(self, persons: Ints, time: Floats | float) -> Ints:
        """Return the position in ``homes`` of where each person lives at the time."""
        when = np.broadcast_to(np.asarray(time), len(persons))[:, None]
        household = self.people.household[persons]
        shared = household * _HOUSEHOLD_HOMES + (when >= self.household_moves[household]).sum(axis=1)
        own = self.own_home[persons]
        moves = (when >= self.own_moves[own]).sum(axis=1)
        result: Ints = np.where(
            (own >= 0) & (moves > 0),
            len(self.household_moves) * _HOUSEHOLD_HOMES + own * _OWN_HOMES + moves - 1,
            shared,
        )
        return result

    def region(self, persons: Ints, time: Floats | float) -> Ints:
        """Return the region where each person lives at the time."""
        return self.homes.region[self.home(persons, time)]

    def surnames(self, persons: Ints, time: Floats) -> Surnames:
        """Return the last names that people bear at the time."""
        later = time >= self.surname_change[persons]
        before, after = self.people.surnames.take(persons), self.later_surnames.take(persons)
        return Surnames(
            np.where(later, after.first, before.first),
            np.where(later, after.second, before.second),
            np.where(later, after.hyphen, before.hyphen),
        )


def live(people: Population, years: Years, book: NameBook, rng: np.random.Generator) -> Lives:
    """Draw the moves, marriages and adoptions of everyone."""
    birth = birth_time(people)
    care = _child_welfare(people, birth, rng)
    later, change = _name_changes(people, birth, care, years, book, rng)
    households = len(people.households.poor)
    start, span = years.first - 5.0, years.last - years.first + 6.0
    rate = _MOVES_PER_YEAR * np.where(people.households.poor, POVERTY_FACTOR, 1.0)
    household_moves = _moves(np.full(households, start), span, rate, _HOUSEHOLD_HOMES - 1, rng)

    leaves = np.where(people.role == CHILD, birth + 18.4 + rng.gamma(1.5, 2.5, size=people.size), np.inf)
    leaves = np.minimum(leaves, np.where(care.adopted, care.start + 1.5, np.inf))
    movers = np.flatnonzero(leaves < years.last + 1)
    own_home = np.full(people.size, NONE, dtype=np.int32)
    own_home[movers] = np.arange(len(movers))
    later_moves = _moves(leaves[movers], span, np.full(len(movers), _YOUNG_MOVES_PER_YEAR), _OWN_HOMES - 1, rng)
    # One row more, so that NONE (-1) finds a row of moves that never happen.
    own_moves = np.vstack([np.column_stack([leaves[movers], later_moves]), np.full((1, _OWN_HOMES), np.inf)])

    regions = _chain_of_regions(rng.choice(4, size=households, p=list(_REGION_SHARES.values())), 4, rng)
    childhood = regions[people.household[movers], 0]
    own_regions = _chain_of_regions(_next_region(childhood, rng), _OWN_HOMES, rng)
    homes = _with_kept_phones(
        draw_addresses(rng, np.concatenate([regions.ravel(), own_regions.ravel()])), households, rng
    )
    return Lives(
        people,
        care,
        homes,
        household_moves.astype(np.float32),
        own_home,
        own_moves.astype(np.float32),
        later,
        change,
        draw_phones(rng, people.size),
    )


def birth_time(people: Population) -> Floats:
    """Birth dates as years with a fraction."""
    time: Floats = 1970 + people.birth / 365.25
    return time


def _moves(start: Floats, span: float, rate: Floats, most: int, rng: np.random.Generator) -> Floats:
    """Draw the times of up to ``most`` moves after ``start``; infinite for moves that do not happen."""
    gaps = rng.exponential(1.0, size=(len(start), most)) / rate[:, None]
    times = start[:, None] + np.cumsum(gaps, axis=1)
    return np.where(times < start[:, None] + span, times, np.inf)


def _next_region(region: Ints, rng: np.random.Generator) -> Ints:
    drawn = rng.choice(4, size=len(region), p=list(_REGION_SHARES.values()))
    return np.where(rng.random(len(region)) < _STAYS_IN_REGION, region, drawn)


def _chain_of_regions(first: Ints, length: int, rng: np.random.Generator) -> Ints:
    chain = [first]
    while len(chain) < length:
        chain.append(_next_region(chain[-1], rng))
    return np.column_stack(chain)


def _with_kept_phones(homes: Addresses, households: int, rng: np.random.Generator) -> Addresses:
    """Let most households keep their phone number when they move."""
    phone = homes.phone.copy()
    block = phone[: households * _HOUSEHOLD_HOMES].reshape(households, _HOUSEHOLD_HOMES)
    for home in range(1, _HOUSEHOLD_HOMES):
        keeps = rng.random(households) < _KEEPS_PHONE
        block[keeps, home] = block[keeps, home - 1]
    return Addresses(homes.zip_index, homes.street, homes.number, homes.unit, phone)


def _child_welfare(people: Population, birth: Floats, rng: np.random.Generator) -> ChildWelfareEpisodes:
    share = _CHILD_WELFARE * np.where(people.poor, POVERTY_FACTOR, 0.4)
    in_care = (people.role == CHILD) & (rng.random(people.size) < share)
    start = np.where(in_care, birth + 17.0 * rng.beta(1.0, 1.4, size=people.size), np.inf)
    young = start < birth + 12
    return ChildWelfareEpisodes(start, in_care & young & (rng.random(people.size) < _ADOPTED))


def _name_changes(
    people: Population,
    birth: Floats,
    care: ChildWelfareEpisodes,
    years: Years,
    book: NameBook,
    rng: np.random.Generator,
) -> tuple[Surnames, Floats]:
    tradition = people.tradition
    takes = np.array([t.takes_name_at_marriage for t in book.traditions])[tradition]
    takes = np.where(people.sex == FEMALE, takes, _MAN_TAKES_NAME)
    marries = (people.role == CHILD) & (rng.random(people.size) < _MARRIES * takes)
    wedding = birth + 20 + rng.gamma(3.0, 2.0, size=people.size)
    remarries = (people.role == MOTHER) & (rng.random(people.size) < _MOTHER_REMARRIES)
    again = years.first + rng.random(people.size) * (years.last - years.first)
    change = np.where(marries, wedding, np.where(remarries, again, np.inf))
    change = np.where(care.adopted, care.start + 1.5, change)

    new = np.full(people.size, NONE, dtype=np.int32)
    for index, kind in enumerate(book.traditions):
        here = tradition == index
        new[here] = kind.surnames.draw(rng, int(here.sum()))
    new = np.where((people.sex == FEMALE) & (tradition == SLAVIC), book.lexicon.feminine[new], new)
    hyphen = marries & ~care.adopted & (rng.random(people.size) < _HYPHENATES) & (new != people.surnames.first)
    first = np.where(hyphen, people.surnames.first, new)
    second = np.where(hyphen, new, NONE)
    return Surnames(first, second, hyphen), change
