"""Two school districts: Lakeside, which exports in the style of Ed-Fi, and Riverbend, which does not.

Rules:

- Both report enrolment and test scores in the state's one layout; only their registers of students differ.
- Children who move between the districts are in both. Lakeside enrols some students twice, each time under another
  local ID: it is the only source of the world that holds duplicates.
- Exit codes are those of CEDS *Exit or Withdrawal Type*. A transfer out of the state that nobody confirmed is 01931,
  unknown status, which the graduation rate of ESEA section 8101(25) leaves in its denominator.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from linkage.simulation.arrays import Ints, categorical
from linkage.simulation.exports import (
    Agency,
    Column,
    ExportedFile,
    LocalIds,
    dates,
    local_ids,
    sexes,
    text,
    whole,
    with_dashes,
    yes_no,
)
from linkage.simulation.families import RACES
from linkage.simulation.lives import Lives
from linkage.simulation.names import NameBook
from linkage.simulation.observation import Manner, Meetings, observe
from linkage.simulation.parameters import LAKESIDE as LAKESIDE_RATES
from linkage.simulation.parameters import LAKESIDE_DUPLICATES, Years
from linkage.simulation.parameters import RIVERBEND as RIVERBEND_RATES
from linkage.simulation.places import LAKESIDE, OUT_OF_STATE, RIVERBEND
from linkage.simulation.schooling import (
    UNTESTED_YEAR,
    Careers,
    Enrollment,
    district_enrollment,
)

_GRADES = ("KG", *(f"{grade:02}" for grade in range(1, 13)))
_DAYS = 178
_STAYS, _TO_DISTRICT, _TO_STATE, _UNKNOWN, _GRADUATED, _OTHER, _DROPPED, _UNFINISHED = range(8)
_EXIT_CODES = ("", "01908", "01909", "01931", "01921", "01922", "01927", "01928")
_TRANSFER_CONFIRMED = 0.92
_DIPLOMAS = ("Regular diploma", "General Educational Development (GED) credential")


@dataclass(frozen=True)
class _Rows:
    """Enrolments with the row of the register that each belongs to, ordered by that row and by year."""

    register: Ints
    enrollment: Enrollment
    grade: Ints
    days: Ints
    split: Ints
    exit_code: Ints


def lakeside_district(lives: Lives, careers: Careers, book: NameBook, years: Years, rng: np.random.Generator) -> Agency:
    """Export the Lakeside district."""
    meetings, rows = _enrolled(lives, careers, LAKESIDE, years, LAKESIDE_DUPLICATES, rng)
    manner = Manner(suffix=True, phone=True, ssn=True, state_id=True)
    seen = observe(lives, book, meetings, LAKESIDE_RATES, manner, rng)
    ids = local_ids(rng, len(meetings.persons), "", 7)
    register = ExportedFile(
        "students.csv",
        "a student, as the district's student information system holds it, in Ed-Fi names",
        (
            Column("StudentUniqueId", text(ids.texts), "the district's own ID"),
            Column("FirstName", text(seen.given), "first name"),
            Column("MiddleName", text(seen.middle), "middle name"),
            Column("LastSurname", text(seen.surname), "last name or names"),
            Column("GenerationCodeSuffix", text(seen.suffix), "Jr, Sr or III"),
            Column("BirthDate", dates(seen.birth, "%Y-%m-%d", seen.birth_missing), "year-month-day"),
            Column("BirthSex", sexes(seen, "Female", "Male"), "Female or Male"),
            Column("StreetNumberName", text(seen.street), "house number, street, apartment"),
            Column("City", text(seen.town), "town"),
            Column("StateAbbreviation", text(seen.state), "state"),
            Column("PostalCode", text(seen.postal_code), "ZIP code"),
            Column("TelephoneNumber", text(seen.phone), "the household's phone, ten digits"),
            Column("StateStudentId", text(seen.state_id), "ID given by the state's education agency"),
            Column("SocialSecurityNumber", text(seen.ssn), "nine digits; families may decline"),
        ),
    )
    return Agency(
        "lakeside-district", "Lakeside Unified School District", "A K-12 district with an Ed-Fi data store.",
        "StudentUniqueId", register, _payload(lives, careers, rows, ids, "StudentUniqueId", 110_000, years, rng),
        meetings.persons, seen.errors, seen.tallies, duplicates=True,
    )  # fmt: skip


def riverbend_district(
    lives: Lives, careers: Careers, book: NameBook, years: Years, rng: np.random.Generator
) -> Agency:
    """Export the Riverbend district."""
    meetings, rows = _enrolled(lives, careers, RIVERBEND, years, 0.0, rng)
    manner = Manner(capitals=True, phone=True, state_id=True)
    seen = observe(lives, book, meetings, RIVERBEND_RATES, manner, rng)
    ids = local_ids(rng, len(meetings.persons), "RB", 7)
    register = ExportedFile(
        "students.csv",
        "a student, as an older student information system prints it, in capitals",
        (
            Column("Student_ID", text(ids.texts), "the district's own ID"),
            Column("SSID", text(seen.state_id), "ID given by the state's education agency"),
            Column("Last_Name", text(seen.surname), "last name or names"),
            Column("First_Name", text(seen.given), "first name"),
            Column("Middle_Name", text(seen.middle), "middle name"),
            Column("DOB", dates(seen.birth, "%m/%d/%Y", seen.birth_missing), "month/day/year"),
            Column("Gender", sexes(seen, "F", "M"), "F or M"),
            Column("Home_Address", text(seen.street), "house number, street, apartment"),
            Column("City", text(seen.town), "town"),
            Column("Zip", text(seen.postal_code), "ZIP code"),
            Column("Home_Phone", text(with_dashes(seen.phone, 3, 3, 4)), "the household's phone"),
        ),
    )
    return Agency(
        "riverbend-district", "Riverbend Public Schools",
        "A second K-12 district: children move between the two, and the state's enrolment layout is the same.",
        "Student_ID", register, _payload(lives, careers, rows, ids, "Student_ID", 120_000, years, rng),
        meetings.persons, seen.errors, seen.tallies,
    )  # fmt: skip


def _enrolled(
    lives: Lives, careers: Careers, region: int, years: Years, duplicates: float, rng: np.random.Generator
) -> tuple[Meetings, _Rows]:
    """Find a district's students and their enrolments; some students get a second row from some year on."""
    enrollment = district_enrollment(lives, careers, region, years.school_years)
    persons, which = np.unique(enrollment.persons, return_inverse=True)
    first = np.full(len(persons), years.last + 1)
    last = np.full(len(persons), years.first - 1)
    np.minimum.at(first, which, enrollment.year)
    np.maximum.at(last, which, enrollment.year)

    twice = (last > first) & (rng.random(len(persons)) < duplicates)
    again = np.where(twice, first + 1 + (rng.random(len(persons)) * (last - first)).astype(np.int64), years.last + 1)
    second = np.flatnonzero(twice)
    second_row = np.zeros(len(persons), dtype=np.int64)
    second_row[second] = len(persons) + np.arange(len(second))
    meetings = Meetings(
        np.concatenate([persons, persons[second]]),
        np.concatenate([first, again[second]]) - 0.3,
        np.concatenate([np.minimum(last, again - 1), last[second]]) + 0.2,
    )
    order = rng.permutation(len(meetings.persons))
    meetings = Meetings(meetings.persons[order], meetings.first[order], meetings.last[order])
    row_of = np.empty(len(order), dtype=np.int64)
    row_of[order] = np.arange(len(order))
    register = row_of[np.where(enrollment.year >= again[which], second_row[which], which)]
    return meetings, _rows(careers, enrollment, register, region, years, rng)


