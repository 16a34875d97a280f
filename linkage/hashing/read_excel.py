"""Excel workbooks, read as text.

Rules:

- One sheet is a table, its first row the header. Which of several filled sheets was meant is asked, not guessed.
- Whole numbers lose the fraction that Excel gives them, dates are written as YYYY-MM-DD. Leading zeros that Excel
  dropped are beyond recovery here; normalisation pads what it can (ZIP codes, social security numbers).
"""

from __future__ import annotations

from datetime import date, datetime
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from linkage.errors import InputError
from linkage.hashing.columns import refuse_repeated
from linkage.hashing.read_stream import open_stream
from linkage.hashing.read_text import TextTable


def read_excel(path: Path, sheet: str | None = None) -> TextTable:
    """Read a sheet of a workbook. Raises InputError, also where the optional reader is not installed."""
    try:
        calamine: Any = import_module("python_calamine")
    except ImportError:
        raise InputError(
            f"{path}: reading Excel needs an extra that is not installed",
            advice='install it with `pip install "linkage[excel]"`, or save the sheet as CSV UTF-8',
        ) from None
    try:
        with open_stream(path) as stream:
            book = calamine.CalamineWorkbook.from_filelike(BytesIO(stream.read()))
        names: list[str] = list(book.sheet_names)
        chosen = [name for name in names if sheet in {None, name}]
        sheets: dict[str, list[list[object]]] = {name: book.get_sheet_by_name(name).to_python() for name in chosen}
    except calamine.CalamineError as error:
        raise InputError(
            f"{path}: this is not a readable Excel workbook", advice="save it again, or as CSV UTF-8"
        ) from error
    filled = {name: rows for name, rows in sheets.items() if rows}
    if not chosen:
        raise InputError(f"{path}: there is no sheet {sheet!r}", [f"sheets: {', '.join(names)}"])
    if len(filled) != 1:
        raise InputError(
            f"{path}: {len(filled)} sheets hold data, expected one",
            [f"sheets: {', '.join(filled)}"] if filled else [],
            "name it with --sheet NAME",
        )
    return _table(path, *next(iter(filled.items())))


def _table(path: Path, name: str, rows: list[list[object]]) -> TextTable:
    header = [_text(cell) for cell in rows[0]]
    kept = [i for i, cell in enumerate(header) if cell]
    refuse_repeated(path, [cell for cell in header if cell])
    texts = [[_text(row[i]) if i < len(row) else "" for i in kept] for row in rows[1:]]
    numbers = np.array([i for i, row in enumerate(texts, start=1) if any(row)], dtype=np.int64)
    filled = [texts[i - 1] for i in numbers]
    columns = {header[i]: pa.array([row[at] for row in filled], pa.large_string()) for at, i in enumerate(kept)}
    table = pa.table({name: column.dictionary_encode() for name, column in columns.items()})
    return TextTable(table, numbers, (), f"Excel, sheet {name!r}")


def _text(cell: object) -> str:
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == cell.time().min else cell.isoformat(sep=" ")
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()
