"""Clerical review, the whole way: packets out, verdicts in, decisions that later runs keep."""

import errno
import os
import shutil
from datetime import timedelta
from unittest.mock import Mock

import pandas as pd
import pytest
from consortium import MARKERS, NOW, children, make_consortium

from linkage.engine import journal, outbox
from linkage.engine.answering import (
    LOCAL_ID,
    NOT_HERE,
    local_ids_by_token,
    open_packet,
    read_sheet,
    seal_verdicts,
    with_local_ids,
)
from linkage.engine.matcher import match
from linkage.engine.question import Post
from linkage.engine.registrar import open_registry, resolve
from linkage.engine.review import Settled, export_review, import_verdicts
from linkage.engine.work import work_of
from linkage.errors import InputError, PackageError, Refused
from linkage.exchange.files import write_atomically
from linkage.exchange.package import open_package, package_sha256
from linkage.governance.ledger import verify_ledger
from linkage.reports.review_html import review_html

POST = Post(NOW, os.urandom)
AGENCIES = ("lakeside-district", "state-colleges")


def _registers():
    """150 children of a district; a college of 100 of them and 50 others, 35 of the 100 with much missing and wrong.

    The last 5 of these moved and took another name: too little is left to link them, and enough to ask about them.
    """
    district, college = children(150), children(150, first=50)
    college.loc[:34, ["SSN", "Email", "StreetNumberName"]] = ""
    college.loc[30:34, ["LastSurname", "PostalCode"]] = ["Novak", "V9Z9Z9"]
    for row in range(30):
        if row % 3 == 0:
            college.loc[row, "BirthDate"] = ""
        else:
            college.loc[row, ["LastSurname", "BirthDate"][row % 3 - 1]] = ["Novak", "1982-03-04"][row % 3 - 1]
    return {"lakeside-district": district, "state-colleges": college}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A consortium that was linked, and the packets that its hub sent."""
    consortium = make_consortium(tmp_path_factory.mktemp("review"), linkage="  clerical_review: by_agencies\n")
    consortium.receive(*(consortium.hash(agency, register) for agency, register in _registers().items()))
    match(consortium.hub, NOW, os.urandom)
    resolve(consortium.hub, NOW)
    out = consortium.folder / "packets"
    done = export_review(consortium.hub, out, POST, least=0.01, most=0.95, at_most=50)
    return consortium, {packet.agency: out / packet.name for packet in done.packets}


@pytest.fixture
def asked(made):
    """The same, the hub as it was before any verdict came."""
    consortium, packets = made
    hub, before = consortium.hub.folder, consortium.folder / "before"
    if not before.exists():
        shutil.copytree(hub, before)
    shutil.rmtree(hub)
    shutil.copytree(before, hub)
    return consortium, packets


def _sheet(consortium, packets, agency):
    register = _registers()[agency]
    known = local_ids_by_token(register["local"], consortium.keys[agency], consortium.agreement)
    return open_packet(packets[agency], consortium.agreement, consortium.keys[agency], known)


def _answer(consortium, packets, agency, verdict_of, name="verdicts"):
    """Judge each row of an agency's sheet by ``verdict_of`` (its local ID) and seal the verdicts."""
    rows = _sheet(consortium, packets, agency).rows
    rows["verdict"] = [verdict_of(local) for local in rows[LOCAL_ID]]
    rows["ground"] = ["verified" if verdict in {"same", "different"} else "" for verdict in rows["verdict"]]
    rows["note"] = "Quixotrix changed her name"
    out = consortium.folder / f"{agency}-{name}-{os.urandom(4).hex()}.rva"
    seal_verdicts(
        read_sheet(rows), agreement=consortium.agreement, keys=consortium.keys[agency], out=out, now=NOW,
        random_bytes=os.urandom,
    )  # fmt: skip
    return out


def _by_local(judged, consortium):
    """Name judged pairs by the district's local ID."""
    known = local_ids_by_token(
        _registers()["lakeside-district"]["local"], consortium.keys["lakeside-district"], consortium.agreement
    )
    return {known[each.a.person_token]: each for each in judged}


def test_without_leave_nobody_is_asked(consortium):
    consortium.receive(*(consortium.hash(agency, register) for agency, register in _registers().items()))
    match(consortium.hub, NOW, os.urandom)
    resolve(consortium.hub, NOW)
    with pytest.raises(Refused) as refused:
        export_review(consortium.hub, consortium.folder / "out", POST, least=0.01, most=0.95, at_most=50)
    assert str(refused.value).count("clerical_review") == 1
    assert "linkage.clerical_review: by_agencies" in str(refused.value)
    assert not (consortium.folder / "out").exists()


