"""Agreement patterns: counting them, and reading their codes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from linkage.matching.candidates import Candidates


def source_pairs(sources: int) -> list[tuple[int, int]]:
    """Return all pairs of sources, each source with itself included, lower number first."""
    return [(a, b) for a in range(sources) for b in range(a, sources)]


def pair_numbers(source_a: NDArray[np.uint16], source_b: NDArray[np.uint16], sources: int) -> NDArray[np.int64]:
    """Return the position of each pair of sources in :func:`source_pairs`."""
    table = np.zeros((sources, sources), dtype=np.int64)
    for number, (a, b) in enumerate(source_pairs(sources)):
        table[a, b] = table[b, a] = number
    return table[source_a, source_b]


def decode(codes: NDArray[np.uint64], identifiers: int) -> NDArray[np.uint8]:
    """Return the levels of pattern codes, shape (codes, identifiers)."""
    shifts = (3 * np.arange(identifiers)).astype(np.uint64)
    return ((codes[:, None] >> shifts) & np.uint64(7)).astype(np.uint8)


def count_patterns(found: Sequence[Candidates], sources: int) -> tuple[NDArray[np.uint64], NDArray[np.float64]]:
    """Return the distinct codes, ascending, and their counts, shape (codes, source pairs)."""
    parts = []
    for batch in found:
        codes, inverse = np.unique(batch.code, return_inverse=True)
        number = pair_numbers(batch.source_a, batch.source_b, sources)
        pairs = len(source_pairs(sources))
        counts = np.bincount(inverse * pairs + number, minlength=len(codes) * pairs).reshape(len(codes), pairs)
        parts.append((codes, counts))
    if not parts:
        return np.zeros(0, dtype=np.uint64), np.zeros((0, len(source_pairs(sources))))
    codes = np.unique(np.concatenate([codes for codes, _ in parts]))
    total = np.zeros((len(codes), len(source_pairs(sources))))
    for part, counts in parts:
        total[np.searchsorted(codes, part)] += counts
    return codes, total
