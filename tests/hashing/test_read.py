"""Files as agencies export them."""

import pandas as pd
import pytest

from linkage.errors import InputError
from linkage.hashing.read import read_extract


def test_every_value_is_text_and_leading_zeros_stay(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("\ufeffName;Zip\r\nNA;01234\r\n".encode())
    found = read_extract(path)
    assert found.frame.to_dict("list") == {"Name": ["NA"], "Zip": ["01234"]}
    assert found.described == "CSV, UTF-8, separated by ';'"


def test_windows_text_is_recognised_and_said(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("name\nJosé García\nZoë\n".encode("cp1252"))
    found = read_extract(path)
    assert found.frame["name"].tolist() == ["José García", "Zoë"]
    assert "Windows-1252" in found.described


def test_parquet_is_read(tmp_path):
    path = tmp_path / "a.parquet"
    pd.DataFrame({"name": ["Ann"]}).to_parquet(path)
    assert read_extract(path).frame["name"].tolist() == ["Ann"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"name,zip\n", "no rows"),
        (b"name,name\na,b\n", "same header"),
        (b"name,zip\na,1\nMARKER,1,2\nMARKER\n", "2 rows do not fit"),
        (b"name\nMARK\x00ER\n", "NUL"),
    ],
)
def test_a_bad_file_is_refused_with_the_reason_and_no_value(tmp_path, content, reason):
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=reason) as refused:
        read_extract(path)
    assert "MARK" not in str(refused.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_extract(tmp_path / "no.csv")


def test_ragged_rows_are_named_by_number(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"name,zip\na,1\nb,1,2\nc\n")
    with pytest.raises(InputError) as refused:
        read_extract(path)
    assert refused.value.problems == ("row 2: 3 values, expected 2", "row 3: 1 values, expected 2")


def test_a_quoted_value_may_hold_a_delimiter_and_a_line_end(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b'name,zip\n"Lee, Ann",01234\n"two\nlines",1\n')
    assert read_extract(path).frame["name"].tolist() == ["Lee, Ann", "two\nlines"]
