"""From canonical values to the features that their Bloom filters hold, and to the parts of pass keys.

Rules (docs/encoding.md, section 4):

- A value's features come in groups, each with a share of the filter's set bits; within a group the bits are spread
  evenly over the features. So a filter's weight does not depend on the length of the value, and a group (a house
  number, the last four digits of an SSN) keeps its say whatever stands beside it.
- Names and places: bigrams of each word, padded, so that the order of words does not matter; a bigram that occurs
  twice counts twice. Numbers: digits by position. Dates too, with a smaller share for year, month and day as wholes:
  one wrong digit is nearer than two, and two in one part of a date are nearer than two in two.
- A feature is a text of at most seven ASCII characters, so that it fits in a machine word and a million values are
  taken apart without a Python object for each feature.
- A key part is the empty text where the value cannot give it; then the record takes no part in that pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import jellyfish
import numpy as np
from numpy.typing import NDArray

from linkage.hashing.feature_kernels import BIGRAMS, DATE, MIDDLE_NAME, POSITIONS, SSN, STREET, WHOLE, take_apart
from linkage.spec.model import Filter, Kind

_WAYS = {
    Kind.DATE: DATE,
    Kind.STREET: STREET,
    Kind.SSN: SSN,
    Kind.MIDDLE_NAME: MIDDLE_NAME,
    Kind.SEX: WHOLE,
    Kind.SUFFIX: WHOLE,
    Kind.POSTAL_CODE: POSITIONS,
    Kind.PHONE: POSITIONS,
    Kind.CODE: POSITIONS,
}
#: A longer value is cut: no name of a person or street is.
_LONGEST = 400
_FIRST_SLOTS = 1 << 14


@dataclass(frozen=True)
class Features:
    """The features of each distinct value: value v owns ``offsets[v]:offsets[v+1]`` of ``numbers``.

    ``numbers`` index ``texts``, each *part:feature*. ``layouts[v]`` says which bytes of its features' tags, laid end to
    end, give the positions of v's bits: ``tag_bytes[layout_starts[l]:layout_starts[l+1]]``. Values with as many
    features have the same layout, so there are few.
    """

    offsets: NDArray[np.int64]
    numbers: NDArray[np.int32]
    layouts: NDArray[np.int32]
    layout_starts: NDArray[np.int64]
    tag_bytes: NDArray[np.uint16]
    texts: tuple[str, ...]


def features(kind: Kind, values: Sequence[str], size: Filter) -> Features:
    """Return the features of canonical, non-empty values of one kind for a filter of the given size."""
    longest = max(map(len, values), default=0)
    if longest > _LONGEST:
        values, longest = [value[:_LONGEST] for value in values], _LONGEST
    lengths = np.fromiter(map(len, values), dtype=np.int64, count=len(values))
    ends = np.cumsum(np.append(0, lengths))
    letters = np.frombuffer("".join(values).encode("ascii"), dtype=np.uint8)
    slots = _FIRST_SLOTS
    while True:
        offsets, numbers, counts, shapes, codes = take_apart(
            _WAYS.get(kind, BIGRAMS), letters, ends, size.set_bits, longest, slots
        )
        if len(offsets):
            layouts, starts, tag_bytes = _layouts(offsets, counts, shapes)
            return Features(offsets, numbers, layouts, starts, tag_bytes, tuple(_text(int(code)) for code in codes))
        slots *= 4


def _layouts(
    offsets: NDArray[np.int64], counts: NDArray[np.uint8], shapes: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.uint16]]:
    """Return each value's layout, and the layouts: of each feature's tag of 16 bytes the first ``counts``."""
    _, examples, layouts = np.unique(shapes, return_index=True, return_inverse=True)
    used = [
        np.concatenate([16 * i + np.arange(n, dtype=np.uint16) for i, n in enumerate(counts[first:end])])
        for first, end in zip(offsets[examples], offsets[examples + 1], strict=True)
    ]
    starts = np.cumsum([0, *map(len, used)])
    return layouts.astype(np.int32), starts, np.concatenate([np.empty(0, dtype=np.uint16), *used])


def _text(code: int) -> str:
    """Return the text of a code: a part's number in the low byte, a feature's characters above it."""
    part, feature = code & 0xFF, (code >> 8).to_bytes(7, "big").lstrip(b"\0").decode("ascii")
    return f"{part}:{feature}"


def key_parts(kind: Kind, transform: str, values: Sequence[str]) -> Sequence[str]:
    """Return what canonical values give to a pass key under ``transform``; empty where one gives nothing."""
    match kind, transform:
        case _, "phonetic":
            return [_soundex(value) for value in values]
        case _, "initial":
            return [value[0] for value in values]
        case Kind.DATE, "year":
            return [value[:4] for value in values]
        case Kind.DATE, "month_day":
            return [value[5:] for value in values]
        case Kind.STREET, "number":
            return [_first_number(value) for value in values]
        case Kind.POSTAL_CODE, "area":
            return [value[:3] for value in values]
        case Kind.SSN, "last4":
            return [value[-4:] for value in values]
        case Kind.DATE | Kind.SSN, _:
            return [value if len(value) > 4 else "" for value in values]
        case _:
            return values


def _soundex(value: str) -> str:
    letters = "".join(filter(str.isalpha, value.partition(" ")[0]))
    return jellyfish.soundex(letters) if letters else ""


def _first_number(value: str) -> str:
    first = value.partition(" ")[0]
    return first if first[0].isdigit() else next((word for word in value.split() if word[0].isdigit()), "")
