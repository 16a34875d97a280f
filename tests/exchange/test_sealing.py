"""Sealing: whole plaintext or none, for the named recipients alone."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkage.errors import KeyFileError, PackageError
from linkage.exchange.keys import generate_keys
from linkage.exchange.sealing import (
    MAX_HEADER_BYTES,
    seal_bytes,
    seal_stream,
    unseal_bytes,
    unseal_stream,
    unseal_unnamed,
)
from linkage.exchange.streams import ChunkReader, chunks

KEYS = generate_keys("room")
TO_ROOM = [KEYS.public.sealing]


@given(st.binary(max_size=300))
def test_what_was_sealed_opens_unchanged(plaintext):
    assert unseal_bytes(seal_bytes(plaintext, TO_ROOM), KEYS) == plaintext


def test_each_of_several_recipients_opens_alone_and_nobody_else(agency, matcher, stranger):
    sealed = seal_bytes(b"x", [agency.public.sealing, matcher.public.sealing])
    assert unseal_bytes(sealed, agency) == unseal_bytes(sealed, matcher) == b"x"
    with pytest.raises(PackageError, match="not sealed to stranger"):
        unseal_bytes(sealed, stranger)


@pytest.mark.parametrize("kept", [0, 10, 150, 250, 70_000, 140_000, 199_999])
def test_truncated_file_leaves_no_plaintext(tmp_path, kept):
    sealed = seal_bytes(b"MARKER" * 33_334, TO_ROOM)
    with pytest.raises(PackageError, match=r"cut short|not a sealed|no end of header"):
        unseal_unnamed(io.BytesIO(sealed[:kept]), KEYS, "it", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_unnamed_plaintext_never_shows_in_the_folder(tmp_path):
    content = b"MARKER" * 33_334
    with unseal_unnamed(io.BytesIO(seal_bytes(content, TO_ROOM)), KEYS, "it", tmp_path) as plain:
        assert list(tmp_path.iterdir()) == []
        assert plain.read() == content


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"-----BEGIN AGE ENCRYPTED FILE-----\n", b"\x00" * 99])
def test_other_files_are_told_from_sealed_ones(content):
    with pytest.raises(PackageError, match="not a sealed"):
        unseal_bytes(content, KEYS)


def test_endless_header_is_refused_unread():
    source = ChunkReader([b"age-encryption.org/v1\n", *[b"-> X25519 AAAA\nAAAA\n"] * 50_000])
    with pytest.raises(PackageError, match="no end of header"):
        unseal_stream(source, io.BytesIO(), KEYS, "it")
    assert len(source.read()) > 900_000 - MAX_HEADER_BYTES


def test_nobody_and_malformed_recipients_are_refused():
    with pytest.raises(KeyFileError, match="nobody"):
        seal_bytes(b"x", [])
    with pytest.raises(KeyFileError, match="age1"):
        seal_bytes(b"x", ["age1nonsense"])


class Failing(io.BytesIO):
    def __init__(self, error, content=b""):
        super().__init__(content)
        self.error = error

    def read(self, size=-1):
        raise self.error

    def write(self, content):
        raise self.error


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt(), PackageError("own")])
def test_full_disk_and_interrupts_are_raised_as_what_they_are(error):
    sealed = seal_bytes(b"x" * 100_000, TO_ROOM)
    attempts = [
        lambda: seal_stream(Failing(error), io.BytesIO(), TO_ROOM),
        lambda: seal_stream(io.BytesIO(b"x" * 100_000), Failing(error), TO_ROOM),
        lambda: unseal_stream(ChunkReader(failing_after(sealed[:66_000], error)), io.BytesIO(), KEYS, "it"),
        lambda: unseal_stream(io.BytesIO(sealed), Failing(error), KEYS, "it"),
    ]
    for attempt in attempts:
        with pytest.raises(type(error)) as caught:
            attempt()
        assert caught.value is error


def failing_after(content, error):
    yield content
    raise error


@given(st.lists(st.binary(max_size=9), max_size=9), st.lists(st.integers(0, 20), max_size=9))
def test_chunk_reader_gives_what_a_file_would(pieces, sizes):
    reader, file = ChunkReader(pieces), io.BytesIO(b"".join(pieces))
    assert [reader.read(size) for size in sizes] == [file.read(size) for size in sizes]
    assert reader.read() == file.read()


@given(st.binary(max_size=40), st.integers(0, 50))
def test_chunks_stop_at_the_size_asked_for(content, size):
    assert b"".join(chunks(io.BytesIO(content), size)) == content[:size]
    assert b"".join(chunks(io.BytesIO(content))) == content
