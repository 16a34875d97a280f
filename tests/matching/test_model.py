"""The Fellegi-Sunter model against counts whose answer is known."""

import numpy as np
import pytest

from linkage.matching.model import PatternCounts, fit
from linkage.spec.model import Filter, Identifier, Kind


def _identifier(name, about="person", cuts=(0.999,)):
    return Identifier(name=name, kind=Kind.CODE, about=about, filter=Filter(bits=64, set_bits=16), cuts=cuts)


def _u(*rows):
    u = np.zeros((len(rows), 8))
    for f, row in enumerate(rows):
        u[f, 1 : len(row) + 1] = row
    return u


def _expected_counts(classes, levels):
    """Return the expected count of each pattern from [(pairs, [level shares of each identifier])]."""
    counts = np.zeros(len(levels))
    for pairs, shares in classes:
        chance = np.ones(len(levels))
        for f, share in enumerate(shares):
            chance *= np.where(levels[:, f] == 0, 1.0, np.append(0.0, share)[levels[:, f]])
        counts += pairs * chance
    return counts


def _grid(*sizes):
    return (
        np.array(np.meshgrid(*[np.arange(1, n + 1) for n in sizes], indexing="ij"))
        .reshape(len(sizes), -1)
        .T.astype(np.uint8)
    )


def test_m_and_the_share_of_matches_are_recovered_from_expected_counts():
    identifiers = tuple(_identifier(name) for name in "abcd")
    u = [[0.99, 0.01], [0.95, 0.05], [0.9, 0.1], [0.98, 0.02]]
    m = [[0.05, 0.95], [0.1, 0.9], [0.2, 0.8], [0.08, 0.92]]
    levels = _grid(2, 2, 2, 2)
    counts = _expected_counts([(5_000, m), (995_000, u)], levels)
    model = fit(PatternCounts(levels, counts[:, None], np.array([1e6])), _u(*u), identifiers)
    assert model.converged
    assert model.match_share[0] * 1e6 == pytest.approx(5_000, rel=0.03)
    assert model.m[:, 2] == pytest.approx([0.95, 0.9, 0.8, 0.92], abs=0.02)


def test_households_are_not_taken_for_matches():
    """Relatives agree on surname, street and telephone and are six times as many as the matches."""
    names = ("first", "birth", "middle")
    shared = ("last", "street", "phone")
    identifiers = tuple(_identifier(n) for n in names) + tuple(_identifier(n, "household") for n in shared)
    u = [[0.995, 0.005], [0.999, 0.001], [0.93, 0.07], [0.998, 0.002], [0.9995, 0.0005], [0.9995, 0.0005]]
    m = [[0.05, 0.95]] * 3 + [[0.03, 0.97], [0.25, 0.75], [0.25, 0.75]]
    r = [*u[:3], [0.1, 0.9], [0.05, 0.95], [0.1, 0.9]]
    levels = _grid(*[2] * 6)
    counts = _expected_counts([(2_000, m), (12_000, r), (10_000_000, u)], levels)
    model = fit(PatternCounts(levels, counts[:, None], np.array([1e7 + 14_000])), _u(*u), identifiers)
    assert model.match_share[0] * counts.sum() == pytest.approx(2_000, rel=0.05)
    siblings = np.array([[1, 1, 1, 2, 2, 2]], dtype=np.uint8)
    twins = np.array([[1, 2, 1, 2, 2, 2]], dtype=np.uint8)
    mover = np.array([[2, 2, 2, 2, 1, 1]], dtype=np.uint8)
    assert model.probabilities(siblings)[0, 0] < 0.01
    assert model.probabilities(twins)[0, 0] < 0.5
    assert model.probabilities(mover)[0, 0] > 0.9


def test_people_who_moved_are_still_matches():
    """A sixth of the matches disagree on street, city, postal code and telephone at once; all else agrees."""
    personal, places = ("first", "birth"), ("street", "city", "zip", "phone")
    identifiers = (
        *(_identifier(n) for n in personal),
        *(_identifier(n, "household") for n in places),
    )
    u = [[0.995, 0.005], [0.9998, 0.0002], *[[0.99, 0.01]] * 4]
    stayed = [[0.05, 0.95], [0.04, 0.96], *[[0.05, 0.95]] * 4]
    moved = [*stayed[:2], *u[2:]]
    levels = _grid(*[2] * 6)
    counts = _expected_counts([(5_000, stayed), (1_000, moved), (20_000_000, u)], levels)
    model = fit(PatternCounts(levels, counts[:, None], np.array([counts.sum()])), _u(*u), identifiers)
    assert model.match_share[0] * counts.sum() == pytest.approx(6_000, rel=0.03)
    assert model.moved_share == pytest.approx(1 / 6, abs=0.02)
    mover = np.array([[2, 2, 1, 1, 1, 1]], dtype=np.uint8)
    one_off = np.array([[2, 1, 1, 1, 1, 1]], dtype=np.uint8)
    assert model.probabilities(mover)[0, 0] > model.probabilities(one_off)[0, 0]
    assert model.probabilities(mover)[0, 0] > 0.5


def test_more_agreement_never_weighs_less():
    identifier = _identifier("a", cuts=(0.9, 0.7, 0.5))
    other = _identifier("b")
    levels = _grid(4, 2)
    rng = np.random.default_rng(7)
    for _ in range(20):
        counts = rng.integers(0, 500, len(levels)).astype(float)
        u = _u(rng.dirichlet([50, 5, 2, 1]), [0.99, 0.01])
        model = fit(PatternCounts(levels, counts[:, None], np.array([1e6])), u, (identifier, other))
        weights = model.log_factors(model.m)[0, 1:5]
        assert (np.diff(weights) >= -1e-9).all()


def test_a_missing_value_is_evidence_of_nothing():
    identifiers = tuple(_identifier(name) for name in "ab")
    levels = _grid(2, 2)
    counts = np.array([1e6, 500.0, 500.0, 900.0])
    model = fit(PatternCounts(levels, counts[:, None], np.array([1e6])), _u([0.99, 0.01], [0.99, 0.01]), identifiers)
    both, one = np.array([[2, 2]], dtype=np.uint8), np.array([[2, 0]], dtype=np.uint8)
    lone = model.log_factors(model.m)[0, 2] / np.log(2)
    assert model.weights(one)[0] == pytest.approx(lone)
    assert model.weights(both)[0] > model.weights(one)[0]
