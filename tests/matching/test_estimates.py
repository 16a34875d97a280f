"""What the certificate estimates, beside the truth that it does not see."""

import numpy as np
import pandas as pd
import pytest

import linkage
from bench._registers import registers
from linkage.matching.quality import PairQuality, doubtful_pairs, estimate
from linkage.matching.truth import score_against_truth


def _true(result, truth):
    return score_against_truth(result.clusters, result.pairs, truth)


def test_false_links_and_recall_are_near_the_truth_where_half_of_the_people_are_in_both():
    frames, truth = registers(3_000, seed=5)
    result = linkage.link(frames)
    _, after = _true(result, truth)
    estimated = result.certificate.after_clustering
    assert estimated.estimated_false_links == pytest.approx(after.links - after.correct, abs=5)
    assert estimated.estimated_recall == pytest.approx(after.recall, abs=0.02)
    low, high = estimated.recall_interval
    assert low <= estimated.estimated_recall <= high
    assert estimated.false_links_interval[0] <= estimated.estimated_false_links <= estimated.false_links_interval[1]


def test_matches_that_no_pass_brings_together_are_counted():
    """A quarter of all values of a pair differ."""
    frames, truth = registers(1_500, seed=6)
    rng = np.random.default_rng(6)
    for name, frame in frames.items():
        spoiled = frame.copy()
        for column in ("first_name", "last_name", "birth_date", "street", "zip", "phone", "city"):
            hit = rng.random(len(frame)) < 0.12
            spoiled.loc[hit, column] = rng.permutation(frame[column].to_numpy())[hit]
        frames[name] = spoiled
    result = linkage.link(frames)
    _, after = _true(result, truth)
    estimated = result.certificate.after_clustering
    assert after.recall < 0.99
    assert result.certificate.source_pairs[0].never_compared > 5
    # Over many secrets the estimate is 1.0 points above the truth, with a standard deviation of .2 points.
    assert estimated.estimated_recall == pytest.approx(after.recall, abs=0.02)


def test_two_sources_with_nobody_in_common_are_not_linked_and_that_is_said():
    frames, truth = registers(1_200, seed=7)
    apart = {"a": frames["a"], "b": frames["b"][~truth["b"].isin(set(truth["a"]))].reset_index(drop=True)}
    result = linkage.link(apart)
    assert result.certificate.after_clustering.links <= 1
    assert any("nobody in common" in warning for warning in result.certificate.warnings)


def _pair(links, false):
    found = estimate(links, (false, false / 2, 2 * false), 100.0, 5.0)
    return PairQuality(
        source_a="a", source_b="b", compared_pairs=1_000, expected_matches=100.0, never_compared=0.0, matches_error=5.0,
        before_clustering=found, after_clustering=found,
    )  # fmt: skip


def test_links_of_which_many_are_estimated_to_be_false_are_warned_of():
    said = doubtful_pairs([_pair(19, 13.3), _pair(100, 19.0), _pair(0, 0.0)])
    assert said == ("a and b: about 13 of 19 links are estimated to be false; look at them before they are used",)


def test_a_source_that_holds_people_twice_is_noticed():
    frames, _ = registers(1_000, seed=8)
    frames["b"] = pd.concat([frames["b"], frames["b"].iloc[:40]], ignore_index=True)
    result = linkage.link(frames)
    assert any(warning.startswith("b: about") for warning in result.certificate.warnings)
    clean = linkage.link(registers(1_000, seed=8)[0])
    assert not any("twice" in warning for warning in clean.certificate.warnings)
