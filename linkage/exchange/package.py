"""Sealed, signed packages: how anything crosses from one party to another.

Layout::

    age file, to every recipient
    └── tar
        ├── manifest.json   canonical JSON
        ├── signature       Ed25519 by the sender, over a label and the manifest's bytes
        ├── encodings.parquet     an age file to the matcher alone
        └── tokens.parquet        an age file to the registrar alone

Rules:

- **One package, two envelopes**: all recipients read the manifest; a member may be sealed to one of them only.
- Sign, then encrypt, with the recipients inside the signed part.
- A receiver is handed nothing before everything holds: the sender is pinned, the signature is its, we are among
  the recipients, and each member is there once with the size and SHA-256 that were signed.
- Opened plaintext lies in a file without a name: whether a run ends well, in an error or by a kill, none stays.
- Written whole or not at all.
"""

from __future__ import annotations

import hashlib
import io
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from linkage.errors import PackageError
from linkage.exchange.archive import Entry, archive_chunks, list_entries
from linkage.exchange.files import atomic_writer
from linkage.exchange.keys import PrivateKeys, PublicKeys
from linkage.exchange.manifest import (
    MANIFEST_NAME,
    MAX_MANIFEST_BYTES,
    SIGNATURE_NAME,
    Heading,
    Kind,
    Manifest,
    MemberEntry,
    Recipient,
    parse_manifest,
)
from linkage.exchange.sealing import seal_stream, unseal_stream, unseal_unnamed
from linkage.exchange.streams import ChunkReader, chunks

SIGNATURE_LABEL = b"linkage/v1/package-manifest\x00"
SIGNATURE_BYTES = 64
MAX_PACKAGE_BYTES = 64 << 30


@dataclass(frozen=True)
class Member:
    """A file to send: where it is, what it holds or what makes it, and, if one room alone may read it, whose.

    What makes it is called once, when its turn comes, so that members that together exceed memory can be sent.
    """

    content: Path | bytes | Callable[[], bytes] = field(repr=False)
    sealed_for: PublicKeys | None = None


def write_package(
    path: Path,
    heading: Heading,
    members: Mapping[str, Member],
    signer: PrivateKeys,
    recipients: Sequence[PublicKeys],
) -> Manifest:
    """Seal and sign ``members`` into a package at ``path``; returns the manifest that was signed."""
    for name, member in members.items():
        if member.sealed_for is not None and member.sealed_for not in recipients:
            raise PackageError(
                f"The member {name} is sealed to {member.sealed_for.name}, who is no recipient of the package."
            )
    with ExitStack() as stack:
        contents = {name: stack.enter_context(_stored(member, path.parent)) for name, member in members.items()}
        manifest = Manifest(
            **{name: getattr(heading, name) for name in Heading.model_fields},
            sender=signer.name,
            recipients=tuple(Recipient(name=room.name, sealing=room.sealing) for room in recipients),
            members=tuple(_entry(name, members[name], content) for name, content in contents.items()),
        )
        statement = manifest.canonical()
        if len(statement) > MAX_MANIFEST_BYTES:
            raise PackageError(f"The manifest would be larger than {MAX_MANIFEST_BYTES} bytes.")
        signature = signer.sign(SIGNATURE_LABEL + statement)
        archive = archive_chunks(
            [
                (MANIFEST_NAME, len(statement), [statement]),
                (SIGNATURE_NAME, len(signature), [signature]),
                *((entry.name, entry.size, _unchanged(entry, contents[entry.name])) for entry in manifest.members),
            ]
        )
        with atomic_writer(path) as package:
            seal_stream(ChunkReader(archive), package, [room.sealing for room in recipients])
    return manifest


class OpenedPackage:
    """A package of which everything was verified; close it to be rid of the plaintext."""

    def __init__(
        self, manifest: Manifest, sha256: str, archive: BinaryIO, entries: Mapping[str, Entry], keys: PrivateKeys
    ) -> None:
        self.manifest = manifest
        self.sha256 = sha256
        self._archive = archive
        self._entries = entries
        self._keys = keys

    def readable(self, name: str) -> bool:
        """Tell whether the member is there and ours to read."""
        return name in self._entries and self._is_ours(name)

    def member(self, name: str) -> bytes:
        """Return a member's content."""
        content = io.BytesIO()
        self._copy(name, content)
        return content.getvalue()

    def extract(self, name: str, to: Path) -> None:
        """Write a member's content to the file ``to`` (0600), whole or not at all."""
        with atomic_writer(to) as file:
            self._copy(name, file)

    def close(self) -> None:
        """Give the plaintext back to the disk."""
        self._archive.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _copy(self, name: str, destination: BinaryIO) -> None:
        if name not in self._entries:
            present = ", ".join(self._entries) or "none"
            raise PackageError(f"The package holds no member {name}; its members: {present}.")
        if not self._is_ours(name):
            raise PackageError(
                f"The member {name} is sealed to {self._sealed_for(name)} alone; {self._keys.name} cannot open it."
            )
        content = self._entries[name].chunks(self._archive)
        if self._sealed_for(name) is None:
            for chunk in content:
                destination.write(chunk)
        else:
            unseal_stream(ChunkReader(content), destination, self._keys, f"The member {name}")

    def _sealed_for(self, name: str) -> str | None:
        return next(entry.sealed_for for entry in self.manifest.members if entry.name == name)

    def _is_ours(self, name: str) -> bool:
        room = self._sealed_for(name)
        sealing = {recipient.name: recipient.sealing for recipient in self.manifest.recipients}
        return room is None or sealing[room] == self._keys.public.sealing


