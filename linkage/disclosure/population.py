"""The inner cells of a population: what an attacker does not see, and every published number is a sum of.

Rules:

- An *atom* is a group of persons whom no published table tells apart. One frame gives one atom per combination
  of codes; several frames of one population (another extract, another agency's columns) give one atom per
  combination of codes *and* of the frames that hold it, so that the difference of two releases is a sum of
  atoms too.
- A frame is what tables of one vintage are made from: rows that no table of the system selects are not part of it.
- Which combinations are atoms though nobody is in them, see possible.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.optimize import linprog

from linkage.disclosure.possible import Atoms, with_possible
from linkage.disclosure.tables import Table, amounts_of, codes_of
from linkage.errors import InputError

AMOUNT = "__amount__"
ID = "__id__"
SLOT = ("__kind__", "__turn__")
"""Which of a person's rows a row is."""
ROUNDED_OFF = 1e-7
MOST_JOINED = 200_000
"""Inner cells that frames with different columns may be joined to."""


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
        frames.append(_selected(frame, [tables[position] for position in group]))

    if len(frames) == 1:
        profile = _summed(frames[0])
        codes = profile.drop(columns=AMOUNT)
        everyone = np.ones((len(profile), 1), dtype=bool)
        atoms = Atoms(profile[AMOUNT].to_numpy(float), (codes,), everyone, tuple(frame_of))
    elif all(ID in frame.columns for frame in frames):
        atoms = _followed(frames, tuple(frame_of))
    elif len({_columns(frame) for frame in frames}) == 1:
        atoms = _compared(frames, tuple(frame_of))
    else:
        atoms = _joined(frames, tuple(frame_of), [tables[group[0]].name for group in groups])
    return with_possible(atoms, tables) if zeros_sensitive else atoms


def _columns(frame: pd.DataFrame) -> tuple[str, ...]:
    return tuple(column for column in frame.columns if column not in (ID, AMOUNT))


def _selected(frame: pd.DataFrame, tables: Sequence[Table]) -> pd.DataFrame:
    """Return the rows that some table takes in."""
    filters = {tuple((name, tuple(map(str, codes))) for name, codes in table.where.items()) for table in tables}
    if () in filters:
        return frame
    chosen = np.zeros(len(frame), dtype=bool)
    for each in filters:
        chosen |= np.logical_and.reduce([frame[name].isin(codes).to_numpy() for name, codes in each])
    return frame[chosen].reset_index(drop=True)


def _same(first: Table, second: Table) -> bool:
    if (first.count, first.id, first.vintage) != (second.count, second.id, second.vintage):
        return False
    return first.data is second.data or (first.data.shape == second.data.shape and first.data.equals(second.data))


def _present(codes: pd.DataFrame, present: np.ndarray) -> pd.DataFrame:
    """Return the codes, empty where the atom is not in the frame."""
    return pd.DataFrame({column: np.where(present, codes[column].to_numpy(object), "") for column in codes.columns})


def _summed(frame: pd.DataFrame) -> pd.DataFrame:
    columns = list(_columns(frame))
    summed: pd.DataFrame = frame.groupby(columns, sort=True, as_index=False)[[AMOUNT]].sum()
    return summed


def _followed(frames: Sequence[pd.DataFrame], frame_of: tuple[int, ...]) -> Atoms:
    """Atoms of frames whose persons are known by id: one per path of codes through the frames."""
    rows = []
    for number, (frame, slot) in enumerate(zip(frames, _slots(frames), strict=True)):
        renamed = frame[list(_columns(frame))].add_suffix(f"\0{number}").join(slot)
        renamed[f"{AMOUNT}{number}"] = frame[AMOUNT]
        rows.append(renamed)
    key = [ID, *SLOT]
    paths = reduce(lambda left, right: left.merge(right, how="outer", on=key), rows)
    # A person whom a frame does not hold adds nothing to it.
    amounts = paths[[f"{AMOUNT}{number}" for number in range(len(frames))]].fillna(0.0).to_numpy(float)
    codes = paths.drop(columns=[*key, *[f"{AMOUNT}{number}" for number in range(len(frames))]]).fillna("")
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


