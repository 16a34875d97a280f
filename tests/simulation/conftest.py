import pandas
import pytest

from linkage.simulation import simulate


@pytest.fixture(scope="session")
def world():
    """Enough people for every kind of error to be counted."""
    return simulate(30_000, seed=11)


@pytest.fixture(scope="session")
def registers(world):
    """The register of each agency with what the truth says of its rows, by position."""
    people = world.population
    tables = {}
    for agency in world.agencies:
        table = agency.register.table.to_pandas()
        table["person"] = agency.persons
        table["errors"] = [set(kinds.split()) for kinds in agency.errors]
        table["true_birth"] = pandas.to_datetime(people.birth[agency.persons], unit="D")
        table["true_female"] = people.sex[agency.persons] == 0
        table["true_ssn"] = people.ssn[agency.persons].astype(str)
        tables[agency.name] = table
    return tables
