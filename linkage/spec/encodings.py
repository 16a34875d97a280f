"""What one agency's encodings look like once they have left its building.

Rules:

- There is one table a pass, shuffled on its own. A row has a random token of that pass, the block that the record falls
  into, its filters under that block's keys, and *checks*: short values by which two rows of one block show that they
  also share an earlier pass, so that a pair is counted once.
- Nothing here joins two passes of one record. What does, the token table, goes to the registrar alone.
- An all-zero filter is a missing value; an all-zero check is a pass in which the record takes no part.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from linkage.errors import PackageError
from linkage.spec.model import LinkageSpec


@dataclass(frozen=True)
class EncodedPass:
    """One pass of one source: rows sorted by their tokens, which is a random order.

    ``blocks`` and ``tokens`` have shape (rows,); ``checks`` (rows, earlier passes of the spec); ``filters`` maps an
    identifier to its filters, shape (rows, words).
    """

    name: str
    blocks: NDArray[np.uint64]
    tokens: NDArray[np.uint64]
    checks: NDArray[np.uint32]
    filters: Mapping[str, NDArray[np.uint64]]

    @property
    def rows(self) -> int:
        """Number of records that take part in the pass."""
        return len(self.blocks)

    def to_arrow(self) -> pa.Table:
        """Return the pass as an Arrow table: ``block``, ``token``, ``checks`` (but for the first pass), and filters."""
        columns = {"block": pa.array(self.blocks), "token": pa.array(self.tokens)}
        if self.checks.shape[1]:
            columns["checks"] = _binary(self.checks)
        columns |= {f"filter:{name}": _binary(words) for name, words in self.filters.items()}
        return pa.table(columns)

    @classmethod
    def from_arrow(cls, name: str, table: pa.Table, spec: LinkageSpec) -> EncodedPass:
        """Read a table of :meth:`to_arrow`; raises PackageError where its shape is not the spec's."""
        earlier = [blocking.name for blocking in spec.passes].index(name)
        words = {identifier.name: identifier.filter.words for identifier in spec.identifiers}
        try:
            filters = {
                column.removeprefix("filter:"): _words(
                    table[column], np.uint64, words[column.removeprefix("filter:")], column
                )
                for column in table.column_names
                if column.startswith("filter:")
            }
            return cls(
                name=name,
                blocks=table["block"].to_numpy().astype(np.uint64, copy=False),
                tokens=table["token"].to_numpy().astype(np.uint64, copy=False),
                checks=_words(table["checks"], np.uint32, earlier, "checks") if earlier else _no_checks(table),
                filters=filters,
            )
        except KeyError as missing:
            raise PackageError(
                f"pass {name}: the table has no column that the spec knows for {missing}",
                advice="ask the agency to hash again with this version and this spec",
            ) from None


def _binary(words: NDArray[np.uint64] | NDArray[np.uint32]) -> pa.Array:
    width = words.shape[1] * words.dtype.itemsize
    data = np.ascontiguousarray(words)
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(width), len(words), [None, pa.py_buffer(data)])


def _no_checks(table: pa.Table) -> NDArray[np.uint32]:
    return np.zeros((table.num_rows, 0), dtype=np.uint32)


def _words(column: pa.ChunkedArray, dtype: type[np.generic], words: int, name: str) -> NDArray[Any]:
    width = words * np.dtype(dtype).itemsize
    if column.type != pa.binary(width):
        raise PackageError(
            f"column {name} has type {column.type}, the spec says {width} bytes",
            advice="ask the agency to hash again with this version and this spec",
        )
    array = column.combine_chunks()
    start = array.offset * width
    data = np.frombuffer(array.buffers()[1], dtype=np.uint8)[start : start + len(array) * width]
    return data.view(dtype).reshape(len(array), words)


class FieldStatistics(BaseModel):
    """How often random pairs of an agency's own clear-text records agree, by identifier.

    ``rates[identifier][level - 1]`` is the share of pairs at each level, lowest first, among pairs where both
    have a value: the ``u`` probabilities of Fellegi and Sunter, which blocked pairs cannot give.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rates: dict[str, tuple[float, ...]]
    missing: dict[str, float]


@dataclass(frozen=True)
class Encodings:
    """All that the matcher holds of one source."""

    source: str
    records: int
    passes: Mapping[str, EncodedPass]
    statistics: FieldStatistics


@dataclass(frozen=True)
class TokenTable:
    """All that the registrar holds of one source: which pass tokens are one record's.

    ``table`` has a row a record: ``row`` (position in the source), ``person_token`` (hex, keyed by the agency alone),
    and a uint64 column ``pass:NAME`` a pass, 0 where the record takes no part.
    """

    source: str
    table: pd.DataFrame
