from __future__ import annotations

import pytest
from registry_world import clusters, content, open_registry, run

from linkage.errors import StoreError
from linkage.registry.guard import ALWAYS_ALLOWED, is_held, plan_name
from linkage.registry.plan import plan_update

PEOPLE = [f"{letter}{digit}" for letter in "abcd" for digit in range(10)]


@pytest.fixture
def registry(tmp_path):
    with open_registry(tmp_path / "registry.sqlite") as opened:
        singles = [f"{agency}:{name}" for name in PEOPLE for agency in ("k12", "col")]
        opened.apply(plan_update(opened.state(), clusters(*singles)), run())
        yield opened


def merging(registry, count):
    return plan_update(registry.state(), clusters(*(f"k12:{name} col:{name}" for name in PEOPLE[:count])))


def test_a_run_that_changes_too_much_is_held_until_that_very_plan_is_confirmed(registry):
    before = content(registry.path)
    plan = merging(registry, 20)
    assert (plan.changed, plan.existing, plan.churn) == (20, 80, 0.25)
    with pytest.raises(StoreError, match=r"held: it would change the ID of 20 of 80 records \(25.00%") as caught:
        registry.apply(plan, run())
    assert plan_name(plan) in caught.value.advice
    with pytest.raises(StoreError, match="names another plan"):
        registry.apply(merging(registry, 21), run(), confirmed=plan_name(plan))
    assert content(registry.path) == before
    assert registry.apply(merging(registry, 20), run(), confirmed=plan_name(plan)) == 2


def test_a_handful_of_records_holds_no_run(registry):
    assert not is_held(merging(registry, ALWAYS_ALLOWED))
    assert is_held(merging(registry, ALWAYS_ALLOWED + 1))
    assert not is_held(merging(registry, 20), limit=0.25)


def test_new_records_are_not_churn(registry):
    plan = plan_update(registry.state(), clusters(*(f"wf:{name} k12:{name}" for name in PEOPLE)))
    assert plan.changed == 0
    assert not is_held(plan)
