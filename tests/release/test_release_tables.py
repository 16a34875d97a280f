import secrets
from datetime import date

import numpy as np
import pandas as pd
import pytest

from linkage.errors import DisclosureError, InputError
from linkage.release.identifiers import release_ids
from linkage.release.permission import PermittedRelease
from linkage.release.tables import make_table
from linkage.release.workspace import Workspace


class World:
    """Students of one district by number, with what two other agencies know of them."""

    def __init__(self):
        self.payloads = {
            "district.enrollment": pd.DataFrame(
                columns=["person_token", "SchoolYear", "School", "Race", "DaysAbsent"], dtype="string"
            ),
            "college.terms": pd.DataFrame(columns=["person_token", "term"], dtype="string"),
            "workforce.wages": pd.DataFrame(
                columns=["person_token", "quarter", "employer_id", "earnings"], dtype="string"
            ),
        }
        self.known = {}

    def add(self, key, people, **columns):
        letter = {"district": "a", "college": "c", "workforce": "f"}[key.split(".")[0]]
        tokens = [f"{letter}{person:031d}" for person in people]
        rows = pd.DataFrame({"person_token": tokens} | columns, dtype="string")
        self.payloads[key] = pd.concat([self.payloads[key], rows], ignore_index=True)
        for person, token in zip(people, tokens, strict=True):
            self.known[key.split(".")[0], token] = person
        return self

    def crosswalk(self):
        ids = release_ids(sorted(set(self.known.values())), secrets.token_bytes)
        rows = [(agency, token, ids[person]) for (agency, token), person in self.known.items()]
        return pd.DataFrame(rows, columns=["agency", "person_token", "release_id"])


@pytest.fixture
def make(agreement, today, tmp_path):
    def go(world, output, release="first", history=(), day=today):
        permitted = PermittedRelease(agreement, output, "university", "research", day)
        payloads = {key: world.payloads[key] for key in (dataset.key for dataset in permitted.datasets)}
        return make_table(permitted, payloads, world.crosswalk(), Workspace(tmp_path), release, history)

    return go


def cell(table, measure, **keys):
    frame = table.frame
    for column, value in keys.items():
        frame = frame[frame[column] == value]
    assert len(frame) == 1
    return frame[measure].iloc[0]


def schools(**sizes):
    """People 0, 1, ... in schools of the given sizes, all of one race."""
    world, start = World(), 0
    for school, size in sizes.items():
        world.add("district.enrollment", range(start, start + size), SchoolYear="2021", School=school, Race="W")
        start += size
    return world


def test_persons_are_counted_once_and_a_school_change_is_not_picked_from(make):
    world = schools(A=40, B=30)
    world.add("district.enrollment", range(12), SchoolYear="2022", School="B", Race="W")
    table = make(world, "college-by-school")
    assert cell(table, "students", School="A", Race="Total") == 28
    assert cell(table, "students", School="(several)", Race="Total") == 12
    assert cell(table, "students", School="Total", Race="Total") == 70


def test_a_rate_shows_only_where_both_sides_could_be_shown(make):
    world = schools(A=100, B=100)
    world.add("college.terms", [*range(30), *range(100, 195)], term="2024FA")
    table = make(world, "college-by-school")
    assert cell(table, "students", School="A", Race="Total") == 100
    assert cell(table, "went", School="A", Race="Total") == "*"  # hides the 5 of B who did not go
    assert cell(table, "went", School="B", Race="Total") == "*"
    assert cell(table, "went", School="Total", Race="Total") == "60-64%"


def test_everyone_or_no_one_is_not_told(make):
    world = schools(A=50, B=50, C=50)
    world.add("college.terms", [*range(50), *range(60, 85), *range(110, 130)], term="2024FA")
    table = make(world, "college-by-school")
    assert cell(table, "went", School="A", Race="Total") == "*"


def test_a_small_school_is_hidden_and_its_neighbour_with_it(make):
    table = make(schools(A=40, B=30, C=4), "college-by-school")
    hidden = table.frame[(table.frame["Race"] == "Total") & (table.frame["students"] == "*")]
    assert "C" in set(hidden["School"])
    assert len(hidden) >= 2
    assert table.certificate.passed


def test_within_periods_persons_are_counted_in_each_and_never_across(make):
    world = World()
    world.add("district.enrollment", range(40), SchoolYear="2021", School="A", DaysAbsent="4")
    world.add("district.enrollment", range(40), SchoolYear="2022", School="B", DaysAbsent="8")
    world.add("district.enrollment", range(40, 60), SchoolYear="2022", School="B", DaysAbsent="2")
    table = make(world, "absence-by-year")
    assert cell(table, "students", SchoolYear="2021", School="Total") == 40
    assert cell(table, "students", SchoolYear="2022", School="B") == 60
    assert cell(table, "days", SchoolYear="2022", School="B") == 6.0
    assert "Total" not in set(table.frame["SchoolYear"])


