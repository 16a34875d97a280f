"""The proven optimum: never dearer than the heuristic, safe, and found where it can be checked by trying all."""

from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from linkage.disclosure import DisclosureRules, Table, protect
from linkage.disclosure.cells import build_system
from linkage.disclosure.optimum import cheapest, cost_of
from linkage.disclosure.secondary import complementary
from linkage.disclosure.witnesses import Witnesses

DATA = Path(__file__).parent / "data"


def d2():
    frame = pd.read_csv(DATA / "ssb_d2.inner.csv")
    return Table("d2", frame, ["region", "main_income"], levels={"region": ("county", "k_group")}, count="freq")


#: Time that never runs out by the clock, however slow the machine is.
UNHURRIED = {"seconds": 3600, "clock": lambda: 0.0}


def system_of(table, unit=False, **rules):
    system = build_system([table], (), DisclosureRules(**rules), "t")
    return replace(system, cost=np.ones(len(system.cost))) if unit else system


@pytest.mark.parametrize(
    ("rules", "either", "most"),
    [
        ({"person_threshold": 4, "protection": "exact", "zero_policy": "sensitive"}, True, 28),  # published optimum: 28
        ({"person_threshold": 10, "protection": "exact", "zero_policy": "sensitive"}, True, 39),  # 39
        ({"person_threshold": 10}, False, 36),
    ],
)
def test_d2_is_proven_and_hides_no_more_than_the_published_optimum(rules, either, most):
    system = system_of(d2(), unit=True, **rules)
    best = cheapest(system, either, **UNHURRIED)
    assert best.least_cost == pytest.approx(cost_of(system, best.hidden))
    assert best.hidden.sum() <= most
    assert cost_of(system, best.hidden) <= cost_of(system, complementary(system, either).hidden)


def table(seed, rows=4, columns=3):
    rng = np.random.default_rng(seed)
    lines = [(f"r{i}", f"c{j}", int(rng.integers(0, 30))) for i in range(rows) for j in range(columns)]
    return Table("t", pd.DataFrame(lines, columns=["row", "col", "n"]), ["row", "col"], count="n")


def protects(system, hidden):
    """Whether every need can still be met when only ``hidden`` cells move."""
    from linkage.disclosure.proofs import joint_moves

    witnesses = Witnesses(system, either=False)
    for need in witnesses.missing():
        for move, _ in joint_moves(system.matrix, system.atoms.amount, np.flatnonzero(~hidden), [need]):
            witnesses.add(move)
    return not witnesses.missing()


@pytest.mark.parametrize("seed", range(6))
def test_no_cheaper_pattern_exists_when_all_are_tried(seed):
    system = system_of(table(seed, 3, 3), unit=True, person_threshold=5)
    best = cheapest(system, either=False, **UNHURRIED)
    assert protects(system, best.hidden)
    assert best.least_cost == pytest.approx(cost_of(system, best.hidden))
    size = round(cost_of(system, best.hidden))
    free = np.flatnonzero(system.hideable & ~system.hidden)
    for smaller in combinations(free, size - 1) if size else ():
        hidden = system.hidden.copy()
        hidden[list(smaller)] = True
        assert not protects(system, hidden)


@pytest.mark.parametrize("seed", range(5))
def test_the_heuristic_is_never_below_the_bound_and_the_optimum_never_above_the_heuristic(seed):
    system = system_of(table(seed, 6, 5), person_threshold=10)
    heuristic = cost_of(system, complementary(system).hidden)
    best = cheapest(system, either=False, **UNHURRIED)
    assert best.least_cost - 1e-6 <= cost_of(system, best.hidden) <= heuristic + 1e-6


def test_a_release_says_whether_its_pattern_is_proven():
    rules = DisclosureRules()
    assert protect(table(1), rules).certificate.systems[0].cost_above_least is None
    proven = protect(table(1), rules, optimal=True).certificate.systems[0]
    assert proven.cost_above_least == pytest.approx(0, abs=1e-6)


def test_out_of_time_the_heuristics_pattern_stands_and_the_gap_is_told():
    ticks = iter(range(0, 10_000, 100))
    system = system_of(d2(), person_threshold=10)
    stopped = cheapest(system, either=False, seconds=1, clock=lambda: float(next(ticks)))
    assert protects(system, stopped.hidden)
    assert stopped.least_cost < cost_of(system, stopped.hidden)
