"""The workforce agency: workers in covered employment and their quarterly wages.

Rules:

- Employers report name, SSN and wages and no birth date; the agency adds a mailing address for those who ever claimed
  a benefit. So the register has little else than the name to link those who have no SSN elsewhere.
- Work that unemployment insurance does not cover, and work in other states, is unseen.
- Wages rise with age, schooling and ability; quarters run from the first of the first year to the second of the last.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from linkage.simulation.arrays import Floats, Ints, categorical, joined, zero_padded
from linkage.simulation.colleges import Studies
from linkage.simulation.exports import Agency, Column, ExportedFile, call_roll, local_ids, text, whole
from linkage.simulation.lives import Lives, birth_time
from linkage.simulation.names import NameBook
from linkage.simulation.observation import Manner, Meetings, observe
from linkage.simulation.parameters import WORKFORCE, Years
from linkage.simulation.places import OUT_OF_STATE
from linkage.simulation.schooling import DIPLOMA, Careers

#: NAICS sectors with their share of jobs and their effect on the logarithm of wages.
_SECTORS = (
    ("445110", 0.10, -0.30), ("722513", 0.13, -0.45), ("622110", 0.14, 0.15), ("611110", 0.11, 0.05),
    ("236220", 0.09, 0.15), ("336111", 0.09, 0.20), ("541511", 0.07, 0.45), ("493110", 0.10, -0.05),
    ("561320", 0.07, -0.25), ("921190", 0.05, 0.10), ("111998", 0.05, -0.35),
)  # fmt: skip
_COVERED = 0.88
_CHANGES_JOB, _SECOND_JOB = 0.06, 0.05


@dataclass(frozen=True)
class _Wages:
    """Wage records: worker, quarter counted from the first, employer and dollars."""

    persons: Ints
    quarter: Ints
    employer: Ints
    dollars: Ints


def workforce(
    lives: Lives, careers: Careers, study: Studies, book: NameBook, years: Years, rng: np.random.Generator
) -> Agency:
    """Export the workforce agency."""
    wages, sector = _wages(lives, careers, study, years, rng)
    roll = call_roll(wages.persons, wages.quarter, lives.people.size, rng)
    row = roll.row_of_person
    meetings = Meetings(roll.persons, years.first + roll.first / 4, years.first + roll.last / 4 + 0.2)

    manner = Manner(capitals=True, middle_initial=True, demographics=False, ssn=True)
    seen = observe(lives, book, meetings, WORKFORCE, manner, rng)
    ids = local_ids(rng, len(roll.persons), "W", 8)
    register = ExportedFile(
        "workers.csv",
        "a worker, as employers and the benefits office wrote the name",
        (
            Column("WageRecordId", text(ids.texts), "the agency's own ID"),
            Column("SSN", text(seen.ssn), "nine digits"),
            Column("LastName", text(seen.surname), "last name or names"),
            Column("FirstName", text(seen.given), "first name"),
            Column("MiddleInitial", text(seen.middle), "middle initial"),
            Column("MailingAddress", text(seen.street), "of those who ever claimed a benefit"),
            Column("City", text(seen.town), "town"),
            Column("State", text(seen.state), "state"),
            Column("ZipCode", text(seen.postal_code), "ZIP code"),
        ),
    )
    order = np.lexsort((wages.employer, wages.quarter, row[wages.persons]))
    rows, quarter, employer = row[wages.persons][order], wages.quarter[order], wages.employer[order]
    labels = [f"{years.first + q // 4}Q{q % 4 + 1}" for q in range(int(wages.quarter.max(initial=0)) + 1)]
    employers = joined("E", zero_padded(100_000 + np.arange(len(sector)), 6))
    payload = ExportedFile(
        "wages.csv",
        "a worker's wages from one employer in one quarter",
        (
            Column("WageRecordId", ids.column(rows), "the agency's own ID"),
            Column("Quarter", categorical(quarter, labels), "calendar year and quarter"),
            Column("EmployerId", categorical(employer, employers), "employer"),
            Column("NAICS", categorical(sector[employer], [code for code, _, _ in _SECTORS]), "industry"),
            Column("Earnings", whole(wages.dollars[order]), "dollars in the quarter"),
        ),
    )
    return Agency(
        "workforce", "Department of Workforce Services", "Wages reported for unemployment insurance.",
        "WageRecordId", register, (payload,), meetings.persons, seen.errors, seen.tallies,
    )  # fmt: skip


def _wages(
    lives: Lives, careers: Careers, study: Studies, years: Years, rng: np.random.Generator
) -> tuple[_Wages, Ints]:
    """Draw wage records quarter by quarter; return them with the sector of each employer."""
    people = lives.people
    birth = birth_time(people)
    quarters = 4 * (years.last - years.first) + 2
    workers = np.flatnonzero((birth < years.last + 0.5 - 16) & (rng.random(people.size) < _COVERED))
    employers = max(people.size // 30, 12)
    sector = rng.choice(len(_SECTORS), size=employers, p=[share for _, share, _ in _SECTORS]).astype(np.int8)
    # Few employers are large: sizes follow Zipf's law.
    cumulative = np.cumsum(1.0 / np.arange(6, employers + 6))
    cumulative /= cumulative[-1]

    def hired(count: int) -> Ints:
        return np.searchsorted(cumulative, rng.random(count), side="right").astype(np.int32)

    effect = np.array([wage for _, _, wage in _SECTORS])
    attachment = rng.normal(size=len(workers)).astype(np.float32)
    level = (0.22 * people.ability[workers] + 0.25 * rng.normal(size=len(workers))).astype(np.float32)
    # A diploma counts once it is earned.
    diploma_time = np.where(careers.child & (careers.outcome != DIPLOMA), np.inf, careers.final_year + 0.45)
    diploma_time = np.where(careers.child, diploma_time, -np.inf)[workers]
    job = hired(len(workers))
    parts = []
    for quarter in range(quarters):
        time = years.first + quarter / 4
        age = time - birth[workers]
        changes = rng.random(len(workers)) < _CHANGES_JOB * np.where(age < 25, 2.5, 1.0)
        job[changes] = hired(int(changes.sum()))
        mood = 0.75 * attachment + 0.66 * rng.standard_normal(len(workers), dtype=np.float32)
        works = (mood < _readiness(age)) & (age < 66)
        works[works] &= lives.region(workers[works], time) != OUT_OF_STATE
        at = np.flatnonzero(works)
        schooling = np.array([0.0, 0.08, 0.16, 0.42])[study.education(workers[at], time)]
        schooling += 0.14 * (time >= diploma_time[at])
        trend = 8.35 + 0.025 * (time - 2016)
        log_wage = trend + schooling + _experience(age[at]) + level[at] + effect[sector[job[at]]]
        dollars = np.exp(log_wage + 0.18 * rng.standard_normal(len(at))) * np.where(changes[at], rng.random(len(at)), 1)
        second = at[rng.random(len(at)) < _SECOND_JOB]
        side = hired(len(second))
        other = side != job[second]
        second, side = second[other], side[other]
        extra = rng.lognormal(7.2, 0.6, size=len(second))
        parts.append(
            _Wages(
                workers[np.concatenate([at, second])].astype(np.int32),
                np.full(len(at) + len(second), quarter, dtype=np.int16),
                np.concatenate([job[at], side]),
                np.maximum(np.concatenate([dollars, extra]), 25).astype(np.int32),
            )
        )
    return _Wages(*(np.concatenate([getattr(p, name) for p in parts]) for name in _Wages.__dataclass_fields__)), sector


def _readiness(age: Floats) -> Floats:
    """Return the standard normal mood below which one works: one in ten do at 16, four in five at 30."""
    return np.interp(age, [15.9, 16, 18, 19, 25, 30, 58, 66], [-9, -1.2, -0.5, 0.1, 0.6, 0.85, 0.7, -0.3])


def _experience(age: Floats) -> Floats:
    """Effect of age on the logarithm of wages."""
    return np.interp(age, [16, 18, 22, 30, 45, 66], [-0.9, -0.45, 0.0, 0.45, 0.7, 0.6])
