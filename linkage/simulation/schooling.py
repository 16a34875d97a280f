"""School careers: who is in which grade and district in which year, and how school ends.

Rules:

- School years are named by the year in which they end. Kindergarten begins in the autumn after the fifth birthday
  (by 1 September), a few start a year late and a few repeat one grade.
- A child attends the district of its home; a move in the middle of a year makes a record in both districts.
- The cohort year is that of ESEA section 8101(25): the year in which a first-time ninth grader would graduate in four.
- Ability and poverty bear on attendance, scores and graduation. The sizes of these effects are parameters of a made-up
  world and say nothing about any group.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from linkage.simulation.arrays import Flags, Floats, Ints
from linkage.simulation.families import CHILD
from linkage.simulation.lives import Lives
from linkage.simulation.population import Population

#: How school ends.
DIPLOMA, OTHER_CREDENTIAL, DROPPED_OUT, NO_CREDENTIAL = range(4)
_KINDERGARTEN_LATE, _REPEATS, _PUBLIC = 0.04, 0.05, 0.91
#: The year without state tests.
UNTESTED_YEAR = 2020


@dataclass(frozen=True)
class Careers:
    """School careers of every person; adults have none (``child`` is False)."""

    child: Flags
    first_year: Ints
    repeated_grade: Ints
    fifth_year: Flags
    final_year: Ints
    outcome: Ints
    public: Flags
    absence: Floats
    english_until_grade: Ints
    disability: Flags

    def grade(self, persons: Ints, year: int) -> Ints:
        """Return the grade in a school year: 0 is kindergarten, below 0 or above 12 is not at school."""
        grade = year - self.first_year[persons]
        repeated = self.repeated_grade[persons]
        grade = grade - ((repeated >= 0) & (grade > repeated))
        return np.where(self.fifth_year[persons] & (grade == 13), 12, grade)

    def attends(self, persons: Ints, year: int) -> Flags:
        """Tell who attends a public school in a school year."""
        grade = self.grade(persons, year)
        result: Flags = (
            self.child[persons]
            & self.public[persons]
            & (grade >= 0)
            & (grade <= 12)
            & (year <= self.final_year[persons])
        )
        return result

    @property
    def cohort_year(self) -> Ints:
        """School year in which a first-time ninth grader is to graduate within four years."""
        early = (self.repeated_grade >= 0) & (self.repeated_grade < 9)
        return self.first_year + 12 + early


def school_careers(people: Population, rng: np.random.Generator) -> Careers:
    """Draw everyone's way through school."""
    count = people.size
    birth = people.birth.astype("datetime64[D]")
    after_september = (birth.astype("datetime64[M]").astype(np.int64) % 12) >= 8
    late = rng.random(count) < _KINDERGARTEN_LATE
    first_year = people.birth_year + 6 + (after_september | late)
    repeated = np.where(rng.random(count) < _REPEATS, rng.choice([0, 1, 2, 5, 8, 9, 9, 9], size=count), -1)

    merit = people.ability - 0.6 * people.poor - 0.3 * (repeated >= 0) + rng.normal(size=count)
    # Six in seven graduate on time; of the others, some later, some with another credential, some not at all.
    on_time = merit > -1.75
    other = rng.choice(4, size=count, p=[0.28, 0.16, 0.44, 0.12])
    outcome = np.where(on_time, DIPLOMA, other)
    fifth_year = ~on_time & (outcome == DIPLOMA)
    twelfth = first_year + 12 + (repeated >= 0)
    leaves_in_grade = rng.choice([9, 10, 11, 12], size=count, p=[0.15, 0.25, 0.35, 0.25])
    final = np.where(outcome == DROPPED_OUT, twelfth - 12 + leaves_in_grade, twelfth + fifth_year)
    absence = np.clip(rng.beta(1.3, 22, size=count) + 0.025 * people.poor - 0.006 * people.ability, 0.003, 0.6)
    return Careers(
        people.role == CHILD,
        first_year.astype(np.int32),
        repeated.astype(np.int8),
        fifth_year,
        final.astype(np.int32),
        outcome.astype(np.int8),
        rng.random(count) < _PUBLIC,
        absence.astype(np.float32),
        np.where(people.english_learner, rng.integers(2, 12, size=count), -1).astype(np.int8),
        rng.random(count) < 0.14,
    )


@dataclass(frozen=True)
class Enrollment:
    """One district's enrolments, one per person and school year, by year and then by person."""

    persons: Ints
    year: Ints
    in_autumn: Flags
    in_spring: Flags
    home: Ints
    region_after: Ints


def district_enrollment(lives: Lives, careers: Careers, region: int, years: range) -> Enrollment:
    """Find who attends the public schools of a region, year by year."""
    children = np.flatnonzero(careers.child)
    parts = []
    for year in years:
        pupils = children[careers.attends(children, year)]
        autumn_home, spring_home = lives.home(pupils, year - 0.3), lives.home(pupils, year + 0.2)
        regions = lives.homes.region
        in_autumn, in_spring = regions[autumn_home] == region, regions[spring_home] == region
        here = in_autumn | in_spring
        region_after = np.where(in_spring, lives.region(pupils, year + 0.7), regions[spring_home])
        parts.append(
            Enrollment(
                pupils[here],
                np.full(int(here.sum()), year, dtype=np.int32),
                in_autumn[here],
                in_spring[here],
                np.where(in_autumn, autumn_home, spring_home)[here],
                region_after[here],
            )
        )
    names = Enrollment.__dataclass_fields__
    return Enrollment(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))
