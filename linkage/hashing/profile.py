"""What an extract is like, before it is hashed: how full, how sound, and how well its rows could be linked.

Rules:

- A profile holds counts, never a value. It is for the agency itself; reports of it suppress small counts all the same.
- A row can be linked only where it takes part in a pass. Which rows do follows from the same normalisation, keys and
  block cap as hashing, so what is said here is what will happen.
- *Expected linkability* is the probability that a row shares at least one block with another record of the same person,
  if each of its identifiers is, independently, wrong or changed with probability :data:`ERROR`. It is an upper bound of
  recall and says nothing of the other agency's data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from linkage.hashing.blocks import KeyBlocks, Keys, pass_blocks, possible_passes
from linkage.hashing.coded import Source
from linkage.hashing.columns import ColumnMap
from linkage.hashing.dates import DateOrder, date_order, is_ambiguous, is_impossible
from linkage.hashing.normalise import normalise, says_nothing
from linkage.hashing.prepare import Prepared, part_of, raw_texts
from linkage.hashing.quarantine import Quarantine
from linkage.hashing.read import Extract
from linkage.hashing.usable import usable_rows
from linkage.spec.model import Identifier, Kind, LinkageSpec, Pass

#: The share of identifiers that are wrong or out of date in one of two records of a person.
ERROR = 0.05
#: Sizes of blocks, as upper bounds of classes; what is above the last but within the cap is a class of its own.
SIZE_CLASSES = (1, 9, 99, 999)


@dataclass(frozen=True)
class DateProfile:
    """What the column says of the order of day and month, and how many dates are no day or could be read two ways."""

    order: DateOrder
    proven: bool
    ambiguous: int
    impossible: int


@dataclass(frozen=True)
class IdentifierProfile:
    """One identifier's rows: each is missing, a placeholder, invalid or usable.

    ``commonest`` counts the rows with the most frequent usable value, ``distinct`` the different usable values.
    """

    name: str
    kind: Kind
    headers: tuple[str, ...]
    missing: int
    placeholder: int
    invalid: int
    usable: int
    distinct: int
    commonest: int
    dates: DateProfile | None


@dataclass(frozen=True)
class PassProfile:
    """The rows that a pass could block, those it leaves out because their block is above the cap, and block sizes.

    ``rows_by_size`` counts rows by the class of their block's size (:data:`SIZE_CLASSES`, then up to the cap).
    """

    name: str
    rows: int
    over_cap: int
    rows_by_size: tuple[int, ...]


@dataclass(frozen=True)
class Profile:
    """A profile of an extract under a spec.

    ``may_be_set_aside`` is how many rows may be in the quarantine before nothing is hashed.
    """

    described: str
    rows: int
    local_id: str | None
    quarantine: Quarantine
    may_be_set_aside: int
    identifiers: tuple[IdentifierProfile, ...]
    not_found: tuple[str, ...]
    passes: tuple[PassProfile, ...]
    impossible_passes: tuple[str, ...]
    rows_by_passes: tuple[int, ...]
    expected_linkability: float
    likely_duplicates: int | None


def profile_extract(extract: Extract, columns: ColumnMap, spec: LinkageSpec) -> Profile:
    """Profile an extract's rows; those that would be quarantined are counted apart."""
    usable = usable_rows(extract, columns, spec)
    prepared = usable.prepared
    possible = possible_passes(prepared, spec.passes)
    taking_part = np.zeros((prepared.records, len(possible)), dtype=bool)
    passes = []
    for at, (blocking, shared, crowded) in enumerate(pass_blocks(prepared, spec, Keys(prepared))):
        profiled, taking_part[:, at] = _pass_profile(prepared.records, blocking, shared, crowded)
        passes.append(profiled)
    times = taking_part.sum(axis=1)
    return Profile(
        described=extract.described,
        rows=usable.quarantine.of,
        local_id=columns.local_id,
        quarantine=usable.quarantine,
        may_be_set_aside=usable.quarantine.allowed(spec.quarantine_limit),
        identifiers=tuple(
            _identifier_profile(extract.source, identifier, columns, spec)
            for identifier in spec.identifiers
            if identifier.name in columns.identifiers and not _gives_nothing(identifier, columns, prepared)
        ),
        not_found=tuple(i.name for i in spec.identifiers if i.name not in columns.identifiers),
        passes=tuple(passes),
        impossible_passes=tuple(p.name for p in spec.passes if p not in possible),
        rows_by_passes=tuple(int((times >= least).sum()) for least in (1, 2, 3)),
        expected_linkability=_expected_linkability(taking_part, possible),
        likely_duplicates=_likely_duplicates(prepared),
    )


