"""Hand-computed answers: small cohorts of which every student's fate is written out."""

from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from linkage.errors import InputError
from linkage.release.measures.compute import compute
from linkage.release.measures.definition import known_measures, load_measure, parse_measure
from linkage.release.measures.inputs import ROLES, MeasureInputs
from linkage.release.workspace import Workspace


def table(role, rows):
    """Make a role's table of (person, provider, values by column name)."""
    columns = ["release_id", "provider", *(column.name for column in ROLES[role])]
    records = [{"release_id": person, "provider": provider} | values for person, provider, values in rows]
    return pd.DataFrame(records, columns=columns).astype("string")


class Students:
    """Enrollment rows, written as grade by school year."""

    def __init__(self):
        self.rows = []

    def attend(self, person, provider="A", *, start, grades, exit_type=None, left=None, entered=None):
        for number, grade in enumerate(grades):
            year = start + number
            last = number == len(grades) - 1
            self.rows.append(
                (
                    person,
                    provider,
                    {
                        "school_year": year,
                        "grade": grade,
                        "school": f"{provider}1",
                        "entry": entered if entered and number == 0 else f"{year - 1}-09-01",
                        "exit": (left or f"{year}-06-10") if last and exit_type else None,
                        "exit_type": exit_type if last else None,
                    },
                )
            )
        return self

    def table(self):
        return table("enrollment", self.rows)


@pytest.fixture
def measure(tmp_path):
    def run(measure_id, tables, **inputs):
        return compute(load_measure(measure_id), MeasureInputs(tables, **inputs), Workspace(tmp_path))

    return run


def statuses(outcomes):
    return outcomes.persons.set_index("release_id")["status"].to_dict()


HIGH = ["09", "10", "11", "12"]


@pytest.fixture
def cohort_2024():
    """The class of 2024: first-time ninth graders of the school year 2021, and who joined and left them."""
    students = Students()
    students.attend("fillers", start=2019, grades=["07"])  # the data begin before and end after the cohort
    students.attend("late-filler", start=2026, grades=["10"])
    for number in range(6):
        students.attend(f"on-time-{number}", start=2021, grades=HIGH, exit_type="01921")
    students.attend("summer", start=2021, grades=HIGH, exit_type="01921", left="2024-08-20")
    students.attend("autumn", start=2021, grades=HIGH, exit_type="01921", left="2024-10-01")
    students.attend("fifth-year", start=2021, grades=[*HIGH, "12"], exit_type="01921")
    students.attend("repeater", start=2021, grades=["09", "09", "10", "11", "12"], exit_type="01921")
    students.attend("early", start=2021, grades=HIGH[:3], exit_type="01921")
    students.attend("transferred-in", start=2023, grades=["11", "12"], exit_type="01921")
    students.attend("transferred-out", start=2021, grades=["09", "10"], exit_type="01909")
    students.attend("emigrated", start=2021, grades=["09"], exit_type="01916")
    students.attend("died", start=2021, grades=HIGH[:3], exit_type="01923")
    students.attend("out-and-back", start=2021, grades=["09"], exit_type="01909")
    students.attend("out-and-back", start=2023, grades=["11", "12"], exit_type="01921")
    students.attend("moved-district", start=2021, grades=["09"], exit_type="01908")
    students.attend("moved-district", "B", start=2022, grades=HIGH[1:], exit_type="01921")
    students.attend("ged", start=2021, grades=HIGH[:3], exit_type="01922")
    students.attend("dropout", start=2021, grades=["09", "10"], exit_type="01927")
    students.attend("vanished", start=2021, grades=["09", "10"], exit_type="01931")
    students.attend("disputed", start=2021, grades=["09", "10"], exit_type="01909")
    students.attend("disputed", "B", start=2021, grades=["09", "10"], exit_type="01927")
    return students


def test_four_year_rate_of_the_hand_made_cohort(measure, cohort_2024):
    outcomes = measure("acgr-4", {"enrollment": cohort_2024.table()})
    found = statuses(outcomes)
    removed = {"transferred-out", "emigrated", "died"}
    not_graduated = {"autumn", "fifth-year", "repeater", "ged", "dropout", "vanished", "disputed"}
    assert {person for person, status in found.items() if status == "REMOVED"} == removed
    assert {person for person, status in found.items() if status == "NOT_GRADUATED"} == not_graduated
    # 6 on time, summer, early, transferred in, out and back, moved district: 11 of 11 + 7.
    (row,) = outcomes.summary().to_dict("records")
    assert (row["cohort"], row["counted"], row["met"]) == (2024, 18, 11)


def test_five_year_rate_of_the_same_cohort(measure, cohort_2024):
    (row,) = measure("acgr-5", {"enrollment": cohort_2024.table()}).summary().to_dict("records")
    # Autumn, fifth year and the repeater have their diploma within five years.
    assert (row["cohort"], row["counted"], row["met"]) == (2024, 18, 14)


