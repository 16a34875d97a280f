"""The model's probabilities, held against pairs that are known to be false."""

import numpy as np
import pytest

from linkage.matching.calibration import calibrate, placebo_rates, weighed

# Two sources: pairs within the first, between the two, within the second.
_TOTALS = np.array([500_000.0, 1_000_000.0, 500_000.0])
_BOTH = np.array([True, True])


def test_the_placebo_of_two_sources_is_what_occurs_inside_them():
    counts = np.array([[5.0, 0.0, 15.0]])
    rates = placebo_rates(counts, _TOTALS, _BOTH)
    assert np.isnan(rates[0, [0, 2]]).all()
    assert rates[0, 1] * _TOTALS[1] == pytest.approx(20.0)
    alone = placebo_rates(counts, _TOTALS, np.array([True, False]))
    assert alone[0, 1] * _TOTALS[1] == pytest.approx(10.0)
    assert np.isnan(placebo_rates(counts, _TOTALS, np.array([False, False]))).all()


def test_a_pattern_as_frequent_inside_the_sources_as_between_them_is_no_match():
    probability = np.full((2, 3), [[0.005] * 3, [0.6] * 3])
    counts = np.array([[2_000.0, 4_000.0, 2_000.0], [200.0, 400.0, 200.0]])
    calibrated = calibrate(probability, counts, _TOTALS, _BOTH).apply(probability)
    assert calibrated[1, 1] < 0.05
    # Pairs inside the sources are judged alike, so that the placebo stays comparable.
    assert calibrated[1, 0] == pytest.approx(calibrated[1, 1])


def test_the_excess_over_the_placebo_is_matches():
    probability = np.full((2, 3), [[0.005] * 3, [0.3] * 3])
    counts = np.array([[2_000.0, 4_000.0, 2_000.0], [100.0, 1_000.0, 100.0]])
    found = calibrate(probability, counts, _TOTALS, _BOTH)
    assert found.apply(probability)[1, 1] == pytest.approx(0.8, abs=0.03)
    assert 10 < found.error[1] < 60


def test_the_placebo_is_scaled_by_pairs_that_are_hardly_ever_matches():
    """Half as many near misses between the sources as inside: relatives live apart in the two."""
    probability = np.full((2, 3), [[0.005] * 3, [0.6] * 3])
    counts = np.array([[4_000.0, 4_000.0, 4_000.0], [200.0, 400.0, 200.0]])
    found = calibrate(probability, counts, _TOTALS, _BOTH)
    assert found.scale[1] == pytest.approx(0.5, abs=0.01)
    assert found.apply(probability)[1, 1] == pytest.approx(0.5, abs=0.05)


def test_a_more_probable_pattern_stays_at_least_as_probable():
    rng = np.random.default_rng(1)
    probability = np.sort(rng.uniform(0.01, 0.999, 60))[:, None].repeat(3, axis=1)
    for _ in range(10):
        counts = rng.integers(0, 50, (60, 3)).astype(float)
        calibrated = calibrate(probability, counts, _TOTALS, _BOTH).apply(probability)[:, 1]
        steps = np.searchsorted(np.array([0.1, 0.5, 0.9]), probability[:, 0])
        means = [np.average(calibrated[steps == s], weights=counts[steps == s, 1] + 1e-9) for s in range(4)]
        assert (np.diff(means) > -0.05).all()


def test_thin_evidence_leaves_the_model_standing():
    assert weighed(np.array([3.0]), np.array([1.5]), np.array([0.0]))[0] == pytest.approx(2.04, abs=0.3)
    assert weighed(np.array([3_000.0]), np.array([1_500.0]), np.array([600.0]))[0] == pytest.approx(2_400, abs=10)


def test_without_a_source_free_of_duplicates_nothing_is_changed():
    probability = np.full((1, 3), 0.7)
    found = calibrate(probability, np.array([[9.0, 9.0, 9.0]]), _TOTALS, np.array([False, False]))
    assert found.apply(probability) == pytest.approx(probability)
    assert found.error[1] > 0