def test_earnings_of_two_jobs_are_one_income_and_the_median_is_over_persons(make):
    world = schools(A=20)
    for job, amount in (("E1", "1000"), ("E2", "500"), ("E3", "250"), ("E4", "250")):
        world.add("workforce.wages", range(20), quarter="2024Q1", employer_id=job, earnings=amount)
    table = make(world, "earnings-by-school")
    assert cell(table, "workers", School="Total") == "*"  # each person counts for one employer, and all for the same
    world = schools(A=40)
    for person in range(40):
        pay = {"quarter": "2024Q1", "employer_id": f"E{person % 8}", "earnings": str(1000 + person)}
        world.add("workforce.wages", [person, person], **pay)
    table = make(world, "earnings-by-school")
    assert cell(table, "workers", School="A") == 40
    assert float(cell(table, "total", School="A")) == 2 * sum(1000 + person for person in range(40))
    assert cell(table, "middle", School="A") == 2040  # 2 x 1,019.5 = 2,039, kept to three figures


def test_without_its_periods_a_median_is_of_each_persons_average_period_and_a_sum_of_all(make):
    world = schools(A=40)
    for quarter, amount in (("2024Q1", 1000), ("2024Q2", 3000)):
        for job in range(2):
            employers = [f"E{person % 8 + job}" for person in range(40)]
            world.add("workforce.wages", range(40), quarter=quarter, employer_id=employers, earnings=str(amount))
    table = make(world, "earnings-by-school")
    assert cell(table, "middle", School="A") == 4000
    assert float(cell(table, "total", School="A")) == 40 * 2 * (1000 + 3000)


def test_the_persons_of_a_table_are_those_of_its_first_dimensions_dataset(make):
    world = schools(A=40)
    world.add("college.terms", range(20, 80), term="2024FA")
    assert cell(make(world, "college-by-school"), "students", School="Total", Race="Total") == 40


def test_a_cell_of_few_employers_is_hidden_though_its_persons_are_many(make):
    world = schools(A=60, B=60, C=60)
    people = np.arange(180)
    employers = [f"E{person % 2}" if person < 60 else f"E{person % 12 + 2}" for person in people]
    world.add(
        "workforce.wages", people, quarter="2024Q1", employer_id=employers, earnings=[str(2000 + p) for p in people]
    )
    table = make(world, "earnings-by-school")
    for measure in ("workers", "total", "middle"):
        assert cell(table, measure, School="A") == "*"
    assert cell(table, "workers", School="Total") == 180


def test_people_of_whom_nothing_is_known_are_told_apart(make):
    world = schools(A=30)
    world.add("district.enrollment", range(30, 50), SchoolYear="2021", School="A")
    table = make(world, "college-by-school")
    assert cell(table, "students", School="A", Race="(missing)") == 20
    world.add("college.terms", range(100, 120), term="2024FA")
    table = make(world, "college-of-both")
    assert cell(table, "students", School="(not linked)", Race="(not linked)") == 20


def test_a_later_table_that_would_undo_an_earlier_one_is_refused(make):
    world = schools(A=60, B=40, C=4)
    first = make(world, "college-by-school", release="2026")
    with pytest.raises(DisclosureError, match="2026"):
        make(schools(A=60, B=40), "college-by-school", release="2027", history=[first.record])


def test_the_same_table_again_is_allowed_under_new_release_ids(make):
    world = schools(A=60, B=40, C=4)
    first = make(world, "college-by-school", release="2026")
    second = make(world, "college-by-school", release="2027", history=[first.record])
    pd.testing.assert_frame_equal(first.frame, second.frame)


NEXT_YEAR = date(2027, 7, 1)


def grown(**sizes):
    """The same students a year later: some changed school, some have come, and one more year is there."""
    world = schools(**sizes)
    total = sum(sizes.values())
    world.add("district.enrollment", range(15), SchoolYear="2022", School="B", Race="W")
    world.add("district.enrollment", range(total, total + 30), SchoolYear="2022", School="A", Race="W")
    return world


