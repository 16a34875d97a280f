"""What a level means: Dice similarity of two Bloom filters, cut at a spec's thresholds.

Rules:

- Dice similarity is ``2 |a and b| / (|a| + |b|)`` over set bits. An empty filter is a missing value.
- Level 0 is *missing* (either side); level 1 is below every cut; the highest level is at or above the first cut.

Both the agency (its statistics on random pairs) and the hub (its comparison) cut with the code here, so that the
``u`` probabilities and the pattern counts mean the same thing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import intrinsic
from numpy.typing import NDArray

from linkage.spec.model import MOST_CUTS, Identifier


def _popcount(typing_context: Any, word: Any) -> Any:  # noqa: ANN401 - numba's calling convention
    """Count the set bits of a 64-bit word by the processor's own instruction."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), generate


popcount: Any = intrinsic(_popcount)


@njit(inline="always")
def level_of(common: int, weight_a: int, weight_b: int, cuts: NDArray[np.float64]) -> int:
    """Return the level of two filters of given weights that have ``common`` set bits in common."""
    if weight_a == 0 or weight_b == 0:
        return 0
    doubled = 2.0 * common
    total = float(weight_a + weight_b)
    level = 1
    for cut in cuts:
        if cut > 0.0 and doubled >= cut * total:
            level += 1
    return level


def cut_table(identifiers: tuple[Identifier, ...]) -> NDArray[np.float64]:
    """Return the cuts of each identifier, shape (identifiers, MOST_CUTS), padded with zeros (no cut)."""
    table = np.zeros((len(identifiers), MOST_CUTS))
    for row, identifier in enumerate(identifiers):
        table[row, : len(identifier.cuts)] = identifier.cuts
    return table
