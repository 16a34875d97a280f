"""Rates: what a band shows, and that it shows nothing where a count is hidden."""

import pandas as pd
import pytest

from linkage.disclosure import DisclosureRules, Table, protect
from linkage.disclosure.rates import EDFACTS, GATEWAY, rates, rounded_amount


@pytest.mark.parametrize(
    ("style", "counted", "persons", "shown"),
    [
        (EDFACTS, 3, 5, None),
        (EDFACTS, 3, 7, "<50%"),
        (EDFACTS, 8, 15, ">=50%"),
        (EDFACTS, 2, 20, "<=20%"),
        (EDFACTS, 6, 20, "21-39%"),
        (EDFACTS, 15, 20, "60-79%"),
        (EDFACTS, 16, 20, ">=80%"),
        (EDFACTS, 20, 40, "50-59%"),
        (EDFACTS, 5, 40, "11-19%"),
        (EDFACTS, 3, 100, "<=5%"),
        (EDFACTS, 7, 100, "6-9%"),
        (EDFACTS, 100, 400, "25%"),
        (EDFACTS, 400, 400, ">=99%"),
        (GATEWAY, 4, 9, None),
        (GATEWAY, 3, 12, "21-29%"),
        (GATEWAY, 30, 30, ">=90%"),
        (GATEWAY, 30, 50, "60%"),
        (GATEWAY, 2, 150, "<=2%"),
        (GATEWAY, 1, 1000, "<=1%"),
    ],
)
def test_bands(style, counted, persons, shown):
    assert style.show(counted, persons) == shown


@pytest.mark.parametrize("style", [EDFACTS, GATEWAY])
def test_no_rate_of_the_smallest_groups_and_no_0_or_100_per_cent(style):
    for persons in range(1, 500):
        for counted in (0, persons):
            assert style.show(counted, persons) not in {"0%", "100%"}


def test_a_rate_is_hidden_where_its_numerator_or_complement_is():
    rows = [("North", "yes", 40), ("North", "no", 3), ("South", "yes", 60), ("South", "no", 40), ("West", "yes", 70)]
    rows += [("West", "no", 50)]
    frame = pd.DataFrame(rows, columns=["school", "graduated", "n"])
    rules = DisclosureRules()
    result = protect(Table("t", frame, ["school", "graduated"], count="n"), rules)
    shown = rates(result["t"], ["school"], "graduated", "yes", rules.symbol).set_index("school")["rate"]
    assert shown["North"] == "*"
    assert set(shown) > {"*"}
    counts = result["t"].set_index(["school", "graduated"])["count"]
    for school in shown.index:
        hidden = any(counts[school, code] == "*" for code in ("yes", "no", "Total"))
        assert (shown[school] == "*") == hidden


def test_amounts_keep_three_figures():
    assert rounded_amount(48_213.7) == 48_200
    assert rounded_amount(0.012345) == 0.0123
    assert rounded_amount(0) == 0
