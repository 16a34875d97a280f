"""The shared secret: kept, refused when weak, separated by context and label, and never shown."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkage.errors import KeyFileError
from linkage.exchange.context import Context
from linkage.exchange.secret import HEADER, Secret, load_secret, secret_from_text

PUBLIC_TEST_ROOT = hashlib.sha256(b"linkage public test secret").digest()
CONTEXT = Context("p20w-2026", "ab" * 32, 1)


@pytest.fixture
def secret():
    return Secret(PUBLIC_TEST_ROOT)


def hkdf_by_hand(root, salt, info):
    """RFC 5869 for one output block, written from the RFC."""
    prk = hmac.new(salt, root, hashlib.sha256).digest()
    return hmac.new(prk, info + b"\x01", hashlib.sha256).digest()


def test_derivation_is_rfc_5869_with_the_documented_salt_and_info(secret):
    canonical = b'{"agreement":"p20w-2026","epoch":1,"proto":"linkage/v1","spec_sha256":"' + b"ab" * 32 + b'"}'
    assert CONTEXT.canonical() == canonical
    expected = hkdf_by_hand(PUBLIC_TEST_ROOT, hashlib.sha256(canonical).digest(), b"linkage/v1/pass/name")
    assert secret.derive(CONTEXT, "pass/name") == expected
    kcv_key = hkdf_by_hand(PUBLIC_TEST_ROOT, hashlib.sha256(canonical).digest(), b"linkage/v1/kcv")
    assert secret.key_check_value(CONTEXT) == hmac.new(kcv_key, canonical, hashlib.sha256).hexdigest()


contexts = st.builds(
    Context,
    agreement=st.text(st.characters(codec="utf-8"), min_size=1, max_size=5),
    spec_sha256=st.sampled_from(["ab" * 32, "cd" * 32]),
    epoch=st.integers(0, 3),
)


@given(contexts, contexts, st.text("abc/", min_size=1, max_size=4), st.text("abc/", min_size=1, max_size=4))
def test_keys_agree_exactly_when_context_and_label_agree(first, second, label, other_label):
    secret = Secret(PUBLIC_TEST_ROOT)
    same = (first, label) == (second, other_label)
    assert (secret.derive(first, label) == secret.derive(second, other_label)) is same
    assert (secret.key_check_value(first) == secret.key_check_value(second)) is (first == second)


def test_two_secrets_share_no_key_and_no_check_value(secret):
    other = Secret.new()
    assert other != secret
    assert other.derive(CONTEXT, "x") != secret.derive(CONTEXT, "x")
    assert other.key_check_value(CONTEXT) != secret.key_check_value(CONTEXT)


def test_length_is_as_asked_and_a_label_is_required(secret):
    assert len(secret.derive(CONTEXT, "x", 16)) == 16
    assert len(secret.derive(CONTEXT, "x", 8160)) == 8160
    with pytest.raises(ValueError, match="label"):
        secret.derive(CONTEXT, "")


@pytest.mark.parametrize(
    ("agreement", "spec", "epoch"), [("", "ab" * 32, 0), ("a", "AB" * 32, 0), ("a", "ab" * 32, -1)]
)
def test_malformed_context_is_refused(agreement, spec, epoch):
    with pytest.raises(ValueError, match="context"):
        Context(agreement, spec, epoch)


def test_saved_secret_loads_again_is_private_and_is_not_overwritten(secret, tmp_path):
    path = tmp_path / "shared.secret"
    secret.save(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_secret(path) == secret
    with pytest.raises(KeyFileError, match="never overwritten"):
        Secret.new().save(path)
    assert load_secret(path) == secret


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_secret_file_that_others_can_read_is_refused(secret, tmp_path, mode):
    path = tmp_path / "shared.secret"
    secret.save(path)
    path.chmod(mode)
    with pytest.raises(KeyFileError, match="chmod 600"):
        load_secret(path)


def test_secret_is_read_from_text_in_base64_hex_or_as_the_whole_file(secret, tmp_path):
    path = tmp_path / "shared.secret"
    secret.save(path)
    body = base64.b64encode(PUBLIC_TEST_ROOT).decode()
    for text in (body, f"  {body}\n", PUBLIC_TEST_ROOT.hex(), PUBLIC_TEST_ROOT.hex().upper(), path.read_text()):
        assert secret_from_text(text) == secret


WEAK = {
    "zeros": bytes(32),
    "one byte repeated": b"\x5a" * 32,
    "a short pattern": b"\x01\x02\x03\x04" * 8,
    "counting": bytes(range(32)),
    "counting down": bytes(range(200, 168, -1)),
    "plain text": b"correct horse battery staple now",
    "too short": PUBLIC_TEST_ROOT[:16],
    "too long": PUBLIC_TEST_ROOT * 2,
}


@pytest.mark.parametrize("weak", WEAK.values(), ids=WEAK.keys())
def test_weak_secret_is_refused_however_it_comes(weak, tmp_path):
    body = base64.b64encode(weak).decode()
    path = tmp_path / "weak.secret"
    path.write_text(f"{HEADER}\n{body}\n")
    path.chmod(0o600)
    for attempt in (lambda: Secret(weak), lambda: secret_from_text(body), lambda: load_secret(path)):
        with pytest.raises(KeyFileError) as caught:
            attempt()
        assert body not in str(caught.value)
        assert repr(weak) not in str(caught.value)


@pytest.mark.parametrize("text", ["", "correct horse battery staple", "hunter2" * 5, "é" * 44, "=" * 44, "zz" * 32])
def test_passphrases_and_scraps_are_refused_and_not_repeated(text):
    with pytest.raises(KeyFileError, match="assphrase") as caught:
        secret_from_text(text)
    assert not text or text not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"# something else\nabc\n", HEADER.encode(), b"a\nb\nc\n"])
def test_other_files_are_not_taken_for_a_secret(content, tmp_path):
    path = tmp_path / "other.secret"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(KeyFileError, match="shared secret"):
        load_secret(path)


def test_repr_hides_the_secret(secret):
    shown = repr(secret) + str(secret) + f"{[secret]}"
    assert shown == "Secret(<hidden>)" * 2 + "[Secret(<hidden>)]"
