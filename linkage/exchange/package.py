"""Sealed, signed packages: how anything crosses from one party to another.

Layout::

    tar
    ├── 1.age           an age file to one room alone, in it a tar of its members
    ├── 2.age           an age file to another room alone, in it a tar of its members
    └── manifest.age    an age file to every recipient, in it a tar of
        ├── manifest.json   canonical JSON: who, for whom, of what, and each envelope's SHA-256, size and members
        └── signature       Ed25519 by the sender, over a label and the manifest's bytes

Rules:

- **An envelope a room**: all recipients read the manifest; every other byte is sealed once, to the one room that may
  read it (or, where no room is named, to all recipients). Whoever has the file alone learns how many envelopes there
  are and how large each is; members have no names outside.
- Sign, then encrypt, with the recipients inside the signed part. The manifest names every sealed byte by its hash, so
  the signature covers the members, the other room's too.
- A receiver is handed nothing before everything holds: the sender is pinned, the signature is its, we are among
  the recipients, and each envelope is there with the size and SHA-256 that were signed. An envelope is hashed again
  while it is opened: a file that is changed after it was verified gains nothing.
- Opened plaintext lies in a file without a name: whether a run ends well, in an error or by a kill, none stays.
- Written whole or not at all.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from linkage.errors import PackageError
from linkage.exchange.archive import Entry, archive_chunks, end_archive, growing_member, list_entries
from linkage.exchange.files import atomic_writer
from linkage.exchange.keys import PrivateKeys, PublicKeys
from linkage.exchange.manifest import (
    MANIFEST_NAME,
    MAX_MANIFEST_BYTES,
    SIGNATURE_NAME,
    EnvelopeEntry,
    Heading,
    Kind,
    Manifest,
    MemberEntry,
    Recipient,
    parse_manifest,
)
from linkage.exchange.sealing import seal_bytes, seal_stream, unseal_bytes, unseal_unnamed
from linkage.exchange.streams import ChunkReader, chunks
from linkage.spec.ahead import made_ahead

SIGNATURE_LABEL = b"linkage/v2/package-manifest\x00"
SIGNATURE_BYTES = 64
MAX_PACKAGE_BYTES = 64 << 30
STATEMENT_ENVELOPE = "manifest.age"
#: What sealing and the archive around it add to a manifest at most.
_AROUND_MANIFEST = 64 << 10
#: Members that are made while another is sealed.
_MADE_AHEAD = 2


@dataclass(frozen=True)
class Member:
    """A file to send: where it is, what it holds or what makes it, and, if one room alone may read it, whose.

    What makes it is called once, while members before it are sealed or made: no more than three lie in memory.
    """

    content: Path | bytes | Callable[[], bytes | memoryview] = field(repr=False)
    sealed_for: PublicKeys | None = None


@dataclass(frozen=True)
class _Ready:
    """A member whose turn has come: its size, and its bytes in pieces."""

    entry: MemberEntry
    pieces: Iterable[bytes | memoryview]


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
    owners = list(dict.fromkeys(member.sealed_for for member in members.values()))
    mine = {owner: [name for name, member in members.items() if member.sealed_for == owner] for owner in owners}
    makers = [partial(_ready, name, members[name]) for names in mine.values() for name in names]
    envelopes = []
    with atomic_writer(path) as package, closing(made_ahead(makers, _MADE_AHEAD)) as ready:
        for number, (owner, names) in enumerate(mine.items(), start=1):
            to = [owner.sealing] if owner else [room.sealing for room in recipients]
            with growing_member(package, _envelope_name(number)):
                sha256, size, entries = _seal_envelope(islice(ready, len(names)), package, to)
            envelopes.append(
                EnvelopeEntry(sealed_for=owner.name if owner else None, sha256=sha256, size=size, members=entries)
            )
        manifest = Manifest(
            **{name: getattr(heading, name) for name in Heading.model_fields},
            sender=signer.name,
            recipients=tuple(Recipient(name=room.name, sealing=room.sealing) for room in recipients),
            envelopes=tuple(envelopes),
        )
        statement = manifest.canonical()
        if len(statement) > MAX_MANIFEST_BYTES:
            raise PackageError(f"The manifest would be larger than {MAX_MANIFEST_BYTES} bytes.")
        signed = {MANIFEST_NAME: statement, SIGNATURE_NAME: signer.sign(SIGNATURE_LABEL + statement)}
        inside = b"".join(archive_chunks((name, len(part), [part]) for name, part in signed.items()))
        with growing_member(package, STATEMENT_ENVELOPE):
            package.write(seal_bytes(inside, [room.sealing for room in recipients]))
        end_archive(package)
    return manifest


class OpenedPackage:
    """A package of which everything was verified; close it to be rid of the plaintext."""

    def __init__(
        self,
        manifest: Manifest,
        sha256: str,
        sealed: BinaryIO,
        envelopes: Sequence[Entry],
        keys: PrivateKeys,
        scratch: Path | None,
    ) -> None:
        self.manifest = manifest
        self.sha256 = sha256
        self._sealed = sealed
        self._envelopes = dict(zip(manifest.envelopes, envelopes, strict=True))
        self._keys = keys
        self._scratch = scratch
        self._plain: dict[EnvelopeEntry, tuple[BinaryIO, dict[str, Entry]]] = {}

    def readable(self, name: str) -> bool:
        """Tell whether the member is there and ours to read."""
        envelope = self._envelope_of(name)
        return envelope is not None and self._is_ours(envelope)

    def member(self, name: str) -> bytes:
        """Return a member's content."""
        return b"".join(self._content(name))

    def extract(self, name: str, to: Path) -> None:
        """Write a member's content to the file ``to`` (0600), whole or not at all."""
        content = self._content(name)
        with atomic_writer(to) as file:
            file.writelines(content)

    def close(self) -> None:
        """Give the plaintext back to the disk."""
        self._sealed.close()
        for archive, _ in self._plain.values():
            archive.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _content(self, name: str) -> Iterator[bytes]:
        envelope = self._envelope_of(name)
        if envelope is None:
            present = ", ".join(member.name for member in self.manifest.members) or "none"
            raise PackageError(f"The package holds no member {name}; its members: {present}.")
        if not self._is_ours(envelope):
            raise PackageError(
                f"The member {name} is sealed to {envelope.sealed_for} alone; {self._keys.name} cannot open it."
            )
        if envelope not in self._plain:
            self._plain[envelope] = self._opened(envelope)
        archive, entries = self._plain[envelope]
        return entries[name].chunks(archive)

    def _opened(self, envelope: EnvelopeEntry) -> tuple[BinaryIO, dict[str, Entry]]:
        what = f"What {self.manifest.sender} sealed to {envelope.sealed_for or 'all recipients'}"
        digest = hashlib.sha256()
        source = ChunkReader(_observed(self._envelopes[envelope].chunks(self._sealed), digest.update))
        archive = unseal_unnamed(source, self._keys, what, self._scratch)
        try:
            entries = list_entries(archive, what)
            if digest.hexdigest() != envelope.sha256:
                raise PackageError(f"{what} changed while it was being opened.")
            if [(entry.name, entry.size) for entry in entries] != [(m.name, m.size) for m in envelope.members]:
                raise PackageError(f"{what} does not hold the members that its signed manifest says.")
        except BaseException:
            archive.close()
            raise
        return archive, {entry.name: entry for entry in entries}

    def _envelope_of(self, name: str) -> EnvelopeEntry | None:
        return next((e for e in self.manifest.envelopes if name in {member.name for member in e.members}), None)

    def _is_ours(self, envelope: EnvelopeEntry) -> bool:
        sealing = {recipient.name: recipient.sealing for recipient in self.manifest.recipients}
        return envelope.sealed_for is None or sealing[envelope.sealed_for] == self._keys.public.sealing


