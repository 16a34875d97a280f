import numpy as np
import pandas
import pytest

from linkage.hashing.columns import recognise
from linkage.simulation import Years, simulate
from linkage.simulation.families import CHILD
from linkage.spec.load import load_spec

DISTRICTS = {"lakeside-district": "StudentUniqueId", "riverbend-district": "Student_ID"}


def frame(world, agency, file):
    """One file of the world, its words as text and not as categories."""
    table = next(f.table.to_pandas() for f in world.agency(agency).files if f.name == file)
    return table.astype(dict.fromkeys(table.select_dtypes("category"), object))


@pytest.fixture(scope="module")
def enrollment(world):
    """Enrolments of both districts with the person of each."""
    parts = []
    for name, local_id in DISTRICTS.items():
        agency = world.agency(name)
        person = pandas.Series(agency.persons, index=agency.register.column(local_id).to_pylist())
        table = frame(world, name, "enrollment.csv")
        parts.append(table.assign(person=table[local_id].astype(str).map(person), district=name))
    return pandas.concat(parts, ignore_index=True)


def test_only_lakeside_holds_people_twice_and_about_as_many_as_were_set(world):
    for agency in world.agencies:
        twice = len(agency.persons) - len(np.unique(agency.persons))
        assert agency.duplicates == (agency.name == "lakeside-district")
        if agency.duplicates:
            assert 0.02 < twice / len(agency.persons) < 0.035
            assert np.bincount(agency.persons).max() == 2
        else:
            assert twice == 0


def test_local_ids_are_distinct_and_payload_speaks_of_no_one_else(world):
    for agency in world.agencies:
        ids = agency.register.column(agency.local_id).to_pylist()
        assert len(set(ids)) == len(ids) == len(agency.persons)
        for file in agency.payload:
            assert set(file.columns[0].values.unique().to_pylist()) <= set(ids)


def test_local_ids_tell_nothing_of_who_is_whose_neighbour(world):
    for agency in world.agencies:
        correlation = np.corrcoef(np.arange(len(agency.persons)), agency.persons)[0, 1]
        assert abs(correlation) < 4 / np.sqrt(len(agency.persons))


def test_the_truth_covers_every_row_of_every_register_once(world):
    truth = world.truth.table.to_pandas()
    rows = [(a.name, local_id) for a in world.agencies for local_id in a.register.column(a.local_id).to_pylist()]
    assert list(zip(truth.agency, truth.local_id, strict=True)) == rows
    assert not truth.isna().any().any()
    persons = np.concatenate([agency.persons for agency in world.agencies])
    assert (truth.person_id == [f"P{person:07}" for person in persons]).all()
    assert truth.groupby("person_id").household_id.nunique().max() == 1


def test_each_agency_knows_some_of_the_people_and_each_school_shares_some_with_every_other_agency(world):
    known = {agency.name: set(agency.persons.tolist()) for agency in world.agencies}
    for name, persons in known.items():
        assert 0.005 < len(persons) / world.people < 0.75, name
    for district in DISTRICTS:
        for other in known.keys() - {district}:
            assert len(known[district] & known[other]) > 50, other


def test_every_register_keeps_its_names_under_headers_that_the_default_spec_recognises(world):
    spec = load_spec()
    for agency in world.agencies:
        found = recognise(agency.register.table.column_names, spec).identifiers
        expected = {"first_name", "middle_name", "last_name", "street", "city", "postal_code"}
        expected |= {"ssn"} if agency.name == "workforce" else {"birth_date", "sex"}
        assert expected <= found.keys()


def test_the_workforce_agency_knows_no_birth_date(world):
    assert not any("birth" in c.lower() or c == "DOB" for c in world.agency("workforce").register.table.column_names)


def test_a_child_is_in_one_grade_a_year_and_never_goes_back(enrollment):
    grade = enrollment.GradeLevel.astype(str).replace("KG", "00").astype(int)
    table = enrollment.assign(grade=grade).sort_values(["person", "SchoolYear"])
    assert (table.groupby(["person", "SchoolYear"]).grade.nunique() == 1).all()
    yearly = table.drop_duplicates(["person", "SchoolYear"])
    same = yearly.person.eq(yearly.person.shift())
    step = yearly.grade.diff()[same] - yearly.SchoolYear.diff()[same]
    assert set(step.unique()) <= {0, -1}


