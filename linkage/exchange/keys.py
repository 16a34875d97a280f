"""Who signs and who may open: the two key pairs that every party and every room holds.

Rules:

- A party signs with Ed25519 (RFC 8032) and opens with an age X25519 identity. The two are made together,
  named together, and have one fingerprint.
- Whose key is whose is settled outside this program: fingerprints are compared by voice or on paper, and public
  keys are pinned in the agreement. Nothing here trusts a key because it came with a package.
- A private key file is its owner's alone (mode 0600), never overwritten, and can be locked with a passphrase
  (age, scrypt). Private keys occur in no ``repr`` and no message.

The file ``NAME.pub``, which may be shown to anyone::

    # linkage public keys of district-a, fingerprint 3f0c-...
    format: linkage-public-keys/v1
    name: district-a
    signing: ed25519:base64
    sealing: age1...
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path

import pyrage
import yaml
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pyrage import passphrase as age_passphrase
from pyrage import x25519

from linkage.errors import KeyFileError, PackageError
from linkage.exchange.canonical import canonical_json
from linkage.exchange.files import make_folder
from linkage.exchange.private import read_private, read_public, refuse_existing, write_new

PUBLIC_FORMAT = "linkage-public-keys/v1"
PRIVATE_FORMAT = "linkage-private-keys/v1"
SIGNING_PREFIX = "ed25519:"
PRIVATE_PREFIX = "ed25519-private:"
NAME_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
_NAMES = "name: 1 to 64 letters, digits, dots, hyphens or underscores, the first a letter or digit"
_KNOWN = {PUBLIC_FORMAT: "public keys (NAME.pub)", PRIVATE_FORMAT: "private keys (NAME.key)"}
_AGE_FILE = b"age-encryption.org/"
_FIELDS = ("format", "name", "signing", "sealing")


@dataclass(frozen=True)
class PublicKeys:
    """A party's public keys: what an agreement pins and a sender seals to."""

    name: str
    signing: str
    sealing: str

    def __post_init__(self) -> None:
        problems = []
        if not re.fullmatch(NAME_PATTERN, self.name):
            problems.append(_NAMES)
        if _raw_key(self.signing, SIGNING_PREFIX) is None:
            problems.append(f"signing: expected {SIGNING_PREFIX} and 32 bytes in base64")
        if not _is_recipient(self.sealing):
            problems.append("sealing: expected an age X25519 recipient (age1...)")
        if problems:
            raise KeyFileError("These are not a party's public keys.", problems)

    @property
    def fingerprint(self) -> str:
        """128 bits of SHA-256 over both public keys, in groups of four hex digits, to read aloud."""
        material = canonical_json({"format": PUBLIC_FORMAT, "sealing": self.sealing, "signing": self.signing})
        digest = hashlib.sha256(material).hexdigest()[:32]
        return "-".join(digest[start : start + 4] for start in range(0, len(digest), 4))

    def verify(self, message: bytes, signature: bytes) -> None:
        """Raise PackageError unless ``signature`` is this party's over ``message``."""
        raw = _raw_key(self.signing, SIGNING_PREFIX)
        assert raw is not None, "checked when made"
        try:
            Ed25519PublicKey.from_public_bytes(raw).verify(signature, message)
        except InvalidSignature:
            raise PackageError(
                f"The signature is not {self.name}'s: the content was altered or forged, or the keys were changed.",
                advice=f"Compare the fingerprint {self.fingerprint} with {self.name} before anything else.",
            ) from None


@dataclass(frozen=True, eq=False)
class PrivateKeys:
    """A party's private keys; printing them shows the name only."""

    name: str
    signing: Ed25519PrivateKey = field(repr=False)
    sealing: x25519.Identity = field(repr=False)

    @property
    def public(self) -> PublicKeys:
        """The public halves."""
        raw = self.signing.public_key().public_bytes_raw()
        return PublicKeys(self.name, SIGNING_PREFIX + _base64(raw), str(self.sealing.to_public()))

    def sign(self, message: bytes) -> bytes:
        """Sign with Ed25519: 64 bytes, the same for the same message."""
        return self.signing.sign(message)

    def derive(self, label: str) -> bytes:
        """Derive a 32-byte key that only this party can make, by HKDF-SHA256 over the signing key."""
        info = f"linkage/v1/own/{label}".encode()
        return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(self.signing.private_bytes_raw())


def generate_keys(name: str) -> PrivateKeys:
    """Make both key pairs from the operating system's randomness."""
    if not re.fullmatch(NAME_PATTERN, name):
        raise KeyFileError(f"{name!r} cannot be the name of keys.", [_NAMES], "It becomes the name of their files.")
    return PrivateKeys(name, Ed25519PrivateKey.generate(), x25519.Identity.generate())


def save_keys(keys: PrivateKeys, folder: Path, passphrase: str | None = None) -> tuple[Path, Path]:
    """Write NAME.key (0600, locked if a passphrase is given) and NAME.pub; neither may exist."""
    public = keys.public
    private_path, public_path = folder / f"{keys.name}.key", folder / f"{keys.name}.pub"
    for path in (private_path, public_path):
        refuse_existing(path, "key file")
    make_folder(folder, 0o700)
    private_text = _render(
        f"# linkage private keys of {keys.name}: whoever holds this file can sign and open as {keys.name}",
        (PRIVATE_FORMAT, keys.name, PRIVATE_PREFIX + _base64(keys.signing.private_bytes_raw()), str(keys.sealing)),
    )
    if passphrase is not None:
        if not passphrase:
            raise KeyFileError("The passphrase is empty.", advice="Give one, or none at all.")
        private_text = age_passphrase.encrypt(private_text, passphrase)
    write_new(private_path, private_text, "private key file")
    public_text = _render(
        f"# linkage public keys of {keys.name}, fingerprint {public.fingerprint}",
        (PUBLIC_FORMAT, public.name, public.signing, public.sealing),
    )
    write_new(public_path, public_text, "public key file", mode=0o644)
    return private_path, public_path


