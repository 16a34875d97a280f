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
from linkage.matching.calibration import Calibration, calibrate
from linkage.matching.candidates import KeptPairs, Patterns, compare, compared_identifiers, keep
from linkage.matching.capture import lost_shares
from linkage.matching.model import Model, PatternCounts, constant, fit, pooled_u
from linkage.matching.patterns import decode, pair_table, source_pairs
from linkage.matching.shared_passes import captures, tally
from linkage.spec.encodings import Encodings
from linkage.spec.model import Identifier, LinkageSpec
from linkage.spec.progress import Report

#: The share of the model's matches that the placebo has to leave, and how often the prior is lowered where it does not.
_SUPPORTED, _PRIOR_ROUNDS = 0.8, 6
#: Pairs less likely than this are not kept.
REVIEW_FLOOR = 0.01
#: Pairs at least this likely are links; the one-per-source rule, not the threshold, does the work of precision.
LINK_THRESHOLD = 0.5


@dataclass(frozen=True)
class SourcePair:
    """Two sources (or one with itself): how many pairs there are, were compared, and are estimated to match.

    ``estimated_matches`` are among the pairs compared, with a standard error of ``matches_error``; ``lost_share`` is
    the share of all matches that no pass brings together, read from the ``passes`` that both sources give.
    """

    source_a: str
    source_b: str
    all_pairs: float
    compared: float
    estimated_matches: float
    matches_error: float = 0.0
    lost_share: float = 0.0
    passes: int = 0


@dataclass(frozen=True)
class Scored:
    """Links between pass tokens, and the model that scored them.

    ``links`` has the columns ``source_a``, ``source_b`` (str), ``pass`` (str), ``token_a``, ``token_b`` (uint64),
    ``match_weight`` (bits), ``match_probability`` (the model's), ``calibrated_probability`` (the same held against the
    placebo), ``pattern`` (uint64).
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
    probability: NDArray[np.float64], calibrated: NDArray[np.float64],
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
            "calibrated_probability": calibrated[kept.pattern, pair],
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
    if len(sources) > 1 and sum(source.records > 0 for source in sources) < 2:
        return _alone(sources)
    if not identifiers:
        raise MatchingError(
            "no two sources have an identifier in common",
            [f"{s.source}: {', '.join(s.statistics.rates) or 'none'}" for s in sources],
            "check how the columns were recognised; name them with --column IDENTIFIER=HEADER",
        )
    compared = compare(sources, spec, lambda done: report("comparing within blocks", done))
    patterns = compared.patterns
    u = pooled_u([s.statistics for s in sources], [s.records for s in sources], identifiers)
    report("estimating weights without labels", 0.0)
    learned = learn(
        [s.source for s in sources], [s.records for s in sources], patterns, u, identifiers, may_have_duplicates
    )
    report("estimating weights without labels", 1.0)
    counted, fitted, everywhere, calibration = patterns.counts, learned.fitted, learned.everywhere, learned.calibration
    levels = decode(patterns.codes, len(identifiers))
    weight, probability = everywhere.weights(levels), everywhere.probabilities(levels)
    calibrated = calibration.apply(probability)
    estimated = (calibrated * counted).sum(axis=0)
    lost = _lost(sources, spec, identifiers, learned)
    names = np.array([source.source for source in sources], dtype=object)
    kept = keep(sources, spec, compared, probability >= REVIEW_FLOOR, lambda done: report("keeping likely pairs", done))
    parts = [_links(batch, names, patterns, weight, probability, calibrated) for batch in kept]
    links = pd.concat(parts, ignore_index=True) if parts else _no_links()
    pairs = tuple(
        SourcePair(
            sources[a].source,
            sources[b].source,
            float(learned.totals[i]),
            float(counted[:, i].sum()),
            float(estimated[i]),
            float(calibration.error[i]),
            lost[i],
            sum(p.name in sources[a].passes and p.name in sources[b].passes for p in spec.passes),
        )
        for i, (a, b) in enumerate(source_pairs(len(sources)))
        if fitted[i]
    )
    return Scored(links, learned.model, pairs, _warnings(learned.model, pairs))


@dataclass(frozen=True)
class Learned:
    """What is learned of counted patterns.

    ``model`` is fitted to the pairs of sources that ``fitted`` flags; ``everywhere`` extends it to all of them, and
    ``totals`` says how many pairs of records each has. ``exclusive`` flags sources that hold nobody twice.
    """

    model: Model
    everywhere: Model
    calibration: Calibration
    totals: NDArray[np.float64]
    fitted: NDArray[np.bool_]
    exclusive: NDArray[np.bool_]


def learn(
    names: Sequence[str],
    records: Sequence[int],
    patterns: Patterns,
    u: NDArray[np.float64],
    identifiers: tuple[Identifier, ...],
    may_have_duplicates: frozenset[str],
) -> Learned:
    """Fit the model to the patterns of sources' pairs and hold it against the placebo."""
    totals = np.maximum(_totals(records), 1.0)
    pairs = source_pairs(len(names))
    fitted = np.array([a != b or len(names) == 1 or names[a] in may_have_duplicates for a, b in pairs])
    exclusive = np.array([name not in may_have_duplicates for name in names]) & (len(names) > 1)
    levels = decode(patterns.codes, len(identifiers))
    model = fit(PatternCounts(levels, patterns.counts[:, fitted], totals[fitted]), u, identifiers)
    everywhere = model.spread(_spread(model.match_share, fitted), _spread(model.relative_share, fitted))
    everywhere, calibration = _supported(everywhere, levels, patterns.counts, totals, exclusive)
    model = model.spread(everywhere.match_share[fitted], everywhere.relative_share[fitted])
    return Learned(model, everywhere, calibration, totals, fitted, exclusive)


