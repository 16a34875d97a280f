"""Files from people who know only `linkage audit`: what they hold is understood, or what is wrong is said."""

import pandas as pd
import pytest
from click.testing import CliRunner

from linkage.cli.main import main
from linkage.disclosure.outside import audit_outside
from linkage.disclosure.printed import HIDDEN, read_table
from linkage.disclosure.reading import numbers, read_frame
from linkage.errors import InputError


def audit(tmp_path, text, *arguments, name="t.csv"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return CliRunner().invoke(main, ["audit", str(path), *arguments])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"%PDF-1.7 ...", "is a PDF document"),
        (b'{"a": 1}', "is JSON"),
        (b"<html><table>", "is a web page"),
        (b"\xd0\xcf\x11\xe0rest", "an old Excel workbook"),
        (b"", "is empty"),
        (b"\x00\x01\x02\x03", "is not text"),
        (b"school,n\nA,1,204\nB,3\n", "line 2 has 3 fields where the header has 2"),
        (b'school,n\nA,"12\nB,3\n', "a quotation mark is not closed"),
        (b"h1,,h2,\na,b,a,b\n1,2,3,4\n", "column 2 has no header"),
        (b"school,n,n\nA,1,2\n", "'n' stands above several columns"),
        (b"school,rate\nN,45%\nS,33%\n", "holds percentages"),
        (b"school\nN\nS\n", "has one column only"),
        (b"school,n\nN,-4\nS,30\n", "holds negative numbers"),
    ],
)
def test_a_file_that_cannot_be_audited_is_refused_with_the_reason(tmp_path, content, said):
    result = audit(tmp_path, content)
    assert result.exit_code == 1
    assert said in result.output
    assert "Error" not in result.output


