from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys

import pytest
from registry_world import clusters, content, ids_of, open_registry, run

from linkage.errors import InputError, StoreError
from linkage.registry.connection import migrate
from linkage.registry.plan import plan_update
from linkage.registry.schema import MIGRATIONS
from linkage.registry.store import Registry


@pytest.fixture
def registry(tmp_path):
    with open_registry(tmp_path / "registry.sqlite") as opened:
        opened.apply(plan_update(opened.state(), clusters("k12:a col:a", "k12:b")), run())
        yield opened


def test_a_registry_is_opened_only_where_there_is_one(tmp_path):
    with pytest.raises(StoreError, match="no registry"):
        Registry.open(tmp_path / "none.sqlite")
    assert not (tmp_path / "none.sqlite").exists()
    with pytest.raises(StoreError, match="cannot be created"):
        Registry.open(tmp_path / "no" / "folder.sqlite", create=True)


def test_what_is_not_a_registry_is_refused(tmp_path):
    path = tmp_path / "other"
    path.write_text("this is no database, but it is long enough to have been one" * 20)
    with pytest.raises(StoreError, match="damaged, or is not a registry"):
        Registry.open(path)
    path.unlink()
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE t (x)")
    other.close()
    with pytest.raises(StoreError, match="not a registry"):
        Registry.open(path, create=True)
    path.write_bytes(b"")
    with pytest.raises(StoreError, match="empty"):
        Registry.open(path)


def test_only_the_owner_may_read_the_file(registry):
    assert stat.S_IMODE(registry.path.stat().st_mode) == 0o600


def test_a_later_version_is_not_opened(registry):
    connection = sqlite3.connect(registry.path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreError, match="version 99"):
        Registry.open(registry.path)


def test_migrations_run_once_each_in_order_and_whole(registry):
    connection = sqlite3.connect(registry.path, isolation_level=None)
    before = content(registry.path)
    with pytest.raises(sqlite3.OperationalError):
        migrate(connection, (*MIGRATIONS, "CREATE TABLE more (x) STRICT;\n"), create=False)  # no type: refused
    assert content(registry.path) == before
    newer = (*MIGRATIONS, "CREATE TABLE more (x TEXT) STRICT;\nINSERT INTO more VALUES ('; not the end');\n")
    for _ in range(2):
        migrate(connection, newer, create=False)
    assert connection.execute("SELECT x FROM more").fetchall() == [("; not the end",)]
    assert connection.execute("PRAGMA user_version").fetchone() == (2,)
    connection.close()


def test_lookup_reads_what_people_write_and_says_what_is_wrong(registry):
    identifier = ids_of(registry)["k12:a"]
    student = registry.lookup(f" {identifier.lower().replace('-', ' ')}")
    assert (student.id, student.current, student.status) == (identifier, identifier, "active")
    assert [holding.key.agency for holding in student.records] == ["col", "k12"]
    with pytest.raises(StoreError, match="never given"):
        registry.lookup("000-000-012")
    with pytest.raises(InputError, match="slip"):
        registry.lookup("000-000-013")


def test_every_past_crosswalk_is_reproduced(registry):
    kept = [registry.crosswalk()]
    for table in (clusters("k12:a k12:b"), clusters("k12:a wf:c", "wf:d"), clusters("wf:d k12:a")):
        registry.apply(plan_update(registry.state(), table), run())
        kept.append(registry.crosswalk())
    for number, table in enumerate(kept, 1):
        assert registry.crosswalk(as_of_run=number).equals(table)
    with pytest.raises(StoreError, match="no run 9"):
        registry.crosswalk(as_of_run=9)


def test_a_plan_made_on_another_state_is_refused(registry):
    stale = plan_update(registry.state(), clusters("k12:a wf:a"))
    registry.apply(plan_update(registry.state(), clusters("k12:b wf:b")), run())
    before = content(registry.path)
    with pytest.raises(StoreError, match="Plan again"):
        registry.apply(stale, run())
    assert content(registry.path) == before


def test_a_failed_run_leaves_nothing_even_inside_a_block_that_goes_on(registry):
    before = content(registry.path)
    plan = plan_update(registry.state(), clusters("k12:a wf:a"))
    wrong = plan.moves.assign(after=999)
    broken = type(plan)(plan.kind, plan.base_run, plan.existing, plan.events, wrong, plan.minted)
    with registry.exclusive(), pytest.raises(StoreError, match="refused a change"):
        registry.apply(broken, run())
    assert content(registry.path) == before


