"""The bulk PRF is AES-CMAC, not something of our own."""

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.cmac import CMAC
from hypothesis import given
from hypothesis import strategies as st

from linkage.hashing.prf import BulkCmac, digests


def _cmac(key: bytes, message: bytes) -> bytes:
    mac = CMAC(AES256(key))
    mac.update(message)
    return mac.finalize()


@given(st.binary(min_size=32, max_size=32), st.integers(1, 4), st.integers(1, 20), st.integers(0, 2**32))
def test_bulk_tags_are_the_cryptography_packages_cmac(key, blocks, messages, seed):
    parts = [
        np.frombuffer(np.random.default_rng(seed + b).bytes(16 * messages), dtype=np.uint64).reshape(-1, 2)
        for b in range(blocks)
    ]
    tags = BulkCmac(key).tags(*parts)
    for row in range(messages):
        assert tags[row].tobytes() == _cmac(key, b"".join(part[row].tobytes() for part in parts))


def test_absorbing_and_finishing_is_a_two_block_message():
    key = bytes(range(32))
    first = np.arange(6, dtype=np.uint64).reshape(-1, 2)
    last = np.arange(6, 12, dtype=np.uint64).reshape(-1, 2)
    keyed = BulkCmac(key)
    assert (keyed.finish(keyed.absorb(first), last) == keyed.tags(first, last)).all()


def test_rfc_4493_style_known_answer_for_aes_256():
    # NIST SP 800-38B, AES-256, example with one block.
    key = bytes.fromhex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4")
    message = bytes.fromhex("6bc1bee22e409f96e93d7e117393172a")
    block = np.frombuffer(message, dtype=np.uint64).reshape(1, 2)
    assert BulkCmac(key).tags(block).tobytes().hex() == "28a7023f452e8f82bd4bf28d8c37c35c"


@pytest.mark.parametrize("text", ["", "a", "ü", "x" * 15, "x" * 16, "x" * 17, "x" * 32, "été" * 11])
def test_digests_are_the_cmac_of_the_texts_bytes(text):
    alone = CMAC(AES256(b"k" * 32))
    alone.update(text.encode())
    assert digests(b"k" * 32, ["something else", text])[1].tobytes() == alone.finalize()


def test_no_blocks_give_no_tags():
    assert BulkCmac(bytes(32)).absorb(np.zeros((0, 2), dtype=np.uint64)).shape == (0, 2)
