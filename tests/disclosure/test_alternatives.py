"""Controlled rounding, grouping of masked categories, and the steward's page."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import linprog

from linkage.disclosure import DisclosureRules, Table, protect
from linkage.disclosure.merging import group_masked
from linkage.disclosure.page import steward_page
from linkage.disclosure.rounding import round_tables
from linkage.errors import InputError

RULES = DisclosureRules(person_threshold=5)


def counts(seed):
    rng = np.random.default_rng(seed)
    rows = [(f"s{i}", f"g{j}", int(rng.integers(0, 40))) for i in range(4) for j in range(3)]
    return pd.DataFrame(rows, columns=["school", "grade", "n"])


@pytest.mark.parametrize("seed", range(5))
def test_rounded_totals_are_sums_and_every_cell_is_a_neighbouring_multiple(seed):
    frame = counts(seed)
    (rounded,) = round_tables([Table("t", frame, ["school", "grade"], count="n")], 6, RULES)
    assert (rounded["count"] % 6 == 0).all()
    cells = rounded.set_index(["school", "grade"])["count"]
    for school in frame["school"].unique():
        assert cells[school, "Total"] == sum(cells[school, grade] for grade in frame["grade"].unique())
    assert cells["Total", "Total"] == sum(cells[school, "Total"] for school in frame["school"].unique())
    true = frame.set_index(["school", "grade"])["n"]
    assert all(abs(cells[key] - value) < 6 for key, value in true.items())


@pytest.mark.parametrize("seed", range(6))
def test_an_attacker_of_rounded_tables_finds_every_small_cell_able_to_reach_the_threshold(seed):
    frame = counts(seed).assign(half=lambda f: f["school"].map({"s0": "h0", "s1": "h0", "s2": "h1", "s3": "h1"}))
    table = Table("t", frame, ["school", "grade"], levels={"school": ("half",)}, count="n")
    (rounded,) = round_tables([table], 6, RULES)
    codes = frame[["school", "half", "grade"]].to_numpy()
    sums = []
    for row in rounded.to_dict("records"):
        level = {"school": 0, "half": 1, "Total": None}[row["school_level"]]
        match = np.ones(len(codes), dtype=bool) if level is None else codes[:, level] == row["school"]
        sums.append(match & ((codes[:, 2] == row["grade"]) | (row["grade"] == "Total")))
    sums = np.array(sums, dtype=float)
    shown, true = rounded["count"].to_numpy(float), sums @ frame["n"].to_numpy(float)
    body, limits = np.vstack([sums, -sums]), np.concatenate([shown + 5, -np.maximum(shown - 5, 0)])
    for target, value in zip(sums, true, strict=True):
        if 0 < value < RULES.person_threshold:
            assert linprog(target, A_ub=body, b_ub=limits, method="highs").fun <= value - 1 + 1e-6
            assert -linprog(-target, A_ub=body, b_ub=limits, method="highs").fun >= RULES.person_threshold - 1e-6


@pytest.mark.parametrize("base", [3, 5])
def test_a_base_that_does_not_exceed_the_threshold_is_refused(base):
    with pytest.raises(InputError, match="does not exceed the threshold"):
        round_tables([Table("t", counts(0), ["school", "grade"], count="n")], base, RULES)


def groups():
    return pd.DataFrame({"group": ["a", "b", "c", "d", "e"], "n": [100, 50, 4, 3, 2]})


def test_small_categories_are_shown_together_where_that_shows_more():
    grouped = group_masked(Table("t", groups(), ["group"], count="n"), "group", RULES)
    assert grouped.members == (("All other", ("c", "d", "e")),)
    shown = protect(grouped.table, RULES)["t"].set_index("group")["count"]
    assert shown.to_dict() == {"All other": 9, "a": 100, "b": 50, "Total": 159}


def test_a_single_small_category_is_grouped_with_the_next_so_that_the_group_is_not_it():
    frame = pd.DataFrame({"group": ["a", "b", "c"], "n": [100, 50, 4]})
    grouped = group_masked(Table("t", frame, ["group"], count="n"), "group", RULES)
    assert grouped.members == (("All other", ("b", "c")),)
    assert not protect(grouped.table, RULES)["t"]["count"].eq("*").any()


def test_nothing_is_grouped_where_nothing_is_small():
    frame = pd.DataFrame({"group": ["a", "b", "c"], "n": [100, 50, 40]})
    assert group_masked(Table("t", frame, ["group"], count="n"), "group", RULES).members == ()


def test_categories_of_different_parents_stay_apart():
    frame = pd.DataFrame(
        {"school": [f"s{n}" for n in range(8)], "district": ["x"] * 4 + ["y"] * 4, "n": [40, 2, 3, 4, 60, 1, 3, 4]}
    )
    table = Table("t", frame, ["school"], levels={"school": ("district",)}, count="n")
    grouped = group_masked(table, "school", RULES)
    assert grouped.members == (
        ("All other (x)", ("s1", "s2", "s3")),
        ("All other (y)", ("s5", "s6", "s7")),
    )
    assert not protect(grouped.table, RULES)["t"]["count"].eq("*").any()


def test_a_dimension_that_is_not_there_or_a_name_that_is_taken_is_refused():
    table = Table("t", groups(), ["group"], count="n")
    with pytest.raises(InputError, match="no dimension"):
        group_masked(table, "school", RULES)
    with pytest.raises(InputError, match="category of 'group' already"):
        group_masked(table, "group", RULES, name="a")


def test_the_stewards_page_explains_every_hidden_cell_and_escapes_codes():
    frame = pd.DataFrame(
        {"school": ["<b>N</b>"] * 3 + ["S"] * 3, "grade": list("abc") * 2, "n": [30, 25, 4, 40, 35, 20]}
    )
    result = protect(Table("t", frame, ["school", "grade"], count="n"), DisclosureRules(), release="r1")
    page = steward_page(result)
    assert "<b>N</b>" not in page
    assert page.count('<tr class="primary">') == 1
    hidden = int(result["t"]["count"].eq("*").sum())
    assert page.count('<tr class="') == hidden
    assert "Confidential" in page
