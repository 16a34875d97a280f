"""Clusters that touch several IDs, with the odds of the links behind them."""

from __future__ import annotations

import math

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from registry_world import clusters, content, frame, ids_of, open_registry, run, token

from linkage.registry.contested import LINK_COLUMNS
from linkage.registry.manual import plan_merge
from linkage.registry.model import EventKind
from linkage.registry.plan import plan_update


@pytest.fixture
def registry(tmp_path):
    with open_registry(tmp_path / "registry.sqlite") as opened:
        yield opened


def odds(*links: tuple[str, str, float]) -> pd.DataFrame:
    rows = [
        (*(part for name in (one, other) for part in (name.split(":")[0], token(name))), math.log(to_one))
        for one, other, to_one in links
    ]
    return pd.DataFrame(rows, columns=list(LINK_COLUMNS))


def update(registry, table, links, one_per_agency=("k12", "col", "wf")):
    plan = plan_update(registry.state(), table, one_per_agency, links)
    registry.apply(plan, run(), limit=1.0)
    return plan


def test_a_merge_needs_a_thousand_to_one_and_is_shown_until_it_has_that(registry):
    update(registry, clusters("k12:a", "wf:a"), odds())
    before = ids_of(registry)
    plan = update(registry, clusters("k12:a wf:a"), odds(("k12:a", "wf:a", 900)))
    assert ids_of(registry) == before
    assert [(met.rule, met.evidence) for met in plan.conflicts] == [
        ("two IDs are merged only at odds of 1,000 to 1", "cluster 1, linked at odds of 900 to 1")
    ]
    plan = update(registry, clusters("k12:a wf:a"), odds(("k12:a", "wf:a", 1100)))
    assert set(ids_of(registry).values()) == {before["k12:a"]}
    assert plan.conflicts == ()


def test_a_new_record_joins_on_less_and_merges_nothing_where_its_own_links_are_weak(registry):
    """A child's new school record agrees with the preschool's, and in name alone with some worker's."""
    update(registry, clusters("ece:a", "wf:b"), odds())
    before = ids_of(registry)
    links = odds(("ece:a", "k12:a", 1e9), ("k12:a", "wf:b", 4))
    plan = update(registry, clusters("ece:a wf:b k12:a"), links)
    assert ids_of(registry) == before | {"k12:a": before["ece:a"]}
    assert [met.evidence for met in plan.conflicts] == ["cluster 1, linked at odds of 4 to 1"]


def test_a_record_that_links_strongly_to_two_ids_makes_them_one(registry):
    """A college knows birth date and number; school and workforce each know one of them."""
    update(registry, clusters("k12:a", "wf:a"), odds())
    before = ids_of(registry)
    update(registry, clusters("k12:a wf:a col:a"), odds(("k12:a", "col:a", 250), ("wf:a", "col:a", 1e8)))
    assert set(ids_of(registry).values()) == {before["k12:a"]}


def test_a_merge_follows_its_weakest_step(registry):
    update(registry, clusters("k12:a", "wf:a"), odds())
    before = ids_of(registry)
    update(registry, clusters("k12:a wf:a col:a"), odds(("k12:a", "col:a", 150), ("wf:a", "col:a", 1e8)))
    assert ids_of(registry) == before | {"col:a": before["wf:a"]}


THIN = odds(("k12:a", "wf:x", 4))
BETTER = odds(("k12:a", "wf:x", 4), ("k12:a", "col:a", 1e6), ("col:a", "wf:a", 1e9))
# The same with a preschool record that knows the pupil, and a college record that knows the other worker.
FAMILIAR = odds(("k12:a", "wf:x", 4), ("wf:x", "col:x", 1e6), ("k12:a", "el:a", 1e6))
FAMILIAR_BETTER = pd.concat([FAMILIAR, odds(("k12:a", "col:a", 1e6), ("col:a", "wf:a", 1e9))], ignore_index=True)