def _rows(
    careers: Careers, enrollment: Enrollment, register: Ints, region: int, years: Years, rng: np.random.Generator
) -> _Rows:
    order = np.lexsort((enrollment.year, register))
    register = register[order]
    enrollment = Enrollment(*(getattr(enrollment, name)[order] for name in Enrollment.__dataclass_fields__))
    persons, year = enrollment.persons, enrollment.year
    grade = np.zeros(len(persons), dtype=np.int8)
    for one in years.school_years:
        here = year == one
        grade[here] = careers.grade(persons[here], one)

    finished = enrollment.in_spring & (year == careers.final_year[persons])
    left = ~finished & (enrollment.region_after != region) & (~enrollment.in_spring | (year < years.last))
    transfer = np.where(enrollment.region_after == OUT_OF_STATE, _TO_STATE, _TO_DISTRICT)
    transfer = np.where(rng.random(len(persons)) < _TRANSFER_CONFIRMED, transfer, _UNKNOWN)
    exit_code = np.where(left, transfer, _STAYS)
    exit_code = np.where(finished, _GRADUATED + careers.outcome[persons], exit_code)
    # The day of a move, the same in both districts, so that days enrolled add up; and the day of a drop-out.
    split = 60 + (persons * 7919 + year * 31) % 60
    leaves_early = ~enrollment.in_spring | (exit_code == _DROPPED)
    days = np.where(leaves_early, split, np.where(enrollment.in_autumn, _DAYS, _DAYS - split))
    return _Rows(register, enrollment, grade, days, split, exit_code)


def _payload(
    lives: Lives,
    careers: Careers,
    rows: _Rows,
    ids: LocalIds,
    id_name: str,
    school_base: int,
    years: Years,
    rng: np.random.Generator,
) -> tuple[ExportedFile, ...]:
    return (
        _enrollment_file(lives, careers, rows, ids, id_name, school_base, rng),
        _assessment_file(lives, careers, rows, ids, id_name, rng),
    )


def _schools(lives: Lives, rows: _Rows, base: int) -> Ints:
    """Assign schools by street: elementary to grade 5, middle to 8, high to 12."""
    level = np.digitize(rows.grade, [6, 9])
    pupils_per_year = len(rows.grade) / max(len(np.unique(rows.enrollment.year)), 1)
    grades, size = np.array([6, 3, 4]), np.array([400, 600, 900])
    schools = np.maximum(grades / 13 * pupils_per_year / size, [2, 1, 1]).astype(np.int64)
    school: Ints = base + level * 200 + 1 + lives.homes.street[rows.enrollment.home] % schools[level]
    return school


