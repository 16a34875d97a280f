"""Tables as people have them: a CSV from a spreadsheet, with a title above, notes below and commas in its numbers.

Rules:

- Everything is read as text; what is a number is decided later, column by column.
- The header is the first line that has as many fields as most lines have; lines above it are a title, and lines at the
  end that break off early or fill only their first field are notes. Both are left out.
- A file that is no table (a workbook without its reader, a PDF, a web page) is named for what it is. A line with too
  many fields is named by its number.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from pathlib import Path

import pandas as pd

from linkage.errors import InputError

HEAD = 1 << 20
"""Bytes from which delimiter, encoding and header line are told."""
CORNER = "row"
"""Name of a crosstab's first column, where its header is empty."""
MOST_NAMED = 8
"""Wrong lines that an error names."""
DELIMITERS = (",", ";", "\t", "|")
NOT_TABLES = (
    (b"%PDF", "a PDF document", "Ask for the table as CSV, or copy it into a spreadsheet and save it as CSV."),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook (.xls) or Word document", "Save it as CSV or .xlsx."),
    (b"\x1f\x8b", "a compressed file (gzip)", "Unpack it first."),
    (b"{", "JSON", "Save the table as CSV, with a header line."),
    (b"<", "a web page or XML", "Save the table itself as CSV."),
)
NUMBER = re.compile(r"[+-]?(\d{1,3}([,'\u2019 \u00a0\u202f]\d{3})+|\d+)(\.\d*)?|[+-]?\.\d+")


def read_frame(path: Path) -> pd.DataFrame:
    """Read CSV (any usual delimiter and encoding), Excel (.xlsx) or Parquet as text; empty fields are empty text.

    Raises InputError saying what the file is or which line is wrong.
    """
    with path.open("rb") as opened:
        head = opened.read(HEAD)
    if not head.strip():
        raise InputError(f"{path} is empty", advice="Expected a table with a header line.")
    if head.startswith(b"PAR1"):
        frame = pd.read_parquet(path)
        frame = frame.astype(object).where(frame.notna(), "").astype(str)
    elif head.startswith(b"PK"):
        frame = _from_workbook(path)
    else:
        frame = _from_text(path, head)
    frame = _with_headers(frame, path)
    stripped: pd.DataFrame = _without_notes(frame).apply(lambda column: column.str.strip())
    return stripped


def numbers(column: pd.Series) -> pd.Series:
    """Return the column's numbers, thousands separators or not; missing where the text is no number."""
    text = column.astype(str).str.strip()
    plain = text.where(text.str.fullmatch(NUMBER), "").str.replace(r"[,'\u2019 \u00a0\u202f]", "", regex=True)
    found: pd.Series = pd.to_numeric(plain, errors="coerce")
    return found


def _from_text(path: Path, head: bytes) -> pd.DataFrame:
    for mark, kind, advice in NOT_TABLES:
        if head.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(mark):
            raise InputError(f"{path} is {kind}, not a table", advice=advice)
    encoding = _encoding(head)
    text = head.decode(encoding, errors="ignore")
    if "\0" in text:
        raise InputError(f"{path} is not text", advice="Expected CSV, Excel (.xlsx) or Parquet.")
    delimiter, above, header = _layout(text)
    rows: list[list[str]] = []
    lines: list[int] = []
    try:
        with path.open(encoding=encoding, newline="") as opened:
            reader = csv.reader(opened, delimiter=delimiter, strict=True)
            for row in reader:
                if reader.line_num > above + 1 and any(map(str.strip, row)):
                    rows.append(row)
                    lines.append(reader.line_num)
    except UnicodeDecodeError:
        raise InputError(f"{path} mixes encodings", advice="Save it again as CSV UTF-8.") from None
    except csv.Error:
        raise InputError(
            f"{path} cannot be read as a table",
            [f"line {reader.line_num}: a quotation mark is not closed, or stands within a field"],
            "A field with quotation marks in it is written between quotation marks, each of its own doubled.",
        ) from None
    width = len(header)
    # Notes below the table are lines that break off early.
    while rows and len(rows[-1]) < width:
        rows.pop()
    wrong = [
        f"line {line} has {len(row)} fields where the header has {width}"
        for row, line in zip(rows, lines, strict=False)
        if len(row) < width or any(map(str.strip, row[width:]))
    ]
    if wrong:
        raise InputError(
            f"{path} cannot be read as a table",
            [*wrong[:MOST_NAMED], *([f"and {len(wrong) - MOST_NAMED} more"] if len(wrong) > MOST_NAMED else [])],
            'A comma within a field (1,204 or "Lee, High School") needs quotation marks around the field.'
            if delimiter == ","
            else "Every line needs as many fields as the header.",
        )
    return pd.DataFrame([row[:width] for row in rows], columns=pd.Index(header), dtype=object)


