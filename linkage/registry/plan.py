"""The yearly update: new records join, IDs may merge, and nothing is ever silently split.

Rules:

- A record that has an ID keeps it, whatever the new clusters say, unless the whole ID is merged into an older one, or
  its link to the ID's other records was thin and gives way to a solid one (contested.py says when).
- A student's **home** is the cluster that holds more than half of its clustered records. Students with the same
  home are merged where the evidence suffices; the survivor is the oldest ID.
- New records go to the student in their cluster, to the one they agree with best if there are several; failing any,
  a new ID is minted for them all.
- Evidence that is not followed, because it would split an ID, or is too weak for a merge, or a rule of obstacles.py
  stands against it, is a conflict: shown, never overridden, never lost.
- The order of the rows changes nothing, and the same clusters a second time change nothing at all.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np
import pandas as pd

from linkage.registry.changes import Reasons, no_changes, plan_of_changes
from linkage.registry.contested import Settled, settle
from linkage.registry.model import NEW, Conflict, Plan, RunKind, State, Withheld, check_clusters

GAVE_WAY = "the link to the ID's other records was thin, and gave way to another record's that is solid"
"""Why an update takes a record out of an ID, the one way in which it does."""

_MOST_ROUNDS = 20


def plan_update(
    state: State, clusters: pd.DataFrame, one_per_agency: Collection[str] = (), links: pd.DataFrame | None = None
) -> Plan:
    """Plan what new clusters (agency, person_token, cluster) do to the registry.

    The clusters may cover all records or only those that a run linked; a student none of whose records is in them
    is left alone. Agencies named in ``one_per_agency`` hold no student twice. ``links`` (contested.LINK_COLUMNS) are
    the scored pairs of records behind the clusters; without them every cluster is taken for certain.
    """
    linked = link_to_state(state, clusters)
    opted, opted_conflicts = opted_out(linked)
    linked = linked[~linked["cluster"].isin(linked.loc[linked["withheld"] == Withheld.PERSON, "cluster"])]
    linked = linked[linked["withheld"] == Withheld.NO]
    linked = linked.assign(before=linked["student"])
    linked, settled, displaced = _settle(state, linked, links, one_per_agency)
    fresh = _place_new(linked, settled)
    fresh["displaced"] = fresh.index.isin(list(displaced))
    fresh["evidence"] = fresh["evidence"].mask(fresh["displaced"], pd.Series(displaced, dtype="object"))
    absorbed = state.records[state.records["student"].isin(settled.survivor)]
    absorbed = absorbed[~_named(absorbed).isin(_named(fresh))]
    absorbed = absorbed.assign(
        before=absorbed["student"],
        after=absorbed["student"].map(settled.survivor),
        evidence=absorbed["student"].map(settled.merged),
    )
    tables = [table for table in (fresh, absorbed, opted) if len(table)]
    changes = pd.concat(tables, ignore_index=True) if tables else no_changes()
    refused = settled.conflicts(dict(zip(fresh.index.tolist(), fresh["after"].tolist(), strict=True)))
    conflicts = (*opted_conflicts, *_spread(_pieces(linked)), *refused)
    return plan_of_changes(state, RunKind.UPDATE, changes, conflicts, Reasons(split=GAVE_WAY))


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


def _settle(
    state: State, linked: pd.DataFrame, links: pd.DataFrame | None, one_per_agency: Collection[str]
) -> tuple[pd.DataFrame, Settled, dict[int, str]]:
    """Settle the contested clusters: adds the thin records that gave way to the new ones, and says why they did.

    New records count for where their student is at home, and a displaced one makes room, so that it is settled again
    until nothing changes: a second run over the same clusters then finds nothing left to do.
    """
    held, displaced, placed, rounds = state, dict[int, str](), linked["student"], 0
    while True:
        clusters = _contested(held, linked, one_per_agency)
        settled = settle(held, linked, _pieces(linked.assign(student=placed)), clusters, links, one_per_agency)
        if settled.displaced:
            displaced |= settled.displaced
            rows = list(settled.displaced)
            linked = linked.assign(student=linked["student"].mask(linked.index.isin(rows), NEW))
            held = replace(held, records=held.records[~_named(held.records).isin(_named(linked.loc[rows]))])
            placed = linked["student"]
            continue
        again, rounds = _placed(linked, settled), rounds + 1
        if again.equals(placed) or rounds == _MOST_ROUNDS:
            return linked, settled, displaced
        placed = again


def _contested(state: State, linked: pd.DataFrame, one_per_agency: Collection[str]) -> set[int]:
    """Return the clusters with several students, with one who is in others too, or whose new records clash."""
    known = linked[linked["student"] != NEW].drop_duplicates(["cluster", "student"])
    several = known.loc[known.duplicated("cluster", keep=False) | known.duplicated("student", keep=False), "cluster"]
    watched = linked[linked["agency"].isin(list(one_per_agency)) & (linked["student"] == NEW)]
    held = state.records[
        state.records["agency"].isin(list(one_per_agency)) & (state.records["withheld"] == Withheld.NO)
    ]
    student = watched["cluster"].map(known.drop_duplicates("cluster").set_index("cluster")["student"])
    wanted = pd.MultiIndex.from_arrays([student.fillna(NEW).astype("int64"), watched["agency"]])
    taken = wanted.isin(pd.MultiIndex.from_frame(held[["student", "agency"]]))
    clash = watched.loc[taken | watched.duplicated(["cluster", "agency"], keep=False), "cluster"]
    return {*several.tolist(), *clash.tolist()}


def _placed(linked: pd.DataFrame, settled: Settled) -> pd.Series[int]:
    """Return the student of each row, NEW where it is still to be minted."""
    known = linked[linked["student"] != NEW].drop_duplicates("cluster").set_index("cluster")["student"]
    fresh = linked["student"] == NEW
    alone = fresh & ~linked.index.isin(list(settled.party))
    student = linked["student"].where(~alone, linked["cluster"].map(known).fillna(NEW)).astype("int64")
    joined = pd.Series(settled.party, dtype="int64").map(settled.owner).fillna(NEW).astype("int64")
    return student.where(~linked.index.isin(joined.index), joined.reindex(linked.index).fillna(NEW).astype("int64"))


def _place_new(linked: pd.DataFrame, settled: Settled) -> pd.DataFrame:
    """Send each new or displaced record to its student, or to one still to be minted for it and its company."""
    fresh = linked[linked["student"] == NEW]
    after = _placed(linked, settled).reindex(fresh.index)
    party = pd.Series(settled.party, dtype="int64").reindex(fresh.index)
    # Parties are numbered after all clusters, so that no two companies share a number.
    first = int(linked["cluster"].max()) + 1 if len(linked) else 0
    company = party.add(first).fillna(fresh["cluster"])[after == NEW]
    minted = pd.Series(-1 - pd.factorize(company)[0], index=company.index, dtype="int64")
    return fresh.assign(after=after.where(after != NEW, minted.reindex(fresh.index).fillna(NEW).astype("int64")))


def _named(records: pd.DataFrame) -> pd.MultiIndex:
    return pd.MultiIndex.from_frame(records[["agency", "person_token"]])
