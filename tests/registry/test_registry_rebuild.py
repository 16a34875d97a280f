from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from registry_world import clusters, frame, ids_of, open_registry, run, token

from linkage.registry.manual import plan_merge, plan_opt_out, plan_pin, plan_split, plan_withdrawal
from linkage.registry.model import EventKind, RecordKey
from linkage.registry.plan import plan_update
from linkage.registry.rebuild import plan_rebuild


@pytest.fixture
def registry(tmp_path):
    with open_registry(tmp_path / "registry.sqlite") as opened:
        yield opened
        assert opened.verify().problems == ()


def update(registry, *groups):
    registry.apply(plan_update(registry.state(), clusters(*groups)), run())
    return ids_of(registry)


def rebuild(registry, *groups):
    plan = plan_rebuild(registry.state(), clusters(*groups))
    registry.apply(plan, run())
    return plan, ids_of(registry)


def decide(registry, make, *identifiers, **rest):
    registry.apply(make(registry.state_of(identifiers), *rest.pop("args"), **rest), run())


def keys(*names):
    return [RecordKey(name.split(":")[0], token(name)) for name in names]


def test_the_larger_part_keeps_the_id_and_the_smaller_gets_a_new_one(registry):
    before = update(registry, "k12:a col:a wf:a")
    plan, after = rebuild(registry, "k12:a", "col:a wf:a")
    assert after["col:a"] == after["wf:a"] == before["k12:a"] != after["k12:a"]
    assert [(event.kind, len(event.records)) for event in registry.history(after["k12:a"])] == [
        ("minted", 0),
        ("split", 1),
    ]
    assert plan.changed == 1


def test_the_oldest_id_wins_where_the_overlap_is_equal(registry):
    first = update(registry, "k12:a")["k12:a"]
    second = update(registry, "k12:a", "col:a")["col:a"]
    _, after = rebuild(registry, "k12:a col:a")
    assert set(after.values()) == {first}
    assert registry.lookup(second).current == first


def test_the_larger_id_wins_over_the_older(registry):
    update(registry, "k12:a")
    larger = update(registry, "k12:a", "col:a wf:a")["col:a"]
    _, after = rebuild(registry, "k12:a col:a wf:a")
    assert set(after.values()) == {larger}


def test_records_move_between_existing_ids(registry):
    before = update(registry, "k12:a col:a wf:a", "k12:b col:b wf:b")
    plan, after = rebuild(registry, "k12:a col:a", "wf:a k12:b col:b wf:b")
    assert after["wf:a"] == before["k12:b"]
    assert [plan.count(kind) for kind in (EventKind.SPLIT, EventKind.MINTED, EventKind.MERGED)] == [1, 0, 0]


def test_an_id_whose_records_scatter_is_retired_without_a_redirect(registry):
    before = update(registry, "k12:a wf:a", "k12:b col:b ece:b", "k12:c col:c ece:c")
    plan, after = rebuild(registry, "k12:a k12:b col:b ece:b", "wf:a k12:c col:c ece:c")
    assert (after["k12:a"], after["wf:a"]) == (before["k12:b"], before["k12:c"])
    gone = registry.lookup(before["k12:a"])
    assert (gone.status, gone.current) == ("retired", gone.id)
    assert plan.count(EventKind.RETIRED) == 1


def test_records_that_the_clusters_leave_out_stay_or_follow_a_merge(registry):
    before = update(registry, "k12:a col:a", "k12:b wf:b ece:b")
    _, after = rebuild(registry, "k12:a k12:b wf:b ece:b")
    assert after["col:a"] == after["k12:a"] == before["k12:b"]
    _, last = rebuild(registry, "k12:b wf:b")
    assert last == after


def test_a_rebuild_from_the_same_clusters_changes_nothing(registry):
    before = update(registry, "k12:a col:a", "k12:b")
    plan, after = rebuild(registry, "k12:b", "col:a k12:a")
    assert plan.changes_nothing
    assert after == before


def test_decisions_bind_a_rebuild_and_each_disagreement_is_shown(registry):
    before = update(registry, "k12:a", "col:a", "k12:b wf:b", "k12:c", "col:c")
    decide(registry, plan_merge, before["k12:a"], before["col:a"], args=([before["k12:a"], before["col:a"]], "seen"))
    decide(registry, plan_split, before["k12:b"], args=(before["k12:b"], keys("wf:b"), "two people"))
    decide(registry, plan_pin, before["k12:c"], args=(before["k12:c"], "checked"))
    kept = ids_of(registry)
    plan, after = rebuild(registry, "k12:a", "col:a", "k12:b wf:b", "k12:c col:c ece:c")
    assert {name: after[name] for name in kept} == kept
    assert after["ece:c"] == kept["k12:c"]
    assert [conflict.decision for conflict in plan.conflicts] == [1, 2, 3]
    assert "keeps them apart" in plan.conflicts[1].rule


def test_what_is_withdrawn_stays_so_through_a_rebuild(registry):
    before = update(registry, "k12:a col:a", "k12:b col:b wf:b")
    decide(registry, plan_opt_out, before["k12:a"], args=(before["k12:a"], "form received"))
    decide(registry, plan_withdrawal, before["k12:b"], args=(keys("wf:b"), "sent in error"))
    plan, after = rebuild(registry, "k12:a", "col:a ece:a", "k12:b col:b wf:b")
    assert after == {"k12:b": before["k12:b"], "col:b": before["k12:b"]}
    assert plan.count(EventKind.WITHDRAWN) == 1  # ece:a, linked to the student who opted out


_WORLD = st.dictionaries(
    st.tuples(st.sampled_from(["k12", "col", "wf"]), st.integers(0, 4)), st.integers(0, 5), min_size=1
)


@settings(max_examples=8, deadline=None)
@given(steps=st.lists(st.tuples(st.booleans(), _WORLD), min_size=2, max_size=4), choice=st.integers(0, 10**6))
def test_any_mixture_of_runs_and_decisions_leaves_a_sound_registry(tmp_path_factory, steps, choice):
    with open_registry(tmp_path_factory.mktemp("mixture") / "r.sqlite") as registry:
        past = []
        for anew, assigned in steps:
            table = frame([(agency, token(f"{agency}:{name}"), label) for (agency, name), label in assigned.items()])
            plan = (plan_rebuild if anew else plan_update)(registry.state(), table)
            registry.apply(plan, run(), limit=1.0)
            now = registry.crosswalk()
            if anew and not registry.state().decisions:
                both = table.merge(now, on=["agency", "person_token"])
                assert len(both.drop_duplicates(["cluster", "student_id"])) == both["cluster"].nunique()
            past.append(now)
            held = now.groupby("student_id").filter(lambda rows: len(rows) > 1)
            if len(held):
                row = held.iloc[choice % len(held)]
                key = RecordKey(row["agency"], row["person_token"])
                plan = plan_split(registry.state_of([row["student_id"]]), row["student_id"], [key], "decided")
                if not any(decision.kind == "merge" for decision in registry.state().decisions):
                    registry.apply(plan, run())
                    past.append(registry.crosswalk())
        for number, table in enumerate(past, 1):
            pd.testing.assert_frame_equal(registry.crosswalk(number), table)
        assert registry.verify().problems == ()
