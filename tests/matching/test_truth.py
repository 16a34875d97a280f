"""Scores against a known truth, counted by hand."""

import pandas as pd

from linkage.matching.truth import score_against_truth


def test_hand_counted_scores():
    clusters = pd.DataFrame(
        {"source": ["a", "a", "a", "b", "b", "b"], "row": [0, 1, 2, 0, 1, 2], "cluster_id": [0, 1, 2, 0, 1, 3]}
    )
    pairs = pd.DataFrame({"source_a": ["a", "a", "a"], "row_a": [0, 1, 2], "source_b": ["b"] * 3, "row_b": [0, 1, 1]})
    truth = {"a": pd.Series(["x", "y", "z"]), "b": pd.Series(["x", "z", "y"])}
    before, after = score_against_truth(clusters, pairs, truth)
    assert (before.links, before.correct, before.true_pairs) == (3, 2, 3)
    assert (after.links, after.correct, after.true_pairs) == (2, 1, 3)


def test_a_record_of_unknown_truth_matches_nobody():
    clusters = pd.DataFrame({"source": ["a", "b"], "row": [0, 0], "cluster_id": [0, 0]})
    pairs = pd.DataFrame({"source_a": ["a"], "row_a": [0], "source_b": ["b"], "row_b": [0]})
    before, _ = score_against_truth(clusters, pairs, {"a": pd.Series([""]), "b": pd.Series([""])})
    assert (before.links, before.correct, before.true_pairs) == (1, 0, 0)


def test_one_source_is_scored_on_its_own_pairs():
    clusters = pd.DataFrame({"source": ["a"] * 4, "row": range(4), "cluster_id": [0, 0, 0, 1]})
    pairs = pd.DataFrame({"source_a": ["a"], "row_a": [0], "source_b": ["a"], "row_b": [1]})
    before, after = score_against_truth(clusters, pairs, {"a": pd.Series(["x", "x", "y", "y"])})
    assert (before.links, before.correct, before.true_pairs) == (1, 1, 2)
    assert (after.links, after.correct, after.true_pairs) == (3, 1, 2)
