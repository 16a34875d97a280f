"""What must change in a file so that nobody stands out: persons as numbers, whatever holds the file.

A person is known by one number per quasi-identifier: equal numbers, equal knowledge. Whoever holds the rows (a frame,
a database) makes the numbers, one array per rung of each ladder, and carries out the changes.

Rules:

- Every *class* (persons whose numbers all agree) must hold at least k persons (k-anonymity, Samarati and Sweeney
  1998) and at least l kinds of the sensitive value (l-diversity, Machanavajjhala and others 2007).
- First the ladder: columns are coarsened for everyone, as little as leaves at most ``most_suppressed`` of the persons
  in classes that are too small.
- Then local suppression, of one value per person where that is enough, then of two, and so on; of the columns that
  would do, the one that saves most persons goes first. Only who is saved by it loses a value.
- Whoever can be saved by nothing less loses every quasi-identifier. Where these are too few to be a class, the
  smallest other classes join them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, groupby, product

import numpy as np

from linkage.errors import DisclosureError

SUPPRESSED = -1
"""The number of a suppressed value; it equals no other."""


@dataclass(frozen=True, eq=False)
class Changes:
    """The rung at which each column is published, and the values suppressed (persons by columns)."""

    rungs: tuple[int, ...]
    suppressed: np.ndarray
    smallest_class: int


def choose_changes(
    ladders: Sequence[Sequence[np.ndarray]],
    k: int,
    kind: np.ndarray | None = None,
    least_diversity: int = 1,
    most_suppressed: float = 0.05,
) -> Changes:
    """Return the changes that leave nobody in a class of fewer than ``k`` or of fewer than ``least_diversity`` kinds.

    ``ladders[c][r]`` holds each person's number in column c at rung r, finest first; ``kind`` the number of each
    person's sensitive value. Raises DisclosureError if the file has too few persons to be made safe.
    """
    check = _Check(k, kind if least_diversity > 1 else None, least_diversity)
    rungs = _coarsen(ladders, check, most_suppressed)
    codes = np.column_stack([ladder[rung] for ladder, rung in zip(ladders, rungs, strict=True)]).astype(np.int64)
    suppressed = np.zeros(codes.shape, dtype=bool)
    _suppress_locally(codes, suppressed, check)
    _suppress_wholly(codes, suppressed, check)
    sizes = class_sizes(codes)
    if not len(codes) or not check.safe(codes).all():
        what = f"{k}-anonymous" + (f" and {least_diversity}-diverse" if least_diversity > 1 else "")
        raise DisclosureError(
            f"The file cannot be made {what}.",
            [f"it holds {len(codes)} persons in all"],
            "Release tables instead, or a file of more persons.",
        )
    return Changes(rungs, suppressed, int(sizes.min()))


def class_sizes(codes: np.ndarray) -> np.ndarray:
    """Return how many persons share each person's numbers."""
    label, count = _classes(codes)
    return np.asarray(count[label])


def _classes(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each person's class, and how many persons each class holds."""
    label = np.zeros(len(codes), dtype=np.int64)
    for column in codes.T:
        _, number = np.unique(column, return_inverse=True)
        # Renumbered at each step, so that many columns of many codes cannot overflow.
        _, label = np.unique(label * (number.max(initial=0) + 1) + number, return_inverse=True)
    return label, np.bincount(label)


@dataclass(frozen=True, eq=False)
class _Check:
    """What a class must hold."""

    k: int
    kind: np.ndarray | None
    least: int

    def safe(self, codes: np.ndarray) -> np.ndarray:
        label, count = _classes(codes)
        enough = count >= self.k
        if self.kind is not None:
            pairs = np.unique(np.column_stack([label, self.kind]), axis=0)
            enough &= np.bincount(pairs[:, 0], minlength=len(count)) >= self.least
        return np.asarray(enough[label])


def _coarsen(ladders: Sequence[Sequence[np.ndarray]], check: _Check, most_suppressed: float) -> tuple[int, ...]:
    """Return the least coarse rungs that leave few persons alone; of equally coarse ones those that leave fewest."""

    def coarse(rungs: tuple[int, ...]) -> float:
        return round(sum(rung / len(ladder) for rung, ladder in zip(rungs, ladders, strict=True)), 9)

    best: tuple[float, tuple[int, ...]] | None = None
    choices = sorted(product(*[range(len(ladder)) for ladder in ladders]), key=coarse)
    for _, equally in groupby(choices, key=coarse):
        for rungs in equally:
            codes = np.column_stack([ladder[rung] for ladder, rung in zip(ladders, rungs, strict=True)])
            alone = float((~check.safe(codes)).mean()) if len(codes) else 0.0
            if best is None or alone < best[0]:
                best = (alone, rungs)
        if best is not None and best[0] <= most_suppressed:
            break
    assert best is not None
    return best[1]


def _suppress_locally(codes: np.ndarray, suppressed: np.ndarray, check: _Check) -> None:
    """Suppress as few values of those who stand out as saves them."""
    width = codes.shape[1]
    for size in range(1, width):
        while True:
            unsafe = ~check.safe(codes)
            if not unsafe.any():
                return
            best, most = None, 0
            for columns in combinations(range(width), size):
                saved = unsafe & check.safe(_without(codes, unsafe, columns))
                if int(saved.sum()) > most:
                    best, most = (columns, saved), int(saved.sum())
            if best is None:
                break
            columns, saved = best
            codes[np.ix_(saved, columns)] = SUPPRESSED
            suppressed[np.ix_(saved, columns)] = True


def _without(codes: np.ndarray, persons: np.ndarray, columns: Sequence[int]) -> np.ndarray:
    trial = codes.copy()
    trial[np.ix_(persons, np.array(columns))] = SUPPRESSED
    return trial


def _suppress_wholly(codes: np.ndarray, suppressed: np.ndarray, check: _Check) -> None:
    """Suppress everything of those who still stand out, and of the smallest other classes until these are enough."""
    rest = ~check.safe(codes)
    while rest.any():
        codes[rest] = SUPPRESSED
        suppressed[rest] = True
        if check.safe(codes).all() or suppressed.all():
            return
        label, count = _classes(codes)
        others = np.unique(label[~suppressed.all(axis=1)])
        rest = label == others[np.argmin(count[others])]
