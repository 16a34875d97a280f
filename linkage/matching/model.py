"""The Fellegi-Sunter model with a third class for relatives, fitted without labels.

Rules:

- A pair belongs to one of three classes: **match**; **relative**, two people of one household, who agree on household
  identifiers as they will (surname, address, phone) and on personal ones as strangers do; **unrelated**. Without the
  middle class, EM on blocked pairs finds households instead of persons.
- Relatives **share** a personal identifier now and then: twins a birth date, a father and son a name, a spouse's number
  stands on the wrong form. How often is estimated by identifier, near one in a hundred and never above one in twenty,
  so that no single personal identifier proves a match within a household.
- ``u`` (agreement of unrelated pairs) is what the agencies measured on random pairs of their own records, and is not
  estimated here: pairs that share a block are not random.
- ``m`` (agreement of matches) and the classes' shares are estimated by expectation-maximisation over counts of
  agreement patterns (Fellegi and Sunter 1969; Winkler 2000; patterns as in Enamorado, Fifield and Imai 2019). ``m`` is
  common to all pairs of sources, the shares are each pair's own.
- A match may have **moved**: then street, city, postal code and telephone disagree *together*, which one set of
  independent ``m`` cannot say (it would call every mover a stranger). So a match is a mixture of two states with the
  same personal identifiers and surname; those who moved between the records have household identifiers of their own.
- The prior is over **all** pairs of records, not over the blocked ones.
- Where the data cannot support it, nothing is estimated but the classes' shares: with fewer than three identifiers that
  vary, or a handful of expected matches, ``m`` keeps its default, the agreement of well-kept records. An identifier in
  which nearly all records are the same tells nothing and is left out of account.
- A missing value is evidence of nothing. More agreement never weighs less: levels are kept monotone.
- A match weight is the base-2 logarithm of the Bayes factor of match against unrelated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from linkage.matching.candidates import NAME_ORDER
from linkage.spec.encodings import FieldStatistics
from linkage.spec.model import Identifier, Kind

Floats = NDArray[np.float64]
LN2 = float(np.log(2))

#: Agreement of matches where nothing is known yet: the share at the highest level, and how fast the others fall.
_START_TOP, _START_FALL = 0.88, 0.4
#: Weight of that prior in pairs, so that a level never seen is neither impossible nor certain.
_PRIOR_PAIRS = 4.0
#: The least that random agreement is taken to be, which caps any one identifier's weight at about 20.
_LEAST_U = 1e-6
#: How often relatives share a personal identifier: where it starts, how many pairs that start is worth, and its limit.
_SHARED_START, _SHARED_PAIRS, _SHARED_LIMIT = 0.01, 200.0, 0.05
#: The least that any level of agreement is taken to occur among matches, which caps evidence against at about 10 bits.
_LEAST_M = 1e-3
#: Share of matches who moved where nothing is known yet, and how often an address part is the same all the same.
_MOVED_START, _SAME_PLACE = 0.1, 0.2
#: Random pairs that agree so often say that an identifier does not vary.
_CONSTANT = 0.999
#: Fewer identifiers that vary, or fewer expected matches, cannot tell how matches agree.
_LEAST_IDENTIFIERS, _LEAST_MATCHES = 3, 8.0
#: Strangers agree on what tells persons apart less often than this, matches on average more often than the second.
_TELLING, _LEAST_OWN = 0.4, 0.25
_ITERATIONS = 400
_TOLERANCE = 1e-4


@dataclass(frozen=True)
class PatternCounts:
    """How often each agreement pattern occurs between each pair of sources.

    ``levels`` has shape (patterns, identifiers), 0 missing; ``counts`` (patterns, source pairs); ``totals`` (source
    pairs,) is the number of all pairs of records, blocked or not.
    """

    levels: NDArray[np.uint8]
    counts: Floats
    totals: Floats


@dataclass(frozen=True)
class Model:
    """Fitted probabilities: ``m``, ``moved``, ``u`` and ``r`` have shape (identifiers, 8), by level; level 0 is unused.

    ``m`` is agreement of matches who stayed, ``moved`` of those who moved, a share ``moved_share`` of all matches.
    ``match_share`` and ``relative_share`` have shape (source pairs,): shares of all pairs of records. ``estimated`` is
    False where ``m`` is the default because the data could not tell it.
    """

    identifiers: tuple[Identifier, ...]
    m: Floats
    u: Floats
    r: Floats
    moved: Floats
    moved_share: float
    match_share: Floats
    relative_share: Floats
    iterations: int
    converged: bool
    estimated: bool = True

    def spread(self, match_share: Floats, relative_share: Floats) -> Model:
        """Return the model with other shares, for instance for more pairs of sources than were fitted."""
        return replace(self, match_share=match_share, relative_share=relative_share)

    def log_factors(self, numerator: Floats) -> Floats:
        """Return the log Bayes factor of each level against unrelated, shape (identifiers, 8); missing is 0."""
        factors = np.zeros_like(self.u)
        used = self.u > 0
        factors[used] = np.log(numerator[used] / self.u[used])
        return factors

    def weights(self, levels: NDArray[np.uint8]) -> Floats:
        """Return the match weight (bits) of each pattern."""
        stayed, moved = self.log_states(levels)
        return np.logaddexp(stayed, moved) / LN2

    def log_states(self, levels: NDArray[np.uint8]) -> tuple[Floats, Floats]:
        """Return the log Bayes factors of a match who stayed and of one who moved, each with its share of matches."""
        stayed = _total(self.log_factors(self.m), levels) + np.log1p(-self.moved_share)
        if self.moved_share == 0.0:
            return stayed, np.full(len(levels), -np.inf)
        return stayed, _total(self.log_factors(self.moved), levels) + np.log(self.moved_share)

    def probabilities(self, levels: NDArray[np.uint8]) -> Floats:
        """Return the posterior probability of match, shape (patterns, source pairs)."""
        match, relative = _posteriors(self, levels)
        odds: Floats = match / (match + relative + 1.0)
        return odds


def pooled_u(
    statistics: Sequence[FieldStatistics], records: Sequence[int], identifiers: Sequence[Identifier]
) -> Floats:
    """Average the agencies' random-pair level shares, each weighted by its records; shape (identifiers, 8)."""
    u = np.zeros((len(identifiers), 8))
    for f, identifier in enumerate(identifiers):
        if identifier is NAME_ORDER:
            # Strangers' names are as alike one way as the other, so that only the matches' habit of order tells.
            u[f, 1:3] = 1.0
            continue
        held = [
            (n, s.rates[identifier.name])
            for n, s in zip(records, statistics, strict=True)
            if identifier.name in s.rates
        ]
        shares = np.average([rates for _, rates in held], axis=0, weights=[n for n, _ in held])
        shares = np.maximum(shares, _LEAST_U)
        u[f, 1 : identifier.levels + 1] = shares / shares.sum()
    return u


