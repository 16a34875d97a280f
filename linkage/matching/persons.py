"""From links between pass tokens to persons: the registrar's half of matching.

Rules:

- Only the token table joins the passes of a record. It says which record each end of a link is; the encodings are not
  needed here, and are not here.
- Two records that found no partner are likelier to be each other's than their weight alone says. A match below the
  threshold has both its records free; a false pair has so only as often as two records happen to be. How often that
  is, is estimated by expectation-maximisation from the pairs below the threshold, free and taken, and the odds of the
  free ones are divided by it (one-to-one matching as in Sadinle 2017, for what is left). So linking goes in rounds, and
  a later round never undoes an earlier one.
- Links that stay below the threshold are kept for review and never join.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from linkage.matching.clusters import Clustering, Scores
from linkage.matching.patterns import pair_table, source_pairs
from linkage.matching.score import LINK_THRESHOLD, Scored
from linkage.spec.encodings import TokenTable

#: Rounds of linking; each gives the free records a new prior.
_ROUNDS = 5
#: A link that rests on who is left has to be clearly likelier than not.
_LATER_THRESHOLD = 0.7
#: Weight, in pairs, of records being free independently; the least chance that two records of a false pair are free;
#: and how often that chance and the odds that follow from it are brought into line.
_INDEPENDENT, _LEAST_FREE, _SETTLING = 10.0, 1e-3, 30


@dataclass(frozen=True)
class Persons:
    """Every record with its cluster, and every kept pair with what became of it.

    ``records``: ``source`` (str), ``row`` (position in the source), ``person_token`` (str), ``cluster_id`` (int).
    ``pairs``: ``source_a``, ``row_a``, ``source_b``, ``row_b``, ``match_weight``, ``match_probability``,
    ``calibrated_probability``, ``pattern``, ``final_probability`` (given which records were free when it was last
    looked at; 0 where one was taken), ``together`` (bool: the records are of one cluster) and ``decision``: *linked*,
    *conflict* (refused by the one-per-source rule), *placebo* (inside a duplicate-free source, so false), or *review*
    (below the threshold).
    """

    records: pd.DataFrame
    pairs: pd.DataFrame


def _ends(
    links: pd.DataFrame, tables: Sequence[TokenTable], starts: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the record number of each end of each link, -1 where no token table knows the token."""
    passes, names = pd.factorize(links["pass"])
    order = np.argsort(passes, kind="stable")
    bounds = np.searchsorted(passes[order], np.arange(len(names) + 1))
    sources = pd.Index([table.source for table in tables])
    ends = []
    for side in "ab":
        source, tokens = (
            sources.get_indexer(pd.Index(links[f"source_{side}"])),
            links[f"token_{side}"].to_numpy(dtype=np.uint64),
        )
        numbers = np.full(len(links), -1, dtype=np.int64)
        for p, name in enumerate(names):
            of_pass = order[bounds[p] : bounds[p + 1]]
            for t, (table, start) in enumerate(zip(tables, starts, strict=False)):
                at, column = of_pass[source[of_pass] == t], table.table.get(f"pass:{name}")
                if len(at) and column is not None:
                    found = _rows(column.to_numpy(dtype=np.uint64), tokens[at])
                    numbers[at] = np.where(found >= 0, found + start, -1)
        ends.append(numbers)
    return ends[0], ends[1]


