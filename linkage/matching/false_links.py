"""How many links are false, estimated without labels after one record of a source was held to a person.

Rules:

- Some false pairs are *known*: those inside a duplicate-free source (placebo), and those between sources that the
  one-per-source rule refuses because an end has a better partner. The others are between two *free* records, and above
  the threshold they are links: the false links to estimate.
- Below the threshold both kinds can be counted. How many false pairs of free records there are for each known one is
  taken from there and applied above. So nothing is assumed of how far the presence of relatives in two sources goes
  together; where such pairs are few, records are taken to be free independently of each other.
- A free pair below the threshold may be a match that was missed; it counts by its probability of being none.
- A false link between two persons of several records makes as many false pairs as it joins.
- A pair inside a duplicate-free source that weighs as much as the usual link is one person twice, if there are more of
  them than the fall of the weights explains. Such pairs tell of the source, not of false links, and are left out.
- Where no source of a pair is free of duplicates only the model's posterior is left. It understates error, and is
  raised by as much as it does so where it can be compared.

Sources: Blakely and Salmond 2002 (duplicate method); Dasylva and Goussanou 2022 (links per record as a mixture);
negative controls after Harron and others 2020.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import nbinom

from linkage.matching.patterns import decode
from linkage.matching.persons import Persons
from linkage.matching.score import LINK_THRESHOLD, Scored

#: Weight of independence against counts below the threshold, in known false pairs.
_INDEPENDENT = 10.0
#: False pairs and links are compared in bands of so many bits; duplicates are told from false pairs so far apart.
_BAND_BITS, _APART = 3.0, 12.0
#: Share of links that weigh less than the usual one.
_USUAL = 0.2

Key = tuple[str, str]


@dataclass(frozen=True)
class FalseLinks:
    """Estimated false links of a pair of sources, before and after clustering, each with the ends of its interval."""

    before: tuple[float, float, float]
    after: tuple[float, float, float]


@dataclass(frozen=True)
class _Ends:
    """Kept pairs by the records at their ends; all have shape (pairs,).

    ``a`` and ``b`` are numbers of sources; ``free`` says whether the two clusters could be one person, and ``joins``
    how many pairs of records that would bring together.
    """

    a: NDArray[np.int64]
    b: NDArray[np.int64]
    together: NDArray[np.bool_]
    free: NDArray[np.bool_]
    joins: NDArray[np.float64]


def _ends(persons: Persons, names: tuple[str, ...], exclusive: frozenset[str]) -> _Ends:
    records, pairs = persons.records, persons.pairs
    number = pd.Series(np.arange(len(names)), index=list(names))
    cluster = records["cluster_id"].to_numpy()
    holds = np.zeros((int(cluster.max(initial=-1)) + 1, len(names)), dtype=bool)
    holds[cluster, records["source"].map(number).to_numpy(dtype=np.int64)] = True
    of = records.set_index(["source", "row"])["cluster_id"]
    mine = []
    for side in "ab":
        at = pd.MultiIndex.from_arrays([pairs[f"source_{side}"], pairs[f"row_{side}"]])
        mine.append(of.reindex(at).to_numpy(dtype=np.int64))
    a, b = (np.asarray(pairs[f"source_{side}"].map(number), dtype=np.int64) for side in "ab")
    own = holds & np.array([name in exclusive for name in names])
    taken = (own[mine[0]] & own[mine[1]]).any(axis=1)
    size = np.bincount(cluster).astype(np.float64)
    return _Ends(a, b, mine[0] == mine[1], ~taken, size[mine[0]] * size[mine[1]])


def _as_between(scored: Scored, pairs: pd.DataFrame, number: int) -> NDArray[np.float64]:
    """Return each pair's probability as if it were between the two sources of pair ``number`` of the model."""
    codes, place = np.unique(pairs["pattern"].to_numpy(dtype=np.uint64), return_inverse=True)
    model = scored.model
    own = model.spread(model.match_share[[number]], model.relative_share[[number]])
    chance: NDArray[np.float64] = own.probabilities(decode(codes, len(model.identifiers)))[:, 0][place]
    return chance


