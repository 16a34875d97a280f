"""How good the linkage is, estimated without labels.

Rules:

- **Placebo**: inside a duplicate-free source every pair over the threshold is false. The rate of such pairs, carried
  over to pairs of sources, gives the false links before clustering: ``n_i n_j sqrt(f_i f_j)``.
- One record of a source to a person removes a false link unless both its ends are free, that is, have no true partner
  that outbids it; so after clustering the count is scaled by the share of free records on either side.
- **Recall** is the true links found over the matches that the model expects among all pairs of records. It cannot see
  matches that no pass brought together, so it is an upper bound and is called one.
- Within a source that may hold duplicates there is no placebo; there alone the model's own posterior is used, which
  elsewhere understates error several times over and is never reported as the error rate.

Sources: Blakely and Salmond 2002 (duplicate method); Dasylva and Goussanou 2022; research on simulated consortia.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from linkage.matching.described import IdentifierShares, LinkRate, WeightHistogram, identifier_shares, weight_histogram
from linkage.matching.persons import Persons
from linkage.matching.score import LINK_THRESHOLD, Scored
from linkage.spec.model import LinkageSpec


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Estimate(_Frozen):
    """Links and what is estimated of them, without labels."""

    links: int
    estimated_false_links: float
    estimated_precision: float
    estimated_recall_at_most: float


class SourceSummary(_Frozen):
    """One source: how many records, how many were linked to another source's, and how complete it is."""

    source: str
    records: int
    linked_records: int
    missing: dict[str, float]
    may_have_duplicates: bool


class PairQuality(_Frozen):
    """Two sources (or one with itself, where it is deduplicated)."""

    source_a: str
    source_b: str
    compared_pairs: int
    expected_matches: float
    before_clustering: Estimate
    after_clustering: Estimate


class IdentifierWeights(_Frozen):
    """Match weights (bits) of an identifier's levels, lowest agreement first."""

    identifier: str
    about: str
    weights: tuple[float, ...]


class Certificate(_Frozen):
    """The linkage certificate: what was linked, how, and how far it can be trusted."""

    format: str = "linkage-certificate/1"
    spec: str
    spec_sha256: str
    link_threshold: float
    persons: int
    before_clustering: Estimate
    after_clustering: Estimate
    conflicts: int
    sources: tuple[SourceSummary, ...]
    source_pairs: tuple[PairQuality, ...]
    weights: tuple[IdentifierWeights, ...]
    identifiers: tuple[IdentifierShares, ...] = ()
    moved_share: float = 0.0
    histogram: WeightHistogram | None = None
    link_rates: tuple[LinkRate, ...] = ()
    rounds: int
    converged: bool
    warnings: tuple[str, ...]


def estimate(links: int, false_links: float, expected_matches: float) -> Estimate:
    """Bring an estimated number of false links into the form of a certificate."""
    false_links = min(false_links, float(links))
    found = links - false_links
    return Estimate(
        links=links,
        estimated_false_links=round(false_links, 1),
        estimated_precision=round(found / links, 4) if links else 1.0,
        estimated_recall_at_most=round(min(1.0, found / expected_matches), 4) if expected_matches > 0.5 else 1.0,
    )