def _start(identifiers: Sequence[Identifier]) -> Floats:
    m = np.zeros((len(identifiers), 8))
    for f, identifier in enumerate(identifiers):
        falling = _START_FALL ** np.arange(identifier.levels - 1)
        m[f, identifier.levels] = _START_TOP
        m[f, identifier.levels - 1 : 0 : -1] = falling / falling.sum() * (1 - _START_TOP)
    return m


def _total(factors: Floats, levels: NDArray[np.uint8]) -> Floats:
    total = np.zeros(len(levels))
    for f in range(levels.shape[1]):
        total += factors[f][levels[:, f]]
    return total


def _posteriors(model: Model, levels: NDArray[np.uint8]) -> tuple[Floats, Floats]:
    """Return odds of match and of relative against unrelated, shape (patterns, source pairs)."""
    unrelated = 1.0 - model.match_share - model.relative_share
    match = np.exp2(model.weights(levels))[:, None] * (model.match_share / unrelated)
    relative = np.exp(_total(model.log_factors(model.r), levels))[:, None] * (model.relative_share / unrelated)
    return match, relative


def _level_shares(levels: NDArray[np.uint8], weight: Floats, prior: Floats) -> Floats:
    shares = np.zeros_like(prior)
    for f in range(levels.shape[1]):
        counted = np.bincount(levels[:, f], weights=weight, minlength=8)[:8] + _PRIOR_PAIRS * prior[f]
        counted[0] = 0.0
        counted[prior[f] == 0] = 0.0
        least = np.where(prior[f] > 0, _LEAST_M, 0.0)
        shares[f] = np.maximum(counted / counted.sum(), least)
        shares[f] /= shares[f].sum()
    return shares


def _monotone(m: Floats, u: Floats) -> Floats:
    """Make the Bayes factor of each identifier rise with its level, by pooling adjacent violators."""
    result = m.copy()
    for f in range(len(m)):
        used = np.flatnonzero(u[f])
        factors = isotonic_regression(m[f, used] / u[f, used], weights=u[f, used]).x
        result[f, used] = factors * u[f, used]
        result[f, used] /= result[f, used].sum()
    return result


def _shared(counts: PatternCounts, related: Floats, m: Floats, u: Floats, shared: Floats) -> Floats:
    """Update how often relatives share each identifier: the share of relatives who agree as one person would."""
    updated = np.empty_like(shared)
    for f in range(counts.levels.shape[1]):
        level = counts.levels[:, f]
        present = level > 0
        as_one = shared[f] * m[f][level[present]]
        as_two = (1 - shared[f]) * u[f][level[present]]
        weight = related[present]
        total = float(weight @ (as_one / (as_one + as_two))) + _SHARED_START * _SHARED_PAIRS
        updated[f] = min(total / (float(weight.sum()) + _SHARED_PAIRS), _SHARED_LIMIT)
    return updated


def _relatives(household: NDArray[np.bool_], free: Floats, shared: Floats, m: Floats, u: Floats) -> Floats:
    personal = (1 - shared)[:, None] * u + shared[:, None] * m
    return np.where(household[:, None], free, personal)


