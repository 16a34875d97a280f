"""The rebuild: link everything anew, and let IDs be inherited by largest overlap.

Rules:

- Only a rebuild splits. Each cluster inherits at most one ID and each ID goes to at most one cluster, the pairs
  with most records in common first, then the oldest ID; a cluster left over mints.
- A person's decisions bind the rebuild: records decided to be one student are put into one cluster, records decided
  to be two into two, and other IDs are taken out of the cluster of a pinned ID, each with a conflict that says so.
- Records that the new clusters leave out stay with their ID, and follow it if all the rest is merged away.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from linkage.registry.changes import no_changes, plan_of_changes
from linkage.registry.model import NEW, Conflict, Decision, DecisionKind, Plan, RecordKey, RunKind, State, Withheld
from linkage.registry.plan import link_to_state, opted_out


def plan_rebuild(state: State, clusters: pd.DataFrame) -> Plan:
    """Plan the registry anew from clusters (agency, person_token, cluster) of all records."""
    linked = link_to_state(state, clusters)
    opted, conflicts = opted_out(linked)
    linked = linked[~linked["cluster"].isin(linked.loc[linked["withheld"] == Withheld.PERSON, "cluster"])]
    linked = linked[linked["withheld"] == Withheld.NO].reset_index(drop=True)
    obedient = _Obedience.of(linked, state.decisions)
    linked = linked.assign(cluster=obedient.cluster)
    moved = _assign(linked)
    moved = moved[moved["before"] != moved["after"]]
    left_behind = _follow(state, linked, moved)
    tables = [table for table in (moved, left_behind, opted) if len(table)]
    changes = pd.concat(tables, ignore_index=True) if tables else no_changes()
    return plan_of_changes(state, RunKind.REBUILD, changes, (*conflicts, *obedient.conflicts))


@dataclass
class _Obedience:
    """The clusters, changed as far as the decisions of people demand."""

    students: list[int]
    cluster: list[int]
    rows: dict[RecordKey, int]
    conflicts: list[Conflict]
    unused: int

    @classmethod
    def of(cls, linked: pd.DataFrame, decisions: tuple[Decision, ...]) -> _Obedience:
        named = {key for decision in decisions for side in decision.sides for key in side}
        found = linked[linked["person_token"].isin({key.person_token for key in named})]
        keys = zip(found.index.tolist(), found["agency"], found["person_token"], strict=True)
        rows = {RecordKey(agency, token): row for row, agency, token in keys}
        made = cls(
            linked["student"].tolist(),
            linked["cluster"].tolist(),
            rows,
            [],
            int(linked["cluster"].max()) + 1 if len(linked) else 0,
        )
        # First together, then apart: what is kept apart leaves with all the records of its student.
        for decision in decisions:
            if decision.kind is not DecisionKind.SPLIT:
                made._join(decision)
        members = made._members()
        for decision in decisions:
            if decision.kind is DecisionKind.SPLIT:
                made._part(decision, members)
            elif decision.kind is DecisionKind.PIN:
                made._clear(decision, members)
        return made

    def _side(self, decision: Decision, side: int) -> list[int]:
        return sorted(self.rows[key] for key in decision.sides[side] if key in self.rows)

    def _members(self) -> dict[int, set[int]]:
        """Return the rows of each cluster that a decision touches."""
        touched = {self.cluster[row] for row in self.rows.values()}
        members: dict[int, set[int]] = {cluster: set() for cluster in touched}
        for row, cluster in enumerate(self.cluster if touched else ()):
            if cluster in members:
                members[cluster].add(row)
        return members

    def _join(self, decision: Decision) -> None:
        rows = self._side(decision, 0)
        held = [self.cluster[row] for row in rows]
        if len(set(held)) < 2:
            return
        home = max(sorted(set(held)), key=held.count)
        for row in rows:
            self.cluster[row] = home
        self._disagree(decision, self.students[rows[0]], NEW, "holds these records together")

    def _part(self, decision: Decision, members: dict[int, set[int]]) -> None:
        stay, leave = self._side(decision, 0), self._side(decision, 1)
        for cluster in sorted({self.cluster[row] for row in stay} & {self.cluster[row] for row in leave}):
            leaving = [row for row in leave if self.cluster[row] == cluster]
            students = {self.students[row] for row in leaving}
            self._move(members, cluster, {row for row in members[cluster] if self.students[row] in students})
            self._disagree(decision, self.students[stay[0]], min(students), "keeps them apart")

    def _clear(self, decision: Decision, members: dict[int, set[int]]) -> None:
        own = {self.students[row] for row in self._side(decision, 0)}
        for cluster in sorted({self.cluster[row] for row in self._side(decision, 0)}):
            others = {self.students[row] for row in members[cluster]} - own - {NEW}
            for other in sorted(others):
                self._move(members, cluster, {row for row in members[cluster] if self.students[row] == other})
                self._disagree(decision, min(own), other, "pins an ID: no other ID may join it")

    def _move(self, members: dict[int, set[int]], cluster: int, rows: set[int]) -> None:
        """Put rows into a cluster of their own."""
        fresh, self.unused = self.unused, self.unused + 1
        members[fresh] = rows
        members[cluster] -= rows
        for row in rows:
            self.cluster[row] = fresh

    def _disagree(self, decision: Decision, student: int, other: int, rule: str) -> None:
        text = f"decision {decision.number} {rule}"
        self.conflicts.append(Conflict(student, other, decision.number, text, "the rebuild's clusters say otherwise"))


def _assign(linked: pd.DataFrame) -> pd.DataFrame:
    """Give each cluster its heir, or a student to be minted: adds before and after."""
    heirs = _heirs(linked)
    after = linked["cluster"].map(heirs)
    unknown = linked.loc[after.isna(), "cluster"]
    minted = pd.Series(-1 - pd.factorize(unknown)[0], index=unknown.index, dtype="int64")
    return linked.assign(before=linked["student"], after=after.fillna(minted).astype("int64"))


def _heirs(linked: pd.DataFrame) -> dict[int, int]:
    """Match clusters with existing students by largest overlap, then oldest ID."""
    known = linked[linked["student"] != NEW]
    overlap = known.groupby(["student", "cluster"], as_index=False).agg(size=("evidence", "size"))
    overlap = overlap.sort_values(["size", "student", "cluster"], ascending=[False, True, True])
    shared = overlap.duplicated("student", keep=False) | overlap.duplicated("cluster", keep=False)
    plain = overlap[~shared]
    heirs = dict(zip(plain["cluster"].tolist(), plain["student"].tolist(), strict=True))
    placed: set[int] = set()
    for student, cluster in zip(overlap["student"][shared].tolist(), overlap["cluster"][shared].tolist(), strict=True):
        if student not in placed and cluster not in heirs:
            heirs[cluster] = student
            placed.add(student)
    return heirs


def _follow(state: State, linked: pd.DataFrame, moved: pd.DataFrame) -> pd.DataFrame:
    """Take along the records that the clusters leave out, where all the others of their ID go to one ID."""
    lost = moved[moved["before"] != NEW].groupby("before")["after"].agg(["size", "nunique", "first"])
    clustered = linked[linked["student"].isin(lost.index)].groupby("student").size()
    whole = lost[(lost["nunique"] == 1) & (lost["size"] == clustered.reindex(lost.index))]
    records = state.records[state.records["student"].isin(whole.index)]
    gone = pd.MultiIndex.from_frame(moved[["agency", "person_token"]])
    records = records[~pd.MultiIndex.from_frame(records[["agency", "person_token"]]).isin(gone)]
    after = records["student"].map(whole["first"]).astype("int64")
    return records.assign(before=records["student"], after=after, evidence="with the rest of its ID")
