"""From values to numbered tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linkage.hashing.clk import kernels
from linkage.hashing.clk.schema import ExactComparison, NgramComparison, NumericComparison
from linkage.hashing.clk.values import neighbourhood

_CODES = 1 << 62
_POINTS = 0x110000


@dataclass(frozen=True)
class Tokens:
    """Distinct tokens, and each value's as numbers ``numbers[offsets[v]:offsets[v + 1]]``, in order."""

    texts: list[str]
    numbers: NDArray[np.int64]
    offsets: NDArray[np.int64]


def tokenise(values: Sequence[str], comparison: NgramComparison | ExactComparison | NumericComparison) -> Tokens:
    """Return the tokens of each value; an empty value has none."""
    if isinstance(comparison, NgramComparison):
        return _fast_ngrams(values, comparison) or _number([_ngrams(value, comparison) for value in values])
    if isinstance(comparison, NumericComparison):
        return _number([neighbourhood(value, comparison) if value else [] for value in values])
    return _number([[value] if value else [] for value in values])


def _ngrams(value: str, comparison: NgramComparison) -> list[str]:
    if not value:
        return []
    n, blanks = comparison.n, " " * (comparison.n - 1)
    padded = f"{blanks}{value}{blanks}"
    grams = [padded[i : i + n] for i in range(len(padded) - n + 1)]
    return [f"{i} {gram}" for i, gram in enumerate(grams, start=1)] if comparison.positional else grams


def _number(lists: list[list[str]]) -> Tokens:
    known: dict[str, int] = {}
    numbers = [known.setdefault(token, len(known)) for tokens in lists for token in tokens]
    offsets = np.cumsum([0, *(len(tokens) for tokens in lists)], dtype=np.int64)
    return Tokens(list(known), np.array(numbers, dtype=np.int64), offsets)


def _fast_ngrams(values: Sequence[str], comparison: NgramComparison) -> Tokens | None:
    """Read n-grams as numbers in the base of the alphabet that occurs; None where those would be too large."""
    points = np.frombuffer("".join(values).encode("utf-32-le", "surrogatepass"), dtype="<u4")
    occurs = np.zeros(_POINTS, dtype=bool)
    occurs[points] = True
    occurs[ord(" ")] = False
    letters = np.concatenate(([ord(" ")], np.flatnonzero(occurs)))
    lengths = np.fromiter(map(len, values), dtype=np.int64, count=len(values))
    longest = int(lengths.max(initial=0)) + comparison.n
    size = len(letters) ** comparison.n
    # A factor for the step at which a code is shifted before it is cut.
    if size * len(letters) * (longest + 1) >= _CODES:
        return None
    rank = np.zeros(_POINTS, dtype=np.int64)
    rank[letters] = np.arange(len(letters))
    starts = np.concatenate(([0], np.cumsum(lengths)))
    numbers, offsets, codes = kernels.number_ngrams(
        rank[points], starts, comparison.n, len(letters), comparison.positional
    )
    texts = []
    for code in codes.tolist():
        position, rest = divmod(code, size)
        gram = ""
        for _ in range(comparison.n):
            rest, letter = divmod(rest, len(letters))
            gram = chr(letters[letter]) + gram
        texts.append(f"{position} {gram}" if comparison.positional else gram)
    return Tokens(texts, numbers, offsets)