def _twice(weight: NDArray[np.float64], links: NDArray[np.float64]) -> float:
    """Estimate how many false pairs over the threshold are one person twice, from their weights and those of links.

    They are those that weigh as much as most links do and more than a steady fall of the weights explains. Where most
    links lie near the threshold the two cannot be told apart.
    """
    if not len(weight) or not len(links):
        return 0.0
    least, usual = min(float(weight.min()), float(links.min())), float(np.quantile(links, _USUAL))
    heavy, light = int((weight >= usual).sum()), weight[weight < usual]
    if usual - least < _APART:
        return 0.0
    fall = max(float(np.mean(light - least)), 1.0) if len(light) else 1.0
    left = np.exp(-(usual - least) / fall)
    expected = float(len(light) * left / (1.0 - left))
    if heavy <= expected + 2.0 * np.sqrt(expected) + 2.0:
        return 0.0
    # Those who are held twice weigh as links do, and some links weigh less.
    return min((heavy - expected) / float((links >= usual).mean()), float(len(weight)))


def repeated_persons(persons: Persons, exclusive: frozenset[str]) -> dict[str, float]:
    """Estimate, for each source that should hold nobody twice, how many pairs of its records are one person."""
    pairs = persons.pairs
    over = pairs["match_probability"] > LINK_THRESHOLD
    weight = pairs["match_weight"].to_numpy()
    links = weight[(pairs["decision"] == "linked") & over]
    inside = (pairs["decision"] == "placebo") & over
    return {name: _twice(weight[inside & (pairs["source_a"] == name)], links) for name in sorted(exclusive)}


@dataclass(frozen=True)
class _Kept:
    """The kept pairs of two sources and, as placebo, those inside the duplicate-free ones; all of shape (pairs,)."""

    mine: NDArray[np.bool_]
    inside: NDArray[np.bool_]
    free: NDArray[np.bool_]
    together: NDArray[np.bool_]
    joins: NDArray[np.float64]
    chance: NDArray[np.float64]
    calibrated: NDArray[np.float64]
    weight: NDArray[np.float64]


def false_links(scored: Scored, persons: Persons, exclusive: frozenset[str]) -> dict[Key, FalseLinks]:
    """Estimate false links of each pair of sources; ``exclusive`` are the sources that hold nobody twice."""
    pairs = persons.pairs
    sizes = {str(name): int(held) for name, held in persons.records.groupby("source").size().items()}
    # A source without records is a party to the run all the same.
    sizes = dict.fromkeys((name for pair in scored.source_pairs for name in (pair.source_a, pair.source_b)), 0) | sizes
    names = tuple(sizes)
    ends = _ends(persons, names, exclusive)
    chance, weight = pairs["match_probability"].to_numpy(), pairs["match_weight"].to_numpy()
    linked = (pairs["decision"] == "linked").to_numpy() & ends.together

    found: dict[Key, FalseLinks] = {}
    posterior: dict[Key, tuple[float, float]] = {}
    for number, pair in enumerate(scored.source_pairs):
        key = (min(pair.source_a, pair.source_b), max(pair.source_a, pair.source_b))
        x, y = names.index(key[0]), names.index(key[1])
        mine = ((ends.a == x) & (ends.b == y)) | ((ends.a == y) & (ends.b == x))
        over = mine & (chance > LINK_THRESHOLD)
        posterior[key] = float((1 - chance)[over].sum()), float((1 - chance)[over & linked].sum())
        telling = [name for name in key if name in exclusive]
        if x == y or not telling:
            continue
        inside = np.isin(ends.a, [names.index(name) for name in telling]) & (ends.a == ends.b)
        alike = np.where(inside, _as_between(scored, pairs, number), chance)
        kept = _Kept(
            mine,
            inside,
            ends.free,
            ends.together,
            ends.joins,
            alike,
            pairs["calibrated_probability"].to_numpy(),
            weight,
        )
        free = [
            1.0 - min((mine & linked).sum() / max(sizes[name], 1), 1.0) if other in exclusive else 1.0
            for name, other in (key, key[::-1])
        ]
        within = sum(sizes[name] * (sizes[name] - 1) / 2 for name in telling)
        both_free = free[0] * free[1] * pair.all_pairs
        independent = both_free / max(within + pair.all_pairs - both_free, 1.0)
        found[key] = _estimate(kept, linked, independent)
    return found | _by_posterior(found, posterior)