def _rows(column: NDArray[np.uint64], wanted: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return in which row of a table's column each wanted token is, -1 where it is in none."""
    codes, tokens = pd.factorize(wanted)
    held = pd.Index(tokens).get_indexer(pd.Index(column))
    rows = np.flatnonzero(held >= 0)
    row_of = np.full(len(tokens), -1, dtype=np.int64)
    row_of[held[rows]] = rows
    found: NDArray[np.int64] = row_of[codes]
    return found


def _decisions(
    joining: NDArray[np.bool_], placebo: NDArray[np.bool_], refused: NDArray[np.bool_]
) -> NDArray[np.object_]:
    decision = np.where(joining, "linked", "review").astype(object)
    decision[refused] = "conflict"
    decision[placebo] = "placebo"
    return decision


def resolve_persons(
    scored: Scored, tables: Sequence[TokenTable], may_have_duplicates: frozenset[str] = frozenset()
) -> Persons:
    """Join links to records and cluster them, strongest first, one record of a duplicate-free source to a person."""
    links = scored.links
    starts = np.cumsum([0, *(len(table.table) for table in tables)])
    source_of = np.repeat(np.arange(len(tables)), np.diff(starts))
    exclusive = np.array([table.source not in may_have_duplicates for table in tables]) & (len(tables) > 1)

    a, b = _ends(links, tables, starts)
    known = (a >= 0) & (b >= 0)
    links, a, b = links[known].reset_index(drop=True), a[known], b[known]
    weight, probability = links["match_weight"].to_numpy(), links["match_probability"].to_numpy()
    inside = (source_of[a] == source_of[b]) & exclusive[source_of[a]] if len(a) else np.zeros(0, dtype=bool)

    names = np.array([table.source for table in tables], dtype=object)
    certain = np.clip(probability, 1e-12, 1 - 1e-12)
    clustering = Clustering(source_of, exclusive, Scores(a, b, np.log(certain / (1 - certain))))
    left = _Leftover(source_of, exclusive, a, b, links["calibrated_probability"].to_numpy())
    final, joining = probability.copy(), np.zeros(len(links), dtype=bool)
    more = (probability > LINK_THRESHOLD) & ~inside
    for _ in range(_ROUNDS):
        clustering.join(a[more], b[more], weight[more])
        joining |= more
        labels = clustering.labels
        raised = left.probabilities(labels)
        final = np.where(joining, final, raised)
        more = ~joining & ~inside & (raised > _LATER_THRESHOLD)
        if not more.any():
            break

    refused = joining & (labels[a] != labels[b])
    _, cluster_id = np.unique(labels, return_inverse=True)
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
            "calibrated_probability": links["calibrated_probability"],
            "pattern": links["pattern"],
            "final_probability": final,
            "together": labels[a] == labels[b],
            "decision": _decisions(joining, inside, refused),
        }
    )
    return Persons(records, pairs)


class _Leftover:
    """The probability of pairs below the threshold, given which records are still without a partner."""

    def __init__(
        self,
        source_of: NDArray[np.int64],
        exclusive: NDArray[np.bool_],
        a: NDArray[np.int64],
        b: NDArray[np.int64],
        probability: NDArray[np.float64],
    ) -> None:
        self._source_of, self._a, self._b, self._probability = source_of, a, b, probability
        self._odds = probability / np.maximum(1.0 - probability, 1e-300)
        self._exclusive, self._x, self._y = exclusive, source_of[a], source_of[b]
        # Records are numbered source by source.
        self._starts = np.searchsorted(source_of, np.arange(len(exclusive) + 1))
        self._records = np.diff(self._starts).astype(np.float64)
        self._pair = pair_table(len(exclusive))[self._x, self._y]
        self._between = (self._x != self._y) & exclusive[self._x] & exclusive[self._y]

    def probabilities(self, labels: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return each pair's probability: 0 if an end is taken, its own where a source may hold duplicates."""
        sources = len(self._records)
        holds = np.zeros((int(labels.max(initial=-1)) + 1, sources), dtype=bool)
        holds[labels, self._source_of] = True
        own = holds & self._exclusive
        free = ~(own[labels[self._a]] & own[labels[self._b]]).any(axis=1) & self._between
        apart = self._between & (labels[self._a] != labels[self._b]) & (self._probability <= LINK_THRESHOLD)
        unlinked = np.array(
            [(~holds[labels[start:end]]).sum(axis=0) for start, end in pairwise(self._starts)]
        ) / np.maximum(self._records, 1.0)[:, None]  # fmt: skip
        independent = np.array([unlinked[x, y] * unlinked[y, x] for x, y in source_pairs(sources)])
        pair, odds = self._pair[apart & free], self._odds[apart & free]
        taken = np.bincount(self._pair[apart & ~free], minlength=len(independent))
        chance = np.clip(independent, _LEAST_FREE, 1.0)
        for _ in range(_SETTLING):
            false = np.bincount(pair, weights=1.0 / (1.0 + odds / chance[pair]), minlength=len(independent))
            chance = (false + _INDEPENDENT * independent) / (false + taken + _INDEPENDENT)
            chance = np.clip(chance, _LEAST_FREE, 1.0)
        raised = self._odds / chance[self._pair]
        return np.where(free, raised / (1.0 + raised), np.where(self._between, 0.0, self._probability))
