"""Measures of the simulated consortium, with every record linked to its true person, against what is true of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from linkage.release.measures.compute import Outcomes, compute
from linkage.release.measures.definition import load_measure
from linkage.release.measures.inputs import ROLES, MeasureInputs, Role
from linkage.release.workspace import Workspace
from linkage.simulation import simulate
from linkage.simulation.places import LAKESIDE, RIVERBEND
from linkage.simulation.schooling import DIPLOMA
from linkage.simulation.world import World

DISTRICTS = ("lakeside-district", "riverbend-district")
FILES: dict[Role, tuple[tuple[str, str], ...]] = {
    "enrollment": tuple((district, "enrollment.csv") for district in DISTRICTS),
    "scores": tuple((district, "assessments.csv") for district in DISTRICTS),
    "college": (("state-colleges", "enrollments.csv"),),
    "wages": (("workforce", "wages.csv"),),
}


@pytest.fixture(scope="module")
def world() -> World:
    return simulate(4000, seed=21)


@pytest.fixture(scope="module")
def payload(world: World) -> dict[Role, pd.DataFrame]:
    """Each role's rows as exported, with the true person in place of the agency's ID."""
    found = {}
    for role, files in FILES.items():
        parts = []
        for name, file in files:
            agency = world.agency(name)
            ids = agency.register.column(agency.local_id).to_pylist()
            person = pd.Series([f"P{number:07}" for number in agency.persons], index=ids)
            table = next(f for f in agency.payload if f.name == file).table.to_pandas().astype("string")
            parts.append(table.assign(release_id=table[agency.local_id].map(person), provider=name))
        found[role] = pd.concat(parts, ignore_index=True)
    return found


def role_table(role: Role, rows: pd.DataFrame) -> pd.DataFrame:
    plain = {header.lower(): header for header in rows.columns}
    columns = {"release_id": rows["release_id"], "provider": rows["provider"]}
    for column in ROLES[role]:
        header = next((plain[alias] for alias in column.aliases if alias in plain), None)
        columns[column.name] = rows[header] if header else pd.Series(pd.NA, index=rows.index, dtype="string")
    return pd.DataFrame(columns)


@pytest.fixture(scope="module")
def measured(payload, world, tmp_path_factory):
    tables = {role: role_table(role, rows) for role, rows in payload.items()}
    linked = {
        role: frozenset(f"P{number:07}" for name, _ in files for number in world.agency(name).persons)
        for role, files in FILES.items()
    }

    def run(measure_id: str) -> Outcomes:
        return compute(load_measure(measure_id), MeasureInputs(tables, linked), Workspace(tmp_path_factory.mktemp("m")))

    return run


def stayed(world: World) -> np.ndarray:
    """Find the pupils who lived in the two districts in every half-year from their first grade 9 to their last year."""
    careers, lives = world.careers, world.lives
    everyone = np.arange(world.population.size)
    stays = careers.child & careers.public
    for year in world.years.school_years:
        there = careers.attends(everyone, year) & (careers.grade(everyone, year) >= 9)
        for moment in (year - 0.3, year + 0.2):
            stays &= ~there | np.isin(lives.region(everyone, moment), [LAKESIDE, RIVERBEND])
    return stays


@pytest.mark.parametrize(("measure_id", "more"), [("acgr-4", 0), ("acgr-5", 1)])
def test_graduation_is_as_the_careers_of_those_who_stayed(world, measured, measure_id, more):
    careers = world.careers
    # Within the data from grade 9 to the deadline; who is gone in grade 9 may have left before the first year.
    whole = (careers.cohort_year - 3 > world.years.first) & (careers.cohort_year + more < world.years.last)
    true = pd.DataFrame(
        {
            "cohort": careers.cohort_year,
            "graduated": (careers.outcome == DIPLOMA) & (careers.final_year <= careers.cohort_year + more),
        },
        index=[f"P{number:07}" for number in range(world.population.size)],
    )[stayed(world) & whole]
    persons = measured(measure_id).persons.set_index("release_id")
    both = true.join(persons.add_suffix("_measured"), how="inner")
    assert len(both) == len(true) > 120
    assert (both["cohort"] == both["cohort_measured"]).all()
    assert (both["status_measured"].eq("GRADUATED") == both["graduated"]).all()
    assert set(both["status_measured"]) == {"GRADUATED", "NOT_GRADUATED"}


def test_a_year_in_college_is_that_of_the_true_persons_terms(payload, measured):
    leavers = payload["enrollment"].query("ExitWithdrawType == '01921'").groupby("release_id")["ExitWithdrawDate"].min()
    terms = payload["college"]
    month = terms["term"].str[4:].map({"FA": "-08-25", "SP": "-01-10"})
    begins = pd.to_datetime(terms["term"].str[:4] + month)
    diploma = pd.to_datetime(terms["release_id"].map(leavers))
    within = (begins > diploma) & (begins <= diploma + pd.DateOffset(months=16))
    persons = measured("postsecondary-16-months").persons.set_index("release_id")
    counted = persons[persons["counted"]]
    assert len(counted) > 150
    assert set(counted.index[counted["met"]]) == set(terms["release_id"][within]) & set(counted.index)
    unknown = set(counted.index[counted["status"] == "NO"])
    assert not unknown & set(terms["release_id"])


@pytest.mark.parametrize(("measure_id", "quarters"), [("employment-q2", 2), ("employment-q4", 4)])
def test_earnings_are_those_of_the_true_persons_quarter(payload, measured, measure_id, quarters):
    wages = payload["wages"]
    number = wages["Quarter"].str[:4].astype(int) * 4 + wages["Quarter"].str[-1].astype(int) - 1
    earned = wages["Earnings"].astype(float).groupby([wages["release_id"], number]).sum()
    ends = pd.to_datetime(payload["enrollment"]["ExitWithdrawDate"]).groupby(payload["enrollment"]["release_id"]).max()
    persons = measured(measure_id).persons.set_index("release_id")
    counted = persons[persons["counted"]]
    assert counted["met"].sum() > 60
    exits = ends[counted.index]
    wanted = pd.MultiIndex.from_arrays([counted.index, exits.dt.year * 4 + exits.dt.quarter - 1 + quarters])
    true = earned.reindex(wanted)
    assert (counted["met"].to_numpy() == true.gt(0).to_numpy()).all()
    assert np.allclose(counted["value"].to_numpy(dtype=float), true.where(true > 0).to_numpy(), equal_nan=True)
    assert not set(counted.index[counted["status"] == "NOT_LINKED"]) & set(wages["release_id"])


def test_absence_is_over_all_schools_of_the_true_person(payload, measured):
    rows = payload["enrollment"]
    days = rows.assign(enrolled=rows["DaysEnrolled"].astype(int), absent=rows["DaysAbsent"].astype(int))
    years = days.groupby(["release_id", "SchoolYear"])[["enrolled", "absent"]].sum()
    years = years[years["enrolled"] >= 10]
    persons = measured("chronic-absence").persons
    found = persons[persons["counted"]].assign(year=lambda frame: frame["cohort"].astype(str))
    found = found.set_index(["release_id", "year"])["met"].sort_index()
    true = (years["absent"] / years["enrolled"] >= 0.1).rename_axis(["release_id", "year"]).sort_index()
    assert len(found) == len(true) > 3000
    assert (found.to_numpy() == true.to_numpy()).all()


def test_growth_is_between_the_true_persons_own_tests(payload, measured):
    scores = payload["scores"].astype({"SchoolYear": int, "ReadingScaleScore": float})
    grade = scores["GradeLevel"].astype(int)
    now = scores.assign(grade=grade)[["release_id", "SchoolYear", "grade", "ReadingScaleScore"]]
    before = now.assign(SchoolYear=now["SchoolYear"] + 1, grade=now["grade"] + 1)
    both = now.merge(before, on=["release_id", "SchoolYear", "grade"], suffixes=("", "_before"))
    gains = (both["ReadingScaleScore"] - both["ReadingScaleScore_before"]).groupby(both["SchoolYear"]).mean()
    summary = measured("growth-reading").summary().query("counted > 0").set_index("cohort")
    assert np.allclose(summary["mean"].to_numpy(), gains[summary.index].to_numpy())
    assert summary["counted"].sum() == len(both) > 500
