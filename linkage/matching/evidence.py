"""Why a pair of records has its probability: one term for each identifier, in bits, adding up exactly.

Rules:

- Everything is a base-2 logarithm of a Bayes factor. The terms add up to the log odds of the pair being one person:
  the prior of the two sources, one weight per identifier, and what the model's other explanations add or take.
- A match either *stayed* or *moved* (docs/adr/0010), and its weight is the logarithm of a mixture of the two. The
  weights shown are those of the likelier state; its share of matches is one more term, and so is what the other adds.
- Two relatives in one household may agree as well. How much of the evidence they explain is the last term.
- A level of agreement is all that is known of a value, and all that is shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from linkage.matching.candidates import NAME_ORDER
from linkage.matching.model import LN2, Model
from linkage.matching.patterns import decode
from linkage.matching.score import Scored
from linkage.spec.model import Identifier

State = Literal["stayed", "moved"]


@dataclass(frozen=True)
class Contribution:
    """What one identifier says: the level at which it agrees, in words, and the weight of that (bits)."""

    identifier: str
    level: int
    agreement: str
    bits: float


@dataclass(frozen=True)
class Evidence:
    """The terms of a pair's log odds, in bits; ``probability`` is of being one person, ``total_bits`` its log odds."""

    prior_bits: float
    state: State
    state_share: float
    state_bits: float
    contributions: tuple[Contribution, ...]
    other_state_bits: float
    relatives_bits: float
    weight_bits: float
    total_bits: float
    probability: float


def agreement_words(identifier: Identifier, level: int) -> str:
    """Say what a level means: the range of Dice similarity that the spec's cuts give it."""
    if level == 0:
        return "missing"
    if identifier is NAME_ORDER:
        return "swapped" if level == 1 else "in their places"
    if level == identifier.levels:
        return "agrees" if len(identifier.cuts) == 1 or identifier.cuts[0] > 0.99 else f"agrees {_from(identifier, 0)}"
    if level == 1:
        return "differs" if len(identifier.cuts) == 1 else f"differs (below {_cut(identifier.cuts[-1])})"
    upper = identifier.levels - level
    return f"agrees {_cut(identifier.cuts[upper])} to {_cut(identifier.cuts[upper - 1])}"


def _from(identifier: Identifier, place: int) -> str:
    return f"{_cut(identifier.cuts[place])} or more"


def _cut(cut: float) -> str:
    return f"{cut:.3g}".removeprefix("0")


def evidence(scored: Scored, source_a: str, source_b: str, pattern: int) -> Evidence:
    """Take a pair's pattern code apart under the model that scored it."""
    model = _between(scored, source_a, source_b)
    levels = decode(np.array([pattern], dtype=np.uint64), len(model.identifiers))
    stayed, moved = (float(state[0]) / LN2 for state in model.log_states(levels))
    state: State = "stayed" if stayed >= moved else "moved"
    share = 1.0 - model.moved_share if state == "stayed" else model.moved_share
    weight = float(model.weights(levels)[0])
    unrelated = 1.0 - model.match_share[0] - model.relative_share[0]
    prior = float(np.log2(model.match_share[0] / unrelated))
    relatives = sum(_bits(model, model.r, levels[0])) + float(np.log2(model.relative_share[0] / unrelated))
    explained = -float(np.logaddexp2(0.0, relatives))
    contributions = tuple(
        Contribution(identifier.name, int(level), agreement_words(identifier, int(level)), bits)
        for identifier, level, bits in zip(
            model.identifiers, levels[0], _bits(model, model.m if state == "stayed" else model.moved, levels[0]),
            strict=True,
        )
    )  # fmt: skip
    return Evidence(
        prior_bits=prior,
        state=state,
        state_share=share,
        state_bits=float(np.log2(share)),
        contributions=contributions,
        other_state_bits=weight - max(stayed, moved),
        relatives_bits=explained,
        weight_bits=weight,
        total_bits=prior + weight + explained,
        probability=float(model.probabilities(levels)[0, 0]),
    )


def _bits(model: Model, numerator: NDArray[np.float64], levels: NDArray[np.uint8]) -> list[float]:
    """Return the weight of each identifier's level against unrelated pairs."""
    factors = model.log_factors(numerator) / LN2
    return [float(factors[f, level]) for f, level in enumerate(levels)]


def _between(scored: Scored, source_a: str, source_b: str) -> Model:
    """Return the model with the class shares of one pair of sources; one that was not fitted has the mean."""
    model = scored.model
    wanted = {source_a, source_b}
    for place, pair in enumerate(scored.source_pairs):
        if {pair.source_a, pair.source_b} == wanted:
            return model.spread(model.match_share[place : place + 1], model.relative_share[place : place + 1])
    return model.spread(np.array([model.match_share.mean()]), np.array([model.relative_share.mean()]))
