"""Agreement patterns: reading their codes, and numbering pairs of sources."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def source_pairs(sources: int) -> list[tuple[int, int]]:
    """Return all pairs of sources, each source with itself included, lower number first."""
    return [(a, b) for a in range(sources) for b in range(a, sources)]


def pair_table(sources: int) -> NDArray[np.int64]:
    """Return the place of each pair of sources in :func:`source_pairs`, shape (sources, sources)."""
    table = np.zeros((sources, sources), dtype=np.int64)
    for number, (a, b) in enumerate(source_pairs(sources)):
        table[a, b] = table[b, a] = number
    return table


def decode(codes: NDArray[np.uint64], identifiers: int) -> NDArray[np.uint8]:
    """Return the levels of pattern codes, shape (codes, identifiers)."""
    shifts = (3 * np.arange(identifiers)).astype(np.uint64)
    return ((codes[:, None] >> shifts) & np.uint64(7)).astype(np.uint8)
