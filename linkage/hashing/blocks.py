"""Who shares a pass's key, and which blocks are crowded: what is known before anything is keyed.

Rules:

- A block is crowded if more *persons* than its cap meet in it. Caps are about strangers whose likeness a block shows;
  an extract may hold a person several times, and a person's records must not crowd each other out.
- Two records are plainly one person if they share the key of a pass without a cap of its own, of which at most
  :data:`MOST_ALIKE` records have that key, and agree on at least three identifiers, which are at least two thirds of
  those that both have, one of them about the person. Sex and suffix do not count: strangers agree on them. Records that
  are one person with the same third record are one person.
- Twins may count as one person. That is less than a block of two strangers gives away.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from threading import Lock

import numpy as np
import pandas as pd
from numba import njit
from numpy.typing import NDArray

from linkage.hashing.prepare import Prepared
from linkage.spec.ahead import made_ahead
from linkage.spec.model import Kind, LinkageSpec, Pass
from linkage.spec.union_find import root, roots

#: More records of one extract with one key are not looked at: they are strangers of a common name.
MOST_ALIKE = 16
#: Kinds in which strangers agree so often that it says nothing.
_COMMON = (Kind.SEX, Kind.SUFFIX)
_LARGEST_NUMBER = np.iinfo(np.int64).max

Part = tuple[NDArray[np.int32], tuple[str, ...]]


@dataclass(frozen=True)
class KeyBlocks:
    """The records that can give a pass's key, ascending, and the number of each one's block, from 0 on."""

    rows: NDArray[np.int64]
    numbers: NDArray[np.int64]


class Keys:
    """The pass keys of a source; each part is taken from the distinct values once, by whichever thread comes first."""

    def __init__(self, prepared: Prepared) -> None:
        self._prepared = prepared
        self._known: dict[str, Part] = {}
        self._taking = Lock()

    def parts(self, blocking: Pass) -> list[Part]:
        """Return codes (records,) and distinct texts of each part of a pass's key; code -1 is none."""
        with self._taking:
            for part in blocking.parts:
                if part.label not in self._known:
                    self._known[part.label] = self._prepared.values[part.identifier].key_parts(part.transform)
            return [self._known[part.label] for part in blocking.parts]

    def blocks(self, blocking: Pass) -> KeyBlocks:
        """Return which records share a key."""
        held = self.parts(blocking)
        rows = np.flatnonzero(np.all([codes >= 0 for codes, _ in held], axis=0))
        columns = [codes[rows].astype(np.int64) for codes, _ in held]
        if blocking.unordered:
            # One numbering for all parts, so that parts which may change places are compared.
            numbers = {text: n for n, text in enumerate(dict.fromkeys(text for _, texts in held for text in texts))}
            columns = [
                np.array([numbers[text] for text in texts], dtype=np.int64)[column]
                for column, (_, texts) in zip(columns, held, strict=True)
            ]
            columns = list(np.sort(np.stack(columns), axis=0))
        return KeyBlocks(rows, numbered(columns))


def numbered(columns: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Give each combination of codes a number from 0 on, not far above the number of rows."""
    found, below = np.zeros(len(columns[0]), dtype=np.int64), 1
    for column in columns:
        codes = int(column.max(initial=0)) + 1
        if below * codes > _LARGEST_NUMBER:
            found, below = pd.factorize(found)[0].astype(np.int64), len(found)
        found, below = found * codes + column, below * codes
    return found if below <= 4 * len(found) else pd.factorize(found)[0].astype(np.int64)


@njit(cache=True, nogil=True)
def _join_alike(
    rows: NDArray[np.int64],
    ends: NDArray[np.int64],
    codes: NDArray[np.int32],
    personal: NDArray[np.bool_],
    parent: NDArray[np.int64],
) -> None:
    """Join the records of each block that are plainly one person; ``ends`` (rows,) is where each row's block ends."""
    for i in range(len(rows)):
        for j in range(i + 1, ends[i]):
            both, same, own = 0, 0, False
            for f in range(codes.shape[1]):
                a, b = codes[rows[i], f], codes[rows[j], f]
                both += a >= 0 and b >= 0
                if a >= 0 and a == b:
                    same += 1
                    own |= personal[f]
            if own and same >= 3 and 3 * same >= 2 * both:
                x, y = root(parent, rows[i]), root(parent, rows[j])
                parent[max(x, y)] = min(x, y)


def plain_persons(prepared: Prepared, spec: LinkageSpec, keys: Keys) -> NDArray[np.int64]:
    """Return, for each record, the first record that is plainly the same person, shape (records,)."""
    parent = np.arange(prepared.records)
    compared = [values for values in prepared.values.values() if values.identifier.kind not in _COMMON]
    if not compared:
        return parent
    codes = np.column_stack([values.codes for values in compared])
    personal = np.array([values.identifier.about == "person" for values in compared])
    fine = [blocking for blocking in possible_passes(prepared, spec.passes) if blocking.cap is None]
    for rows, ends in made_ahead(partial(_few_alike, keys, blocking) for blocking in fine):
        _join_alike(rows, ends, codes, personal, parent)
    return roots(parent)


def _few_alike(keys: Keys, blocking: Pass) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows of blocks of two to :data:`MOST_ALIKE` records, in order of block, and where each block ends."""
    found = keys.blocks(blocking)
    sizes = np.bincount(found.numbers)
    some = ((sizes > 1) & (sizes <= MOST_ALIKE))[found.numbers]
    numbers = found.numbers[some]
    order = np.argsort(numbers, kind="stable")
    numbers = numbers[order]
    return found.rows[some][order], np.searchsorted(numbers, numbers, side="right")


def pass_blocks(
    prepared: Prepared, spec: LinkageSpec, keys: Keys
) -> Iterator[tuple[Pass, KeyBlocks, NDArray[np.bool_]]]:
    """Yield each pass that the source can give, its blocks, and which of their rows lie in a crowded one."""
    persons = Persons(plain_persons(prepared, spec, keys))

    def found(blocking: Pass) -> tuple[Pass, KeyBlocks, NDArray[np.bool_]]:
        blocks = keys.blocks(blocking)
        return blocking, blocks, persons.in_blocks(blocks) > spec.cap(blocking)

    return made_ahead(partial(found, blocking) for blocking in possible_passes(prepared, spec.passes))


def possible_passes(prepared: Prepared, passes: Sequence[Pass]) -> list[Pass]:
    """Return the passes whose identifiers the source has."""
    return [blocking for blocking in passes if all(prepared.can_give(part) for part in blocking.parts)]


class Persons:
    """Which records are one person, given the first record of each one's person, shape (records,)."""

    def __init__(self, firsts: NDArray[np.int64]) -> None:
        self._firsts = firsts
        self._several = (np.bincount(firsts) > 1)[firsts]

    def in_blocks(self, found: KeyBlocks) -> NDArray[np.int64]:
        """Return how many persons each row's block holds, shape (rows,)."""
        held = np.bincount(found.numbers)
        mine = np.flatnonzero(self._several[found.rows])
        numbers, persons = found.numbers[mine], self._firsts[found.rows[mine]]
        once = pd.unique(numbers * len(self._firsts) + persons) // max(len(self._firsts), 1)
        held += np.bincount(once, minlength=len(held)) - np.bincount(numbers, minlength=len(held))
        in_each: NDArray[np.int64] = held[found.numbers]
        return in_each
