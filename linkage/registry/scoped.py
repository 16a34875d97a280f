"""The crosswalk that an agency may have of its own records, under IDs that mean nothing elsewhere.

Rules:

- A scoped ID is HMAC-SHA-256 of the common student ID under a key that only the registrar holds, bound to the
  agency's name: the same from year to year as long as the common ID is, and of no use for joining two agencies'
  crosswalks, nor for getting at the common ID.
- 80 bits, so that two of ten million students share one with a chance below 1 in 10^10.
- Only the agency's own records are in it. Whether an agency may have it, the agreement says, not this module.
"""

from __future__ import annotations

import hashlib
import hmac

import pandas as pd

from linkage.registry.ids import ALPHABET

KEY_BYTES = 32
_CHARACTERS = 16
_GROUP = 4


def scoped_crosswalk(crosswalk: pd.DataFrame, agency: str, key: bytes) -> pd.DataFrame:
    """Return person_token, scoped_id of one agency's records; ``crosswalk`` is the registry's."""
    if len(key) != KEY_BYTES:
        raise ValueError(f"a scoping key has {KEY_BYTES} bytes")
    bound = hmac.digest(key, b"linkage/v1 scoped student IDs of " + agency.encode(), hashlib.sha256)
    own = crosswalk[crosswalk["agency"] == agency]
    scoped = [_scoped(bound, identifier) for identifier in own["student_id"]]
    return (
        own[["person_token"]].assign(scoped_id=pd.Series(scoped, index=own.index, dtype="str")).reset_index(drop=True)
    )


def _scoped(key: bytes, identifier: str) -> str:
    number = int.from_bytes(hmac.digest(key, identifier.encode(), hashlib.sha256)[:10])
    letters = "".join(ALPHABET[(number >> (5 * place)) & 31] for place in range(_CHARACTERS))
    return "-".join(letters[start : start + _GROUP] for start in range(0, _CHARACTERS, _GROUP))
