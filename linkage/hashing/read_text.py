"""Text tables: which encoding and dialect a file is in, and its rows.

Rules:

- The encoding is found from the whole file, not from its beginning, and stated. UTF-8 unless the bytes say otherwise.
- A row that does not fit (ragged, a NUL byte, a byte that the encoding does not have, a quote that is never closed) is
  set aside with its number; the others are read.
- Every value stays text.
"""

from __future__ import annotations

import codecs
import csv
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
from numpy.typing import NDArray

from linkage.errors import InputError
from linkage.hashing.quarantine import QuarantinedRow, Reason
from linkage.hashing.read_stream import open_stream

#: A row longer than this is not a row of a table of people.
LONGEST_ROW = 1 << 22
#: A character that no text has (a Unicode noncharacter): it stands for bytes that the encoding does not have.
UNREADABLE = "\ufdd0"
_CHUNK = 1 << 20
_DELIMITERS = ",;\t|^~\x1f"
_SHOWN_ENCODINGS = {
    "utf-8": "UTF-8", "utf-16": "UTF-16", "utf-16-le": "UTF-16", "utf-16-be": "UTF-16", "cp1252": "Windows-1252",
    "iso8859-1": "Latin-1",
}  # fmt: skip
#: Bytes that Windows-1252 leaves undefined.
_NOT_CP1252 = frozenset(b"\x81\x8d\x8f\x90\x9d")


@dataclass(frozen=True)
class TextTable:
    """A table of text, the numbers of its rows in the file, the rows set aside, and in what form it was."""

    frame: pd.DataFrame
    row_numbers: NDArray[np.int64]
    rejected: tuple[QuarantinedRow, ...]
    described: str


class Utf8Stream:
    """A text file's bytes as UTF-8; what the encoding does not have becomes :data:`UNREADABLE`.

    One bad byte costs its row, not the file.
    """

    def __init__(self, stream: BinaryIO, encoding: str) -> None:
        self._stream = stream
        # The byte order mark is no part of the first value.
        name = "utf-8-sig" if encoding == "utf-8" else encoding
        self._decoder = codecs.getincrementaldecoder(name)(errors="linkage-unreadable")
        self._ready = b""
        self._ended = False
        self.closed = False

    def read(self, size: int) -> bytes:
        """Return at most ``size`` bytes, none at the end."""
        while not self._ready and not self._ended:
            chunk = self._stream.read(_CHUNK)
            self._ended = not chunk
            self._ready = self._decoder.decode(chunk, final=self._ended).encode()
        found, self._ready = self._ready[:size], self._ready[size:]
        return found

    def close(self) -> None:
        """Leave the underlying stream to whoever opened it."""
        self.closed = True


