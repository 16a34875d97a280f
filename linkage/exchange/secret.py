"""The secret that the agencies share, and every key derived from it.

Rules:

- The secret is 256 random bits. A passphrase is refused: the key check value is public, and a guessable root
  would make it an oracle for offline guessing.
- **The hub never holds it**, nor any key derived from it: with it, every encoding can be reversed by encoding a
  list of names. Nothing under ``matching``, ``registry`` or ``release`` imports this module.
- Nothing encodes with the root. Keys are derived by HKDF-SHA256 (RFC 5869) with salt = SHA-256 of the context
  (agreement, spec, epoch) and info = ``linkage/v1/<label>``, when needed, and are not stored. Two agreements,
  specs or epochs therefore share no key, and their encodings cannot be joined.
- The secret comes from a 0600 file, the environment or a prompt, never from a command line, and occurs in no
  message, ``repr`` or log.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import itertools
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from linkage.errors import KeyFileError
from linkage.exchange.context import PROTOCOL, Context
from linkage.exchange.private import read_private, write_new

HEADER = "# linkage shared secret v1: for the agencies of one agreement only; the hub must never hold it"
SECRET_BYTES = 32
_WHAT = "shared secret"
# 32 random bytes hold about 30 distinct values; fewer than 16 occur less than once in 10^16 draws.
_FEWEST_DISTINCT = 16


@dataclass(frozen=True, repr=False, eq=False)
class Secret:
    """The shared secret: 32 random bytes that only agencies hold."""

    root: bytes

    def __post_init__(self) -> None:
        weakness = _weakness(self.root)
        if weakness:
            raise KeyFileError(
                f"This cannot be a shared secret: {weakness}.",
                advice="Make one with `linkage secret new`; a passphrase or a pattern can be guessed.",
            )

    @classmethod
    def new(cls) -> Secret:
        """Draw a secret from the operating system's generator."""
        return cls(secrets.token_bytes(SECRET_BYTES))

    def save(self, path: Path) -> None:
        """Write to a new file readable by its owner alone."""
        body = base64.b64encode(self.root).decode("ascii")
        write_new(path, f"{HEADER}\n{body}\n".encode("ascii"), _WHAT)

    def derive(self, context: Context, label: str, length: int = SECRET_BYTES) -> bytes:
        """Derive the key named ``label`` in ``context``: HKDF-SHA256, RFC 5869; at most 8,160 bytes."""
        if not label:
            raise ValueError("a derived key has a label")
        salt = hashlib.sha256(context.canonical()).digest()
        info = f"{PROTOCOL}/{label}".encode()
        return HKDF(algorithm=SHA256(), length=length, salt=salt, info=info).derive(self.root)

    def key_check_value(self, context: Context) -> str:
        """Return what agencies compare, by way of the hub, to see that they hold the same secret.

        Public: HMAC under a key of its own, of a root that cannot be guessed.
        """
        return hmac.new(self.derive(context, "kcv"), context.canonical(), hashlib.sha256).hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self.root, other.root)

    def __hash__(self) -> int:
        return hash(self.root)

    def __repr__(self) -> str:
        return "Secret(<hidden>)"


def load_secret(path: Path) -> Secret:
    """Read a secret file; raises KeyFileError if it is exposed, weak or another kind of file."""
    content = read_private(path, _WHAT)
    try:
        header, body = content.decode("ascii").splitlines()
    except ValueError:
        header, body = "", ""
    if header != HEADER:
        raise KeyFileError(
            f"{path} is not a linkage shared secret.",
            advice="A secret file has two lines, as `linkage secret new` writes it.",
        )
    return _decode(body, str(path))


def secret_from_text(text: str) -> Secret:
    """Read a secret from the environment or a prompt: its base64 or hex, or a secret file's whole text."""
    body = text.strip().removeprefix(HEADER).strip()
    return _decode(body, "The text given")


def _decode(body: str, where: str) -> Secret:
    try:
        root = bytes.fromhex(body) if len(body) == 2 * SECRET_BYTES else base64.b64decode(body, validate=True)
    except (ValueError, binascii.Error):
        root = b""
    if len(root) != SECRET_BYTES:
        raise KeyFileError(
            f"{where} does not hold a shared secret: expected {SECRET_BYTES} bytes in base64 or hex.",
            advice="Passphrases are not accepted; make a secret with `linkage secret new`.",
        )
    return Secret(root)


def _weakness(root: bytes) -> str:
    """Say in words why ``root`` is no random draw, or return an empty string."""
    if len(root) != SECRET_BYTES:
        return f"it has {len(root)} bytes, not {SECRET_BYTES}"
    if len(set(root)) < _FEWEST_DISTINCT:
        return "its bytes repeat, so they were not drawn at random"
    if len({(after - before) % 256 for before, after in itertools.pairwise(root)}) == 1:
        return "its bytes count up or down, so they were not drawn at random"
    if all(0x20 <= byte < 0x7F for byte in root):
        return "its bytes are plain text, as of a passphrase"
    return ""
