"""Ed-Fi interchange XML: one record a student, its leaves the columns.

Rules:

- The records are the root's children called ``Student``; where there are none, those of the commonest name.
- A leaf's name is its column. Where a record has several (two addresses, an alias beside the name) the first counts,
  and what stands under ``OtherName`` or a reference is never taken for the person's own.
- Document types and entities are refused: an interchange needs none, and they are how XML is made to explode. So is a
  value longer than any that a person has.
- Values are coded as they come: memory holds codes and different values, not the file.
"""

from __future__ import annotations

from array import array
from pathlib import Path
from typing import BinaryIO
from xml.parsers import expat

import numpy as np
import pyarrow as pa

from linkage.errors import InputError
from linkage.hashing.read_stream import open_stream
from linkage.hashing.read_text import CHUNK, LONGEST_ROW, TextTable

_RECORD = "Student"
#: Elements whose names within are not the person's own.
_NOT_OWN = ("OtherName", "OtherNames", "AlternativeName")
_MOST_DEPTH = 64


class _DoctypeError(Exception):
    """The file declares a document type, or is nested as no interchange is."""


class _TooLongError(Exception):
    """A value is as long as none of a person is."""


class _Column:
    """One leaf of the records of one kind: codes into its different values; the first is the empty text."""

    def __init__(self) -> None:
        self._codes = array("i")
        self._known = {"": 0}

    def put(self, record: int, text: str) -> None:
        """Take the leaf of the record of this number, unless it has one already."""
        if len(self._codes) > record:
            return
        self._fill(record)
        self._codes.append(self._known.setdefault(text, len(self._known)))

    def coded(self, records: int) -> pa.DictionaryArray:
        """Return the leaf of all records."""
        self._fill(records)
        values = pa.array(list(self._known), type=pa.large_string())
        return pa.DictionaryArray.from_arrays(np.frombuffer(self._codes, dtype=np.int32), values)

    def _fill(self, records: int) -> None:
        self._codes.extend([0] * (records - len(self._codes)))


class _Records:
    """Collects the leaves of the root's children, by the child's name, while expat reads."""

    def __init__(self) -> None:
        self.columns: dict[str, dict[str, _Column]] = {}
        self.records: dict[str, int] = {}
        self._path: list[str] = []
        self._text: list[str] = []
        self._length = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._path) >= _MOST_DEPTH:
            raise _DoctypeError
        self._path.append(name.rpartition(":")[2])
        self._text, self._length = [], 0

    def data(self, text: str) -> None:
        self._length += len(text)
        if self._length > LONGEST_ROW:
            raise _TooLongError
        self._text.append(text)

    def end(self, name: str) -> None:
        text = "".join(self._text).strip()
        self._text, self._length = [], 0
        inner = self._path[2:]
        if inner and text and not any(part in _NOT_OWN or part.endswith("Reference") for part in inner[:-1]):
            kind = self._path[1]
            column = self.columns.setdefault(kind, {}).setdefault(inner[-1], _Column())
            column.put(self.records.get(kind, 0), text)
        if len(self._path) == 2:
            self.records[self._path[1]] = self.records.get(self._path[1], 0) + 1
        self._path.pop()


def _parse(parser: expat.XMLParserType, stream: BinaryIO) -> None:
    """Feed a parser, but no tag that has not ended after so many bytes as no tag has."""
    fed = 0
    while chunk := stream.read(CHUNK):
        parser.Parse(chunk, False)
        fed += len(chunk)
        if fed - parser.CurrentByteIndex > LONGEST_ROW:
            raise _TooLongError
    parser.Parse(b"", True)


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
            _parse(parser, stream)
    except expat.ExpatError as error:
        raise InputError(
            f"{path}: the XML is not well formed at line {error.lineno}", advice="export the interchange again"
        ) from error
    except _DoctypeError:
        raise InputError(
            f"{path}: the XML declares a document type or is nested too deeply; an Ed-Fi interchange does neither"
        ) from None
    except _TooLongError:
        raise InputError(
            f"{path}: the XML holds a value longer than {LONGEST_ROW >> 20} MB at line {parser.CurrentLineNumber}",
            advice="no value of a person is; export the interchange again",
        ) from None
    if not found.records:
        raise InputError(f"{path}: the XML holds no records")
    kind = _RECORD if _RECORD in found.records else max(found.records, key=lambda name: found.records[name])
    rows = found.records[kind]
    table = pa.table({name: column.coded(rows) for name, column in found.columns.get(kind, {}).items()})
    return TextTable(table, np.arange(1, rows + 1, dtype=np.int64), (), f"Ed-Fi XML, {kind} records")
