"""Controlled rounding, and the steward's page."""

import numpy as np
import pandas as pd
import pytest

from linkage.disclosure import DisclosureRules, Table, protect
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
    (rounded,) = round_tables([Table("t", frame, ["school", "grade"], count="n")], 5, RULES)
    assert (rounded["count"] % 5 == 0).all()
    cells = rounded.set_index(["school", "grade"])["count"]
    for school in frame["school"].unique():
        assert cells[school, "Total"] == sum(cells[school, grade] for grade in frame["grade"].unique())
    assert cells["Total", "Total"] == sum(cells[school, "Total"] for school in frame["school"].unique())
    true = frame.set_index(["school", "grade"])["n"]
    assert all(abs(cells[key] - value) < 5 for key, value in true.items())


def test_a_base_below_the_threshold_is_refused():
    with pytest.raises(InputError, match="below the threshold"):
        round_tables([Table("t", counts(0), ["school", "grade"], count="n")], 3, RULES)


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
