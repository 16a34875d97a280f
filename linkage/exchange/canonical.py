"""One value, one byte string: JSON that two parties can sign, hash or derive keys from.

Rules:

- Keys sorted, no white space, UTF-8 without escapes, no NaN or infinity; the same value gives the same bytes
  on every machine.
- Bytes that mean the same and look different do not exist: a reader writes again what it has read and compares.
"""

from __future__ import annotations

import json


def canonical_json(value: object) -> bytes:
    """Encode ``value``; raises ValueError on NaN or infinity and TypeError on what JSON cannot hold."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8")