def _moved_share(gone: float, matched: float) -> float:
    return (gone + _MOVED_START * _PRIOR_PAIRS) / (matched + _PRIOR_PAIRS)


def _addresses(identifiers: Sequence[Identifier]) -> NDArray[np.bool_]:
    """Say which identifiers change together when a household moves; with fewer than two there is no such state."""
    found = np.array([i.about == "household" and i.kind is not Kind.SURNAME for i in identifiers])
    return found if found.sum() > 1 else np.zeros(len(identifiers), dtype=bool)


def constant(identifiers: Sequence[Identifier], u: Floats) -> tuple[str, ...]:
    """Return the identifiers in which nearly all records are the same."""
    return tuple(i.name for f, i in enumerate(identifiers) if i is not NAME_ORDER and u[f, i.levels] >= _CONSTANT)


def fit(counts: PatternCounts, u: Floats, identifiers: tuple[Identifier, ...]) -> Model:
    """Estimate ``m``, the household class and the classes' shares from pattern counts, as far as they support it."""
    idle = constant(identifiers, u)
    varying = [identifier for identifier in identifiers if identifier is not NAME_ORDER and identifier.name not in idle]
    if len(varying) >= _LEAST_IDENTIFIERS:
        model = _fit(counts, u, identifiers, idle, estimate=True)
        if float(model.match_share @ counts.totals) >= _LEAST_MATCHES and _of_persons(model, idle):
            return model
    return _fit(counts, u, identifiers, idle, estimate=False)


def _of_persons(model: Model, idle: Sequence[str]) -> bool:
    """Say whether matches agree on what is a person's own as persons do.

    Where hardly anybody is held twice, households are most of what is alike, and EM may take them for matches.
    """
    own = [
        model.m[f, identifier.levels]
        for f, identifier in enumerate(model.identifiers)
        if identifier.about == "person"
        and identifier is not NAME_ORDER
        and identifier.name not in idle
        and model.u[f, identifier.levels] < _TELLING
    ]
    return not own or float(np.mean(own)) >= _LEAST_OWN


def _fit(
    counts: PatternCounts, u: Floats, identifiers: tuple[Identifier, ...], idle: tuple[str, ...], estimate: bool
) -> Model:
    unmoved = np.array([identifier.name in idle for identifier in identifiers])
    start = np.where(unmoved[:, None], u, _start(identifiers))
    household = np.array([identifier.about == "household" for identifier in identifiers])
    blocked = counts.counts.sum(axis=0)
    share = np.minimum(0.2 * blocked, 0.2 * np.sqrt(counts.totals)) / counts.totals
    shared = np.full(len(identifiers), _SHARED_START)
    address = _addresses(identifiers) & ~unmoved
    address &= address.sum() > 1
    elsewhere = np.where(address[:, None], (1 - _SAME_PLACE) * u + _SAME_PLACE * start, start)
    model = Model(
        identifiers=identifiers,
        m=start,
        u=u,
        r=_relatives(household, start, shared, start, u),
        moved=elsewhere,
        moved_share=_MOVED_START if address.any() else 0.0,
        match_share=np.maximum(share, 1e-12),
        relative_share=np.maximum(share, 1e-12),
        iterations=0,
        converged=False,
        estimated=estimate,
    )
    for iteration in range(1, _ITERATIONS + 1):
        match, relative = _posteriors(model, counts.levels)
        evidence = match + relative + 1.0
        matched, related = counts.counts * match / evidence, counts.counts * relative / evidence
        updated = replace(
            model,
            match_share=np.maximum(matched.sum(axis=0) / counts.totals, 1e-12),
            relative_share=np.maximum(related.sum(axis=0) / counts.totals, 1e-12),
            iterations=iteration,
        )
        if estimate:
            stayed_log, moved_log = model.log_states(counts.levels)
            weight = matched.sum(axis=1)
            gone = weight * np.exp(moved_log - np.logaddexp(stayed_log, moved_log))
            everyone = _level_shares(counts.levels, weight, start)
            m = _monotone(np.where(address[:, None], _level_shares(counts.levels, weight - gone, start), everyone), u)
            moved = _monotone(np.where(address[:, None], _level_shares(counts.levels, gone, elsewhere), everyone), u)
            shared = _shared(counts, related.sum(axis=1), model.m, u, shared)
            r = _relatives(household, _level_shares(counts.levels, related.sum(axis=1), start), shared, m, u)
            updated = replace(
                updated,
                m=np.where(unmoved[:, None], u, m),
                r=np.where(unmoved[:, None], u, r),
                moved=np.where(unmoved[:, None], u, moved),
                moved_share=_moved_share(float(gone.sum()), float(weight.sum())) if address.any() else 0.0,
            )
        change = max(
            float(np.abs(updated.m - model.m).max()),
            float(np.abs(np.log(updated.match_share / model.match_share)).max()),
        )
        model = updated
        if change < _TOLERANCE:
            return replace(model, converged=True)
    return model
