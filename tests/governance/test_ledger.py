"""A ledger that was altered, shortened or re-ordered is caught, and a crash costs nothing that was acknowledged."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from parties_of_a_consortium import NOW

from linkage.errors import StoreError
from linkage.exchange.keys import generate_keys
from linkage.governance.events import Disclosed, Opened, Received, RefusedRequest
from linkage.governance.heads import head_problems, read_head, sign_head, write_head
from linkage.governance.ledger import append, create_ledger, repair, verify_ledger

HUB = generate_keys("data-hub.release")
NAME = "1" * 32


def received(number: int) -> Received:
    return Received(
        agreement="study",
        agreement_sha256="a" * 64,
        sender="workforce",
        package=f"wages-{number}.dpkg",
        package_sha256="b" * 64,
        records=number,
    )


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.jsonl"
    create_ledger(path, "data-hub", NAME, NOW)
    for number in range(5):
        append(path, received(number), NOW + timedelta(minutes=number))
    return path


def test_a_sound_ledger_verifies_and_reaches_its_head(ledger: Path) -> None:
    head = append(ledger, received(5), NOW)
    verified = verify_ledger(ledger)
    assert verified.head == head
    assert head.count == 7
    assert [entry.sequence for entry in verified.entries] == list(range(7))
    assert isinstance(verified.entries[0].event, Opened)
    assert ledger.stat().st_mode & 0o777 == 0o600


def test_a_disclosure_says_who_what_when_why_and_under_which_clause(ledger: Path) -> None:
    append(
        ledger,
        Disclosed(
            agreement="study",
            agreement_sha256="a" * 64,
            output="research-file",
            recipient="university",
            interest="Research on the effects of education programs",
            purpose="research",
            users=("Maya Iyer",),
            providers=("lakeside-district",),
            elements=("lakeside-district.enrollment.GradeLevel",),
            persons=1200,
            bundle_sha256="c" * 64,
            destroy_by="2031-12-31",
            clause="outputs[research-file]",
        ),
        NOW,
    )
    last = json.loads(ledger.read_text().splitlines()[-1])
    assert last["recorded"] == "2026-09-01T12:00:00+00:00"
    assert last["event"]["recipient"] == "university"
    assert last["event"]["interest"].startswith("Research")
    # As a ledger from before releases on older links were marked has it: its lines verify as they were written.
    assert "stale_links_of_run" not in last["event"]
    verify_ledger(ledger)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_any_changed_byte_is_detected(ledger: Path, data) -> None:
    content = bytearray(ledger.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    copy = ledger.with_name("copy.jsonl")
    copy.write_bytes(content)
    head = sign_head(verify_ledger(ledger).head, HUB, NOW)
    try:
        altered = verify_ledger(copy)
    except StoreError:
        return
    assert head_problems(altered, [head], HUB.public)


def lines_of(path: Path) -> list[str]:
    return path.read_text().splitlines(keepends=True)


@pytest.mark.parametrize("number", range(5))
def test_a_removed_line_is_detected_at_its_place(ledger: Path, number: int) -> None:
    lines = lines_of(ledger)
    ledger.write_text("".join(lines[:number] + lines[number + 1 :]))
    with pytest.raises(StoreError, match=f"line {number + 1}"):
        verify_ledger(ledger)


@pytest.mark.parametrize("number", range(5))
def test_two_lines_in_each_others_place_are_detected(ledger: Path, number: int) -> None:
    lines = lines_of(ledger)
    lines[number], lines[number + 1] = lines[number + 1], lines[number]
    ledger.write_text("".join(lines))
    with pytest.raises(StoreError):
        verify_ledger(ledger)


def test_truncation_at_the_end_is_detected_by_a_kept_head(ledger: Path) -> None:
    kept = sign_head(verify_ledger(ledger).head, HUB, NOW)
    ledger.write_text("".join(lines_of(ledger)[:-2]))
    problems = head_problems(verify_ledger(ledger), [kept], HUB.public)
    assert problems == [f"head of {kept.signed} (6 entries): the ledger has 2 fewer: it was truncated at the end"]


def test_a_rewritten_end_is_detected_by_a_kept_head(ledger: Path) -> None:
    kept = sign_head(verify_ledger(ledger).head, HUB, NOW)
    ledger.write_text("".join(lines_of(ledger)[:-2]))
    for number in (90, 91, 92):
        append(ledger, received(number), NOW)
    assert "rewritten" in head_problems(verify_ledger(ledger), [kept], HUB.public)[0]


def test_a_ledger_keeps_faith_with_every_earlier_head(ledger: Path) -> None:
    heads = [sign_head(append(ledger, received(number), NOW), HUB, NOW) for number in range(4)]
    assert head_problems(verify_ledger(ledger), heads, HUB.public) == []


def test_a_forged_head_or_one_of_another_ledger_is_refused(ledger: Path, tmp_path: Path) -> None:
    head = sign_head(verify_ledger(ledger).head, HUB, NOW)
    forged = head.model_copy(update={"count": 2})
    assert "signature is not" in head_problems(verify_ledger(ledger), [forged], HUB.public)[0]
    stranger = generate_keys("stranger").public
    assert "signature is not stranger's" in head_problems(verify_ledger(ledger), [head], stranger)[0]
    other = sign_head(replace(verify_ledger(ledger).head, ledger="2" * 32), HUB, NOW)
    assert "of another ledger" in head_problems(verify_ledger(ledger), [other], HUB.public)[0]
    write_head(tmp_path / "head.json", head)
    assert read_head(tmp_path / "head.json") == head
    (tmp_path / "head.json").write_text("{}")
    with pytest.raises(StoreError, match="not a signed ledger head"):
        read_head(tmp_path / "head.json")


def test_a_torn_last_line_is_refused_and_repair_removes_only_that(ledger: Path) -> None:
    before = ledger.read_bytes()
    with ledger.open("ab") as handle:
        handle.write(b'{"event":{"kind":"rec')
    for attempt in (lambda: verify_ledger(ledger), lambda: append(ledger, received(9), NOW)):
        with pytest.raises(StoreError, match="torn line"):
            attempt()
    assert repair(ledger) == b'{"event":{"kind":"rec'
    assert ledger.read_bytes() == before
    assert repair(ledger) == b""
    assert append(ledger, received(9), NOW).count == 7


def test_a_ledger_is_never_begun_over_another(ledger: Path) -> None:
    with pytest.raises(StoreError, match="never begun anew"):
        create_ledger(ledger, "data-hub", NAME, NOW)
    with pytest.raises(StoreError, match="opened once"):
        append(ledger, Opened(hub="data-hub", ledger=NAME), NOW)
    with pytest.raises(StoreError, match="no ledger at"):
        verify_ledger(ledger.with_name("none"))


def test_an_empty_or_strange_file_is_no_ledger(tmp_path: Path) -> None:
    for content in (b"", b"hello\n", b'{"a":1}\n'):
        path = tmp_path / "l"
        path.write_bytes(content)
        with pytest.raises(StoreError):
            verify_ledger(path)
        with pytest.raises(StoreError):
            append(path, received(1), NOW)


def test_a_refused_request_is_recorded_with_its_reasons(ledger: Path) -> None:
    reasons = ("outputs (line 12): everything is not listed",)
    event = RefusedRequest(agreement="study", agreement_sha256="a" * 64, request="release", reasons=reasons)
    append(ledger, event, NOW)
    assert verify_ledger(ledger).entries[-1].event == event


def _write_many(path: Path, count: int) -> None:
    for number in range(count):
        append(path, received(number), NOW)


def test_two_processes_write_one_after_the_other(ledger: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_many, args=(ledger, 20)) for _ in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert verify_ledger(ledger).head.count == 46


def test_a_killed_writer_leaves_whole_entries_or_one_torn_line(ledger: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writer = context.Process(target=_write_many, args=(ledger, 100_000))
    writer.start()
    while len(lines_of(ledger)) < 30 and writer.is_alive():
        pass
    os.kill(writer.pid, signal.SIGKILL)
    writer.join()
    repair(ledger)
    assert verify_ledger(ledger).head.count >= 29