def _enrollment_file(
    lives: Lives,
    careers: Careers,
    rows: _Rows,
    ids: LocalIds,
    id_name: str,
    school_base: int,
    rng: np.random.Generator,
) -> ExportedFile:
    people, persons, year = lives.people, rows.enrollment.persons, rows.enrollment.year
    count = len(persons)
    harder = np.where((rows.grade == 0) | (rows.grade >= 9), 1.35, 1.0)
    absent = rng.binomial(rows.days, np.minimum(careers.absence[persons] * harder, 0.9))
    poor = people.poor[persons] ^ (rng.random(count) < 0.03)
    august = _day(year - 1, 8, 28)
    # Five school days take seven days of the calendar.
    moved = august + rows.split * 7 // 5
    entry = np.where(rows.enrollment.in_autumn, august, moved)
    early = ~rows.enrollment.in_spring | (rows.exit_code == _DROPPED)
    exit_day = np.where(early, moved, _day(year, 6, 10))
    leaves = rows.exit_code != _STAYS
    other = rows.exit_code == _OTHER
    completed = other | (rows.exit_code == _GRADUATED)
    return ExportedFile(
        "enrollment.csv",
        "a student in a school year, in the layout that the state asks of all districts",
        (
            Column(id_name, ids.column(rows.register), "the district's own ID"),
            Column("SchoolYear", whole(year), "year in which the school year ends"),
            Column("SchoolId", whole(_schools(lives, rows, school_base)), "school"),
            Column("GradeLevel", categorical(rows.grade, _GRADES), "KG, 01 to 12"),
            Column("EntryDate", dates(entry, "%Y-%m-%d"), "first day in the district this year"),
            Column("DaysEnrolled", whole(rows.days), "days in membership"),
            Column("DaysAbsent", whole(absent), "days absent"),
            Column("EnglishLearner", yes_no(careers.english_until_grade[persons] >= rows.grade), "Yes or No"),
            Column("EconomicallyDisadvantaged", yes_no(poor), "Yes or No"),
            Column("StudentWithDisability", yes_no(careers.disability[persons]), "Yes or No"),
            Column("RaceEthnicity", categorical(people.race[persons], RACES), "as the state reports it"),
            Column(
                "CohortYear",
                whole(careers.cohort_year[persons], rows.grade < 9),
                "grades 9-12: the school year of graduation four years after first entering grade 9",
            ),
            Column("ExitWithdrawDate", dates(exit_day, "%Y-%m-%d", ~leaves), "last day, of those who left"),
            Column(
                "ExitWithdrawType",
                categorical(rows.exit_code, _EXIT_CODES, ~leaves),
                "CEDS code: 01908 to another district, 01909 out of the state, 01921 diploma, 01922 other credential, "
                "01927 discontinued, 01928 grade 12 without all requirements, 01931 status unknown",
            ),
            Column(
                "DiplomaType",
                categorical(other.astype(np.int8), _DIPLOMAS, ~completed),
                "of those who completed",
            ),
        ),
    )


def _day(year: Ints, month: int, day: int) -> Ints:
    first = ((year.astype(np.int64) - 1970) * 12 + month - 1).astype("datetime64[M]")
    return first.astype("datetime64[D]").astype(np.int64) + day - 1


def _assessment_file(
    lives: Lives, careers: Careers, rows: _Rows, ids: LocalIds, id_name: str, rng: np.random.Generator
) -> ExportedFile:
    tested = rows.enrollment.in_spring & (rows.grade >= 3) & (rows.grade <= 8)
    tested &= (rows.enrollment.year != UNTESTED_YEAR) & (rng.random(len(tested)) < 0.97)
    persons, grade = rows.enrollment.persons[tested], rows.grade[tested]
    count = len(persons)
    learner = careers.english_until_grade[persons] >= grade
    standing = lives.people.ability[persons] - 0.35 * lives.people.poor[persons]
    scores, levels = [], []
    for handicap in (0.1 * learner, 0.6 * learner):
        merit = 0.85 * standing - handicap + 0.45 * rng.normal(size=count)
        scores.append(2400 + 28 * (grade.astype(np.int64) - 3) + np.rint(62 * merit).astype(np.int64))
        levels.append(1 + np.digitize(merit, [-0.85, -0.05, 0.7]))
    subjects = (("Math", scores[0], levels[0]), ("Reading", scores[1], levels[1]))
    columns: list[Column] = [
        Column(id_name, ids.column(rows.register[tested]), "the district's own ID"),
        Column("SchoolYear", whole(rows.enrollment.year[tested]), "year of the spring test; none in 2020"),
        Column("GradeLevel", categorical(grade, _GRADES), "03 to 08"),
    ]
    for subject, score, level in subjects:
        columns.append(Column(f"{subject}ScaleScore", whole(score), "on one scale for all grades"))
        columns.append(Column(f"{subject}PerformanceLevel", whole(level), "1 to 4; 3 is proficient"))
    return ExportedFile("assessments.csv", "a student's state tests in grades 3 to 8", tuple(columns))
