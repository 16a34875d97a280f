"""Precision, recall and F1 where the truth is known: for trials and benchmarks only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Scores:
    """Pairs found against pairs that are true."""

    links: int
    correct: int
    true_pairs: int

    @property
    def precision(self) -> float:
        """Share of links that are right."""
        return self.correct / self.links if self.links else 1.0

    @property
    def recall(self) -> float:
        """Share of true pairs that were found."""
        return self.correct / self.true_pairs if self.true_pairs else 1.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return 2 * self.correct / (self.links + self.true_pairs) if self.links + self.true_pairs else 1.0


def _pairs_within(groups: pd.Series) -> int:
    sizes = groups.value_counts().to_numpy(dtype=np.int64)
    return int((sizes * (sizes - 1) // 2).sum())


def _countable(records: pd.DataFrame, by: list[str], exclusive: frozenset[str]) -> int:
    """Count pairs of records that agree on ``by``, leaving out pairs inside a duplicate-free source."""
    key = records.groupby(by).ngroup()
    limited = records["source"].isin(exclusive)
    inside = records[limited].groupby([*by, "source"]).ngroup()
    return _pairs_within(key) - _pairs_within(inside)


def score_against_truth(
    clusters: pd.DataFrame,
    pairs: pd.DataFrame,
    truth: Mapping[str, pd.Series],
    may_have_duplicates: frozenset[str] = frozenset(),
) -> tuple[Scores, Scores]:
    """Return scores of the links before clustering and of the clusters.

    ``clusters`` and ``pairs`` are as in ``LinkResult``; ``truth`` has each source's true persons in row order. Pairs
    inside a duplicate-free source are not counted on either side; with one source all its pairs are. A record whose
    truth is missing is its own person.
    """
    records = clusters.copy()
    known = pd.concat([truth[name] for name in records["source"].unique()], ignore_index=True).astype("string")
    alone = "?" + pd.Series(np.arange(len(known))).astype("string")
    records["truth"] = known.where(known.notna() & (known != ""), alone).to_numpy()
    names = set(truth)
    exclusive = frozenset(names - may_have_duplicates) if len(names) > 1 else frozenset()
    true_pairs = _countable(records, ["truth"], exclusive)
    numbered = records.set_index(["source", "row"])["truth"]
    a = (
        numbered.loc[list(zip(pairs["source_a"], pairs["row_a"], strict=True))].to_numpy()
        if len(pairs)
        else np.array([])
    )
    b = (
        numbered.loc[list(zip(pairs["source_b"], pairs["row_b"], strict=True))].to_numpy()
        if len(pairs)
        else np.array([])
    )
    before = Scores(len(pairs), int((a == b).sum()), true_pairs)
    after = Scores(
        _countable(records, ["cluster_id"], exclusive),
        _countable(records, ["cluster_id", "truth"], exclusive),
        true_pairs,
    )
    return before, after