def test_a_cohort_that_the_data_do_not_cover_is_missing_not_low(measure):
    students = Students().attend("a", start=2021, grades=HIGH, exit_type="01921")
    assert statuses(measure("acgr-4", {"enrollment": students.table()})) == {"a": "GRADUATED"}
    assert statuses(measure("acgr-5", {"enrollment": students.table()})) == {"a": "MISSING"}
    late = Students().attend("b", start=2023, grades=["11", "12"], exit_type="01921")
    assert statuses(measure("acgr-4", {"enrollment": late.table()})) == {"b": "MISSING"}


def test_the_reported_cohort_is_that_of_first_entering_grade_nine(measure):
    students = Students().attend("a", start=2021, grades=["09", "09", "10", "11"], exit_type="01921")
    reported = students.table()
    reported["cohort_year"] = ["2024", "2025", "2025", "2025"]
    outcomes = measure("acgr-4", {"enrollment": reported})
    assert outcomes.persons["cohort"].tolist() == [2024]


def test_a_student_registered_twice_counts_once(measure, cohort_2024):
    doubled = pd.concat([cohort_2024.table()] * 2, ignore_index=True)
    (row,) = measure("acgr-4", {"enrollment": doubled}).summary().to_dict("records")
    assert (row["counted"], row["met"]) == (18, 11)


def test_postsecondary_enrollment_tells_four_answers_apart(measure):
    students = Students()
    for person in ("soon", "sixteenth", "too-late", "before", "linked", "unknown"):
        students.attend(person, start=2024, grades=["12"], exit_type="01921")
    students.attend("recent", start=2025, grades=["12"], exit_type="01921", left="2025-12-20")
    students.attend("recent-yes", start=2025, grades=["12"], exit_type="01921", left="2025-12-20")
    students.attend("ged", start=2024, grades=["12"], exit_type="01922")
    college = table(
        "college",
        [
            ("soon", "C", {"term": "2024FA"}),
            ("sixteenth", "C", {"term": "2025-10-10"}),
            ("too-late", "C", {"term": "2025-10-11"}),
            ("before", "C", {"term": "2024SP"}),
            ("recent-yes", "C", {"term": "2026SP"}),
        ],
    )
    outcomes = measure(
        "postsecondary-16-months",
        {"enrollment": students.table(), "college": college},
        linked={"college": frozenset({"linked"})},
        covered_until={"college": date(2026, 5, 31)},
    )
    assert statuses(outcomes) == {
        "soon": "YES", "sixteenth": "YES", "too-late": "NOENROLL", "before": "NOENROLL", "linked": "NOENROLL",
        "unknown": "NO", "recent": "MISSING", "recent-yes": "YES",
    }  # fmt: skip
    rows = {row["cohort"]: (row["counted"], row["met"]) for row in outcomes.summary().to_dict("records")}
    # Of 2025 only those who are known to have enrolled are known: to count them would make the rate 100 %.
    assert rows == {2024: (6, 2)}


def test_persistence_and_retention(measure):
    def terms(person, *terms, college="C1", credential=None):
        rows = [(person, "C", {"term": term, "institution": college}) for term in terms]
        if credential:
            rows[-1][2]["credential"] = credential
        return rows

    college = table(
        "college",
        [
            *terms("there-at-the-start", "2020FA"),
            *terms("stayed", "2022FA", "2023SP", "2023FA"),
            *terms("moved", "2022FA"),
            *terms("moved", "2023FA", college="C2"),
            *terms("certificate", "2022FA", "2023SP", credential="Certificate"),
            *terms("left", "2022FA", "2023SP"),
            *terms("stopped-out", "2022FA", "2024FA"),
            *terms("spring-start", "2023SP", "2023FA"),
            *terms("too-new", "2024FA"),
        ],
    )
    persistence = measure("college-persistence", {"college": college})
    assert statuses(persistence) == {
        "there-at-the-start": "MISSING", "stayed": "RETURNED", "moved": "RETURNED", "certificate": "ATTAINED",
        "left": "LEFT", "stopped-out": "LEFT", "too-new": "MISSING",
    }  # fmt: skip
    (row,) = persistence.summary().to_dict("records")
    assert (row["cohort"], row["counted"], row["met"]) == (2022, 5, 3)
    assert statuses(measure("college-retention", {"college": college}))["moved"] == "LEFT"


