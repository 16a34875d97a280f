from __future__ import annotations

import pytest
from click.testing import CliRunner
from registry_world import clusters, ids_of, open_registry, run

from linkage.cli.ids import ids
from linkage.cli.main import main
from linkage.engine import journal
from linkage.engine.rooms import Hub
from linkage.registry.plan import plan_update


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A hub without an agreement, and so without a ledger: what is entered there is under test with the engine."""
    monkeypatch.setattr(journal, "require_same_registry", lambda hub, registry: None)
    monkeypatch.setattr(journal, "enter_runs", lambda hub, registry, now: None)
    return Hub.create(tmp_path / "hub", "hub")


@pytest.fixture
def names(hub):
    with open_registry(hub.room("registrar") / "registry.sqlite") as registry:
        registry.apply(plan_update(registry.state(), clusters("k12:a col:a wf:a", "k12:b")), run())
        return ids_of(registry)


def invoke(hub, command, *arguments):
    result = CliRunner().invoke(main, ["hub", "ids", command, str(hub.folder), *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_show_and_history_tell_what_stands_under_an_id(hub, names):
    shown = invoke(hub, "show", names["k12:a"].lower())
    assert shown.startswith(f"{names['k12:a']}: active\n  record col:")
    assert invoke(hub, "history", names["k12:a"]).splitlines() == [
        f"run 1  2026-09-01T00:00:00+00:00  {names['k12:a']} minted, 3 records",
        "    no linked record had an ID (cluster 1)",
    ]
    assert invoke(hub, "conflicts") == "none\n"


def test_list_shows_ids_with_their_records_and_an_agencys_tokens_with_their_ids(hub, names):
    assert invoke(hub, "list").splitlines() == [
        f"{names['k12:a']}  3 records: col, k12, wf",
        f"{names['k12:b']}  1 records: k12",
    ]
    assert invoke(hub, "list", "--limit", "1").splitlines()[1:] == ["the first 1; there are more (--limit)"]
    tokens = dict(line.split("  ") for line in invoke(hub, "list", "--agency", "k12").splitlines())
    assert set(tokens) == {names["k12:a"], names["k12:b"]}
    assert f"record {tokens[names['k12:b']]}" in invoke(hub, "show", names["k12:b"])
    unknown = CliRunner().invoke(main, ["hub", "ids", "list", str(hub.folder), "--agency", "nobody"])
    assert "It has records of" in unknown.output


def test_list_reads_by_index_and_never_sorts_the_registry(hub, names):
    with open_registry(hub.room("registrar") / "registry.sqlite") as registry:
        statements = []
        registry._connection.set_trace_callback(statements.append)
        registry.list_ids(1)
        registry.list_records("k12", 1)
        registry._connection.set_trace_callback(None)
        asked = [statement for statement in statements if "LIMIT" in statement]
        plans = [" | ".join(row[3] for row in registry._connection.execute(f"EXPLAIN QUERY PLAN {q}")) for q in asked]
    assert len(plans) == 2
    assert not any("SCAN record" in plan for plan in plans)
    assert "TEMP B-TREE FOR ORDER BY" not in plans[1]


def test_a_split_names_its_records_by_the_beginning_of_the_token(hub, names):
    record = next(line for line in invoke(hub, "show", names["k12:a"]).splitlines() if "record wf:" in line)
    said = invoke(hub, "split", names["k12:a"], "--record", record.split()[1][:8], "--reason", "twins")
    assert [line.split()[3] for line in said.splitlines()] == ["minted", "split", "pinned"]
    shown = invoke(hub, "show", names["k12:a"])
    assert "wf:" not in shown
    assert "decision 1 (split, 3 records): twins" in shown
    assert "unpinned" in invoke(hub, "unpin", names["k12:a"], "--decision", "1", "--reason", "not twins")


def test_merge_pin_withdraw_and_readmit(hub, names):
    assert "merged" in invoke(hub, "merge", names["k12:a"], names["k12:b"], "--reason", "one pupil, two schools")
    merged = next(one for one in set(names.values()) if "merged into" in invoke(hub, "show", one))
    kept = next(one for one in set(names.values()) if one != merged)
    assert invoke(hub, "show", merged) == f"{merged}: merged into {kept}\n"
    assert "pinned" in invoke(hub, "pin", kept, "--reason", "checked")
    assert "withdrawn" in invoke(hub, "withdraw", kept, "--opt-out", "--reason", "form received")
    shown = invoke(hub, "show", kept)
    assert shown.startswith(f"{kept}: retired")
    assert shown.count("the student opted out") == 4
    assert "readmitted" in invoke(hub, "readmit", kept, "--reason", "form withdrawn")
    assert invoke(hub, "show", kept).startswith(f"{kept}: active")


def test_withdraw_wants_records_or_an_opt_out(hub, names):
    result = CliRunner().invoke(main, ["hub", "ids", "withdraw", str(hub.folder), names["k12:a"], "--reason", "x"])
    assert (result.exit_code, "--record" in result.output) == (2, True)


def test_a_record_that_fits_twice_or_not_at_all_is_refused(hub, names):
    arguments = ["hub", "ids", "split", str(hub.folder), names["k12:a"], "--reason", "x", "--record"]
    for record in ("wf:", "wf:zzzz", "none:abcd"):
        result = CliRunner().invoke(main, [*arguments, record])
        assert (result.exit_code, "Not every record named" in result.output) == (1, True)


@pytest.mark.parametrize("command", ids.commands)
def test_every_command_explains_itself(command):
    result = CliRunner().invoke(main, ["hub", "ids", command, "--help"])
    assert result.exit_code == 0
    assert ids.commands[command].get_short_help_str()
