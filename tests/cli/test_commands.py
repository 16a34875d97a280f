"""The command line as a person meets it: exit codes, messages, files."""

import json
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from linkage.cli.main import main

DATA = Path(__file__).parents[1] / "data"


@pytest.fixture
def run():
    def call(*args, code=0):
        result = CliRunner().invoke(main, [str(a) for a in args])
        assert result.exit_code == code, result.output
        return result.output

    return call


def test_help_lists_commands_by_role(run):
    shown = run("--help")
    places = [shown.index(f"{role}:") for role in ("Try it", "Agency data steward", "Hub operator", "Researcher")]
    assert places == sorted(places)


def test_try_prints_quality_beside_the_truth_and_writes_what_it_found(run, tmp_path):
    for name in "ab":
        frame = pd.read_csv(DATA / f"febrl4{name}.csv", dtype=str)
        frame[frame["truth"].astype(int) < 500].to_csv(tmp_path / f"{name}.csv", index=False)
    shown = run("try", tmp_path / "a.csv", tmp_path / "b.csv", "--truth", "truth", "--out", tmp_path / "out")
    assert "by the truth" in shown
    assert "estimated without labels" in shown
    clusters = pd.read_csv(tmp_path / "out" / "clusters.csv")
    assert list(clusters.columns) == ["source", "row", "cluster_id"]
    assert json.loads((tmp_path / "out" / "certificate.json").read_text())["spec"].startswith("person")


def test_one_file_can_be_split_into_its_sources(run, tmp_path):
    frames = [pd.read_csv(DATA / f"febrl4{name}.csv", dtype=str).head(150).assign(source=name) for name in "ab"]
    pd.concat(frames).to_parquet(tmp_path / "both.parquet")
    shown = run("try", tmp_path / "both.parquet", "--split", "source", "--truth", "truth")
    assert "a (150 records)" in shown


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["try", "nothing.csv"], "no such file"),
        (["try", DATA / "febrl4a.csv", "--truth", "who"], "no column 'who'"),
        (["try", DATA / "febrl4a.csv", "--spec", "nobody"], "there is no linkage spec nobody"),
        (["hub", "status", DATA], "not a hub's folder"),
    ],
)
def test_what_is_wrong_is_said_and_the_exit_code_is_1(run, args, message):
    assert message in run(*args, code=1)


def test_a_secret_that_others_can_read_is_refused(run, tmp_path):
    secret = tmp_path / "shared.secret"
    run("secret", "new", "--out", secret)
    assert secret.stat().st_mode & 0o777 == 0o600
    text = secret.read_text()
    secret.chmod(0o644)
    shown = run(
        "hash", DATA / "febrl4a.csv", "--agreement", DATA / "README.md", "--spec", "person", "--secret", secret,
        "--key", DATA / "README.md", "--out", tmp_path / "x.lpkg", code=1,
    )  # fmt: skip
    assert not any(line and line in shown for line in text.splitlines() if not line.startswith("#"))
    assert not (tmp_path / "x.lpkg").exists()


def test_an_output_is_never_written_over(run, tmp_path):
    there = tmp_path / "x.lpkg"
    there.write_text("precious")
    run(
        "hash", DATA / "febrl4a.csv", "--agreement", DATA / "README.md", "--spec", "person", "--key",
        DATA / "README.md", "--out", there, code=2,
    )  # fmt: skip
    assert there.read_text() == "precious"


def test_the_demo_plays_every_role_and_shows_the_truth(run, tmp_path):
    shown = run("demo", tmp_path / "world", "--people", "1500")
    for part in (
        "$ linkage hash",
        "$ linkage hub match",
        "$ linkage open",
        "true",
        "The longitudinal file",
        "The table",
    ):
        assert part in shown
    assert "refused by outputs[research-file].purposes" in shown
    assert (tmp_path / "world" / "university" / "2026" / "codebook.html").exists()
    hub = tmp_path / "world" / "hub"
    head = tmp_path / "world" / "university" / "2026.rpkg.head.json"
    assert "everything holds" in run("hub", "verify", hub, "--head", head)
    assert "verified" in run("hub", "backup", hub, tmp_path / "copy.sqlite")
    ledger = hub / "ledger.jsonl"
    signed = json.loads(head.read_text())["count"]
    ledger.write_bytes(b"".join(ledger.read_bytes().splitlines(keepends=True)[: signed - 1]))
    assert "something does not hold" in run("hub", "verify", hub, "--head", head, code=1)


def test_the_demo_does_not_write_over_a_folder(run, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    run("demo", tmp_path, code=1)
    assert (tmp_path / "mine.txt").read_text() == "mine"
