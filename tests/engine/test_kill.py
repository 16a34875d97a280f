"""``kill -9`` of hub commands: the old state or the new one, and a re-run that ends where an undisturbed run does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from consortium import NOW, children

from linkage.engine import journal, rooms
from linkage.engine.receive import receive
from linkage.engine.registrar import open_registry
from linkage.engine.rooms import ROOMS, Hub
from linkage.errors import StoreError
from linkage.governance.ledger import verify_ledger

NURSERY = Path(__file__).with_name("kill_nursery.py")


def _killed(folder, kills, seed, which):
    """Kill the nursery's commands in turn: ``all``, those of the ``yearly`` work, or those of ``review`` everywhere."""
    single = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
    command = [sys.executable, str(NURSERY), str(folder), str(kills), str(seed), which]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | single)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["problems"] == []
    assert found["states"]["old"] + found["states"]["new"] == found["kills"]
    return found


def test_every_hub_command_killed_once_leaves_the_old_state_or_the_new_and_completes_when_run_again(tmp_path):
    _killed(tmp_path, 30, 3, "all")


@pytest.mark.slow
@pytest.mark.parametrize(("kills", "seed", "which"), [(200, 4, "yearly"), (210, 5, "all")])
def test_two_hundred_kills_lose_double_and_reuse_no_id(tmp_path, kills, seed, which):
    found = _killed(tmp_path, kills, seed, which)
    assert min(found["states"]["old"], found["states"]["new"], found["hot"]) > 0


@pytest.mark.slow
def test_a_kill_at_any_touch_of_a_file_in_clerical_review_asks_every_agency_once(tmp_path):
    found = _killed(tmp_path, 0, 0, "review")
    assert set(found["commands"]) == {
        f"review {way}: {state}" for way in ("export", "import") for state in ("old", "new")
    }


def test_a_package_that_was_filed_but_not_entered_before_a_kill_is_entered_by_the_re_run(consortium):
    package = consortium.hash("lakeside-district", children(30))
    first = receive(consortium.hub, package, NOW.date())  # a kill comes after this
    again = receive(consortium.hub, package, NOW.date())
    assert (first.new, again.new) == (True, False)
    for _ in range(2):
        journal.received(consortium.hub, again, NOW)
        entries = verify_ledger(journal.ledger_path(consortium.hub)).entries
        assert [entry.event.kind for entry in entries] == ["opened", "enacted", "received"]


def test_what_a_command_renamed_that_did_not_end_is_flushed_before_the_next_relies_on_it(consortium, monkeypatch):
    hub, flushed = consortium.hub, []
    monkeypatch.setattr(rooms, "sync_folder", flushed.append)
    with hub.working():
        pass
    with suppress(KeyboardInterrupt), hub.working():
        raise KeyboardInterrupt
    assert not flushed
    with hub.working():
        assert set(flushed) == {hub.folder, *(path for path in hub.folder.rglob("*") if path.is_dir())}
        flushed.clear()
    with hub.working():
        assert not flushed


def test_a_ledger_whose_making_was_cut_short_is_begun_again(consortium):
    ledger = journal.ledger_path(consortium.hub)
    ledger.write_bytes(b"")
    journal.enacted(consortium.hub, consortium.agreement, NOW, os.urandom)
    assert [entry.event.kind for entry in verify_ledger(ledger).entries] == ["opened", "enacted"]


def test_a_registry_whose_making_was_cut_short_is_begun_again_and_one_that_lost_its_content_is_not(consortium):
    part = consortium.hub.room("registrar") / ".registry.sqlite.part"
    part.write_bytes(b"half a registry")
    with open_registry(consortium.hub, create=True) as registry:
        assert registry.head().run == 0
    assert not part.exists()
    registry.path.write_bytes(b"")
    with pytest.raises(StoreError, match="never set up, or its content is lost"), open_registry(consortium.hub, True):
        pass


def test_an_adoption_cut_short_leaves_the_agreement_that_was_in_use(consortium):
    """What a kill leaves before the pointer is renamed: the new version's files beside the old version's."""
    before = consortium.hub.agreement().sha256
    beside = consortium.hub.folder / "agreement" / ("0" * 16)
    beside.mkdir()
    (beside / "agreement.yaml").write_text("kind: Data")
    assert consortium.hub.agreement().sha256 == before
    consortium.hub.adopt(consortium.agreement_path, "person")
    assert consortium.hub.agreement().sha256 == before


def test_the_making_of_a_hub_cut_short_is_begun_again(tmp_path):
    (tmp_path / ".hub.part" / "matcher").mkdir(parents=True)
    made = Hub.create(tmp_path / "hub", "data-hub")
    assert [made.keys(room).name for room in ROOMS] == [f"data-hub.{room}" for room in ROOMS]
    assert [path.name for path in tmp_path.iterdir()] == ["hub"]


def test_a_hub_may_be_made_in_a_folder_that_is_there_and_empty(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Hub.create(Path(), "data-hub")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["agreement", *sorted(ROOMS)]
