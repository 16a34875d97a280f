"""Vital records: the birth certificates of children born in the state.

Rules:

- A child is registered once, in the days after birth, under the name and the home of that day: whoever was adopted or
  married since has another name everywhere else. A child born elsewhere is not in the register.
- Weight follows from length of gestation; twins and triplets come earlier. Poverty and later ability bear on weight a
  little. These effects are parameters of a made-up world and say nothing about any group.
"""

from __future__ import annotations

import numpy as np

from linkage.simulation.arrays import Flags, Floats, Ints
from linkage.simulation.exports import (
    Agency,
    Column,
    ExportedFile,
    dates,
    local_ids,
    sexes,
    text,
    whole,
    with_dashes,
)
from linkage.simulation.families import CHILD
from linkage.simulation.lives import Lives, birth_time
from linkage.simulation.names import NameBook
from linkage.simulation.observation import Manner, Meetings, observe
from linkage.simulation.parameters import VITAL_RECORDS, Years
from linkage.simulation.places import OUT_OF_STATE

#: Children born this many years before the first school year are the oldest in the export.
_YEARS_BEFORE = 20


def vital_records(lives: Lives, book: NameBook, years: Years, rng: np.random.Generator) -> Agency:
    """Export the vital records of the health department."""
    people, born = lives.people, birth_time(lives.people)
    covered = (people.birth_year >= years.first - _YEARS_BEFORE) & (people.birth_year <= years.last)
    persons = np.flatnonzero((people.role == CHILD) & covered)
    persons = rng.permutation(persons[lives.region(persons, born[persons]) != OUT_OF_STATE])
    meetings = Meetings(persons, born[persons], born[persons] + 0.02)
    seen = observe(lives, book, meetings, VITAL_RECORDS, Manner(capitals=True, suffix=True, ssn=True), rng)
    ids = local_ids(rng, len(persons), "", 9)
    register = ExportedFile(
        "children.csv",
        "a child born in the state, as the hospital filed the birth",
        (
            Column("birth_record_id", text(ids.texts), "the number of the birth record"),
            Column("last_name", text(seen.surname), "last name or names given at birth"),
            Column("first_name", text(seen.given), "first name"),
            Column("middle_name", text(seen.middle), "middle name"),
            Column("name_suffix", text(seen.suffix), "JR, SR or III"),
            Column("date_of_birth", dates(seen.birth, "%Y-%m-%d", seen.birth_missing), "year-month-day"),
            Column("sex", sexes(seen, "F", "M"), "F or M"),
            Column("place_of_birth", text(seen.town), "town of birth"),
            Column("street_address", text(seen.street), "home of the mother on that day"),
            Column("city", text(seen.town), "town"),
            Column("zip_code", text(seen.postal_code), "ZIP code"),
            Column("ssn", text(with_dashes(seen.ssn, 3, 2, 4)), "of those for whom one was asked at birth"),
        ),
    )
    weeks = _gestation(people.multiple_birth[persons], rng)
    births = ExportedFile(
        "births.csv",
        "a birth",
        (
            Column("birth_record_id", ids.column(np.arange(len(persons))), "the number of the birth record"),
            Column("birth_year", whole(people.birth_year[persons]), "calendar year of birth"),
            Column("birth_weight_grams", whole(_weight(lives, persons, weeks, rng)), "weight at birth"),
            Column("gestation_weeks", whole(np.floor(weeks)), "completed weeks of gestation"),
        ),
    )
    return Agency(
        "public-health", "Department of Public Health", "Vital records: births in the state.",
        "birth_record_id", register, (births,), meetings.persons, seen.errors, seen.tallies,
    )  # fmt: skip


def _gestation(multiple: Flags, rng: np.random.Generator) -> Floats:
    """Draw weeks of gestation: most between 37 and 42, a long tail of early births."""
    count = len(multiple)
    early = np.where(rng.random(count) < 0.11, 1 + rng.exponential(3.2, size=count), 0)
    weeks: Floats = np.clip(39.6 + 1.1 * rng.normal(size=count) - early - 3 * multiple, 22, 42.9)
    return weeks


def _weight(lives: Lives, persons: Ints, weeks: Floats, rng: np.random.Generator) -> Floats:
    people = lives.people
    usual = np.interp(weeks, [22, 26, 30, 34, 37, 40, 43], [500, 880, 1450, 2300, 3000, 3480, 3650])
    relative = 0.12 * rng.normal(size=len(persons)) - 0.03 * people.poor[persons] + 0.01 * people.ability[persons]
    grams: Floats = np.rint(np.maximum(usual * (1 + relative), 350))
    return grams
