"""Ed-Fi interchange XML: one record a student, its leaves the columns.

Rules:

- The records are the root's children called ``Student``; where there are none, those of the commonest name.
- A leaf's name is its column. Where a record has several (two addresses, an alias beside the name) the first counts,
  and what stands under ``OtherName`` or a reference is never taken for the person's own.
- Document types and entities are refused: an interchange needs none, and they are how XML is made to explode.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from xml.parsers import expat

import numpy as np
import pandas as pd

from linkage.errors import InputError
from linkage.hashing.read_stream import open_stream
from linkage.hashing.read_text import TextTable

_RECORD = "Student"
#: Elements whose names within are not the person's own.
_NOT_OWN = ("OtherName", "OtherNames", "AlternativeName")
_MOST_DEPTH = 64


class _DoctypeError(Exception):
    """The file declares a document type."""


class _Records:
    """Collects the leaves of the root's children while expat reads."""

    def __init__(self) -> None:
        self.records: list[dict[str, str]] = []
        self.kinds: list[str] = []
        self._path: list[str] = []
        self._text: list[str] = []
        self._record: dict[str, str] = {}

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._path) >= _MOST_DEPTH:
            raise _DoctypeError
        self._path.append(name.rpartition(":")[2])
        self._text = []

    def data(self, text: str) -> None:
        self._text.append(text)

    def end(self, name: str) -> None:
        text = "".join(self._text).strip()
        self._text = []
        inner = self._path[2:]
        if inner and text and not any(part in _NOT_OWN or part.endswith("Reference") for part in inner[:-1]):
            self._record.setdefault(inner[-1], text)
        if len(self._path) == 2:
            self.records.append(self._record)
            self.kinds.append(self._path[1])
            self._record = {}
        self._path.pop()


def read_edfi_xml(path: Path) -> TextTable:
    """Read an Ed-Fi interchange. Raises InputError where it is no well-formed XML or holds no record."""
    found = _Records()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = found.start
    parser.EndElementHandler = found.end
    parser.CharacterDataHandler = found.data

    def refuse(*_: object) -> None:
        raise _DoctypeError

    parser.StartDoctypeDeclHandler = refuse
    try:
        with open_stream(path) as stream:
            parser.ParseFile(stream)
    except expat.ExpatError as error:
        raise InputError(
            f"{path}: the XML is not well formed at line {error.lineno}", advice="export the interchange again"
        ) from error
    except _DoctypeError:
        raise InputError(
            f"{path}: the XML declares a document type or is nested too deeply; an Ed-Fi interchange does neither"
        ) from None
    if not found.records:
        raise InputError(f"{path}: the XML holds no records")
    kind = _RECORD if _RECORD in found.kinds else Counter(found.kinds).most_common(1)[0][0]
    rows = [record for record, each in zip(found.records, found.kinds, strict=True) if each == kind]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    frame = pd.DataFrame([[row.get(name, "") for name in columns] for row in rows], columns=columns, dtype="str")
    return TextTable(frame, np.arange(1, len(rows) + 1, dtype=np.int64), (), f"Ed-Fi XML, {kind} records")
