"""How good the linkage is, estimated without labels.

Rules:

- **False links** are estimated from pairs that are known to be false (:mod:`linkage.matching.false_links`), never from
  the model's own posterior, which understates error several times over; only where no source is free of duplicates
  is there nothing else.
- **Recall** is the true links found over the matches there are. Those are the true ones among the links of pairs that
  were compared, the pairs left unlinked by their probability given which records are taken (where a source may hold
  duplicates, nobody is taken, and it is the matcher's estimate: :mod:`linkage.matching.calibration`), and those that no
  pass brought together (:mod:`linkage.matching.capture`).
- Every estimate has an interval. What rests on few pairs says so by its width.

Sources: Blakely and Salmond 2002 (duplicate method); Dasylva and Goussanou 2022; research on simulated consortia.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from linkage.matching.described import IdentifierShares, LinkRate, WeightHistogram, identifier_shares, weight_histogram
from linkage.matching.false_links import false_links, repeated_persons
from linkage.matching.persons import Persons
from linkage.matching.score import LINK_THRESHOLD, Scored
from linkage.spec.model import LinkageSpec

#: Links of two sources are warned of where less of them is estimated to be right.
_DOUBTFUL = 0.8


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Estimate(_Frozen):
    """Links and what is estimated of them, without labels; intervals are to hold 95 % of the time."""

    links: int
    estimated_false_links: float
    false_links_interval: tuple[float, float]
    estimated_precision: float
    estimated_recall: float
    recall_interval: tuple[float, float]


class SourceSummary(_Frozen):
    """One source: how many records, how many were linked to another source's, and how complete it is."""

    source: str
    records: int
    linked_records: int
    missing: dict[str, float]
    may_have_duplicates: bool


class PairQuality(_Frozen):
    """Two sources (or one with itself, where it is deduplicated).

    ``expected_matches`` (with a standard error of ``matches_error``) is how many there are, ``never_compared`` how many
    of them share no pass.
    """

    source_a: str
    source_b: str
    compared_pairs: int
    expected_matches: float
    never_compared: float
    matches_error: float
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


def estimate(links: int, false: tuple[float, float, float], matches: float, error: float) -> Estimate:
    """Bring estimates into the form of a certificate.

    ``false`` are false links and the ends of their interval; ``error`` is the standard error of ``matches``.
    """
    wrong, low, high = (min(number, float(links)) for number in false)

    def recall(wrong: float, matches: float) -> float:
        return round(min(1.0, (links - wrong) / matches), 4) if matches > 0.5 else 1.0

    return Estimate(
        links=links,
        estimated_false_links=round(wrong, 1),
        false_links_interval=(round(low, 1), round(high, 1)),
        estimated_precision=round((links - wrong) / links, 4) if links else 1.0,
        estimated_recall=recall(wrong, matches),
        recall_interval=(recall(high, matches + 1.96 * error), recall(low, matches - 1.96 * error)),
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
    false = false_links(scored, persons, frozenset(exclusive))
    implied = linked_pairs(persons.records)
    after = dict(
        zip(zip(implied["source_a"], implied["source_b"], strict=True), implied["links"].tolist(), strict=True)
    )
    compared_by = _compared(persons)

    pairs = []
    for pair in scored.source_pairs:
        key = (min(pair.source_a, pair.source_b), max(pair.source_a, pair.source_b))
        wrong, links, met = false[key], after.get(key, 0), compared_by.get(key, _NONE)
        compared, error, joined = pair.estimated_matches, pair.matches_error, 0.0
        if exclusive.issuperset(key):
            right = 1.0 - wrong.after[0] / max(links, 1)
            compared, error = right * met.together + met.missed, met.error
            joined = right * (links - met.together)
        # What other records joined was never compared either, so no fewer were.
        never = max(compared * pair.lost_share / (1.0 - pair.lost_share), joined)
        doubt = error + 0.25 * never
        pairs.append(
            PairQuality(
                source_a=pair.source_a,
                source_b=pair.source_b,
                compared_pairs=int(pair.compared),
                expected_matches=round(compared + never, 1),
                never_compared=round(never, 1),
                matches_error=round(doubt, 1),
                before_clustering=estimate(met.over, wrong.before, compared + never, doubt),
                after_clustering=estimate(links, wrong.after, compared + never, doubt),
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
        warnings=scored.warnings + doubtful_pairs(pairs) + _repeated(persons, frozenset(exclusive)),
    )


@dataclass(frozen=True)
class _Met:
    """Kept pairs of two sources: how many are ``over`` the threshold and how many ``together`` in one person.

    ``missed`` matches are expected among the others, with a variance of ``spread``, where the two sources hold nobody
    twice.
    """

    over: int
    together: int
    missed: float
    spread: float

    @property
    def error(self) -> float:
        """The standard error of ``missed``."""
        return float(np.sqrt(self.spread + 1.0)) + 0.25 * self.missed


_NONE = _Met(0, 0, 0.0, 0.0)


def _compared(persons: Persons) -> dict[tuple[str, str], _Met]:
    """Sum up the kept pairs of each two sources, in order of name."""
    pairs = persons.pairs
    ends = pairs[["source_a", "source_b"]]
    # What was refused has an end with a better partner.
    apart = ~pairs["together"] & (pairs["decision"] != "conflict")
    chance = pairs["final_probability"].where(apart, 0.0)
    summed = pd.DataFrame(
        {
            "over": pairs["match_probability"] > LINK_THRESHOLD,
            "together": pairs["together"],
            "missed": chance,
            "spread": chance * (1.0 - chance),
        }
    )
    found = summed.groupby([ends.min(axis=1), ends.max(axis=1)]).sum()
    return {(str(a), str(b)): _Met(int(o), int(t), float(m), float(v)) for (a, b), o, t, m, v in found.itertuples()}


def doubtful_pairs(pairs: Sequence[PairQuality]) -> tuple[str, ...]:
    """Warn of pairs of sources of whose links less than four in five are estimated to be right."""
    return tuple(
        f"{pair.source_a} and {pair.source_b}: about {pair.after_clustering.estimated_false_links:.0f} of "
        f"{pair.after_clustering.links} links are estimated to be false; look at them before they are used"
        for pair in pairs
        if pair.source_a != pair.source_b
        and pair.after_clustering.links
        and pair.after_clustering.estimated_precision < _DOUBTFUL
    )


def _repeated(persons: Persons, exclusive: frozenset[str]) -> tuple[str, ...]:
    return tuple(
        f"{name}: about {number:.0f} pairs of its records look like one person twice; if so, it may have duplicates"
        for name, number in repeated_persons(persons, exclusive).items()
        if number >= 1.0
    )


def _overall(estimates: Sequence[Estimate], pairs: Sequence[PairQuality]) -> Estimate:
    false = sum(e.estimated_false_links for e in estimates)
    below = sum((e.estimated_false_links - e.false_links_interval[0]) ** 2 for e in estimates) ** 0.5
    above = sum((e.false_links_interval[1] - e.estimated_false_links) ** 2 for e in estimates) ** 0.5
    return estimate(
        sum(e.links for e in estimates),
        (false, false - below, false + above),
        sum(pair.expected_matches for pair in pairs),
        sum(pair.matches_error**2 for pair in pairs) ** 0.5,
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
