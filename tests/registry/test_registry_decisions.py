from __future__ import annotations

import pytest
from registry_world import clusters, content, ids_of, open_registry, run, token

from linkage.errors import InputError, StoreError
from linkage.registry.manual import (
    plan_merge,
    plan_opt_out,
    plan_pin,
    plan_readmission,
    plan_split,
    plan_unpin,
    plan_withdrawal,
)
from linkage.registry.model import RecordKey
from linkage.registry.plan import plan_update


@pytest.fixture
def registry(tmp_path):
    with open_registry(tmp_path / "registry.sqlite") as opened:
        yield opened
        assert opened.verify().problems == ()


def update(registry, *groups, **options):
    plan = plan_update(registry.state(), clusters(*groups), **options)
    registry.apply(plan, run())
    return plan


def keys(*names):
    return [RecordKey(name.split(":")[0], token(name)) for name in names]


def merge(registry, *identifiers, reason="same person, seen in the files"):
    registry.apply(plan_merge(registry.state_of(identifiers), identifiers, reason), run())


def split(registry, identifier, *records):
    registry.apply(plan_split(registry.state_of([identifier]), identifier, keys(*records), "two people"), run())


def pin(registry, identifier):
    registry.apply(plan_pin(registry.state_of([identifier]), identifier, "checked"), run())


def unpin(registry, identifier, number):
    registry.apply(plan_unpin(registry.state_of([identifier]), identifier, number, "no longer sure"), run())


def withdraw(registry, identifier, *records):
    registry.apply(plan_withdrawal(registry.state_of([identifier]), keys(*records), "sent in error"), run())


def opt_out(registry, identifier):
    registry.apply(plan_opt_out(registry.state_of([identifier]), identifier, "form received"), run())


def readmit(registry, identifier, *records):
    registry.apply(plan_readmission(registry.state_of([identifier]), identifier, keys(*records), "form back"), run())


def test_a_person_merges_ids_and_the_reason_is_kept(registry):
    update(registry, "k12:a", "col:a")
    ids = ids_of(registry)
    older, younger = sorted(ids.values(), key=lambda one: registry.lookup(one).student)
    merge(registry, younger, older)
    assert set(ids_of(registry).values()) == {older}
    assert registry.lookup(younger).current == older
    last = registry.history(older)[-2:]
    assert [(event.kind, event.reason) for event in last] == [
        ("merged", "same person, seen in the files"),
        ("pinned", "same person, seen in the files"),
    ]


def test_a_split_holds_in_later_runs_and_the_evidence_against_it_is_shown(registry):
    update(registry, "k12:a col:a wf:a")
    old = ids_of(registry)["k12:a"]
    split(registry, old, "wf:a")
    decided = ids_of(registry)
    assert decided["wf:a"] != old == decided["k12:a"] == decided["col:a"]
    plan = update(registry, "k12:a col:a wf:a ece:a")
    assert ids_of(registry) == decided | {"ece:a": old}
    assert [conflict.rule for conflict in plan.conflicts] == ["decision 1 keeps them apart"]
    assert registry.lookup(decided["wf:a"]).conflicts[0].conflict.decision == 1


def test_a_split_also_holds_for_what_is_merged_later(registry):
    """c joins one side by evidence; the other side must not follow c."""
    update(registry, "k12:a wf:a", "col:c")
    old = ids_of(registry)["k12:a"]
    split(registry, old, "wf:a")
    update(registry, "k12:a col:c", "wf:a")
    before = ids_of(registry)
    assert before["col:c"] == before["k12:a"] != before["wf:a"]
    update(registry, "col:c k12:a wf:a")
    assert ids_of(registry) == before


def test_a_lifted_decision_binds_no_more(registry):
    update(registry, "k12:a wf:a")
    old = ids_of(registry)["k12:a"]
    split(registry, old, "wf:a")
    unpin(registry, old, 1)
    assert registry.lookup(old).decisions == ()
    update(registry, "k12:a wf:a")
    assert set(ids_of(registry).values()) == {old}


def test_a_pinned_id_takes_new_records_but_no_other_id(registry):
    update(registry, "k12:a", "col:b")
    ids = ids_of(registry)
    pin(registry, ids["k12:a"])
    plan = update(registry, "k12:a col:b wf:a ece:a")
    after = ids_of(registry)
    assert after["col:b"] == ids["col:b"] != after["k12:a"] == ids["k12:a"]
    assert after["wf:a"] == after["ece:a"] in ids.values()
    assert [conflict.decision for conflict in plan.conflicts] == [1]


