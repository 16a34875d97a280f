"""The yearly update: new records join, IDs may merge, and nothing is ever silently split.

Rules:

- A record that has an ID keeps it, whatever the new clusters say, unless the whole ID is merged into an older one.
- A student's **home** is the cluster that holds more than half of its clustered records. Students with the same
  home are merged; the survivor is the oldest ID. A minority of a student's records in another's cluster merges
  nothing, so that no chain of partial evidence can run through IDs that a rebuild would split.
- New records follow the students at home in their cluster; failing those, the student with most records there,
  the oldest first; failing any, a new ID is minted for them all.
- Evidence that is not followed, because it would split an ID or a rule of obstacles.py stands against it, is a
  conflict: shown, never overridden, never lost.
- The order of the rows changes nothing, and the same clusters a second time change nothing at all.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd

from linkage.registry.changes import no_changes, plan_of_changes
from linkage.registry.model import NEW, Conflict, Plan, RunKind, State, Withheld, check_clusters
from linkage.registry.obstacles import Obstacles


@dataclass(frozen=True)
class _Merges:
    """Which students are absorbed, where each cluster's new records go, and what was refused."""

    survivor: dict[int, int]
    anchor: dict[int, int]
    evidence: dict[int, str]
    conflicts: tuple[Conflict, ...]


def plan_update(state: State, clusters: pd.DataFrame, one_per_agency: Collection[str] = ()) -> Plan:
    """Plan what new clusters (agency, person_token, cluster) do to the registry.

    The clusters may cover all records or only those that a run linked; a student none of whose records is in them
    is left alone. Agencies named in ``one_per_agency`` hold no student twice.
    """
    linked = link_to_state(state, clusters)
    opted, opted_conflicts = opted_out(linked)
    linked = linked[~linked["cluster"].isin(linked.loc[linked["withheld"] == Withheld.PERSON, "cluster"])]
    linked = linked[linked["withheld"] == Withheld.NO]
    pieces = _pieces(linked)
    merges = _merge(state, pieces, one_per_agency)
    fresh = _place_new(linked, pieces, merges)
    fresh, refused = _one_per_agency(state, fresh, merges, one_per_agency)
    absorbed = state.records[state.records["student"].isin(merges.survivor)]
    absorbed = absorbed.assign(
        before=absorbed["student"],
        after=absorbed["student"].map(merges.survivor),
        evidence=absorbed["student"].map(merges.evidence),
    )
    tables = [table for table in (fresh, absorbed, opted) if len(table)]
    changes = pd.concat(tables, ignore_index=True) if tables else no_changes()
    conflicts = (*opted_conflicts, *_spread(pieces), *merges.conflicts, *refused)
    return plan_of_changes(state, RunKind.UPDATE, changes, conflicts)


def link_to_state(state: State, clusters: pd.DataFrame) -> pd.DataFrame:
    """Put the state beside the clusters: agency, person_token, cluster, student, withheld, evidence; sorted.

    Clusters are numbered anew in the order of their first record, so that labels and row order change nothing.
    """
    check_clusters(clusters)
    columns = ["agency", "person_token"]
    linked = clusters[[*columns, "cluster"]].astype(dict.fromkeys(columns, "str"))
    linked = linked.sort_values(columns, ignore_index=True)
    linked = linked.merge(state.records, how="left", on=columns, validate="one_to_one")
    linked["student"] = linked["student"].fillna(NEW).astype("int64")
    linked["withheld"] = linked["withheld"].fillna(Withheld.NO.value)
    codes, labels = pd.factorize(linked["cluster"])
    linked["cluster"] = codes
    named = np.array([f"cluster {label}" for label in labels], dtype=object)
    linked["evidence"] = named[codes] if len(codes) else pd.Series([], dtype="str")
    return linked


def opted_out(linked: pd.DataFrame) -> tuple[pd.DataFrame, tuple[Conflict, ...]]:
    """Withhold the new records that were linked to a student who opted out.

    An existing ID in the same cluster is left as it is: one false link must not silence somebody else.
    """
    owner = linked[linked["withheld"] == Withheld.PERSON].groupby("cluster")["student"].min()
    touched = linked[linked["cluster"].isin(owner.index)]
    fresh = touched[touched["student"] == NEW]
    fresh = fresh.assign(before=NEW, after=fresh["cluster"].map(owner), withheld=Withheld.PERSON.value)
    others = touched[(touched["student"] != NEW) & (touched["withheld"] == Withheld.NO)]
    others = others.drop_duplicates(["cluster", "student"])
    conflicts = tuple(
        Conflict(int(owner[cluster]), int(student), 0, "the student opted out", str(evidence))
        for cluster, student, evidence in zip(others["cluster"], others["student"], others["evidence"], strict=True)
    )
    return fresh, conflicts