def test_a_thin_record_gives_its_place_to_a_solid_one(registry):
    """wf:x was taken for a by name alone; years later a's own workforce record comes, with a number."""
    update(registry, clusters("k12:a wf:x"), THIN)
    before = ids_of(registry)
    assert before["k12:a"] == before["wf:x"]
    plan = update(registry, clusters("wf:x", "k12:a col:a wf:a"), BETTER)
    ids = ids_of(registry)
    assert ids["k12:a"] == ids["col:a"] == ids["wf:a"] == before["k12:a"]
    assert ids["wf:x"] not in before.values()
    assert (plan.count(EventKind.SPLIT), plan.changed) == (1, 1)
    split = registry.history(ids["wf:x"])[-1]
    assert split.kind == EventKind.SPLIT
    assert split.reason == "the link to the ID's other records was thin, and gave way to another record's that is solid"
    assert split.evidence == "cluster 2, linked at odds above 1,000,000 to 1"
    assert registry.verify().problems == ()


def test_all_that_came_with_a_thin_record_goes_with_it(registry):
    """wf:x brought its own college record along; both go, to one ID."""
    update(registry, clusters("k12:a el:a wf:x col:x"), FAMILIAR)
    before = ids_of(registry)
    plan = update(registry, clusters("wf:x col:x", "k12:a el:a col:a wf:a"), FAMILIAR_BETTER)
    ids = ids_of(registry)
    assert ids["k12:a"] == ids["el:a"] == ids["col:a"] == ids["wf:a"] == before["k12:a"]
    assert ids["wf:x"] == ids["col:x"] != before["k12:a"]
    assert (plan.count(EventKind.SPLIT), plan.changed) == (1, 2)


def test_the_lesser_part_leaves_where_a_thin_link_is_given_up(registry):
    update(registry, clusters("k12:a wf:x col:x"), FAMILIAR)
    before = ids_of(registry)
    plan = update(registry, clusters("wf:x col:x", "k12:a col:a wf:a"), FAMILIAR_BETTER)
    ids = ids_of(registry)
    assert ids["wf:x"] == ids["col:x"] == before["wf:x"]
    assert ids["k12:a"] == ids["col:a"] == ids["wf:a"] not in before.values()
    assert (plan.count(EventKind.SPLIT), plan.changed) == (1, 1)


def test_of_equal_parts_the_one_leaves_that_joins_another_id(registry):
    """k12:a goes to wf:a, and wf:x stays: one change, and no ID is lost."""
    update(registry, clusters("k12:a wf:x", "wf:a"), THIN)
    before = ids_of(registry)
    plan = update(registry, clusters("wf:x", "k12:a col:a wf:a"), BETTER)
    ids = ids_of(registry)
    assert ids == before | {"k12:a": before["wf:a"], "col:a": before["wf:a"]}
    assert (plan.count(EventKind.SPLIT), plan.count(EventKind.MERGED), plan.changed) == (1, 0, 1)
    assert update(registry, clusters("wf:x", "k12:a col:a wf:a"), BETTER).changes_nothing
    assert registry.verify().problems == ()


def test_a_part_stays_if_the_id_has_records_that_this_run_did_not_link(registry):
    """Nobody knows where those belong, so the ID stays with them, and what is thin leaves."""
    update(registry, clusters("k12:a wf:x el:z", "wf:a"), THIN)
    before = ids_of(registry)
    plan = update(registry, clusters("wf:x", "k12:a col:a wf:a"), BETTER)
    ids = ids_of(registry)
    assert ids["k12:a"] == ids["el:z"] == ids["wf:a"] == before["k12:a"]
    assert (plan.count(EventKind.SPLIT), plan.count(EventKind.MERGED)) == (1, 1)


def test_a_thin_record_that_gives_way_does_not_hinder_a_merge(registry):
    update(registry, clusters("k12:a el:a wf:x", "wf:a"), FAMILIAR)
    before = ids_of(registry)
    plan = update(registry, clusters("wf:x", "k12:a el:a col:a wf:a"), FAMILIAR_BETTER)
    assert ids_of(registry)["wf:a"] == ids_of(registry)["k12:a"] == before["k12:a"]
    assert (plan.count(EventKind.SPLIT), plan.count(EventKind.MERGED)) == (1, 1)


