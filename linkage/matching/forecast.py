"""What a matching run will cost, from block ids alone: pairs pass by pass, memory and time, before any is spent.

Rules:

- Pairs are counted exactly: a block of n rows has n (n - 1) / 2, whichever sources they come from. A pair that shares
  several passes counts in each, so the sum is what the kernel meets and more than what it compares.
- Memory and time are estimates. Memory is the largest pass, as it is read and laid out in block order; time rests on a
  rate measured on one machine, and is there to tell minutes from days.
- A run that would not end, or not fit, is refused with the passes that make it so, unless it is asked for all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linkage.errors import MatchingError
from linkage.matching.candidates import MOST_REMEMBERED, THREADS
from linkage.spec.encodings import Encodings
from linkage.spec.model import LinkageSpec

#: Pairs that a processor counts in a second, and rows that it brings into block order, as measured.
PAIRS_PER_SECOND, ROWS_PER_SECOND = 4_000_000.0, 750_000.0
#: More pairs than this are refused: hours on a large machine.
MOST_PAIRS = 20e9
#: A laid-out row beside its filters: end of block, source, token, weights and the sort that brought it there.
_ROW_BYTES = 60
#: A remembered pair: two sources, two tokens, its pattern code.
REMEMBERED_BYTES = 28
_GIGABYTE = 1e9


@dataclass(frozen=True)
class PassForecast:
    """One pass: ``rows`` that share a block with another, in ``blocks`` blocks; ``largest`` rows in one; ``pairs``."""

    name: str
    rows: int
    blocks: int
    largest: int
    pairs: int


@dataclass(frozen=True)
class Forecast:
    """A run before it is made. ``memory`` in bytes, ``seconds`` of wall time on ``processors``."""

    passes: tuple[PassForecast, ...]
    memory: int
    seconds: float
    processors: int

    @property
    def pairs(self) -> int:
        """Pairs of all passes."""
        return sum(each.pairs for each in self.passes)

    @property
    def heaviest(self) -> tuple[PassForecast, ...]:
        """The passes with most pairs first."""
        return tuple(sorted(self.passes, key=lambda each: (-each.pairs, each.name)))

    def require_feasible(self, memory: int, block_cap: int) -> None:
        """Raise MatchingError if the run has too many pairs, or needs more than ``memory`` bytes."""
        problems = []
        if self.pairs > MOST_PAIRS:
            problems.append(f"{self.pairs:,} pairs to compare; more than {MOST_PAIRS:,.0f} are refused")
        if self.memory > memory:
            needed, there = self.memory / _GIGABYTE, memory / _GIGABYTE
            problems.append(f"about {needed:.1f} GB of memory; this machine has {there:.1f}")
        if not problems:
            return
        problems += [
            f"pass {each.name}: {each.pairs:,} pairs, {each.largest:,} rows in its largest block"
            for each in self.heaviest[:3]
            if self.pairs > MOST_PAIRS
        ]
        raise MatchingError(
            "this run would not end in reasonable time or memory, so it was not begun",
            problems,
            f"agree on a spec whose heaviest passes have a further part in their key or whose block_cap is below "
            f"{block_cap:,}, and hash again; on a larger machine, or to wait, match with --anyway",
        )


def estimate(sources: Sequence[Encodings], spec: LinkageSpec, processors: int = THREADS) -> Forecast:
    """Count what the sources' blocks will bring together."""
    passes, memory, sorted_rows = [], 0, 0
    for blocking in spec.passes:
        found = [source.passes[blocking.name] for source in sources if blocking.name in source.passes]
        if not found:
            continue
        widths = [sum(filters.shape[1] for filters in each.filters.values()) * 8 for each in found]
        checks = found[0].checks.shape[1] * 4
        read = sum(each.rows * (width + checks + 16) for each, width in zip(found, widths, strict=True))
        counted = _counted(blocking.name, np.concatenate([each.blocks for each in found]))
        memory = max(memory, read + counted.rows * (max(widths) + checks + _ROW_BYTES))
        sorted_rows += sum(each.rows for each in found)
        passes.append(counted)
    remembered = _remembered(passes)
    again = [each for each in passes if each.name not in remembered]
    pairs = sum(each.pairs for each in passes) + sum(each.pairs for each in again)
    rows = sorted_rows + sum(each.rows for each in again)
    seconds = pairs / (PAIRS_PER_SECOND * processors) + rows / ROWS_PER_SECOND
    memory += REMEMBERED_BYTES * sum(remembered.values())
    return Forecast(tuple(passes), memory, seconds, processors)


def _remembered(passes: Sequence[PassForecast]) -> dict[str, int]:
    """Return the passes whose pairs are remembered while they are counted, and how many; others are walked again."""
    found, left = {}, MOST_REMEMBERED
    for each in passes:
        if each.pairs <= left:
            found[each.name] = each.pairs
            left -= each.pairs
    return found


def _counted(name: str, blocks: NDArray[np.uint64]) -> PassForecast:
    ordered = np.sort(blocks)
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])) if len(ordered) else np.zeros(0, dtype=int)
    sizes = np.bincount(np.diff(np.append(starts, len(ordered))))
    number = np.arange(len(sizes))
    shared = number > 1
    return PassForecast(
        name=name,
        rows=int((sizes * number)[shared].sum()),
        blocks=int(sizes[shared].sum()),
        largest=int(number[sizes > 0].max()) if len(ordered) else 0,
        pairs=int((sizes * (number * (number - 1) // 2)).sum()),
    )