def _pieces(linked: pd.DataFrame) -> pd.DataFrame:
    """Count each student's records in each cluster, with its share of all its clustered records."""
    known = linked[linked["student"] != NEW]
    groups = known.groupby(["student", "cluster"], as_index=False)
    pieces = groups.agg(size=("evidence", "size"), evidence=("evidence", "first"))
    pieces["of"] = pieces.groupby("student")["size"].transform("sum")
    pieces["home"] = 2 * pieces["size"] > pieces["of"]
    return pieces


def _spread(pieces: pd.DataFrame) -> tuple[Conflict, ...]:
    """Name the students whose records the new clusters would divide."""
    divided = pieces[pieces["size"] < pieces["of"]].groupby("student").size()
    return tuple(
        Conflict(student, NEW, 0, "an update never splits", f"its records fell into {count} clusters")
        for student, count in zip(divided.index.tolist(), divided.tolist(), strict=True)
    )


def _merge(state: State, pieces: pd.DataFrame, one_per_agency: Collection[str]) -> _Merges:
    """Merge the students of one home as far as nothing stands against it."""
    # Ascending by (cluster, size, age), so that the last row written for a cluster is the one that leads it.
    leading = pieces.sort_values(["cluster", "home", "size", "student"], ascending=[True, True, True, False])
    leading = leading.drop_duplicates("cluster", keep="last")
    anchor = dict(zip(leading["cluster"].tolist(), leading["student"].tolist(), strict=True))
    at_home = pieces[pieces["home"]]
    shared = at_home[at_home.duplicated("cluster", keep=False)].sort_values(["cluster", "student"])
    obstacles = Obstacles.among(state, shared["student"].tolist(), one_per_agency)
    survivor: dict[int, int] = {}
    evidence: dict[int, str] = {}
    conflicts: list[Conflict] = []
    for _, rows in shared.groupby("cluster"):
        sizes = dict(zip(rows["student"].tolist(), rows["size"].tolist(), strict=True))
        label = str(rows["evidence"].iloc[0])
        parties: list[list[int]] = []
        for student in sizes:
            home, refusals = _party(student, parties, obstacles, label)
            conflicts += refusals
            if home is None:
                parties.append([student])
            else:
                home.append(student)
                survivor[student] = home[0]
                evidence[student] = f"{label}, with {sizes[student]} of its linked records"
        weight = {party[0]: sum(sizes[student] for student in party) for party in parties}
        anchor[int(rows["cluster"].iloc[0])] = max(weight, key=lambda oldest: (weight[oldest], -oldest))
    return _Merges(survivor, anchor, evidence, tuple(conflicts))


def _party(
    student: int, parties: list[list[int]], obstacles: Obstacles, label: str
) -> tuple[list[int] | None, list[Conflict]]:
    """Find the first party that a student may join, and the conflicts met if there is none."""
    refusals: list[Conflict] = []
    for party in parties:
        met = obstacles.between(student, party)
        if met is None:
            return party, refusals
        member, obstacle = met
        refusals.append(Conflict(member, student, obstacle.decision, obstacle.rule, label))
    return None, refusals


def _place_new(linked: pd.DataFrame, pieces: pd.DataFrame, merges: _Merges) -> pd.DataFrame:
    """Send each new record to its cluster's student, or to a student still to be minted."""
    fresh = linked[linked["student"] == NEW]
    after = fresh["cluster"].map(merges.anchor)
    after = after.where(after.isna(), after.map(merges.survivor).fillna(after))
    unknown = fresh.loc[after.isna(), "cluster"]
    minted = pd.Series(-1 - pd.factorize(unknown)[0], index=unknown.index, dtype="int64")
    return fresh.assign(before=NEW, after=after.fillna(minted).astype("int64"))


def _one_per_agency(
    state: State, fresh: pd.DataFrame, merges: _Merges, one_per_agency: Collection[str]
) -> tuple[pd.DataFrame, tuple[Conflict, ...]]:
    """Give a new ID of its own to each new record that would put a student twice into a duplicate-free agency."""
    watched = fresh[fresh["agency"].isin(list(one_per_agency))]
    held = state.records[
        state.records["agency"].isin(list(one_per_agency)) & (state.records["withheld"] == Withheld.NO)
    ]
    owner = held["student"].map(merges.survivor).fillna(held["student"]).astype("int64")
    taken = pd.MultiIndex.from_arrays([owner, held["agency"]])
    wanted = pd.MultiIndex.from_frame(watched[["after", "agency"]])
    refused = watched[wanted.isin(taken) | wanted.duplicated()]
    if refused.empty:
        return fresh, ()
    last = min(NEW, int(fresh["after"].min()))
    alone = pd.Series(last - 1 - np.arange(len(refused)), index=refused.index)
    rows = zip(refused["after"], alone, refused["agency"], refused["evidence"], strict=True)
    conflicts = tuple(
        Conflict(int(student), int(other), 0, f"{agency} holds no student twice", str(evidence))
        for student, other, agency, evidence in rows
    )
    return fresh.assign(after=alone.reindex(fresh.index).fillna(fresh["after"]).astype("int64")), conflicts
