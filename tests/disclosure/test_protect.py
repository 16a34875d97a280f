"""The release as a reader has it: an attacker who shares no code with us must win nothing."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from independent_attacker import violations

from linkage.disclosure import DisclosureRules, Table, protect
from linkage.errors import DisclosureError, InputError

RULES = DisclosureRules(person_threshold=10)


def pupils(seed, size, schools=4, grades=3, groups=3):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "school": rng.choice([f"S{i}" for i in range(schools)], size, p=rng.dirichlet(np.ones(schools))),
            "grade": rng.choice([f"G{i}" for i in range(grades)], size, p=rng.dirichlet(np.ones(grades))),
            "group": rng.choice([f"R{i}" for i in range(groups)], size, p=rng.dirichlet(np.ones(groups))),
        }
    )


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 10**6), size=st.integers(20, 250))
def test_linked_tables_of_random_populations_give_back_no_small_cell(seed, size):
    data = pupils(seed, size)
    crosses = [["school", "grade"], ["school", "group"], ["grade", "group"]]
    result = protect([Table("-".join(by), data, by) for by in crosses], RULES)
    inner = data[["school"]].drop_duplicates().merge(data[["grade"]].drop_duplicates(), how="cross")
    inner = inner.merge(data[["group"]].drop_duplicates(), how="cross")
    frames = [(result["-".join(by)], by) for by in crosses]
    # A combination under a row that no table lists is empty, as every reader sees.
    for by in crosses:
        inner = inner.merge(data[by].drop_duplicates(), on=by)
    assert not violations(frames, data, inner, ["school", "grade", "group"])


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 10**6), size=st.integers(40, 400))
def test_hierarchies_give_back_no_small_cell(seed, size):
    data = pupils(seed, size, schools=6)
    data["district"] = data["school"].map(lambda school: f"D{int(school[1:]) // 2}")
    data["band"] = data["grade"].map({"G0": "low", "G1": "low", "G2": "high"})
    table = Table("t", data, ["school", "grade"], levels={"school": ("district",), "grade": ("band",)})
    result = protect(table, RULES)
    columns = ["school", "district", "grade", "band"]
    assert not violations([(result["t"], ["school", "grade"])], data, data[columns].drop_duplicates(), columns)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 10**6), size=st.integers(40, 200), entrants=st.integers(0, 12))
def test_a_second_release_with_entrants_gives_back_neither_a_cell_nor_the_entrants(seed, size, entrants):
    later = pupils(seed, size + entrants)
    data = later.iloc[:size]
    hide = RULES.model_copy(update={"on_differencing": "hide"})
    first = protect(Table("t", data, ["school", "grade"]), hide, release="first")
    try:
        second = protect(Table("t", later, ["school", "group"]), hide, [first.record], release="second")
    except DisclosureError:
        return
    columns = ["school", "grade", "group"]
    inner = later[columns].drop_duplicates()
    # The attacker knows that nobody left: unknowns are those of the first release, then the entrants.
    both = pd.concat([inner.assign(wave="old"), inner.assign(wave="new")], ignore_index=True)
    people = pd.concat([data.assign(wave="old"), later.iloc[size:].assign(wave="new")])
    frame = first["t"].assign(wave="old")
    assert not violations(
        [(frame, ["school", "grade", "wave"]), (second["t"], ["school", "group"])], people, both, [*columns, "wave"]
    )


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
    by = ["school", "grade"]
    assert not violations([(result["enrolment"], by)], data, data.drop_duplicates(), by)


def test_margins_stay_true_and_are_not_recomputed_without_the_hidden_pupils():
    result = protect(Table("enrolment", three_schools(), ["school", "grade"]), RULES)["enrolment"]
    totals = result[(result["school"] == "North") & (result["grade"] == "Total")]
    assert totals["count"].tolist() == [59]


def test_a_linked_table_does_not_give_back_a_cell_of_another():
    data = three_schools()
    both = protect([Table("cross", data, ["school", "grade"]), Table("schools", data, ["school"])], RULES)
    by = ["school", "grade"]
    assert not violations([(both["cross"], by), (both["schools"], ["school"])], data, data.drop_duplicates(), by)


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


def test_the_same_table_of_the_next_year_hides_the_same_cells_where_it_can():
    counts = [("N", "a", 4), ("N", "b", 20), ("N", "c", 22), ("S", "a", 30), ("S", "b", 31), ("S", "c", 29)]
    frame = pd.DataFrame(counts, columns=["school", "grade", "n"])
    by = ["school", "grade"]
    first = protect(Table("t", frame, by, count="n", population="2026"), RULES, release="2026")
    later = frame.assign(n=[4, 23, 20, 30, 33, 29])
    alone = protect(Table("t", later, by, count="n", population="2027"), RULES, release="2027")
    after = protect(Table("t", later, by, count="n", population="2027"), RULES, [first.record], release="2027")

    def hidden(result):
        return set(map(tuple, result["t"].loc[result["t"]["count"].eq("*"), by].to_numpy()))

    assert hidden(alone) != hidden(first)
    assert hidden(after) == hidden(first)


def test_who_is_alone_in_a_hidden_sum_cannot_work_out_the_other_one():
    rows = [("N", "x", "A", 50.0), ("N", "y", "B", 70.0)]
    rows += [
        (s, i, f"{s}{i}{n}", 30.0 + n)
        for s, i, k in [("N", "z", 5), ("S", "x", 4), ("S", "y", 6), ("S", "z", 5)]
        for n in range(k)
    ]
    frame = pd.DataFrame(rows, columns=["county", "industry", "employer", "wages"])
    rules = DisclosureRules(person_threshold=0, employer_threshold=3)
    table = Table("wages", frame, ["county", "industry"], value="wages", contributor="employer")
    result = protect(table, rules)["wages"].set_index(["county", "industry"])["wages"]
    assert result["N", "x"] == result["N", "y"] == "*"
    # A knows N / x. If N / Total and N / z were both printed, A would have N / y.
    assert "*" in {result["N", "z"], result["N", "Total"]}


def test_all_problems_with_a_table_are_named_at_once():
    with pytest.raises(InputError) as error:
        Table("t", pd.DataFrame({"a": ["x"], "n": [-1.0]}), ["a", "b"], value="n", levels={"c": ("a",)})
    assert len(error.value.problems) == 3


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(300))
def test_three_hundred_random_systems(seed):
    rng = np.random.default_rng(seed)
    data = pupils(seed, int(rng.integers(30, 400)), schools=int(rng.integers(2, 7)), groups=int(rng.integers(2, 5)))
    data["district"] = data["school"].map(lambda school: f"D{int(school[1:]) // 2}")
    data["passed"] = np.where(rng.random(len(data)) < 0.7, "yes", "no")
    rolled = {"school": ("district",)}
    crosses = [["school", "passed"], ["grade", "passed"], ["school", "group"]][: int(rng.integers(1, 4))]
    tables = [Table("-".join(by), data, by, levels={k: v for k, v in rolled.items() if k in by}) for by in crosses]
    result = protect(tables, RULES, release="first")
    columns = ["school", "district", "grade", "group", "passed"]
    frames = [(result["-".join(by)], by) for by in crosses]
    inner = data[columns].drop_duplicates()
    assert not violations(frames, data, inner, columns)
    again = RULES.model_copy(update={"on_differencing": "hide"})
    extra = Table("extra", data, ["grade", "group"], id=None)
    second = protect(extra, again, [result.record], release="second")
    assert not violations([*frames, (second["extra"], ["grade", "group"])], data, inner, columns)
