from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from linkage.registry.connection import connect
from linkage.registry.store import Registry

NURSERY = Path(__file__).with_name("crash_nursery.py")


def killed(folder, kills, seed):
    single = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "ARROW_NUM_THREADS": "1"}
    command = [sys.executable, str(NURSERY), str(folder), str(kills), str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | single)
    found = json.loads(done.stdout)
    assert found["old"] + found["new"] == found["kills"] == kills
    assert found["wrong"] == 0
    return found


def test_a_run_is_on_the_disk_before_it_is_said_to_be_done_and_so_is_the_end_of_its_journal(tmp_path):
    with closing(connect(tmp_path / "registry.sqlite", create=True, wait_seconds=1.0)) as registry:
        assert registry.execute("PRAGMA synchronous").fetchone() == (3,), "EXTRA"
        assert registry.execute("PRAGMA journal_mode").fetchone() == ("delete",)


def test_a_run_killed_at_any_instant_leaves_the_old_state_or_the_new_one(tmp_path):
    killed(tmp_path, 10, 1)


@pytest.mark.slow
def test_two_hundred_kills_leave_the_old_state_or_the_new_one(tmp_path):
    found = killed(tmp_path, 200, 2)
    assert min(found["old"], found["new"], found["hot"]) > 0


RACER = """
import sys
from pathlib import Path
from registry_world import clusters, run
from linkage.registry.plan import plan_update
from linkage.registry.store import Registry
name = sys.argv[2]
with Registry.open(Path(sys.argv[1]), create=True, wait_seconds=600) as registry:
    for number in range(5):
        with registry.exclusive():
            table = clusters(f"k12:a {name}:{'abcde'[number]}")
            registry.apply(plan_update(registry.state(), table), run())
"""


def test_two_processes_that_write_at_once_take_turns_and_lose_nothing(tmp_path):
    path = tmp_path / "registry.sqlite"
    here = os.environ | {"PYTHONPATH": str(NURSERY.parent)}
    racers = [subprocess.Popen([sys.executable, "-c", RACER, str(path), name], env=here) for name in ("one", "two")]
    assert [racer.wait() for racer in racers] == [0, 0]

    with Registry.open(path) as registry:
        assert registry.head().run == 10
        assert registry.verify().problems == ()
        table = registry.crosswalk()
        assert (len(table), table["student_id"].nunique()) == (11, 1)