def _estimate(kept: _Kept, linked: NDArray[np.bool_], independent: float) -> FalseLinks:
    """Estimate the false links of two sources; ``independent`` is the ratio of free to known pairs by chance."""
    apart = kept.mine & ~kept.together
    known = kept.inside | (apart & ~kept.free)
    over = kept.chance > LINK_THRESHOLD
    later = linked & kept.mine & ~over
    least = float(kept.chance[later].min()) if later.any() else LINK_THRESHOLD
    below = kept.chance < least
    # All matches below are between free records: the known pairs are false.
    free_below = max(float((apart & kept.free & below).sum()) - float(kept.calibrated[apart & below].sum()), 0.0)
    known_below = float((known & below).sum())
    ratio = (free_below + _INDEPENDENT * independent) / (known_below + _INDEPENDENT)
    implied = _implied(kept.joins[apart & kept.free & below], kept.calibrated[apart & kept.free & below])
    refused = float((apart & over).sum())
    known_over = _by_weight(kept, known & over, linked & kept.mine & over, ratio)
    between = ~over & ~below
    candidates = float((later | (apart & kept.free & between)).sum())
    known_later = float((known & between).sum()) * float(later.sum()) / max(candidates, 1.0)
    after = implied * ratio * (known_over + known_later)
    # Gamma for the rate, Poisson for the links: negative binomial. Nothing seen is taken as half a pair seen.
    seen = max(known_over + known_later, 0.5)
    relative = 1.0 / seen + 1.0 / (free_below + 1.0) + 1.0 / (known_below + 1.0)
    low, high = nbinom.ppf([0.025, 0.975], 1.0 / relative, 1.0 / (1.0 + implied * seen * ratio * relative))
    # What clustering refused was seen; only the rest is uncertain.
    first = refused + ratio * known_over
    return FalseLinks(
        (first, refused + float(low) / implied, refused + float(high) / implied), (after, float(low), float(high))
    )


def _implied(joins: NDArray[np.float64], matches: NDArray[np.float64]) -> float:
    """Return how many pairs of records a false link brings together, from false pairs that could have been links."""
    false = 1.0 - matches
    return float((false @ joins + 1.0) / (false.sum() + 1.0))


def _by_weight(kept: _Kept, known: NDArray[np.bool_], linked: NDArray[np.bool_], ratio: float) -> float:
    """Count known false pairs over the threshold, at no weight more than would make all links of that weight false."""
    if not known.any() or not linked.any():
        return 0.0
    twice = _twice(kept.weight[known], kept.weight[linked])
    least = float(kept.weight[known | linked].min())
    band = ((kept.weight - least) // _BAND_BITS).astype(np.int64)
    size = int(band[known | linked].max()) + 1
    false, links = np.bincount(band[known], minlength=size), np.bincount(band[linked], minlength=size)
    # One person twice weighs as links do.
    false = np.maximum(false - twice * links / links.sum(), 0.0)
    return float(np.minimum(false, links / max(ratio, 1e-12)).sum())


def _by_posterior(
    found: Mapping[Key, FalseLinks], posterior: Mapping[Key, tuple[float, float]]
) -> dict[Key, FalseLinks]:
    """Estimate the pairs of sources that are not ``found`` from the posterior's doubt before and after clustering."""
    understated = sum(posterior[key][1] for key in found)
    raised = max(1.0, sum(links.after[0] for links in found.values()) / understated) if understated > 1.0 else 1.0
    return {
        key: FalseLinks(_rough(raised * before), _rough(raised * after))
        for key, (before, after) in posterior.items()
        if key not in found
    }


def _rough(number: float) -> tuple[float, float, float]:
    """Give an estimate that rests on the posterior alone the width of a factor of two."""
    return number, number / 2.0, 2.0 * number + 3.0
