"""What the registrar does beside resolving: the ledger's word on runs, restore, rebuild, IDs for an agency."""

from __future__ import annotations

import os
import shutil
from datetime import timedelta

import pytest
from click.testing import CliRunner
from consortium import NOW, children, make_consortium

import linkage.cli.hub
import linkage.cli.hub_registry
import linkage.cli.ids
from linkage.cli.main import main
from linkage.engine import journal
from linkage.engine.agency_ids import make_agency_ids, open_agency_ids
from linkage.engine.crosswalk import make_crosswalk, read_crosswalk
from linkage.engine.matcher import match
from linkage.engine.registrar import REGISTRY_NAME, last_certificate, open_registry, resolve
from linkage.engine.restoring import restore_registry
from linkage.engine.work import work_of
from linkage.errors import PackageError, Refused, StoreError
from linkage.governance.ledger import verify_ledger
from linkage.registry.backup import back_up

LATER = NOW + timedelta(days=1)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A hub after one run; each test works on a copy."""
    consortium = make_consortium(
        tmp_path_factory.mktemp("duties") / "world", linkage="  agency_ids: [state-colleges]\n"
    )
    district, college = children(60), children(60, first=20)
    consortium.receive(consortium.hash("lakeside-district", district), consortium.hash("state-colleges", college))
    match(consortium.hub, NOW, os.urandom)
    resolve(consortium.hub, NOW)
    return consortium


@pytest.fixture
def consortium(made, tmp_path):
    copy = shutil.copytree(made.folder, tmp_path / "world")
    return type(made)(copy, made.keys, type(made.hub)(copy / "hub"), copy / "agreement.yaml", made.secret)


@pytest.fixture
def command(consortium, monkeypatch):
    for module in (linkage.cli.hub, linkage.cli.hub_registry, linkage.cli.ids):
        monkeypatch.setattr(module, "now", lambda: LATER)

    def run(*words, fails=False):
        result = CliRunner().invoke(main, [str(word) for word in words])
        assert (result.exit_code != 0) == fails, result.output
        return result.output

    return run


def _runs(hub):
    return [e.event for e in verify_ledger(journal.ledger_path(hub)).entries if e.event.kind == "registry"]


def _first_id(hub):
    with open_registry(hub) as registry:
        return registry.crosswalk()["student_id"].iloc[0]


def test_every_run_is_in_the_ledger_a_decision_too_and_verify_holds_them_together(consortium, command):
    assert "the ledger has sealed 1" in command("hub", "verify", consortium.hub.folder)
    command("hub", "ids", "pin", consortium.hub.folder, _first_id(consortium.hub), "--reason", "seen the file")
    first, second = _runs(consortium.hub)
    assert (first.run_kind, second.run_kind, second.events) == ("update", "manual", ("1 pinned",))
    assert "seen" not in journal.ledger_path(consortium.hub).read_text()
    assert "everything holds" in command("hub", "verify", consortium.hub.folder)


def test_a_hub_is_told_from_a_wrong_path_and_from_inside_itself(consortium, command, monkeypatch):
    assert "is the path right?" in command("hub", "status", consortium.folder / "nowhere", fails=True)
    monkeypatch.chdir(consortium.hub.folder)
    assert "give `.`" in command("hub", "status", "hub", fails=True)
    assert "linkage:" in command("hub", "status", ".")


def test_the_ledger_of_a_hubs_folder_is_verified_and_options_are_checked_before_anything_is_said(consortium, command):
    hub = consortium.hub.folder
    assert command("ledger", "verify", hub) == command("ledger", "verify", journal.ledger_path(consortium.hub))
    assert "registry" in command("ledger", "show", hub)
    said = command("ledger", "verify", hub, "--head", journal.ledger_path(consortium.hub), fails=True)
    assert "give --key or --agreement" in said
    assert "entries" not in said


def test_a_resolve_that_changes_nothing_says_so(consortium, command):
    assert "run 2: nothing changed" in command("hub", "resolve", consortium.hub.folder)


def test_links_older_than_the_newest_packages_are_released_on_only_when_that_is_asked_for(consortium, command):
    hub, out = consortium.hub.folder, consortium.folder / "ids.rpkg"
    words = ("hub", "release", hub, "research-file", "--to", "university", "--purpose", "research", "--out", out)
    consortium.receive(consortium.hash("lakeside-district", children(70), "next", now=LATER))
    assert "not matched: `linkage hub match`" in command(*words, fails=True)
    match(consortium.hub, LATER, os.urandom)
    said = command(*words, fails=True)
    assert "not resolved" in said
    assert "run 1" in said
    assert not out.exists()
    assert "--as-resolved" not in command(*words, "--as-resolved", fails=True)  # it goes on, to find no payload
    resolve(consortium.hub, LATER)
    assert "--as-resolved" not in command(*words, fails=True)


def test_errors_about_ids_and_tokens_say_where_these_are_listed(consortium, command):
    hub = consortium.hub.folder
    for wrong in ("7KQ-M2X-9RP", "nonsense"):
        assert "linkage hub ids list" in command("hub", "ids", "show", hub, wrong, fails=True)
        assert "linkage hub ids list" in command("hub", "explain", hub, wrong, fails=True)
    for token in ("ab", "0000zzzz"):
        said = command("hub", "explain", hub, f"state-colleges:{token}", fails=True)
        assert "linkage hub ids list HUB --agency" in said


def test_a_run_that_a_kill_kept_out_of_the_ledger_is_entered_by_the_next(consortium, command):
    with open_registry(consortium.hub) as registry:
        journal.enter_runs(consortium.hub, registry, NOW)
        assert len(_runs(consortium.hub)) == 1
    ledger = journal.ledger_path(consortium.hub)
    lines = ledger.read_bytes().splitlines(keepends=True)
    at = next(number for number, line in enumerate(lines) if b'"registry"' in line)
    ledger.write_bytes(b"".join(lines[:at]))
    assert "the ledger has sealed 0; the next command enters the rest" in command(
        "hub", "verify", consortium.hub.folder
    )
    resolve(consortium.hub, LATER)
    assert [event.run for event in _runs(consortium.hub)] == [1, 2]


def test_a_registry_that_was_rolled_back_is_found_and_not_gone_on_from(consortium, command):
    path = consortium.hub.room("registrar") / REGISTRY_NAME
    shutil.copy(path, consortium.folder / "old.sqlite")
    command("hub", "ids", "pin", consortium.hub.folder, _first_id(consortium.hub), "--reason", "r")
    shutil.copy(consortium.folder / "old.sqlite", path)
    assert "run 2 was sealed elsewhere" in command("hub", "verify", consortium.hub.folder, fails=True)
    with pytest.raises(StoreError, match="not the one that the ledger knows"):
        resolve(consortium.hub, LATER)


def test_restore_says_what_is_lost_and_the_hub_goes_on(consortium, command):
    hub, backup = consortium.hub, consortium.folder / "backup.sqlite"
    command("hub", "backup", hub.folder, backup)
    command("hub", "ids", "pin", hub.folder, _first_id(hub), "--reason", "r")
    assert "There is a registry" in command("hub", "restore", hub.folder, backup, fails=True)
    said = command("hub", "restore", hub.folder, backup, "--replace")
    assert "after run 1" in said
    assert "lost: 1 runs" in said
    assert len(list((hub.folder / "registrar").glob(f"{REGISTRY_NAME}.2*"))) == 1
    assert "everything holds" in command("hub", "verify", hub.folder)
    resolve(hub, LATER)
    assert "everything holds" in command("hub", "verify", hub.folder)
    assert [event.run for event in _runs(hub)] == [1, 2, 2]


def test_a_restore_that_a_kill_kept_from_its_effect_leaves_the_registry_that_was_there(consortium, command):
    hub = consortium.hub
    with open_registry(hub) as registry:
        backed_up = registry.head()
    command("hub", "ids", "pin", hub.folder, _first_id(hub), "--reason", "r")
    journal.restored(hub, backed_up, 1, LATER)  # the kill comes after this
    said = command("hub", "verify", hub.folder)
    assert "everything holds" in said
    assert "the next command enters the rest" in said
    resolve(hub, LATER)
    assert "everything holds" in command("hub", "verify", hub.folder)
    assert [event.run for event in _runs(hub)] == [1, 2, 2, 3]


def test_a_damaged_registry_is_kept_aside_and_a_lost_ones_journal_does_not_touch_the_backup(consortium):
    path, backup = consortium.hub.room("registrar") / REGISTRY_NAME, consortium.folder / "backup.sqlite"
    back_up(path, backup, 5)
    journal_file = path.with_name(f"{REGISTRY_NAME}-journal")
    path.write_bytes(b"damaged" * 1000)
    assert restore_registry(consortium.hub, backup, LATER, replace=True).aside.read_bytes() == b"damaged" * 1000
    path.unlink()
    journal_file.write_bytes(b"cut short")
    restore_registry(consortium.hub, backup, LATER)
    assert not journal_file.exists()
    assert path.with_name(f"{REGISTRY_NAME}.lost-journal").read_bytes() == b"cut short"
    with open_registry(consortium.hub) as registry:
        assert not registry.verify(journal.kept_heads(consortium.hub)).problems


def test_where_a_file_cannot_have_two_names_the_registry_is_copied_aside(consortium, monkeypatch):
    path, backup = consortium.hub.room("registrar") / REGISTRY_NAME, consortium.folder / "backup.sqlite"
    back_up(path, backup, 5)
    before = path.read_bytes()

    def refused(_path, _target):
        raise PermissionError

    monkeypatch.setattr("pathlib.Path.hardlink_to", refused)
    assert restore_registry(consortium.hub, backup, LATER, replace=True).aside.read_bytes() == before


def test_a_backup_takes_away_what_a_killed_one_left(consortium):
    path, target = consortium.hub.room("registrar") / REGISTRY_NAME, consortium.folder / "b.sqlite"
    left = target.with_name(".b.sqlite.abcd1234.part")
    left.write_bytes(b"half a registry")
    back_up(path, target, 5)
    assert not left.exists()


def test_the_certificate_is_that_of_the_registrys_last_run_and_not_of_one_that_a_restore_took_back(consortium):
    hub, backup = consortium.hub, consortium.folder / "backup.sqlite"
    back_up(hub.room("registrar") / REGISTRY_NAME, backup, 5)
    first = last_certificate(hub)
    assert resolve(hub, LATER).certificate_file == last_certificate(hub) != first
    restore_registry(hub, backup, LATER, replace=True)
    assert last_certificate(hub) == first
    first.unlink()  # as a kill between a run and its certificate leaves it
    assert not work_of(hub).resolved
    with pytest.raises(StoreError, match="no linkage certificate"):
        last_certificate(hub)


def test_after_a_loss_the_backup_takes_the_registrys_place(consortium):
    path = consortium.hub.room("registrar") / REGISTRY_NAME
    backup = consortium.folder / "backup.sqlite"
    back_up(path, backup, 5)
    with open_registry(consortium.hub) as registry:
        before = registry.crosswalk()
    path.unlink()
    done = restore_registry(consortium.hub, backup, LATER)
    assert (done.lost, done.aside) == ((), None)
    with open_registry(consortium.hub) as registry:
        assert registry.crosswalk().equals(before)


def test_another_hubs_backup_is_refused(consortium):
    """Not the registry that the ledger sealed, though sound in itself."""
    path = consortium.hub.room("registrar") / REGISTRY_NAME
    path.unlink()
    journal.ledger_path(consortium.hub).rename(consortium.folder / "ledger")
    journal.enacted(consortium.hub, consortium.agreement, NOW, os.urandom)
    resolve(consortium.hub, LATER)
    back_up(path, consortium.folder / "other.sqlite", 5)
    path.unlink()
    (consortium.folder / "ledger").rename(journal.ledger_path(consortium.hub))
    with pytest.raises(StoreError, match="not a sound backup") as caught:
        restore_registry(consortium.hub, consortium.folder / "other.sqlite", LATER)
    assert list(caught.value.problems) == ["run 1 is not the one that was sealed elsewhere"]
    assert not path.exists()


def test_a_rebuild_of_the_same_links_changes_nothing(consortium, command):
    with open_registry(consortium.hub) as registry:
        before = registry.crosswalk()
    assert "nothing would change" in command("hub", "rebuild", consortium.hub.folder, "--plan")
    assert "run 2: nothing changed" in command("hub", "rebuild", consortium.hub.folder)
    with open_registry(consortium.hub) as registry:
        assert registry.crosswalk().equals(before)
    assert _runs(consortium.hub)[-1].run_kind == "rebuild"


def test_an_agency_that_the_agreement_lists_gets_ids_of_its_own_records_alone(consortium):
    hub, out = consortium.hub, consortium.folder / "colleges.ids"
    make_agency_ids(hub, "state-colleges", out, NOW, os.urandom)
    own = open_agency_ids(out, consortium.agreement, consortium.keys["state-colleges"])
    with open_registry(hub) as registry:
        crosswalk = registry.crosswalk()
    mine = crosswalk[crosswalk["agency"] == "state-colleges"]
    assert sorted(own["person_token"]) == sorted(mine["person_token"])
    assert not set(own["scoped_id"]) & set(crosswalk["student_id"])
    make_agency_ids(hub, "state-colleges", consortium.folder / "again.ids", LATER, os.urandom)
    again = open_agency_ids(consortium.folder / "again.ids", consortium.agreement, consortium.keys["state-colleges"])
    assert again.equals(own)
    entered = [e.event for e in verify_ledger(journal.ledger_path(hub)).entries if e.event.kind == "returned-ids"]
    assert [(event.agency, event.records) for event in entered] == [("state-colleges", len(own))] * 2
    with pytest.raises(PackageError):
        open_agency_ids(out, consortium.agreement, consortium.keys["lakeside-district"])


def test_another_agency_is_refused_its_ids_by_the_clause(consortium, command):
    out = consortium.folder / "district.ids"
    with pytest.raises(Refused, match="does not allow") as caught:
        make_agency_ids(consortium.hub, "lakeside-district", out, NOW, os.urandom)
    assert any("agency_ids does not list lakeside-district" in problem for problem in caught.value.problems)
    assert not out.exists()


def test_withdrawn_and_opted_out_records_are_in_no_later_release_or_file(consortium, command):
    hub = consortium.hub
    with open_registry(hub) as registry:
        held = registry.crosswalk()
    shared = held[held.duplicated("student_id", keep=False)]["student_id"].unique()
    gone, opted = shared[0], shared[1]
    token = held.loc[(held["student_id"] == gone) & (held["agency"] == "state-colleges"), "person_token"].iloc[0]
    command(
        "hub", "ids", "withdraw", hub.folder, gone, "--record", f"state-colleges:{token}", "--reason", "sent in error"
    )
    command("hub", "ids", "withdraw", hub.folder, opted, "--opt-out", "--reason", "form of 3 May")
    # All of it is sent again a year later, with late records of the same persons among the rest.
    consortium.receive(consortium.hash("state-colleges", children(70, first=15), "late", now=LATER))
    match(hub, LATER, os.urandom)
    resolve(hub, LATER)
    released = read_crosswalk(hub, make_crosswalk(hub, "r", "university", LATER, os.urandom), consortium.agreement)
    tokens = set(released["person_token"])
    assert token not in tokens
    assert not tokens & set(held.loc[held["student_id"] == opted, "person_token"])
    kept = held[~held["student_id"].isin([opted]) & (held["person_token"] != token)]
    assert set(kept["person_token"]) <= tokens
    own = make_agency_ids(hub, "state-colleges", consortium.folder / "c.ids", LATER, os.urandom)
    assert token not in set(own["person_token"])
