"""Key and secret files on the disk: read only if nobody else could have, never written over.

Rules:

- A private file that its group or the world can touch is refused, not repaired: who may have read it is a
  question for its owner. (POSIX modes only; Windows keeps access lists that a mode does not show.)
- What is plainly another kind of file is said before its mode: advice on the mode of the wrong file misleads.
- The mode is read from the opened file, so a file swapped between check and use gains nothing.
- Nothing is overwritten: a lost key cannot be made again.
- No message quotes a file's content.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

from linkage.errors import KeyFileError
from linkage.exchange.files import write_atomically

# Keys and secrets are a few hundred bytes; whatever is larger is another file.
MAX_BYTES = 16 * 1024


def read_private(path: Path, what: str, refuse_kind: Callable[[bytes], None] = lambda _content: None) -> bytes:
    """Read a file that only its owner may touch; ``what`` names it in messages ("shared secret").

    ``refuse_kind`` raises where the content is of another kind; it is asked before the mode is judged.
    """
    return _read(path, what, refuse_kind, private=True)


def read_public(path: Path, what: str) -> bytes:
    """Read a small file that anyone may read."""
    return _read(path, what, lambda _content: None, private=False)


def write_new(path: Path, content: bytes, what: str, mode: int = 0o600) -> None:
    """Write ``content`` where no file is yet."""
    refuse_existing(path, what)
    write_atomically(path, content, mode)


def refuse_existing(path: Path, what: str) -> None:
    """Raise KeyFileError when something already stands at ``path``."""
    if path.exists() or path.is_symlink():
        raise KeyFileError(
            f"{path} exists; a {what} is never overwritten.",
            advice="Choose another name or folder, or move the old file away.",
        )


def _read(path: Path, what: str, refuse_kind: Callable[[bytes], None], *, private: bool) -> bytes:
    try:
        with path.open("rb") as handle:
            status = os.fstat(handle.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise KeyFileError(f"{path} is not a regular file, so it cannot be a {what}.")
            content = handle.read(MAX_BYTES + 1)
            refuse_kind(content)
            if private and os.name == "posix" and status.st_mode & 0o077:
                raise KeyFileError(
                    f"{path} can be reached by others (mode {stat.S_IMODE(status.st_mode):04o}); "
                    f"a {what} must be its owner's alone (mode 0600).",
                    advice=f"If nobody else can have read it: chmod 600 {path}. Otherwise replace the {what}.",
                )
    except OSError as error:
        raise KeyFileError(f"The {what} cannot be read from {path}: {error.strerror}.") from None
    if len(content) > MAX_BYTES:
        raise KeyFileError(f"{path} is larger than {MAX_BYTES} bytes, so it cannot be a {what}.")
    return content
