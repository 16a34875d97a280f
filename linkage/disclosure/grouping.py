"""Grouping atoms by their codes, quickly and often: one frame is cut by thousands of grouping sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd


class CodedProfile:
    """The codes of a frame's atoms as numbers, in the order of the codes' text."""

    def __init__(self, profile: pd.DataFrame) -> None:
        self.numbers: dict[str, np.ndarray] = {}
        self.codes: dict[str, np.ndarray] = {}
        for column in profile.columns:
            numbers, codes = pd.factorize(profile[column].to_numpy(object), sort=True)
            self.numbers[str(column)], self.codes[str(column)] = numbers, np.asarray(codes, dtype=object)

    def select(self, member: np.ndarray, where: Mapping[str, Sequence[str]]) -> np.ndarray:
        """Return the positions of member atoms whose codes ``where`` allows."""
        mask = member.copy()
        for column, allowed in where.items():
            wanted = np.isin(self.codes[column], [str(code) for code in allowed])
            mask &= wanted[self.numbers[column]]
        return np.flatnonzero(mask)

    def cut(self, inside: np.ndarray, columns: Sequence[str]) -> tuple[np.ndarray, pd.DataFrame]:
        """Group the atoms ``inside`` by ``columns``: return each one's group, and the groups' codes in order."""
        if not columns:
            size = min(len(inside), 1)
            return np.zeros(len(inside), dtype=int), pd.DataFrame(index=range(size))
        label = np.zeros(len(inside), dtype=np.int64)
        first = np.arange(len(inside))
        for column in columns:
            combined = label * len(self.codes[column]) + self.numbers[column][inside]
            # Renumbered at each step, so that many columns of many codes cannot overflow.
            _, first, label = np.unique(combined, return_index=True, return_inverse=True)
        chosen = inside[first]
        return label, pd.DataFrame({name: self.codes[name][self.numbers[name][chosen]] for name in columns})
