"""Key files: made, kept private, recognised, and never printed."""

from __future__ import annotations

import os
import re

import pyrage
import pytest

from linkage.errors import KeyFileError, PackageError
from linkage.exchange.keys import (
    PublicKeys,
    generate_keys,
    is_locked,
    load_private_keys,
    load_public_keys,
    save_keys,
)


@pytest.fixture(scope="module")
def keys():
    return generate_keys("district-a")


def secret_texts(keys):
    raw = keys.signing.private_bytes_raw()
    return [str(keys.sealing), raw.hex(), str(raw)]


def test_saved_keys_load_again_and_sign_for_one_another(keys, tmp_path):
    private_path, public_path = save_keys(keys, tmp_path / "keys")
    loaded, public = load_private_keys(private_path), load_public_keys(public_path)
    assert loaded.public == public == keys.public
    public.verify(b"manifest", loaded.sign(b"manifest"))


def test_private_file_is_its_owners_alone_whatever_the_umask(keys, tmp_path):
    before = os.umask(0)
    try:
        private_path, public_path = save_keys(keys, tmp_path)
    finally:
        os.umask(before)
    assert private_path.stat().st_mode & 0o777 == 0o600
    assert public_path.stat().st_mode & 0o777 == 0o644
    assert str(keys.sealing) not in public_path.read_text()


@pytest.mark.parametrize("suffix", ["key", "pub"])
def test_neither_file_is_overwritten_and_neither_is_written_when_one_exists(keys, tmp_path, suffix):
    (tmp_path / f"district-a.{suffix}").write_text("old")
    with pytest.raises(KeyFileError, match="never overwritten"):
        save_keys(keys, tmp_path)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o622])
def test_private_file_that_others_can_reach_is_refused(keys, tmp_path, mode):
    private_path, _ = save_keys(keys, tmp_path)
    private_path.chmod(mode)
    with pytest.raises(KeyFileError, match="chmod 600"):
        load_private_keys(private_path)


def test_each_kind_of_file_is_told_from_the_other(keys, tmp_path):
    private_path, public_path = save_keys(keys, tmp_path)
    public_path.chmod(0o600)
    with pytest.raises(KeyFileError, match=r"expected private keys .* found public keys"):
        load_private_keys(public_path)
    with pytest.raises(KeyFileError, match=r"expected public keys .* found private keys"):
        load_public_keys(private_path)


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: "",
        lambda text: "[" * 4000,
        lambda text: "format: !!python/object:os.system x",
        lambda text: "\x00\xff" + text,
        lambda text: text + "name: district-b\n",
        lambda text: text + "extra: 1\n",
        lambda text: text.replace("AGE-SECRET-KEY-1", "AGE-SECRET-KEY-1Q"),
        lambda text: text.replace("ed25519-private:", "ed25519-private:AAAA"),
        lambda text: text.replace("name: district-a", "name: ../district-a"),
        lambda text: text + "#" * 20_000,
    ],
)
def test_malformed_private_file_is_refused_without_showing_it(keys, tmp_path, damage):
    private_path, _ = save_keys(keys, tmp_path)
    private_path.write_text(damage(private_path.read_text()), encoding="latin-1")
    with pytest.raises(KeyFileError) as caught:
        load_private_keys(private_path)
    shown = repr(caught.value) + str(caught.value)
    body = [line.split(": ", 1)[1] for line in private_path.read_text("latin-1").splitlines() if "AGE-" in line]
    assert not any(line in shown for line in body)
    assert not any(text in shown for text in secret_texts(keys))


def test_missing_file_and_folder_in_its_place_are_named(tmp_path):
    with pytest.raises(KeyFileError, match="No such file"):
        load_private_keys(tmp_path / "none.key")
    with pytest.raises(KeyFileError, match=r"cannot be read|not a regular file"):
        load_public_keys(tmp_path)


def test_passphrase_locks_the_private_file(keys, tmp_path):
    private_path, _ = save_keys(keys, tmp_path, passphrase="correct horse")
    assert is_locked(private_path)
    assert str(keys.sealing).encode() not in private_path.read_bytes()
    with pytest.raises(KeyFileError, match="locked with a passphrase"):
        load_private_keys(private_path)
    with pytest.raises(KeyFileError, match="passphrase is wrong") as caught:
        load_private_keys(private_path, "wrong horse")
    assert "wrong horse" not in str(caught.value)
    assert load_private_keys(private_path, "correct horse").public == keys.public


class _BusyAtFirst:
    """age on a machine that is too busy for some attempts."""

    def __init__(self, attempts):
        self.left = attempts

    def decrypt(self, content, passphrase):
        if self.left:
            self.left -= 1
            raise pyrage.DecryptError(
                "Excessive work parameter for passphrase; decryption would take around 32 seconds"
            )
        return pyrage.passphrase.decrypt(content, passphrase)


def test_a_busy_machine_is_asked_again_and_is_not_called_a_wrong_passphrase(keys, tmp_path, monkeypatch):
    private_path, _ = save_keys(keys, tmp_path, passphrase="correct horse")
    monkeypatch.setattr("linkage.exchange.keys.age_passphrase", _BusyAtFirst(2))
    assert load_private_keys(private_path, "correct horse").public == keys.public
    monkeypatch.setattr("linkage.exchange.keys.age_passphrase", _BusyAtFirst(100))
    with pytest.raises(KeyFileError, match="too busy"):
        load_private_keys(private_path, "correct horse")


def test_unlocked_file_is_seen_as_such_and_empty_passphrase_refused(keys, tmp_path):
    with pytest.raises(KeyFileError, match="empty"):
        save_keys(keys, tmp_path / "a", passphrase="")
    private_path, _ = save_keys(keys, tmp_path / "b")
    assert not is_locked(private_path)


def test_repr_hides_private_keys(keys):
    shown = repr(keys) + str(keys)
    assert "district-a" in shown
    assert not any(text in shown for text in secret_texts(keys))


def test_signature_of_another_key_or_message_is_refused(keys):
    other = generate_keys("district-a")
    signature = keys.sign(b"message")
    for public, message, given in [
        (other.public, b"message", signature),
        (keys.public, b"massage", signature),
        (keys.public, b"message", signature[:-1]),
        (keys.public, b"message", bytes(64)),
        (keys.public, b"message", b""),
    ]:
        with pytest.raises(PackageError, match="district-a"):
            public.verify(message, given)


def test_fingerprint_depends_on_both_keys_and_not_on_the_name(keys):
    public, other = keys.public, generate_keys("x").public
    assert re.fullmatch(r"([0-9a-f]{4}-){7}[0-9a-f]{4}", public.fingerprint)
    assert PublicKeys("y", public.signing, public.sealing).fingerprint == public.fingerprint
    assert PublicKeys("y", other.signing, public.sealing).fingerprint != public.fingerprint
    assert PublicKeys("y", public.signing, other.sealing).fingerprint != public.fingerprint


def test_all_problems_of_pinned_keys_are_named_at_once():
    with pytest.raises(KeyFileError) as caught:
        PublicKeys("a/b", "ed25519:short", "age1nonsense")
    assert [problem.split(":")[0] for problem in caught.value.problems] == ["name", "signing", "sealing"]