def _slots(frames: Sequence[pd.DataFrame]) -> list[pd.DataFrame]:
    """Say which row of a person in one frame is which in another.

    Rows of equal codes are the same; of those left over, a person's k-th in one frame is the k-th in the next.
    """
    shared = [column for column in _columns(frames[0]) if all(column in frame.columns for frame in frames)]
    every = pd.concat([frame[[ID, *shared]].assign(frame=number) for number, frame in enumerate(frames)])
    every["kind"] = every.groupby([ID, *shared]).ngroup()
    every["turn"] = every.groupby(["frame", "kind"]).cumcount()
    alone = every.groupby(["kind", "turn"])["frame"].transform("size").eq(1)
    every.loc[alone, "kind"] = -1
    every.loc[alone, "turn"] = every[alone].groupby(["frame", ID]).cumcount()
    every = every.rename(columns=dict(zip(("kind", "turn"), SLOT, strict=True)))
    return [every.loc[every["frame"].eq(number), [ID, *SLOT]].reset_index(drop=True) for number in range(len(frames))]


def _compared(frames: Sequence[pd.DataFrame], frame_of: tuple[int, ...]) -> Atoms:
    """Atoms of frames with the same columns: as much of each combination as possible is the same persons."""
    columns = list(_columns(frames[0]))
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


def _joined(frames: Sequence[pd.DataFrame], frame_of: tuple[int, ...], names: Sequence[str]) -> Atoms:
    """Atoms of frames with different columns and no id: any amounts that add up to each frame will do.

    What an attacker can conclude does not hang on which of them is the true one. As many persons as possible are
    taken to be in all frames.
    """
    sums = [_summed(frame[[*_columns(frame), AMOUNT]]) for frame in frames]
    joined = sums[0][list(_columns(frames[0]))]
    for number, part in enumerate(sums[1:], start=1):
        own = list(_columns(frames[number]))
        shared = [column for column in own if column in joined.columns]
        joined = joined.merge(part[own], how="inner" if shared else "cross", on=shared or None)
        if len(joined) > MOST_JOINED:
            raise InputError(
                "Frames of one population hold different columns and no `id` to follow persons by.",
                problems=[f"table {name!r}" for name in names],
                advice="Give the frames the same columns, or name the `id` column of each table.",
            )
    blocks, wanted, alone = [], [], []
    for number, part in enumerate(sums):
        own = list(_columns(frames[number]))
        place = joined[own].merge(part[own].assign(row=np.arange(len(part))), how="left", on=own)["row"].to_numpy(int)
        shape = (len(part), len(joined))
        blocks.append(sparse.csr_matrix((np.ones(len(joined)), (place, np.arange(len(joined)))), shape=shape))
        wanted.append(part[AMOUNT].to_numpy(float))
        alone.append(len(part))
    body = sparse.hstack([sparse.vstack(blocks), sparse.identity(sum(alone))], format="csr")
    price = np.concatenate([np.zeros(len(joined)), np.ones(sum(alone))])
    solved = linprog(price, A_eq=body, b_eq=np.concatenate(wanted), bounds=(0, None), method="highs")
    amount = np.where(solved.x > ROUNDED_OFF, solved.x, 0.0)
    member = np.ones((len(joined), len(frames)), dtype=bool)
    profiles = [[joined[list(_columns(frame))]] for frame in frames]
    for number, part in enumerate(sums):
        block = np.zeros((len(part), len(frames)), dtype=bool)
        block[:, number] = True
        member = np.vstack([member, block])
        for other, frame in enumerate(frames):
            own = list(_columns(frame))
            profiles[other].append(part[own] if other == number else pd.DataFrame("", index=part.index, columns=own))
    stacked = [pd.concat(parts, ignore_index=True) for parts in profiles]
    # A person taken to be in one frame only is an atom only if there is one.
    keep = np.concatenate([np.ones(len(joined), dtype=bool), amount[len(joined) :] > 0])
    kept = tuple(profile[keep].reset_index(drop=True) for profile in stacked)
    return Atoms(amount[keep], kept, member[keep], frame_of)


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
