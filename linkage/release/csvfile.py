"""CSV that a spreadsheet opens without running anything in it.

Rules:

- A text that begins with ``=``, ``+``, ``-``, ``@``, a tab or a line break is a formula to a spreadsheet (CWE-1236).
  It gets an apostrophe in front, and so does a text that begins with an apostrophe, so that taking one off is exact.
- Numbers, dates and booleans are written as they are. Parquet files hold every value unchanged.
- UTF-8, comma, LF, empty for missing, one header line.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb
import pandas as pd

from linkage.release.coarsen import literal, name
from linkage.release.columns import Column

GUARDED = r"[=+\-@\t\r\n']"
"""What a text must begin with to be given an apostrophe."""


def parquet_to_csv(connection: duckdb.DuckDBPyConnection, parquet: Path, columns: Sequence[Column], path: Path) -> None:
    """Write a Parquet file's columns as guarded CSV, in the file's order."""
    chosen = ", ".join(
        f"{_guarded_sql(column.name)} AS {name(column.name)}" if column.type in ("text", "code") else name(column.name)
        for column in columns
    )
    connection.execute("SET preserve_insertion_order = true")
    connection.execute(
        f"COPY (SELECT {chosen} FROM read_parquet({literal(str(parquet))}))"
        f" TO {literal(str(path))} (FORMAT csv, HEADER, DELIMITER ',', NULLSTR '')"
    )


def frame_to_csv(frame: pd.DataFrame) -> bytes:
    """Write a small frame as guarded CSV."""
    guarded = frame.map(lambda value: _guarded(value) if isinstance(value, str) else value)
    return guarded.to_csv(index=False, lineterminator="\n").encode("utf-8")


def _guarded(text: str) -> str:
    return f"'{text}" if text[:1] in "=+-@\t\r\n'" and text else text


def _guarded_sql(column: str) -> str:
    quoted = name(column)
    pattern = literal(f"^{GUARDED}")
    return f"CASE WHEN regexp_matches({quoted}, {pattern}) THEN '''' || {quoted} ELSE {quoted} END"
