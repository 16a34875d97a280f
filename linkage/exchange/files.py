"""Files that are there whole or not at all.

Rules:

- A file is written beside its final place under a temporary name, flushed to the disk, and only then renamed.
  A kill at any instant leaves the old file or the new one, never a part of either.
- Loss of power is the same as a kill: a folder is flushed after every name that appears in it or changes, before
  anything else is done that relies on it. What a file system would have written by itself, and in which order, is not
  counted on (Pillai et al., OSDI 2014).
- What may hold anything confidential is readable by its owner alone (mode 0600), whatever the umask.
- A symbolic link at the destination is replaced, never followed.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from linkage.errors import LinkageError

_SUFFIX = ".part"


@contextmanager
def atomic_writer(path: Path, mode: int = 0o600) -> Iterator[BinaryIO]:
    """Open a binary file that appears at ``path`` only if the block ends without an error."""
    try:
        descriptor, name = tempfile.mkstemp(prefix=_prefix(path), suffix=_SUFFIX, dir=path.parent)
    except FileNotFoundError:
        raise LinkageError(
            f"{path} cannot be written: there is no folder {path.parent}", advice="make it first"
        ) from None
    except OSError as error:
        error.filename = str(path)
        raise
    part = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as handle:
            yield handle
            handle.flush()
            part.chmod(mode)
            os.fsync(handle.fileno())
        part.replace(path)
    except BaseException as error:
        part.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename is None:
            # A full disk does not say which file it was for.
            error.filename = str(path)
        raise
    sync_folder(path.parent)


def unfinished(path: Path) -> list[Path]:
    """Return what killed runs left of a file that was to be written at ``path``."""
    return sorted(p for p in path.parent.iterdir() if p.name.startswith(_prefix(path)) and p.name.endswith(_SUFFIX))


def sweep(path: Path) -> None:
    """Take away what killed runs left of a file that is to be written at ``path``."""
    for left in unfinished(path):
        left.unlink(missing_ok=True)


def _prefix(path: Path) -> str:
    return f".{path.name}."


def write_atomically(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Write ``content`` to ``path`` whole or not at all."""
    with atomic_writer(path, mode) as handle:
        handle.write(content)


def copy_atomically(source: Path, path: Path) -> None:
    """Copy a file to ``path`` (0600) whole or not at all."""
    with source.open("rb") as content, atomic_writer(path) as copy:
        shutil.copyfileobj(content, copy)


def make_folder(folder: Path, mode: int = 0o777) -> None:
    """Make a folder and those above it where they are not there yet."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(mode, exist_ok=True)
    sync_folder(folder.parent)


def rename_durably(path: Path, to: Path) -> None:
    """Give a file, or a folder whose content is flushed, another name."""
    path.replace(to)
    sync_folder(to.parent)


def remove_durably(path: Path) -> None:
    """Take a file away, if it is there, so that no loss of power brings it back."""
    path.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in ``folder`` survive a loss of power; Windows opens no folder, and flushes its names itself."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
