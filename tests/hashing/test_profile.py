"""A profile's figures, computed by hand on small files."""

import pandas as pd
import pytest

from linkage.hashing.columns import recognise
from linkage.hashing.profile import ERROR, profile_extract
from linkage.hashing.read import Extract
from linkage.reports.check import pass_rows, remarks, verdict
from linkage.reports.check_words import count, share

ROWS = [
    ("1", "Ann", "Lee", "2001-02-03", "01234"),
    ("2", "ann", "LEE", "02/03/2001", "01235"),
    ("3", "UNKNOWN", "Ray", "1900-01-01", "00000"),
    ("4", "", "Poe", "2001-02-30", ""),
    ("5", "Cy", "", "not a date", "99501"),
]


@pytest.fixture
def profile(spec):
    frame = pd.DataFrame(ROWS, columns=["id", "first_name", "last_name", "dob", "zip"])
    return profile_extract(Extract.of(frame), recognise(frame.columns, spec), spec)


def test_each_row_of_an_identifier_is_missing_a_placeholder_invalid_or_usable(profile):
    found = {i.name: (i.missing, i.placeholder, i.invalid, i.usable) for i in profile.identifiers}
    assert found == {
        "first_name": (1, 1, 0, 3),
        "last_name": (1, 0, 0, 4),
        "birth_date": (0, 1, 1, 3),
        "postal_code": (1, 1, 0, 3),
    }
    assert all(sum(kinds) == profile.rows for kinds in found.values())


def test_dates_that_are_no_day_or_could_be_read_two_ways_are_counted(profile):
    dates = next(i.dates for i in profile.identifiers if i.name == "birth_date")
    assert (dates.proven, dates.ambiguous, dates.impossible) == (False, 1, 1)


def test_likely_duplicates_agree_as_normalised(profile):
    assert profile.likely_duplicates == 1


def test_passes_say_who_takes_part_and_in_blocks_of_what_size(profile, spec):
    names = next(p for p in profile.passes if p.name == "names")
    assert (names.rows, names.over_cap, names.rows_by_size) == (2, 0, (0, 2, 0, 0, 0))
    assert "ssn" in profile.impossible_passes


def _of_passes(spec, *names, **changes):
    """Return a spec of some passes only, without caps of their own."""
    passes = tuple(p.model_copy(update={"cap": None}) for name in names for p in spec.passes if p.name == name)
    return spec.model_copy(update={"passes": passes} | changes)


def test_a_block_above_the_cap_is_counted_apart(spec):
    small = _of_passes(spec, "names", block_cap=2)
    frame = pd.DataFrame({"id": list("abc"), "first_name": ["Ann"] * 3, "last_name": ["Lee"] * 3})
    found = profile_extract(Extract.of(frame), recognise(frame.columns, small), small)
    assert [(p.name, p.rows, p.over_cap) for p in found.passes] == [("names", 3, 3)]
    assert found.rows_by_passes == (0, 0, 0)
    assert found.expected_linkability == 0.0


def test_expected_linkability_is_the_chance_that_a_pass_survives(spec):
    """One pass of two identifiers: both must be sound. Two that share one: inclusion and exclusion."""
    frame = pd.DataFrame({"id": ["a"], "first_name": ["Ann"], "last_name": ["Lee"], "city": ["Lima"]})
    one = _of_passes(spec, "names")
    found = profile_extract(Extract.of(frame), recognise(frame.columns, one), one)
    assert found.expected_linkability == pytest.approx((1 - ERROR) ** 2)
    three = _of_passes(spec, "names", "first-city", "last-city")
    found = profile_extract(Extract.of(frame), recognise(frame.columns, three), three)
    assert [p.name for p in found.passes] == ["names", "first-city", "last-city"]
    sound = 1 - ERROR
    assert found.expected_linkability == pytest.approx(3 * sound**2 - 2 * sound**3)


def _profile(spec, rows, columns=("id", "first_name", "last_name", "dob", "zip")):
    frame = pd.DataFrame(rows, columns=list(columns))
    return profile_extract(Extract.of(frame), recognise(frame.columns, spec), spec)


def test_the_verdict_is_what_hash_would_do(spec):
    rows = [(str(n), "Ann", "Lee", f"2001-01-{n + 10}", "01234") for n in range(19)]
    assert verdict(_profile(spec, rows)) == "linkage hash would take every row"
    bad = [("", "Ann", "Lee", "2001-01-01", "01234")]
    assert verdict(_profile(spec, rows + bad)) == "linkage hash would take it and set <10 rows aside"
    assert "would refuse it: <10 rows would be set aside, and the spec allows 2" in verdict(
        _profile(spec, rows + bad * 3)
    )
    without = _profile(spec, rows, ("x", "first_name", "last_name", "dob", "zip"))
    assert "would refuse it: no column with your own ID" in verdict(without)


def test_a_steward_is_told_of_placeholders_empty_columns_and_repeated_persons(spec):
    rows = [(str(n), "Ann", "Lee", "2001-01-01" if n < 3 else "", "00000" if n else "01234") for n in range(40)]
    told = list(remarks(_profile(spec, rows)))
    assert "birth_date: hardly any row has a value; is there a better column for it?" in told
    assert "postal_code: all but <10 of rows hold a placeholder, which counts as missing" in told
    assert any(line.startswith("<10 rows look like the person of an earlier row") for line in told)


def test_the_table_of_passes_leaves_out_sizes_that_no_block_has(spec):
    headings, rows = pass_rows(_profile(_of_passes(spec, "names"), ROWS))
    assert headings == ("pass", "rows", "crowded", "2-9")
    assert rows == [("names", "<10 rows", "", "<10 rows")]


@pytest.mark.parametrize(("number", "shown"), [(0, "0"), (1, "<10"), (9, "<10"), (10, "10"), (12345, "12,345")])
def test_small_counts_are_suppressed(number, shown):
    assert count(number) == shown


def test_a_count_that_leaves_a_small_rest_is_suppressed():
    assert [count(n, 960) for n in (957, 950, 960, 3)] == ["all but <10", "950", "960", "<10"]
    assert count(0, 5) == "0"


@pytest.mark.parametrize(
    ("number", "of", "shown"),
    [
        (0, 100, "0 %"), (3, 100, "<10 rows"), (95, 100, "all but <10"), (100, 100, "100 %"), (50, 100, "50 %"),
        (20, 100_000, "<1 %"), (99_980, 100_000, ">99 %"), (0, 0, "-"),
    ],
)  # fmt: skip
def test_shares_do_not_give_small_counts_back(number, of, shown):
    assert share(number, of) == shown
