import pytest
from click.testing import CliRunner

from linkage.cli.main import main

SCHEMA = """{"version": 3, "clkConfig": {"l": 512, "kdf": {"type": "HKDF"}}, "features": [
 {"identifier": "name", "format": {"type": "string"},
  "hashing": {"comparison": {"type": "ngram", "n": 2}, "strategy": {"bitsPerFeature": 60}}},
 {"identifier": "age", "format": {"type": "integer"},
  "hashing": {"comparison": {"type": "exact"}, "strategy": {"bitsPerFeature": 9}, "missingValue": {"sentinel": ""}}}
]}"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "schema.json").write_text(SCHEMA)
    (tmp_path / "secret").write_text("a secret of some length\n")
    (tmp_path / "secret").chmod(0o600)
    (tmp_path / "a.csv").write_text("FullName,age,truth\nanna lindqvist,31,1\nbertrand russell,44,2\n")
    (tmp_path / "b.csv").write_text("FullName,age,truth\nbertrand rusell,44,2\nclara schumann,27,3\n")
    return tmp_path


def hash_file(folder, name, *more):
    args = ["clk", "hash", f"{folder}/{name}.csv", "--schema", f"{folder}/schema.json"]
    args += ["--secret", f"{folder}/secret", "--out", f"{folder}/{name}.json", "--column", "name=FullName", *more]
    return CliRunner().invoke(main, args)


def test_two_parties_hash_and_the_hub_matches_and_scores(folder):
    for name in ("a", "b"):
        assert hash_file(folder, name).exit_code == 0
    args = [
        "clk",
        "match",
        f"{folder}/a.json",
        f"{folder}/b.json",
        "--truth",
        f"{folder}/a.csv",
        "--truth",
        f"{folder}/b.csv",
    ]
    result = CliRunner().invoke(main, [*args, "--out", f"{folder}/out"])
    assert result.exit_code == 0, result.output
    assert "clusters: precision 1.0000, recall 1.0000, F1 1.0000" in result.output
    assert (folder / "out" / "pairs.csv").read_text().splitlines()[1].startswith("a,1,b,0,")


def test_a_bad_value_exits_1_writes_nothing_and_is_not_shown(folder):
    (folder / "a.csv").write_text("FullName,age\nanna lindqvist,thirty-one\n")
    result = hash_file(folder, "a")
    assert result.exit_code == 1
    assert "expected a whole number; 1 rows differ (row 1)" in result.output
    assert "thirty-one" not in result.output
    assert not (folder / "a.json").exists()


def test_a_secret_that_others_can_read_is_refused(folder):
    (folder / "secret").chmod(0o644)
    result = hash_file(folder, "a")
    assert result.exit_code == 1
    assert "0600" in result.output


def test_a_feature_left_out_is_empty_in_every_record(folder):
    assert hash_file(folder, "a", "--without", "age").exit_code == 0
    assert hash_file(folder, "b", "--without", "shoe_size").exit_code == 1
