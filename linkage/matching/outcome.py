"""What became of a pair of records when persons were decided, and why.

Rules:

- The answer is read from the very clustering that a run resolves, never worked out a second time.
- A refusal names what stood against the link: the record that the source already had in that person.
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass
from enum import StrEnum

import pandas as pd

from linkage.matching.persons import Persons
from linkage.matching.score import LINK_THRESHOLD, REVIEW_FLOOR

_SHOWN = 8


class Outcome(StrEnum):
    """What a run did with a pair of records."""

    LINKED = "linked"
    LATER = "linked in a later round"
    THROUGH = "linked through other records"
    CONFLICT = "link refused"
    TWICE = "not linked: two records of one source"
    BELOW = "not linked: below the threshold"
    UNLIKELY = "not linked: compared, and too unlikely to keep"
    NEVER_MET = "not linked: never compared"
    ABSENT = "not in this run"


@dataclass(frozen=True)
class Record:
    """One record as the registrar knows it."""

    source: str
    person_token: str

    def __str__(self) -> str:
        return f"{self.source}:{self.person_token[:_SHOWN]}"


@dataclass(frozen=True)
class Decided:
    """The outcome for a pair, and the reason in a sentence; ``pattern`` is None where the pair was not kept."""

    outcome: Outcome
    reason: str
    pattern: int | None


class Decisions:
    """The decided persons of a run, ready to be asked about pairs."""

    def __init__(self, persons: Persons, one_each: tuple[str, ...]) -> None:
        self._records = persons.records
        self._pairs = persons.pairs
        self._one_each = one_each
        self._place = {
            Record(source, token): place
            for place, (source, token) in enumerate(
                zip(persons.records["source"], persons.records["person_token"], strict=True)
            )
        }

    def knows(self, record: Record) -> bool:
        """Tell whether a record was in the run."""
        return record in self._place

    def find(self, source: str, start: str) -> list[Record]:
        """Return the records of a source whose token begins so."""
        mine = self._records["source"] == source
        tokens = self._records.loc[mine, "person_token"]
        return [Record(source, token) for token in tokens[tokens.str.startswith(start.lower())]]

    def decided(self, a: Record, b: Record, compared: float | None = None) -> Decided:
        """Say what became of two records of the run.

        ``compared`` is the probability of a pair that was compared and not kept, None if the two never met.
        """
        kept = self._kept(a, b)
        pattern = None if kept is None else int(kept["pattern"])
        if self._cluster(a) == self._cluster(b):
            return Decided(*self._together(a, b, kept), pattern)
        if kept is None:
            if compared is None:
                return Decided(Outcome.NEVER_MET, "they share no block: no pass has the same key for both", None)
            below = f"its probability, {compared:.2g}, is below {REVIEW_FLOOR:g}, where pairs are not kept"
            return Decided(Outcome.UNLIKELY, below, None)
        if kept["decision"] == "conflict":
            return Decided(Outcome.CONFLICT, self._refusal(a, b), pattern)
        if kept["decision"] == "placebo" or (a.source == b.source and a.source in self._one_each):
            return Decided(Outcome.TWICE, f"{a.source} says that it holds nobody twice", pattern)
        below = f"its probability, {kept['match_probability']:.2g}, does not reach the threshold of {LINK_THRESHOLD:g}"
        return Decided(Outcome.BELOW, below, pattern)

    def _cluster(self, record: Record) -> int:
        return int(self._records["cluster_id"].iloc[self._place[record]])

    def _members(self, record: Record) -> list[Record]:
        rows = self._records[self._records["cluster_id"] == self._cluster(record)]
        return [Record(source, token) for source, token in zip(rows["source"], rows["person_token"], strict=True)]

    def _row(self, record: Record) -> int:
        return int(self._records["row"].iloc[self._place[record]])

    def _kept(self, a: Record, b: Record) -> pd.Series | None:
        """Return the kept pair of two records, in either order."""
        pairs = self._pairs
        for one, other in ((a, b), (b, a)):
            found = pairs[
                (pairs["row_a"] == self._row(one))
                & (pairs["row_b"] == self._row(other))
                & (pairs["source_a"] == one.source)
                & (pairs["source_b"] == other.source)
            ]
            if len(found):
                return found.iloc[0]
        return None

    def _together(self, a: Record, b: Record, kept: pd.Series | None) -> tuple[Outcome, str]:
        if kept is None or kept["decision"] != "linked":
            return Outcome.THROUGH, f"by the links {' - '.join(map(str, self._path(a, b)))}"
        if kept["match_probability"] <= LINK_THRESHOLD:
            return Outcome.LATER, (
                f"its own probability, {kept['match_probability']:.2g}, does not reach {LINK_THRESHOLD:g}, but neither "
                "record had found another partner, and the matches still expected between the two sources were spread "
                "over the records still free"
            )
        return Outcome.LINKED, "its probability is over the threshold, and nothing stood against it"

    def _refusal(self, a: Record, b: Record) -> str:
        one, other = self._members(a), self._members(b)
        for source in self._one_each:
            mine = [record for record in one if record.source == source]
            theirs = [record for record in other if record.source == source]
            if mine and theirs:
                return f"{source} holds nobody twice, and {_already(a, mine[0], b, theirs[0])}"
        return (
            "the other records of the two persons speak against it: the log odds of all pairs between them are negative"
        )

    def _path(self, a: Record, b: Record) -> list[Record]:
        """Return the shortest chain of links that joins two records of one person."""
        members = self._members(a)
        by_row = {(record.source, self._row(record)): record for record in members}
        linked = self._pairs[self._pairs["decision"] == "linked"]
        near = defaultdict(list)
        rows = {row for _, row in by_row}
        linked = linked[linked["row_a"].isin(rows) & linked["row_b"].isin(rows)]
        for ends in zip(linked["source_a"], linked["row_a"], linked["source_b"], linked["row_b"], strict=True):
            one, other = by_row.get(ends[:2]), by_row.get(ends[2:])
            if one is not None and other is not None:
                near[one].append(other)
                near[other].append(one)
        before: dict[Record, Record] = {a: a}
        waiting = deque([a])
        while waiting and b not in before:
            record = waiting.popleft()
            for other in near[record]:
                if other not in before:
                    before[other] = record
                    waiting.append(other)
        path = [b]
        while path[-1] != a:
            path.append(before[path[-1]])
        return path[::-1]


def _already(a: Record, mine: Record, b: Record, theirs: Record) -> str:
    """Say which records of one source stood in the way; one of them may be of the pair itself."""
    if mine == a:
        return f"{b} was already with {theirs}, by a stronger link"
    if theirs == b:
        return f"{a} was already with {mine}, by a stronger link"
    return f"{a} was already with {mine} and {b} with {theirs}, by stronger links"
