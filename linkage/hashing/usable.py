"""The rows of an extract that can be hashed, normalised; the others in quarantine.

Rules:

- Nothing is dropped in silence: every row of the file is either usable or in the quarantine, once.
- Identifiers are compared as normalised: a row that repeats another but for case or blanks repeats it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from linkage.hashing.coded import Texts, texts_of
from linkage.hashing.columns import ColumnMap
from linkage.hashing.prepare import Prepared, prepare
from linkage.hashing.quarantine import Quarantine, QuarantinedRow, Reason
from linkage.hashing.read import Extract
from linkage.spec.model import LinkageSpec


@dataclass(frozen=True)
class Usable:
    """The rows that can be hashed: their identifiers and local IDs, in the file's order, and what was set aside.

    ``row_numbers`` are those of the usable rows; ``local_ids`` is None where the file has no column for them.
    """

    prepared: Prepared
    local_ids: list[str] | None
    row_numbers: NDArray[np.int64]
    quarantine: Quarantine


def usable_rows(extract: Extract, columns: ColumnMap, spec: LinkageSpec) -> Usable:
    """Normalise an extract's identifiers and set aside the rows that cannot be used."""
    prepared = prepare(extract.source, columns, spec)
    codes = np.column_stack(
        [values.codes for values in prepared.values.values()] or [np.full(prepared.records, -1, dtype=np.int32)]
    )
    reasons: dict[int, Reason] = dict.fromkeys(np.flatnonzero((codes < 0).all(axis=1)).tolist(), Reason.NO_IDENTIFIER)
    ids = None
    if columns.local_id is not None:
        ids = texts_of(extract.source, columns.local_id)
        reasons |= dict.fromkeys(_without(ids).tolist(), Reason.NO_LOCAL_ID)
        reasons |= _repeated(ids, codes)
    kept = np.ones(prepared.records, dtype=bool)
    kept[list(reasons)] = False
    found = [QuarantinedRow(int(extract.row_numbers[at]), reason) for at, reason in reasons.items()]
    return Usable(
        _only(prepared, kept),
        None if ids is None else ids[kept],
        extract.row_numbers[kept],
        Quarantine(
            tuple(sorted([*extract.rejected, *found], key=lambda row: row.row)),
            prepared.records + len(extract.rejected),
        ),
    )


def _without(ids: Texts) -> NDArray[np.int64]:
    """Find the rows whose local ID is empty."""
    empty = [code for code, text in enumerate(ids.distinct) if not text]
    return np.flatnonzero(np.isin(ids.codes, empty))


def _repeated(ids: Texts, codes: NDArray[np.int32]) -> dict[int, Reason]:
    """Find the rows whose local ID another row has: those that differ from it, and those that repeat an earlier one."""
    shared_by = ids.counts()
    shared_by[[code for code, text in enumerate(ids.distinct) if not text]] = 0
    at = np.flatnonzero((shared_by > 1)[ids.codes])
    if not len(at):
        return {}
    _, contents = np.unique(codes[at], axis=0, return_inverse=True)
    shared = pd.DataFrame({"id": ids.codes[at], "contents": contents.ravel()}, index=at)
    differ = shared.groupby("id")["contents"].transform("nunique") > 1
    again = ~differ & shared["id"].duplicated()
    return dict.fromkeys(at[differ].tolist(), Reason.REPEATED_LOCAL_ID) | dict.fromkeys(
        at[again].tolist(), Reason.REPEATED_ROW
    )


def _only(prepared: Prepared, kept: NDArray[np.bool_]) -> Prepared:
    if kept.all():
        return prepared
    values = {name: replace(found, codes=found.codes[kept]) for name, found in prepared.values.items()}
    # An identifier that only quarantined rows had is as good as not there.
    return Prepared(int(kept.sum()), {name: found for name, found in values.items() if (found.codes >= 0).any()})