def _gives_nothing(identifier: Identifier, columns: ColumnMap, prepared: Prepared) -> bool:
    """Whether an identifier is only looked for in another's column, and is not there."""
    headers = columns.identifiers[identifier.name]
    shared = list(columns.identifiers.values()).count(headers) > 1
    return shared and identifier.name not in prepared.values


def _identifier_profile(
    source: Source, identifier: Identifier, columns: ColumnMap, spec: LinkageSpec
) -> IdentifierProfile:
    headers = columns.identifiers[identifier.name]
    raw = raw_texts(source, headers, identifier.kind)
    rows = raw.counts()
    texts = part_of(raw.distinct, identifier, columns, spec)
    canonical = normalise(identifier.kind, texts)
    empty = np.array([not text for text in texts], dtype=bool)
    usable = np.array([bool(text) for text in canonical], dtype=bool)
    idle = np.array(
        [
            bool(text) and not kept and says_nothing(identifier.kind, text)
            for text, kept in zip(texts, canonical, strict=True)
        ],
        dtype=bool,
    )
    held = pd.Series(rows[usable]).groupby([text for text in canonical if text]).sum()
    dates = None
    if identifier.kind is Kind.DATE:
        order, proven = date_order(texts)
        dates = DateProfile(
            order,
            proven,
            0 if proven else int(rows[[is_ambiguous(text) for text in texts]].sum()),
            int(rows[[is_impossible(text) for text in canonical]].sum()),
        )
    return IdentifierProfile(
        identifier.name,
        identifier.kind,
        headers,
        missing=int(rows[empty].sum()),
        placeholder=int(rows[idle].sum()),
        invalid=int(rows[~empty & ~usable & ~idle].sum()),
        usable=int(rows[usable].sum()),
        distinct=len(held),
        commonest=int(held.max()) if len(held) else 0,
        dates=dates,
    )


def _pass_profile(
    records: int, blocking: Pass, found: KeyBlocks, crowded: NDArray[np.bool_]
) -> tuple[PassProfile, NDArray[np.bool_]]:
    """Profile a pass; the mask says which rows take part."""
    sizes = np.bincount(found.numbers)[found.numbers] if len(found.rows) else found.numbers
    taking_part = np.zeros(records, dtype=bool)
    taking_part[found.rows[~crowded]] = True
    classes = np.searchsorted(SIZE_CLASSES, sizes[~crowded], side="left")
    by_size = np.bincount(classes, minlength=len(SIZE_CLASSES) + 1)
    return PassProfile(
        blocking.name, len(found.rows), int(crowded.sum()), tuple(int(count) for count in by_size)
    ), taking_part


def _expected_linkability(taking_part: NDArray[np.bool_], passes: Sequence[Pass]) -> float:
    """Return the mean probability that at least one of a row's passes survives errors in its identifiers.

    Exact, by going through every set of sound identifiers; rows with the same passes are counted once.
    """
    if not taking_part.size:
        return 0.0
    names = sorted({part.identifier for blocking in passes for part in blocking.parts})
    # The digits of a counter are the sets: bit i says that identifier i is sound.
    sets = np.arange(1 << len(names), dtype=np.int64)
    sound = np.array([int(number).bit_count() for number in sets])
    weight = (1 - ERROR) ** sound * ERROR ** (len(names) - sound)
    needs = [sum({1 << names.index(part.identifier) for part in blocking.parts}) for blocking in passes]
    survives = np.stack([(sets & need) == need for need in needs])
    packed = taking_part @ (np.uint64(1) << np.arange(len(passes), dtype=np.uint64))
    _, first, counts = np.unique(packed, return_index=True, return_counts=True)
    chances = np.array([weight[survives[kind].any(axis=0)].sum() for kind in taking_part[first]])
    return float((chances * counts).sum() / counts.sum())


def _likely_duplicates(prepared: Prepared) -> int | None:
    """Count rows that agree with an earlier one on first name, last name and birth date; None without those."""
    kinds = (Kind.GIVEN_NAME, Kind.SURNAME, Kind.DATE)
    held = [next((v for v in prepared.values.values() if v.identifier.kind is kind), None) for kind in kinds]
    codes = [values.codes for values in held if values is not None]
    if len(codes) < len(kinds):
        return None
    stacked = np.column_stack(codes)
    whole = stacked[(stacked >= 0).all(axis=1)]
    return int(pd.DataFrame(whole).duplicated().sum())
