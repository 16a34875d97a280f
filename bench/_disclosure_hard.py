"""Hard instances, made here and seen by no one before, and an attacker of scipy's who shares no code with us."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.optimize import linprog

from linkage.disclosure import DisclosureRules, ProtectedRelease, Table


@dataclass(frozen=True, eq=False)
class Hard:
    """Tables over the same persons."""

    name: str
    tables: tuple[Table, ...]
    persons: pd.DataFrame


def _tree(rng: np.random.Generator, leaves: int, depth: int, name: str) -> pd.DataFrame:
    """Return codes of ``leaves`` and of what they roll up to."""
    place = np.arange(leaves)
    columns = {f"{name}0": [f"{name}0.{each}" for each in place]}
    size = leaves
    for level in range(1, depth):
        size = max(2, size // int(rng.integers(2, 5)))
        known, inverse = np.unique(place, return_inverse=True)
        place = np.sort(rng.integers(0, size, len(known)))[inverse]
        columns[f"{name}{level}"] = [f"{name}{level}.{each}" for each in place]
    return pd.DataFrame(columns)


def _draw(rng: np.random.Generator, codes: pd.DataFrame, persons: int) -> pd.DataFrame:
    drawn = rng.choice(len(codes), persons, p=rng.dirichlet(np.ones(len(codes))))
    return codes.iloc[drawn].reset_index(drop=True)


def _codes(rng: np.random.Generator, name: str, kinds: int, persons: int) -> np.ndarray:
    return rng.choice([f"{name}{each}" for each in range(kinds)], persons, p=rng.dirichlet(np.full(kinds, 2.0)))


def five_dimensions(rng: np.random.Generator) -> Hard:
    """Cross five dimensions of two to six codes."""
    frame = pd.DataFrame(
        {name: _codes(rng, name, kinds, 3000) for name, kinds in zip("abcde", (6, 4, 3, 3, 2), strict=True)}
    )
    return Hard("five dimensions", (Table("t", frame, list("abcde")),), frame)


def deep_hierarchies(rng: np.random.Generator) -> Hard:
    """Cross two dimensions of four levels each."""
    frame = pd.concat([_draw(rng, _tree(rng, 60, 4, "a"), 6000), _draw(rng, _tree(rng, 12, 4, "b"), 6000)], axis=1)
    levels = {"a0": ("a1", "a2", "a3"), "b0": ("b1", "b2", "b3")}
    return Hard("hierarchies of four levels", (Table("t", frame, ["a0", "b0"], levels=levels),), frame)


def linked_hierarchies(rng: np.random.Generator) -> Hard:
    """Link four tables that share columns, two of them with other roll-ups of the same one."""
    frame = _draw(rng, _tree(rng, 40, 3, "a"), 4000)
    zones = {code: f"z{rng.integers(0, 6)}" for code in sorted(frame["a0"].unique())}
    frame["z"] = frame["a0"].map(zones)
    for name, kinds in (("g", 4), ("s", 3), ("p", 2)):
        frame[name] = _codes(rng, name, kinds, len(frame))
    tables = (
        Table("x", frame, ["a0", "g"], levels={"a0": ("a1", "a2")}),
        Table("y", frame, ["a0", "s"], levels={"a0": ("z",)}),
        Table("w", frame, ["z", "g", "s"]),
        Table("v", frame, ["a1", "s", "p"]),
    )
    return Hard("linked, other hierarchies", tables, frame)


def many_zeros(rng: np.random.Generator) -> Hard:
    """Cross 3,600 combinations for 900 persons."""
    frame = pd.DataFrame(
        {
            "a": rng.choice([f"a{each}" for each in range(60)], 900),
            "b": rng.choice([f"b{each}" for each in range(20)], 900),
            "c": rng.choice(list("xyz"), 900, p=[0.8, 0.15, 0.05]),
        }
    )
    return Hard("many zeros", (Table("t", frame, list("abc")),), frame)


HARD: tuple[Callable[[np.random.Generator], Hard], ...] = (
    five_dimensions,
    deep_hierarchies,
    linked_hierarchies,
    many_zeros,
)


def attacked(hard: Hard, result: ProtectedRelease, rules: DisclosureRules, most: int, seed: int) -> tuple[int, int]:
    """Attack up to ``most`` small hidden counts; returns how many were tried and how many are bounded too closely."""
    counted = hard.persons.value_counts()
    inner, amount = counted.index.to_frame(index=False), counted.to_numpy(float)
    shown, values, small = [], [], []
    for table in hard.tables:
        frame = result[table.name]
        for record in frame.to_dict("records"):
            sums = np.ones(len(inner), dtype=bool)
            for name in table.by:
                if record[name] != "Total":
                    sums &= inner[record.get(f"{name}_level", name)].eq(record[name]).to_numpy()
            atoms = np.flatnonzero(sums)
            if record["count"] != rules.symbol:
                shown.append(atoms)
                values.append(float(record["count"]))
            elif 0 < amount[atoms].sum() < rules.person_threshold:
                small.append(atoms)
    rows = _matrix(shown, len(inner))
    chosen = np.random.default_rng(seed).permutation(len(small))[:most]
    return len(chosen), sum(_too_close(rows, np.array(values), small[each], amount, rules) for each in chosen)


def _matrix(rows: Sequence[np.ndarray], width: int) -> sparse.csr_matrix:
    where = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    return sparse.csr_matrix((np.ones(len(where)), (where, np.concatenate(rows))), shape=(len(rows), width))


def _too_close(
    rows: sparse.csr_matrix, values: np.ndarray, atoms: np.ndarray, amount: np.ndarray, rules: DisclosureRules
) -> bool:
    aim = np.zeros(len(amount))
    aim[atoms] = 1.0
    low = linprog(aim, A_eq=rows, b_eq=values, bounds=(0, None), method="highs")
    high = linprog(-aim, A_eq=rows, b_eq=values, bounds=(0, None), method="highs")
    reached = np.inf if high.status == 3 else -high.fun
    return bool(low.fun > amount[atoms].sum() - 1 + 1e-6 or reached < rules.person_threshold - 1e-6)