def _encoding(head: bytes) -> str:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    try:
        # A character cut off at the end of the head is no sign of another encoding.
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        return "utf-8-sig" if error.start > len(head) - 4 else "cp1252"
    return "utf-8-sig"


def _layout(text: str) -> tuple[str, int, list[str]]:
    """Return the delimiter, how many lines stand above the header, and the header."""
    lines = text.splitlines()
    only = next(at for at, line in enumerate(lines) if line.strip())
    best: tuple[int, str, int, list[str]] = (0, ",", only, [lines[only].strip(' "')])
    for delimiter in DELIMITERS:
        rows = list(csv.reader(io.StringIO(text), delimiter=delimiter))
        widths = Counter(len(row) for row in rows if len(row) > 1 and any(field.strip() for field in row))
        if not widths:
            continue
        width, times = widths.most_common(1)[0]
        # A title line of a spreadsheet has the width of the others, but one field filled.
        above = next(at for at, row in enumerate(rows) if len(row) == width and sum(map(bool, map(str.strip, row))) > 1)
        if times > best[0]:
            best = (times, delimiter, above, rows[above])
    return best[1:]


def _from_workbook(path: Path) -> pd.DataFrame:
    try:
        sheet = pd.read_excel(path, header=None, dtype=str, keep_default_na=False, engine="calamine")
    except ImportError:
        raise InputError(
            f"{path} is an Excel workbook, and no reader for it is installed",
            advice="Install it with the extra named excel, or save the sheet as CSV.",
        ) from None
    except Exception as error:  # the reader's own errors share no base
        raise InputError(
            f"{path} cannot be read as an Excel workbook", [type(error).__name__], "Save the sheet as CSV."
        ) from None
    _, above, header = _layout(sheet.to_csv(index=False, header=False))
    frame = sheet.iloc[above + 1 :].reset_index(drop=True)
    frame.columns = pd.Index(header)
    return frame


def _with_headers(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Return the frame with one name per column; raises InputError for those that have none or share one."""
    names = [str(name).strip() for name in frame.columns]
    unused = [not name and bool(frame.iloc[:, at].str.strip().eq("").all()) for at, name in enumerate(names)]
    frame = frame.iloc[:, [at for at, skip in enumerate(unused) if not skip]]
    names = [name for name, skip in zip(names, unused, strict=True) if not skip]
    # A crosstab's corner is often left empty.
    names = [CORNER if at == 0 and not name else name for at, name in enumerate(names)]
    problems = [f"column {at + 1} has no header" for at, name in enumerate(names) if not name]
    problems += [
        f"the header {name!r} stands above several columns"
        for name in sorted(set(names))
        if names.count(name) > 1 and name
    ]
    if problems:
        raise InputError(
            f"{path}: the header line does not name every column",
            problems,
            "Give each column a name of its own in one header line (two lines of headers cannot be read).",
        )
    return frame.set_axis(pd.Index(names), axis=1)


def _without_notes(frame: pd.DataFrame) -> pd.DataFrame:
    """Leave out empty lines, and the lines at the end that fill no field but the first."""
    empty = frame.apply(lambda column: column.str.strip().eq(""))
    frame, empty = frame[~empty.all(axis=1)], empty[~empty.all(axis=1)]
    if len(frame.columns) == 1:
        return frame.reset_index(drop=True)
    full = (~empty.iloc[:, 1:].all(axis=1)).to_numpy().nonzero()[0]
    return frame.iloc[: full[-1] + 1 if len(full) else 0].reset_index(drop=True)
