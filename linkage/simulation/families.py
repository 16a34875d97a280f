"""Households: who lives with whom, of which group, and when the children were born.

Rules:

- People of one household are neighbours in every array, mother first, then father, then children by age.
- Twins share their birth date; other siblings are born eleven months apart or more.
- Some families of refugees have papers that say 1 January; their children's birth dates are right and not unique.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from linkage.simulation.arrays import Flags, Ints
from linkage.simulation.names import ARABIC, CHINESE, ENGLISH, SLAVIC, SOMALI, SOUTH_ASIAN, SPANISH, VIETNAMESE
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

_CHILDREN = (0.36, 0.38, 0.17, 0.06, 0.02, 0.01)
_TWIN_BIRTHS = 0.032
#: Share of families of some traditions whose papers say 1 January, as refugees' papers often do.
_FIRST_OF_JANUARY = {SOMALI: 0.15, ARABIC: 0.08, VIETNAMESE: 0.03}


@dataclass(frozen=True)
class Households:
    """What the members of a household share."""

    tradition: Ints
    race: Ints
    poor: Flags


@dataclass(frozen=True)
class Families:
    """Who lives where: the frame into which names are put."""

    households: Households
    household: Ints
    role: Ints
    sex: Ints
    birth: Ints
    twin_of_previous: Flags

    @property
    def tradition(self) -> Ints:
        """Naming tradition of each person."""
        return self.households.tradition[self.household]

    @property
    def multiple_birth(self) -> Flags:
        """Whether the person is one of twins or triplets."""
        either: Flags = self.twin_of_previous | np.append(self.twin_of_previous[1:], False)
        return either


def draw_families(people: int, years: Years, rng: np.random.Generator) -> Families:
    """Draw households until they hold ``people`` people."""
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
    return Families(households, household, role, sex, birth.astype(np.int32), twin)


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
