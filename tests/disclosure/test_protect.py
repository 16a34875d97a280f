"""The release as a reader has it: an attacker of this file's own (scipy, no code of ours) must win nothing."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from linkage.disclosure import DisclosureRules, Table, protect
from linkage.errors import DisclosureError, InputError

RULES = DisclosureRules(person_threshold=10)


def attack(frames, inner, columns):
    """Bound every hidden count from published frames.

    ``frames`` maps a name to (published frame, its dimensions), ``inner`` lists the combinations that may occur.
    Returns {(table, codes): (low, high)}.
    """
    rows, values, hidden = [], [], {}
    codes = inner[columns].astype(str).to_numpy()
    for name, (frame, dimensions) in frames.items():
        for record in frame.to_dict("records"):
            match = np.ones(len(inner), dtype=bool)
            for dimension in dimensions:
                if record[dimension] != "Total":
                    match &= codes[:, columns.index(dimension)] == record[dimension]
            if record["count"] == "*":
                hidden[name, tuple(record[d] for d in dimensions)] = match
            else:
                rows.append(match.astype(float))
                values.append(record["count"])
    found = {}
    for key, match in hidden.items():
        ends = []
        for sign in (1.0, -1.0):
            solved = linprog(sign * match, A_eq=np.array(rows), b_eq=np.array(values), bounds=(0, None), method="highs")
            ends.append(sign * solved.fun if solved.status == 0 else np.inf)
        found[key] = tuple(ends)
    return found


def assert_nothing_won(frames, data, columns, inner, threshold=10):
    for (name, codes), (low, high) in attack(frames, inner, columns).items():
        true = data
        for dimension, code in zip(frames[name][1], codes, strict=True):
            if code != "Total":
                true = true[true[dimension].astype(str) == code]
        value = len(true)
        if 0 < value < threshold:
            assert high >= threshold - 1e-6, (name, codes, value, low, high)
            assert low <= value - 1 + 1e-6, (name, codes, value, low, high)


def pupils(seed, size, schools=4, grades=3, groups=3):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "school": rng.choice([f"S{i}" for i in range(schools)], size, p=rng.dirichlet(np.ones(schools))),
            "grade": rng.choice([f"G{i}" for i in range(grades)], size, p=rng.dirichlet(np.ones(grades))),
            "group": rng.choice([f"R{i}" for i in range(groups)], size, p=rng.dirichlet(np.ones(groups))),
        }
    )


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 10**6), size=st.integers(20, 250))
def test_linked_tables_of_random_populations_give_back_no_small_cell(seed, size):
    data = pupils(seed, size)
    result = protect(
        [
            Table("by grade", data, ["school", "grade"]),
            Table("by group", data, ["school", "group"]),
            Table("all", data, ["grade", "group"]),
        ],
        RULES,
    )
    frames = {
        "by grade": (result["by grade"], ["school", "grade"]),
        "by group": (result["by group"], ["school", "group"]),
        "all": (result["all"], ["grade", "group"]),
    }
    inner = data[["school"]].drop_duplicates().merge(data[["grade"]].drop_duplicates(), how="cross")
    inner = inner.merge(data[["group"]].drop_duplicates(), how="cross")
    assert_nothing_won(frames, data, ["school", "grade", "group"], inner)


def test_rows_in_another_order_give_the_same_release():
    data = pupils(3, 120)
    shuffled = data.sample(frac=1, random_state=1)
    first = protect(Table("t", data, ["school", "grade"]), RULES)
    second = protect(Table("t", shuffled, ["school", "grade"]), RULES)
    assert first["t"].equals(second["t"])
    assert first.certificate == second.certificate


def three_schools():
    counts = pd.DataFrame(
        {
            "school": ["North"] * 3 + ["South"] * 3 + ["West"] * 3,
            "grade": ["10", "11", "12"] * 3,
            "n": [30, 25, 4, 40, 35, 20, 22, 18, 27],
        }
    )
    return counts.loc[counts.index.repeat(counts["n"])].drop(columns="n").reset_index(drop=True)


def test_a_margin_does_not_give_back_the_cell_it_sums():
    data = three_schools()
    result = protect(Table("enrolment", data, ["school", "grade"]), RULES)
    bounds = attack(
        {"enrolment": (result["enrolment"], ["school", "grade"])}, data.drop_duplicates(), ["school", "grade"]
    )
    low, high = bounds["enrolment", ("North", "12")]
    assert low <= 3
    assert high >= 10


def test_margins_stay_true_and_are_not_recomputed_without_the_hidden_pupils():
    result = protect(Table("enrolment", three_schools(), ["school", "grade"]), RULES)["enrolment"]
    totals = result[(result["school"] == "North") & (result["grade"] == "Total")]
    assert totals["count"].tolist() == [59]


def test_a_linked_table_does_not_give_back_a_cell_of_another():
    data = three_schools()
    both = protect([Table("cross", data, ["school", "grade"]), Table("schools", data, ["school"])], RULES)
    frames = {"cross": (both["cross"], ["school", "grade"]), "schools": (both["schools"], ["school"])}
    assert_nothing_won(frames, data, ["school", "grade"], data.drop_duplicates())


def test_a_table_made_without_the_hidden_pupils_is_refused_after_one_made_with_them():
    data = three_schools()
    first = protect(Table("enrolment", data, ["school", "grade"]), RULES, release="2026")
    without = data[~((data["school"] == "North") & (data["grade"] == "12"))]
    with pytest.raises(DisclosureError) as refused:
        protect(Table("cleaned", without, ["school", "grade"]), RULES, [first.record], release="2027")
    message = str(refused.value)
    assert "'cleaned'" in message
    assert "'enrolment' of release '2026'" in message
    assert "North / 12" in message
    assert "It would be safe with" in message


def test_an_entrant_between_two_releases_is_not_given_away():
    data = three_schools()
    first = protect(Table("enrolment", data, ["school", "grade"]), RULES, release="january")
    later = pd.concat([data, pd.DataFrame({"school": ["South"], "grade": ["10"]})], ignore_index=True)
    with pytest.raises(DisclosureError, match="would be undone"):
        protect(Table("enrolment", later, ["school", "grade"]), RULES, [first.record], release="march")
    hide = RULES.model_copy(update={"on_differencing": "hide"})
    second = protect(Table("enrolment", later, ["school", "grade"]), hide, [first.record], release="march")
    frame = second["enrolment"]
    assert frame[(frame["school"] == "South") & (frame["grade"] == "10")]["count"].tolist() == ["*"]


def test_the_same_release_again_is_allowed_and_hides_the_same_cells():
    data = three_schools()
    first = protect(Table("enrolment", data, ["school", "grade"]), RULES, release="first")
    again = protect(Table("enrolment", data.copy(), ["school", "grade"]), RULES, [first.record], release="second")
    assert first["enrolment"].equals(again["enrolment"])


def test_a_coarser_view_of_a_released_table_that_would_undo_it_is_refused():
    data = three_schools()
    data["half"] = data["school"].map({"North": "NW", "West": "NW", "South": "S"})
    data["odd"] = data["grade"].map({"10": "even", "11": "odd", "12": "even"})
    first = protect(Table("enrolment", data, ["school", "grade"]), RULES, release="first")
    hidden = first["enrolment"][first["enrolment"]["count"] == "*"]
    assert {"North", "West"} == set(hidden["school"])
    second = protect(Table("halves", data, ["half", "grade"]), RULES, [first.record], release="second")
    assert not (second["halves"]["count"] == "*").any()
    with pytest.raises(DisclosureError):
        protect(Table("odd", data, ["school", "odd"]), RULES, [first.record], release="third")


def test_all_problems_with_a_table_are_named_at_once():
    with pytest.raises(InputError) as error:
        Table("t", pd.DataFrame({"a": ["x"], "n": [-1.0]}), ["a", "b"], value="n", levels={"c": ("a",)})
    assert len(error.value.problems) == 3