def test_a_packet_is_for_one_agency_and_names_nobody_elses_record(asked):
    consortium, packets = asked
    assert set(packets) == set(AGENCIES)
    sheets = {agency: _sheet(consortium, packets, agency) for agency in AGENCIES}
    assert not set(sheets["lakeside-district"].rows["reference"]) & set(sheets["state-colleges"].rows["reference"])
    assert all(sheet.unknown == 0 for sheet in sheets.values())
    registrar = consortium.agreement.terms.hub.public_keys("registrar")
    mine, theirs = (packets[agency] for agency in AGENCIES)
    with pytest.raises(PackageError):
        open_package(mine, consortium.keys["state-colleges"], {registrar.name: registrar}, "review")
    with open_package(theirs, consortium.keys["state-colleges"], {registrar.name: registrar}, "review") as package:
        content = package.member("pairs.json").decode()
    assert "lakeside" not in content
    assert not any(marker in content for marker in MARKERS)
    page = review_html(sheets["state-colleges"].rows, sheets["state-colleges"].identifiers, (LOCAL_ID,), "review.csv")
    assert not any(marker.encode() in page for marker in MARKERS)


def test_the_same_pairs_are_not_asked_about_twice(asked):
    consortium, _ = asked
    folder = consortium.folder / "second"
    assert not export_review(consortium.hub, folder, POST, least=0.01, most=0.95, at_most=50).packets
    assert not folder.exists()
    assert export_review(consortium.hub, folder, POST, least=0.01, most=0.95, at_most=50, again=True).packets


def test_an_export_that_was_cut_short_is_ended_by_the_next_with_the_same_packets_entered_once(asked, monkeypatch):
    consortium, _ = asked
    hub, first, second = consortium.hub, consortium.folder / "cut short", consortium.folder / "ended"
    before = len(verify_ledger(journal.ledger_path(hub)).entries)

    def full_after_one(path, content):
        if list(first.iterdir()):
            raise OSError(errno.ENOSPC, "No space left on device")
        write_atomically(path, content)

    with monkeypatch.context() as patched:
        patched.setattr(outbox, "_place", full_after_one)
        with pytest.raises(OSError, match="No space"):
            export_review(hub, first, POST, least=0.01, most=0.95, at_most=50, again=True)
    assert "review export" in work_of(hub).next_step
    later = Post(NOW + timedelta(days=1), os.urandom)
    done = export_review(hub, second, later, least=0.4, most=0.6, at_most=1)
    assert done.left_over
    assert {path.name for path in second.iterdir()} == {packet.name for packet in done.packets}
    (placed,) = first.iterdir()
    assert (second / placed.name).read_bytes() == placed.read_bytes()
    entered = [entry.event for entry in verify_ledger(journal.ledger_path(hub)).entries[before:]]
    assert sorted(event.package_sha256 for event in entered) == sorted(map(package_sha256, second.iterdir()))
    assert "review export" not in work_of(hub).next_step
    assert not export_review(hub, second, later, least=0.01, most=0.95, at_most=50).left_over


