"""The audit of anyone's table, from the command line."""

import pandas as pd
import pytest
from click.testing import CliRunner

from linkage.cli.disclosure import tabulate
from linkage.cli.main import main
from linkage.disclosure.outside import audit_outside
from linkage.disclosure.printed import read_table
from linkage.errors import InputError

MARGINS = "school,10,11,12,Total\nNorth,30,25,*,59\nSouth,40,35,20,95\nWest,22,18,27,67\nTotal,92,78,51,221\n"
SAFE = "school,10,11,12,Total\nNorth,30,*,*,59\nSouth,40,35,20,95\nWest,22,*,*,67\nTotal,92,78,51,221\n"
DROPPED = "school,10,11,12,All\nNorth,30,25,*,55\nSouth,40,35,20,95\nWest,22,18,27,67\n"
SCHOOLS = "school,pupils\nNorth,59\nSouth,95\nWest,67\n"


@pytest.fixture
def run(tmp_path):
    def invoke(*arguments, **files):
        paths = []
        for name, text in files.items():
            path = tmp_path / f"{name}.csv"
            path.write_text(text)
            paths.append(str(path))
        return CliRunner().invoke(main, [arguments[0], *paths, *arguments[1:]])

    return invoke


def test_a_margin_gives_the_only_hidden_cell_of_its_line_back(run):
    result = run("audit", table=MARGINS)
    assert result.exit_code == 1
    assert "North / 12 is exactly 4" in result.output


def test_a_table_with_a_hidden_rectangle_passes(run):
    result = run("audit", table=SAFE)
    assert result.exit_code == 0
    assert "16 cells, 4 hidden" in result.output


def test_a_bound_below_the_threshold_is_reported_though_not_exact(run):
    result = run("audit", table="school,n\nA,12\nB,*\nC,*\nTotal,20\n")
    assert result.exit_code == 1
    assert "B is from 0 to 8" in result.output


def test_a_lower_threshold_is_passed_by_the_same_table(run):
    assert run("audit", "--threshold", "5", table="school,n\nA,12\nB,*\nC,*\nTotal,20\n").exit_code == 0


def test_totals_without_the_hidden_pupils_contradict_the_next_table(run):
    result = run("audit", crossed=DROPPED, schools=SCHOOLS)
    assert result.exit_code == 1
    assert "North is 55 in crossed.csv and 59 in schools.csv" in result.output


def test_tables_are_attacked_together(run):
    crossed = "school,10,11,12\nNorth,30,25,*\nSouth,40,35,20\nWest,22,18,*\n"
    assert run("audit", crossed=crossed).exit_code == 0
    result = run("audit", crossed=crossed, schools="school,pupils\nNorth,59\nSouth,95\nWest,67\n")
    assert result.exit_code == 1
    assert "North / 12 is exactly 4" in result.output


def test_symbols_and_total_words_of_other_publishers_are_understood():
    import pandas as pd

    frame = pd.DataFrame({"school": ["A", "B", "All Students"], "n": ["1,204", "<10", "1,211"]})
    found = audit_outside([read_table("t", frame)], 10)
    assert [(cell.cell, cell.high) for cell in found.given_away] == [(("B",), pytest.approx(7))]


def test_tabulate_writes_a_table_that_its_own_audit_passes(run, tmp_path):
    rows = "".join(f"{s},{g}\n" * n for s, g, n in [("N", "01", 30), ("N", "02", 4), ("S", "01", 25), ("S", "02", 22)])
    out = tmp_path / "out.csv"
    certificate = tmp_path / "certificate.json"
    result = run(
        "tabulate", "--by", "school", "--by", "grade", "--out", str(out), "--certificate", str(certificate),
        pupils="school,grade\n" + rows,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "audit passed" in result.output
    assert "N,02,*" in out.read_text()
    assert '"passed": true' in certificate.read_text()
    assert CliRunner().invoke(main, ["audit", str(out)]).exit_code == 0


def test_tabulate_names_a_column_that_is_missing(run):
    result = run("tabulate", "--by", "colour", pupils="school\nN\n")
    assert result.exit_code == 1
    assert "column 'colour' is not in the data" in result.output


def test_tabulate_refuses_a_table_of_nobody_and_writes_over_nothing(run, tmp_path):
    result = run("tabulate", "--by", "school", "--where", "school=S", pupils="school\nN\n")
    assert result.exit_code == 1
    assert "no row is in the table" in result.output
    assert "--where school=S" in result.output
    assert "a header line alone" in run("tabulate", "--by", "school", pupils="school,grade\n").output
    kept = tmp_path / "agreement.yaml"
    kept.write_text("signed")
    for option in ("--out", "--certificate", "--explain"):
        assert "exists already" in run("tabulate", "--by", "school", option, str(kept), pupils="school\nN\n").output
    assert kept.read_text() == "signed"


def test_every_option_of_tabulate_is_explained():
    assert all(option.help for option in tabulate.params if option.param_type_name == "option")


def test_a_list_of_persons_is_no_table():
    people = pd.DataFrame(
        {
            "local": [f"L{n}" for n in range(60)],
            "first": [f"F{n % 20}" for n in range(60)],
            "last": [f"N{n % 30}" for n in range(60)],
            "street": [f"{n} Elm St" for n in range(60)],
            "city": [f"C{n % 4}" for n in range(60)],
            "zip": [str(50000 + n) for n in range(60)],
        }
    )
    with pytest.raises(InputError, match="row per person"):
        read_table("people.csv", people)
    schools = pd.DataFrame({"id": range(60), "school": people["local"], "district": people["city"], "n": range(60)})
    assert len(read_table("schools.csv", schools).frame) == 60
