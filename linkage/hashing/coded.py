"""Columns as codes into their distinct values: what an extract is held as, however large it is.

Rules:

- A column read from a file is dictionary-coded as it comes, piece by piece, and the pieces share one dictionary. So an
  extract takes the memory of its codes and of its different values, not of its text.
- A text is a value without the blanks at its ends; a missing value is the empty text; dates are ISO, whole numbers
  have no fraction.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

#: What identifiers are taken from: a table of coded columns, or a frame that is in memory already.
Source: TypeAlias = pa.Table | pd.DataFrame
#: The type of a coded column of text. Its values may exceed 2 GB in all, so their offsets have 64 bits.
CODED_TEXT = pa.dictionary(pa.int32(), pa.large_string())


@dataclass(frozen=True)
class Texts:
    """A column of text: row r holds ``distinct[codes[r]]``; the distinct texts are different from one another."""

    codes: NDArray[np.int32]
    distinct: Sequence[str]

    def counts(self) -> NDArray[np.int64]:
        """Return how many rows hold each distinct text."""
        return np.bincount(self.codes, minlength=len(self.distinct))

    def joined(self, other: Texts, joiner: str) -> Texts:
        """Return both columns' texts joined row by row, without a joiner where one of them is empty."""
        pairs = self.codes.astype(np.int64) * len(other.distinct) + other.codes
        codes, found = pd.factorize(pairs)
        first, second = np.divmod(found, max(1, len(other.distinct)))
        texts = [
            (self.distinct[i] + joiner + other.distinct[j]).strip(f"{joiner} ")
            for i, j in zip(first.tolist(), second.tolist(), strict=True)
        ]
        return _distinct(codes.astype(np.int32), pa.array(texts, type=pa.large_string()))

    def __getitem__(self, rows: NDArray[np.bool_]) -> list[str]:
        """Return the texts of some rows."""
        return [self.distinct[code] for code in self.codes[rows].tolist()]


def coded_column(column: Any) -> Any:  # noqa: ANN401 - Arrow has no types
    """Code an Arrow column; nested values, which cannot be coded, stay as they are."""
    if pa.types.is_dictionary(column.type) or pa.types.is_nested(column.type):
        return column
    return column.dictionary_encode(null_encoding="mask")


def coded_table(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> pa.Table:
    """Collect batches of coded columns into a table in which all pieces of a column share its dictionary."""
    return pa.Table.from_batches(batches, schema).unify_dictionaries()


def codes_and_values(column: pa.ChunkedArray) -> tuple[NDArray[np.int32], pa.Array]:
    """Return the codes and values of a column of a coded table; -1 is null."""
    if not column.num_chunks:
        return np.empty(0, dtype=np.int32), pa.array([], column.type.value_type)
    pieces = [chunk.indices.fill_null(-1).to_numpy(zero_copy_only=False) for chunk in column.chunks]
    return np.concatenate(pieces).astype(np.int32, copy=False), column.chunk(0).dictionary


def texts_of(source: Source, header: str) -> Texts:
    """Return a column of a source as texts."""
    if isinstance(source, pd.DataFrame):
        found, texts = pd.factorize(_as_text(source[header]))
        return _distinct(found.astype(np.int32), pa.array(list(texts), type=pa.large_string()))
    column = source[header]
    if not pa.types.is_dictionary(column.type):
        return texts_of(pd.DataFrame({header: [None if v is None else str(v) for v in column.to_pylist()]}), header)
    codes, values = codes_and_values(column)
    is_text = pa.types.is_large_string(values.type)
    texts = values if is_text else pa.array(_as_text(values.to_pandas()), pa.large_string())
    if (codes < 0).any():
        codes = np.where(codes < 0, np.int32(len(texts)), codes)
        texts = pa.concat_arrays([texts, pa.array([""], type=pa.large_string())])
    texts = pc.utf8_trim_whitespace(texts)
    return Texts(codes, texts.to_pylist()) if texts.equals(values) else _distinct(codes, texts)


def _distinct(codes: NDArray[np.int32], values: pa.Array) -> Texts:
    """Give values that have become the same one code."""
    coded = values.dictionary_encode()
    if len(coded.dictionary) < len(values):
        codes = coded.indices.to_numpy()[codes]
    return Texts(codes.astype(np.int32, copy=False), coded.dictionary.to_pylist())


def _as_text(column: pd.Series) -> pd.Series:
    """Return a column as text, missing as the empty text, dates as ISO, whole numbers without a fraction."""
    if pd.api.types.is_datetime64_any_dtype(column):
        column = column.dt.strftime("%Y-%m-%d")
    elif pd.api.types.is_float_dtype(column) and bool((column.dropna() % 1 == 0).all()):
        column = column.astype("Int64")
    return column.astype("string").fillna("").str.strip()
