"""Loss of power during commands of an agency and of the hub: what is left holds, and what was done stays done.

No plug is pulled. Commands run under strace, and their calls are played again on a disk that keeps nothing it was not
told to flush (``power_disk``). The order of the calls is checked, and what a loss of power may leave is held to what a
kill may leave (``kill_look``): the old state or the new one, and a re-run that completes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from shutil import copytree

import pytest
from power_disk import Disk, File
from power_replay import Replay
from power_trace import can_trace, read_calls, run_traced

NURSERY = Path(__file__).with_name("power_nursery.py")
traced = pytest.mark.skipif(not can_trace(), reason="strace is not here, or may not trace: loss of power is not tested")

#: What a careless program does, and what is found.
CARELESS = {
    "(w/'.new').write_text('x'); (w/'.new').rename(w/'new'); flush(w)": [
        "new appears before its content is flushed",
        "the command ends before the content of new is flushed",
    ],
    "(w/'.new').write_text('x'); flush(w/'.new'); (w/'.new').rename(w/'new')": [
        "the command ends before it is kept that new has its name"
    ],
    "(w/'in').mkdir(); (w/'in/new').write_text('x'); flush(w/'in/new'); flush(w/'in')": [
        "in/new is flushed before it is kept that in has its name",
        "the command ends before it is kept that in has its name",
    ],
    "(w/'new').write_text('x'); (w/'old').unlink(); flush(w/'new'); flush(w)": [
        "old is removed before it is kept that new has its name",
        "old is removed before the content of new is flushed",
        "new is flushed before it is kept that old is gone",
    ],
    "(w/'old').unlink()": ["the command ends before it is kept that old is gone"],
}


def _findings(folder, program):
    """Trace a program that works in a folder with one file, ``old``, and say what it does too early."""
    world = folder / "world"
    world.mkdir()
    (world / "old").write_text("old")
    copytree(world, folder / "begun")
    run_traced([sys.executable, "-c", program, str(world)], folder / "calls")
    replay = Replay(folder / "begun", world)
    replay.begin()
    for call in read_calls(folder / "calls"):
        replay.play(call)
    replay.end()
    return replay.findings


@traced
@pytest.mark.parametrize(("program", "found"), CARELESS.items())
def test_what_a_careless_program_flushes_too_late_is_found(tmp_path, program, found):
    begin = """
import os, pathlib, sys
w = pathlib.Path(sys.argv[1])
def flush(path):
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
"""
    assert _findings(tmp_path, begin + program) == found


@traced
def test_files_and_folders_are_written_copied_renamed_and_removed_in_order(tmp_path):
    program = """
import pathlib, sys
from linkage.exchange import files
w = pathlib.Path(sys.argv[1])
files.make_folder(w / "a" / "b")
files.write_atomically(w / "a" / "b" / "new", b"x")
files.write_atomically(w / "a" / "b" / "new", b"y")
files.copy_atomically(w / "a" / "b" / "new", w / "copy")
files.rename_durably(w / "copy", w / "renamed")
files.remove_durably(w / "old")
"""
    assert _findings(tmp_path, program) == []


def test_a_disk_keeps_what_it_was_told_to_and_forgets_or_tears_the_rest(tmp_path):
    disk, file = Disk(tmp_path), File()
    disk.change("a", (disk.root, "a", file))
    file.write(0, b"abcd")
    disk.written = file

    def left():
        found = [survivor.content.get("a") for survivor in disk.survivors()]
        return {None if content is None else content.data for content in found}

    assert left() == {None, b"", b"ab", b"abcd"}
    disk.flush_folder(disk.root)
    assert left() == {b"", b"ab", b"abcd"}
    file.flush()
    assert left() == {b"abcd"}
    file.write(2, b"CDEF")
    assert left() == {b"abcd", b"abCD", b"abCDEF"}
    file.write(0, b"AB")
    assert left() == {b"abcd", b"AbCDEF", b"ABCDEF", b"ABcd"}


def test_names_that_wait_are_kept_one_without_the_other(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    disk = Disk(tmp_path)
    a = disk.find("a")
    disk.change("c", (disk.root, "a", None), (disk.root, "c", a))
    disk.change("b", (disk.root, "b", None))
    left = {tuple(sorted(survivor.content)) for survivor in disk.survivors()}
    assert left == {("a", "b"), ("b", "c"), ("a",), ("c",)}


def _lost(folder, steps, states, seed):
    """Run the nursery's first commands, and look at so many states of each."""
    single = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
    command = [sys.executable, str(NURSERY), str(folder), str(steps), str(states), str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | single)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [command for command in found["commands"] if command["findings"]] == []
    assert found["problems"] == []
    assert min(found["states"].values()) > 0
    return found


@traced
def test_an_agencys_package_and_the_hubs_first_commands_survive_a_loss_of_power(tmp_path):
    assert len(_lost(tmp_path, 5, 4, 1)["commands"]) == 5


@traced
@pytest.mark.slow
def test_every_command_survives_a_loss_of_power_at_any_moment(tmp_path):
    found = _lost(tmp_path, 1000, 1000000, 2)
    assert sum(command["survivors"] for command in found["commands"]) == sum(found["states"].values())