def is_locked(path: Path) -> bool:
    """Tell whether a private key file needs a passphrase, so that a caller can ask for it."""
    return _private_content(path).startswith(_AGE_FILE)


def load_private_keys(path: Path, passphrase: str | None = None) -> PrivateKeys:
    """Read NAME.key; raises KeyFileError if it is exposed, locked, malformed or of another kind."""
    content = _private_content(path)
    if content.startswith(_AGE_FILE):
        content = _unlock(content, path, passphrase)
    name, signing_text, sealing_text = _parse(content, path, PRIVATE_FORMAT)
    signing = _raw_key(signing_text, PRIVATE_PREFIX)
    try:
        sealing = x25519.Identity.from_str(sealing_text)
    except pyrage.IdentityError:
        sealing = None
    problems = []
    if signing is None:
        problems.append(f"signing: expected {PRIVATE_PREFIX} and 32 bytes in base64")
    if sealing is None:
        problems.append("sealing: expected an age X25519 identity")
    if signing is None or sealing is None:
        raise KeyFileError(f"{path} is damaged: its private keys cannot be read.", problems)
    keys = PrivateKeys(name, Ed25519PrivateKey.from_private_bytes(signing), sealing)
    _ = keys.public  # refuses a malformed name
    return keys


def load_public_keys(path: Path) -> PublicKeys:
    """Read NAME.pub; raises KeyFileError if it is malformed or of another kind."""
    name, signing, sealing = _parse(read_public(path, "public key file"), path, PUBLIC_FORMAT)
    try:
        return PublicKeys(name, signing, sealing)
    except KeyFileError as error:
        raise KeyFileError(f"{path} does not hold a party's public keys.", error.problems) from None


def _private_content(path: Path) -> bytes:
    def refuse_public(content: bytes) -> None:
        if f"format: {PUBLIC_FORMAT}".encode() in content.splitlines():
            raise KeyFileError(f"{path}: expected {_KNOWN[PRIVATE_FORMAT]}, found {_KNOWN[PUBLIC_FORMAT]}.")

    return read_private(path, "private key file", refuse_public)


#: What age says where unlocking would take too long by its measurement, and how often it is asked again.
_TOO_BUSY, _UNLOCKINGS = "Excessive work", 5


def _unlock(content: bytes, path: Path, passphrase: str | None) -> bytes:
    if passphrase is None:
        raise KeyFileError(f"{path} is locked with a passphrase, and none was given.")
    for _ in range(_UNLOCKINGS):
        try:
            return bytes(age_passphrase.decrypt(content, passphrase))
        except (pyrage.DecryptError, OSError) as error:
            # age measures the machine anew each time, and refuses a passphrase that would now take it too long.
            if _TOO_BUSY not in str(error):
                raise KeyFileError(f"{path} does not open: the passphrase is wrong or the file is damaged.") from None
    raise KeyFileError(
        f"{path} could not be unlocked: this machine is too busy at the moment.",
        advice="close other programs and try again",
    )


def _render(comment: str, values: tuple[str, str, str, str]) -> bytes:
    lines = [comment, *(f"{key}: {value}" for key, value in zip(_FIELDS, values, strict=True))]
    return ("\n".join(lines) + "\n").encode("ascii")


def _parse(content: bytes, path: Path, expected_format: str) -> tuple[str, str, str]:
    """Return (name, signing, sealing) of a flat YAML file, whose values are text and nothing else."""
    # The node tree is read as it stands: no tags, no aliases, no "no" that becomes False.
    try:
        root = yaml.compose(content.decode("utf-8"), Loader=yaml.SafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError):
        root = None
    if not isinstance(root, yaml.MappingNode) or not all(
        isinstance(key, yaml.ScalarNode) and isinstance(value, yaml.ScalarNode) for key, value in root.value
    ):
        raise KeyFileError(f"{path} is not a linkage key file.", advice="Expected a .key or .pub file as written.")
    names = [key.value for key, _ in root.value]
    found = {key.value: value.value for key, value in root.value}
    if found.get("format") != expected_format:
        given = _KNOWN.get(found.get("format", ""), "another kind of file")
        raise KeyFileError(f"{path}: expected {_KNOWN[expected_format]}, found {given}.")
    if sorted(names) != sorted(_FIELDS):
        raise KeyFileError(f"{path}: expected exactly the fields {', '.join(_FIELDS)}, each once.")
    return found["name"], found["signing"], found["sealing"]


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


def _raw_key(text: str, prefix: str) -> bytes | None:
    """Decode 32 key bytes; None unless ``text`` is their one canonical spelling."""
    try:
        raw = base64.b64decode(text.removeprefix(prefix), validate=True)
    except (ValueError, binascii.Error):
        return None
    return raw if len(raw) == 32 and text == prefix + _base64(raw) else None


def _is_recipient(text: str) -> bool:
    try:
        return str(x25519.Recipient.from_str(text)) == text
    except pyrage.RecipientError:
        return False
