"""Inner cells that could be occupied though nobody is in them: needed where zeros are hidden too.

Rules:

- Where zeros are published, only combinations that occur are inner cells. That credits the attacker with knowing
  which are empty, even of combinations that no table prints: it can hide a little too much, never too little.
- Where zeros are sensitive, a zero may be hidden, so every combination of codes is an inner cell, except those that
  one column rules out for another (a school is in one district).
- Where persons changed codes between two frames, only what occurs is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from linkage.disclosure.tables import Table
from linkage.errors import InputError

POSSIBLE_PER_OBSERVED = 8
FEWEST_POSSIBLE = 20_000


@dataclass(frozen=True, eq=False)
class Atoms:
    """Inner cells of one measure over one population.

    ``profiles[b]`` gives each atom's codes in frame b (empty text where the atom is not in it), ``member`` says
    which atoms are in which frame, ``frame_of[t]`` which frame table t is made from.
    """

    amount: np.ndarray
    profiles: tuple[pd.DataFrame, ...]
    member: np.ndarray
    frame_of: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.amount)


def with_possible(atoms: Atoms, tables: Sequence[Table]) -> Atoms:
    """Add the combinations that could occur, in every frame, with amount 0."""
    wide = _one_code_each(atoms)
    if wide is None:
        return atoms
    columns = list(wide.columns)
    parts: list[pd.DataFrame] = []
    crossings = {(atoms.frame_of[number], table.columns): table for number, table in enumerate(tables)}
    for (frame, _), table in crossings.items():
        occurring = atoms.profiles[frame][atoms.member[:, frame] & (atoms.amount > 0)]
        parts += [occurring[list(levels)].drop_duplicates() for levels in table.level_columns]
        dimensions = {column for levels in table.level_columns for column in levels}
        parts += [occurring[[name]].drop_duplicates() for name in table.where if name not in dimensions]
    parts += _determined(wide[atoms.amount > 0], columns)
    limit = max(FEWEST_POSSIBLE, POSSIBLE_PER_OBSERVED * len(atoms))
    possible = _joined(parts, limit)
    if possible is None:
        raise InputError(
            f"Protecting zeros would need more than {limit} inner cells.",
            advice="Publish zeros, or cross fewer dimensions in one release.",
        )
    everywhere = wide[atoms.member.all(axis=1)].drop_duplicates()
    added = possible[columns].merge(everywhere, how="left", on=columns, indicator=True)
    added = added[added["_merge"] == "left_only"][columns].sort_values(columns, ignore_index=True)
    profiles = tuple(
        pd.concat([profile, added[list(profile.columns)]], ignore_index=True) for profile in atoms.profiles
    )
    member = np.vstack([atoms.member, np.ones((len(added), atoms.member.shape[1]), dtype=bool)])
    return Atoms(np.concatenate([atoms.amount, np.zeros(len(added))]), profiles, member, atoms.frame_of)


def _one_code_each(atoms: Atoms) -> pd.DataFrame | None:
    """Return each atom's code per column, if it is the same in every frame that holds the atom."""
    codes: dict[str, np.ndarray] = {}
    for profile, member in zip(atoms.profiles, atoms.member.T, strict=True):
        for column in profile.columns:
            own = profile[column].to_numpy(object)
            known = codes.setdefault(column, np.full(len(atoms), "", dtype=object))
            if (member & (known != "") & (known != own)).any():
                return None
            codes[column] = np.where(member & (known == ""), own, known)
    return pd.DataFrame(codes)


def _determined(occurring: pd.DataFrame, columns: Sequence[str]) -> list[pd.DataFrame]:
    """Pairs of columns where one decides the other: every reader knows which codes go together."""
    sizes = {column: occurring[column].nunique() for column in columns}
    pairs = []
    for fine in columns:
        for coarse in columns:
            if fine != coarse and sizes[coarse] <= sizes[fine]:
                together = occurring[[fine, coarse]].drop_duplicates()
                if len(together) == sizes[fine]:
                    pairs.append(together)
    return pairs


def _joined(parts: Sequence[pd.DataFrame], limit: int) -> pd.DataFrame | None:
    """Return the natural join of ``parts``, or None if it exceeds ``limit`` rows on the way."""
    waiting = sorted(parts, key=lambda part: -len(part))
    possible = waiting.pop(0)
    while waiting:
        # What only restricts goes first, what shares nothing last.
        part = min(waiting, key=lambda p: (len(set(p.columns) - set(possible.columns)), -len(p.columns)))
        waiting = [other for other in waiting if other is not part]
        shared = [column for column in part.columns if column in possible.columns]
        size = len(possible) * len(part)
        if shared:
            size = int((possible.groupby(shared).size() * part.groupby(shared).size()).sum())
        if size > limit:
            return None
        possible = possible.merge(part, how="inner" if shared else "cross")
    return possible
