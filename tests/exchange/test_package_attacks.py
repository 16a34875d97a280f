"""Packages: what a forger, a relay or a bad line can do, and what the receiver says to it."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from linkage.errors import PackageError
from linkage.exchange.archive import archive_chunks
from linkage.exchange.package import SIGNATURE_LABEL, open_package, write_package
from linkage.exchange.sealing import seal_bytes, unseal_bytes
from linkage.exchange.streams import ChunkReader

MARKER = b"ENCODINGS"
ENVELOPE = {"sealed_for": None, "sha256": "00" * 32, "size": 1, "members": []}


@pytest.fixture
def receive(matcher, senders, tmp_path):
    """Open bytes as the matcher does; whatever happens, no file is left."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    path = tmp_path / "received.lpkg"

    def receive(content, keys=matcher, senders=senders, **options):
        path.write_bytes(content)
        try:
            with open_package(
                path, keys, senders, options.pop("kind", "encodings"), scratch=folder, **options
            ) as opened:
                return {name: opened.member(name) for name in ("encodings.parquet", "profile.json")}
        finally:
            assert list(folder.iterdir()) == []

    return receive


@pytest.fixture
def outside(package):
    """The envelopes, as anyone sees them."""
    return parts_of(package.read_bytes())


@pytest.fixture
def stated(outside, matcher):
    """The manifest and its signature, as a malicious recipient sees them."""
    return parts_of(unseal_bytes(outside["manifest.age"], matcher))


@pytest.fixture
def resealed(outside, matcher):
    """Make the package again with other files in its manifest's envelope."""

    def resealed(stated, keys=matcher, **envelopes):
        inside = stated if isinstance(stated, bytes) else archive_of(stated)
        others = {name: part for name, part in outside.items() if name != "manifest.age"} | envelopes
        return archive_of(others | {"manifest.age": seal_bytes(inside, [keys.public.sealing])})

    return resealed


def parts_of(tar_bytes):
    with tarfile.open(fileobj=io.BytesIO(tar_bytes)) as tar:
        return {info.name: tar.extractfile(info).read() for info in tar}


def archive_of(parts):
    return ChunkReader(archive_chunks([(name, len(content), [content]) for name, content in parts.items()])).read()


def signed(parts, signer):
    """Sign a changed manifest as ``signer``: the strongest forger is a party itself."""
    return parts | {"signature": signer.sign(SIGNATURE_LABEL + parts["manifest.json"])}


