"""Pairs in doubt: those whose decision a person's word could turn, nearest to even odds first.

Rules:

- A pair that was not linked is worth asking about if its two persons could be one: no source that holds nobody twice is
  in both.
- A pair that was linked is worth asking about if its two persons would part without it: no other link holds them.
- Inside a source that holds nobody twice there is no doubt.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

import pandas as pd

from linkage.matching.outcome import Record
from linkage.matching.persons import Persons


@dataclass(frozen=True)
class Doubtful:
    """A pair in doubt; ``side_of_b`` are the records that stay with ``b`` if the two are parted."""

    a: Record
    b: Record
    pattern: int
    probability: float
    linked: bool
    side_of_b: frozenset[Record]


def doubtful_pairs(persons: Persons, one_each: Collection[str], least: float, most: float) -> tuple[Doubtful, ...]:
    """Return pairs with a probability between ``least`` and ``most`` whose decision could be turned."""
    pairs = persons.pairs
    chance = pairs["match_probability"]
    close = pairs[(chance >= least) & (chance <= most) & pairs["decision"].isin(["linked", "review"])]
    if close.empty:
        return ()
    place = _Places(persons)
    found = []
    for source_a, row_a, source_b, row_b, decision, pattern, probability in _rows(close):
        a, b = place.number(source_a, row_a), place.number(source_b, row_b)
        linked = decision == "linked"
        parted = place.parted(a, b) if linked else place.joinable(a, b, one_each)
        if parted is not None:
            side = frozenset(place.record(number) for number in parted)
            found.append(Doubtful(place.record(a), place.record(b), pattern, probability, linked, side))
    return tuple(sorted(found, key=lambda each: (abs(each.probability - 0.5), str(each.a), str(each.b))))


def _rows(pairs: pd.DataFrame) -> Iterator[tuple[str, int, str, int, str, int, float]]:
    columns = ("source_a", "row_a", "source_b", "row_b", "decision", "pattern", "match_probability")
    return zip(*(pairs[column].tolist() for column in columns), strict=True)


class _Places:
    """Records by number, their clusters, and the links within a cluster."""

    def __init__(self, persons: Persons) -> None:
        records = persons.records
        self._records = [
            Record(source, token) for source, token in zip(records["source"], records["person_token"], strict=True)
        ]
        self._cluster = records["cluster_id"].to_numpy()
        self._number: Mapping[tuple[str, int], int] = {
            key: number for number, key in enumerate(zip(records["source"], records["row"].tolist(), strict=True))
        }
        self._members: dict[int, list[int]] = defaultdict(list)
        for number, cluster in enumerate(self._cluster.tolist()):
            self._members[cluster].append(number)
        self._near = self._links(persons.pairs)

    def _links(self, pairs: pd.DataFrame) -> dict[int, set[int]]:
        linked = pairs[pairs["decision"] == "linked"]
        near: dict[int, set[int]] = defaultdict(set)
        for source_a, row_a, source_b, row_b, *_ in _rows(linked):
            a, b = self._number[source_a, row_a], self._number[source_b, row_b]
            near[a].add(b)
            near[b].add(a)
        return near

    def number(self, source: str, row: int) -> int:
        return self._number[source, row]

    def record(self, number: int) -> Record:
        return self._records[number]

    def joinable(self, a: int, b: int, one_each: Collection[str]) -> frozenset[int] | None:
        """Return ``b`` where two records of two persons could be one, by the rule of one record a source."""
        if self._cluster[a] == self._cluster[b] or self._exclusive(a, one_each) & self._exclusive(b, one_each):
            return None
        return frozenset({b})

    def _exclusive(self, number: int, one_each: Collection[str]) -> set[str]:
        members: Iterable[int] = self._members[int(self._cluster[number])]
        return {self._records[member].source for member in members} & set(one_each)

    def parted(self, a: int, b: int) -> frozenset[int] | None:
        """Return the records still joined to ``b`` if the link to ``a`` is taken away; None if ``a`` is among them."""
        reached, waiting = {b}, [b]
        while waiting:
            number = waiting.pop()
            for other in self._near[number]:
                if {number, other} != {a, b} and other not in reached:
                    if other == a:
                        return None
                    reached.add(other)
                    waiting.append(other)
        return frozenset(reached)