def _alone(sources: Sequence[Encodings]) -> Scored:
    """Return no links: all sources but one are without records."""
    nothing = np.zeros((0, 8))
    pairs = tuple(
        SourcePair(sources[a].source, sources[b].source, 0.0, 0.0, 0.0) for a, b in source_pairs(len(sources)) if a != b
    )
    none = np.zeros(len(pairs))
    model = Model((), nothing, nothing, nothing, nothing, 0.0, none, none, 0, converged=True, estimated=False)
    return Scored(_no_links(), model, pairs, _warnings(model, pairs))


def _supported(
    model: Model,
    levels: NDArray[np.uint8],
    counts: NDArray[np.float64],
    totals: NDArray[np.float64],
    exclusive: NDArray[np.bool_],
) -> tuple[Model, Calibration]:
    """Lower the share of matches of each pair of sources to what the placebo leaves of it.

    Where two sources have nobody in common, the model finds matches among namesakes and relatives all the same; inside
    the sources there are as many of them, and so hardly any is left.
    """
    for _ in range(_PRIOR_ROUNDS):
        probability = model.probabilities(levels)
        calibration = calibrate(probability, counts, totals, exclusive)
        found, left = (probability * counts).sum(axis=0), (calibration.apply(probability) * counts).sum(axis=0)
        short = ~np.isnan(calibration.scale) & (left < _SUPPORTED * found)
        if not short.any():
            break
        kept = np.where(short, np.maximum(left, 0.5) / np.maximum(found, 0.5), 1.0)
        model = model.spread(np.maximum(model.match_share * np.minimum(kept, 1.0), 1e-12), model.relative_share)
    return model, calibration


def _lost(
    sources: Sequence[Encodings], spec: LinkageSpec, identifiers: tuple[Identifier, ...], learned: Learned
) -> dict[int, float]:
    """Return the share of matches that no pass brings together, by number of the pair of sources."""

    def assess(codes: NDArray[np.uint64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        chance = learned.everywhere.probabilities(decode(codes, len(identifiers)))
        return chance, learned.calibration.apply(chance)

    counted = tally(sources, spec, identifiers, assess, learned.exclusive)
    pairs = source_pairs(len(sources))
    groups = []
    for number in np.flatnonzero(learned.fitted):
        a, b = pairs[number]
        given = np.array([p.name in sources[a].passes and p.name in sources[b].passes for p in spec.passes])
        own = [pairs.index((source, source)) for source in (a, b) if learned.exclusive[source] and a != b]
        share = learned.totals[number] / learned.totals[own].sum() if own else 0.0
        scale = float(learned.calibration.scale[number] * share) if own else 0.0
        passes = [blocking for blocking, both in zip(spec.passes, given, strict=True) if both]
        groups.append((passes, captures(counted, int(number), own, scale, given)))
    household = frozenset(identifier.name for identifier in spec.identifiers if identifier.about == "household")
    lost = lost_shares(groups, household)
    return dict(zip(np.flatnonzero(learned.fitted).tolist(), lost, strict=True))


def _no_links() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "source_a": pd.Series(dtype=object), "source_b": pd.Series(dtype=object), "pass": pd.Series(dtype=object),
            "token_a": pd.Series(dtype=np.uint64), "token_b": pd.Series(dtype=np.uint64),
            "match_weight": pd.Series(dtype=np.float64), "match_probability": pd.Series(dtype=np.float64),
            "calibrated_probability": pd.Series(dtype=np.float64), "pattern": pd.Series(dtype=np.uint64),
        }
    )  # fmt: skip


def _warnings(model: Model, pairs: tuple[SourcePair, ...]) -> tuple[str, ...]:
    found = []
    if not model.estimated:
        found.append(
            "too few identifiers or matches to learn from: default weights were used, and figures of quality say little"
        )
    if not model.converged:
        found.append(f"the model had not settled after {model.iterations} rounds; read its weights before its links")
    found += [
        f"{name}: nearly all records have the same value, so it tells nothing and was not used"
        for name in constant(model.identifiers, model.u)
    ]
    for pair in pairs:
        names = pair.source_a if pair.source_a == pair.source_b else f"{pair.source_a} and {pair.source_b}"
        if pair.compared == 0:
            found.append(f"{names}: no pair of records shares a block, so nothing can link")
        elif pair.estimated_matches < 0.5 and pair.source_a != pair.source_b:
            found.append(
                f"{names}: they seem to have nobody in common; what is linked between them is likely to be false"
            )
        elif pair.passes < 2:
            found.append(
                f"{names}: they share one pass only; matches that it does not bring together cannot be estimated"
            )
    return tuple(found)