def linked_pairs(records: pd.DataFrame) -> pd.DataFrame:
    """Count the pairs of records that clusters imply, by pair of sources: ``source_a``, ``source_b``, ``links``.

    Pairs within one source count too; the sources of a row are in order of name.
    """
    sizes = records.groupby(["cluster_id", "source"], sort=True).size().rename("n").reset_index()
    joined = sizes.merge(sizes, on="cluster_id", suffixes=("_a", "_b"))
    joined = joined[joined["source_a"] <= joined["source_b"]]
    within = joined["source_a"] == joined["source_b"]
    joined["links"] = np.where(within, joined["n_a"] * (joined["n_a"] - 1) // 2, joined["n_a"] * joined["n_b"])
    return pd.DataFrame(joined.groupby(["source_a", "source_b"])["links"].sum().reset_index())


def _placebo_rates(persons: Persons, records: Mapping[str, int], exclusive: set[str]) -> dict[str, float]:
    """Return, for each duplicate-free source, the share of its own pairs that reach the threshold."""
    inside = persons.pairs[persons.pairs["decision"] == "placebo"].groupby("source_a").size()
    return {
        name: float(inside.get(name, 0)) / max(records[name] * (records[name] - 1) / 2, 1.0)
        for name in sorted(exclusive)
    }


def certify(
    scored: Scored,
    persons: Persons,
    missing: Mapping[str, Mapping[str, float]],
    spec: LinkageSpec,
    may_have_duplicates: frozenset[str] = frozenset(),
) -> Certificate:
    """Estimate quality per pair of sources and overall. ``missing`` has each source's missing-value shares."""
    records = {str(name): int(count) for name, count in persons.records.groupby("source").size().items()}
    exclusive = set(records) - set(may_have_duplicates) if len(records) > 1 else set()
    rates = _placebo_rates(persons, records, exclusive)
    implied = linked_pairs(persons.records)
    after = dict(
        zip(zip(implied["source_a"], implied["source_b"], strict=True), implied["links"].tolist(), strict=True)
    )
    over = persons.pairs[persons.pairs["match_probability"] > LINK_THRESHOLD]
    ends = [over[["source_a", "source_b"]].min(axis=1), over[["source_a", "source_b"]].max(axis=1)]
    before = over.groupby(ends).size()
    doubtful = (1.0 - over["match_probability"]).groupby(ends).sum()

    pairs = []
    for pair in scored.source_pairs:
        key = (min(pair.source_a, pair.source_b), max(pair.source_a, pair.source_b))
        known = [rates[name] for name in key if name in rates] or list(rates.values())
        if key[0] == key[1] or not known:
            false_before = doubtful.get(key, 0.0)
        else:
            false_before = pair.all_pairs * float(np.exp(np.mean(np.log(np.maximum(known, 1e-300)))))
        linked = after.get(key, 0)
        free = [max(0.0, 1.0 - linked / records[name]) if name in exclusive else 1.0 for name in key]
        pairs.append(
            PairQuality(
                source_a=pair.source_a,
                source_b=pair.source_b,
                compared_pairs=int(pair.compared),
                expected_matches=round(pair.estimated_matches, 1),
                before_clustering=estimate(int(before.get(key, 0)), false_before, pair.estimated_matches),
                after_clustering=estimate(linked, false_before * free[0] * free[1], pair.estimated_matches),
            )
        )
    cross = persons.records.groupby("cluster_id")["source"].nunique()
    linked_clusters = set(cross.index[cross > 1])
    linked_records = persons.records[persons.records["cluster_id"].isin(linked_clusters)].groupby("source").size()
    return Certificate(
        spec=f"{spec.id} v{spec.version}",
        spec_sha256=spec.sha256,
        link_threshold=LINK_THRESHOLD,
        persons=int(persons.records["cluster_id"].nunique()),
        before_clustering=_overall([pair.before_clustering for pair in pairs], pairs),
        after_clustering=_overall([pair.after_clustering for pair in pairs], pairs),
        conflicts=int((persons.pairs["decision"] == "conflict").sum()),
        sources=tuple(
            SourceSummary(
                source=name,
                records=count,
                linked_records=int(linked_records.get(name, 0)),
                missing=dict(missing.get(name, {})),
                may_have_duplicates=name in may_have_duplicates,
            )
            for name, count in records.items()
        ),
        source_pairs=tuple(pairs),
        weights=_weights(scored),
        identifiers=identifier_shares(scored.model),
        moved_share=round(scored.model.moved_share, 4),
        histogram=weight_histogram(persons),
        rounds=scored.model.iterations,
        converged=scored.model.converged,
        warnings=scored.warnings,
    )


def _overall(estimates: Sequence[Estimate], pairs: Sequence[PairQuality]) -> Estimate:
    return estimate(
        sum(e.links for e in estimates),
        sum(e.estimated_false_links for e in estimates),
        sum(pair.expected_matches for pair in pairs),
    )


def _weights(scored: Scored) -> tuple[IdentifierWeights, ...]:
    factors = scored.model.log_factors(scored.model.m) / np.log(2)
    return tuple(
        IdentifierWeights(
            identifier=identifier.name,
            about=identifier.about,
            weights=tuple(round(float(w), 2) for w in factors[f, 1 : identifier.levels + 1]),
        )
        for f, identifier in enumerate(scored.model.identifiers)
    )
