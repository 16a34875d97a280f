"""Files of persons: every class is large enough, sequences count, and as little as possible is lost."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from linkage.disclosure.anonymity import choose_changes, class_sizes
from linkage.disclosure.microdata import BLANK, QuasiIdentifier, anonymise, refuse_small_difference
from linkage.errors import DisclosureError, InputError

SCHOOL = QuasiIdentifier(column="school", ladder=("district",))
GROUP = QuasiIdentifier(column="group")


def file(seed, size):
    rng = np.random.default_rng(seed)
    school = rng.choice(6, size, p=rng.dirichlet(np.ones(6)))
    return pd.DataFrame(
        {
            "person": np.arange(size),
            "school": [f"s{n}" for n in school],
            "district": [f"d{n // 2}" for n in school],
            "group": [f"g{n}" for n in rng.choice(3, size, p=[0.7, 0.25, 0.05])],
            "score": rng.integers(0, 3, size),
        }
    )


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 10**6), size=st.integers(20, 200), k=st.integers(2, 10))
def test_every_person_is_like_k_minus_1_others(seed, size, k):
    result = anonymise(file(seed, size), [SCHOOL, GROUP], k)
    assert result.frame.groupby(["school", "group"]).size().min() >= k
    assert len(result.frame) == size
    assert "district" not in result.frame


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 10**6), size=st.integers(40, 200))
def test_every_class_is_diverse(seed, size):
    result = anonymise(file(seed, size), [SCHOOL, GROUP], 5, sensitive="score", least_diversity=2)
    assert result.frame.groupby(["school", "group"])["score"].nunique().min() >= 2


def test_nothing_is_changed_where_nobody_stands_out():
    frame = pd.DataFrame({"school": ["a"] * 5 + ["b"] * 5, "district": ["d"] * 10})
    result = anonymise(frame, [SCHOOL], 5)
    assert result.frame["school"].tolist() == frame["school"].tolist()
    assert result.report.persons_changed == 0
    assert [each.published_as for each in result.report.columns] == ["school"]


def test_a_column_is_coarsened_before_many_values_are_blanked():
    frame = pd.DataFrame({"school": [f"s{n}" for n in range(20)], "district": ["d"] * 20})
    result = anonymise(frame, [SCHOOL], 5)
    assert set(result.frame["school"]) == {"d"}
    (column,) = result.report.columns
    assert (column.published_as, column.categories_before, column.categories_after) == ("district", 20, 1)


def test_one_person_in_many_loses_a_value_and_the_others_nothing():
    frame = pd.DataFrame({"school": ["a"] * 50 + ["b"] * 50 + ["c"], "group": ["g"] * 101})
    result = anonymise(frame, [QuasiIdentifier(column="school"), GROUP], 5)
    assert BLANK in set(result.frame["school"])
    assert (result.frame["group"] == "g").sum() >= 101 - 51
    assert result.frame.groupby(["school", "group"]).size().min() >= 5


def test_a_rare_sequence_of_schools_stands_out_though_each_school_is_common():
    stay = [(n, y, "a" if n < 10 else "b") for n in range(20) for y in (1, 2)]
    move = [(20, 1, "a"), (20, 2, "b")]
    frame = pd.DataFrame(stay + move, columns=["person", "year", "school"])
    result = anonymise(frame, [QuasiIdentifier(column="school")], 5, person="person", period="year")
    paths = result.frame.sort_values(["person", "year"]).groupby("person")["school"].agg(tuple)
    assert paths.value_counts().min() >= 5
    assert paths[20] == (BLANK, BLANK)


def test_too_few_persons_are_refused():
    with pytest.raises(DisclosureError, match="5-anonymous"):
        anonymise(pd.DataFrame({"school": ["a", "b"]}), [QuasiIdentifier(column="school")], 5)


def test_a_missing_column_is_named():
    with pytest.raises(InputError, match="'district'"):
        anonymise(pd.DataFrame({"school": ["a"]}), [SCHOOL], 5)


def test_issues_that_differ_by_a_few_persons_are_refused():
    people = pd.Series(range(50))
    refuse_small_difference(people, people, 5)
    refuse_small_difference(people, people.iloc[:40], 5)
    with pytest.raises(DisclosureError, match="earlier issue holds 3 persons"):
        refuse_small_difference(people, people.iloc[:47], 5)


def test_only_who_is_saved_by_it_loses_a_value():
    rows = [("a", "x", "m")] * 20 + [("b", "x", "m")] * 20 + [("a", "y", "m")] + [("b", "x", "n")]
    frame = pd.DataFrame(rows, columns=["school", "group", "sex"])
    names = ["school", "group", "sex"]
    result = anonymise(frame, [QuasiIdentifier(column=name) for name in names], 5)
    assert result.frame.groupby(names).size().min() >= 5
    # The two rare persons cannot be a class of five: four others of one class join them.
    changed = (result.frame[names] == BLANK).any(axis=1)
    assert changed.sum() == result.report.persons_changed <= 22
    assert (~changed).sum() >= 20


def test_values_are_suppressed_one_by_one_before_all_of_them():
    common = [("a", "x"), ("b", "x"), ("a", "y"), ("b", "y")] * 10
    rare = [("a", f"z{n}") for n in range(6)]
    frame = pd.DataFrame([*common, *rare], columns=["school", "group"])
    result = anonymise(frame, [QuasiIdentifier(column="school"), GROUP], 5, most_suppressed=0.2)
    assert result.frame["school"].tolist() == frame["school"].tolist()
    assert result.frame["group"].tolist()[40:] == [BLANK] * 6
    assert result.report.share_of_values_suppressed == pytest.approx(6 / 92)


def test_years_of_presence_count_where_they_are_declared():
    rows = [(n, year, "a") for n in range(20) for year in ((1, 2) if n < 19 else (1, 3))]
    frame = pd.DataFrame(rows, columns=["person", "year", "school"])
    frame["when"] = frame["year"].astype(str)
    declared = [QuasiIdentifier(column="school"), QuasiIdentifier(column="when")]
    assert anonymise(frame, declared[:1], 5, person="person", period="year").report.persons_changed == 0
    result = anonymise(frame, declared, 5, person="person", period="year")
    seen = result.frame.sort_values(["person", "year"]).groupby("person")["when"].agg(tuple)
    assert seen.value_counts().min() >= 5


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), size=st.integers(10, 80), k=st.integers(2, 6), least=st.integers(1, 3))
def test_changes_chosen_by_number_leave_every_class_large_and_diverse(seed, size, k, least):
    rng = np.random.default_rng(seed)
    fine = rng.integers(0, 9, size)
    other = rng.integers(0, 4, size)
    kind = rng.integers(0, 4, size)
    try:
        changes = choose_changes([[fine, fine // 3], [other]], k, kind, least)
    except DisclosureError:
        assert size < k or len(np.unique(kind)) < least
        return
    codes = np.column_stack([[fine, fine // 3][changes.rungs[0]], other])
    codes[changes.suppressed] = -1
    classes = pd.DataFrame(codes).assign(kind=kind).groupby([0, 1])["kind"]
    assert classes.size().min() == changes.smallest_class >= k
    assert classes.nunique().min() >= least


def test_persons_of_many_columns_do_not_overflow_their_class_numbers():
    rng = np.random.default_rng(0)
    codes = [rng.integers(0, 2**40, 200) for _ in range(6)]
    assert class_sizes(np.column_stack(codes)).max() == 1
    assert class_sizes(np.column_stack([np.repeat(column[:100], 2) for column in codes])).tolist() == [2] * 200
