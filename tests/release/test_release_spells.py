"""Spells: runs of periods, by hand."""

import secrets

import pandas as pd
import pytest

from linkage.release.assemble import assemble
from linkage.release.identifiers import release_ids
from linkage.release.permission import PermittedRelease
from linkage.release.workspace import Workspace


@pytest.fixture
def spells(agreement, today, tmp_path):
    """Make spells of (person, year, school) and (person, term, full time), by person's number."""

    def make(schools, terms=()):
        people = sorted({person for person, *_ in (*schools, *terms)})
        ids = release_ids([str(person) for person in people], secrets.token_bytes)
        who = pd.DataFrame(
            [
                (agency, f"{letter}{person:031d}", ids[str(person)])
                for agency, letter in (("district", "a"), ("college", "c"))
                for person in people
            ],
            columns=["agency", "person_token", "release_id"],
        )

        def rows(letter, records, columns):
            tokens = [(f"{letter}{person:031d}", *values) for person, *values in records]
            return pd.DataFrame(tokens, columns=["person_token", *columns], dtype="string")

        payloads = {
            "district.enrollment": rows("a", schools, ["SchoolYear", "School"]),
            "college.terms": rows("c", terms, ["term", "fulltime"]),
        }
        permitted = PermittedRelease(agreement, "spells", "university", "research", today)
        content = assemble(permitted, payloads, who, Workspace(tmp_path))
        found = content["spells"].frame()
        back = {release_id: int(person) for person, release_id in ids.items()}
        names = ["first_period", "last_period", "periods"]
        records = [
            (back[row["release_id"]], row["School"] if pd.notna(row["School"]) else row["fulltime"], *row[names])
            for _, row in found.iterrows()
        ]
        return sorted(records, key=str), content["spells"]

    return make


def test_years_at_one_school_are_one_spell_and_a_gap_or_another_school_ends_it(spells):
    others = [(9, year, "Z") for year in ("2020", "2021", "2022", "2023", "2024")]
    stays = [(1, year, "A") for year in ("2020", "2021", "2022")]
    moves = [(2, "2020", "A"), (2, "2021", "B"), (2, "2022", "B")]
    leaves = [(3, "2020", "A"), (3, "2021", "A"), (3, "2024", "A")]
    found, _ = spells([*others, *stays, *moves, *leaves])
    assert found == [
        (1, "A", "2020", "2022", 3),
        (2, "A", "2020", "2020", 1),
        (2, "B", "2021", "2022", 2),
        (3, "A", "2020", "2021", 2),
        (3, "A", "2024", "2024", 1),
        (9, "Z", "2020", "2024", 5),
    ]


def test_two_schools_in_a_year_are_two_spells_that_overlap(spells):
    found, _ = spells([(1, "2020", "A"), (1, "2021", "A"), (1, "2021", "B"), (1, "2022", "B")])
    assert found == [(1, "A", "2020", "2021", 2), (1, "B", "2021", "2022", 2)]


def test_a_year_in_which_nobody_has_a_record_breaks_no_spell(spells):
    found, _ = spells([(1, "2019", "A"), (1, "2021", "A"), (2, "2019", "A")])
    assert found == [(1, "A", "2019", "2021", 2), (2, "A", "2019", "2019", 1)]


def test_spring_comes_before_the_autumn_of_its_year(spells):
    terms = [(1, "2023FA", "true"), (1, "2024SP", "true"), (1, "2024FA", "true"), (2, "2023FA", "true")]
    found, table = spells([(1, "2020", "A")], [*terms, (2, "2024FA", "true"), (3, "2024SP", "false")])
    assert [each for each in found if each[1] != "A"] == [
        (1, True, "2023FA", "2024FA", 3),
        (2, True, "2023FA", "2023FA", 1),
        (2, True, "2024FA", "2024FA", 1),
        (3, False, "2024SP", "2024SP", 1),
    ]
    described = {column.name: column for column in table.columns}
    assert list(described) == list(table.frame().columns)
    assert "School in district.enrollment" in described["dataset"].description
