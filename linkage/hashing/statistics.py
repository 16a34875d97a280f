"""What an agency says of its own data: how often random pairs agree.

Rules:

- The shares are those of *random* pairs of the agency's clear-text records: the ``u`` probabilities of Fellegi and
  Sunter (1969). Pairs that share a block are not random, so the hub cannot learn them from what it holds.
- Levels are cut from filters as at the hub, under a throw-away block, so that the noise of hashing is in them.
- The share at the highest level is not sampled but computed from how often each value occurs.
- Shares are rounded to three significant digits, and no value or count of a value leaves the agency.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from linkage.hashing.encode import Derive, RandomBytes, block_filters, feature_table
from linkage.hashing.prepare import Prepared, Values
from linkage.hashing.prf import BulkCmac
from linkage.spec.encodings import FieldStatistics
from linkage.spec.levels import cut_table, level_of, popcount

#: Pairs grow with its square: 2,000 records give two million pairs.
_SAMPLE = 2_000


@njit(cache=True, nogil=True)
def _count_levels(filters: NDArray[np.uint64], cuts: NDArray[np.float64], counts: NDArray[np.int64]) -> None:
    """Count the level of every pair of rows; ``counts`` has shape (levels + 1,), missing first."""
    rows, words = filters.shape
    weights = np.zeros(rows, dtype=np.int64)
    for i in range(rows):
        for w in range(words):
            weights[i] += popcount(filters[i, w])
    for i in range(rows):
        for j in range(i):
            common = 0
            for w in range(words):
                common += popcount(filters[i, w] & filters[j, w])
            counts[level_of(common, weights[i], weights[j], cuts)] += 1


def _exact_share(codes: NDArray[np.int32]) -> float:
    """Return the probability that two different records with a value have the same one."""
    held = np.bincount(codes[codes >= 0]).astype(np.float64)
    total = held.sum()
    return float((held * (held - 1)).sum() / (total * (total - 1))) if total > 1 else 0.0


def _sampled(values: Values, rows: NDArray[np.int64]) -> Values:
    """Keep the values of some records only: features are taken of no more than are compared."""
    codes = values.codes[rows]
    held, recoded = np.unique(codes[codes >= 0], return_inverse=True)
    kept = np.full(len(codes), -1, dtype=np.int32)
    kept[codes >= 0] = recoded
    return Values(values.identifier, kept, tuple(values.distinct[code] for code in held))


def _rates(values: Values, rows: NDArray[np.int64], derive: Derive) -> tuple[float, ...]:
    identifier = values.identifier
    keyed = BulkCmac(derive("statistics"))
    states = keyed.absorb(np.zeros((len(rows), 2), dtype=np.uint64))
    filters = np.zeros((len(rows), identifier.filter.words), dtype=np.uint64)
    block_filters(np.arange(len(rows)), states, feature_table(_sampled(values, rows), derive), keyed, filters)
    counts = np.zeros(identifier.levels + 1, dtype=np.int64)
    _count_levels(filters, cut_table((identifier,))[0], counts)
    below = counts[1:-1] + 0.5
    exact = _exact_share(values.codes)
    rates = [*(below / below.sum() * (1 - exact)), exact]
    return tuple(float(f"{rate:.3g}") for rate in rates)


def field_statistics(prepared: Prepared, random_bytes: RandomBytes) -> FieldStatistics:
    """Measure agreement of random pairs within one source, under keys drawn for the purpose and thrown away."""
    throw_away = random_bytes(32)

    def derive(label: str) -> bytes:
        return throw_away

    generator = np.random.default_rng(int.from_bytes(random_bytes(16), "big"))
    sampled = generator.permutation(prepared.records)[:_SAMPLE].astype(np.int64)
    rates, missing = {}, {}
    for name, values in prepared.values.items():
        rates[name] = _rates(values, sampled, derive)
        missing[name] = float(f"{values.missing:.3g}")
    return FieldStatistics(rates=rates, missing=missing)
