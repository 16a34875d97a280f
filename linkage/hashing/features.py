"""From a canonical value to the features that its Bloom filter holds, and to the parts of pass keys.

Rules:

- A value's features come in groups, each with a share of the filter's set bits; within a group the bits are spread
  evenly over the features. So a filter's weight does not depend on the length of the value, and a group (a house
  number, the last four digits of an SSN) keeps its say whatever stands beside it.
- Names and places: bigrams of each word, padded, so that the order of words does not matter; a bigram that occurs
  twice counts twice. Dates: digits by position, year, month and day as wholes, and month and day without their order,
  so that a swap costs less than a stranger. Numbers: digits by position.
- A key part is the empty text where the value cannot give it; then the record takes no part in that pass.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import jellyfish

from linkage.spec.model import Kind


@dataclass(frozen=True)
class Group:
    """Features that divide ``share`` of a filter's set bits evenly among them."""

    share: float
    features: tuple[str, ...]


def _bigrams(text: str) -> tuple[str, ...]:
    found: list[str] = []
    seen: Counter[str] = Counter()
    for word in text.split():
        padded = f"_{word}_"
        for i in range(len(padded) - 1):
            bigram = padded[i : i + 2]
            seen[bigram] += 1
            found.append(bigram if seen[bigram] == 1 else f"{bigram}{seen[bigram]}")
    return tuple(found)


def _by_position(text: str, label: str = "") -> tuple[str, ...]:
    return tuple(f"{label}{i}:{character}" for i, character in enumerate(text))


def _date(value: str) -> tuple[Group, ...]:
    year, _, rest = value.partition("-")
    features = _by_position(year, "y")
    if rest:
        month, day = rest.split("-")
        features += (*_by_position(month, "m"), *_by_position(day, "d"))
    return (Group(1.0, features),)


def _street(value: str) -> tuple[Group, ...]:
    numbers = [word for word in value.split() if word[0].isdigit()]
    names = " ".join(word for word in value.split() if not word[0].isdigit())
    groups = []
    if numbers:
        groups.append(
            Group(
                0.35 if names else 1.0,
                tuple(f"#{n}" for n in dict.fromkeys(numbers)) + _bigrams(" ".join(numbers)),
            )
        )
    if names:
        groups.append(Group(0.65 if numbers else 1.0, _bigrams(names)))
    return tuple(groups)


def _ssn(value: str) -> tuple[Group, ...]:
    tail = _by_position(value[-4:], "t")
    head = _by_position(value[-5::-1], "h")
    return (Group(0.5, tail), Group(0.5, head)) if head else (Group(0.5, tail),)


def _middle_name(value: str) -> tuple[Group, ...]:
    initial = Group(0.5, (f"initial:{value[0]}",))
    rest = _bigrams(value) if len(value) > 1 else ()
    return (initial, Group(0.5, rest)) if rest else (initial,)


def features(kind: Kind, value: str) -> tuple[Group, ...]:
    """Return the feature groups of a canonical, non-empty value."""
    match kind:
        case Kind.DATE:
            return _date(value)
        case Kind.STREET:
            return _street(value)
        case Kind.SSN:
            return _ssn(value)
        case Kind.MIDDLE_NAME:
            return _middle_name(value)
        case Kind.SEX | Kind.SUFFIX:
            return (Group(1.0, (value,)),)
        case Kind.POSTAL_CODE | Kind.PHONE | Kind.CODE:
            return (Group(1.0, _by_position(value)),)
        case _:
            return (Group(1.0, _bigrams(value)),)


def key_part(kind: Kind, transform: str, value: str) -> str:
    """Return what a canonical value gives to a pass key under ``transform``; empty where it gives nothing."""
    match kind, transform:
        case _, "phonetic":
            letters = "".join(c for c in value.split(" ")[0] if c.isalpha())
            return jellyfish.soundex(letters) if letters else ""
        case _, "initial":
            return value[0]
        case Kind.DATE, "year":
            return value[:4]
        case Kind.DATE, "month_day":
            return value[5:]
        case Kind.DATE, _:
            return value if len(value) > 4 else ""
        case Kind.STREET, "number":
            return next((word for word in value.split() if word[0].isdigit()), "")
        case Kind.POSTAL_CODE, "area":
            return value[:3]
        case Kind.SSN, "last4":
            return value[-4:]
        case Kind.SSN, _:
            return value if len(value) > 4 else ""
        case _:
            return value
