"""A source made ready to encode: normalised values, each distinct value once.

Rules:

- Work is done on distinct values, never record by record: names repeat, and normalisation is the slow part.
- A record is known by its position in the source; nothing here reorders rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from linkage.hashing.coded import Source, Texts, texts_of
from linkage.hashing.columns import NAME_KINDS, ColumnMap
from linkage.hashing.features import key_parts
from linkage.hashing.nicknames import full_given_names
from linkage.hashing.normalise import normalise
from linkage.hashing.person_name import split_name, surname_suffix
from linkage.spec.model import Identifier, KeyPart, Kind, LinkageSpec


@dataclass(frozen=True)
class Values:
    """One identifier of one source: ``codes`` index ``distinct``; -1 is missing."""

    identifier: Identifier
    codes: NDArray[np.int32]
    distinct: tuple[str, ...]

    @property
    def missing(self) -> float:
        """Share of records without a value."""
        return float(np.mean(self.codes < 0)) if len(self.codes) else 1.0

    def key_parts(self, transform: str) -> tuple[NDArray[np.int32], tuple[str, ...]]:
        """Return codes and distinct texts of this identifier under a pass key's transform; -1 is none."""
        by_sound = self.identifier.kind is Kind.GIVEN_NAME and transform == "phonetic"
        values = full_given_names(self.distinct) if by_sound else self.distinct
        parts = key_parts(self.identifier.kind, transform, values)
        return (self.codes, self.distinct) if parts is self.distinct else _recode(self.codes, parts)


@dataclass(frozen=True)
class Prepared:
    """A source's normalised identifiers."""

    records: int
    values: Mapping[str, Values]

    def can_give(self, part: KeyPart) -> bool:
        """Whether the source has the identifier that a key part needs."""
        return part.identifier in self.values


def _recode(codes: NDArray[np.int32], texts: Sequence[str]) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """Map codes through texts that may coincide or be empty (missing)."""
    numbers, distinct = pd.factorize(np.array(texts, dtype=object))
    for empty in np.flatnonzero(distinct == ""):
        numbers = np.where(numbers == empty, -1, numbers - (numbers > empty))
        distinct = np.delete(distinct, empty)
    # The last place is that of a missing code.
    return np.append(numbers, -1).astype(np.int32)[codes], tuple(distinct.tolist())


def raw_texts(source: Source, headers: tuple[str, ...], kind: Kind) -> Texts:
    """Return a value as it is written, put together where it is spread over several columns; empty where missing."""
    texts = texts_of(source, headers[0])
    for header in headers[1:]:
        texts = texts.joined(texts_of(source, header), "-" if kind is Kind.DATE else " ")
    return texts


def part_of(texts: Sequence[str], identifier: Identifier, columns: ColumnMap, spec: LinkageSpec) -> Sequence[str]:
    """Take an identifier's part of texts that hold more: a full name, or a surname with a suffix."""
    headers = columns.identifiers[identifier.name]
    if headers == (columns.full_name,) and identifier.kind in NAME_KINDS:
        return [split_name(text).part(identifier.kind) for text in texts]
    surnames = [columns.identifiers.get(i.name) for i in spec.identifiers if i.kind is Kind.SURNAME]
    if identifier.kind is Kind.SUFFIX and headers in surnames:
        return [surname_suffix(text) for text in texts]
    return texts


def _values(source: Source, identifier: Identifier, columns: ColumnMap, spec: LinkageSpec) -> Values:
    raw = raw_texts(source, columns.identifiers[identifier.name], identifier.kind)
    recoded, canonical = _recode(
        raw.codes, normalise(identifier.kind, part_of(raw.distinct, identifier, columns, spec))
    )
    return Values(identifier, recoded, canonical)


def prepare(source: Source, columns: ColumnMap, spec: LinkageSpec) -> Prepared:
    """Normalise the identifiers of a source. An identifier that is missing everywhere is left out."""
    values = {
        identifier.name: _values(source, identifier, columns, spec)
        for identifier in spec.identifiers
        if identifier.name in columns.identifiers
    }
    return Prepared(len(source), {name: found for name, found in values.items() if found.distinct})
