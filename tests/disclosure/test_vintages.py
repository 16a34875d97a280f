"""A table that comes back next year: other persons, or the same ones followed up."""

import numpy as np
import pandas as pd
import pytest
from independent_attacker import violations

from linkage.disclosure import DisclosureRules, Table, protect
from linkage.errors import DisclosureError

RULES = DisclosureRules(person_threshold=10)
HIDE = RULES.model_copy(update={"on_differencing": "hide"})
BY = ["school", "grade"]


def people(seed, size, first=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "id": [f"p{number}" for number in range(first, first + size)],
            "school": rng.choice(["N", "S", "W", "E"], size, p=[0.5, 0.3, 0.15, 0.05]),
            "grade": rng.choice(["9", "10"], size),
        }
    )


def next_year(seed, stay=140, new=70):
    """Half the pupils are in another grade, some have left, others have come."""
    before = people(seed, 200)
    after = pd.concat([before.iloc[200 - stay :].assign(grade="10"), people(seed + 1, new, 1000)], ignore_index=True)
    return before, after


@pytest.mark.parametrize("followed", [None, "id"])
@pytest.mark.parametrize("seed", range(4))
def test_the_same_table_of_next_years_persons_is_released_as_it_is(seed, followed):
    before, after = next_year(seed)
    first = protect(Table("t", before, BY, id=followed, vintage="2026"), RULES, release="a")
    second = protect(Table("t", after, BY, id=followed, vintage="2027"), RULES, [first.record], release="b")
    assert second.certificate.systems[0].vintages == ("2027",)
    assert second.certificate.systems[0].earlier_releases == ()


def test_persons_of_one_frame_alone_are_counted_when_they_are_followed():
    before, after = next_year(0)
    first = protect(Table("t", before, BY, id="id"), HIDE, release="a")
    second = protect(Table("t", after, BY, id="id"), HIDE, [first.record], release="b")
    shown = second["t"][second["t"]["count"].ne("*")]
    counts = shown.set_index(BY)["count"]
    assert counts["Total", "Total"] == len(after)


@pytest.mark.parametrize("seed", range(8))
def test_a_refreshed_extract_of_the_same_vintage_gives_no_entrant_away(seed):
    before = people(seed, 150)
    after = pd.concat([before, people(seed + 100, 1 + seed, 1000)], ignore_index=True)
    first = protect(Table("t", before, BY, id="id", vintage="2026"), HIDE, release="january")
    second = protect(Table("t", after, ["school"], id="id", vintage="2026"), HIDE, [first.record], release="march")
    waves = pd.concat([before.assign(wave="old"), after.iloc[150:].assign(wave="new")], ignore_index=True)
    columns = ["school", "grade", "wave"]
    frames = [(first["t"].assign(wave="old"), columns), (second["t"], ["school"])]
    assert not violations(frames, waves, waves[columns].drop_duplicates(), columns)


def followed_up():
    """Graduates of a cohort after four years, and after five: three more, all of one school."""
    fourth = people(1, 120)
    more = pd.DataFrame({"id": ["q1", "q2", "q3"], "school": ["N"] * 3, "grade": ["10"] * 3})
    return fourth, pd.concat([fourth, more], ignore_index=True)


@pytest.mark.parametrize(("followed", "declared"), [("id", False), (None, True)])
def test_a_vintage_that_holds_the_earlier_one_is_guarded_by_their_difference(followed, declared):
    fourth, fifth = followed_up()
    first = protect(Table("four", fourth, BY, id=followed, vintage="4 years"), RULES, release="a")
    later = Table("five", fifth, BY, id=followed, vintage="5 years", nested=declared)
    with pytest.raises(DisclosureError) as refused:
        protect(later, RULES, [first.record], release="b")
    message = str(refused.value)
    assert "'four' of release 'a'" in message
    assert "the few persons of release 'b', table 'five'" in message
    assert "It would be safe with" in message
    safe = protect(later, HIDE, [first.record], release="b")
    assert safe.certificate.systems[0].vintages == ("4 years", "5 years")
    counts = safe["five"].set_index(BY)["count"]
    assert counts["N", "10"] == counts["Total", "Total"] == "*"


def test_a_refreshed_extract_under_another_vintage_is_compared_all_the_same():
    before = people(3, 400)
    after = pd.concat([before.iloc[14:], people(9, 14, 1000)], ignore_index=True)
    first = protect(Table("t", before, BY, id="id", vintage="2026-11-01"), HIDE, release="a")
    second = protect(Table("t", after, BY, id="id", vintage="2026-11-15"), HIDE, [first.record], release="b")
    assert second.certificate.systems[0].vintages == ("2026-11-01", "2026-11-15")


def test_two_vintages_in_one_release_are_guarded_too_where_one_holds_the_other():
    fourth, fifth = followed_up()
    tables = [
        Table("four", fourth, BY, id="id", vintage="4"),
        Table("five", fifth, BY, id="id", vintage="5"),
    ]
    result = protect(tables, RULES)
    assert len(result.certificate.systems) == 1
    four, five = (result[name].set_index(BY)["count"] for name in ("four", "five"))
    assert "*" in {four["N", "10"], five["N", "10"]}


def test_a_later_file_that_holds_other_years_too_is_compared_year_by_year():
    rng = np.random.default_rng(5)
    people_of = {year: people(year, 120) for year in (2025, 2026, 2027)}

    def file(*years):
        rows = pd.concat([people_of[year].assign(year=str(year)) for year in years], ignore_index=True)
        return rows.iloc[rng.permutation(len(rows))].reset_index(drop=True)

    def table(frame, by):
        return Table("t", frame, by, where={"year": ["2026"]}, id="id", vintage="2026")

    first = protect(table(file(2025, 2026), BY), RULES, release="a")
    same = protect(table(file(2026, 2027), BY), RULES, [first.record], release="b")
    assert same["t"].equals(first["t"])
    hidden = first["t"][
        first["t"]["count"].eq("*") & first["t"]["school"].ne("Total") & first["t"]["grade"].ne("Total")
    ]
    small = hidden.iloc[0]
    later = file(2026, 2027)
    dropped = later[
        ~(later["year"].eq("2026") & later["school"].eq(small["school"]) & later["grade"].eq(small["grade"]))
    ]
    with pytest.raises(DisclosureError, match="would be undone"):
        protect(table(dropped, BY), RULES, [first.record], release="c")


def test_the_table_of_a_series_hides_last_years_cells_though_its_name_holds_the_year():
    counts = [("N", "a", 4), ("N", "b", 20), ("N", "c", 22), ("S", "a", 30), ("S", "b", 31), ("S", "c", 29)]
    frame = pd.DataFrame(counts, columns=["school", "grade", "n"])
    first = protect(Table("pupils 2026", frame, BY, count="n", vintage="2026"), RULES, release="a")
    later = frame.assign(n=[4, 23, 20, 30, 33, 29])
    table = Table("pupils 2027", later, BY, count="n", vintage="2027")
    after = protect(table, RULES, [first.record], release="b")
    hidden = [
        set(map(tuple, r.loc[r["count"].eq("*"), BY].to_numpy())) for r in (first["pupils 2026"], after["pupils 2027"])
    ]
    assert hidden[0] == hidden[1]
    assert (
        protect(table, RULES)["pupils 2027"]["count"].eq("*").tolist() != after["pupils 2027"]["count"].eq("*").tolist()
    )
