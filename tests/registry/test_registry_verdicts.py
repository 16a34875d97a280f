"""Verdicts on pairs of records as decisions of the registry."""

from datetime import UTC, datetime

import pandas as pd
import pytest

from linkage.errors import StoreError
from linkage.registry import manual
from linkage.registry.model import RecordKey, RunRecord
from linkage.registry.plan import plan_update
from linkage.registry.rebuild import plan_rebuild
from linkage.registry.store import Registry
from linkage.registry.verdicts import decided_already, plan_different, plan_same

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def _key(agency, number):
    return RecordKey(agency, f"{number:032x}")


A1, A2, B1, B2, C1 = _key("a", 1), _key("a", 2), _key("b", 1), _key("b", 2), _key("c", 1)


def _clusters(*groups):
    rows = [(*key, place) for place, group in enumerate(groups) for key in group]
    return pd.DataFrame(rows, columns=["agency", "person_token", "cluster"])


@pytest.fixture
def registry(tmp_path):
    with Registry.open(tmp_path / "registry.sqlite", create=True) as opened:
        opened.apply(plan_update(opened.state(), _clusters([A1, B1, C1], [A2], [B2])), RunRecord(NOW))
        yield opened


def _apply(registry, plan):
    registry.apply(plan, RunRecord(NOW), limit=1.0)
    assert not registry.verify().problems


def _students(registry):
    rows = registry.crosswalk()
    return {
        RecordKey(a, t): s for a, t, s in zip(rows["agency"], rows["person_token"], rows["student_id"], strict=True)
    }


def test_the_same_merges_two_ids_and_a_rebuild_keeps_it(registry):
    _apply(registry, plan_same(registry.state(), A2, B2, ["a", "b"], "reviewed"))
    students = _students(registry)
    assert students[A2] == students[B2] != students[A1]
    _apply(registry, plan_rebuild(registry.state(), _clusters([A1, B1, C1], [A2], [B2])))
    assert _students(registry) == students
    assert decided_already(registry.state(), B2, A2)


def test_the_same_within_one_id_moves_nothing_and_binds_these_two_alone(registry):
    before = _students(registry)
    _apply(registry, plan_same(registry.state(), A1, B1, ["a", "b"], "reviewed"))
    assert _students(registry) == before
    _apply(registry, plan_rebuild(registry.state(), _clusters([A1], [B1], [C1], [A2], [B2])))
    after = _students(registry)
    assert after[A1] == after[B1] != after[C1]


def test_different_splits_an_id_with_all_that_goes_along(registry):
    _apply(registry, plan_different(registry.state(), A1, B1, {B1, C1}, "reviewed"))
    students = _students(registry)
    assert students[B1] == students[C1] != students[A1]
    _apply(registry, plan_update(registry.state(), _clusters([A1, B1, C1], [A2], [B2])))
    assert _students(registry) == students


def test_different_keeps_two_ids_apart_that_evidence_would_join(registry):
    _apply(registry, plan_different(registry.state(), A2, B2, {B2}, "reviewed"))
    before = _students(registry)
    _apply(registry, plan_rebuild(registry.state(), _clusters([A1, B1, C1], [A2, B2])))
    assert _students(registry) == before


def test_what_contradicts_a_decision_or_a_duplicate_free_agency_is_refused(registry):
    with pytest.raises(StoreError, match="cannot be merged"):
        plan_same(registry.state(), A1, B2, ["a", "b"], "reviewed")
    _apply(registry, plan_different(registry.state(), A2, B2, {B2}, "reviewed"))
    with pytest.raises(StoreError, match="cannot be merged"):
        plan_same(registry.state(), A2, B2, [], "reviewed")
    student = _students(registry)[A1]
    _apply(registry, manual.plan_pin(registry.state(), student, "seen"))
    with pytest.raises(StoreError, match="cannot be split"):
        plan_different(registry.state(), A1, B1, {B1}, "reviewed")
