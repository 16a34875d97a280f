"""From a table and a schema to CLKs, bit for bit as clkhash 0.18.3 writes them.

Rules:

- A feature is found by its header; the order of the file's columns says nothing, the order of the schema's features
  chooses the keys.
- Every value is validated; clkhash's ``validate=False`` has no counterpart. All problems come in one error, by column,
  with a count and the first rows, and never a value.
- Each distinct value is judged and cut into tokens once, each distinct token hashed once; only setting bits is done
  for every record.
"""

from __future__ import annotations

import json
from base64 import b64encode

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from linkage.errors import InputError
from linkage.hashing.clk.kernels import set_bits
from linkage.hashing.clk.positions import derive_keys, positions
from linkage.hashing.clk.schema import ClkSchema, Feature
from linkage.hashing.clk.tokens import Tokens, tokenise
from linkage.hashing.clk.values import BadValue, formatter, takes_any_text

_ROWS_SHOWN = 5


def hash_records(
    frame: pd.DataFrame, schema: ClkSchema, secret: bytes, row_numbers: NDArray[np.int64] | None = None
) -> NDArray[np.uint8]:
    """Return the CLKs of a table of text whose headers are the schema's identifiers: (records, bytes).

    ``row_numbers`` are the rows' numbers in their file, for messages. Raises InputError.
    """
    _require_columns(frame, schema)
    numbers = np.arange(1, len(frame) + 1) if row_numbers is None else row_numbers
    config = schema.clkConfig
    filters = np.zeros((len(frame), -(-config.unfolded // 8)), dtype=np.uint8)
    keys = derive_keys(secret, schema)
    problems: list[str] = []
    for number, feature in schema.hashed:
        values, distinct = _distinct(frame[feature.identifier])
        ready = _formatted(feature, values, distinct, numbers, problems)
        if problems:
            continue
        assert feature.hashing is not None
        tokens = tokenise(ready, feature.hashing.comparison)
        _encode(feature, tokens, values, keys[number], config.unfolded, filters)
    if problems:
        raise InputError(
            "the records do not fit the schema; nothing was hashed",
            problems,
            "mend the extract or the schema; the other party must use the same schema",
        )
    return _fold(filters, config.l, config.xor_folds) if config.xor_folds else filters


def clk_document(clks: NDArray[np.uint8]) -> bytes:
    """Write CLKs as the JSON file that clkhash's command line writes."""
    return json.dumps({"clks": [b64encode(clk).decode() for clk in clks]}).encode()


def _require_columns(frame: pd.DataFrame, schema: ClkSchema) -> None:
    lacking = [feature.identifier for _, feature in schema.hashed if feature.identifier not in frame]
    if lacking:
        raise InputError(
            "the extract lacks columns of the schema",
            [f"there is no column {name!r}" for name in lacking],
            "name them with --column IDENTIFIER=HEADER, or leave one empty with --without IDENTIFIER",
        )


def _distinct(column: pd.Series) -> tuple[NDArray[np.int64], list[str]]:
    """Return each record's value as a number, and the values; what is missing is an empty text."""
    codes, values = pd.factorize(column, use_na_sentinel=True)
    distinct = ["" if pd.isna(value) else str(value) for value in values]
    if (codes < 0).any():
        distinct.append("")
        codes = np.where(codes < 0, len(distinct) - 1, codes)
    return codes.astype(np.int64), distinct


def _formatted(
    feature: Feature,
    values: NDArray[np.int64],
    distinct: list[str],
    numbers: NDArray[np.int64],
    problems: list[str],
) -> list[str]:
    if takes_any_text(feature):
        try:
            "".join(distinct).encode(feature.encoding)
        except UnicodeEncodeError:
            pass  # the loop below finds which
        else:
            return distinct
    format_value = formatter(feature)
    ready: list[str] = []
    bad: dict[str, list[int]] = {}
    for number, value in enumerate(distinct):
        try:
            ready.append(format_value(value))
        except BadValue as error:
            ready.append("")
            bad.setdefault(str(error), []).append(number)
    for expected, which in bad.items():
        rows = numbers[np.isin(values, which)]
        shown = ", ".join(str(row) for row in rows[:_ROWS_SHOWN]) + (", ..." if len(rows) > _ROWS_SHOWN else "")
        problems.append(f"column {feature.identifier!r}: expected {expected}; {len(rows):,} rows differ (row {shown})")
    return ready


def _encode(
    feature: Feature,
    tokens: Tokens,
    values: NDArray[np.int64],
    keys: tuple[bytes, bytes],
    length: int,
    filters: NDArray[np.uint8],
) -> None:
    assert feature.hashing is not None
    strategy = feature.hashing.strategy
    counts = np.diff(tokens.offsets)
    if not counts.any():
        return
    per_token, per_feature = strategy.bitsPerToken or 0, strategy.bitsPerFeature or 0
    most = per_token or -(-per_feature // int(counts[counts > 0].min()))
    encoded = [token.encode(feature.encoding) for token in tokens.texts]
    table = positions(encoded, feature.hashing.hash, keys, most, length)
    set_bits(values, tokens.numbers, tokens.offsets, per_token, per_feature, table, filters)


def _fold(filters: NDArray[np.uint8], length: int, folds: int) -> NDArray[np.uint8]:
    """Fold each filter on itself by XOR, until ``length`` bits are left."""
    bits = np.unpackbits(filters, axis=1, count=length << folds).reshape(len(filters), 1 << folds, length)
    return np.packbits(np.bitwise_xor.reduce(bits, axis=1), axis=1)
