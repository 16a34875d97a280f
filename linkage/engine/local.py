"""Hash, match and cluster in one process, with a secret that is thrown away.

For trying the linkage on files that may lie side by side: the same encodings, model and clustering as between agencies
and hub, with nothing sealed and nobody apart.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from linkage.engine.steward import token_table
from linkage.errors import InputError
from linkage.exchange.context import Context
from linkage.exchange.secret import Secret
from linkage.hashing.columns import ColumnMap, recognise
from linkage.hashing.encode import encode
from linkage.hashing.prepare import Prepared, prepare
from linkage.hashing.statistics import field_statistics
from linkage.matching.persons import resolve_persons
from linkage.matching.quality import Certificate, certify
from linkage.matching.score import LINK_THRESHOLD, score
from linkage.spec.encodings import Encodings
from linkage.spec.load import load_spec
from linkage.spec.model import LinkageSpec
from linkage.spec.progress import Report


@dataclass(frozen=True)
class LinkResult:
    """What :func:`link` found.

    ``clusters``: ``source``, ``row`` (position in that source's frame), ``cluster_id``; every row of every frame once.
    ``pairs``: ``source_a``, ``row_a``, ``source_b``, ``row_b``, ``match_weight`` (bits), ``match_probability``; the
    links before one record of a source was held to one person.
    ``columns``: which column served which identifier, by source. ``certificate`` dumps to JSON.
    """

    clusters: pd.DataFrame
    pairs: pd.DataFrame
    certificate: Certificate
    columns: Mapping[str, ColumnMap]

    @property
    def columns_text(self) -> dict[str, dict[str, str]]:
        """Return, for each source, the headers in which each identifier was found."""
        return {
            source: {name: " + ".join(headers) for name, headers in found.identifiers.items()}
            for source, found in self.columns.items()
        }


def link(
    sources: Mapping[str, pd.DataFrame],
    spec: LinkageSpec | str | Path | None = None,
    *,
    may_have_duplicates: frozenset[str] | set[str] = frozenset(),
    columns: Mapping[str, Mapping[str, str]] | None = None,
    report: Report = lambda _phase, _done: None,
) -> LinkResult:
    """Link the records of several sources, or deduplicate one, without labels.

    ``sources`` maps a name to a frame of clear-text records; ``spec`` is a linkage spec, its name or path (default:
    ``person``); ``may_have_duplicates`` names sources in which one person may have several records; ``columns`` maps a
    source to {identifier: header} where headers are not recognised. Raises InputError, SpecError or MatchingError.
    """
    chosen = spec if isinstance(spec, LinkageSpec) else load_spec(spec or "person")
    unknown = sorted(set(may_have_duplicates) - set(sources))
    if not sources:
        raise InputError("there is nothing to link", advice="give at least one frame of records")
    if unknown:
        raise InputError(
            "sources that may hold duplicates were named, and are not there",
            unknown,
            f"the sources are {', '.join(sources)}",
        )
    empty = [name for name, frame in sources.items() if not len(frame)]
    if len(empty) == len(sources):
        raise InputError("no source has any records", empty)
    secret, context = Secret.new(), Context(agreement="none", spec_sha256=chosen.sha256, epoch=1)

    def derive(label: str) -> bytes:
        return secret.derive(context, label)

    duplicates = frozenset(may_have_duplicates)
    maps: dict[str, ColumnMap] = {}
    encodings, tables = [], []
    for done, (name, frame) in enumerate(sources.items()):
        report("hashing", done / len(sources))
        maps[name] = recognise([str(c) for c in frame.columns], chosen, (columns or {}).get(name))
        prepared: Prepared = prepare(frame.rename(columns=str), maps[name], chosen)
        encoded = encode(prepared, chosen, derive, os.urandom)
        encodings.append(Encodings(name, len(frame), encoded.passes, field_statistics(prepared, os.urandom)))
        tables.append(token_table(name, encoded.tokens, np.full(len(frame), "", dtype=object)))
    report("hashing", 1.0)
    scored = score(encodings, chosen, duplicates, report)
    report("clustering", 0.0)
    persons = resolve_persons(scored, tables, duplicates)
    report("clustering", 1.0)
    missing = {found.source: found.statistics.missing for found in encodings}
    kept = persons.pairs["match_probability"] > LINK_THRESHOLD
    shown = ["source_a", "row_a", "source_b", "row_b", "match_weight", "match_probability"]
    links = persons.pairs.loc[kept & (persons.pairs["decision"] != "placebo"), shown]
    return LinkResult(
        clusters=persons.records[["source", "row", "cluster_id"]],
        pairs=links.reset_index(drop=True),
        certificate=certify(scored, persons, missing, chosen, duplicates),
        columns=maps,
    )