def open_package(
    path: Path,
    keys: PrivateKeys,
    senders: Mapping[str, PublicKeys],
    expected_kind: Kind,
    *,
    scratch: Path | None = None,
    max_bytes: int = MAX_PACKAGE_BYTES,
) -> OpenedPackage:
    """Verify a package, to be opened with ``keys``; raises PackageError naming the cause.

    ``senders`` are the public keys pinned in the agreement, by party name. Plaintext, once a member is asked for, lies
    on the disk of ``scratch`` (by default the system's temporary folder), without a name.
    """
    what = str(path)
    if not path.is_file():
        raise PackageError(f"{what} is not there, or is not a file.")
    sealed = path.open("rb")
    try:
        if os.fstat(sealed.fileno()).st_size > max_bytes:
            raise PackageError(f"{what} is larger than {max_bytes} bytes; it was not read.")
        entries = list_entries(sealed, what)
        manifest = _verified_manifest(sealed, entries, keys, senders, what)
        sha256, found = _digests(sealed, entries)
        problems = [
            *_meant_otherwise(manifest, keys, expected_kind),
            *_altered_envelopes(manifest, dict(list(found.items())[:-1])),
        ]
        if problems:
            raise PackageError(f"{what} from {manifest.sender} is refused.", problems)
    except BaseException:
        sealed.close()
        raise
    return OpenedPackage(manifest, sha256, sealed, entries[:-1], keys, scratch)


