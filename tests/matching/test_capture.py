"""Matches that no pass catches, estimated from those that passes catch."""

import numpy as np
import pytest

from linkage.matching.capture import Captures, lost_shares
from linkage.spec.model import Pass

_PASSES = (
    Pass(name="both", key=("first_name.phonetic", "last_name.phonetic"), unordered=True),
    Pass(name="date", key=("birth_date",)),
    Pass(name="first-year", key=("first_name.phonetic", "birth_date.year")),
    Pass(name="last-year", key=("last_name.phonetic", "birth_date.year")),
    Pass(name="first-day", key=("first_name.phonetic", "birth_date.month_day")),
    Pass(name="zip-day", key=("postal_code", "birth_date.month_day")),
    Pass(name="last-zip", key=("last_name.phonetic", "postal_code")),
)


def _matches(rng, number, first, last, year, day, postal):
    """Draw matches whose parts agree with these chances; returns the passes each shares."""
    agreed = {
        "first_name.phonetic": rng.random(number) < first,
        "last_name.phonetic": rng.random(number) < last,
        "birth_date.year": rng.random(number) < year,
        "birth_date.month_day": rng.random(number) < day,
        "postal_code": rng.random(number) < postal,
    }
    agreed["birth_date"] = agreed["birth_date.year"] & agreed["birth_date.month_day"]
    return np.column_stack([np.logical_and.reduce([agreed[part] for part in blocking.key]) for blocking in _PASSES])


def _caught(shared):
    masks, counts = np.unique(shared[shared.any(axis=1)], axis=0, return_counts=True)
    return Captures(masks, counts.astype(float))


@pytest.mark.parametrize("chances", [(0.9, 0.9, 0.9, 0.9, 0.8), (0.5, 0.5, 0.5, 0.6, 0.3), (0.4, 0.5, 0.3, 0.4, 0.2)])
def test_matches_that_share_no_pass_are_estimated_from_the_others(chances):
    shared = _matches(np.random.default_rng(3), 4_000, *chances)
    lost = 1 - shared.any(axis=1).mean()
    assert lost_shares([(_PASSES, _caught(shared))])[0] == pytest.approx(lost, abs=0.01 + 0.2 * lost)


def test_clean_and_dirty_records_may_lie_in_one_file():
    rng = np.random.default_rng(4)
    clean = _matches(rng, 3_000, 0.97, 0.97, 0.98, 0.98, 0.9)
    dirty = _matches(rng, 1_000, 0.5, 0.5, 0.4, 0.4, 0.3)
    shared = np.concatenate([clean, dirty])
    lost = 1 - shared.any(axis=1).mean()
    assert lost > 0.05
    assert lost_shares([(_PASSES, _caught(shared))])[0] == pytest.approx(lost, rel=0.3)


def test_a_block_over_the_cap_may_lose_a_match_that_agrees_on_its_key():
    estimated, lost = [], []
    for seed in range(5, 13):
        rng = np.random.default_rng(seed)
        shared = _matches(rng, 4_000, 0.9, 0.9, 0.6, 0.6, 0.1)
        capped = shared.copy()
        capped[rng.random(len(capped)) < 0.6, 0] = False
        whole, cut = lost_shares([(_PASSES, _caught(shared))])[0], lost_shares([(_PASSES, _caught(capped))])[0]
        assert cut > 2 * whole
        estimated.append(cut)
        lost.append(1 - capped.any(axis=1).mean())
    assert np.mean(estimated) == pytest.approx(np.mean(lost), rel=0.1)


def test_a_move_changes_at_once_what_a_household_shares():
    """Where people moved and had a name or date wrong as well, no pass is left."""
    passes = (
        *_PASSES,
        Pass(name="zip-first", key=("postal_code", "first_name.phonetic")),
        Pass(name="street", key=("street",)),
        Pass(name="phone", key=("phone",)),
        Pass(name="city-year", key=("city", "birth_date.year")),
    )
    rng = np.random.default_rng(9)
    number = 4_000
    moved = rng.random(number) < 0.15
    agreed = {part: rng.random(number) < 0.75 for blocking in passes for part in blocking.key}
    agreed["birth_date.year"] = agreed["birth_date.month_day"] = agreed["birth_date"]
    for part in ("postal_code", "street", "phone", "city"):
        agreed[part] &= ~moved
    shared = np.column_stack([np.logical_and.reduce([agreed[part] for part in blocking.key]) for blocking in passes])
    lost = 1 - shared.any(axis=1).mean()
    household = frozenset({"postal_code", "street", "phone", "city"})
    assert lost_shares([(passes, _caught(shared))], household)[0] == pytest.approx(lost, abs=0.003)


def test_a_small_group_borrows_from_a_large_one():
    rng = np.random.default_rng(6)
    large, small = _matches(rng, 5_000, 0.6, 0.6, 0.5, 0.5, 0.3), _matches(rng, 12, 0.6, 0.6, 0.5, 0.5, 0.3)
    lost = lost_shares([(_PASSES, _caught(large)), (_PASSES, _caught(small))])
    assert lost[1] == pytest.approx(lost[0], rel=0.3)


def test_a_group_without_captures_loses_what_the_others_lose():
    shared = _matches(np.random.default_rng(7), 2_000, 0.6, 0.6, 0.5, 0.5, 0.3)
    nothing = Captures(np.zeros((0, len(_PASSES)), dtype=bool), np.zeros(0))
    lost = lost_shares([(_PASSES, _caught(shared)), (_PASSES, nothing)])
    assert lost[0] == pytest.approx(lost[1])
    assert lost_shares([(_PASSES, nothing)]) == [0.0]


def test_many_parts_are_cut_down_to_what_can_be_enumerated():
    kinds = ("first_name", "last_name", "city", "street", "phone", "email", "ssn", "middle_name", "suffix", "sex")
    more = ("birth_place", "state_student_id", "postal_code", "birth_date", "school", "house", "unit", "ward")
    passes = tuple(Pass(name=f"p{n}", key=(part,)) for n, part in enumerate(kinds + more))
    rng = np.random.default_rng(8)
    shared = rng.random((500, len(passes))) < 0.3
    assert 0 <= lost_shares([(passes, _caught(shared))])[0] < 0.2
