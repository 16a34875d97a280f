"""Packages: what an honest sender and receiver see."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
import tracemalloc
from functools import partial

import pytest
from pydantic import ValidationError

from linkage.errors import PackageError
from linkage.exchange.archive import Entry, archive_chunks, list_entries
from linkage.exchange.manifest import Heading
from linkage.exchange.package import Member, open_package, package_sha256, write_package
from linkage.exchange.streams import ChunkReader


def test_each_room_reads_the_manifest_and_its_own_member_only(package, matcher, registrar, senders, heading):
    with (
        open_package(package, matcher, senders, "encodings") as for_matcher,
        open_package(package, registrar, senders, "encodings") as for_registrar,
    ):
        assert for_matcher.manifest == for_registrar.manifest
        assert for_matcher.member("encodings.parquet") == b"ENCODINGS" * 100
        assert for_registrar.member("tokens.parquet") == b"TOKENS" * 100
        assert for_matcher.member("profile.json") == for_registrar.member("profile.json") == b'{"rows": 3}'
        assert [for_matcher.readable(name) for name in ("encodings.parquet", "tokens.parquet", "x")] == [1, 0, 0]
        with pytest.raises(PackageError, match=r"tokens\.parquet is sealed to hub\.registrar alone"):
            for_matcher.member("tokens.parquet")
        with pytest.raises(PackageError, match=r"encodings\.parquet is sealed to hub\.matcher alone"):
            for_registrar.member("encodings.parquet")


def test_manifest_says_what_the_sender_said(package, matcher, senders, heading):
    with open_package(package, matcher, senders, "encodings") as opened:
        manifest = opened.manifest
    assert {name: getattr(manifest, name) for name in Heading.model_fields} == {
        name: getattr(heading, name) for name in Heading.model_fields
    }
    assert (manifest.sender, manifest.agreement) == ("district-a", "p20w-2026")
    assert [recipient.name for recipient in manifest.recipients] == ["hub.matcher", "hub.registrar"]
    assert [(e.sealed_for, [(m.name, m.size) for m in e.members]) for e in manifest.envelopes] == [
        ("hub.matcher", [("encodings.parquet", 900)]),
        ("hub.registrar", [("tokens.parquet", 600)]),
        (None, [("profile.json", 11)]),
    ]


def test_whoever_has_the_file_alone_sees_envelopes_and_their_sizes_and_no_more(package, matcher, senders):
    with open_package(package, matcher, senders, "encodings") as opened:
        envelopes = opened.manifest.envelopes
    with tarfile.open(package) as tar:
        held = {info.name: tar.extractfile(info).read() for info in tar}
    assert list(held) == ["1.age", "2.age", "3.age", "manifest.age"]
    assert [hashlib.sha256(held[f"{number}.age"]).hexdigest() for number in (1, 2, 3)] == [e.sha256 for e in envelopes]
    content = package.read_bytes()
    for said in (b"parquet", b"district-a", b"hub.", b"p20w", matcher.public.sealing.encode(), b"rows"):
        assert said not in content


def test_sha256_of_the_opened_package_is_that_of_its_file(package, matcher, senders):
    with open_package(package, matcher, senders, "encodings") as opened:
        assert opened.sha256 == package_sha256(package) == hashlib.sha256(package.read_bytes()).hexdigest()


def test_member_from_a_file_is_extracted_privately(agency, matcher, heading, senders, tmp_path):
    source = tmp_path / "source.parquet"
    source.write_bytes(bytes(range(256)) * 10_000)
    path = tmp_path / "a.lpkg"
    write_package(
        path, heading, {"open": Member(source), "own": Member(source, matcher.public)}, agency, [matcher.public]
    )
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with open_package(path, matcher, senders, "encodings", scratch=scratch) as opened:
        assert list(scratch.iterdir()) == []
        for name in ("open", "own"):
            opened.extract(name, scratch / name)
            assert (scratch / name).read_bytes() == source.read_bytes()
            assert (scratch / name).stat().st_mode & 0o777 == 0o600
    assert path.stat().st_mode & 0o777 == 0o600


def test_package_and_members_may_be_empty(agency, matcher, heading, senders, tmp_path):
    for members in ({}, {"empty": Member(b"")}, {"empty": Member(b"", matcher.public)}):
        write_package(tmp_path / "a.lpkg", heading, members, agency, [matcher.public])
        with open_package(tmp_path / "a.lpkg", matcher, senders, "encodings") as opened:
            assert [opened.member(name) for name in members] == [b""] * len(members)


def test_unknown_member_is_named_with_those_that_are_there(package, matcher, senders, tmp_path):
    with open_package(package, matcher, senders, "encodings") as opened:
        with pytest.raises(PackageError, match=r"no member x.*profile\.json"):
            opened.extract("x", tmp_path / "x")
        with pytest.raises(PackageError, match=r"sealed to hub\.registrar alone"):
            opened.extract("tokens.parquet", tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


def test_payload_needs_no_check_values_and_encodings_do(heading):
    fields = {name: getattr(heading, name) for name in Heading.model_fields}
    Heading(**fields | {"kind": "payload", "key_check_value": None, "canary_mac": None})
    with pytest.raises(ValidationError, match="key check value"):
        Heading(**fields | {"key_check_value": None})


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "other"},
        {"serial": "1"},
        {"created": "yesterday"},
        {"created": "2026-03-01T09:30:00"},
        {"facts": {"rate": float("nan")}},
        {"facts": {"rate": object()}},
        {"unknown": 1},
    ],
)
def test_malformed_heading_is_refused(heading, change):
    with pytest.raises(ValidationError):
        Heading(**{name: getattr(heading, name) for name in Heading.model_fields} | change)


def test_failed_writing_leaves_nothing_and_keeps_the_old_package(agency, matcher, registrar, heading, tmp_path):
    path = tmp_path / "a.lpkg"
    path.write_bytes(b"old")
    attempts = [
        ({"a": Member(tmp_path / "missing")}, FileNotFoundError),
        ({"../a": Member(b"x")}, ValidationError),
        ({"manifest.json": Member(b"x")}, ValidationError),
        ({"a": Member(b"x", registrar.public)}, PackageError),
    ]
    for members, error in attempts:
        with pytest.raises(error):
            write_package(path, heading, members, agency, [matcher.public])
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("a.lpkg", b"old")]


@pytest.mark.parametrize("later", [b"behind" * 500_000, b"longer" * 500_001, b"short"])
def test_file_that_changes_while_it_is_sealed_is_not_sent(agency, matcher, heading, tmp_path, later):
    class Rewritten(type(tmp_path)):
        """A file that someone else writes to after its size was taken."""

        def open(self, *options):
            tmp_path.joinpath("first").write_bytes(later)
            return super().open(*options)

    first = tmp_path / "first"
    first.write_bytes(b"before" * 500_000)
    os.utime(first, ns=(0, 0))
    with pytest.raises(PackageError, match="changed while"):
        write_package(tmp_path / "a.lpkg", heading, {"first": Member(Rewritten(first))}, agency, [matcher.public])
    assert [file.name for file in tmp_path.iterdir()] == ["first"]


def test_members_are_made_one_ahead_and_in_order(agency, matcher, heading, senders, tmp_path):
    made = []

    def make(number):
        made.append(number)
        return b"%d" % number

    members = {f"m{number}": Member(partial(make, number), matcher.public) for number in range(5)}
    write_package(tmp_path / "a.lpkg", heading, members, agency, [matcher.public])
    assert made == [0, 1, 2, 3, 4]
    with open_package(tmp_path / "a.lpkg", matcher, senders, "encodings") as opened:
        assert [opened.member(name) for name in members] == [b"0", b"1", b"2", b"3", b"4"]


def test_what_fails_while_it_is_made_is_raised_as_it_is_and_leaves_nothing(agency, matcher, heading, tmp_path):
    def fail():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_package(
            tmp_path / "a.lpkg", heading, {"a": Member(b"x"), "b": Member(fail), "c": Member(b"y")}, agency,
            [matcher.public],
        )  # fmt: skip
    assert not list(tmp_path.iterdir())


def test_same_content_seals_to_different_bytes_each_time(agency, matcher, heading, tmp_path):
    digests = set()
    for name in ("a", "b"):
        write_package(tmp_path / name, heading, {"m": Member(b"x")}, agency, [matcher.public])
        digests.add(package_sha256(tmp_path / name))
    assert len(digests) == 2


def test_large_member_passes_through_little_memory(agency, matcher, heading, senders, tmp_path):
    with (tmp_path / "large").open("wb") as file:
        file.truncate(64 << 20)
    tracemalloc.start()
    try:
        write_package(
            tmp_path / "a.lpkg", heading, {"m": Member(tmp_path / "large", matcher.public)}, agency, [matcher.public]
        )
        with open_package(tmp_path / "a.lpkg", matcher, senders, "encodings", scratch=tmp_path) as opened:
            opened.extract("m", tmp_path / "again")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (tmp_path / "again").stat().st_size == 64 << 20
    assert peak < 16 << 20


def test_archive_lists_what_was_laid_out_and_tar_reads_it_too():
    members = [("a", 0, [b""]), ("b", 3, [b"x", b"yz"]), ("c", 512, [b"c" * 512])]
    archive = io.BytesIO(ChunkReader(archive_chunks(members)).read())
    entries = list_entries(archive, "it")
    assert entries == (Entry("a", 0, 512), Entry("b", 3, 1024), Entry("c", 512, 2048))
    assert [entry.read(archive) for entry in entries] == [b"", b"xyz", b"c" * 512]
    archive.seek(0)
    with tarfile.open(fileobj=archive) as tar:
        assert [(info.name, info.size) for info in tar] == [("a", 0), ("b", 3), ("c", 512)]
