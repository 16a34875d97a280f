"""The keyed functions under every encoding: standard primitives, called in bulk.

Rules:

- A *digest* of a text is HMAC-SHA256 (RFC 2104) under a derived key, cut to 16 bytes.
- Digests are combined by AES-256-CMAC (NIST SP 800-38B, RFC 4493) over messages that are whole 16-byte blocks. For such
  messages CMAC is CBC-MAC with the last block masked by a subkey, so that thousands of messages of equal length are
  computed by a few calls of raw AES over one array. ``tests/hashing/test_prf.py`` holds it against the ``cryptography``
  package's own CMAC.
- An array of blocks has shape (n, 2) and dtype uint64: the 16 bytes in memory order.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from numpy.typing import NDArray

Blocks = NDArray[np.uint64]

#: The constant of the field GF(2^128) in SP 800-38B.
_R128 = 0x87

#: What the cipher wants behind its output, one byte less than a block.
SPARE_BYTES = 15


class BulkCmac:
    """AES-256-CMAC under one key, over arrays of messages that are whole blocks."""

    def __init__(self, key: bytes) -> None:
        # ECB is AES itself on each block; CMAC below is what chains and masks them.
        self._cipher = Cipher(algorithms.AES256(key), modes.ECB())
        zero = int.from_bytes(self._aes(np.zeros((1, 2), dtype=np.uint64)).tobytes(), "big")
        doubled = (zero << 1) ^ (_R128 if zero >> 127 else 0)
        subkey = (doubled & ((1 << 128) - 1)).to_bytes(16, "big")
        self._subkey = np.frombuffer(subkey, dtype=np.uint64)

    def _aes(self, blocks: Blocks) -> Blocks:
        out = np.empty(blocks.nbytes + SPARE_BYTES, dtype=np.uint8)
        return self.permute(np.ascontiguousarray(blocks), out)

    def permute(self, blocks: Blocks, room: NDArray[np.uint8]) -> Blocks:
        """Return AES of each block, written to ``room``, which has :data:`SPARE_BYTES` more than the blocks."""
        if not len(blocks):
            return blocks
        written = self._cipher.encryptor().update_into(blocks.data.cast("B"), room.data)
        return room[:written].view(np.uint64).reshape(-1, 2)

    @property
    def last_mask(self) -> NDArray[np.uint64]:
        """The subkey that masks a message's last block, shape (2,)."""
        return self._subkey

    def absorb(self, blocks: Blocks) -> Blocks:
        """Return the chaining state after a first block; shape as given."""
        return self._aes(blocks)

    def finish(self, states: Blocks, last: Blocks) -> Blocks:
        """Return the tags of messages whose chaining state is ``states`` and whose last block is ``last``."""
        return self._aes(states ^ last ^ self._subkey)

    def tags(self, *parts: Blocks) -> Blocks:
        """Return the tags of messages made of ``parts``, one block of each part to a message."""
        states = np.zeros_like(parts[0])
        for part in parts[:-1]:
            states = self._aes(states ^ part)
        return self.finish(states, parts[-1])


def digests(key: bytes, texts: Iterable[str]) -> Blocks:
    """Return the 16-byte HMAC-SHA256 digest of each text, shape (texts, 2)."""
    joined = b"".join(hmac.digest(key, text.encode(), hashlib.sha256)[:16] for text in texts)
    return np.frombuffer(joined, dtype=np.uint64).reshape(-1, 2)
