"""A whole consortium from two numbers, how many people and a seed.

Rules:

- The world is a pure function of people, seed and years: the same three give the same bytes, under the same versions
  of `faker` (lists of names) and `numpy` (streams of random numbers).
- Every part draws from a stream of its own, so that a change in one leaves the others as they were.
- The truth is kept apart from the exports: it names for every row of every register the person whom it is about.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from linkage.errors import InputError
from linkage.simulation.arrays import Ints, Texts, categorical, joined, zero_padded
from linkage.simulation.child_welfare import child_welfare
from linkage.simulation.colleges import state_colleges, studies
from linkage.simulation.districts import lakeside_district, riverbend_district
from linkage.simulation.early_learning import early_learning
from linkage.simulation.exports import Agency, Column, ExportedFile, text, whole, yes_no
from linkage.simulation.families import RACES
from linkage.simulation.lives import Lives, live
from linkage.simulation.names import name_book
from linkage.simulation.parameters import Years
from linkage.simulation.population import Population, build_population
from linkage.simulation.schooling import Careers, school_careers
from linkage.simulation.vital_records import vital_records
from linkage.simulation.workforce import workforce

FEWEST, MOST = 1_000, 1_000_000
DEFAULT_YEARS = Years()

#: Called before each phase with its name and the share of all work that is done, 0 to 1.
Progress = Callable[[str, float], None]


def silent(phase: str, done: float) -> None:
    """Report nothing."""


@dataclass(frozen=True)
class World:
    """A simulated consortium: the agencies' exports, the truth, and the people themselves with their careers."""

    people: int
    seed: int
    years: Years
    agencies: tuple[Agency, ...] = field(repr=False)
    truth: ExportedFile = field(repr=False)
    population: Population = field(repr=False)
    lives: Lives = field(repr=False)
    careers: Careers = field(repr=False)

    def agency(self, name: str) -> Agency:
        """Return the agency of that folder name."""
        return next(agency for agency in self.agencies if agency.name == name)


def simulate(people: int, seed: int, years: Years = DEFAULT_YEARS, progress: Progress = silent) -> World:
    """Simulate a consortium of ``people`` people over ``years``.

    Raises InputError if there are too few people to make a world of, or more than fit in memory.
    """
    if not FEWEST <= people <= MOST or seed < 0:
        raise InputError(
            "this world cannot be simulated",
            [f"asked for {people} people with seed {seed}"],
            f"ask for {FEWEST:,} to {MOST:,} people and a seed of 0 or more",
        )
    streams = iter(np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(11))
    progress("families, names and births", 0.0)
    book = name_book()
    population = build_population(people, years, book, next(streams))
    progress("homes, moves and marriages", 0.05)
    lives = live(population, years, book, next(streams))
    careers = school_careers(population, next(streams))
    study = studies(lives, careers, years, next(streams))
    progress("early learning", 0.1)
    preschool = early_learning(lives, careers, book, years, next(streams))
    progress("Lakeside district", 0.15)
    lakeside = lakeside_district(lives, careers, book, years, next(streams))
    progress("Riverbend district", 0.25)
    riverbend = riverbend_district(lives, careers, book, years, next(streams))
    progress("state colleges", 0.35)
    colleges = state_colleges(lives, study, book, years, next(streams))
    progress("workforce", 0.4)
    wages = workforce(lives, careers, study, book, years, next(streams))
    progress("child welfare", 0.6)
    care = child_welfare(lives, book, years, next(streams))
    progress("vital records", 0.62)
    health = vital_records(lives, book, years, next(streams))
    agencies = (preschool, lakeside, riverbend, colleges, wages, care, health)
    return World(people, seed, years, agencies, _truth(lives, agencies, years), population, lives, careers)


def _truth(lives: Lives, agencies: tuple[Agency, ...], years: Years) -> ExportedFile:
    """Name the person behind every row of every register."""
    people = lives.people
    persons = np.concatenate([agency.persons for agency in agencies])
    which = np.repeat(np.arange(len(agencies)), [len(agency.persons) for agency in agencies])
    ids = pa.concat_arrays([agency.register.column(agency.local_id) for agency in agencies])
    labels = [tradition.label for tradition in name_book().traditions]
    errors = np.concatenate([agency.errors for agency in agencies])
    moved = lives.home(persons, years.first - 0.3) != lives.home(persons, years.last + 0.4)
    renamed = (lives.surname_change[persons] > years.first - 1) & (lives.surname_change[persons] < years.last + 0.5)
    return ExportedFile(
        "truth.csv",
        "a row of a register and the person behind it",
        (
            Column("agency", categorical(which, [agency.name for agency in agencies]), "folder of the agency"),
            Column("local_id", ids, "the agency's own ID"),
            Column("person_id", text(_numbered("P", persons)), "the person"),
            Column("household_id", text(_numbered("H", people.household[persons])), "the household of birth"),
            Column("sex", categorical(people.sex[persons], ("F", "M")), "true sex"),
            Column("birth_year", whole(people.birth_year[persons]), "true year of birth"),
            Column("race_ethnicity", categorical(people.race[persons], RACES), "group, for results by subgroup"),
            Column("name_tradition", categorical(people.tradition[persons], labels), "origin of the family's names"),
            Column("english_learner", yes_no(people.english_learner[persons]), "ever learned English at school"),
            Column("economically_disadvantaged", yes_no(people.poor[persons]), "the household is poor"),
            Column("multiple_birth", yes_no(people.multiple_birth[persons]), "a twin or triplet"),
            Column("moved", yes_no(moved), "lived in more than one home within the years"),
            Column("renamed", yes_no(renamed), "took another last name within the years"),
            Column("errors", text(errors), "what is wrong or different in this row, blank between kinds"),
        ),
    )


def _numbered(letter: str, numbers: Ints) -> Texts:
    return joined(letter, zero_padded(numbers, 7))
