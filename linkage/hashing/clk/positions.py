"""Keys from the secret, and bit positions from tokens.

Rules:

- Keys: HKDF (RFC 5869) of the secret, two to a feature in the schema's order, ignored features included.
- ``blakeHash``: BLAKE2b keyed with the first key, salted with "0", "1", ...; its output read as 16-bit numbers, each
  modulo the filter's length.
- ``doubleHash``: ``(HMAC-SHA1 + i * HMAC-MD5) mod length``; ``prevent_singularity`` hashes again while the second is 0.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence

import numpy as np
from cryptography.hazmat.primitives.hashes import SHA256, SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from numpy.typing import NDArray

from linkage.hashing.clk.schema import KEYS_EACH, BlakeHash, ClkSchema, DoubleHash

_POSITIONS_EACH = 32  # 16-bit numbers in a BLAKE2b digest of 64 bytes


def derive_keys(secret: bytes, schema: ClkSchema) -> list[tuple[bytes, bytes]]:
    """Return each feature's two keys."""
    kdf = schema.clkConfig.kdf
    made = HKDF(
        algorithm=SHA256() if kdf.hash == "SHA256" else SHA512(),
        length=KEYS_EACH * len(schema.features) * kdf.keySize,
        salt=None if kdf.salt is None else base64.b64decode(kdf.salt),
        info=None if kdf.info is None else base64.b64decode(kdf.info),
    ).derive(secret)
    keys = [made[start : start + kdf.keySize] for start in range(0, len(made), kdf.keySize)]
    return list(zip(keys[::KEYS_EACH], keys[1::KEYS_EACH], strict=True))


def positions(
    tokens: Sequence[bytes], chosen: BlakeHash | DoubleHash, keys: tuple[bytes, bytes], most: int, length: int
) -> NDArray[np.uint32]:
    """Return the first ``most`` positions of each token in a filter of ``length`` bits, shape (tokens, most)."""
    if isinstance(chosen, BlakeHash):
        return _blake(tokens, keys[0], most, length)
    return _double(tokens, keys, bool(chosen.prevent_singularity), most, length)


def _blake(tokens: Sequence[bytes], key: bytes, most: int, length: int) -> NDArray[np.uint32]:
    begun = [hashlib.blake2b(key=key, salt=str(i).encode()) for i in range(-(-most // _POSITIONS_EACH))]
    digests = []
    for token in tokens:
        for state in begun:
            mac = state.copy()
            mac.update(token)
            digests.append(mac.digest())
    # clkhash reads them in the machine's byte order, which is little-endian wherever it is used.
    numbers = np.frombuffer(b"".join(digests), dtype="<u2").reshape(len(tokens), len(begun) * _POSITIONS_EACH)
    return (numbers[:, :most].astype(np.uint32)) % np.uint32(length)


def _double(
    tokens: Sequence[bytes], keys: tuple[bytes, bytes], prevent_singularity: bool, most: int, length: int
) -> NDArray[np.uint32]:
    sha1_key, md5_key = keys
    first = np.empty((len(tokens), 1), dtype=np.uint64)
    second = np.empty((len(tokens), 1), dtype=np.uint64)
    for row, token in enumerate(tokens):
        first[row] = int.from_bytes(hmac.digest(sha1_key, token, "sha1"), "big") % length
        step = int.from_bytes(hmac.digest(md5_key, token, "md5"), "big") % length
        again = 0
        while prevent_singularity and step == 0:
            step = int.from_bytes(hmac.digest(md5_key, token + chr(again).encode(), "md5"), "big") % length
            again += 1
        second[row] = step
    return ((first + np.arange(most, dtype=np.uint64) * second) % np.uint64(length)).astype(np.uint32)
