import duckdb

from linkage.governance.datasets import Element
from linkage.release.coarsen import output_form


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
