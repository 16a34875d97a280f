"""The inner cells of a population: what an attacker does not see, and every published number is a sum of.

Rules:

- An *atom* is a group of persons whom no published table tells apart. One frame gives one atom per combination
  of codes; several frames of one population (another extract, another agency's columns) give one atom per
  combination of codes *and* of the frames that hold it, so that the difference of two releases is a sum of
  atoms too.
- Where no table crosses all columns, the combinations that could occur are atoms with amount 0: the attacker
  cannot know that nobody is there. A combination under a published zero is not an atom.
- Combinations that a column decides (a school is in one district) are the only ones the attacker considers.
- If those combinations are too many, only the ones that occur are kept. That credits the attacker with knowing
  which are empty, so it can hide too much and never too little.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import pandas as pd

from linkage.disclosure.tables import Table, amounts_of, codes_of
from linkage.errors import InputError

AMOUNT = "__amount__"
ID = "__id__"
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


def make_atoms(tables: Sequence[Table], measure: str, zeros_sensitive: bool) -> Atoms:
    """Return the atoms that ``tables``, all over one population, are sums of."""
    groups: list[list[int]] = []
    for position, table in enumerate(tables):
        for group in groups:
            if _same(tables[group[0]], table):
                group.append(position)
                break
        else:
            groups.append([position])
    frame_of = [0] * len(tables)
    for number, group in enumerate(groups):
        for position in group:
            frame_of[position] = number

    wanted = dict.fromkeys(column for table in tables for column in table.columns)
    frames = []
    for group in groups:
        table = tables[group[0]]
        columns = [column for column in wanted if column in table.data.columns]
        frame = codes_of(table.data, columns)
        frame[AMOUNT] = amounts_of(table, measure)
        if table.id is not None:
            frame[ID] = table.data[table.id].astype(str).to_numpy(dtype=object)
        frames.append(frame)

    if len(frames) == 1:
        profile = _summed(frames[0])
        profile = _with_possible(profile, [tables[i] for i in groups[0]], zeros_sensitive)
        codes = profile.drop(columns=AMOUNT)
        return Atoms(profile[AMOUNT].to_numpy(float), (codes,), np.ones((len(profile), 1), dtype=bool), tuple(frame_of))
    if all(ID in frame.columns for frame in frames):
        return _followed(frames, tuple(frame_of))
    shapes = {tuple(column for column in frame.columns if column not in (ID, AMOUNT)) for frame in frames}
    if len(shapes) > 1:
        raise InputError(
            "Frames of one population hold different columns and no `id` to follow persons by.",
            problems=[f"table {tables[group[0]].name!r}" for group in groups],
            advice="Give the frames the same columns, or name the `id` column of each table.",
        )
    return _compared(frames, tuple(frame_of))


def _same(first: Table, second: Table) -> bool:
    if (first.count, first.id) != (second.count, second.id):
        return False
    return first.data is second.data or (first.data.shape == second.data.shape and first.data.equals(second.data))


def _present(codes: pd.DataFrame, present: np.ndarray) -> pd.DataFrame:
    """Return the codes, empty where the atom is not in the frame."""
    return pd.DataFrame({column: np.where(present, codes[column].to_numpy(object), "") for column in codes.columns})


def _summed(frame: pd.DataFrame) -> pd.DataFrame:
    columns = [column for column in frame.columns if column not in (ID, AMOUNT)]
    summed: pd.DataFrame = frame.groupby(columns, sort=True, as_index=False)[[AMOUNT]].sum()
    return summed


def _with_possible(profile: pd.DataFrame, tables: Sequence[Table], zeros_sensitive: bool) -> pd.DataFrame:
    """Add the combinations that could occur, with amount 0, unless they are too many."""
    columns = [column for column in profile.columns if column != AMOUNT]
    occurring = profile[profile[AMOUNT] > 0]
    seen: list[pd.DataFrame] = []
    for names in dict.fromkeys(table.columns for table in tables):
        if zeros_sensitive:
            table = next(table for table in tables if table.columns == names)
            parts = [occurring[list(levels)].drop_duplicates() for levels in table.level_columns]
            parts += [occurring[[name]].drop_duplicates() for name in table.where if name not in table.by]
        else:
            parts = [occurring[list(names)].drop_duplicates()]
        seen += parts
    seen += _determined(occurring, columns)
    limit = max(FEWEST_POSSIBLE, POSSIBLE_PER_OBSERVED * len(profile))
    waiting = sorted(seen, key=lambda part: -len(part))
    possible = waiting.pop(0)
    while waiting:
        # What only restricts goes first, what shares nothing last.
        part = min(waiting, key=lambda p: (len(set(p.columns) - set(possible.columns)), -len(p.columns)))
        waiting = [other for other in waiting if other is not part]
        shared = [column for column in part.columns if column in possible.columns]
        size = (
            int((possible.groupby(shared).size() * part.groupby(shared).size()).sum())
            if shared
            else len(possible) * len(part)
        )
        if size > limit:
            if zeros_sensitive:
                raise InputError(
                    f"Protecting zeros would need more than {limit} inner cells.",
                    advice="Publish zeros, or cross fewer dimensions in one release.",
                )
            return profile
        possible = possible.merge(part, how="inner" if shared else "cross")
    merged = possible[columns].merge(profile, how="outer", on=columns)
    merged[AMOUNT] = merged[AMOUNT].fillna(0.0)
    return merged.sort_values(columns, ignore_index=True)


def _determined(occurring: pd.DataFrame, columns: Sequence[str]) -> list[pd.DataFrame]:
    """Pairs of columns where one decides the other (school and district): every reader knows which go together."""
    sizes = {column: occurring[column].nunique() for column in columns}
    pairs = []
    for fine in columns:
        for coarse in columns:
            if fine != coarse and sizes[coarse] <= sizes[fine]:
                together = occurring[[fine, coarse]].drop_duplicates()
                if len(together) == sizes[fine]:
                    pairs.append(together)
    return pairs


def _followed(frames: Sequence[pd.DataFrame], frame_of: tuple[int, ...]) -> Atoms:
    """Atoms of frames whose persons are known by id: one per path of codes through the frames."""
    rows = []
    for number, frame in enumerate(frames):
        columns = [column for column in frame.columns if column not in (ID, AMOUNT)]
        # The k-th row of a person in one frame is taken for the k-th in the next.
        turn = frame.groupby(ID).cumcount()
        renamed = frame[columns].add_suffix(f"\0{number}")
        renamed[ID], renamed["__turn__"], renamed[f"{AMOUNT}{number}"] = frame[ID], turn, frame[AMOUNT]
        rows.append(renamed)
    paths = reduce(lambda left, right: left.merge(right, how="outer", on=[ID, "__turn__"]), rows)
    amounts = paths[[f"{AMOUNT}{number}" for number in range(len(frames))]].to_numpy(float)
    codes = paths.drop(columns=[ID, "__turn__", *[f"{AMOUNT}{number}" for number in range(len(frames))]]).fillna("")
    parts = []
    for pattern, amount in _comonotone(amounts):
        part = codes.copy()
        for number in range(len(frames)):
            part[f"__in__{number}"] = pattern[:, number]
        part[AMOUNT] = amount
        parts.append(part[amount > 0])
    stacked = pd.concat(parts, ignore_index=True)
    keys = [column for column in stacked.columns if column != AMOUNT]
    atoms = stacked.groupby(keys, sort=True, as_index=False)[AMOUNT].sum()
    member = atoms[[f"__in__{number}" for number in range(len(frames))]].to_numpy(bool)
    profiles = []
    for number in range(len(frames)):
        own = [column for column in codes.columns if column.endswith(f"\0{number}")]
        profile = pd.DataFrame({column.split("\0")[0]: atoms[column] for column in own})
        profiles.append(_present(profile, member[:, number]))
    return Atoms(atoms[AMOUNT].to_numpy(float), tuple(profiles), member, frame_of)


def _compared(frames: Sequence[pd.DataFrame], frame_of: tuple[int, ...]) -> Atoms:
    """Atoms of frames with the same columns: as much of each combination as possible is the same persons."""
    columns = [column for column in frames[0].columns if column not in (ID, AMOUNT)]
    sums = [
        _summed(frame[[*columns, AMOUNT]]).rename(columns={AMOUNT: f"{AMOUNT}{number}"})
        for number, frame in enumerate(frames)
    ]
    joined = reduce(lambda left, right: left.merge(right, how="outer", on=columns), sums)
    joined = joined.sort_values(columns, ignore_index=True).fillna(0.0)
    amounts = joined[[f"{AMOUNT}{number}" for number in range(len(frames))]].to_numpy(float)
    positions, members, values = [], [], []
    for pattern, amount in _comonotone(amounts):
        keep = np.flatnonzero(amount > 0)
        positions.append(keep)
        members.append(pattern[keep])
        values.append(amount[keep])
    # A combination that is empty in every frame stays, so that its published zero is a cell.
    empty = np.flatnonzero(amounts.sum(axis=1) == 0)
    positions.append(empty)
    members.append(np.ones((len(empty), len(frames)), dtype=bool))
    values.append(np.zeros(len(empty)))
    member = np.concatenate(members)
    codes = joined[columns].iloc[np.concatenate(positions)].reset_index(drop=True)
    profiles = tuple(_present(codes, member[:, number]) for number in range(len(frames)))
    return Atoms(np.concatenate(values), profiles, member, frame_of)


def _comonotone(amounts: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Split each row's amounts by frame into (pattern of frames, amount) parts, sharing as much as possible.

    Amounts (5, 4, 5) are 4 in all three frames and 1 in the first and third.
    """
    order = np.sort(amounts, axis=1)
    steps = np.diff(order, axis=1, prepend=0.0)
    return [
        (amounts >= order[:, [step]], np.where(amounts.max(axis=1) > 0, steps[:, step], 0.0))
        for step in range(amounts.shape[1])
        if (steps[:, step] > 0).any()
    ]
