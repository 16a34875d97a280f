"""Matching from encodings to scored links: compare, fit, score.

Rules:

- The matcher knows pass tokens, not records; links are between tokens of one pass and are joined by the registrar.
- What is kept is every pair whose probability of being a match reaches :data:`REVIEW_FLOOR`.
- Where the data cannot support estimation, that is said as a warning and the starting weights are used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from linkage.errors import MatchingError
from linkage.matching.candidates import KeptPairs, Patterns, compare, compared_identifiers, keep
from linkage.matching.model import Model, PatternCounts, fit, pooled_u
from linkage.matching.patterns import decode, pair_table, source_pairs
from linkage.spec.encodings import Encodings
from linkage.spec.model import LinkageSpec
from linkage.spec.progress import Report

#: Pairs less likely than this are not kept.
REVIEW_FLOOR = 0.01
#: Pairs at least this likely are links; the one-per-source rule, not the threshold, does the work of precision.
LINK_THRESHOLD = 0.5


@dataclass(frozen=True)
class SourcePair:
    """Two sources (or one with itself): how many pairs there are, were compared, and are estimated to match."""

    source_a: str
    source_b: str
    all_pairs: float
    compared: float
    estimated_matches: float


@dataclass(frozen=True)
class Scored:
    """Links between pass tokens, and the model that scored them.

    ``links`` has the columns ``source_a``, ``source_b`` (str), ``pass`` (str), ``token_a``, ``token_b`` (uint64),
    ``match_weight`` (bits), ``match_probability``, ``pattern`` (uint64).
    """

    links: pd.DataFrame
    model: Model
    source_pairs: tuple[SourcePair, ...]
    warnings: tuple[str, ...]


def _totals(records: Sequence[int]) -> NDArray[np.float64]:
    return np.array(
        [
            records[a] * records[b] if a != b else records[a] * (records[a] - 1) / 2
            for a, b in source_pairs(len(records))
        ],
        dtype=np.float64,
    )


def _spread(shares: NDArray[np.float64], fitted: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Give pairs of sources that were not fitted (a duplicate-free source with itself) the mean share."""
    spread = np.full(len(fitted), shares.mean() if len(shares) else 0.0)
    spread[fitted] = shares
    return spread


def _links(
    kept: KeptPairs, names: NDArray[np.object_], patterns: Patterns, weight: NDArray[np.float64],
    probability: NDArray[np.float64],
) -> pd.DataFrame:  # fmt: skip
    pair = pair_table(len(names))[kept.source_a, kept.source_b]
    return pd.DataFrame(
        {
            "source_a": names[kept.source_a],
            "source_b": names[kept.source_b],
            "pass": kept.name,
            "token_a": kept.token_a,
            "token_b": kept.token_b,
            "match_weight": weight[kept.pattern],
            "match_probability": probability[kept.pattern, pair],
            "pattern": patterns.codes[kept.pattern],
        }
    )


def score(
    sources: Sequence[Encodings],
    spec: LinkageSpec,
    may_have_duplicates: frozenset[str] = frozenset(),
    report: Report = lambda _phase, _done: None,
) -> Scored:
    """Compare all sources, fit the model without labels, and score every candidate pair.

    A single source is deduplicated. Raises MatchingError where no identifier is shared.
    """
    identifiers = compared_identifiers(sources, spec)
    if not identifiers:
        raise MatchingError(
            "no two sources have an identifier in common",
            [f"{s.source}: {', '.join(s.statistics.rates) or 'none'}" for s in sources],
            "check how the columns were recognised; name them with --column IDENTIFIER=HEADER",
        )
    compared = compare(sources, spec, lambda done: report("comparing within blocks", done))
    patterns = compared.patterns
    counted = patterns.counts
    records = [source.records for source in sources]
    totals = np.maximum(_totals(records), 1.0)
    fitted = np.array(
        [a != b or len(sources) == 1 or sources[a].source in may_have_duplicates for a, b in source_pairs(len(sources))]
    )
    levels = decode(patterns.codes, len(identifiers))
    u = pooled_u([source.statistics for source in sources], records, identifiers)
    report("estimating weights without labels", 0.0)
    model = fit(PatternCounts(levels, counted[:, fitted], totals[fitted]), u, identifiers)
    report("estimating weights without labels", 1.0)
    estimated = _spread(model.match_share, fitted) * totals
    everywhere = model.spread(_spread(model.match_share, fitted), _spread(model.relative_share, fitted))
    weight, probability = everywhere.weights(levels), everywhere.probabilities(levels)
    names = np.array([source.source for source in sources], dtype=object)
    kept = keep(sources, spec, compared, probability >= REVIEW_FLOOR, lambda done: report("keeping likely pairs", done))
    parts = [_links(batch, names, patterns, weight, probability) for batch in kept]
    links = pd.concat(parts, ignore_index=True) if parts else _no_links()
    pairs = tuple(
        SourcePair(
            sources[a].source, sources[b].source, float(totals[i]), float(counted[:, i].sum()), float(estimated[i])
        )
        for i, (a, b) in enumerate(source_pairs(len(sources)))
        if fitted[i]
    )
    return Scored(links, model, pairs, _warnings(model, pairs))


def _no_links() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "source_a": pd.Series(dtype=object), "source_b": pd.Series(dtype=object), "pass": pd.Series(dtype=object),
            "token_a": pd.Series(dtype=np.uint64), "token_b": pd.Series(dtype=np.uint64),
            "match_weight": pd.Series(dtype=np.float64), "match_probability": pd.Series(dtype=np.float64),
            "pattern": pd.Series(dtype=np.uint64),
        }
    )  # fmt: skip


def _warnings(model: Model, pairs: tuple[SourcePair, ...]) -> tuple[str, ...]:
    found = []
    if not model.converged:
        found.append(f"the model had not settled after {model.iterations} rounds; read its weights before its links")
    found += [
        f"{pair.source_a} and {pair.source_b}: no pair of records shares a block, so nothing can link"
        for pair in pairs
        if pair.compared == 0
    ]
    return tuple(found)
