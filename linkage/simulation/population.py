"""The people of a world: families with their names, numbers and abilities, by position."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from linkage.simulation.arrays import Flags, Floats, Ints, distinct_numbers
from linkage.simulation.families import CHILD, Households, draw_families
from linkage.simulation.family_names import Surnames, name_families
from linkage.simulation.names import NameBook
from linkage.simulation.parameters import Years


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


def build_population(people: int, years: Years, book: NameBook, rng: np.random.Generator) -> Population:
    """Draw ``people`` people in households."""
    families = draw_families(people, years, rng)
    names = name_families(families, book, rng)
    learner_share = np.array([t.english_learner for t in book.traditions])[families.tradition]
    household_ability = rng.normal(size=len(families.households.poor))[families.household]
    return Population(
        families.households,
        families.household,
        families.role,
        families.sex,
        families.birth,
        families.multiple_birth,
        names.given,
        names.second_given,
        names.middle,
        names.surnames,
        names.suffix,
        names.known_as,
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