def open_package(
    path: Path,
    keys: PrivateKeys,
    senders: Mapping[str, PublicKeys],
    expected_kind: Kind,
    *,
    scratch: Path | None = None,
    max_bytes: int = MAX_PACKAGE_BYTES,
) -> OpenedPackage:
    """Verify a package and open it with ``keys``; raises PackageError naming the cause.

    ``senders`` are the public keys pinned in the agreement, by party name. The plaintext lies on the disk of
    ``scratch`` (by default the system's temporary folder), without a name.
    """
    what = str(path)
    digest = hashlib.sha256()
    if not path.is_file():
        raise PackageError(f"{what} is not there, or is not a file.")
    with path.open("rb") as sealed:
        source = ChunkReader(_limited(chunks(sealed), digest.update, max_bytes, what))
        archive = unseal_unnamed(source, keys, what, scratch)
    try:
        entries = list_entries(archive, what)
        manifest = _verified_manifest(archive, entries, senders, what)
        problems = [
            *_meant_otherwise(manifest, keys, expected_kind),
            *_altered_members(archive, manifest, entries[2:]),
        ]
        if problems:
            raise PackageError(f"{what} from {manifest.sender} is refused.", problems)
    except BaseException:
        archive.close()
        raise
    return OpenedPackage(manifest, digest.hexdigest(), archive, {entry.name: entry for entry in entries[2:]}, keys)


def package_sha256(path: Path) -> str:
    """Return the SHA-256 of the sealed file: what receipts cite and duplicates share."""
    with path.open("rb") as sealed:
        return hashlib.file_digest(sealed, "sha256").hexdigest()


def _stored(member: Member, folder: Path) -> BinaryIO:
    """Open a member's bytes as they will be stored, sealed if one room alone may read it."""
    content: BinaryIO
    if isinstance(member.content, Path):
        content = member.content.open("rb")
    else:
        content = io.BytesIO(member.content if isinstance(member.content, bytes) else member.content())
    if member.sealed_for is None:
        return content
    with content:
        sealed = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - handed to the caller open
        try:
            seal_stream(content, sealed, [member.sealed_for.sealing])
        except BaseException:
            sealed.close()
            raise
    return sealed


def _entry(name: str, member: Member, content: BinaryIO) -> MemberEntry:
    content.seek(0)
    sha256 = _sha256(chunks(content))
    sealed_for = member.sealed_for.name if member.sealed_for else None
    return MemberEntry(name=name, sha256=sha256, size=content.tell(), sealed_for=sealed_for)


def _unchanged(entry: MemberEntry, content: BinaryIO) -> Iterator[bytes]:
    """Read a member a second time; a file that someone is still writing must not be signed as whole."""
    content.seek(0)
    digest = hashlib.sha256()
    for chunk in chunks(content, entry.size):
        digest.update(chunk)
        yield chunk
    if digest.hexdigest() != entry.sha256:
        raise PackageError(f"The file of the member {entry.name} changed while it was being sealed.")


def _limited(pieces: Iterable[bytes], observe: Callable[[bytes], None], max_bytes: int, what: str) -> Iterator[bytes]:
    total = 0
    for piece in pieces:
        total += len(piece)
        if total > max_bytes:
            raise PackageError(f"{what} is larger than {max_bytes} bytes; it was not read further.")
        observe(piece)
        yield piece


def _verified_manifest(
    archive: BinaryIO, entries: Sequence[Entry], senders: Mapping[str, PublicKeys], what: str
) -> Manifest:
    if [entry.name for entry in entries[:2]] != [MANIFEST_NAME, SIGNATURE_NAME]:
        raise PackageError(f"{what} does not begin with {MANIFEST_NAME} and {SIGNATURE_NAME}.")
    if entries[0].size > MAX_MANIFEST_BYTES or entries[1].size != SIGNATURE_BYTES:
        raise PackageError(f"{what} has a manifest or signature of impossible size.")
    statement = entries[0].read(archive)
    manifest = parse_manifest(statement, what)
    if manifest.sender not in senders:
        raise PackageError(
            f"{what} says it is from {manifest.sender}, whose keys are not pinned here.",
            advice=f"Pinned senders: {', '.join(sorted(senders)) or 'none'}. Check the agreement's parties.",
        )
    senders[manifest.sender].verify(SIGNATURE_LABEL + statement, entries[1].read(archive))
    return manifest


def _meant_otherwise(manifest: Manifest, keys: PrivateKeys, expected_kind: Kind) -> Iterator[str]:
    if manifest.kind != expected_kind:
        yield f"expected a package of {expected_kind}, found one of {manifest.kind}"
    if keys.public.sealing not in {recipient.sealing for recipient in manifest.recipients}:
        yield f"the sender did not address it to {keys.name}: someone else sealed it on"


def _altered_members(archive: BinaryIO, manifest: Manifest, entries: Sequence[Entry]) -> Iterator[str]:
    present = {entry.name: entry for entry in entries}
    signed = {member.name for member in manifest.members}
    yield from (f"{name}: not in the signed manifest" for name in present if name not in signed)
    for member in manifest.members:
        entry = present.get(member.name)
        if entry is None:
            yield f"{member.name}: missing"
        elif entry.size != member.size:
            yield f"{member.name}: expected {member.size} bytes, found {entry.size}"
        elif _sha256(entry.chunks(archive)) != member.sha256:
            yield f"{member.name}: its content is not what was signed (SHA-256 differs)"


def _sha256(pieces: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()
