"""The whole exchange of one agreement: no secret, private key or plaintext where it does not belong."""

from __future__ import annotations

import base64
import io
import signal
import subprocess
import sys
import traceback

import pytest

from linkage.errors import LinkageError
from linkage.exchange.context import Context
from linkage.exchange.keys import load_private_keys, load_public_keys, save_keys
from linkage.exchange.package import Member, open_package, write_package
from linkage.exchange.sealing import unseal_bytes, unseal_unnamed
from linkage.exchange.secret import Secret, load_secret, secret_from_text

MARKER = b"MARKER-OF-A-RECORD"


def spellings(raw):
    """Every usual way in which bytes show up in text or files."""
    encoded = base64.b64encode(raw)
    forms = {raw, raw.hex().encode(), raw.hex().upper().encode(), encoded, base64.urlsafe_b64encode(raw)}
    return forms | {repr(raw).encode(), repr(raw)[2:-1].encode()}


def private_forms(keys):
    forms = spellings(keys.signing.private_bytes_raw())
    identity = str(keys.sealing).encode()
    return forms | {identity, identity.lower()}


def read_member(package, keys, senders):
    with open_package(package, keys, senders, "encodings") as opened:
        return opened.member("encodings")


@pytest.fixture
def consortium(agency, matcher, registrar, heading, tmp_path):
    """Folders as an agency and a hub would have them after one delivery."""
    for name in ("agency", "hub", "scratch"):
        (tmp_path / name).mkdir()
    secret = Secret.new()
    secret.save(tmp_path / "agency" / "shared.secret")
    save_keys(agency, tmp_path / "agency")
    for keys in (matcher, registrar):
        save_keys(keys, tmp_path / "hub")
    context = Context("p20w-2026", "ab" * 32, 1)
    stated = heading.model_copy(update={"context": context, "key_check_value": secret.key_check_value(context)})
    members = {"encodings": Member(MARKER * 9, matcher.public), "open": Member(b"OPEN-" + MARKER)}
    write_package(tmp_path / "hub" / "a.lpkg", stated, members, agency, [matcher.public, registrar.public])
    return tmp_path, secret


def test_what_the_hub_holds_has_neither_secret_nor_plaintext_nor_the_agencys_keys(consortium, agency):
    folder, secret = consortium
    held = b"".join(path.read_bytes() for path in (folder / "hub").rglob("*"))
    forbidden = spellings(secret.root) | private_forms(agency) | {MARKER}
    assert not [form for form in forbidden if form in held]


def test_manifest_has_neither_secret_nor_keys(consortium, agency, matcher, senders):
    folder, secret = consortium
    with open_package(folder / "hub" / "a.lpkg", matcher, senders, "encodings") as opened:
        statement = opened.manifest.canonical() + repr(opened).encode() + repr(opened.manifest).encode()
    assert not [form for form in spellings(secret.root) | private_forms(agency) if form in statement]


def test_no_failure_tells_a_secret_a_key_or_a_plaintext(consortium, agency, matcher, registrar, stranger, senders):
    folder, secret = consortium
    package, content = folder / "hub" / "a.lpkg", (folder / "hub" / "a.lpkg").read_bytes()
    secret_path, key_path = folder / "agency" / "shared.secret", folder / "agency" / "district-a.key"
    truncated, exposed, mangled = (folder / name for name in ("truncated", "exposed", "mangled"))
    truncated.write_bytes(content[:-9])
    exposed.write_bytes(secret_path.read_bytes())
    exposed.chmod(0o644)
    mangled.write_bytes(key_path.read_bytes()[:-3])
    mangled.chmod(0o600)
    failures = [
        lambda: load_secret(exposed),
        lambda: load_secret(key_path),
        lambda: load_secret(folder / "none"),
        lambda: secret.save(secret_path),
        lambda: secret_from_text(base64.b64encode(secret.root).decode() + "AAAA"),
        lambda: secret_from_text(secret.root.hex()[:-2]),
        lambda: Secret(secret.root[:-1]),
        lambda: load_private_keys(secret_path),
        lambda: load_private_keys(mangled),
        lambda: load_public_keys(key_path),
        lambda: save_keys(agency, folder / "agency"),
        lambda: agency.public.verify(b"x", b"y"),
        lambda: open_package(package, stranger, senders, "encodings"),
        lambda: open_package(package, matcher, {}, "encodings"),
        lambda: open_package(package, matcher, senders, "payload"),
        lambda: open_package(truncated, matcher, senders, "encodings", scratch=folder / "scratch"),
        lambda: read_member(package, registrar, senders),
        lambda: unseal_unnamed(io.BytesIO(content[:-9]), matcher, "it", folder / "scratch"),
        lambda: unseal_bytes(content, agency),
    ]
    told = [repr(secret), repr(agency), repr(matcher), repr(Member(MARKER))]
    for fail in failures:
        with pytest.raises(LinkageError) as caught:
            fail()
        told += [repr(caught.value), *traceback.format_exception(caught.value)]
    text = "\n".join(told).encode()
    forbidden = {MARKER} | spellings(secret.root)
    for keys in (agency, matcher, registrar, stranger):
        forbidden |= private_forms(keys)
    assert not [form for form in forbidden if form in text]
    assert list((folder / "scratch").iterdir()) == []


KILLED_WHILE_OPEN = """
import os, signal, sys
from pathlib import Path
from linkage.exchange.keys import load_private_keys, load_public_keys
from linkage.exchange.package import open_package
folder = Path(sys.argv[1])
keys = load_private_keys(folder / "hub" / "hub.matcher.key")
senders = {"district-a": load_public_keys(folder / "agency" / "district-a.pub")}
opened = open_package(folder / "hub" / "a.lpkg", keys, senders, "encodings", scratch=folder / "scratch")
assert opened.member("open").startswith(b"OPEN-")
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be without a name there")
def test_a_kill_while_a_package_is_open_leaves_no_plaintext(consortium):
    folder, _ = consortium
    done = subprocess.run([sys.executable, "-c", KILLED_WHILE_OPEN, str(folder)], capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    assert list((folder / "scratch").iterdir()) == []