def test_no_child_is_enrolled_for_more_days_than_a_year_has_even_when_it_moves_between_districts(enrollment):
    assert enrollment.groupby(["person", "SchoolYear"]).DaysEnrolled.sum().max() <= 178
    both = enrollment.groupby(["person", "SchoolYear"]).district.nunique()
    assert (both == 2).sum() > 20
    assert (enrollment.DaysAbsent <= enrollment.DaysEnrolled).all()


def test_the_second_id_of_a_student_takes_over_where_the_first_ends(world):
    agency = world.agency("lakeside-district")
    table = frame(world, "lakeside-district", "enrollment.csv")
    person = pandas.Series(agency.persons, index=agency.register.column("StudentUniqueId").to_pylist())
    table["person"] = table.StudentUniqueId.astype(str).map(person)
    assert not table.duplicated(["person", "SchoolYear"]).any()
    assert table.groupby("person").StudentUniqueId.nunique().max() == 2


def test_most_but_not_all_of_a_cohort_graduate_and_a_diploma_ends_school(enrollment):
    cohort = enrollment[enrollment.CohortYear == 2022]
    graduates = set(cohort[cohort.ExitWithdrawType == "01921"].person)
    left = set(cohort[cohort.ExitWithdrawType.isin(["01908", "01909"])].person) - graduates
    assert 0.75 < len(graduates) / len(set(cohort.person) - left) < 0.95
    done = enrollment[enrollment.ExitWithdrawType == "01921"]
    last = enrollment.groupby("person").SchoolYear.max()
    assert (done.SchoolYear == done.person.map(last)).all()
    assert done.DiplomaType.eq("Regular diploma").all()
    assert done.GradeLevel.eq("12").all()


def test_cohort_year_is_four_years_of_high_school_after_first_entering_grade_nine(enrollment):
    ninth = enrollment[enrollment.GradeLevel == "09"].groupby("person").SchoolYear.min()
    seen_before = set(enrollment[enrollment.GradeLevel == "08"].person)
    ninth = ninth[ninth.index.isin(seen_before)]
    cohort = enrollment.dropna(subset="CohortYear").groupby("person").CohortYear
    assert (cohort.nunique() == 1).all()
    assert (cohort.first()[ninth.index] == ninth + 3).all()


def test_college_comes_after_high_school_and_wages_after_the_sixteenth_birthday(world, enrollment):
    colleges = world.agency("state-colleges")
    person = pandas.Series(colleges.persons, index=colleges.register.column("student_id").to_pylist())
    terms = frame(world, "state-colleges", "enrollments.csv")
    terms["person"] = terms.student_id.astype(str).map(person)
    autumns = terms[terms.term.astype(str).str.endswith("FA")]
    first = autumns.groupby("person").term.min().astype(str).str[:4].astype(int)
    diploma = enrollment[enrollment.ExitWithdrawType == "01921"].set_index("person").SchoolYear
    both = first.index.intersection(diploma.index)
    assert len(both) > 300
    assert (first[both] >= diploma[both]).all()
    workers = world.agency("workforce").persons
    assert world.population.birth_year[workers].max() <= 2026 - 15


def test_wages_have_employers_in_one_industry_each_and_no_worker_twice_with_an_employer_in_a_quarter(world):
    wages = frame(world, "workforce", "wages.csv")
    assert wages.groupby("EmployerId", observed=True).NAICS.nunique().max() == 1
    assert not wages.duplicated(["WageRecordId", "Quarter", "EmployerId"]).any()
    assert wages.Earnings.min() >= 25
    assert 4000 < wages.Earnings.median() < 15000


def test_placements_of_a_child_follow_one_another(world):
    placements = frame(world, "child-welfare", "placements.csv").sort_values(["ChildID", "PlacementBegin"])
    same = placements.ChildID.eq(placements.ChildID.shift())
    assert (placements.PlacementBegin[same] >= placements.PlacementEnd.shift()[same]).all()


def test_early_learners_are_children_and_most_of_them_come_to_school_somewhere(world, enrollment):
    children = world.agency("early-learning").persons
    assert (world.population.role[children] == CHILD).all()
    assert np.isin(children, enrollment.person).mean() > 0.4


def test_a_world_of_a_thousand_people_and_one_year_has_rows_in_every_file():
    world = simulate(1000, seed=0, years=Years(2024, 2024))
    for agency in world.agencies:
        assert agency.register.rows > 0, agency.name
    assert world.agency("workforce").payload[0].rows > 500
