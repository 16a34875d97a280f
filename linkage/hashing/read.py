"""Reading an agency's extract as text, in whatever form the agency has it.

Rules:

- Every value is read as text: a ZIP code keeps its leading zero, and "NA" is a name until normalisation says otherwise.
- Form, encoding and dialect are found and stated; each can be overruled. Rows are counted from 1; the header and blank
  lines are not rows.
- A file that cannot be read as a table is refused with the reason; a row that cannot be read is set aside with its
  number, where the caller says that it keeps account of such rows, and refuses the file where it does not.
- Values are never shown.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePath

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from linkage.errors import InputError
from linkage.hashing.quarantine import QuarantinedRow
from linkage.hashing.read_excel import read_excel
from linkage.hashing.read_layout import Layout, read_fixed_width
from linkage.hashing.read_stream import compression_of, inner_name, open_stream
from linkage.hashing.read_text import TextTable, encoding_of, read_delimited
from linkage.hashing.read_xml import read_edfi_xml

_EXCEL = {".xlsx", ".xls", ".xlsm", ".xlsb", ".ods"}
_SHOWN = 20


@dataclass(frozen=True)
class Reading:
    """What the steward says of a file, where it is not to be found out: None is to be found out."""

    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None
    layout: Layout | None = None


@dataclass(frozen=True)
class Extract:
    """A table as it was read: its rows' numbers in the file, the rows that could not be read, and in what form."""

    frame: pd.DataFrame
    row_numbers: NDArray[np.int64]
    rejected: tuple[QuarantinedRow, ...]
    described: str

    @classmethod
    def of(cls, frame: pd.DataFrame) -> Extract:
        """Take a table that is in memory already for an extract."""
        return cls(frame, np.arange(1, len(frame) + 1, dtype=np.int64), (), "table")


def read_extract(path: Path, reading: Reading | None = None, *, quarantine: bool = False) -> Extract:
    """Read a table of text: CSV, Parquet, Excel, Ed-Fi XML or, with a layout, fixed width; compressed or not.

    With ``quarantine``, rows that do not fit are left to the caller in ``rejected``; without, they raise.
    Raises InputError.
    """
    if not path.is_file():
        raise InputError(f"{path}: there is no such file")
    found = _read(path, reading or Reading())
    if found.rejected and not quarantine:
        raise InputError(
            f"{path}: {len(found.rejected)} rows do not fit the header",
            [f"row {row.row}: {row.reason.value}" for row in found.rejected[:_SHOWN]],
            "a value with a delimiter or a line end in it must stand in quotes; export the file again",
        )
    if not len(found.frame) and not found.rejected:
        raise InputError(f"{path}: the file has a header but no rows")
    packed = compression_of(path)
    described = f"{found.described}, compressed with {packed}" if packed else found.described
    return Extract(found.frame, found.row_numbers, found.rejected, described)


def _read(path: Path, reading: Reading) -> TextTable:
    suffix = PurePath(inner_name(path)).suffix.lower()
    if reading.layout is not None:
        return read_fixed_width(path, encoding_of(path, reading.encoding), reading.layout)
    if suffix in {".parquet", ".pq"}:
        return _read_parquet(path)
    if suffix in _EXCEL:
        return read_excel(path, reading.sheet)
    if suffix == ".xml":
        return read_edfi_xml(path)
    _refuse_other_forms(path)
    return read_delimited(path, encoding_of(path, reading.encoding), reading.delimiter)


def _refuse_other_forms(path: Path) -> None:
    """Name the usual mistakes: a workbook or an archive that is called .csv."""
    with open_stream(path) as stream:
        first = stream.read(8)
    for mark, what in (
        (b"PK\x03\x04", "an Excel workbook or a zip archive; name it .xlsx or .zip"),
        (b"\xd0\xcf\x11\xe0", "an old Excel workbook; name it .xls"),
        (b"PAR1", "a Parquet file; name it .parquet"),
        (b"\x1f\x8b", "compressed with gzip; name it .csv.gz"),
        (b"%PDF", "a PDF; export the table as CSV"),
    ):
        if first.startswith(mark):
            raise InputError(f"{path}: the file's name says text, but it is {what}")


def _read_parquet(path: Path) -> TextTable:
    try:
        if compression_of(path):
            with open_stream(path) as stream:
                table = pq.read_table(BytesIO(stream.read()))
        else:
            table = pq.read_table(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"{path}: this is not a readable Parquet file", advice="export it again") from error
    repeated = sorted(name for name, times in Counter(table.column_names).items() if times > 1)
    if repeated:
        raise InputError(
            f"{path}: two columns have the same header", [repr(name) for name in repeated], "rename one of them"
        )
    frame = table.to_pandas().rename(columns=lambda name: str(name).strip())
    return TextTable(frame, np.arange(1, len(frame) + 1, dtype=np.int64), (), "Parquet")