@pytest.mark.parametrize(
    ("first", "then", "table"),
    [
        (odds(("k12:a", "wf:x", 30)), odds(("k12:a", "wf:x", 30), ("k12:a", "wf:a", 900)), "wf:x; k12:a wf:a"),
        (THIN, odds(("k12:a", "wf:x", 4), ("k12:a", "wf:a", 10)), "wf:x; k12:a wf:a"),
        (THIN, odds(("k12:a", "wf:x", 4), ("k12:a", "wf:a", 900)), "k12:a wf:a wf:x"),
    ],
    ids=["a solid record stays", "a thin record does not drive out another", "nor one that is linked still"],
)
def test_no_record_gives_way_otherwise(registry, first, then, table):
    update(registry, clusters("k12:a wf:x"), first)
    before = ids_of(registry)
    plan = update(registry, clusters(*table.split("; ")), then)
    assert plan.count(EventKind.SPLIT) == 0
    assert ids_of(registry) | before == ids_of(registry)
    assert "wf holds no student twice" in {met.rule for met in plan.conflicts}


def test_what_a_person_put_together_does_not_give_way(registry):
    update(registry, clusters("k12:a", "wf:x"), odds())
    state = registry.state()
    registry.apply(plan_merge(state, state.ids.tolist(), "seen the file"), run(), limit=1.0)
    before = ids_of(registry)
    plan = update(registry, clusters("wf:x", "k12:a col:a wf:a"), BETTER)
    assert plan.count(EventKind.SPLIT) == 0
    assert ids_of(registry) | before == ids_of(registry)


def test_an_id_may_lose_a_thin_record_and_be_merged_in_one_run(registry):
    update(registry, clusters("col:a"), FAMILIAR)
    update(registry, clusters("col:a", "k12:a el:a wf:x"), FAMILIAR)
    before = ids_of(registry)
    plan = update(registry, clusters("wf:x", "k12:a el:a col:a wf:a"), FAMILIAR_BETTER)
    ids = ids_of(registry)
    assert ids["k12:a"] == ids["el:a"] == ids["wf:a"] == before["col:a"]
    assert registry.lookup(before["k12:a"]).current == before["col:a"]
    assert (plan.count(EventKind.SPLIT), plan.count(EventKind.MERGED), plan.changed) == (1, 1, 3)
    assert registry.verify().problems == ()


_RECORDS = [f"{agency}:{number}" for agency in ("k12", "col", "wf") for number in range(4)]
_RUNS = st.lists(
    st.tuples(
        st.dictionaries(st.sampled_from(_RECORDS), st.integers(0, 5), min_size=1),
        st.dictionaries(
            st.tuples(st.sampled_from(_RECORDS), st.sampled_from(_RECORDS)),
            st.sampled_from([0.1, 3.0, 50.0, 500.0, 2000.0, 1e7]),
        ),
    ),
    min_size=2,
    max_size=4,
)


@settings(max_examples=15, deadline=None)
@given(runs=_RUNS)
def test_whatever_the_odds_a_second_run_changes_nothing_and_all_is_explained(tmp_path_factory, runs):
    folder = tmp_path_factory.mktemp("odds")
    with open_registry(folder / "registry.sqlite") as registry:
        for assigned, weighed in runs:
            table = frame([(name.split(":")[0], token(name), label) for name, label in assigned.items()])
            links = odds(*((one, other, to_one) for (one, other), to_one in weighed.items() if one != other))
            update(registry, table, links, ["wf", "col"])
            before = content(registry.path, without_runs=True)
            assert update(registry, table, links, ["wf", "col"]).changes_nothing
            assert content(registry.path, without_runs=True) == before
            held = registry.crosswalk()
            exclusive = held[held["agency"].isin(["wf", "col"])]
            assert not exclusive.duplicated(["student_id", "agency"]).any()
        assert registry.verify().problems == ()
