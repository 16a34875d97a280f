"""Reading an agency's extract as text.

Rules:

- Every value is read as text: a ZIP code keeps its leading zero, and "NA" is a name until normalisation says otherwise.
- The encoding is detected and stated, not asked for. Rows are counted from 1, the header not included.
- A file that cannot be read as a table is refused with the reason and the line; its values are never shown.
"""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from linkage.errors import InputError

_SAMPLE_BYTES = 1 << 20
_DELIMITERS = ",;\t|"
_SHOWN = 20


@dataclass(frozen=True)
class Extract:
    """A table as it was read, and in which encoding and dialect."""

    frame: pd.DataFrame
    described: str


def read_extract(path: Path) -> Extract:
    """Read a CSV (any usual delimiter) or Parquet file. Raises InputError."""
    if not path.is_file():
        raise InputError(f"{path}: there is no such file")
    if path.suffix.lower() in {".parquet", ".pq"}:
        return _read_parquet(path)
    return _read_csv(path)


def _read_parquet(path: Path) -> Extract:
    try:
        frame = pq.read_table(path).to_pandas()
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"{path}: this is not a readable Parquet file", advice="export it again") from error
    return Extract(_checked(frame, path), "Parquet")


def _encoding(sample: bytes) -> str:
    if sample.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    try:
        sample.decode("utf-8")
    except UnicodeDecodeError as error:
        # The sample may end inside a character; anything earlier is not UTF-8.
        if error.start < len(sample) - 4:
            return "cp1252"
    return "utf8"


def _read_csv(path: Path) -> Extract:
    with path.open("rb") as handle:
        sample = handle.read(_SAMPLE_BYTES)
    if not sample.strip():
        raise InputError(f"{path}: the file is empty")
    encoding = _encoding(sample)
    if encoding != "utf-16" and b"\x00" in sample:
        raise InputError(
            f"{path}: the file holds NUL bytes, so it is not a text table",
            advice="export it as CSV or Parquet",
        )
    header = sample.decode(encoding, errors="replace").removeprefix("\ufeff").splitlines()[0]
    delimiter = max(_DELIMITERS, key=header.count)
    names = next(csv.reader([header], delimiter=delimiter))
    repeated = sorted(name for name, times in Counter(name.strip() for name in names).items() if times > 1)
    if repeated:
        raise InputError(
            f"{path}: two columns have the same header", [repr(name) for name in repeated], "rename one of them"
        )
    ragged: list[str] = []

    def skip(row: pacsv.InvalidRow) -> str:
        ragged.append(f"row {row.number - 1}: {row.actual_columns} values, expected {row.expected_columns}")
        return "skip"

    try:
        table = pacsv.read_csv(
            path,
            # One thread, so that a row knows its number.
            read_options=pacsv.ReadOptions(use_threads=False, encoding=encoding),
            parse_options=pacsv.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=skip),
            convert_options=pacsv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid as error:
        raise InputError(
            f"{path}: the file cannot be read as a table in {encoding}",
            advice="export it again as CSV in UTF-8, or as Parquet",
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: byte {error.start} is not {encoding} although the file begins so",
            advice="export the file again as UTF-8",
        ) from error
    if ragged:
        raise InputError(
            f"{path}: {len(ragged)} rows do not fit the header",
            ragged[:_SHOWN],
            "a value with a delimiter or a line end in it must stand in quotes; export the file again",
        )
    frame = table.to_pandas()
    shown = {"utf8": "UTF-8", "utf-16": "UTF-16", "cp1252": "Windows-1252"}[encoding]
    return Extract(_checked(frame, path), f"CSV, {shown}, separated by {delimiter!r}")


def _checked(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    if not len(frame):
        raise InputError(f"{path}: the file has a header but no rows")
    return frame.rename(columns=lambda name: str(name).strip())
