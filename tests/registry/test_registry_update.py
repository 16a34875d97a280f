from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from registry_world import clusters, content, frame, ids_of, open_registry, run, token

from linkage.errors import InputError
from linkage.registry.model import EventKind, State
from linkage.registry.plan import plan_update


@pytest.fixture
def registry(tmp_path):
    with open_registry(tmp_path / "registry.sqlite") as opened:
        yield opened


def update(registry, table, **options):
    plan = plan_update(registry.state(), table, **options)
    registry.apply(plan, run())
    return plan


def test_first_run_mints_one_id_for_each_cluster(registry):
    plan = update(registry, clusters("k12:a col:a", "k12:b"))
    ids = ids_of(registry)
    assert ids["k12:a"] == ids["col:a"] != ids["k12:b"]
    assert (plan.count(EventKind.MINTED), len(plan.events), plan.churn) == (2, 2, 0.0)


def test_the_same_input_again_changes_nothing_but_the_record_of_runs(registry):
    table = clusters("k12:a col:a", "k12:b", "wf:c")
    update(registry, table)
    before = content(registry.path, without_runs=True)
    plan = update(registry, table.sample(frac=1, random_state=1))
    assert plan.changes_nothing
    assert content(registry.path, without_runs=True) == before
    assert registry.head().run == 2


def test_new_records_join_the_id_they_link_to(registry):
    update(registry, clusters("k12:a", "k12:b"))
    before = ids_of(registry)
    plan = update(registry, clusters("k12:a col:a wf:a", "k12:b", "col:c"))
    ids = ids_of(registry)
    assert ids["col:a"] == ids["wf:a"] == before["k12:a"] == ids["k12:a"]
    assert ids["col:c"] not in before.values()
    assert [plan.count(kind) for kind in (EventKind.MINTED, EventKind.EXTENDED)] == [1, 1]


def test_merging_keeps_the_oldest_id_and_the_other_redirects(registry):
    update(registry, clusters("k12:a"))
    update(registry, clusters("k12:a", "wf:a"))
    old = ids_of(registry)
    plan = update(registry, clusters("k12:a wf:a col:a"))
    assert set(ids_of(registry).values()) == {old["k12:a"]}
    gone = registry.lookup(old["wf:a"])
    assert (gone.status, gone.current, gone.records) == ("merged", old["k12:a"], ())
    assert plan.changed == 1
    assert [event.kind for event in registry.history(old["wf:a"])] == ["minted", "merged"]


def test_an_update_never_splits_and_shows_the_evidence(registry):
    update(registry, clusters("k12:a col:a wf:a"))
    before = ids_of(registry)
    plan = update(registry, clusters("k12:a", "col:a wf:a"))
    assert plan.changes_nothing
    assert ids_of(registry) == before
    (met,) = registry.conflicts()
    assert met.id == before["k12:a"]
    assert (met.conflict.rule, met.conflict.evidence) == ("an update never splits", "its records fell into 2 clusters")


def test_a_minority_of_an_ids_records_merges_nothing(registry):
    """a's college record now links to b: following it would chain a and b, which the rest keeps apart."""
    update(registry, clusters("k12:a col:a wf:a", "k12:b"))
    before = ids_of(registry)
    plan = update(registry, clusters("k12:a wf:a", "col:a k12:b"))
    assert plan.changes_nothing
    assert ids_of(registry) == before


def test_new_records_beside_a_stray_record_follow_its_id(registry):
    update(registry, clusters("k12:a col:a wf:a"))
    before = ids_of(registry)
    update(registry, clusters("k12:a wf:a", "col:a ece:a"))
    assert ids_of(registry)["ece:a"] == before["col:a"]


def test_records_that_the_clusters_leave_out_are_left_alone(registry):
    update(registry, clusters("k12:a col:a", "k12:b"))
    before = ids_of(registry)
    update(registry, clusters("k12:a wf:a"))
    assert ids_of(registry) == before | {"wf:a": before["k12:a"]}


