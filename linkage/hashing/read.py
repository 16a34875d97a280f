"""Reading an agency's extract as text, in whatever form the agency has it.

Rules:

- Every value is read as text: a ZIP code keeps its leading zero, and "NA" is a name until normalisation says otherwise.
- Form, encoding and dialect are found and stated; each can be overruled. Rows are counted from 1; the header and blank
  lines are not rows.
- A file that cannot be read as a table is refused with the reason; a row that cannot be read is set aside with its
  number, where the caller says that it keeps account of such rows, and refuses the file where it does not.
- What is read is coded as it comes (:mod:`linkage.hashing.coded`): its text is never in memory as a whole. A value as
  long as none of a person is, is refused.
- Values are never shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path, PurePath

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from linkage.errors import InputError
from linkage.hashing.coded import Source, coded_column, coded_table
from linkage.hashing.columns import refuse_repeated
from linkage.hashing.quarantine import QuarantinedRow
from linkage.hashing.read_excel import read_excel
from linkage.hashing.read_layout import Layout, read_fixed_width
from linkage.hashing.read_stream import compression_of, inner_name, open_stream
from linkage.hashing.read_text import TextTable, encoding_of, read_delimited
from linkage.hashing.read_xml import read_edfi_xml

_EXCEL = {".xlsx", ".xls", ".xlsm", ".xlsb", ".ods"}
_SHOWN = 20
_PARQUET_ROWS = 1 << 16
#: A column of one row group of a Parquet file lies in memory at once; no identifier of a million people is this large.
LARGEST_COLUMN = 1 << 29


@dataclass(frozen=True)
class Reading:
    """What the steward says of a file, where it is not to be found out: None is to be found out."""

    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None
    layout: Layout | None = None


@dataclass(frozen=True)
class Extract:
    """What was read: coded columns, the rows' numbers in the file, the rows that could not be read, and in what form.

    ``source`` is a coded table, or a frame that was in memory already.
    """

    source: Source
    row_numbers: NDArray[np.int64]
    rejected: tuple[QuarantinedRow, ...]
    described: str

    @classmethod
    def of(cls, frame: pd.DataFrame) -> Extract:
        """Take a table that is in memory already for an extract."""
        return cls(frame, np.arange(1, len(frame) + 1, dtype=np.int64), (), "table")

    @property
    def rows(self) -> int:
        """How many rows were read."""
        return len(self.source)

    @property
    def headers(self) -> list[str]:
        """The columns' headers."""
        return [
            str(h) for h in (self.source.columns if isinstance(self.source, pd.DataFrame) else self.source.column_names)
        ]

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The rows as a frame: text, or what a Parquet file holds. It takes the memory that coding saves."""
        if isinstance(self.source, pd.DataFrame):
            return self.source
        plain = [
            column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
            for column in self.source.columns
        ]
        frame: pd.DataFrame = pa.table(plain, names=self.source.column_names).to_pandas()
        return frame


def read_extract(path: Path, reading: Reading | None = None, *, quarantine: bool = False) -> Extract:
    """Read a table of text: CSV, Parquet, Excel, Ed-Fi XML or, with a layout, fixed width; compressed or not.

    With ``quarantine``, rows that do not fit are left to the caller in ``rejected``; without, they raise.
    Raises InputError.
    """
    if not path.is_file():
        raise InputError(f"{path}: this is a folder, not a file" if path.is_dir() else f"{path}: there is no such file")
    found = _read(path, reading or Reading())
    if found.rejected and not quarantine:
        raise InputError(
            f"{path}: {len(found.rejected)} rows do not fit the header",
            [f"row {row.row}: {row.reason.value}" for row in found.rejected[:_SHOWN]],
            "a value with a delimiter or a line end in it must stand in quotes; export the file again",
        )
    if not found.table.num_rows and not found.rejected:
        raise InputError(f"{path}: the file has a header but no rows")
    packed = compression_of(path)
    described = f"{found.described}, compressed with {packed}" if packed else found.described
    return Extract(found.table, found.row_numbers, found.rejected, described)


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
    """Name the usual mistakes: a sealed package, an agreement, a workbook or an archive that is called .csv."""
    with open_stream(path) as stream:
        first = stream.read(8)
    if first.startswith((b"1.age\x00", b"age-encr")):
        raise InputError(f"{path}: this is a sealed package; give the extract")
    suffix = PurePath(inner_name(path)).suffix.lower()
    if suffix in {".yaml", ".yml"} or first.startswith((b"---\n", b"---\r\n")):
        raise InputError(f"{path}: this looks like YAML (an agreement?), not a table")
    if suffix == ".json" or first.lstrip().startswith((b"{", b"[{")):
        raise InputError(f"{path}: this looks like JSON, not a table", advice="export the table as CSV")
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
                table = _coded_parquet(BytesIO(stream.read()), path)
        else:
            table = _coded_parquet(path, path)
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"{path}: this is not a readable Parquet file", advice="export it again") from error
    names = [str(name).strip() for name in table.column_names]
    return TextTable(table.rename_columns(names), np.arange(1, table.num_rows + 1, dtype=np.int64), (), "Parquet")


def _coded_parquet(content: Path | BytesIO, path: Path) -> pa.Table:
    """Read a Parquet file by row groups. Raises InputError where a header stands twice or a value is huge."""
    with pq.ParquetFile(content) as file:
        schema = file.schema_arrow
        refuse_repeated(path, schema.names)
        groups = [file.metadata.row_group(number) for number in range(file.num_row_groups)]
        sizes = [group.column(at).total_uncompressed_size for group in groups for at in range(group.num_columns)]
        if max(sizes, default=0) > LARGEST_COLUMN:
            raise InputError(
                f"{path}: a column of a row group takes {max(sizes) >> 20:,} MB, more than {LARGEST_COLUMN >> 20:,} MB",
                advice="no identifier is that long; leave such columns out, or write smaller row groups",
            )
        batches = [
            pa.RecordBatch.from_arrays([coded_column(column) for column in batch.columns], schema.names)
            for batch in file.iter_batches(_PARQUET_ROWS)
        ]
    return coded_table(batches, batches[0].schema if batches else schema)
