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
def tar_bytes(package, matcher):
    """The archive inside, as a malicious recipient sees it."""
    return unseal_bytes(package.read_bytes(), matcher)


@pytest.fixture
def reseal(matcher):
    return lambda content: seal_bytes(content, [matcher.public.sealing])


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


def test_the_tools_of_these_tests_make_packages_that_open(receive, reseal, tar_bytes, agency):
    assert archive_of(parts_of(tar_bytes)) == tar_bytes
    assert receive(reseal(archive_of(restated(parts_of(tar_bytes), agency))))["profile.json"] == b'{"rows": 3}'


@given(data=st.data())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_one_flipped_bit_anywhere_in_the_file_is_refused(data, package, receive):
    content = bytearray(package.read_bytes())
    bit = data.draw(st.integers(0, 8 * len(content) - 1))
    content[bit // 8] ^= 1 << bit % 8
    with pytest.raises(PackageError) as caught:
        receive(bytes(content))
    assert MARKER.decode() not in str(caught.value)


@given(data=st.data())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_one_flipped_bit_anywhere_inside_is_refused_though_sealed_again(data, receive, reseal, tar_bytes):
    content = bytearray(tar_bytes)
    bit = data.draw(st.integers(0, 8 * len(content) - 1))
    content[bit // 8] ^= 1 << bit % 8
    with pytest.raises(PackageError):
        receive(reseal(bytes(content)))


@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_truncated_or_lengthened_file_is_refused(data, package, receive, reseal, tar_bytes):
    content = package.read_bytes()
    with pytest.raises(PackageError):
        receive(content[: data.draw(st.integers(0, len(content) - 1))])
    with pytest.raises(PackageError):
        receive(content + data.draw(st.binary(min_size=1, max_size=600)))
    with pytest.raises(PackageError):
        receive(reseal(tar_bytes[: data.draw(st.integers(0, len(tar_bytes) - 1))]))
    with pytest.raises(PackageError):
        receive(reseal(tar_bytes + bytes(data.draw(st.integers(1, 2000)))))


@given(content=st.binary(max_size=2000))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_in_place_of_the_archive_or_manifest_are_refused(content, receive, reseal, tar_bytes, agency):
    with pytest.raises(PackageError):
        receive(reseal(content))
    with pytest.raises(PackageError):
        receive(reseal(archive_of(signed(parts_of(tar_bytes) | {"manifest.json": content}, agency))))


def test_package_for_someone_else_is_refused(package, receive, stranger):
    with pytest.raises(PackageError, match="not sealed to stranger"):
        receive(package.read_bytes(), keys=stranger)


def test_package_that_a_recipient_sealed_on_to_another_is_refused(receive, tar_bytes, stranger):
    with pytest.raises(PackageError, match="did not address it to stranger"):
        receive(seal_bytes(tar_bytes, [stranger.public.sealing]), keys=stranger)


def test_sender_without_pinned_keys_is_refused(package, receive, stranger):
    with pytest.raises(PackageError, match=r"from district-a, whose keys are not pinned(.|\n)*stranger"):
        receive(package.read_bytes(), senders={"stranger": stranger.public})


def test_sender_under_another_key_is_refused(package, receive, stranger):
    with pytest.raises(PackageError, match="altered or forged"):
        receive(package.read_bytes(), senders={"district-a": stranger.public})


def test_pinned_party_cannot_send_in_anothers_name(receive, reseal, tar_bytes, agency, stranger):
    forged = reseal(archive_of(restated(parts_of(tar_bytes), stranger)))
    with pytest.raises(PackageError, match="not district-a's"):
        receive(forged, senders={"district-a": agency.public, "stranger": stranger.public})


def test_package_of_another_kind_is_refused(package, receive):
    with pytest.raises(PackageError, match="expected a package of payload, found one of encodings"):
        receive(package.read_bytes(), kind="payload")


def test_replaced_manifest_is_refused(receive, reseal, tar_bytes, agency, matcher, heading, tmp_path):
    other = heading.model_copy(update={"facts": {"rows": 4}})
    write_package(tmp_path / "other.lpkg", other, {}, agency, [matcher.public])
    theirs = parts_of(unseal_bytes((tmp_path / "other.lpkg").read_bytes(), matcher))
    ours = parts_of(tar_bytes)
    with pytest.raises(PackageError, match="not district-a's"):
        receive(reseal(archive_of(ours | {"manifest.json": theirs["manifest.json"]})))
    with pytest.raises(PackageError, match="not in the signed manifest"):
        receive(reseal(archive_of(ours | theirs)))


def test_signature_over_another_kind_of_document_does_not_serve(receive, reseal, tar_bytes, agency):
    parts = parts_of(tar_bytes)
    with pytest.raises(PackageError, match="altered or forged"):
        receive(reseal(archive_of(parts | {"signature": agency.sign(parts["manifest.json"])})))


def test_every_altered_member_is_named_at_once(receive, reseal, tar_bytes):
    parts = parts_of(tar_bytes)
    parts["profile.json"] = b'{"rows": 4}'
    parts["encodings.parquet"] += b"!"
    parts["extra"] = b"x"
    del parts["tokens.parquet"]
    with pytest.raises(PackageError) as caught:
        receive(reseal(archive_of(parts)))
    assert sorted(problem.split(":")[0] for problem in caught.value.problems) == [
        "encodings.parquet",
        "extra",
        "profile.json",
        "tokens.parquet",
    ]


def raw_tar(tar_bytes, *extra):
    """Make the package's archive with further members, as any tar program could."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, part in parts_of(tar_bytes).items():
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
        (tar_info("profile.json"), "profile.json twice"),
        (tar_info("manifest.json"), "manifest.json twice"),
        (tar_info("owner", uname="someone"), "no package writer"),
        (tar_info("time", mtime=1_700_000_000), "no package writer"),
    ],
)
def test_members_that_are_no_plain_files_are_refused(receive, reseal, tar_bytes, extra, cause):
    with pytest.raises(PackageError, match=cause):
        receive(reseal(raw_tar(tar_bytes, extra)))


def test_extended_headers_are_refused(receive, reseal, tar_bytes):
    extended = tar_info("x", pax_headers={"comment": "y" * 100}).tobuf(tarfile.PAX_FORMAT)
    with pytest.raises(PackageError, match="extended header"):
        receive(reseal(tar_bytes[:-1024] + extended + bytes(1024)))


def test_archive_bombs_are_refused(receive, reseal, tar_bytes):
    beyond = tar_info("beyond", size=1 << 60).tobuf(tarfile.GNU_FORMAT, "ascii", "strict")
    with pytest.raises(PackageError, match="ends inside the member beyond"):
        receive(reseal(tar_bytes[:-1024] + beyond + bytes(1024)))
    negative = bytearray(tar_info("negative", size=-512).tobuf(tarfile.GNU_FORMAT, "ascii", "strict"))
    with pytest.raises(PackageError, match="no package writer"):
        receive(reseal(tar_bytes[:-1024] + bytes(negative) + bytes(1024)))
    with pytest.raises(PackageError, match="more than 1000 members"):
        receive(reseal(raw_tar(tar_bytes, *(tar_info(f"m{number}") for number in range(1_000)))))


def test_package_past_the_cap_is_not_read_further(package, receive):
    with pytest.raises(PackageError, match="larger than 3000 bytes"):
        receive(package.read_bytes(), max_bytes=3000)


def test_manifest_past_the_cap_is_refused(receive, reseal, tar_bytes, agency):
    huge = parts_of(tar_bytes) | {"manifest.json": b" " * (9 << 20)}
    with pytest.raises(PackageError, match="impossible size"):
        receive(reseal(archive_of(signed(huge, agency))))


@pytest.mark.parametrize(
    "changes",
    [
        {"format": "linkage-package/v2"},
        {"sender": "../district-a"},
        {"recipients": []},
        {"serial": "0"},
        {"extra": 1},
        {"context": {"agreement": "p20w-2026", "spec_sha256": "ab" * 32, "epoch": -1}},
        {"context": {"agreement": "p20w-2026", "spec_sha256": "ab" * 32, "epoch": 1, "more": 1}},
        {"key_check_value": None},
        {"members": [{"name": "a", "sha256": "00" * 32, "size": -1, "sealed_for": None}]},
        {"members": [{"name": "../a", "sha256": "00" * 32, "size": 1, "sealed_for": None}]},
        {"members": [{"name": "a", "sha256": "00" * 32, "size": 1, "sealed_for": "nobody"}]},
        {"facts": {"deep": None, "big": 10**400}},
    ],
)
def test_malformed_statement_is_refused_though_signed(receive, reseal, tar_bytes, agency, changes):
    parts = restated(parts_of(tar_bytes), agency, **changes)
    if "big" in changes.get("facts", {}):
        parts = signed(parts | {"manifest.json": parts["manifest.json"].replace(b"null", b"NaN", 1)}, agency)
    with pytest.raises(PackageError, match="manifest"):
        receive(reseal(archive_of(parts)))


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
def test_manifest_in_another_spelling_is_refused_though_signed(receive, reseal, tar_bytes, agency, respelled):
    parts = parts_of(tar_bytes)
    changed = parts | {"manifest.json": respelled(parts["manifest.json"])}
    assert changed != parts
    with pytest.raises(PackageError, match="manifest"):
        receive(reseal(archive_of(signed(changed, agency))))


def test_missing_file_folder_and_other_files_are_named(matcher, senders, tmp_path, receive):
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(PackageError, match="not there, or is not a file"):
            open_package(path, matcher, senders, "encodings")
    with pytest.raises(PackageError, match="not a sealed"):
        receive(b"name,birth_date\n")


def test_member_sealed_by_a_liar_to_another_key_leaves_no_file(
    receive, reseal, tar_bytes, agency, matcher, senders, tmp_path, stranger
):
    parts = parts_of(tar_bytes)
    parts["encodings.parquet"] = seal_bytes(b"x", [stranger.public.sealing])
    statement = json.loads(parts["manifest.json"])
    statement["members"][0] |= {
        "sha256": hashlib.sha256(parts["encodings.parquet"]).hexdigest(),
        "size": len(parts["encodings.parquet"]),
    }
    path = tmp_path / "lie.lpkg"
    path.write_bytes(reseal(archive_of(restated(parts, agency, members=statement["members"]))))
    target = tmp_path / "target"
    with (
        open_package(path, matcher, senders, "encodings") as opened,
        pytest.raises(PackageError, match="not sealed to"),
    ):
        opened.extract("encodings.parquet", target)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["lie.lpkg", "scratch"]