def test_credentials_within_three_years(measure):
    rows = [("start", "C", {"term": "2019FA"})]
    for person, earned in (("quick", "2022SP"), ("slow", "2023FA"), ("never", None)):
        rows += [(person, "C", {"term": "2020FA"})]
        rows += [(person, "C", {"term": earned, "credential": "Associate"})] if earned else []
    outcomes = measure("credential-3-years", {"college": table("college", rows)})
    assert statuses(outcomes) == {
        "start": "MISSING", "quick": "EARNED", "slow": "NOT_EARNED", "never": "NOT_EARNED",
    }  # fmt: skip


def test_employment_and_median_earnings_in_the_second_and_fourth_quarter(measure):
    students = Students()
    for person in ("two-jobs", "one-job", "third-job", "unpaid", "other-quarter", "nowhere"):
        students.attend(person, start=2024, grades=["12"], exit_type="01921")  # exit in 2024Q2
    students.attend("returned", start=2023, grades=["11"], exit_type="01927")
    students.attend("returned", start=2024, grades=["12"])
    students.attend("transferred", start=2024, grades=["12"], exit_type="01909")
    students.attend("recent", start=2025, grades=["12"], exit_type="01921")
    wages = table(
        "wages",
        [
            ("two-jobs", "W", {"quarter": "2024Q4", "earnings": 3000}),
            ("two-jobs", "W", {"quarter": "2024Q4", "earnings": 1000.5}),
            ("one-job", "W", {"quarter": "2024Q4", "earnings": 2500}),
            ("one-job", "W", {"quarter": "2025Q2", "earnings": 7000}),
            ("third-job", "W", {"quarter": "2024Q4", "earnings": 6000}),
            ("unpaid", "W", {"quarter": "2024Q4", "earnings": 0}),
            ("other-quarter", "W", {"quarter": "2025Q1", "earnings": 5000}),
        ],
    )
    second = measure("employment-q2", {"enrollment": students.table(), "wages": wages})
    assert statuses(second) == {
        "two-jobs": "EMPLOYED", "one-job": "EMPLOYED", "third-job": "EMPLOYED", "unpaid": "NOT_EMPLOYED",
        "other-quarter": "NOT_EMPLOYED", "nowhere": "NOT_LINKED", "recent": "MISSING",
    }  # fmt: skip
    (row,) = second.summary().to_dict("records")
    assert (row["counted"], row["met"], row["median"]) == (6, 3, 4000.5)
    fourth = measure("employment-q4", {"enrollment": students.table(), "wages": wages}).summary().to_dict("records")
    assert [(row["counted"], row["met"], row["median"]) for row in fourth] == [(6, 1, 7000.0)]


def test_absence_is_summed_over_the_schools_of_a_year(measure):
    def year(person, enrolled, absent, school="A1", provider="A"):
        values = {"school_year": 2024, "grade": "05", "school": school}
        return person, provider, values | {"days_enrolled": enrolled, "days_absent": absent}

    attendance = table(
        "enrollment",
        [
            year("present", 180, 17),
            year("tenth", 180, 18),
            # 20 of 90 and 2 of 90: chronic in one school, 12.2 % over the year.
            year("mover", 90, 20),
            year("mover", 90, 2, "B1", "B"),
            # 9 of 90 and 1 of 90 are 5.6 % together, though 10 % in one school.
            year("calmer", 90, 9),
            year("calmer", 90, 1, "B1", "B"),
            year("brief", 9, 9),
            year("unknown", None, 3),
            year("twice", 180, 17),
            year("twice", 180, 17),
        ],
    )
    outcomes = measure("chronic-absence", {"enrollment": attendance})
    assert statuses(outcomes) == {
        "present": "NOT_CHRONIC", "tenth": "CHRONIC", "mover": "CHRONIC", "calmer": "NOT_CHRONIC",
        "brief": "TOO_SHORT", "unknown": "MISSING", "twice": "NOT_CHRONIC",
    }  # fmt: skip
    (row,) = outcomes.summary().to_dict("records")
    assert (row["counted"], row["met"]) == (5, 2)


def test_growth_is_of_the_same_students(measure):
    def test(person, year, grade, score, provider="A"):
        return person, provider, {"school_year": year, "grade": grade, "reading_score": score}

    scores = table(
        "scores",
        [
            test("gained", 2023, "04", 2400), test("gained", 2024, "05", 2430),
            test("lost", 2023, "04", 2500), test("lost", 2024, "05", 2490),
            test("joined", 2024, "05", 2600),
            test("left", 2023, "04", 2300),
            test("repeated", 2023, "04", 2350), test("repeated", 2024, "04", 2380),
            test("skipped", 2023, "04", 2450), test("skipped", 2024, "06", 2550),
            test("disputed", 2023, "04", 2400), test("disputed", 2024, "05", 2410),
            test("disputed", 2024, "05", 2440, "B"),
            test("gap", 2022, "03", 2300), test("gap", 2024, "05", 2400),
        ],
    )  # fmt: skip
    outcomes = measure("growth-reading", {"scores": scores})
    found = outcomes.persons[outcomes.persons["cohort"] == 2024].set_index("release_id")
    assert found["status"].to_dict() == {
        "gained": "MEASURED", "lost": "MEASURED", "joined": "NO_EARLIER_SCORE", "repeated": "REPEATED_GRADE",
        "skipped": "OTHER_GRADE", "disputed": "CONFLICT", "gap": "NO_EARLIER_SCORE",
    }  # fmt: skip
    (row,) = outcomes.summary().to_dict("records")
    assert (row["counted"], row["met"], row["mean"]) == (2, 1, 10.0)


