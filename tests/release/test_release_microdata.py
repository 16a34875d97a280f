import duckdb
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage.errors import DisclosureError
from linkage.governance.thresholds import Microdata
from linkage.release.microdata import anonymised_sql

QUASI = ["race", "grade"]


def anonymise(rows, k):
    rule = Microdata(k=k, quasi_identifiers=("a.b.race", "a.b.grade"))
    with duckdb.connect() as connection:
        connection.register("given", rows)
        connection.execute(
            "CREATE TABLE joined AS SELECT *, dense_rank() OVER (ORDER BY release_id) AS person FROM given"
        )
        query, certificate = anonymised_sql(connection, rule, QUASI, "joined")
        found = connection.execute(f"SELECT * FROM ({query}) ORDER BY ALL").df()
    return found.astype("object").where(found.notna(), None), certificate


def students(groups, period="2021"):
    """Make one row per person: groups of (race, grade, persons)."""
    rows = []
    for race, grade, number in groups:
        rows += [(f"{race}{grade}{person}", "d.e", period, race, grade, 1) for person in range(number)]
    return pd.DataFrame(rows, columns=["release_id", "dataset", "period", *QUASI, "absent"])


def test_a_common_combination_is_left_alone():
    rows, certificate = anonymise(students([("W", "09", 5), ("B", "09", 6)]), k=5)
    assert rows["race"].notna().all()
    assert (certificate.persons_changed, certificate.smallest_group) == (0, 5)


def test_the_last_listed_quasi_identifier_goes_first_and_the_emptied_are_never_too_few():
    # Four of (B, 10): without the grade they are four of (B, -), so their race goes too. Four of whom nothing is left
    # would be known to be the four, so the smallest other class, (W, 10), joins them.
    rows, certificate = anonymise(students([("W", "09", 8), ("B", "10", 4), ("W", "10", 6)]), k=5)
    emptied = rows[rows["release_id"].str.contains("10")]
    assert emptied[QUASI].isna().all(axis=None)
    assert emptied["absent"].eq(1).all()
    assert rows[rows["release_id"].str.startswith("W09")][QUASI].notna().all(axis=None)
    assert certificate.persons_changed == 10
    assert {each.column: each.persons for each in certificate.suppressed} == {"race": 10, "grade": 10}


def test_a_file_of_fewer_than_k_persons_is_refused():
    with pytest.raises(DisclosureError, match="cannot be made 5-anonymous"):
        anonymise(students([("W", "09", 4)]), k=5)


def test_a_race_that_is_common_without_its_grade_is_kept():
    rows, _ = anonymise(students([("B", "09", 3), ("B", "10", 4), ("W", "09", 9)]), k=5)
    black = rows[rows["release_id"].str.startswith("B")]
    assert black["race"].eq("B").all()
    assert black["grade"].isna().all()


def test_a_rare_history_of_common_years_is_hidden_in_every_year():
    first = students([("W", "09", 9), ("B", "09", 9)])
    second = first.assign(period="2022", grade="10")
    second.loc[second["release_id"].isin(["B090", "B091"]), "grade"] = "09"
    rows, certificate = anonymise(pd.concat([first, second], ignore_index=True), k=5)
    for person in ("B090", "B091"):
        assert rows.loc[rows["release_id"] == person, "grade"].isna().all()
    assert certificate.smallest_group >= 5


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 25), st.sampled_from("WBH"), st.sampled_from(["09", "10", None]), st.integers(2021, 2023)
        ),
        min_size=1,
        max_size=120,
    ),
    st.integers(2, 6),
)  # fmt: skip
def test_no_combination_is_left_with_fewer_than_k_persons(records, k):
    rows = pd.DataFrame(records, columns=["release_id", *QUASI, "period"])
    rows = rows.assign(release_id="p" + rows["release_id"].astype(str), dataset="d.e", absent=1)
    persons = rows["release_id"].nunique()
    if persons < k:
        return
    found, certificate = anonymise(rows, k)
    histories = found.groupby("release_id")[QUASI].agg(lambda values: tuple(sorted(set(values.dropna()))))
    assert histories.value_counts().min() >= k
    assert len(found) == len(rows)
    assert (certificate.persons, certificate.smallest_group) == (persons, histories.value_counts().min())


def test_nothing_is_done_where_no_quasi_identifier_leaves():
    rule = Microdata(k=5, quasi_identifiers=("a.b.race",))
    with duckdb.connect() as connection:
        connection.register("joined", students([("W", "09", 1)]).assign(person=1))
        query, certificate = anonymised_sql(connection, rule, [], "joined")
        assert len(connection.execute(query).df()) == 1
    assert certificate.smallest_group is None