def package_sha256(path: Path) -> str:
    """Return the SHA-256 of the sealed file: what receipts cite and duplicates share."""
    with path.open("rb") as sealed:
        return hashlib.file_digest(sealed, "sha256").hexdigest()


def _envelope_name(number: int) -> str:
    return f"{number}.age"


def _ready(name: str, member: Member) -> _Ready:
    """Take a member's size, making its content where it is not there yet."""
    if isinstance(member.content, Path):
        found = member.content.stat()
        return _Ready(MemberEntry(name=name, size=found.st_size), _unchanged(member.content, found))
    content = member.content if isinstance(member.content, bytes) else member.content()
    return _Ready(MemberEntry(name=name, size=len(content)), [content])


def _unchanged(path: Path, found: os.stat_result) -> Iterator[bytes]:
    """Read a file; one that someone is still writing must not be signed as whole."""
    with path.open("rb") as content:
        yield from chunks(content, found.st_size)
        now = os.fstat(content.fileno())
    if (now.st_size, now.st_mtime_ns) != (found.st_size, found.st_mtime_ns):
        raise PackageError(f"The file {path} changed while it was being sealed.")


def _seal_envelope(
    ready: Iterable[_Ready], package: BinaryIO, to: Sequence[str]
) -> tuple[str, int, tuple[MemberEntry, ...]]:
    """Seal members as they come to the end of ``package``; returns SHA-256 and size as sealed, and the members."""
    taken: list[MemberEntry] = []

    def laid_out() -> Iterator[tuple[str, int, Iterable[bytes | memoryview]]]:
        for member in ready:
            taken.append(member.entry)
            yield member.entry.name, member.entry.size, member.pieces

    start = package.tell()
    hashing = _Hashing(package)
    seal_stream(ChunkReader(archive_chunks(laid_out())), hashing, to)
    return hashing.digest.hexdigest(), package.tell() - start, tuple(taken)


class _Hashing:
    """A writer that hashes what passes through it."""

    def __init__(self, destination: BinaryIO) -> None:
        self._destination = destination
        self.digest = hashlib.sha256()

    def write(self, content: bytes) -> int:
        self.digest.update(content)
        return self._destination.write(content)

    def flush(self) -> None:
        self._destination.flush()