def test_a_cumulative_table_is_released_again_a_year_later_with_who_has_come_since(make):
    first = make(schools(A=60, B=45), "college-by-school", release="2026")
    second = make(grown(A=60, B=45), "college-by-school", "2027", [first.record], NEXT_YEAR)
    assert cell(first, "students", School="Total", Race="Total") == 105
    assert cell(second, "students", School="Total", Race="Total") == 135
    assert cell(second, "students", School="(several)", Race="Total") == 15
    vintages = [system.vintages for system in second.certificate.systems]
    assert ("2026-09-01", "2027-07-01") in vintages  # the difference of the two is guarded, not refused


def test_the_few_who_have_come_since_are_not_told_by_the_difference(make):
    first = make(schools(A=60, B=45), "college-by-school", release="2026")
    world = schools(A=60, B=45)
    world.add("district.enrollment", range(105, 109), SchoolYear="2022", School="A", Race="W")
    with pytest.raises(DisclosureError, match="2026"):
        make(world, "college-by-school", "2027", [first.record], NEXT_YEAR)


def test_a_table_by_year_grows_by_a_year_and_keeps_the_years_it_had(make):
    first = make(schools(A=60, B=45), "absence-by-year", release="2026")
    second = make(grown(A=60, B=45), "absence-by-year", "2027", [first.record], NEXT_YEAR)
    assert cell(second, "students", SchoolYear="2021", School="Total") == 105
    assert cell(second, "students", SchoolYear="2022", School="Total") == 45


def test_a_table_of_nobody_is_refused(make):
    with pytest.raises(InputError, match="No person"):
        make(World(), "college-by-school")


def test_columns_are_described_with_their_sources(make):
    table = make(schools(A=40), "college-by-school")
    assert [column.name for column in table.columns] == list(table.frame.columns)
    assert table.columns[0].sources == ("district.enrollment.School",)


def leavers(world, people, school, exit_type, left="2024-06-10"):
    """Have people finish the four years of high school in the class of 2024."""
    for year, grade in zip(range(2021, 2025), ("09", "10", "11", "12"), strict=True):
        last = {"ExitDate": left, "ExitType": exit_type} if year == 2024 else {}
        world.add(
            "district.enrollment", people, SchoolYear=str(year), School=school, Grade=grade, CohortYear="2024", **last
        )


def test_a_defined_rate_counts_whom_its_definition_counts(make):
    world = World()
    leavers(world, range(60), "A", "01921")
    leavers(world, range(60, 80), "A", "01927")
    leavers(world, range(80, 100), "A", "01909")  # transferred out: in neither side
    table = make(world, "graduation")
    assert cell(table, "cohort", CohortYear="2024") == 80
    assert cell(table, "graduated", CohortYear="2024") == "75-79%"
    graduated = next(column for column in table.columns if column.name == "graduated")
    assert "ESEA section 8101(25)" in graduated.description


def test_a_yearly_measure_is_joined_to_its_school_year(make):
    world = World()
    people = range(40)
    for year, absent in (("2022", ["20"] * 20 + ["1"] * 20), ("2023", ["20"] * 30 + ["1"] * 10)):
        world.add(
            "district.enrollment",
            people,
            SchoolYear=year,
            School="A",
            Grade="10",
            DaysEnrolled="100",
            DaysAbsent=absent,
        )
    table = make(world, "chronic")
    assert cell(table, "chronic", SchoolYear="2022", School="A") == "50-59%"
    assert cell(table, "chronic", SchoolYear="2023", School="A") == "70-79%"


def test_earnings_of_leavers_are_those_of_the_second_quarter_after_exit(make):
    world = World()
    leavers(world, range(50), "A", "01921")
    paid = range(30)
    employers = [f"E{person % 6}" for person in paid]
    for quarter, amount in (("2024Q3", 9000), ("2024Q4", 2000)):
        pay = [str(amount + 10 * person) for person in paid]
        world.add("workforce.wages", paid, quarter=quarter, employer_id=employers, earnings=pay)
    world.add("workforce.wages", range(40, 50), quarter="2024Q3", employer_id="E9", earnings="8000")
    table = make(world, "leavers")
    assert cell(table, "employed", School="A") == "60-69%"
    assert cell(table, "median-earnings", School="A") == 2140  # 2,145 to three figures, half to even
    few = World()
    leavers(few, range(50), "A", "01921")
    few.add("workforce.wages", paid, quarter="2024Q4", employer_id="E1", earnings="3000")
    assert cell(make(few, "leavers"), "median-earnings", School="A") == "*"


def test_a_measure_that_does_not_fit_its_table_is_refused_with_the_reason(make):
    with pytest.raises(InputError) as error:
        make(schools(A=40), "misfit")
    assert any("acgr-4 is of a cohort" in problem for problem in error.value.problems)
    assert any("no amount" in problem for problem in error.value.problems)
