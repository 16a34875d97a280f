"""Sealing: whatever leaves its owner is an age file (age-encryption.org/v1) to named X25519 recipients.

Rules:

- Opening gives the whole plaintext or nothing. A streaming decryptor has written almost all of a truncated file
  before it notices, so plaintext goes to a file without a name until the last piece has been authenticated.
- A header is read only up to a cap: the format sets no limit on its stanzas, and each costs a key agreement.
- Sealing says nothing about who sealed; signatures are in ``package``.
"""

from __future__ import annotations

import io
import itertools
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import pyrage
from pyrage import x25519

from linkage.errors import KeyFileError, PackageError
from linkage.exchange.keys import PrivateKeys
from linkage.exchange.streams import CHUNK_BYTES, ChunkReader, Reader, Writer, chunks

if TYPE_CHECKING:
    from typing_extensions import Buffer

# An X25519 stanza takes about 100 bytes, so this leaves room for 150 recipients.
MAX_HEADER_BYTES = 16 * 1024
_MAGIC = b"age-encryption.org/v1\n"
_HEADER_END = b"\n--- "


def seal_stream(source: Reader, destination: Writer, recipients: Sequence[str]) -> None:
    """Encrypt ``source`` to every recipient ("age1..."), each of whom can open it alone."""
    if not recipients:
        raise KeyFileError("There is nobody to seal to.", advice="Name at least one recipient.")
    try:
        keys = [x25519.Recipient.from_str(recipient) for recipient in recipients]
    except pyrage.RecipientError:
        raise KeyFileError("A recipient is not an age X25519 key (age1...).") from None
    with _own_failures(source, destination) as (plain, sealed):
        pyrage.encrypt_io(plain, sealed, keys)


def unseal_stream(source: Reader, destination: Writer, keys: PrivateKeys, what: str) -> None:
    """Decrypt ``source``; on failure ``destination`` may hold part of the plaintext, so it must be thrown away.

    ``what`` names the sealed thing in messages. Raises PackageError.
    """
    start = source.read(MAX_HEADER_BYTES)
    if not start.startswith(_MAGIC):
        raise PackageError(f"{what} is not a sealed (age) file.")
    if _HEADER_END not in start:
        raise PackageError(f"{what} has no end of header within {MAX_HEADER_BYTES} bytes; it was not read.")
    whole = ChunkReader(itertools.chain([start], chunks(source)))
    with _own_failures(whole, destination) as (sealed, plain):
        try:
            pyrage.decrypt_io(sealed, plain, [keys.sealing])
        except pyrage.DecryptError as error:
            if "No matching keys" in str(error):
                raise PackageError(
                    f"{what} is not sealed to {keys.name}: it was made for another hub or agreement, or for another "
                    "key.",
                    advice="Open it with the key it was sealed for. If that is this one, its header was altered: have "
                    "it sealed again.",
                ) from None
            raise _damaged(what) from None
        except OSError:
            raise _damaged(what) from None


def unseal_unnamed(source: Reader, keys: PrivateKeys, what: str, folder: Path | None = None) -> BinaryIO:
    """Decrypt into a file that has no name, so that no way of ending leaves plaintext behind; the caller closes it.

    ``folder`` says on which disk; by default the system's temporary one.
    """
    plain = cast(BinaryIO, tempfile.TemporaryFile(dir=folder))  # noqa: SIM115 - handed to the caller open
    try:
        unseal_stream(source, plain, keys, what)
        plain.seek(0)
    except BaseException:
        plain.close()
        raise
    return plain


def seal_bytes(plaintext: bytes, recipients: Sequence[str]) -> bytes:
    """Seal in memory."""
    sealed = io.BytesIO()
    seal_stream(io.BytesIO(plaintext), sealed, recipients)
    return sealed.getvalue()


def unseal_bytes(sealed: bytes, keys: PrivateKeys, what: str = "The message") -> bytes:
    """Open in memory."""
    plain = io.BytesIO()
    unseal_stream(io.BytesIO(sealed), plain, keys, what)
    return plain.getvalue()


def _damaged(what: str) -> PackageError:
    return PackageError(
        f"{what} was altered, damaged or cut short; nothing of it was kept.",
        advice="Ask the sender for it again and compare the package's SHA-256.",
    )


class _Source(io.RawIOBase):
    """What is sealed or opened, as a raw stream that remembers its own failure.

    pyrage would report it as a failure of the format, and reads in pieces so small that a buffer in C must stand
    between.
    """

    def __init__(self, source: Reader) -> None:
        self._source = source
        self.failure: BaseException | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, room: Buffer) -> int:
        view = memoryview(room)
        try:
            chunk = self._source.read(len(view))
            view[: len(chunk)] = chunk
        except BaseException as error:
            self.failure = error
            raise
        return len(chunk)


class _Sink(io.RawIOBase):
    """Where sealed or opened bytes go, as a raw stream that remembers its own failure and takes nothing after it."""

    def __init__(self, destination: Writer) -> None:
        self._destination = destination
        self.failure: BaseException | None = None

    def writable(self) -> bool:
        return True

    def write(self, content: Buffer) -> int:
        chunk = bytes(content)
        if self.failure is None:
            try:
                self._destination.write(chunk)
            except BaseException as error:
                self.failure = error
                raise
        return len(chunk)


@contextmanager
def _own_failures(source: Reader, destination: Writer) -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """Buffer both streams; raise a full disk, Ctrl-C or a reader's own error as what it is."""
    raw_source, raw_sink = _Source(source), _Sink(destination)
    sink = io.BufferedWriter(raw_sink, CHUNK_BYTES)
    try:
        yield io.BufferedReader(raw_source, CHUNK_BYTES), sink
        sink.flush()
    except BaseException as error:
        own = raw_source.failure or raw_sink.failure
        # What is still in the buffer goes nowhere.
        raw_sink.failure = own or error
        if own is not None:
            raise own from None
        raise
    destination.flush()
