"""The keyed functions under every encoding: standard primitives, called in bulk.

Rules:

- There is one keyed function: AES-256-CMAC (NIST SP 800-38B, RFC 4493) under a derived key. A *digest* is the CMAC of
  a text; digests are combined by the CMAC of messages that are whole 16-byte blocks.
- CMAC is CBC-MAC with the last block masked by a subkey, so messages of equal length are computed by a few calls of
  raw AES over one array. ``tests/hashing/test_prf.py`` holds it against the ``cryptography`` package's own CMAC.
- An array of blocks has shape (n, 2) and dtype uint64: the 16 bytes in memory order.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from numba import njit
from numpy.typing import NDArray

Blocks = NDArray[np.uint64]

#: The constant of the field GF(2^128) in SP 800-38B.
_R128 = 0x87

#: Messages that are chained at a time: what lies between two steps is small enough to stay in reused memory.
_AT_ONCE = 1 << 14

#: What the cipher wants behind its output, one byte less than a block.
SPARE_BYTES = 15


class BulkCmac:
    """AES-256-CMAC under one key, over arrays of messages that are whole blocks."""

    def __init__(self, key: bytes) -> None:
        # ECB is AES itself on each block; CMAC below is what chains and masks them.
        self._cipher = Cipher(algorithms.AES256(key), modes.ECB())
        zero = int.from_bytes(self._aes(np.zeros((1, 2), dtype=np.uint64)).tobytes(), "big")
        whole = _doubled(zero)
        self._subkey, self._padded_subkey = _as_block(whole), _as_block(_doubled(whole))

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
        out = np.empty_like(parts[0])
        for start in range(0, len(out), _AT_ONCE):
            chunk = slice(start, start + _AT_ONCE)
            states = np.zeros_like(out[chunk])
            for part in parts[:-1]:
                states = self._aes(states ^ part[chunk])
            out[chunk] = self.finish(states, parts[-1][chunk])
        return out

    def digests(self, texts: Sequence[str]) -> Blocks:
        """Return the tag of each text's UTF-8 bytes, shape (texts, 2)."""
        encoded = "".join(texts).encode()
        if len(encoded) == sum(map(len, texts)):
            lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
        else:
            lengths = np.fromiter((len(text.encode()) for text in texts), dtype=np.int64, count=len(texts))
        starts = np.cumsum(np.append(0, lengths))
        held = np.frombuffer(encoded, dtype=np.uint8)
        tags = np.empty((len(texts), 2), dtype=np.uint64)
        sizes = np.maximum(1, -(-lengths // 16))
        for size in np.unique(sizes):
            chosen = np.flatnonzero(sizes == size)
            padded = np.zeros((len(chosen), 16 * size), dtype=np.uint8)
            _pad(held, starts, chosen, padded)
            message = padded.view(np.uint64).reshape(len(chosen), size, 2)
            states = np.zeros((len(chosen), 2), dtype=np.uint64)
            for block in range(size - 1):
                states = self._aes(states ^ message[:, block])
            mask = np.where((lengths[chosen] == 16 * size)[:, None], self._subkey, self._padded_subkey)
            tags[chosen] = self._aes(states ^ message[:, size - 1] ^ mask)
        return tags


def _doubled(number: int) -> int:
    """Multiply by x in GF(2^128)."""
    return ((number << 1) & ((1 << 128) - 1)) ^ (_R128 if number >> 127 else 0)


def _as_block(number: int) -> NDArray[np.uint64]:
    return np.frombuffer(number.to_bytes(16, "big"), dtype=np.uint64)


@njit(cache=True, nogil=True)
def _pad(held: NDArray[np.uint8], starts: NDArray[np.int64], chosen: NDArray[np.int64], out: NDArray[np.uint8]) -> None:
    """Copy texts to rows of whole blocks; one that does not fill its last block is ended by the byte 128."""
    for i in range(len(chosen)):
        first, last = starts[chosen[i]], starts[chosen[i] + 1]
        for k in range(first, last):
            out[i, k - first] = held[k]
        if last - first < out.shape[1]:
            out[i, last - first] = 0x80


def digests(key: bytes, texts: Sequence[str]) -> Blocks:
    """Return the 16-byte digest of each text under a key, shape (texts, 2)."""
    return BulkCmac(key).digests(texts)
