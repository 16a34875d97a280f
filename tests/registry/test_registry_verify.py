from __future__ import annotations

import shutil
import sqlite3
import stat

import pytest
from registry_world import clusters, content, ids_of, open_registry, run

from linkage.errors import StoreError
from linkage.registry.backup import back_up, restore
from linkage.registry.manual import plan_pin
from linkage.registry.plan import plan_update
from linkage.registry.store import Head, Registry


@pytest.fixture
def registry(tmp_path):
    with open_registry(tmp_path / "registry.sqlite") as opened:
        for groups in (("k12:a col:a", "k12:b"), ("k12:a k12:b", "wf:c"), ("wf:c ece:c",)):
            opened.apply(plan_update(opened.state(), clusters(*groups)), run())
        identifier = ids_of(opened)["wf:c"]
        opened.apply(plan_pin(opened.state_of([identifier]), identifier, "checked"), run())
        yield opened


def tamper(path, *statements):
    """Alter the file as its owner could: without the rules, which are put back afterwards."""
    connection = sqlite3.connect(path, isolation_level=None)
    triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
    for name, _ in triggers:
        connection.execute(f"DROP TRIGGER {name}")
    for statement in statements:
        connection.execute(statement)
    for _, sql in triggers:
        connection.execute(sql)
    connection.close()


def test_a_sound_registry_passes_and_says_what_it_holds(registry):
    found = registry.verify([registry.head(2), registry.head()])
    assert found.problems == ()
    assert (found.head, found.students, found.records, found.events) == (registry.head(), 3, 5, 6)


TAMPERED = {
    "a reason": ("UPDATE reason SET text = 'another' WHERE reason = 1", "digest"),
    "evidence": ("UPDATE event SET evidence = 'cluster 9' WHERE event = 1", "digest"),
    "a note": ("UPDATE run SET note = 'other' WHERE run = 2", "run 2 is not as it was written"),
    "a record moved": ("UPDATE record SET student = 3 WHERE record = 1", "came to its ID by an event"),
    "a record withheld": ("UPDATE record SET withheld = 'record' WHERE record = 1", "withheld by a withdrawal"),
    "a record taken away": ("DELETE FROM record WHERE record = 5", "refers to no row"),
    "a past forgotten": ("DELETE FROM past", "came to its ID|digest"),
    "a redirect": ("UPDATE student SET merged_into = NULL", "every redirect is a merge"),
    "an ID": ("UPDATE student SET id = '111-111-111' WHERE student = 1", "check character"),
    "a student without an event": ("INSERT INTO student (student, id) VALUES (4, '000-000-012')", "minted once"),
    "an agency's name": ("UPDATE agency SET name = 'other' WHERE agency = 1", "digest"),
    "a decision": ("UPDATE decision SET kind = 'merge'", "digest"),
    "a decision's records": ("DELETE FROM decision_record WHERE record = 4", "digest"),
    "an input": ("INSERT INTO run_input VALUES (1, 1, zeroblob(32))", "run 1 is not as it was written"),
    "a run taken from the middle": ("DELETE FROM run WHERE run = 2", "without a gap|digest"),
    "a rule taken away": ("DROP INDEX past_since", "rule past_since was altered"),
    "a dangling reference": ("UPDATE record SET since = 99 WHERE record = 1", "refers to no row"),
}


@pytest.mark.parametrize(("statement", "problem"), TAMPERED.values(), ids=TAMPERED.keys())
def test_every_alteration_is_found(registry, statement, problem):
    tamper(registry.path, statement)
    problems = "\n".join(registry.verify().problems)
    assert any(part in problems for part in problem.split("|")), problems


def test_a_removed_trigger_is_found(registry):
    connection = sqlite3.connect(registry.path)
    connection.execute("DROP TRIGGER event_never_updated")
    connection.close()
    assert registry.verify().problems == ("the database's own rule event_never_updated was altered, added or removed",)


def test_a_registry_put_back_to_an_earlier_run_is_found_by_who_kept_the_digests(registry, tmp_path):
    kept = [registry.head(number) for number in (1, 2, 3, 4)]
    old = tmp_path / "old.sqlite"
    back_up(registry.path, old, 5)
    registry.apply(plan_update(registry.state(), clusters("wf:z")), run())
    with Registry.open(old) as earlier:
        assert earlier.verify(kept).problems == ()
        assert earlier.verify([registry.head()]).problems == (
            "run 5 was sealed elsewhere, but the registry ends before it",
        )
        assert earlier.verify([Head(2, "0" * 64)]).problems == ("run 2 is not the one that was sealed elsewhere",)


def test_a_backup_is_the_whole_registry_and_its_owners_alone(registry, tmp_path):
    target = tmp_path / "backup.sqlite"
    assert back_up(registry.path, target, 5).head == registry.head()
    assert content(target) == content(registry.path)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    with pytest.raises(StoreError, match="already"):
        back_up(registry.path, target, 5)
    with pytest.raises(StoreError, match="no folder"):
        back_up(registry.path, tmp_path / "none" / "backup.sqlite", 5)


def test_a_backup_taken_while_a_run_is_written_is_the_state_before_it(registry, tmp_path):
    before = content(registry.path)
    with registry.exclusive():
        registry.apply(plan_update(registry.state(), clusters("wf:z")), run())
        back_up(registry.path, tmp_path / "backup.sqlite", 5)
    assert content(tmp_path / "backup.sqlite") == before != content(registry.path)


def test_a_lost_registry_is_restored_and_goes_on_as_if_nothing_had_happened(registry, tmp_path):
    backup = tmp_path / "backup.sqlite"
    back_up(registry.path, backup, 5)
    expected = registry.crosswalk()
    registry.path.unlink()
    restore(backup, registry.path, 5)
    with open_registry(registry.path, create=False) as restored:
        assert restored.crosswalk().equals(expected)
        assert plan_update(restored.state(), clusters("k12:a k12:b", "wf:c ece:c")).changes_nothing
    with pytest.raises(StoreError, match="already"):
        restore(backup, registry.path, 5)


def test_an_unsound_registry_is_not_copied(registry, tmp_path):
    tamper(registry.path, "UPDATE event SET evidence = 'cluster 9' WHERE event = 1")
    with pytest.raises(StoreError, match="not sound"):
        back_up(registry.path, tmp_path / "backup.sqlite", 5)
    assert [path.name for path in tmp_path.iterdir()] == ["registry.sqlite"]


def test_a_damaged_file_is_refused_in_words(registry, tmp_path):
    damaged = tmp_path / "damaged.sqlite"
    shutil.copy(registry.path, damaged)
    raw = bytearray(damaged.read_bytes())
    raw[4096:] = bytes(len(raw) - 4096)
    damaged.write_bytes(raw)
    with pytest.raises(StoreError, match="damaged"), Registry.open(damaged) as opened:
        opened.crosswalk()
