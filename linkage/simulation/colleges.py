"""The state college system: students, terms, credits and credentials.

Rules:

- Most come from a high school of the state, in the autumn after the diploma or later; some are grown up.
- A person is in one college at a time. Two-year colleges give certificates and associate degrees after four terms of
  study or so, four-year colleges bachelor's degrees after eight.
- Colleges outside the system are unseen, so that *not found here* is not *did not go to college*.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from linkage.simulation.arrays import Flags, Floats, Ints, categorical
from linkage.simulation.exports import Agency, Column, ExportedFile, call_roll, dates, local_ids, sexes, text, whole
from linkage.simulation.lives import Lives
from linkage.simulation.names import NameBook
from linkage.simulation.observation import Manner, Meetings, observe
from linkage.simulation.parameters import STATE_COLLEGES, Years
from linkage.simulation.places import OUT_OF_STATE
from linkage.simulation.schooling import DIPLOMA, OTHER_CREDENTIAL, Careers

#: Terms are counted from autumn 1950: even numbers are autumns, odd ones springs.
_FIRST_AUTUMN = 1950
_COLLEGES = (
    "Lakeside Community College", "Riverbend Technical College", "Franklin City College", "Amity Coast College",
    "Prairie Community College", "Franklin State University", "Lakeside State University", "Granite State College",
)  # fmt: skip
_TWO_YEAR = 5
_CREDENTIALS = ("", "Certificate", "Associate", "Bachelor")
_ADULT_STUDENTS = 0.03
#: The first term of those who never study.
_NEVER = 10_000


@dataclass(frozen=True)
class Studies:
    """Who studied when: by person, the first term (or a term that never comes), length, college and what was earned."""

    first_term: Ints
    terms: Ints
    college: Ints
    completes: Flags
    certificate: Flags
    graduation_time: Floats

    @property
    def credential(self) -> Ints:
        """Credential earned in the last term, as a position in the list of credentials."""
        two_year = np.where(self.certificate, 1, 2)
        return np.where(self.completes, np.where(self.college < _TWO_YEAR, two_year, 3), 0)

    def education(self, persons: Ints, time: float) -> Ints:
        """Return the credential that each person holds at the time."""
        held = time >= self.graduation_time[persons]
        return np.where(held, self.credential[persons], 0)


def studies(lives: Lives, careers: Careers, years: Years, rng: np.random.Generator) -> Studies:
    """Draw who goes to a state college, when and for how long."""
    people = lives.people
    count = people.size
    graduated = careers.child & np.isin(careers.outcome, [DIPLOMA, OTHER_CREDENTIAL])
    merit = people.ability - 0.5 * people.poor + rng.normal(size=count)
    goes = graduated & (merit > -0.35) & (rng.random(count) < 0.72)
    delay = rng.choice([0, 0, 0, 0, 0, 0, 1, 1, 2, 4], size=count)
    adult = ~careers.child & (rng.random(count) < _ADULT_STUDENTS)
    autumn = np.where(adult, rng.integers(years.first - 2, years.last, size=count), careers.final_year + delay)
    first_term = np.where(goes | adult, (autumn - _FIRST_AUTUMN) * 2 + (rng.random(count) < 0.12), _NEVER)
    four_year = ~adult & (merit + 0.7 * rng.normal(size=count) > 0.9)
    college = np.where(
        four_year, rng.integers(_TWO_YEAR, len(_COLLEGES), size=count), rng.integers(0, _TWO_YEAR, size=count)
    )
    full = np.where(four_year, 8, 4) + rng.choice([0, 0, 0, 1, 2], size=count)
    completes = merit + rng.normal(size=count) > np.where(four_year, 0.2, 0.6)
    stops_after = np.minimum(1 + rng.geometric(0.35, size=count), full)
    terms = np.where(completes, full, stops_after)
    end = _FIRST_AUTUMN + (first_term + terms) / 2 + 0.45
    return Studies(
        first_term.astype(np.int32),
        terms.astype(np.int32),
        college.astype(np.int8),
        completes,
        rng.random(count) < 0.3,
        np.where(first_term < _NEVER, end, np.inf),
    )


def state_colleges(lives: Lives, study: Studies, book: NameBook, years: Years, rng: np.random.Generator) -> Agency:
    """Export the state college system."""
    students = np.flatnonzero(study.first_term < _NEVER)
    parts = []
    # From the autumn before the first year to the spring of the last.
    for term in range((years.first - 1 - _FIRST_AUTUMN) * 2, (years.last - 1 - _FIRST_AUTUMN) * 2 + 2):
        since = term - study.first_term[students]
        there = (since >= 0) & (since < study.terms[students])
        # Now and then a student pauses, but not in the term that ends with a credential.
        there &= (rng.random(len(students)) > 0.06) | (since == study.terms[students] - 1)
        if term % 2 == 0:
            there &= lives.region(students, _FIRST_AUTUMN + term / 2 + 0.7) != OUT_OF_STATE
        parts.append((students[there], np.full(int(there.sum()), term)))
    persons, terms = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    roll = call_roll(persons, terms, lives.people.size, rng)
    row = roll.row_of_person
    order = np.lexsort((terms, row[persons]))
    persons, terms = persons[order], terms[order]
    meetings = Meetings(roll.persons, _FIRST_AUTUMN + roll.first / 2 + 0.6, _FIRST_AUTUMN + roll.last / 2 + 0.9)

    manner = Manner(suffix=True, phone=True, email=True, ssn=True, state_id=True)
    seen = observe(lives, book, meetings, STATE_COLLEGES, manner, rng)
    ids = local_ids(rng, len(roll.persons), "C", 8)
    register = ExportedFile(
        "students.csv",
        "a student of any college of the system, as the student applied",
        (
            Column("student_id", text(ids.texts), "the system's own ID"),
            Column("last_name", text(seen.surname), "last name or names"),
            Column("first_name", text(seen.given), "first name, or the one the student uses"),
            Column("middle_name", text(seen.middle), "middle name"),
            Column("name_suffix", text(seen.suffix), "Jr, Sr or III"),
            Column("birth_date", dates(seen.birth, "%Y%m%d", seen.birth_missing), "yearmonthday"),
            Column("sex", sexes(seen, "F", "M"), "F or M"),
            Column("ssn", text(seen.ssn), "nine digits, of those who applied for aid"),
            Column("state_student_id", text(seen.state_id), "from the high school's transcript"),
            Column("address", text(seen.street), "house number, street, apartment"),
            Column("city", text(seen.town), "town"),
            Column("state", text(seen.state), "state"),
            Column("zip_code", text(seen.postal_code), "ZIP code"),
            Column("phone_number", text(seen.phone), "the student's phone"),
            Column("email", text(seen.email), "e-mail"),
        ),
    )
    return Agency(
        "state-colleges", "State College System", "Two-year and four-year public colleges.",
        "student_id", register, (_enrollments(lives, study, persons, terms, ids.column(row[persons]), rng),),
        meetings.persons, seen.errors, seen.tallies,
    )  # fmt: skip


def _enrollments(
    lives: Lives, study: Studies, persons: Ints, term: Ints, id_column: pa.Array, rng: np.random.Generator
) -> ExportedFile:
    count = len(persons)
    full_time = rng.random(count) < np.where(study.college[persons] < _TWO_YEAR, 0.55, 0.85)
    attempted = np.where(full_time, rng.integers(12, 17, size=count), rng.integers(3, 10, size=count))
    passes = np.clip(0.86 + 0.07 * lives.people.ability[persons] + 0.05 * study.completes[persons], 0.2, 0.99)
    earned = rng.binomial(attempted, passes)
    grade_points = np.clip(2.75 + 0.45 * lives.people.ability[persons] + 0.4 * rng.normal(size=count), 0, 4)
    last = term == study.first_term[persons] + study.terms[persons] - 1
    credential = np.where(last, study.credential[persons], 0)
    distinct, which = np.unique(term, return_inverse=True)
    labels = [f"{_FIRST_AUTUMN + t // 2 + t % 2}{'SP' if t % 2 else 'FA'}" for t in distinct.tolist()]
    college = study.college[persons]
    return ExportedFile(
        "enrollments.csv",
        "a student in a term",
        (
            Column("student_id", id_column, "the system's own ID"),
            Column("term", categorical(which, labels), "calendar year, then FA for autumn or SP for spring"),
            Column("college", categorical(college, _COLLEGES), "college"),
            Column("sector", categorical((college >= _TWO_YEAR).astype(np.int8), ("2-year", "4-year")), "sector"),
            Column("credits_attempted", whole(attempted), "credits attempted"),
            Column("credits_earned", whole(earned), "credits earned"),
            Column("term_gpa", _two_decimals(grade_points), "0 to 4"),
            Column(
                "credential",
                categorical(credential, _CREDENTIALS, credential == 0),
                "credential awarded at the end of the term, if any",
            ),
        ),
    )


def _two_decimals(values: Floats) -> pa.Array:
    """Write numbers below ten with two decimals, free of binary fractions."""
    return categorical(np.rint(values * 100).astype(np.int32), [f"{n // 100}.{n % 100:02}" for n in range(401)])
