"""Common student IDs: random, short, sayable, and safe against the slips of people who copy them.

Rules:

- An ID is 40 random bits and a check character, written ``7KQ-M2X-9RP``. Nothing of a person, a record or a clock
  goes into it, so nothing comes out of it.
- The alphabet is Crockford's base 32: no I, L, O or U. Reading takes lower case, spaces or hyphens anywhere, O for
  0, and I or L for 1.
- The check character is Damm's scheme (H. M. Damm, *Total anti-symmetrische Quasigruppen*, 2004) over the
  quasigroup ``x . y = a(x + y)`` of GF(32), with ``a`` a root of the primitive polynomial x^5 + x^2 + 1. An ID of
  characters c0...c8 is sound when ``sum(a^(9-i) c_i) = 0``. A slip is missed only if its own sum is zero, whatever
  the ID, and a^i differs for each place, so these are all caught: every single wrong character, every exchange of
  two characters, neighbours or not, and every twin slip (``44`` for ``55``).
- Never reused: the store keeps every ID ever minted and refuses it a second time.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from linkage.errors import InputError

Entropy = Callable[[int], bytes]
"""A source of random bytes: ``secrets.token_bytes``, or a seeded generator's ``bytes`` in a test."""

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 9
_RANDOM_CHARACTERS = LENGTH - 1
_BITS = 5
_POLYNOMIAL = 0b100101
_VALUES = {character: value for value, character in enumerate(ALPHABET)} | {"O": 0, "I": 1, "L": 1}


def _times_root(value: int) -> int:
    doubled = value << 1
    return doubled ^ _POLYNOMIAL if doubled >> _BITS else doubled


TIMES_ROOT: npt.NDArray[np.uint8] = np.array([_times_root(value) for value in range(32)], dtype=np.uint8)
"""Multiplication by the root in GF(32); the quasigroup's product of x and y is ``TIMES_ROOT[x ^ y]``."""


def damm(values: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Fold characters (rows of values 0 to 31) into the check value; zero for rows that end in a right one."""
    interim = np.zeros(values.shape[0], dtype=np.uint8)
    for column in range(values.shape[1]):
        interim = TIMES_ROOT[interim ^ values[:, column]]
    return interim


def draw_ids(count: int, entropy: Entropy) -> list[str]:
    """Draw ``count`` IDs; two may be equal (40 bits), so whoever keeps them must refuse the second."""
    raw = np.frombuffer(entropy(count * _RANDOM_CHARACTERS), dtype=np.uint8).reshape(count, _RANDOM_CHARACTERS)
    values = np.zeros((count, LENGTH), dtype=np.uint8)
    values[:, :-1] = raw & 31  # 256 is a multiple of 32: each character stays uniform
    values[:, -1] = damm(values[:, :-1])
    letters = np.frombuffer(ALPHABET.encode(), dtype=np.uint8)[values]
    hyphen = np.full(count, ord("-"), dtype=np.uint8)
    written = np.column_stack([letters[:, 0:3], hyphen, letters[:, 3:6], hyphen, letters[:, 6:9]])
    return [word.decode() for word in np.ascontiguousarray(written).view("S11").ravel().tolist()]


def is_id(text: str) -> bool:
    """Tell whether ``text`` is an ID exactly as this module writes it."""
    try:
        return parse_id(text) == text
    except InputError:
        return False


def parse_id(text: str) -> str:
    """Read an ID as people write it and return its one canonical form; raises InputError."""
    values = [_VALUES.get(character, -1) for character in text.upper() if character not in "- "]
    advice = "An ID looks like 7KQ-M2X-9RP; ask for it again, or see `linkage hub ids list`."
    if len(values) != LENGTH or -1 in values:
        raise InputError(f"This is not a common student ID: expected {LENGTH} letters and digits.", advice=advice)
    if damm(np.array([values], dtype=np.uint8))[0] != 0:
        raise InputError("This ID has a slip in it: its check character does not fit the rest.", advice=advice)
    letters = "".join(ALPHABET[value] for value in values)
    return f"{letters[:3]}-{letters[3:6]}-{letters[6:]}"
