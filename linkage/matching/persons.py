"""From links between pass tokens to persons: the registrar's half of matching.

Rules:

- Only the token table joins the passes of a record. It says which record each end of a link is; the encodings are not
  needed here, and are not here.
- Links below the threshold are kept for review and never join.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from linkage.matching.clusters import cluster
from linkage.matching.score import LINK_THRESHOLD
from linkage.spec.encodings import TokenTable


@dataclass(frozen=True)
class Persons:
    """Every record with its cluster, and every kept pair with what became of it.

    ``records``: ``source`` (str), ``row`` (position in the source), ``person_token`` (str), ``cluster_id`` (int).
    ``pairs``: ``source_a``, ``row_a``, ``source_b``, ``row_b``, ``match_weight``, ``match_probability``, ``pattern``,
    ``decision``: *linked*, *conflict* (refused by the one-per-source rule), *placebo* (inside a duplicate-free
    source, so false), or *review* (below the threshold).
    """

    records: pd.DataFrame
    pairs: pd.DataFrame


def _ends(links: pd.DataFrame, side: str, tables: Sequence[TokenTable], starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the record number of one end of each link, -1 where no token table knows the token."""
    numbers = np.full(len(links), -1, dtype=np.int64)
    for table, start in zip(tables, starts, strict=False):
        mine = links[f"source_{side}"].to_numpy() == table.source
        for name in links.loc[mine, "pass"].unique():
            column = table.table.get(f"pass:{name}")
            if column is None:
                continue
            at = np.flatnonzero(mine & (links["pass"].to_numpy() == name))
            tokens = column.to_numpy(dtype=np.uint64)
            order = np.argsort(tokens)
            wanted = links[f"token_{side}"].to_numpy(dtype=np.uint64)[at]
            found = order[np.minimum(np.searchsorted(tokens, wanted, sorter=order), len(order) - 1)]
            numbers[at] = np.where(tokens[found] == wanted, found + start, -1)
    return numbers


def _decisions(
    probability: NDArray[np.float64], inside: NDArray[np.bool_], refused: NDArray[np.bool_]
) -> NDArray[np.object_]:
    decision = np.where(probability > LINK_THRESHOLD, "linked", "review").astype(object)
    decision[refused] = "conflict"
    decision[inside & (probability > LINK_THRESHOLD)] = "placebo"
    return decision


def resolve_persons(
    links: pd.DataFrame, tables: Sequence[TokenTable], may_have_duplicates: frozenset[str] = frozenset()
) -> Persons:
    """Join links to records and cluster them, strongest first, one record of a duplicate-free source to a person."""
    starts = np.cumsum([0, *(len(table.table) for table in tables)])
    source_of = np.repeat(np.arange(len(tables)), np.diff(starts))
    exclusive = np.array([table.source not in may_have_duplicates for table in tables]) & (len(tables) > 1)

    a, b = _ends(links, "a", tables, starts), _ends(links, "b", tables, starts)
    known = (a >= 0) & (b >= 0)
    links, a, b = links[known].reset_index(drop=True), a[known], b[known]
    weight, probability = links["match_weight"].to_numpy(), links["match_probability"].to_numpy()
    inside = (source_of[a] == source_of[b]) & exclusive[source_of[a]] if len(a) else np.zeros(0, dtype=bool)
    joining = (probability > LINK_THRESHOLD) & ~inside

    clustered = cluster(a[joining], b[joining], weight[joining], source_of.astype(np.int64), exclusive)
    refused = np.zeros(len(links), dtype=bool)
    refused[np.flatnonzero(joining)] = ~clustered.taken
    _, cluster_id = np.unique(clustered.labels, return_inverse=True)
    names = np.array([table.source for table in tables], dtype=object)
    position = np.concatenate([table.table["row"].to_numpy() for table in tables])
    records = pd.DataFrame(
        {
            "source": names[source_of],
            "row": position,
            "person_token": np.concatenate([table.table["person_token"].to_numpy(dtype=object) for table in tables]),
            "cluster_id": cluster_id,
        }
    )
    pairs = pd.DataFrame(
        {
            "source_a": names[source_of[a]],
            "row_a": position[a],
            "source_b": names[source_of[b]],
            "row_b": position[b],
            "match_weight": weight,
            "match_probability": probability,
            "pattern": links["pattern"],
            "decision": _decisions(probability, inside, refused),
        }
    )
    return Persons(records, pairs)
