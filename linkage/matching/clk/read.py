"""CLK files as clkhash, anonlink-client and CODI's data-owner-tools write them.

Rules:

- A file is JSON, ``{"clks": ["BASE64", ...]}``, one CLK to a record in the extract's row order; or a zip of such files,
  one to a *project* (CODI: the same records under several schemas) beside a ``metadata-*.json`` with their number.
- All CLKs of a project have one length in every source. What differs was made under another schema.
- All problems of a file are reported, by record number.
"""

from __future__ import annotations

import binascii
import json
import zipfile
from base64 import b64decode
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from linkage.errors import InputError

_SHOWN = 20
#: The project of a file that names none.
SINGLE = "clks"


@dataclass(frozen=True)
class ClkSource:
    """One party's CLKs: for each project an array (records, words); ``bits`` is each project's length."""

    name: str
    projects: dict[str, NDArray[np.uint64]]
    bits: dict[str, int]

    @property
    def records(self) -> int:
        """How many records the party has."""
        return len(next(iter(self.projects.values())))


def read_clks(path: Path, name: str) -> ClkSource:
    """Read a CLK file or a zip of them. Raises InputError."""
    if not path.is_file():
        raise InputError(f"{path}: there is no such file")
    if zipfile.is_zipfile(path):
        return _read_zip(path, name)
    clks, bits = _decode(f"{path}", path.read_bytes())
    return ClkSource(name, {SINGLE: clks}, {SINGLE: bits})


def _read_zip(path: Path, name: str) -> ClkSource:
    projects: dict[str, NDArray[np.uint64]] = {}
    bits: dict[str, int] = {}
    stated: int | None = None
    with zipfile.ZipFile(path) as archive:
        for member in sorted(archive.namelist()):
            inner = PurePosixPath(member)
            if inner.suffix != ".json":
                continue
            try:
                content = archive.read(member)
            except (zipfile.BadZipFile, RuntimeError) as error:
                raise InputError(f"{path}: {member} cannot be unpacked: {error}") from error
            if inner.name.startswith("metadata"):
                stated = _stated(f"{path}: {member}", content)
                continue
            projects[inner.stem], bits[inner.stem] = _decode(f"{path}: {member}", content)
    if not projects:
        raise InputError(f"{path}: there is no CLK file in this zip", advice="expected PROJECT.json members")
    counts = {project: len(clks) for project, clks in projects.items()}
    if len(set(counts.values())) > 1 or (stated is not None and stated not in counts.values()):
        problems = [f"{project}: {count:,} CLKs" for project, count in counts.items()]
        if stated is not None:
            problems.append(f"metadata: {stated:,} records")
        raise InputError(f"{path}: the projects do not hold the same records", problems, "ask for the zip again")
    return ClkSource(name, projects, bits)


def _stated(where: str, content: bytes) -> int | None:
    try:
        number = json.loads(content).get("number_of_records")
    except (ValueError, AttributeError) as error:
        raise InputError(f"{where} is not readable JSON") from error
    return number if isinstance(number, int) else None


def _decode(where: str, content: bytes) -> tuple[NDArray[np.uint64], int]:
    try:
        document = json.loads(content)
    except ValueError as error:
        raise InputError(f"{where} is not readable JSON", advice="expected {'clks': ['BASE64', ...]}") from error
    if not isinstance(document, dict) or not isinstance(document.get("clks"), list):
        held = sorted(document) if isinstance(document, dict) else type(document).__name__
        advice = "files with blocks (clknblocks) are not read: send the CLKs alone" if "clknblocks" in held else ""
        raise InputError(f"{where} is no CLK file: expected a list under 'clks', found {held}", advice=advice)
    texts = document["clks"]
    if not texts:
        raise InputError(f"{where} holds no CLK")
    raw: list[bytes] = []
    problems: list[str] = []
    for record, text in enumerate(texts, start=1):
        try:
            clk = b64decode("".join(text.split()), validate=True)
        except (binascii.Error, ValueError, AttributeError):
            problems.append(f"record {record} is not base64")
            continue
        raw.append(clk)
        if len(clk) != len(raw[0]):
            problems.append(f"record {record} has {8 * len(clk)} bits, the first has {8 * len(raw[0])}")
    if raw and not raw[0]:
        problems.append("the CLKs are empty")
    if problems:
        more = [f"and {len(problems) - _SHOWN} more"] if len(problems) > _SHOWN else []
        raise InputError(f"{where} cannot be used", problems[:_SHOWN] + more, "ask its sender to make it again")
    size = len(raw[0])
    padded = np.zeros((len(raw), -(-size // 8) * 8), dtype=np.uint8)
    padded[:, :size] = np.frombuffer(b"".join(raw), dtype=np.uint8).reshape(len(raw), size)
    return padded.view("<u8").astype(np.uint64, copy=False), 8 * size
