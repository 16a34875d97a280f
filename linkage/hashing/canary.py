"""The canary: proof that two agencies encode alike, without showing how.

Rules:

- Every agency encodes the same public test records (accents, two surnames, leap days, other scripts, placeholders,
  empty values) with its own software, spec and secret, and sends a MAC of the result. Equal MACs mean the same secret
  *and* the same normalisation, features and encoding.
- The canary's encodings themselves never leave the agency: each would be a known pair for whoever attacks the hub.
"""

from __future__ import annotations

import hashlib
import hmac
from io import StringIO
from pathlib import Path

import pandas as pd

from linkage.hashing.columns import ColumnMap
from linkage.hashing.encode import Derive, encode
from linkage.hashing.prepare import prepare
from linkage.spec.model import LinkageSpec

_RECORDS = Path(__file__).with_name("canary.csv")


def _counting_bytes(count: int) -> bytes:
    """Return tokens that are the same everywhere: the canary's order must not depend on chance."""
    return b"".join((number + 1).to_bytes(8, "little") for number in range(count // 8))


def canary_mac(spec: LinkageSpec, derive: Derive) -> str:
    """Return the MAC (64 hex digits) of the test records' encodings under a spec and a secret."""
    frame = pd.read_csv(StringIO(_RECORDS.read_text(encoding="utf-8")), dtype=str, keep_default_na=False)
    columns = ColumnMap({i.name: (i.name,) for i in spec.identifiers if i.name in frame.columns}, None)
    encoded = encode(prepare(frame, columns, spec), spec, derive, _counting_bytes)
    mac = hmac.new(derive("canary"), digestmod=hashlib.sha256)
    for name, found in encoded.passes.items():
        mac.update(name.encode())
        mac.update(found.blocks.tobytes() + found.tokens.tobytes() + found.checks.tobytes())
        for filters in found.filters.values():
            mac.update(filters.tobytes())
    return mac.hexdigest()
