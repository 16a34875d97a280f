"""The fitted model and the scored pairs, as a certificate states them: shares by level, and how weights are spread.

What may be read from it: whether a level means what one would expect, and how many pairs lie where it is close.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from linkage.matching.evidence import agreement_words
from linkage.matching.model import LN2, Model
from linkage.matching.persons import Persons

#: Log odds (bits) of the first and last bin's outer edges; what lies beyond is counted in the outer bins.
_FIRST, _LAST, _WIDTH = -8, 40, 2
_CERTAIN = 2.0**-45


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LevelShares(_Frozen):
    """One level of an identifier: how many matches (``m``) and unrelated pairs (``u``) agree so, and its weight.

    ``moved`` is the share among matches who moved, equal to ``m`` where moving changes nothing.
    """

    agreement: str
    m: float
    moved: float
    u: float
    bits: float


class IdentifierShares(_Frozen):
    """An identifier's levels, best agreement first."""

    identifier: str
    about: str
    levels: tuple[LevelShares, ...]


class WeightHistogram(_Frozen):
    """Kept pairs by their log odds: bin ``i`` begins at ``from_bits + i * width`` bits; the outer bins are open."""

    from_bits: int
    width: int
    linked: tuple[int, ...]
    refused: tuple[int, ...]
    below: tuple[int, ...]
    within_source: tuple[int, ...]


class LinkRate(_Frozen):
    """What share of a group of a dataset's persons was linked to another provider, as a band; the symbol where hidden.

    ``group`` is a value of ``element``, or ``Total``.
    """

    dataset: str
    element: str
    group: str
    rate: str


def identifier_shares(model: Model) -> tuple[IdentifierShares, ...]:
    """Return every identifier's fitted shares."""
    bits = model.log_factors(model.m) / LN2
    return tuple(
        IdentifierShares(
            identifier=identifier.name,
            about=identifier.about,
            levels=tuple(
                LevelShares(
                    agreement=agreement_words(identifier, level),
                    m=round(float(model.m[f, level]), 6),
                    moved=round(float(model.moved[f, level]), 6),
                    u=round(float(model.u[f, level]), 9),
                    bits=round(float(bits[f, level]), 2),
                )
                for level in range(identifier.levels, 0, -1)
            ),
        )
        for f, identifier in enumerate(model.identifiers)
    )


def weight_histogram(persons: Persons) -> WeightHistogram:
    """Count kept pairs by log odds and by what became of them."""
    decided = persons.pairs["decision"]

    def counted(decision: str) -> tuple[int, ...]:
        return _counted(persons.pairs.loc[decided == decision, "match_probability"])

    return WeightHistogram(
        from_bits=_FIRST,
        width=_WIDTH,
        linked=counted("linked"),
        refused=counted("conflict"),
        below=counted("review"),
        within_source=counted("placebo"),
    )


def _counted(probabilities: pd.Series[float]) -> tuple[int, ...]:
    chance = np.clip(probabilities.to_numpy(dtype=np.float64), _CERTAIN, 1.0 - _CERTAIN)
    bits = np.log2(chance) - np.log2(1.0 - chance)
    bins = (_LAST - _FIRST) // _WIDTH
    place = np.clip((bits - _FIRST) // _WIDTH, 0, bins - 1).astype(np.int64)
    return tuple(np.bincount(place, minlength=bins).tolist())