def test_a_duplicate_free_agency_gets_no_second_record_under_an_id(registry):
    update(registry, clusters("k12:a col:a"))
    before = ids_of(registry)
    plan = update(registry, clusters("k12:a col:a k12:b wf:c"), one_per_agency=["k12"])
    ids = ids_of(registry)
    assert ids["wf:c"] == before["k12:a"] != ids["k12:b"]
    assert [conflict.rule for conflict in plan.conflicts] == ["k12 holds no student twice"]


def test_a_duplicate_free_agency_stops_a_merge(registry):
    update(registry, clusters("k12:a col:a", "k12:b wf:b"))
    before = ids_of(registry)
    plan = update(registry, clusters("k12:a col:a k12:b wf:b"), one_per_agency=["k12"])
    assert plan.changes_nothing
    assert ids_of(registry) == before
    assert len(plan.conflicts) == 1


def test_an_ids_text_tells_nothing_of_where_its_student_stood_in_the_run(registry):
    update(registry, clusters(*(f"k12:{letter}{digit}" for letter in "abcdefghij" for digit in range(10))))
    ids = registry.crosswalk()["student_id"].tolist()
    ranks = pd.Series(ids).rank().to_numpy()
    assert abs(pd.Series(ranks).corr(pd.Series(range(len(ranks))))) < 0.4


def test_malformed_clusters_are_refused_with_every_problem_and_no_value():
    bad = clusters("k12:a", "k12:b")
    bad.loc[1, "person_token"] = "Maria"
    bad = pd.concat([bad, bad.iloc[[0]].assign(cluster=9, agency="")], ignore_index=True)
    with pytest.raises(InputError) as caught:
        plan_update(State.empty(), bad)
    assert [problem.split(":")[0] for problem in caught.value.problems] == ["person_token", "agency"]
    assert "Maria" not in str(caught.value)
    with pytest.raises(InputError, match="lacks columns"):
        plan_update(State.empty(), bad.drop(columns=["cluster"]))
    with pytest.raises(InputError, match="repeat a record"):
        plan_update(State.empty(), clusters("k12:a", "k12:a"))
    with pytest.raises(InputError, match="missing in 1 rows"):
        plan_update(State.empty(), clusters("k12:a").assign(cluster=None))


def test_no_clusters_at_all_is_an_empty_run(registry):
    assert update(registry, clusters()).changes_nothing
    assert registry.crosswalk().empty


_RUNS = st.lists(
    st.dictionaries(st.tuples(st.sampled_from(["k12", "col", "wf"]), st.integers(0, 5)), st.integers(0, 6)),
    min_size=1,
    max_size=5,
)


@settings(max_examples=8, deadline=None)
@given(runs=_RUNS, order=st.randoms(use_true_random=False))
def test_whatever_the_clusters_no_id_is_lost_doubled_or_split(tmp_path_factory, runs, order):
    folder = tmp_path_factory.mktemp("runs")
    with open_registry(folder / "one.sqlite") as one, open_registry(folder / "two.sqlite") as two:
        seen: dict[tuple[str, str], str] = {}
        for assigned in runs:
            rows = [(agency, token(f"{agency}:{name}"), label) for (agency, name), label in assigned.items()]
            update(one, frame(rows), one_per_agency=["wf"])
            shuffled = order.sample([(*row[:2], 9 - row[2]) for row in rows], len(rows))
            update(two, frame(shuffled), one_per_agency=["wf"])
            table = one.crosswalk()
            now = {(agency, key): value for agency, key, value in table.itertuples(index=False)}
            assert len(now) == len(table)
            assert now.keys() == seen.keys() | {row[:2] for row in rows}
            for key, old in seen.items():  # an ID changes only as a whole, by a merge into one that it redirects to
                assert now[key] == one.lookup(old).current
            seen = now
        pd.testing.assert_frame_equal(one.crosswalk(), two.crosswalk())