def test_an_id_that_was_drawn_before_is_drawn_again(tmp_path):
    draws = [bytes(8), bytes(8), bytes(7) + b"\x01"]
    with Registry.open(tmp_path / "r.sqlite", create=True, entropy=lambda count: draws.pop(0)) as registry:
        for table in (clusters("k12:a"), clusters("k12:b")):
            registry.apply(plan_update(registry.state(), table), run())
        assert sorted(registry.crosswalk()["student_id"]) == ["000-000-000", "000-000-012"]


def test_part_of_the_state_gives_the_same_plan_as_all_of_it(registry):
    registry.apply(plan_update(registry.state(), clusters(*(f"k12:{name}" for name in "cdefghij"))), run())
    table = clusters("k12:c wf:c", "k12:d col:d")
    part, whole = registry.state(table), registry.state()
    assert len(part.records) < len(whole.records)
    assert plan_update(part, table).sha256 == plan_update(whole, table).sha256


FORBIDDEN = {
    "delete an ID": "DELETE FROM student",
    "change an ID": "UPDATE student SET id = '111-111-111' WHERE student = 1",
    "replace an ID": "INSERT OR REPLACE INTO student (student, id) VALUES (1, '111-111-111')",
    "give an ID twice": "INSERT INTO student (student, id) SELECT 4, id FROM student WHERE student = 1",
    "merge an ID that has records": "UPDATE student SET merged_into = 1 WHERE student = 3",
    "merge an ID twice": "UPDATE student SET merged_into = 3 WHERE student = 2",
    "undo a merge": "UPDATE student SET merged_into = NULL WHERE student = 2",
    "merge into itself": "UPDATE student SET merged_into = 3 WHERE student = 3",
    "put a record under a merged ID": "UPDATE record SET student = 2, since = 9 WHERE record = 1",
    "move a record without an event": "UPDATE record SET student = 3 WHERE record = 1",
    "turn a record into another": "UPDATE record SET person_token = zeroblob(16), since = 9 WHERE record = 1",
    "delete a record": "DELETE FROM record",
    "insert a record twice": "INSERT INTO record SELECT 99, agency, person_token, 1, '', since FROM record",
    "a record without a student": "INSERT INTO record VALUES (99, 1, zeroblob(16), NULL, '', 1)",
    "a record of an unknown student": "INSERT INTO record VALUES (99, 1, zeroblob(16), 77, '', 1)",
    "a short token": "INSERT INTO record VALUES (99, 1, zeroblob(8), 1, '', 1)",
    "delete an event": "DELETE FROM event",
    "alter an event": "UPDATE event SET records = 7",
    "an event between runs": "INSERT INTO event VALUES (99, 1, 'retired', 1, NULL, 0, 1, '')",
    "delete a run": "DELETE FROM run",
    "alter a run": "UPDATE run SET note = 'other'",
    "delete the past": "DELETE FROM past",
    "alter the past": "UPDATE past SET student = 1",
    "a number as text": "UPDATE record SET student = 'one' WHERE record = 1",
}


@pytest.mark.parametrize("statement", FORBIDDEN.values(), ids=FORBIDDEN.keys())
def test_the_database_itself_refuses_to(registry, statement):
    registry.apply(plan_update(registry.state(), clusters("k12:a k12:b", "k12:c")), run())
    before = content(registry.path)
    connection = sqlite3.connect(registry.path, isolation_level=None)
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA recursive_triggers = ON")
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute(statement)
    connection.close()
    assert content(registry.path) == before


HOLDER = """
import sys, time
from pathlib import Path
from linkage.registry.store import Registry
with Registry.open(Path(sys.argv[1])) as registry, registry.exclusive():
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def held(registry):
    """Another process holds the registry until a line is sent to it."""
    command = [sys.executable, "-c", HOLDER, str(registry.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.communicate("go\n")


def test_a_second_process_is_told_that_the_registry_is_in_use(registry, held):
    with (
        Registry.open(registry.path, wait_seconds=0.1) as second,
        pytest.raises(StoreError, match="in use by another process"),
        second.exclusive(),
    ):
        pass


def test_a_reader_sees_the_old_state_meanwhile(registry, held):
    with Registry.open(registry.path, wait_seconds=0.1) as second:
        assert len(second.crosswalk()) == 3


def test_a_second_process_that_waits_gets_its_turn(registry, held):
    held.stdin.write("go\n")
    held.stdin.flush()
    with Registry.open(registry.path, wait_seconds=30) as second, second.exclusive():
        second.apply(plan_update(second.state(), clusters("k12:a wf:a")), run())
    assert registry.head().run == 2
