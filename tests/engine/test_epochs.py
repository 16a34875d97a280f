"""A new secret at the hub: the first agency to deliver is let in, the epoch before is not mixed in, IDs stay."""

from __future__ import annotations

import hashlib
import os
from datetime import timedelta

import pytest
from click.testing import CliRunner
from consortium import NOW, children, sign_all

from linkage.cli.main import main
from linkage.engine import journal
from linkage.engine.matcher import match
from linkage.engine.receive import held_encodings
from linkage.engine.registrar import open_registry, resolve
from linkage.engine.rotation import end_epoch, plan_ending, read_certificate
from linkage.errors import MismatchError, Refused, StoreError
from linkage.exchange.secret import Secret
from linkage.governance.ledger import verify_ledger


def _ids(consortium):
    with open_registry(consortium.hub) as registry:
        known = registry.crosswalk()
    return known.set_index(["agency", "person_token"])["student_id"]


def _next_epoch(consortium):
    """Amend and adopt the agreement with the next epoch, and make a new secret."""
    first = consortium.agreement
    heading = (
        f"\nversion: 2\nsupersedes: {{version: 1, sha256: {first.sha256}}}\n"
        "amendments: [{version: 2, date: 2026-11-22, summary: A new secret.}]\n"
    )
    text = consortium.agreement_path.read_text().replace("\nversion: 1\n", heading, 1)
    epoch = first.terms.linkage.epoch
    amended = text.replace(f"epoch: {epoch}", f"epoch: {epoch + 1}", 1)
    assert amended != text
    consortium.agreement_path.with_name("agreement.signatures.yaml").unlink()
    consortium.agreement_path.write_text(amended)
    sign_all(consortium.agreement_path, consortium.keys | {"data-hub": consortium.hub.keys("release")})
    consortium.hub.adopt(consortium.agreement_path, "person")
    consortium.secret = Secret.new()


def test_after_a_new_secret_agencies_deliver_one_by_one_and_ids_stay(consortium):
    district, college = children(60), children(60, first=20)
    old = consortium.hash("state-colleges", college)
    consortium.receive(consortium.hash("lakeside-district", district), old)
    match(consortium.hub, NOW, os.urandom)
    resolve(consortium.hub, NOW)
    before = _ids(consortium)

    _next_epoch(consortium)
    later = NOW + timedelta(days=1)
    consortium.receive(consortium.hash("lakeside-district", district, "second", now=later))
    assert [manifest.sender for manifest in held_encodings(consortium.hub)] == ["lakeside-district"]
    assert match(consortium.hub, later, os.urandom).sources == ("lakeside-district",)
    resolve(consortium.hub, later)
    assert _ids(consortium).equals(before)

    consortium.receive(consortium.hash("state-colleges", college, "second", now=later))
    matched = match(consortium.hub, later, os.urandom)
    assert matched.sources == ("lakeside-district", "state-colleges")
    resolve(consortium.hub, later)
    assert _ids(consortium).equals(before)


def test_a_package_of_the_epoch_before_and_a_secret_of_the_epoch_before_are_refused(consortium):
    late, old_secret = consortium.hash("state-colleges", children(30)), consortium.secret
    _next_epoch(consortium)
    with pytest.raises(Refused, match="epoch"):
        consortium.receive(late)
    consortium.receive(consortium.hash("lakeside-district", children(30), "second"))
    with pytest.raises(MismatchError, match="another secret"):
        consortium.receive(consortium.hash("state-colleges", children(30), "second", secret=old_secret))


def _rotated(consortium):
    """Two agencies delivered, were linked, and delivered again under a new secret."""
    district, college = children(60), children(60, first=20)
    consortium.receive(consortium.hash("lakeside-district", district), consortium.hash("state-colleges", college))
    match(consortium.hub, NOW, os.urandom)
    resolve(consortium.hub, NOW)
    before = _ids(consortium)
    _next_epoch(consortium)
    later = NOW + timedelta(days=1)
    consortium.receive(consortium.hash("lakeside-district", district, "second", now=later))
    return before, college, later


def test_old_encodings_are_kept_while_an_agency_has_not_come_over(consortium):
    _, college, later = _rotated(consortium)
    with pytest.raises(StoreError, match="still needed") as caught:
        plan_ending(consortium.hub)
    assert [problem.split()[0] for problem in caught.value.problems] == ["state-colleges", "the"]
    consortium.receive(consortium.hash("state-colleges", college, "second", now=later))
    with pytest.raises(StoreError, match="still needed") as caught:
        plan_ending(consortium.hub)
    assert len(caught.value.problems) == 1


