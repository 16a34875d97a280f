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
    distinct: dict[str, int] = {}
    lookup = np.full(len(texts) + 1, -1, dtype=np.int32)
    for i, text in enumerate(texts):
        if text:
            lookup[i] = distinct.setdefault(text, len(distinct))
    return lookup[codes], tuple(distinct)


def _texts(column: pd.Series) -> pd.Series:
    """Return a column as text, missing as the empty text, dates as ISO, whole numbers without a fraction."""
    if pd.api.types.is_datetime64_any_dtype(column):
        column = column.dt.strftime("%Y-%m-%d")
    elif pd.api.types.is_float_dtype(column) and bool((column.dropna() % 1 == 0).all()):
        column = column.astype("Int64")
    return column.astype("string").fillna("").str.strip()


def raw_texts(frame: pd.DataFrame, headers: tuple[str, ...], kind: Kind) -> pd.Series:
    """Return a value as it is written, put together where it is spread over several columns; empty where missing."""
    joiner = "-" if kind is Kind.DATE else " "
    texts = _texts(frame[headers[0]])
    for header in headers[1:]:
        texts = (texts + joiner + _texts(frame[header])).str.strip(f"{joiner} ")
    return texts


def part_of(texts: list[str], identifier: Identifier, columns: ColumnMap, spec: LinkageSpec) -> list[str]:
    """Take an identifier's part of texts that hold more: a full name, or a surname with a suffix."""
    headers = columns.identifiers[identifier.name]
    if headers == (columns.full_name,) and identifier.kind in NAME_KINDS:
        return [split_name(text).part(identifier.kind) for text in texts]
    surnames = [columns.identifiers.get(i.name) for i in spec.identifiers if i.kind is Kind.SURNAME]
    if identifier.kind is Kind.SUFFIX and headers in surnames:
        return [surname_suffix(text) for text in texts]
    return texts


def _values(frame: pd.DataFrame, identifier: Identifier, columns: ColumnMap, spec: LinkageSpec) -> Values:
    codes, distinct = pd.factorize(raw_texts(frame, columns.identifiers[identifier.name], identifier.kind))
    texts = part_of([str(text) for text in distinct], identifier, columns, spec)
    recoded, canonical = _recode(codes.astype(np.int32), normalise(identifier.kind, texts))
    return Values(identifier, recoded, canonical)


def prepare(frame: pd.DataFrame, columns: ColumnMap, spec: LinkageSpec) -> Prepared:
    """Normalise the identifiers of a source. An identifier that is missing everywhere is left out."""
    values = {
        identifier.name: _values(frame, identifier, columns, spec)
        for identifier in spec.identifiers
        if identifier.name in columns.identifiers
    }
    return Prepared(len(frame), {name: found for name, found in values.items() if found.distinct})
