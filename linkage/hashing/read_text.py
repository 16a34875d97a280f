"""Text tables: which encoding and dialect a file is in, and its rows.

Rules:

- The encoding is found from the whole file, not from its beginning, and stated. UTF-8 unless the bytes say otherwise.
- A row that does not fit (ragged, a NUL byte, a byte that the encoding does not have, a quote that is never closed) is
  set aside with its number; the others are read. The rows that an open quote swallows are set aside with it, each
  counted: a hole in the file is never taken for one row.
- Every value stays text. Columns are coded as they are read (:mod:`linkage.hashing.coded`), so that the file's text is
  never in memory as a whole; a row that is as long as no row of people is, is refused.
"""

from __future__ import annotations

import codecs
import csv
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
from numpy.typing import NDArray

from linkage.errors import InputError
from linkage.hashing.coded import CODED_TEXT, coded_table, codes_and_values
from linkage.hashing.columns import refuse_repeated
from linkage.hashing.quarantine import QuarantinedRow, Reason
from linkage.hashing.read_stream import open_stream

#: A row longer than this is not a row of a table of people.
LONGEST_ROW = 1 << 22
#: A character that no text has (a Unicode noncharacter): it stands for bytes that the encoding does not have.
UNREADABLE = "\ufdd0"
#: Bytes that are read at a time.
CHUNK = 1 << 20
_DELIMITERS = ",;\t|^~\x1f"
_SHOWN_ENCODINGS = {
    "utf-8": "UTF-8", "utf-16": "UTF-16", "utf-16-le": "UTF-16", "utf-16-be": "UTF-16", "cp1252": "Windows-1252",
    "iso8859-1": "Latin-1",
}  # fmt: skip
#: Bytes that Windows-1252 leaves undefined.
_NOT_CP1252 = frozenset(b"\x81\x8d\x8f\x90\x9d")


@dataclass(frozen=True)
class TextTable:
    """A coded table, the numbers of its rows in the file, the rows set aside, and in what form it was."""

    table: pa.Table
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
            chunk = self._stream.read(CHUNK)
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
        first = stream.read(CHUNK)
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
            good += len(text) - len(text.encode("ascii", "ignore")) - wrong
        chunk = stream.read(CHUNK)
    if good > 4 * bad or not bad:
        return "utf-8"
    return "iso8859-1" if undefined else "cp1252"


def dialect_of(path: Path, encoding: str, delimiter: str | None = None) -> Dialect:
    """Read a delimited file's header. Raises InputError where it has none that can be used."""
    with open_stream(path) as stream:
        sample = stream.read(CHUNK).decode(encoding, errors="replace").removeprefix("\ufeff")
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
    refuse_repeated(path, [name for name in names if name])
    escape = "\\" if f"\\{quote}" in sample and f"{quote}{quote}" not in sample else None
    return Dialect(tuple(names), chosen, quote, escape, skip)


def read_delimited(path: Path, encoding: str, delimiter: str | None = None) -> TextTable:
    """Read a CSV file of any usual dialect. Raises InputError."""
    dialect = dialect_of(path, encoding, delimiter)
    rows = _Rows(path, encoding, dialect, CODED_TEXT, header=True)
    table = coded_table(rows.batches(), rows.schema)
    rows.require_mostly_fitting(table.num_rows)
    shown = f"CSV, {shown_encoding(encoding)}, separated by {dialect.delimiter!r}"
    return _kept(table, rows.rejected, _bad_rows(table, dialect.delimiter), shown)


def read_lines(
    path: Path, encoding: str, cut: Callable[[pa.Array], dict[str, pa.Array]], longest: int | None
) -> TextTable:
    """Read a file's lines; ``cut`` takes columns from them; blank lines are not rows, longer lines are set aside."""
    dialect = Dialect(("line",), "\x1e", "", None, 0)
    rows = _Rows(path, encoding, dialect, pa.large_string(), header=False)
    bad: dict[int, _Bad] = {}
    schema = pa.schema([(name, CODED_TEXT) for name in cut(pa.array([], pa.large_string()))])

    def coded() -> Iterator[pa.RecordBatch]:
        read = 0
        for batch in rows.batches():
            line = batch.column(0)
            tests = [(pc.match_substring(line, mark), reason) for mark, reason in _BAD_BYTES]
            if longest is not None:
                tests.append((pc.greater(pc.utf8_length(pc.utf8_rtrim_whitespace(line)), longest), Reason.TOO_LONG))
            for found, reason in tests:
                for position in _where(found):
                    bad.setdefault(read + position, _Bad(reason))
            read += batch.num_rows
            yield pa.RecordBatch.from_arrays(
                [values.dictionary_encode() for values in cut(line).values()], schema=schema
            )

    table = coded_table(coded(), schema)
    return _kept(table, rows.rejected, bad, shown_encoding(encoding))


def shown_encoding(codec: str) -> str:
    """Return the name under which people know an encoding."""
    return _SHOWN_ENCODINGS.get(codec, codec)


@dataclass(frozen=True)
class _Bad:
    """Why a row is set aside, and how many lines behind it went with it."""

    reason: Reason
    swallowed: int = 0


