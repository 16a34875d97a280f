import hashlib
import hmac

import pandas as pd
import pytest

from linkage.hashing.columns import recognise
from linkage.hashing.encode import encode
from linkage.hashing.prepare import prepare
from linkage.spec.load import load_spec


def derive_from(secret: bytes):
    return lambda label: hmac.digest(secret, label.encode(), hashlib.sha256)


@pytest.fixture(scope="session")
def spec():
    return load_spec("person")


@pytest.fixture
def encode_frame(spec):
    """Encode a frame under a secret; tokens count up so that two runs can be compared."""

    def run(frame: pd.DataFrame, secret: bytes = b"a secret", chosen=None):
        chosen = chosen or spec
        count = 0

        def tokens(size: int) -> bytes:
            nonlocal count
            made = b"".join((count + i + 1).to_bytes(8, "little") for i in range(size // 8))
            count += size // 8
            return made

        return encode(prepare(frame, recognise(frame.columns, chosen), chosen), chosen, derive_from(secret), tokens)

    return run