def _mark_unreadable(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return UNREADABLE, error.end


codecs.register_error("linkage-unreadable", _mark_unreadable)


@dataclass(frozen=True)
class Dialect:
    """How a delimited file separates and quotes its values; ``skip`` lines stand before the header."""

    names: tuple[str, ...]
    delimiter: str
    quote: str
    escape: str | None
    skip: int


def encoding_of(path: Path, stated: str | None = None) -> str:
    """Return the codec of a text file: as stated, or found from all its bytes. Raises InputError."""
    if stated is not None:
        try:
            return codecs.lookup(stated).name
        except LookupError:
            raise InputError(
                f"there is no encoding {stated!r}", advice="for instance utf-8, cp1252, latin-1 or utf-16"
            ) from None
    with open_stream(path) as stream:
        first = stream.read(_CHUNK)
        if not first.strip():
            raise InputError(f"{path}: the file is empty")
        if first.startswith((b"\xff\xfe", b"\xfe\xff")):
            return "utf-16"
        odd, even = first[1:4096:2].count(0), first[0:4096:2].count(0)
        if max(odd, even) > min(len(first), 4096) // 5:
            return "utf-16-le" if odd > even else "utf-16-be"
        return _eight_bit_encoding(first, stream)


def _eight_bit_encoding(first: bytes, stream: BinaryIO) -> str:
    """Tell UTF-8 from Windows-1252: in UTF-8 nearly every run of bytes above 127 is a character."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    good = bad = 0
    undefined = False
    chunk = first
    while chunk:
        if not chunk.isascii():
            undefined = undefined or not _NOT_CP1252.isdisjoint(chunk)
        text = decoder.decode(chunk)
        if not text.isascii():
            wrong = text.count("\ufffd")
            bad += wrong
            good += sum(character > "\x7f" for character in text) - wrong
        chunk = stream.read(_CHUNK)
    if good > 4 * bad or not bad:
        return "utf-8"
    return "iso8859-1" if undefined else "cp1252"


def dialect_of(path: Path, encoding: str, delimiter: str | None = None) -> Dialect:
    """Read a delimited file's header. Raises InputError where it has none that can be used."""
    with open_stream(path) as stream:
        sample = stream.read(_CHUNK).decode(encoding, errors="replace").removeprefix("\ufeff")
    lines = sample.splitlines()
    skip = 0
    if lines and lines[0].lower().startswith("sep="):  # what Excel writes for itself
        delimiter, skip = lines[0][4:5] or delimiter, 1
    while skip < len(lines) and not lines[skip].strip():
        skip += 1
    if skip == len(lines):
        raise InputError(f"{path}: the file is empty")
    header = lines[skip]
    quote = "'" if header.startswith("'") and header.count("'") >= 2 and '"' not in header else '"'
    bare = "".join(header.split(quote)[::2])
    chosen = delimiter or max(_DELIMITERS, key=bare.count)
    names = [name.strip() for name in next(csv.reader([header], delimiter=chosen, quotechar=quote))]
    repeated = sorted(name for name, times in Counter(names).items() if times > 1 and name)
    if repeated:
        raise InputError(
            f"{path}: two columns have the same header", [repr(name) for name in repeated], "rename one of them"
        )
    escape = "\\" if f"\\{quote}" in sample and f"{quote}{quote}" not in sample else None
    return Dialect(tuple(names), chosen, quote, escape, skip)


def read_delimited(path: Path, encoding: str, delimiter: str | None = None) -> TextTable:
    """Read a CSV file of any usual dialect. Raises InputError."""
    dialect = dialect_of(path, encoding, delimiter)
    table, rejected = _read_rows(path, encoding, dialect)
    shown = f"CSV, {_SHOWN_ENCODINGS.get(encoding, encoding)}, separated by {dialect.delimiter!r}"
    return _as_text(table, rejected, dialect.delimiter, shown)


def read_lines(path: Path, encoding: str) -> TextTable:
    """Read a file's lines as a table of one column, ``line``; blank lines are not rows."""
    dialect = Dialect(("line",), "\x1e", "", None, 0)
    table, rejected = _read_rows(path, encoding, dialect, header=False)
    return _as_text(table, rejected, None, _SHOWN_ENCODINGS.get(encoding, encoding))


def _read_rows(
    path: Path, encoding: str, dialect: Dialect, header: bool = True
) -> tuple[pa.Table, dict[int, QuarantinedRow]]:
    rejected: dict[int, QuarantinedRow] = {}
    names = [name or f"unnamed {i}" for i, name in enumerate(dialect.names)]

    def skip(row: pacsv.InvalidRow) -> str:
        number = row.number - header - dialect.skip
        swallowed = "\n" in row.text.strip()
        rejected[number] = QuarantinedRow(number, Reason.UNCLOSED_QUOTE if swallowed else Reason.RAGGED)
        return "skip"

    try:
        with open_stream(path) as stream:
            table = pacsv.read_csv(
                Utf8Stream(stream, encoding),
                read_options=pacsv.ReadOptions(
                    # One thread, so that a row knows its number.
                    use_threads=False,
                    block_size=LONGEST_ROW,
                    column_names=names,
                    skip_rows=header + dialect.skip,
                ),
                parse_options=pacsv.ParseOptions(
                    delimiter=dialect.delimiter,
                    quote_char=dialect.quote or False,
                    escape_char=dialect.escape or False,
                    newlines_in_values=bool(dialect.quote),
                    invalid_row_handler=skip,
                ),
                convert_options=pacsv.ConvertOptions(
                    column_types=dict.fromkeys(names, pa.large_string()), strings_can_be_null=False
                ),
            )
    except pa.ArrowInvalid as error:
        if "straddling" in str(error) or "block_size" in str(error):
            raise InputError(
                f"{path}: a row is longer than {LONGEST_ROW >> 20} MB",
                advice="a quote that is opened and never closed reads like this; export the file again",
            ) from error
        raise InputError(
            f"{path}: the file cannot be read as a table in {encoding}",
            advice="export it again as CSV in UTF-8, or as Parquet",
        ) from error
    if rejected and len(rejected) > table.num_rows:
        raise InputError(
            f"{path}: {len(rejected):,} rows do not fit the header and only {table.num_rows:,} do",
            [f"row {number}: {row.reason.value}" for number, row in list(rejected.items())[:5]],
            "is there a title above the header, or another delimiter? remove the one, name the other with --delimiter",
        )
    return table, rejected


def _as_text(table: pa.Table, rejected: dict[int, QuarantinedRow], delimiter: str | None, described: str) -> TextTable:
    """Set aside rows whose bytes are no text or that swallowed their neighbours."""
    numbers = _numbers(table.num_rows, rejected)
    bad: dict[int, Reason] = {}
    for column in table.columns:
        for mark, reason in ((UNREADABLE, Reason.ENCODING), ("\x00", Reason.NUL)):
            for position in _where(pc.match_substring(column, mark)):
                bad.setdefault(position, reason)
        if delimiter is not None:
            for position in _where(pc.match_substring(column, "\n")):
                if _holds_rows(column[position].as_py(), len(table.column_names) - 1, delimiter):
                    bad.setdefault(position, Reason.UNCLOSED_QUOTE)
    kept = np.ones(table.num_rows, dtype=bool)
    kept[list(bad)] = False
    frame = table.filter(pa.array(kept)).to_pandas()
    found = [*rejected.values(), *(QuarantinedRow(int(numbers[at]), reason) for at, reason in bad.items())]
    unnamed = [name for name in frame.columns if name.startswith("unnamed ") and not frame[name].str.strip().any()]
    return TextTable(
        frame.drop(columns=unnamed), numbers[kept], tuple(sorted(found, key=lambda row: row.row)), described
    )


def _numbers(rows: int, rejected: Iterable[int]) -> NDArray[np.int64]:
    """Return the numbers of the rows that were read, leaving out the numbers of those that were not."""
    left_out = np.fromiter(rejected, dtype=np.int64)
    numbers = np.arange(1, rows + len(left_out) + 1, dtype=np.int64)
    return np.delete(numbers, left_out - 1)


def _where(mask: pa.ChunkedArray) -> list[int]:
    found: list[int] = np.flatnonzero(mask.to_numpy()).tolist()
    return found


def _holds_rows(value: str, delimiters: int, delimiter: str) -> bool:
    """Whether a quoted value holds what looks like whole rows of the table."""
    return delimiters > 0 and any(line.count(delimiter) >= delimiters for line in value.split("\n")[1:-1])
