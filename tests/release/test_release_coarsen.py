import duckdb
import pytest

from linkage.governance.datasets import Element
from linkage.release.coarsen import output_form
from linkage.release.rates import banded


def released(values, kind, **coarsen):
    """Release text values of one element through DuckDB, as assembly does."""
    element = Element.model_validate(
        {"name": 'odd "name"', "use": "output_coarsened", "type": kind, "coarsen": coarsen}, strict=False
    )
    with duckdb.connect() as connection:
        connection.execute('CREATE TABLE t ("odd ""name""" VARCHAR, place INTEGER)')
        connection.executemany("INSERT INTO t VALUES (?, ?)", [(value, place) for place, value in enumerate(values)])
        found = connection.execute(f"SELECT {output_form(element).sql} FROM t ORDER BY place").fetchall()
    return [row[0] for row in found]


def test_a_band_includes_its_lower_edge():
    values = ["-1", "0", "5.99", "6", "12", None]
    assert released(values, "number", method="band", edges=[0.0, 6.0, 12.0]) == [
        "<0", "0-<6", "0-<6", "6-<12", ">=12", None,
    ]  # fmt: skip


def test_a_date_keeps_its_year():
    assert released(["2008-03-09", None], "date", method="year") == [2008, None]


def test_a_number_is_rounded_to_its_base():
    assert released(["12", "13", "-13"], "integer", method="round", base=5.0) == [10.0, 15.0, -15.0]


def test_a_number_above_the_top_is_the_top_and_keeps_its_type():
    found = released(["3", "40", None], "integer", method="top_code", at=20.0)
    assert found == [3, 20, None] or found == [3, 20, 20]
    assert isinstance(found[0], int)


def test_a_code_is_cut_and_grouped():
    assert released(["55401", None], "code", method="truncate", characters=3) == ["554", None]
    grouped = released(["61", "62", "11", None], "code", method="group", groups={"services": ("61", "62")})
    assert grouped == ["services", "services", "other", None]


def test_a_group_may_hold_a_quote():
    assert released(["it's"], "code", method="group", groups={"o'clock": ("it's",)}) == ["o'clock"]


@pytest.mark.parametrize(
    ("share", "persons", "shown"),
    [
        (0.0, 10, "<50%"), (0.5, 15, ">=50%"), (0.2, 20, "<=20%"), (0.21, 30, "21-39%"), (0.45, 30, "40-59%"),
        (0.8, 30, ">=80%"), (0.1, 60, "<=10%"), (0.11, 60, "11-19%"), (0.4, 60, "40-49%"), (0.05, 300, "<=5%"),
        (0.06, 300, "6-9%"), (0.42, 134, "40-44%"), (0.95, 300, ">=95%"), (0.01, 301, "<=1%"), (0.333, 301, "33%"),
        (1.0, 301, ">=99%"),
    ],
)  # fmt: skip
def test_the_fewer_persons_the_wider_the_band(share, persons, shown):
    assert banded(share, persons) == shown
