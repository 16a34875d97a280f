"""From CLKs of several parties to clusters.

Rules:

- Every pair of sources is scanned in full, project by project; a source that may hold duplicates also with itself.
- Where there are several projects, a pair that more of them find comes first, and its weight is the mean of their
  similarities (CODI's votes). With one project the weight is the Dice similarity.
- Clusters hold one record of a duplicate-free source, as everywhere in the matcher.
- A Dice threshold is no probability: nothing here estimates an error rate.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
import pandas as pd

from linkage.errors import MatchingError, MismatchError
from linkage.matching.clk.read import ClkSource
from linkage.matching.clk.scan import chance_of, scan
from linkage.matching.clusters import UNSCORED, Scores, cluster


@dataclass(frozen=True)
class ClkLinks:
    """``clusters``: source, row (from 0), cluster_id. ``pairs``: source_a, row_a, source_b, row_b, similarity,
    projects (how many found the pair) and link (``taken``, or ``refused``: it would join two records of a source).
    ``compared`` pairs of CLKs; any two of them have a Dice similarity of about ``chance``, whoever they are.
    """  # noqa: D205 - two tables, one sentence each

    clusters: pd.DataFrame
    pairs: pd.DataFrame
    compared: int
    chance: float


def _nothing(phase: str, done: float) -> None:
    """Report progress to no one."""


def match_clks(
    sources: Sequence[ClkSource],
    threshold: float,
    may_have_duplicates: frozenset[str] = frozenset(),
    threads: int = 1,
    report: Callable[[str, float], None] = _nothing,
) -> ClkLinks:
    """Scan and cluster; ``report`` receives the phase and the share of it that is done."""
    _check(sources, may_have_duplicates)
    starts = np.cumsum([0, *(source.records for source in sources)])
    couples = [
        (i, j)
        for i, j in combinations_with_replacement(range(len(sources)), 2)
        if i != j or sources[i].name in may_have_duplicates
    ]
    projects = sorted(sources[0].projects)
    total = sum(sources[i].records * sources[j].records for i, j in couples) * len(projects)
    done = 0
    found = []
    chance = 0.0
    for i, j in couples:
        for project in projects:
            chance = max(chance, chance_of(sources[i].projects[project], sources[j].projects[project]))
            pairs = scan(sources[i].projects[project], sources[j].projects[project], threshold, threads)
            kept = pairs.a < pairs.b if i == j else np.ones(len(pairs.a), dtype=bool)
            found.append(
                pd.DataFrame(
                    {
                        "a": starts[i] + pairs.a[kept],
                        "b": starts[j] + pairs.b[kept],
                        "similarity": pairs.similarity[kept],
                    }
                )
            )
            done += sources[i].records * sources[j].records
            report("compare CLKs", done / total)
    links = (
        pd.concat(found, ignore_index=True)
        .groupby(["a", "b"], as_index=False, sort=True)
        .agg(similarity=("similarity", "mean"), projects=("similarity", "size"))
    )
    names = np.array([source.name for source in sources], dtype=object)
    source = np.repeat(np.arange(len(sources)), [one.records for one in sources])
    row = np.arange(len(source)) - starts[source]
    exclusive = np.array([one.name not in may_have_duplicates for one in sources])
    a, b = links["a"].to_numpy(np.int64), links["b"].to_numpy(np.int64)
    votes = links["projects"].to_numpy(np.int64)
    # In a source that may hold duplicates, a pair that was found speaks for as much as one that was not speaks against.
    found_odds = Scores(a, b, np.full(len(a), -UNSCORED))
    clusters = cluster(a, b, links["similarity"].to_numpy(np.float64), source, exclusive, -votes, found_odds)
    pairs_found = pd.DataFrame(
        {
            "source_a": names[source[a]],
            "row_a": row[a],
            "source_b": names[source[b]],
            "row_b": row[b],
            "similarity": links["similarity"].to_numpy(),
            "projects": votes,
            "link": np.where(clusters.refused, "refused", "taken"),
        }
    )
    grouped = pd.DataFrame({"source": names[source], "row": row, "cluster_id": clusters.labels})
    return ClkLinks(grouped, pairs_found, done, chance)


def _check(sources: Sequence[ClkSource], may_have_duplicates: frozenset[str]) -> None:
    names = [source.name for source in sources]
    if len(set(names)) < len(names):
        raise MatchingError("two CLK files have the same name", advice="name them apart: NAME=FILE")
    strangers = sorted(may_have_duplicates - set(names))
    if strangers:
        raise MatchingError(f"there is no source {', '.join(strangers)}", advice=f"the sources are {', '.join(names)}")
    if len(sources) < 2 and not may_have_duplicates:
        raise MatchingError("one CLK file holds nothing to match", advice="name a second, or --duplicates-in NAME")
    projects = {source.name: sorted(source.projects) for source in sources}
    if len({tuple(found) for found in projects.values()}) > 1:
        raise MismatchError(
            "the files were not made for the same projects",
            [f"{name}: {', '.join(found)}" for name, found in projects.items()],
            "choose one that all have with --project",
        )
    problems = []
    for project in projects[names[0]]:
        bits = {source.name: source.bits[project] for source in sources}
        if len(set(bits.values())) > 1:
            lengths = ", ".join(f"{name} {length}" for name, length in bits.items())
            problems.append(f"{project}: bits to a CLK: {lengths}")
    if problems:
        raise MismatchError("the files were not made under the same schema", problems, "agree on one and hash again")
