"""Match probabilities held against the placebo: what the model's posterior is worth.

Rules:

- Inside a duplicate-free source every pair is false, whatever its pattern says. How often a pattern occurs there,
  carried over to pairs of sources, is how often it occurs among false pairs (the duplicate method of Blakely and
  Salmond 2002, pattern by pattern). What a pattern occurs oftener between the sources is matches.
- Strangers of two sources need not be as alike as strangers of one (people who live together in one census do not in
  the next). So the placebo is scaled by the pairs that are hardly ever matches, where both can be counted.
- Patterns are taken together in bands of the model's probability. In a band the model's own count of matches is the
  prior and may be wrong by as much again; the excess over the placebo is the evidence, with its Poisson error. Where
  it is thin the model stands.
- Calibration never turns the order of patterns: a more probable pattern stays at least as probable.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from linkage.matching.patterns import source_pairs

Floats = NDArray[np.float64]

#: Bands of the model's probability of a match; pairs below the first are left to the model.
_BANDS = np.array([0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999])
#: Pairs between these probabilities are hardly ever matches, and yet of the kind that false links are.
_NEAR_MISS = (1e-3, 1e-2)
#: The scale of the placebo is taken to be one with the weight of so many pairs.
_SCALE_PRIOR = 20.0


@dataclass(frozen=True)
class Calibration:
    """What the placebo says of the model.

    ``shifts`` (source pairs, bands) is added to the log odds of a band; ``scale`` (source pairs,) is that of each
    pair's placebo, nan where there is none; ``error`` (source pairs,) is the standard error of the number of matches.
    """

    shifts: Floats
    scale: Floats
    error: Floats

    def apply(self, probability: Floats) -> Floats:
        """Return the calibrated probability of each pattern, shape (patterns, source pairs)."""
        band = np.searchsorted(_BANDS, probability, side="right")
        odds = _logit(probability) + self.shifts[np.arange(len(self.shifts))[None, :], band]
        return np.where(band > 0, 1.0 / (1.0 + np.exp(-odds)), probability)


def placebo_rates(counts: Floats, totals: Floats, exclusive: NDArray[np.bool_]) -> Floats:
    """Return how often false pairs of each pair of sources have each pattern, shape (patterns, source pairs).

    ``exclusive`` (sources,) says which sources hold no duplicates. The rates are nan where neither source tells.
    """
    pairs = source_pairs(len(exclusive))
    own = {a: number for number, (a, b) in enumerate(pairs) if a == b}
    rates = np.full(counts.shape, np.nan)
    for number, (a, b) in enumerate(pairs):
        telling = [own[source] for source in (a, b) if exclusive[source]]
        if a != b and telling:
            rates[:, number] = counts[:, telling].sum(axis=1) / totals[telling].sum()
    return rates


def calibrate(probability: Floats, counts: Floats, totals: Floats, exclusive: NDArray[np.bool_]) -> Calibration:
    """Hold the model's ``probability`` (patterns, source pairs) against the placebo.

    ``counts`` (patterns, source pairs) are all pairs compared, ``totals`` (source pairs,) all there are.
    """
    rates = placebo_rates(counts, totals, exclusive)
    scale, shifts = np.full(len(totals), np.nan), np.zeros((len(totals), len(_BANDS) + 1))
    error = np.zeros(len(totals))
    for pair in range(len(totals)):
        chance, found = probability[:, pair], counts[:, pair]
        if np.isnan(rates[:, pair]).any():
            error[pair] = float(np.sqrt((_by_band(chance, found * np.minimum(chance, 1 - chance)) ** 2).sum()))
            continue
        expected = rates[:, pair] * totals[pair]
        near = (chance >= _NEAR_MISS[0]) & (chance < _NEAR_MISS[1])
        false = float(found[near] @ (1 - chance[near]))
        scale[pair] = (false + _SCALE_PRIOR) / (float(expected[near].sum()) + _SCALE_PRIOR)
        shifts[pair], error[pair] = _shifts(chance, found, scale[pair] * expected)
    return Calibration(_own(shifts, scale, exclusive), scale, error)


def _own(shifts: Floats, scale: Floats, exclusive: NDArray[np.bool_]) -> Floats:
    """Judge the pairs inside a duplicate-free source as its pairs with others are."""
    pairs = source_pairs(len(exclusive))
    judged = shifts.copy()
    for number, (a, b) in enumerate(pairs):
        held = [n for n, ends in enumerate(pairs) if a in ends and ends[0] != ends[1] and not np.isnan(scale[n])]
        if a == b and exclusive[a] and held:
            judged[number] = shifts[held].mean(axis=0)
    return judged


def weighed(pairs: Floats, prior: Floats, false: Floats) -> Floats:
    """Weigh the model's number of matches among ``pairs`` against what is left of them without ``false`` ones.

    The model may be wrong by as many pairs as the smaller of its matches and its false pairs; the excess has the
    Poisson error of the counts.
    """
    doubt = np.minimum(prior, pairs - prior) ** 2
    error = pairs + false + 1.0
    matches: Floats = np.clip((prior * error + (pairs - false) * doubt) / (error + doubt), 0.0, pairs)
    return matches


def _by_band(chance: Floats, weights: Floats) -> Floats:
    band = np.searchsorted(_BANDS, chance, side="right")
    return np.bincount(band, weights=weights, minlength=len(_BANDS) + 1).astype(np.float64)


def _shifts(chance: Floats, found: Floats, false: Floats) -> tuple[Floats, float]:
    """Return what is to be added to the log odds of each band, and the standard error of the matches in all."""
    pairs, prior, placebo = _by_band(chance, found), _by_band(chance, found * chance), _by_band(chance, false)
    matches = weighed(pairs, prior, placebo)
    doubt, error = np.minimum(prior, pairs - prior) ** 2, pairs + placebo + 1.0
    used = np.flatnonzero(pairs[1:] > 0) + 1
    shifts = np.zeros(len(pairs))
    if len(used):
        share = isotonic_regression(matches[used] / pairs[used], weights=pairs[used]).x
        shifts[used] = _logit(share) - _logit(prior[used] / pairs[used])
    return shifts, float(np.sqrt((doubt * error / (doubt + error))[used].sum()))


def _logit(share: Floats) -> Floats:
    held = np.clip(share, 1e-9, 1 - 1e-9)
    odds: Floats = np.log(held / (1 - held))
    return odds
