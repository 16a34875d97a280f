"""The early learning agency: preschool and child care subsidies for three- and four-year-olds.

Rules:

- A child is known by the program years that it attended; a poor child attends more often.
- Those who attended in the year before kindergarten are assessed in spring.
"""

from __future__ import annotations

import numpy as np

from linkage.simulation.arrays import Floats, Ints, categorical
from linkage.simulation.exports import Agency, Column, ExportedFile, call_roll, dates, local_ids, sexes, text, whole
from linkage.simulation.lives import Lives
from linkage.simulation.names import NameBook
from linkage.simulation.observation import Manner, Meetings, observe
from linkage.simulation.parameters import EARLY_LEARNING, Years
from linkage.simulation.places import OUT_OF_STATE
from linkage.simulation.schooling import Careers

_PROGRAMMES = ("State PreK", "Head Start", "Child Care Subsidy")


def early_learning(lives: Lives, careers: Careers, book: NameBook, years: Years, rng: np.random.Generator) -> Agency:
    """Export the early learning agency."""
    people = lives.people
    child = np.flatnonzero(careers.child)
    inclined = rng.random(len(child)) < np.where(people.poor[child], 0.62, 0.36)
    child = child[inclined]
    parts = []
    for years_before, share in ((2, 0.45), (1, 0.92)):
        year = careers.first_year[child] - years_before
        seen = (year >= years.first) & (year <= years.last) & (rng.random(len(child)) < share)
        seen &= lives.region(child, year - 0.3) != OUT_OF_STATE
        parts.append((child[seen], year[seen]))
    persons, year = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    roll = call_roll(persons, year, people.size, rng)
    meetings, row = Meetings(roll.persons, roll.first - 0.3, roll.last + 0.2), roll.row_of_person
    order = np.lexsort((year, row[persons]))
    persons, year = persons[order], year[order]

    seen_as = observe(lives, book, meetings, EARLY_LEARNING, Manner(phone=True), rng)
    ids = local_ids(rng, len(roll.persons), "EL-", 6)
    register = ExportedFile(
        "children.csv",
        "a child in any program, as its family filled in the form",
        (
            Column("child_id", text(ids.texts), "the agency's own ID"),
            Column("first_name", text(seen_as.given), "first name"),
            Column("middle_name", text(seen_as.middle), "middle name"),
            Column("last_name", text(seen_as.surname), "last name or names"),
            Column("date_of_birth", dates(seen_as.birth, "%m/%d/%Y", seen_as.birth_missing), "month/day/year"),
            Column("gender", sexes(seen_as, "girl", "boy"), "girl or boy"),
            Column("home_address", text(seen_as.street), "house number, street, apartment"),
            Column("city", text(seen_as.town), "town"),
            Column("zip", text(seen_as.postal_code), "ZIP code"),
            Column("phone", text(seen_as.phone), "the household's phone"),
        ),
    )
    offered = rng.integers(150, 176, size=len(persons))
    attended = offered - rng.binomial(offered, np.minimum(careers.absence[persons] * 1.4, 0.9))
    of_poor = rng.choice(len(_PROGRAMMES), size=len(persons), p=[0.35, 0.4, 0.25])
    program = np.where(people.poor[persons], of_poor, np.where(rng.random(len(persons)) < 0.7, 0, 2))
    attendance = ExportedFile(
        "attendance.csv",
        "a child in a program year",
        (
            Column("child_id", ids.column(row[persons]), "the agency's own ID"),
            Column("program_year", whole(year), "year in which the program year ends"),
            Column("site_id", whole(_site(lives, persons, year)), "site"),
            Column("program", categorical(program.astype(np.int8), _PROGRAMMES), "what paid for the place"),
            Column("days_offered", whole(offered), "days offered"),
            Column("days_attended", whole(attended), "days attended"),
        ),
    )
    assessed = (year == careers.first_year[persons] - 1) & (rng.random(len(persons)) < 0.9)
    standing = people.ability[persons[assessed]] - 0.3 * people.poor[persons[assessed]]
    assessments = ExportedFile(
        "assessments.csv",
        "a child's readiness in the spring before kindergarten",
        (
            Column("child_id", ids.column(row[persons[assessed]]), "the agency's own ID"),
            Column("program_year", whole(year[assessed]), "year of the assessment"),
            *(
                Column(f"{domain}_score", whole(_score(standing, rng)), "0 to 100; 60 is ready for kindergarten")
                for domain in ("literacy", "mathematics", "social_emotional")
            ),
        ),
    )
    return Agency(
        "early-learning", "Department of Early Learning", "Preschool and child care subsidies, ages three and four.",
        "child_id", register, (attendance, assessments), meetings.persons, seen_as.errors, seen_as.tallies,
    )  # fmt: skip


def _site(lives: Lives, persons: Ints, year: Ints) -> Ints:
    return 4000 + lives.homes.zip_index[lives.home(persons, year - 0.3)]


def _score(standing: Floats, rng: np.random.Generator) -> Ints:
    return np.clip(np.rint(64 + 12 * (0.6 * standing + 0.8 * rng.normal(size=len(standing)))), 0, 100).astype(np.int64)