def test_what_was_left_over_is_not_sent_once_the_agreement_lets_nobody_be_asked(asked, monkeypatch):
    consortium, _ = asked
    folder = consortium.folder / "refused"
    with monkeypatch.context() as patched:
        patched.setattr(journal, "review_sent", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            export_review(consortium.hub, folder, POST, least=0.01, most=0.95, at_most=50, again=True)
    after = Post(NOW + timedelta(days=3000), os.urandom)
    with pytest.raises(Refused):
        export_review(consortium.hub, folder, after, least=0.01, most=0.95, at_most=50)
    assert not list(folder.iterdir())


def test_verdicts_are_followed_where_none_contradicts_and_later_runs_keep_them(asked):
    consortium, packets = asked
    locals_asked = sorted(_sheet(consortium, packets, "lakeside-district").rows[LOCAL_ID])
    split, kept, torn, silent = locals_asked[:4]
    said = {split: "different", torn: "different", silent: "unsure"}
    district = _answer(consortium, packets, "lakeside-district", lambda local: said.get(local, "same"))
    college = _answer(consortium, packets, "state-colleges", lambda local: "same" if local == torn else "")
    found = _by_local(import_verdicts(consortium.hub, [district, college], POST), consortium)
    assert found[split].settled is Settled.SPLIT
    assert found[kept].settled is Settled.CONFIRMED
    assert found[torn].settled is Settled.CONTRADICTED
    assert found[silent].settled is Settled.UNSURE
    with open_registry(consortium.hub) as registry:
        before = registry.crosswalk().set_index("person_token")["student_id"]
        assert before[found[split].a.person_token] != before[found[split].b.person_token]
        assert before[found[torn].a.person_token] == before[found[torn].b.person_token]
        assert not registry.verify().problems
    resolve(consortium.hub, NOW)
    with open_registry(consortium.hub) as registry:
        assert registry.crosswalk().set_index("person_token")["student_id"].equals(before)


def test_a_pair_that_was_not_linked_is_merged_where_an_agency_knows_it_is_one(asked):
    consortium, packets = asked
    district = _answer(consortium, packets, "lakeside-district", lambda _local: "same")
    judged = import_verdicts(consortium.hub, [district], POST)
    merged = [each for each in judged if each.settled is Settled.MERGED]
    assert len(merged) >= 5
    with open_registry(consortium.hub) as registry:
        students = registry.crosswalk().set_index("person_token")["student_id"]
        assert not registry.verify().problems
    assert all(students[each.a.person_token] == students[each.b.person_token] for each in merged)
    again = import_verdicts(consortium.hub, [district], POST)
    assert {each.settled for each in again} == {Settled.ALREADY}


def test_a_later_verdict_that_contradicts_is_reported_and_changes_nothing(asked):
    consortium, packets = asked
    district = _answer(consortium, packets, "lakeside-district", lambda _local: "same")
    import_verdicts(consortium.hub, [district], POST)
    with open_registry(consortium.hub) as registry:
        before = registry.crosswalk()
    college = _answer(consortium, packets, "state-colleges", lambda _local: "different")
    later = import_verdicts(consortium.hub, [college], POST)
    assert {each.settled for each in later} == {Settled.CONTRADICTED}
    with open_registry(consortium.hub) as registry:
        assert registry.crosswalk().equals(before)


def test_an_agency_answers_only_for_what_it_was_asked(asked):
    consortium, packets = asked
    verdicts = read_sheet(
        _sheet(consortium, packets, "lakeside-district").rows.assign(verdict="same", ground="verified")
    )
    out = consortium.folder / f"forged-{os.urandom(4).hex()}.rva"
    seal_verdicts(
        verdicts, agreement=consortium.agreement, keys=consortium.keys["state-colleges"], out=out, now=NOW,
        random_bytes=os.urandom,
    )  # fmt: skip
    with pytest.raises(PackageError, match="never asked"):
        import_verdicts(consortium.hub, [out], POST)


def test_no_note_leaves_and_what_the_hub_keeps_is_sealed(asked):
    consortium, packets = asked
    out = _answer(consortium, packets, "lakeside-district", lambda _local: "unsure")
    registrar = consortium.hub.keys("registrar")
    senders = {name: key.public for name, key in consortium.keys.items()}
    with open_package(out, registrar, senders, "verdicts") as package:
        assert b"Quixotrix" not in package.member("verdicts.json")
    import_verdicts(consortium.hub, [out], POST)
    kept = [*(consortium.hub.folder / "registrar" / "reviews").iterdir()]
    kept += (consortium.hub.folder / "registrar" / "verdicts").rglob("*.rva")
    assert len(kept) == 2
    references = _sheet(consortium, packets, "lakeside-district").rows["reference"]
    assert not any(reference.encode() in path.read_bytes() for path in kept for reference in references)


def test_every_slip_in_a_sheet_is_named_by_its_row():
    sheet = pd.DataFrame(
        {
            "reference": ["0" * 12, "1" * 12, "2" * 12, "2" * 12],
            "verdict": ["maybe", "same", "different", "unsure"],
            "ground": ["", "", "verified", ""],
        }
    )
    with pytest.raises(InputError) as slips:
        read_sheet(sheet)
    assert slips.value.problems == (
        "row 2, verdict: expected different, same, unsure",
        "row 3, ground: expected error-here, former-value, other, relative, verified",
        "reference 222222222222 stands in several rows",
    )
    with pytest.raises(InputError, match="no row has a verdict"):
        read_sheet(sheet.head(1).assign(verdict=""))


def test_tokens_in_a_table_become_the_agencys_own_ids(asked):
    consortium, _ = asked
    register = _registers()["lakeside-district"]
    keys = consortium.keys["lakeside-district"]
    known = local_ids_by_token(register["local"], keys, consortium.agreement)
    tokens = [next(iter(known)), "f" * 32]
    found = with_local_ids(pd.DataFrame({"person_token": tokens, "care": ["yes", "no"]}), known)
    assert found.values.tolist() == [["L00000", "yes"], [NOT_HERE, "no"]]
    with pytest.raises(InputError, match="no column person_token"):
        with_local_ids(pd.DataFrame({"x": [1]}), known)