def test_decisions_that_contradict_each_other_are_refused_and_the_first_is_named(registry):
    update(registry, "k12:a wf:a", "col:b")
    ids = ids_of(registry)
    split(registry, ids["k12:a"], "wf:a")
    other = ids_of(registry)["wf:a"]
    with pytest.raises(StoreError, match="decision 1 keeps them apart"):
        merge(registry, ids["k12:a"], other)
    pin(registry, ids["col:b"])
    with pytest.raises(StoreError, match="decision 2 pins an ID"):
        merge(registry, ids["col:b"], other)
    unpin(registry, other, 1)
    merge(registry, ids["k12:a"], other)
    with pytest.raises(StoreError, match="decision 3 holds its records together"):
        split(registry, ids["k12:a"], "wf:a")
    with pytest.raises(StoreError, match="Decision 1 does not stand"):
        unpin(registry, ids["k12:a"], 1)


def test_a_decision_about_a_merged_id_is_sent_to_the_id_in_use(registry):
    update(registry, "k12:a", "col:a")
    ids = ids_of(registry)
    merge(registry, *ids.values())
    gone = next(one for one in ids.values() if registry.lookup(one).status == "merged")
    with pytest.raises(StoreError, match="merged into"):
        pin(registry, gone)


def test_impossible_decisions_are_refused(registry):
    update(registry, "k12:a wf:a")
    old = ids_of(registry)["k12:a"]
    before = content(registry.path)
    for records in ((), ("k12:a", "wf:a")):
        with pytest.raises(InputError, match="at least one, and not all"):
            split(registry, old, *records)
    with pytest.raises(InputError, match="not under"):
        split(registry, old, "k12:z")
    with pytest.raises(InputError, match="at least two"):
        merge(registry, old, old)
    with pytest.raises(InputError, match="needs a reason"):
        registry.apply(plan_pin(registry.state_of([old]), old, " "), run())
    with pytest.raises(StoreError, match="withheld"):
        readmit(registry, old)
    with pytest.raises(InputError, match="not in the registry"):
        withdraw(registry, old, "k12:z")
    assert content(registry.path) == before


def test_a_withdrawn_record_stays_out_until_it_is_readmitted(registry):
    update(registry, "k12:a wf:a")
    old = ids_of(registry)["k12:a"]
    withdraw(registry, old, "wf:a")
    assert ids_of(registry) == {"k12:a": old}
    plan = update(registry, "k12:a wf:a")
    assert plan.changes_nothing
    assert ids_of(registry) == {"k12:a": old}
    with pytest.raises(StoreError, match="withdrawn already"):
        withdraw(registry, old, "wf:a")
    readmit(registry, old, "wf:a")
    assert ids_of(registry) == {"k12:a": old, "wf:a": old}
    assert ids_of(registry, as_of_run=2) == {"k12:a": old}
    assert [event.kind for event in registry.history(old)] == ["minted", "withdrawn", "readmitted"]


def test_an_opt_out_takes_along_records_that_link_to_the_student_later(registry):
    update(registry, "k12:a wf:a", "col:b")
    ids = ids_of(registry)
    opt_out(registry, ids["k12:a"])
    assert registry.lookup(ids["k12:a"]).status == "retired"
    plan = update(registry, "k12:a wf:a ece:a", "col:b")
    assert ids_of(registry) == {"col:b": ids["col:b"]}
    assert plan.minted == 0
    assert len(registry.lookup(ids["k12:a"]).records) == 3


def test_an_opt_out_does_not_silence_another_id_that_links_to_it(registry):
    update(registry, "k12:a", "col:b")
    ids = ids_of(registry)
    opt_out(registry, ids["k12:a"])
    plan = update(registry, "k12:a col:b")
    assert ids_of(registry) == {"col:b": ids["col:b"]}
    assert [conflict.rule for conflict in plan.conflicts] == ["the student opted out"]
    with pytest.raises(StoreError, match="opted out"):
        merge(registry, *ids.values())


def test_a_student_who_opts_in_again_has_the_same_id(registry):
    update(registry, "k12:a wf:a")
    old = ids_of(registry)
    opt_out(registry, old["k12:a"])
    update(registry, "k12:a wf:a ece:a")
    readmit(registry, old["k12:a"])
    assert ids_of(registry) == old | {"ece:a": old["k12:a"]}
    assert registry.lookup(old["k12:a"]).status == "active"


def test_a_withdrawn_record_does_not_carry_evidence(registry):
    update(registry, "k12:a wf:a")
    old = ids_of(registry)["k12:a"]
    withdraw(registry, old, "wf:a")
    update(registry, "wf:a ece:b", "k12:a")
    assert ids_of(registry)["ece:b"] != old


def test_a_merge_takes_withdrawn_records_along(registry):
    update(registry, "k12:a", "col:a wf:a")
    ids = ids_of(registry)
    withdraw(registry, ids["col:a"], "wf:a")
    merge(registry, ids["k12:a"], ids["col:a"])
    kept = next(one for one in set(ids.values()) if registry.lookup(one).status == "active")
    readmit(registry, kept)
    assert ids_of(registry) == dict.fromkeys(ids, kept)
