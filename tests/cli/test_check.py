"""``linkage check`` and the dry run of ``linkage hash`` as a steward meets them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from linkage.cli.main import main

EDFI = Path(__file__).parents[3] / "shared" / "data" / "edfi_grand_bend"


@pytest.fixture
def run():
    def call(*args, code=0):
        result = CliRunner().invoke(main, [str(a) for a in args], env={"COLUMNS": "160"})
        assert result.exit_code == code, result.output
        return result.output

    return call


def _register(rows=400):
    return pd.DataFrame(
        {
            "StudentUniqueId": [f"L{n:05}" for n in range(rows)],
            "FirstName": [f"Firstmarker{'abcdefghij'[n % 10]}" for n in range(rows)],
            "LastSurname": [
                f"Lastmarker{'abcdefghij'[n // 10 % 10]}{'klmnopqrst'[n // 100 % 10]}" for n in range(rows)
            ],
            "BirthDate": [f"{n % 12 + 1:02}/{n % 11 + 1:02}/{2001 + n % 9}" for n in range(rows)],
        }
    )


def test_the_profile_is_shown_and_written_without_any_value(run, tmp_path):
    frame = _register()
    frame.loc[3, "FirstName"] = "UNKNOWN"
    frame.loc[5, "BirthDate"] = "01/01/1900"
    frame.loc[7, "StudentUniqueId"] = ""
    path, page, saved = tmp_path / "students.csv", tmp_path / "page.html", tmp_path / "mapping.yaml"
    frame.to_csv(path, index=False)
    shown = run("check", path, "--html", page, "--save-mapping", saved)
    html = page.read_text()
    for text in (shown, html):
        assert "all but &lt;10" in text or "all but <10" in text
        assert "no row proves which" in text.replace("\n", " ")
        assert "expected linkability" in text
        assert "street" in text
        assert not re.search(r"marker|L0000|20\d\d-|UNKNOWN|1900", text)
    assert "<script" not in html
    assert "http" not in html
    again = run("check", path, "--mapping", saved)
    assert again.splitlines()[:4] == shown.splitlines()[:4]


def test_what_hash_would_refuse_ends_with_1(run, tmp_path):
    path = tmp_path / "students.csv"
    frame = _register(100)
    frame.loc[:40, "StudentUniqueId"] = ""
    frame.to_csv(path, index=False)
    assert "quarantine_limit" in run("check", path, code=1)


def test_nothing_is_written_over_and_a_mapping_excludes_single_columns(run, tmp_path):
    path = tmp_path / "students.csv"
    _register(100).to_csv(path, index=False)
    run("check", path, "--html", path, code=2)
    saved = tmp_path / "mapping.yaml"
    run("check", path, "--save-mapping", saved)
    assert "not both" in run("check", path, "--mapping", saved, "--local-id", "StudentUniqueId", code=2)
    assert "one character" in run("check", path, "--delimiter", "::", code=2)


@pytest.mark.parametrize(("name", "local_id"), [("students", "StudentUniqueId"), ("contacts", "ContactUniqueId")])
def test_ed_fi_files_are_recognised(run, name, local_id):
    path = EDFI / f"{name}.csv"
    if not path.exists():
        pytest.skip(f"{path} is not on this machine")
    shown = run("check", path)
    assert f"your own ID: {local_id}" in shown
    assert "set aside" not in shown


def test_words_are_explained_before_the_table_and_linkability_promises_no_recall(run, tmp_path):
    path = tmp_path / "students.csv"
    _register(100).to_csv(path, index=False)
    shown = run("check", path)
    table = shown.index("Passes, and rows")
    assert all(shown.index(word) < table for word in ("A pass is", "make a block", "'crowded' rows"))
    assert "not a promise of recall" in shown


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("agreement.yaml", "format: linkage-agreement/v1\nid: x\n", "looks like YAML"),
        ("agreement.csv", "---\nid: x\n", "looks like YAML"),
        ("package.json", '[{"a": 1}]', "looks like JSON"),
        ("package.csv", '{"a": 1}', "looks like JSON"),
    ],
)
def test_a_file_that_is_no_table_is_named_for_what_it_looks_like(run, tmp_path, name, content, said):
    path = tmp_path / name
    path.write_text(content)
    assert said in run("check", path, code=1)


def test_a_reader_who_stops_reading_is_no_error(tmp_path):
    path = tmp_path / "students.csv"
    _register(100).to_csv(path, index=False)
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as broken:
        done = subprocess.run(
            [sys.executable, "-c", "from linkage.cli.main import main; main()", "ledger", "--help"],
            stdout=broken,
            stderr=subprocess.PIPE,
            check=False,
        )
        checked = subprocess.run(
            [sys.executable, "-c", "from linkage.cli.main import main; main()", "check", str(path)],
            stdout=broken,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert done.stderr == b""
    assert checked.stderr == b""