class _Rows:
    """The rows of a text file, piece by piece; ``rejected`` are those that did not fit, once all were read."""

    def __init__(self, path: Path, encoding: str, dialect: Dialect, held_as: pa.DataType, *, header: bool) -> None:
        self._path, self._encoding, self._dialect, self._header = path, encoding, dialect, header
        names = [name or f"unnamed {i}" for i, name in enumerate(dialect.names)]
        self.schema = pa.schema([(name, held_as) for name in names])
        self.rejected: dict[int, _Bad] = {}

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Read the file once. Raises InputError where it is no table, or a row is as long as no row is."""
        names, dialect = self.schema.names, self._dialect
        try:
            with open_stream(self._path) as stream:
                yield from pacsv.open_csv(
                    Utf8Stream(stream, self._encoding),
                    read_options=pacsv.ReadOptions(
                        # One thread, so that a row knows its number.
                        use_threads=False,
                        block_size=LONGEST_ROW,
                        column_names=names,
                        skip_rows=self._header + dialect.skip,
                    ),
                    parse_options=pacsv.ParseOptions(
                        delimiter=dialect.delimiter,
                        quote_char=dialect.quote or False,
                        escape_char=dialect.escape or False,
                        newlines_in_values=bool(dialect.quote),
                        invalid_row_handler=self._skip,
                    ),
                    convert_options=pacsv.ConvertOptions(
                        column_types=dict(zip(names, self.schema.types, strict=True)), strings_can_be_null=False
                    ),
                )
        except pa.ArrowInvalid as error:
            if "straddling" in str(error) or "block_size" in str(error):
                raise InputError(
                    f"{self._path}: a row is longer than {LONGEST_ROW >> 20} MB",
                    advice="a quote that is opened and never closed reads like this; export the file again",
                ) from error
            raise InputError(
                f"{self._path}: the file cannot be read as a table in {self._encoding}",
                advice="export it again as CSV in UTF-8, or as Parquet",
            ) from error

    def _skip(self, row: pacsv.InvalidRow) -> str:
        swallowed = row.text.strip().count("\n")
        number = row.number - self._header - self._dialect.skip
        self.rejected[number] = _Bad(Reason.UNCLOSED_QUOTE if swallowed else Reason.RAGGED, swallowed)
        return "skip"

    def require_mostly_fitting(self, read: int) -> None:
        """Raise InputError where more rows were rejected than read."""
        if self.rejected and len(self.rejected) > read:
            raise InputError(
                f"{self._path}: {len(self.rejected):,} rows do not fit the header and only {read:,} do",
                [f"row {number}: {row.reason.value}" for number, row in list(self.rejected.items())[:5]],
                "is there a title above the header, or another delimiter? remove the one, name the other with "
                "--delimiter",
            )


_BAD_BYTES = ((UNREADABLE, Reason.ENCODING), ("\x00", Reason.NUL))


def _bad_rows(table: pa.Table, delimiter: str) -> dict[int, _Bad]:
    """Find rows whose bytes are no text or that swallowed their neighbours; each distinct value is looked at once."""
    bad: dict[int, _Bad] = {}
    for column in table.columns:
        codes, values = codes_and_values(column)
        found: dict[int, _Bad] = {}
        for code in _where(pc.match_substring(values, "\n")):
            value = values[code].as_py()
            if _holds_rows(value, len(table.column_names) - 1, delimiter):
                found[code] = _Bad(Reason.UNCLOSED_QUOTE, value.count("\n"))
        for mark, reason in _BAD_BYTES:
            for code in _where(pc.match_substring(values, mark)):
                found.setdefault(code, _Bad(reason))
        if found:
            for position in np.flatnonzero(np.isin(codes, list(found))).tolist():
                bad.setdefault(position, found[int(codes[position])])
    return bad


def _kept(table: pa.Table, rejected: dict[int, _Bad], bad: dict[int, _Bad], described: str) -> TextTable:
    """Leave out bad rows, and columns that have neither a header nor a value; number the others as the file does."""
    numbers = _numbers(table.num_rows, rejected)
    found = rejected | {int(numbers[at]): each for at, each in bad.items()}
    if bad:
        kept = np.ones(table.num_rows, dtype=bool)
        kept[list(bad)] = False
        table, numbers = table.filter(pa.array(kept)), numbers[kept]
    lost = np.array([found[number].swallowed for number in sorted(found)], dtype=np.int64)
    behind = np.cumsum(np.append(0, lost))

    def in_the_file(rows: NDArray[np.int64]) -> NDArray[np.int64]:
        shifted: NDArray[np.int64] = rows + behind[np.searchsorted(sorted(found), rows)]
        return shifted

    firsts = in_the_file(np.array(sorted(found), dtype=np.int64))
    set_aside = tuple(
        QuarantinedRow(row, found[number].reason)
        for number, first, swallowed in zip(sorted(found), firsts.tolist(), lost.tolist(), strict=True)
        for row in range(first, first + swallowed + 1)
    )
    empty = [
        name
        for name in table.column_names
        if name.startswith("unnamed ") and not any(v.strip() for v in codes_and_values(table[name])[1].to_pylist())
    ]
    return TextTable(table.drop_columns(empty), in_the_file(numbers), set_aside, described)


def _numbers(rows: int, rejected: Iterable[int]) -> NDArray[np.int64]:
    """Return the numbers of the rows that were read, leaving out the numbers of those that were not."""
    left_out = np.fromiter(rejected, dtype=np.int64)
    numbers = np.arange(1, rows + len(left_out) + 1, dtype=np.int64)
    return np.delete(numbers, left_out - 1)


def _where(mask: pa.Array) -> list[int]:
    found: list[int] = np.flatnonzero(mask.to_numpy(zero_copy_only=False)).tolist()
    return found


def _holds_rows(value: str, delimiters: int, delimiter: str) -> bool:
    """Whether a quoted value holds what looks like whole rows of the table."""
    return delimiters > 0 and any(line.count(delimiter) >= delimiters for line in value.split("\n")[1:-1])
