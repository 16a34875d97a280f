import hashlib
import re

import pandas
import pyarrow.csv
import pytest
from click.testing import CliRunner

from linkage.cli.simulate import simulate as command
from linkage.errors import InputError
from linkage.simulation import Years, simulate, writing
from linkage.simulation.writing import write_world


@pytest.fixture(scope="module")
def small():
    return simulate(1000, seed=5)


@pytest.fixture(scope="module")
def folder(small, tmp_path_factory):
    folder = tmp_path_factory.mktemp("simulated") / "world"
    write_world(small, folder)
    return folder


def digests(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_the_same_seed_writes_the_same_bytes_and_another_seed_others(folder, tmp_path):
    write_world(simulate(1000, seed=5), tmp_path / "again")
    write_world(simulate(1000, seed=6), tmp_path / "other")
    assert digests(tmp_path / "again") == digests(folder)
    other = digests(tmp_path / "other")
    assert other.keys() == digests(folder).keys()
    assert not set(other.values()) & set(digests(folder).values())


def test_the_files_hold_what_the_world_holds(small, folder):
    for agency in small.agencies:
        for file in agency.files:
            read = pandas.read_csv(folder / agency.name / file.name, dtype=str, keep_default_na=False, na_values=[""])
            expected = file.table.to_pandas().astype(object)
            assert list(read.columns) == list(expected.columns)
            assert len(read) == len(expected)
            for column in read:
                values = pyarrow.array(file.column(column)).cast(pyarrow.string()).to_pylist()
                assert read[column].astype(object).where(read[column].notna(), None).tolist() == values


def test_the_folder_has_one_folder_for_each_agency_and_the_truth_apart(small, folder):
    assert {path.name for path in folder.iterdir()} == {a.name for a in small.agencies} | {"truth.csv", "README.md"}


def test_the_guide_names_every_file_every_column_and_says_that_no_one_is_real(small, folder):
    text = (folder / "README.md").read_text(encoding="utf-8")
    assert "Every person here is fictional" in text
    assert "parameters of this simulation, not findings" in text
    for agency in small.agencies:
        for file in agency.files:
            assert f"`{agency.name}/{file.name}`, {file.rows:,} rows" in text
            assert all(f"| `{column.name}` | {column.meaning} |" in text for column in file.columns)
    assert all(f"| `{column.name}` | {column.meaning} |" in text for column in small.truth.columns)


def test_the_guides_example_counts_the_true_pairs(small, folder, capsys, monkeypatch):
    example = re.search(r"```python\n(.*?)```", (folder / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    monkeypatch.chdir(folder)
    exec(example[1], {})
    lakeside, riverbend = (set(small.agency(f"{n}-district").persons.tolist()) for n in ("lakeside", "riverbend"))
    line = next(line for line in capsys.readouterr().out.splitlines() if line.split()[:2][-1] == "riverbend-district")
    assert int(line.split()[-1]) >= len(lakeside & riverbend) > 0


def test_a_folder_that_holds_anything_is_refused_and_left_as_it_was(small, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="not empty"):
        write_world(small, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_file_in_the_place_of_the_folder_is_refused(small, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="needs a folder"):
        write_world(small, tmp_path / "file")


def test_an_empty_folder_and_a_link_to_one_are_filled(small, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    write_world(small, tmp_path / "link")
    assert (tmp_path / "empty" / "truth.csv").is_file()


def test_a_failure_on_the_way_leaves_nothing_behind(small, tmp_path, monkeypatch):
    def full(world):
        raise OSError("no space left")

    monkeypatch.setattr(writing, "guide", full)
    with pytest.raises(OSError, match="no space left"):
        write_world(small, tmp_path / "deep" / "world")
    assert list((tmp_path / "deep").iterdir()) == []


def test_progress_goes_from_nothing_to_all_and_names_each_phase(tmp_path):
    phases = []
    world = simulate(1000, seed=5, progress=lambda phase, done: phases.append((phase, done)))
    assert [done for _, done in phases] == sorted(done for _, done in phases)
    assert phases[0][1] == 0
    written = []
    write_world(world, tmp_path / "w", lambda phase, done: written.append((phase, done)))
    assert len(written) == 1 + sum(len(agency.files) for agency in world.agencies)


def test_years_and_sizes_that_make_no_world_are_refused():
    with pytest.raises(InputError, match="years"):
        Years(2026, 2016)
    with pytest.raises(InputError, match="cannot be simulated") as refused:
        simulate(10, seed=1)
    assert "1,000" in str(refused.value)


def test_the_command_writes_a_world_and_says_where(tmp_path):
    result = CliRunner().invoke(command, [str(tmp_path / "w"), "--people", "1000", "--years", "2020-2022"])
    assert result.exit_code == 0
    assert "1,000 people, 7 agencies" in result.output
    assert "writing workforce/wages.csv" in result.output
    assert (tmp_path / "w" / "README.md").is_file()


def test_the_command_refuses_before_it_simulates(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    result = CliRunner().invoke(command, [str(tmp_path)])
    assert isinstance(result.exception, InputError)
    assert "families" not in result.output


@pytest.mark.parametrize("arguments", [["--people", "12"], ["--seed", "-1"], ["--years", "soon"]])
def test_the_command_says_what_it_expects(tmp_path, arguments):
    result = CliRunner().invoke(command, [str(tmp_path / "w"), *arguments])
    assert result.exit_code == 2
    assert not (tmp_path / "w").exists()
