"""The kinds of array that stand for columns of people, and the few steps on them that every module needs.

Rule: a person is a position in an array; nothing here loops over all people in Python.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Ints: TypeAlias = npt.NDArray[np.integer[Any]]
Floats: TypeAlias = npt.NDArray[np.floating[Any]]
Flags: TypeAlias = npt.NDArray[np.bool_]
#: Texts with None for missing.
Texts: TypeAlias = npt.NDArray[np.object_]


def texts(values: list[str | None] | pa.Array | pa.ChunkedArray) -> Texts:
    """Return an object array of texts, None where missing."""
    if isinstance(values, list):
        result = np.empty(len(values), dtype=object)
        result[:] = values
        return result
    converted: Texts = values.to_numpy(zero_copy_only=False)
    return converted


def strings(values: Texts | Ints) -> pa.Array:
    """Return an Arrow array of texts; numbers are written in decimal."""
    if values.dtype == object:
        return pa.array(values, type=pa.string())
    return pc.cast(pa.array(values), pa.string())


def joined(*parts: Texts | Ints | str, separator: str = "") -> Texts:
    """Join columns of texts (or a constant) value by value; a missing part makes a missing result."""
    columns = [part if isinstance(part, str) else strings(part) for part in parts]
    return texts(pc.binary_join_element_wise(*columns, separator))


def zero_padded(numbers: Ints, width: int) -> Texts:
    """Write whole numbers with leading zeros."""
    return texts(pc.utf8_lpad(strings(numbers), width=width, padding="0"))


def upper(values: Texts) -> Texts:
    """Return texts in capitals."""
    return texts(pc.utf8_upper(strings(values)))


def where_missing(values: Texts, missing: Flags) -> Texts:
    """Return a copy of ``values`` with None where ``missing``."""
    result = values.copy()
    result[missing] = None
    return result


def categorical(codes: Ints, labels: list[str] | tuple[str, ...] | Texts, missing: Flags | None = None) -> pa.Array:
    """Return labels by code as an Arrow dictionary: the memory of the codes, the look of the labels."""
    indices = pa.array(codes.astype(np.int32), mask=missing)
    return pa.DictionaryArray.from_arrays(indices, pa.array(labels, type=pa.string()))


def distinct_numbers(rng: np.random.Generator, count: int, low: int, high: int) -> Ints:
    """Draw ``count`` different whole numbers from ``low`` up to but not ``high``, in random order."""
    return low + rng.choice(high - low, size=count, replace=False, shuffle=True)