def test_when_all_have_come_over_the_old_encodings_are_destroyed_with_a_certificate_and_ids_stay(consortium):
    before, college, later = _rotated(consortium)
    hub, out = consortium.hub, consortium.folder / "certificate.json"
    consortium.receive(consortium.hash("state-colleges", college, "second", now=later))
    match(hub, later, os.urandom)
    resolve(hub, later)
    ending = plan_ending(hub)
    assert [(bridge.agency, bridge.records, bridge.known) for bridge in ending.bridges] == [
        ("lakeside-district", 60, 60),
        ("state-colleges", 60, 60),
    ]
    going = [hub.folder / each.path for each in ending.files]
    assert len(going) == 5  # two packages in two rooms, and the links made from them
    certificate = end_epoch(hub, ending, method="deleted, encrypted disk", person="A. Person", out=out, now=later)
    assert not any(path.exists() for path in going)
    assert _ids(consortium).equals(before)
    keys = hub.agreement().terms.hub.public_keys("release")
    assert read_certificate(out, keys) == certificate
    for change, problem in (({"person": "B. Person"}, "does not fit"), ({"signature": None}, "no signature")):
        forged = consortium.folder / "forged.json"
        forged.write_text(certificate.model_copy(update=change).model_dump_json())
        with pytest.raises(StoreError) as refused:
            read_certificate(forged, keys)
        assert problem in refused.value.problems[0]
    entry = verify_ledger(journal.ledger_path(hub)).entries[-1].event
    assert (entry.kind, set(entry.files_sha256)) == ("destroyed", {each.sha256 for each in ending.files})
    resolve(hub, later)
    assert _ids(consortium).equals(before)
    with pytest.raises(StoreError, match="nothing of an earlier epoch"):
        plan_ending(hub)


def test_what_a_kill_left_half_destroyed_is_certified_whole(consortium):
    _, college, later = _rotated(consortium)
    hub, out = consortium.hub, consortium.folder / "certificate.json"
    consortium.receive(consortium.hash("state-colleges", college, "second", now=later))
    match(hub, later, os.urandom)
    resolve(hub, later)
    ending = plan_ending(hub)
    (hub.folder / ending.files[-1].path).unlink()
    (hub.folder / ending.files[-1].path).mkdir()  # deleting stops here, as at a kill
    with pytest.raises(OSError, match="directory"):
        end_epoch(hub, ending, method="m", person="p", out=out, now=later)
    (hub.folder / ending.files[-1].path).rmdir()
    end_epoch(hub, plan_ending(hub), method="m", person="p", out=out, now=later)
    read = read_certificate(out, hub.agreement().terms.hub.public_keys("release"))
    assert {each.path for each in read.files} == {each.path for each in ending.files}
    assert {each.agency for each in read.encodings} == {"lakeside-district", "state-colleges"}


def test_a_certificate_that_a_kill_kept_out_of_the_ledger_is_entered_once_by_the_same_command(consortium, monkeypatch):
    _, college, later = _rotated(consortium)
    hub, out = consortium.hub, consortium.folder / "certificate.json"
    consortium.receive(consortium.hash("state-colleges", college, "second", now=later))
    match(hub, later, os.urandom)
    resolve(hub, later)
    command = ["hub", "end-epoch", str(hub.folder), "--method", "m", "--person", "p", "--out", str(out)]
    enter = journal.destroyed

    def killed_before(*_arguments):
        raise OSError("killed")

    def killed_after(*arguments):
        enter(*arguments)
        raise OSError("killed")

    for killed in (killed_before, killed_after):
        monkeypatch.setattr(journal, "destroyed", killed)
        assert CliRunner().invoke(main, command).exit_code == 1
    certified = out.read_bytes()
    monkeypatch.setattr(journal, "destroyed", enter)
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 0, done.output
    assert out.read_bytes() == certified
    entries = verify_ledger(journal.ledger_path(hub)).entries
    assert [entry.event.kind for entry in entries].count("destroyed") == 1
    shown = CliRunner().invoke(main, ["ledger", "certificate", str(out), "--agreement", str(consortium.agreement_path)])
    assert shown.exit_code == 0, shown.output
    assert "encodings of lakeside-district, epoch 1: 60 records" in shown.output
    assert hashlib.sha256(certified).hexdigest() in shown.output
    assert "nothing of an earlier epoch" in CliRunner().invoke(main, command).output