SPREADSHEET = (
    'Enrolment by school and grade, 2025\n\n,9,10,11,All grades\nNorth,"1,230",25,*,"1,259"\nSouth,40,35,20,95\n'
    'West,22,18,<10,49\nAll schools,"1,292",78,33,"1,403"\n\n* suppressed, fewer than 10\nSource: state\n'
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_spreadsheet_with_title_notes_and_thousands_separators_is_read(tmp_path, encoding, delimiter):
    text = SPREADSHEET
    if delimiter != ",":
        text = "\n".join(
            delimiter.join(part.replace("#", ",") for part in line.split(","))
            for line in SPREADSHEET.replace("1,2", "1#2").replace("1,4", "1#4").splitlines()
        )
    result = audit(tmp_path, text.encode(encoding))
    assert "crosstab of 'row' by the 4 columns" in result.output
    assert "North / 11 is exactly 4" in result.output
    assert "16 cells, 2 hidden" in result.output


def test_a_column_that_others_add_up_to_is_found_to_be_the_total(tmp_path):
    text = "district,school,male,female,both\nD1,A,12,13,25\nD1,B,20,*,24\nD2,C,15,15,30\n"
    result = audit(tmp_path, text)
    assert "'both' is taken for the total" in result.output
    assert "D1 / B / female is exactly 4" in result.output


def test_what_may_be_a_total_is_asked_about_and_can_be_named(tmp_path):
    text = "school\tn\nNorth\t12\nSouth\t*\nWhole district\t20\n"
    result = audit(tmp_path, text)
    assert result.exit_code == 0
    assert "'Whole district' of 'school' may be a total" in result.output
    named = audit(tmp_path, text, "--total", "Whole district")
    assert named.exit_code == 1
    assert "South is exactly 8" in named.output


def test_what_was_taken_as_hidden_is_listed_and_a_dash_may_be_a_zero(tmp_path):
    text = "school,9,10,Total\nN,20,-,20\nS,14,n/a,30\n"
    result = audit(tmp_path, text)
    assert "taken as hidden: '-' (1), 'n/a' (1)" in result.output
    assert "1 hidden" in audit(tmp_path, text, "--zero", "-").output


def test_a_printed_range_bounds_the_cells_beside_it():
    # The star is 25 - (at most 9): it is shown to be at least 16, and at most 25.
    frame = pd.DataFrame({"school": ["A", "B", "C", "Total"], "n": ["30", "<10", "*", "55"]})
    assert audit_outside([read_table("t", frame)], 10).passed
    # Both are known to be below 10, and the first to be 6 or more.
    frame = pd.DataFrame({"school": ["A", "B", "C", "Total"], "n": ["30", "<10", "*", "39"]})
    found = audit_outside([read_table("t", frame)], 10)
    assert [(each.cell, each.low, each.high) for each in found.given_away] == [(("C",), 0, pytest.approx(9))]


def test_a_range_that_the_attacker_narrows_is_given_away():
    frame = pd.DataFrame({"school": ["A", "B", "C", "Total"], "n": ["30", "<10", "<10", "48"]})
    found = audit_outside([read_table("t", frame)], 10)
    assert {(each.cell, each.exact) for each in found.given_away} == {(("B",), True), (("C",), True)}
    frame["n"] = ["30", "<10", "<10", "36"]
    assert [round(each.high, 6) for each in audit_outside([read_table("t", frame)], 10).given_away] == [6, 6]


@pytest.mark.parametrize(
    ("text", "bounds"),
    [
        ("<10", (0, 9)),
        ("n<10", (0, 9)),
        ("fewer than 5", (0, 4)),
        ("\u22649", (0, 9)),
        ("1-9", (1, 9)),
        ("1\u20139", (1, 9)),
        ("10 to 19", (10, 19)),
        ("20+", (20, float("inf"))),
        ("> 30", (31, float("inf"))),
    ],
)
def test_ranges_of_publishers_are_understood(text, bounds):
    table = read_table("t", pd.DataFrame({"school": ["A", "B"], "n": [text, "40"]}))
    assert table.ranges == ((0, *bounds),)
    assert table.frame["n"].tolist() == [HIDDEN, 40]


def test_numbers_keep_their_size_and_codes_are_no_numbers():
    found = numbers(pd.Series(["1,204", "1 204", "12.5", "3", "1,2", "<10", "", "007", "n/a"]))
    assert found.fillna(-1).tolist() == [1204, 1204, 12.5, 3, -1, -1, -1, 7, -1]


def test_a_file_of_cells_with_total_rows_is_not_counted_twice(tmp_path):
    path = tmp_path / "cells.csv"
    path.write_text("school,n\nA,12\nB,4\nAll schools,16\n")
    result = CliRunner().invoke(main, ["tabulate", str(path), "--by", "school", "--count", "n"])
    assert result.exit_code == 1
    assert "1 rows are totals, and would be counted twice" in result.output
    path.write_text("school,n\nA,12\nB,few\n")
    result = CliRunner().invoke(main, ["tabulate", str(path), "--by", "school", "--count", "n"])
    assert "1 entries are no numbers (data row 2)" in result.output


def test_a_workbook_without_its_reader_or_a_damaged_one_is_named(tmp_path):
    path = tmp_path / "t.xlsx"
    path.write_bytes(b"PK\x03\x04junk")
    with pytest.raises(InputError, match="Excel workbook"):
        read_frame(path)


def test_tabulate_writes_the_stewards_page(tmp_path):
    data = tmp_path / "pupils.csv"
    data.write_text("school,grade\n" + "N,9\n" * 30 + "N,10\n" * 4 + "S,9\n" * 25 + "S,10\n" * 22)
    page = tmp_path / "why.html"
    result = CliRunner().invoke(
        main, ["tabulate", str(data), "--by", "school", "--by", "grade", "--optimal", "--explain", str(page)]
    )
    assert result.exit_code == 0, result.output
    assert "no pattern of hidden cells costs less" in result.output
    assert "What is hidden in pupils" in page.read_text()
    assert page.stat().st_mode & 0o077 == 0
