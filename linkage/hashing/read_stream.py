"""Files as streams of bytes, decompressed on the way.

Rules:

- Nothing is unpacked to the disk: clear text stays in the file that the agency put there.
- An archive must hold one member; which of several was meant is not guessed.
- A damaged archive is an InputError, whichever library noticed.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import pyarrow as pa

from linkage.errors import InputError

_COMPRESSED = {".gz": "gzip", ".bz2": "bzip2", ".xz": "xz", ".zst": "Zstandard", ".zip": "zip"}


def compression_of(path: Path) -> str | None:
    """Return the name of a file's compression, by its suffix."""
    return _COMPRESSED.get(path.suffix.lower())


def inner_name(path: Path) -> str:
    """Return the name of the table inside: without the compression's suffix, or the archive's one member."""
    if path.suffix.lower() == ".zip":
        with _as_input_errors(path), zipfile.ZipFile(path) as archive:
            return _only_member(archive, path).filename
    return path.stem if compression_of(path) else path.name


@contextmanager
def open_stream(path: Path) -> Iterator[BinaryIO]:
    """Open a file, decompressed. Raises InputError where it is damaged, protected or holds several members."""
    with _as_input_errors(path):
        match path.suffix.lower():
            case ".gz":
                with gzip.open(path, "rb") as handle:
                    yield cast(BinaryIO, handle)
            case ".bz2":
                with bz2.open(path, "rb") as handle:
                    yield cast(BinaryIO, handle)
            case ".xz":
                with lzma.open(path, "rb") as handle:
                    yield cast(BinaryIO, handle)
            case ".zst":
                with pa.input_stream(str(path), compression="zstd") as handle:
                    yield cast(BinaryIO, handle)
            case ".zip":
                with zipfile.ZipFile(path) as archive, archive.open(_only_member(archive, path)) as member:
                    yield cast(BinaryIO, member)
            case _:
                with path.open("rb") as handle:
                    yield handle


def _only_member(archive: zipfile.ZipFile, path: Path) -> zipfile.ZipInfo:
    # What macOS adds of its own is not a table.
    members = [m for m in archive.infolist() if not m.is_dir() and not m.filename.startswith("__MACOSX/")]
    if len(members) != 1:
        raise InputError(
            f"{path}: the archive holds {len(members)} files, expected one",
            advice="put each table into an archive of its own, or unpack it",
        )
    if members[0].flag_bits & 1:
        raise InputError(f"{path}: the archive is locked with a password", advice="unpack it first")
    return members[0]


@contextmanager
def _as_input_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except (zipfile.BadZipFile, gzip.BadGzipFile, lzma.LZMAError, zlib.error, EOFError) as error:
        raise InputError(f"{path}: the compressed file is damaged", advice="copy or export it again") from error
    except OSError as error:
        # bz2 and Arrow have no error class of their own for a bad stream; the system's errors carry a number.
        if error.errno is not None:
            raise
        raise InputError(f"{path}: the compressed file is damaged", advice="copy or export it again") from error
