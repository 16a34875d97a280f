"""Release IDs: who is who inside one release, and nowhere else.

Rules:

- An ID is 26 characters of base 32, 130 bits of fresh randomness. It is never derived from anything about a person,
  a record or another ID: 34 CFR 99.31(b)(2) and 45 CFR 164.514(c) refuse a code that is based on personal
  information, and a token or an encoding is based on it.
- A release draws its IDs anew, so two releases of the same people cannot be joined by them.
- Only where the agreement says ``stable_for_updates`` does a project's later release keep the IDs it gave before.
- The registrar draws them: it knows the common student IDs and no payload; the release room knows payload and no
  student ID.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from linkage.errors import InputError

Entropy = Callable[[int], bytes]
"""A source of random bytes: ``secrets.token_bytes``, or a seeded generator's ``bytes`` in a test."""

ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
LENGTH = 26
PATTERN = f"[a-z2-7]{{{LENGTH}}}"


def release_ids(students: Sequence[str], random_bytes: Entropy) -> pd.Series:
    """Return a new random ID for each student; the index holds the students, in the order given."""
    index = pd.Index(list(students), name="student")
    if index.has_duplicates:
        raise InputError("A student was given twice, and would have had two release IDs.")
    return pd.Series(_draw(len(index), random_bytes), index=index, dtype="string", name="release_id")


def kept_release_ids(students: Sequence[str], earlier: pd.Series, random_bytes: Entropy) -> pd.Series:
    """Return the ID each student had in ``earlier`` (same form as returned), and a new one for the others.

    Where two students of an earlier release turned out to be one, the caller lists that student twice in
    ``earlier``; the first ID stands.
    """
    drawn = release_ids(students, random_bytes)
    first = earlier[~earlier.index.duplicated()]
    kept = first.reindex(drawn.index)
    return kept.where(kept.notna(), drawn).astype("string").rename("release_id")


def _draw(count: int, random_bytes: Entropy) -> list[str]:
    raw = np.frombuffer(random_bytes(count * LENGTH), dtype=np.uint8).reshape(count, LENGTH)
    # 256 is a multiple of 32, so each character stays uniform.
    letters = np.frombuffer(ALPHABET.encode(), dtype=np.uint8)[raw & 31]
    ids: list[str] = np.ascontiguousarray(letters).view(f"S{LENGTH}").ravel().astype(f"U{LENGTH}").tolist()
    return ids