def test_readiness_to_reading_uses_the_first_attempt_and_says_who_has_none(measure):
    readiness = table(
        "readiness",
        [
            ("reader", "E", {"year": 2019, "score": 75}),
            ("repeater", "E", {"year": 2019, "score": 60}),
            ("behind", "E", {"year": 2019, "score": 41}),
            ("twice", "E", {"year": 2018, "score": 40}),
            ("twice", "E", {"year": 2019, "score": 66}),
            ("untested", "E", {"year": 2019, "score": 70}),
            ("stranger", "E", {"year": 2019, "score": 70}),
            ("young", "E", {"year": 2022, "score": 70}),
        ],
    )

    def reading(person, year, level, grade="03"):
        return person, "A", {"school_year": year, "grade": grade, "reading_level": level}

    scores = table(
        "scores",
        [
            reading("reader", 2023, 4), reading("repeater", 2023, 2), reading("repeater", 2024, 3),
            reading("behind", 2023, 3), reading("twice", 2023, 1), reading("untested", 2024, 3, "04"),
        ],
    )  # fmt: skip
    outcomes = measure("readiness-to-reading", {"readiness": readiness, "scores": scores})
    assert statuses(outcomes) == {
        "reader": "PROFICIENT", "repeater": "NOT_PROFICIENT", "behind": "PROFICIENT", "twice": "NOT_PROFICIENT",
        "untested": "NO_TEST", "stranger": "NOT_LINKED", "young": "MISSING",
    }  # fmt: skip
    rows = {row["part"]: (row["counted"], row["met"]) for row in outcomes.summary().to_dict("records")}
    assert rows == {"ready": (3, 1), "not ready": (1, 1)}


def test_ninth_graders_on_track(measure):
    students = Students().attend("past", start=2019, grades=["09", "10"])
    students.attend("first-year", start=2019, grades=["09", "09", "10"])
    students.attend("promoted", start=2020, grades=["08", "09", "10"])
    students.attend("retained", start=2020, grades=["08", "09", "09", "10"])
    students.attend("left", start=2021, grades=["09"], exit_type="01927")
    students.attend("gone", start=2021, grades=["09"], exit_type="01909")
    students.attend("disputed", start=2021, grades=["09", "10"])
    students.attend("disputed", "B", start=2022, grades=["09"])
    expected = {
        "past": "MISSING", "first-year": "MISSING", "promoted": "ON_TRACK", "retained": "RETAINED", "left": "LEFT",
        "gone": "REMOVED", "disputed": "CONFLICT",
    }  # fmt: skip
    assert statuses(measure("ninth-grade-on-track", {"enrollment": students.table()})) == expected
    settled = measure("ninth-grade-on-track", {"enrollment": students.table()}, grade_precedence=("B", "A"))
    assert statuses(settled)["disputed"] == "RETAINED"


def test_every_ready_definition_loads_and_states_its_authority():
    definitions = [load_measure(each) for each in known_measures()]
    assert len(definitions) >= 12
    assert all(each.id == known and each.authority for each, known in zip(definitions, known_measures(), strict=True))


def test_a_definition_with_an_unknown_field_is_refused_with_its_line():
    text = "kind: MeasureDefinition\nschema_version: 1\nid: x\ntitle: X\nauthority: Y\ncounted: a\nmet: b\n"
    with pytest.raises(InputError, match=r"mine\.yaml:8"):
        parse_measure(text + "method: {kind: chronic_absence, share: 0.1, fewest_days: 10, days: 3}\n", "mine.yaml")
    with pytest.raises(InputError, match="acgr-4"):
        load_measure("nothing")


def test_a_missing_table_is_named(measure):
    with pytest.raises(InputError, match="role of wages"):
        measure("employment-q2", {"enrollment": Students().attend("a", start=2020, grades=["09"]).table()})


def test_every_ready_definition_is_in_the_documentation_as_it_is():
    page = (Path(__file__).parents[2] / "docs" / "measures.md").read_text("utf-8")
    for definition in map(load_measure, known_measures()):
        assert f"| `{definition.id}` | {definition.title} | {definition.authority} |" in page
        assert definition.counted.strip() in page