def _observed(pieces: Iterable[bytes], observe: Callable[[bytes], None]) -> Iterator[bytes]:
    for piece in pieces:
        observe(piece)
        yield piece


def _digests(archive: BinaryIO, entries: Sequence[Entry]) -> tuple[str, dict[str, tuple[str, int]]]:
    """Read a package once: return the SHA-256 of the whole, and SHA-256 and size of each entry."""
    whole = hashlib.sha256()
    found = {}
    archive.seek(0)
    for entry in entries:
        whole.update(archive.read(entry.offset - archive.tell()))
        own = hashlib.sha256()
        for chunk in entry.chunks(archive):
            whole.update(chunk)
            own.update(chunk)
        found[entry.name] = own.hexdigest(), entry.size
    for chunk in chunks(archive):
        whole.update(chunk)
    return whole.hexdigest(), found


def _verified_manifest(
    archive: BinaryIO, entries: Sequence[Entry], keys: PrivateKeys, senders: Mapping[str, PublicKeys], what: str
) -> Manifest:
    expected = [*(_envelope_name(number) for number in range(1, len(entries))), STATEMENT_ENVELOPE]
    if [entry.name for entry in entries] != expected:
        raise PackageError(f"{what} does not hold numbered envelopes and {STATEMENT_ENVELOPE}.")
    if entries[-1].size > MAX_MANIFEST_BYTES + _AROUND_MANIFEST:
        raise PackageError(f"{what} has a manifest of impossible size.")
    inside = io.BytesIO(unseal_bytes(entries[-1].read(archive), keys, what))
    parts = list_entries(inside, what)
    if [part.name for part in parts] != [MANIFEST_NAME, SIGNATURE_NAME]:
        raise PackageError(f"{what} does not begin with {MANIFEST_NAME} and {SIGNATURE_NAME}.")
    if parts[0].size > MAX_MANIFEST_BYTES or parts[1].size != SIGNATURE_BYTES:
        raise PackageError(f"{what} has a manifest or signature of impossible size.")
    statement = parts[0].read(inside)
    manifest = parse_manifest(statement, what)
    if manifest.sender not in senders:
        raise PackageError(
            f"{what} says it is from {manifest.sender}, whose keys are not pinned here.",
            advice=f"Pinned senders: {', '.join(sorted(senders)) or 'none'}. Check the agreement's parties.",
        )
    try:
        senders[manifest.sender].verify(SIGNATURE_LABEL + statement, parts[1].read(inside))
    except PackageError as error:
        raise PackageError(
            f"{what} was made for another hub or agreement, or with another key than the one pinned for "
            f"{manifest.sender}.",
            [f"if neither: the signature is not {manifest.sender}'s, so the content was altered or forged"],
            error.advice,
        ) from None
    return manifest


def _meant_otherwise(manifest: Manifest, keys: PrivateKeys, expected_kind: Kind) -> Iterator[str]:
    if manifest.kind != expected_kind:
        yield f"expected a package of {expected_kind}, found one of {manifest.kind}"
    if keys.public.sealing not in {recipient.sealing for recipient in manifest.recipients}:
        yield f"the sender did not address it to {keys.name}: someone else sealed it on"


def _altered_envelopes(manifest: Manifest, found: Mapping[str, tuple[str, int]]) -> Iterator[str]:
    signed = {_envelope_name(number): envelope for number, envelope in enumerate(manifest.envelopes, start=1)}
    yield from (f"{name}: not in the signed manifest" for name in found if name not in signed)
    for name, envelope in signed.items():
        held = ", ".join(member.name for member in envelope.members) or "no member"
        if name not in found:
            yield f"{name} ({held}): missing"
        elif found[name][1] != envelope.size:
            yield f"{name} ({held}): expected {envelope.size} bytes, found {found[name][1]}"
        elif found[name][0] != envelope.sha256:
            yield f"{name} ({held}): its content is not what was signed (SHA-256 differs)"
