"""Rows that cannot be used are set aside with a reason; none is lost, none is hidden."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkage.errors import InputError
from linkage.hashing.columns import recognise
from linkage.hashing.quarantine import Quarantine, QuarantinedRow, Reason
from linkage.hashing.read import Extract, read_extract
from linkage.hashing.usable import usable_rows
from linkage.spec.load import load_spec


def _usable(rows, spec):
    frame = pd.DataFrame(rows, columns=["student_id", "first_name", "last_name", "dob"])
    return usable_rows(Extract.of(frame), recognise(frame.columns, spec), spec)


ROWS = [
    ("1", "Ann", "Lee", "2001-02-03"),
    ("", "Bob", "Ray", "2001-02-04"),
    ("3", "UNKNOWN", "", "1900-01-01"),
    ("4", "Cy", "Poe", "2001-02-05"),
    (" 4 ", "CY", "Poe ", "02/05/2001"),
    ("5", "Di", "Fox", "2001-02-06"),
    ("5", "Di", "Fox-Lee", "2001-02-06"),
]


def test_each_reason_is_found(spec):
    found = _usable(ROWS, spec)
    assert found.quarantine.rows == (
        QuarantinedRow(2, Reason.NO_LOCAL_ID),
        QuarantinedRow(3, Reason.NO_IDENTIFIER),
        QuarantinedRow(5, Reason.REPEATED_ROW),
        QuarantinedRow(6, Reason.REPEATED_LOCAL_ID),
        QuarantinedRow(7, Reason.REPEATED_LOCAL_ID),
    )
    assert found.local_ids == ["1", "4"]
    assert found.row_numbers.tolist() == [1, 4]
    assert found.prepared.records == 2
    last = found.prepared.values["last_name"]
    assert [last.distinct[code] for code in last.codes] == ["LEE", "POE"]


def test_rows_that_could_not_be_read_are_in_the_same_quarantine(spec, tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"student_id,first_name\n1,Ann\n2\n,Bob\n4,Cy\n5,Di\n")
    extract = read_extract(path, quarantine=True)
    found = usable_rows(extract, recognise(extract.frame.columns, spec), spec)
    assert [(row.row, row.reason) for row in found.quarantine.rows] == [(2, Reason.RAGGED), (3, Reason.NO_LOCAL_ID)]
    assert found.quarantine.of == 5
    assert found.row_numbers.tolist() == [1, 4, 5]


@pytest.mark.parametrize(
    ("rows", "allowed"),
    [(0, 0), (1, 0), (2, 1), (9, 1), (10, 1), (20, 2), (49, 4), (50, 5), (100, 5), (500, 5), (599, 5), (600, 6),
     (1_000_000, 10_000)],
)  # fmt: skip
def test_a_small_extract_may_lose_a_few_rows_and_a_large_one_its_share(rows, allowed):
    def quarantine(count):
        return Quarantine(tuple(QuarantinedRow(row, Reason.NUL) for row in range(1, count + 1)), rows)

    assert quarantine(0).allowed(0.01) == allowed
    quarantine(allowed).require_within(0.01)
    with pytest.raises(InputError, match=f"quarantine_limit allows {allowed:,} "):
        quarantine(allowed + 1).require_within(0.01)
    with pytest.raises(InputError, match="allows 0 "):
        quarantine(1).require_within(0.0)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["", "1", "2", "3"]), st.sampled_from(["", "Ann", "Bob"]), st.just("Lee"), st.just("")
        ),
        min_size=1,
        max_size=20,
    )
)
def test_every_row_is_usable_or_in_quarantine_once_and_usable_ids_are_unique(rows):
    found = _usable(rows, load_spec())
    numbers = sorted([*found.row_numbers.tolist(), *(row.row for row in found.quarantine.rows)])
    assert numbers == list(range(1, len(rows) + 1))
    assert len(set(found.local_ids)) == len(found.local_ids)
    assert len(found.local_ids) == found.prepared.records


def test_a_million_rows_with_one_bad_one_are_within_the_limit():
    one = Quarantine((QuarantinedRow(77, Reason.RAGGED),), 1_000_000)
    one.require_within(0.01)
    with pytest.raises(InputError, match="quarantine_limit") as refused:
        one.require_within(0.0)
    assert refused.value.problems == ("1 because the number of values is not that of the header: rows 77",)


def test_the_quarantine_file_has_row_numbers_and_reasons_only(spec):
    lines = _usable(ROWS, spec).quarantine.to_csv().decode().splitlines()
    assert lines[:2] == ["row,reason", "2,the local ID is empty"]
    assert len(lines) == 6
    assert not any(value in "\n".join(lines) for value in ("Ann", "Bob", "Fox", "2001"))


def test_a_file_without_local_ids_has_none_and_loses_no_row(spec):
    frame = pd.DataFrame({"first_name": ["Ann", "Ann"]})
    found = usable_rows(Extract.of(frame), recognise(frame.columns, spec), spec)
    assert found.local_ids is None
    assert found.prepared.records == 2
    assert np.array_equal(found.row_numbers, [1, 2])
