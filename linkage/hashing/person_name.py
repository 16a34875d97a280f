"""One column with a whole name, split into its parts.

Rules:

- With a comma: ``LAST [SUFFIX], FIRST [MIDDLE ...] [SUFFIX]``. Without: ``FIRST [MIDDLE ...] LAST [SUFFIX]``, where
  particles (``de la``, ``van der``) belong to the last name.
- Titles and what stands in brackets or double quotes (a nickname) are left out.
- A single word is a last name. A split can be wrong (two last names without a comma); the linkage tolerates swapped
  names, and an agency that keeps the parts apart should map those instead.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from linkage.hashing.names import PARTICLES, SUFFIXES, TITLES
from linkage.hashing.text import words
from linkage.spec.model import Kind

_ASIDE = re.compile(r"\([^)]*\)|\"[^\"]*\"|“[^”]*”")
#: Suffixes that are hardly ever a name or an initial; a lone V is more often an initial.
_SURE_SUFFIXES = frozenset(SUFFIXES) - {"V"}


@dataclass(frozen=True)
class PersonName:
    """The parts of a name, as written; empty where there is none."""

    given: str
    middle: str
    surname: str
    suffix: str

    def part(self, kind: Kind) -> str:
        """Return the part that an identifier of ``kind`` holds."""
        match kind:
            case Kind.GIVEN_NAME:
                return self.given
            case Kind.MIDDLE_NAME:
                return self.middle
            case Kind.SUFFIX:
                return self.suffix
            case _:
                return self.surname


def _is(word: str, known: frozenset[str]) -> bool:
    return "".join(words(word)) in known


def _without_suffix(found: list[str]) -> tuple[list[str], str]:
    """Take generation suffixes off the end, leaving at least one word."""
    suffix = ""
    while len(found) > 1 and _is(found[-1], _SURE_SUFFIXES if len(found) > 2 or suffix else frozenset({"JR", "SR"})):
        suffix = found[-1]
        found = found[:-1]
    return found, suffix


def surname_suffix(value: str) -> str:
    """Return the generation suffix at the end of a surname, as written."""
    found = value.replace(",", " ").split()
    return found[-1] if len(found) > 1 and _is(found[-1], _SURE_SUFFIXES) else ""


def split_name(value: str) -> PersonName:
    """Split a whole name."""
    groups = [[word for word in group.split() if not _is(word, TITLES)] for group in _ASIDE.sub(" ", value).split(",")]
    suffix = ""
    kept: list[list[str]] = []
    for group in groups:
        if group and kept and all(_is(word, _SURE_SUFFIXES) for word in group):
            suffix = suffix or group[0]
        elif group:
            kept.append(group)
    if not kept:
        return PersonName("", "", "", suffix)
    if len(kept) == 1:
        first, own = _without_suffix(kept[0])
        if len(first) == 1:
            return PersonName("", "", first[0], own or suffix)
        start = len(first) - 1
        while start > 1 and _is(first[start - 1], PARTICLES):
            start -= 1
        return PersonName(first[0], " ".join(first[1:start]), " ".join(first[start:]), own or suffix)
    surname = kept[0]
    if len(surname) > 1 and _is(surname[-1], _SURE_SUFFIXES):
        surname, suffix = surname[:-1], suffix or surname[-1]
    given = [word for group in kept[1:] for word in group]
    if len(given) > 1 and _is(given[-1], _SURE_SUFFIXES):
        given, suffix = given[:-1], suffix or given[-1]
    return PersonName(given[0], " ".join(given[1:]), " ".join(surname), suffix)
