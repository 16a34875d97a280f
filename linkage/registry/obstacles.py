"""What stands against putting two students under one ID, however strong the evidence.

Rules:

- A person's decision outweighs a link: records decided to be two students stay two, and an ID that a person has
  pinned takes in no other existing ID. The link is kept as a conflict, for people to look at.
- An agency that says it holds no student twice has no two records under one ID.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from linkage.registry.model import Decision, DecisionKind, RecordKey, State, Withheld


@dataclass(frozen=True)
class Obstacle:
    """Why two students stay two; ``decision`` is 0 if no person's."""

    decision: int
    rule: str


@dataclass(frozen=True)
class Obstacles:
    """Decisions and duplicate-free agencies, put in terms of the students at hand."""

    apart: dict[tuple[int, int], int]
    pinned: dict[int, int]
    agencies: dict[int, set[str]]

    @classmethod
    def among(cls, state: State, students: Collection[int], one_per_agency: Collection[str]) -> Obstacles:
        """Gather what stands between any two of ``students``."""
        wanted = set(students)
        owner = owners(state, state.decisions, wanted)
        apart: dict[tuple[int, int], int] = {}
        pinned: dict[int, int] = {}
        for decision in state.decisions:
            sides = [{owner[key] for key in side if key in owner} for side in decision.sides]
            if decision.kind is DecisionKind.PIN:
                pinned |= dict.fromkeys(sides[0], decision.number)
            elif decision.kind is DecisionKind.SPLIT:
                apart |= {_pair(one, two): decision.number for one in sides[0] for two in sides[1] if one != two}
        held = state.records[
            state.records["student"].isin(wanted)
            & state.records["agency"].isin(list(one_per_agency))
            & (state.records["withheld"] == Withheld.NO)
        ]
        agencies: dict[int, set[str]] = defaultdict(set)
        for student, agency in zip(held["student"].tolist(), held["agency"].tolist(), strict=True):
            agencies[student].add(agency)
        return cls(apart, pinned, agencies)

    def between(self, student: int, members: Iterable[int]) -> tuple[int, Obstacle] | None:
        """Return the first of ``members`` that ``student`` must not join, with the reason."""
        for member in members:
            if (met := self.decided(student, (member,))) is not None:
                return met
            if shared := self.agencies.get(student, set()) & self.agencies.get(member, set()):
                return member, Obstacle(0, f"{min(shared)} holds no student twice")
        return None

    def decided(self, student: int, members: Iterable[int]) -> tuple[int, Obstacle] | None:
        """Return the first of ``members`` that a person decided ``student`` must not join."""
        for member in members:
            if (decision := self.apart.get(_pair(student, member), 0)) > 0:
                return member, Obstacle(decision, f"decision {decision} keeps them apart")
            if (decision := self.pinned.get(student, 0) or self.pinned.get(member, 0)) > 0:
                return member, Obstacle(decision, f"decision {decision} pins an ID: no other ID may join it")
        return None


def owners(state: State, decisions: Iterable[Decision], among: Collection[int]) -> dict[RecordKey, int]:
    """Return the student of each record that a decision names, for the students ``among``."""
    named = {key for decision in decisions for side in decision.sides for key in side}
    if not named:
        return {}
    tokens = {key.person_token for key in named}
    rows = state.records[state.records["person_token"].isin(tokens) & state.records["student"].isin(among)]
    found = zip(rows["agency"], rows["person_token"], rows["student"], strict=True)
    keyed = {RecordKey(agency, token): int(student) for agency, token, student in found}
    return {key: student for key, student in keyed.items() if key in named}


def _pair(one: int, two: int) -> tuple[int, int]:
    return (one, two) if one < two else (two, one)