def restated(parts, signer, **changes):
    statement = json.loads(parts["manifest.json"]) | changes
    text = json.dumps(statement, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return signed(parts | {"manifest.json": text.encode()}, signer)


def test_the_tools_of_these_tests_make_packages_that_open(receive, resealed, stated, outside, package, agency):
    assert archive_of(outside) == package.read_bytes()
    assert receive(resealed(restated(stated, agency)))["profile.json"] == b'{"rows": 3}'


@given(data=st.data())
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_one_flipped_bit_anywhere_in_the_file_is_refused(data, package, receive):
    content = bytearray(package.read_bytes())
    bit = data.draw(st.integers(0, 8 * len(content) - 1))
    content[bit // 8] ^= 1 << bit % 8
    with pytest.raises(PackageError) as caught:
        receive(bytes(content))
    assert MARKER.decode() not in str(caught.value)


@given(data=st.data())
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_one_flipped_bit_in_the_manifest_is_refused_though_sealed_again(data, receive, resealed, stated):
    content = bytearray(archive_of(stated))
    bit = data.draw(st.integers(0, 8 * len(content) - 1))
    content[bit // 8] ^= 1 << bit % 8
    with pytest.raises(PackageError):
        receive(resealed(bytes(content)))


@given(data=st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_truncated_or_lengthened_file_is_refused(data, package, receive, resealed, stated):
    content, inside = package.read_bytes(), archive_of(stated)
    with pytest.raises(PackageError):
        receive(content[: data.draw(st.integers(0, len(content) - 1))])
    with pytest.raises(PackageError):
        receive(content + data.draw(st.binary(min_size=1, max_size=600)))
    with pytest.raises(PackageError):
        receive(resealed(inside[: data.draw(st.integers(0, len(inside) - 1))]))
    with pytest.raises(PackageError):
        receive(resealed(inside + bytes(data.draw(st.integers(1, 2000)))))


@given(content=st.binary(max_size=2000))
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_any_bytes_in_place_of_the_archive_or_manifest_are_refused(content, receive, resealed, stated, outside, agency):
    with pytest.raises(PackageError):
        receive(content)
    with pytest.raises(PackageError):
        receive(archive_of(outside | {"manifest.age": content}))
    with pytest.raises(PackageError):
        receive(resealed(content))
    with pytest.raises(PackageError):
        receive(resealed(signed(stated | {"manifest.json": content}, agency)))


def test_package_for_someone_else_is_refused(package, receive, stranger):
    with pytest.raises(PackageError, match="not sealed to stranger"):
        receive(package.read_bytes(), keys=stranger)


def test_package_that_a_recipient_sealed_on_to_another_is_refused(receive, resealed, stated, stranger):
    with pytest.raises(PackageError, match="did not address it to stranger"):
        receive(resealed(stated, stranger), keys=stranger)


def test_envelope_that_a_stranger_sealed_to_the_same_room_is_refused(receive, resealed, stated, matcher):
    theirs = archive_of({"encodings.parquet": b"FORGED" * 150})
    with pytest.raises(PackageError) as caught:
        receive(resealed(stated, **{"1.age": seal_bytes(theirs, [matcher.public.sealing])}))
    assert "1.age (encodings.parquet)" in str(caught.value)


def test_envelope_that_is_changed_after_it_was_verified_gives_nothing(package, matcher, senders, tmp_path):
    path = tmp_path / "a.lpkg"
    content = package.read_bytes()
    path.write_bytes(content)
    mine = parts_of(content)["1.age"]
    # As large and as well sealed as the one that was signed, but for its header's random length.
    theirs = archive_of({"encodings.parquet": b"FORGED!!!" * 100})
    while len(forged := seal_bytes(theirs, [matcher.public.sealing])) != len(mine):
        pass
    with open_package(path, matcher, senders, "encodings") as opened:
        with path.open("r+b") as file:
            file.seek(content.index(mine))
            file.write(forged)
        with pytest.raises(PackageError, match="changed while it was being opened"):
            opened.member("encodings.parquet")


def test_sender_without_pinned_keys_is_refused(package, receive, stranger):
    with pytest.raises(PackageError, match=r"from district-a, whose keys are not pinned(.|\n)*stranger"):
        receive(package.read_bytes(), senders={"stranger": stranger.public})


def test_sender_under_another_key_is_refused(package, receive, stranger):
    with pytest.raises(PackageError, match="altered or forged"):
        receive(package.read_bytes(), senders={"district-a": stranger.public})


def test_pinned_party_cannot_send_in_anothers_name(receive, resealed, stated, agency, stranger):
    forged = resealed(restated(stated, stranger))
    with pytest.raises(PackageError, match="not district-a's"):
        receive(forged, senders={"district-a": agency.public, "stranger": stranger.public})


def test_package_of_another_kind_is_refused(package, receive):
    with pytest.raises(PackageError, match="expected a package of payload, found one of encodings"):
        receive(package.read_bytes(), kind="payload")


def test_replaced_manifest_is_refused(receive, resealed, stated, agency, matcher, heading, tmp_path):
    other = heading.model_copy(update={"facts": {"rows": 4}})
    write_package(tmp_path / "other.lpkg", other, {}, agency, [matcher.public])
    theirs = parts_of(unseal_bytes(parts_of((tmp_path / "other.lpkg").read_bytes())["manifest.age"], matcher))
    with pytest.raises(PackageError, match="not district-a's"):
        receive(resealed(stated | {"manifest.json": theirs["manifest.json"]}))
    with pytest.raises(PackageError, match="not in the signed manifest"):
        receive(resealed(theirs))


def test_signature_over_another_kind_of_document_does_not_serve(receive, resealed, stated, agency):
    with pytest.raises(PackageError, match="altered or forged"):
        receive(resealed(stated | {"signature": agency.sign(stated["manifest.json"])}))


def test_every_altered_envelope_is_named_at_once(receive, outside):
    altered = outside | {"1.age": outside["1.age"] + b"!", "2.age": bytes(len(outside["2.age"]))}
    statement = altered.pop("manifest.age")
    with pytest.raises(PackageError) as caught:
        receive(archive_of(altered | {"4.age": b"x", "manifest.age": statement}))
    assert sorted(problem.split(":")[0] for problem in caught.value.problems) == [
        "1.age (encodings.parquet)",
        "2.age (tokens.parquet)",
        "4.age",
    ]
    del altered["3.age"]
    with pytest.raises(PackageError, match=r"3\.age \(profile\.json\): missing"):
        receive(archive_of(altered | {"manifest.age": statement}))


def raw_tar(parts, *extra):
    """Make the package's archive with further members, as any tar program could."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, part in parts.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(part), 0o600
            tar.addfile(info, io.BytesIO(part))
        for info in extra:
            tar.addfile(info, io.BytesIO(bytes(info.size)))
    return content.getvalue()


def tar_info(name, **fields):
    info = tarfile.TarInfo(name)
    info.mode = 0o600
    for field, value in fields.items():
        setattr(info, field, value)
    return info


@pytest.mark.parametrize(
    ("extra", "cause"),
    [
        (tar_info("/etc/passwd"), "not a plain file name"),
        (tar_info("../../slip"), "not a plain file name"),
        (tar_info("folder/slip"), "not a plain file name"),
        (tar_info(".hidden"), "not a plain file name"),
        (tar_info("x" * 300), "extended header"),
        (tar_info("link", type=tarfile.SYMTYPE, linkname="/etc/passwd"), "a link"),
        (tar_info("link", type=tarfile.LNKTYPE, linkname="signature"), "a link"),
        (tar_info("folder", type=tarfile.DIRTYPE), "a folder"),
        (tar_info("device", type=tarfile.CHRTYPE), "device"),
        (tar_info("pipe", type=tarfile.FIFOTYPE), "device"),
        (tar_info("sparse", type=tarfile.GNUTYPE_SPARSE), "extended header|not hold a package"),
        (tar_info("1.age"), "1.age twice"),
        (tar_info("manifest.age"), "manifest.age twice"),
        (tar_info("owner", uname="someone"), "no package writer"),
        (tar_info("time", mtime=1_700_000_000), "no package writer"),
    ],
)
def test_members_that_are_no_plain_files_are_refused(receive, outside, extra, cause):
    with pytest.raises(PackageError, match=cause):
        receive(raw_tar(outside, extra))


def test_extended_headers_are_refused(receive, package):
    extended = tar_info("x", pax_headers={"comment": "y" * 100}).tobuf(tarfile.PAX_FORMAT)
    with pytest.raises(PackageError, match="extended header"):
        receive(package.read_bytes()[:-1024] + extended + bytes(1024))


def test_archive_bombs_are_refused(receive, package, outside):
    content = package.read_bytes()
    beyond = tar_info("beyond", size=1 << 60).tobuf(tarfile.GNU_FORMAT, "ascii", "strict")
    with pytest.raises(PackageError, match="ends inside the member beyond"):
        receive(content[:-1024] + beyond + bytes(1024))
    negative = bytearray(tar_info("negative", size=-512).tobuf(tarfile.GNU_FORMAT, "ascii", "strict"))
    with pytest.raises(PackageError, match="no package writer"):
        receive(content[:-1024] + bytes(negative) + bytes(1024))
    with pytest.raises(PackageError, match="more than 1000 members"):
        receive(raw_tar(outside, *(tar_info(f"m{number}") for number in range(1_000))))


def test_package_past_the_cap_is_not_read_further(package, receive):
    with pytest.raises(PackageError, match="larger than 3000 bytes"):
        receive(package.read_bytes(), max_bytes=3000)


@pytest.mark.parametrize("size", [(8 << 20) + 1, 9 << 20])
def test_manifest_past_the_cap_is_refused(receive, resealed, stated, agency, size):
    with pytest.raises(PackageError, match="impossible size"):
        receive(resealed(signed(stated | {"manifest.json": b" " * size}, agency)))


@pytest.mark.parametrize(
    "changes",
    [
        {"format": "linkage-package/v1"},
        {"sender": "../district-a"},
        {"recipients": []},
        {"serial": "0"},
        {"extra": 1},
        {"context": {"agreement": "p20w-2026", "spec_sha256": "ab" * 32, "epoch": -1}},
        {"context": {"agreement": "p20w-2026", "spec_sha256": "ab" * 32, "epoch": 1, "more": 1}},
        {"key_check_value": None},
        {"envelopes": [ENVELOPE | {"size": -1}]},
        {"envelopes": [ENVELOPE | {"members": [{"name": "../a", "size": 1}]}]},
        {"envelopes": [ENVELOPE | {"members": [{"name": "a", "size": 1}] * 2}]},
        {"envelopes": [ENVELOPE | {"sealed_for": "nobody"}]},
        {"envelopes": [ENVELOPE, ENVELOPE]},
        {"facts": {"deep": None, "big": 10**400}},
    ],
)
def test_malformed_statement_is_refused_though_signed(receive, resealed, stated, agency, changes):
    parts = restated(stated, agency, **changes)
    if "big" in changes.get("facts", {}):
        parts = signed(parts | {"manifest.json": parts["manifest.json"].replace(b"null", b"NaN", 1)}, agency)
    with pytest.raises(PackageError, match="manifest"):
        receive(resealed(parts))


@pytest.mark.parametrize(
    "respelled",
    [
        lambda text: text + b"\n",
        lambda text: text.replace(b'"epoch":1', b'"epoch":1,"epoch":1'),
        lambda text: text.replace(b'"epoch":1', b'"epoch": 1'),
        lambda text: text.replace("é".encode(), b"\\u00e9"),
        lambda text: text.replace("é".encode(), b"\\ud800"),
        lambda text: text.replace("é".encode(), b"\xff"),
        lambda text: text.replace(b'"rows":3', b'"rows":' + b"[" * 100_000),
        lambda text: text.replace(b'"rows":3', b'"rows":' + b"9" * 5_000),
    ],
)
def test_manifest_in_another_spelling_is_refused_though_signed(receive, resealed, stated, agency, respelled):
    changed = stated | {"manifest.json": respelled(stated["manifest.json"])}
    assert changed != stated
    with pytest.raises(PackageError, match="manifest"):
        receive(resealed(signed(changed, agency)))


def test_missing_file_folder_and_other_files_are_named(matcher, senders, tmp_path, receive, outside):
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(PackageError, match="not there, or is not a file"):
            open_package(path, matcher, senders, "encodings")
    with pytest.raises(PackageError, match="does not hold a package archive"):
        receive(b"name,birth_date\n")
    with pytest.raises(PackageError, match="not a sealed"):
        receive(archive_of(outside | {"manifest.age": b"name,birth_date\n"}))


def test_envelopes_under_other_names_or_in_another_order_are_refused(receive, outside):
    swapped = {"1.age": outside["2.age"], "2.age": outside["1.age"]}
    with pytest.raises(PackageError, match="is refused"):
        receive(archive_of(outside | swapped))
    for parts in (outside | {"profile.json": b"x"}, dict(reversed(outside.items())), {}):
        with pytest.raises(PackageError, match="numbered envelopes"):
            receive(archive_of(parts))


@pytest.fixture
def lie(resealed, stated, agency, tmp_path):
    """Write a package whose signed manifest names an envelope of the sender's choice."""

    def lie(envelope):
        envelopes = json.loads(stated["manifest.json"])["envelopes"]
        envelopes[0] |= {"sha256": hashlib.sha256(envelope).hexdigest(), "size": len(envelope)}
        path = tmp_path / "lie.lpkg"
        path.write_bytes(resealed(restated(stated, agency, envelopes=envelopes), **{"1.age": envelope}))
        return path

    return lie


def test_envelope_sealed_by_a_liar_to_another_key_leaves_no_file(lie, matcher, senders, tmp_path, stranger):
    path = lie(seal_bytes(b"x", [stranger.public.sealing]))
    target = tmp_path / "target"
    with (
        open_package(path, matcher, senders, "encodings") as opened,
        pytest.raises(PackageError, match="not sealed to"),
    ):
        opened.extract("encodings.parquet", target)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["lie.lpkg"]


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"encodings.parquet": b"ENCODINGS" * 99},
        {"other.parquet": b"ENCODINGS" * 100},
        {"encodings.parquet": b"ENCODINGS" * 100, "more": b"x"},
    ],
)
def test_envelope_that_holds_other_members_than_its_sender_signed_gives_nothing(lie, matcher, senders, members):
    path = lie(seal_bytes(archive_of(members), [matcher.public.sealing]))
    with (
        open_package(path, matcher, senders, "encodings") as opened,
        pytest.raises(PackageError, match="does not hold the members"),
    ):
        opened.member("encodings.parquet")
