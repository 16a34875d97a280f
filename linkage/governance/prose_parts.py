"""What prose is made of: sections, tables, dates and lists in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class Grid:
    """A table of a section."""

    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Section:
    """A numbered section: paragraphs, then tables. ``source`` is the YAML section that it renders."""

    title: str
    source: str
    paragraphs: tuple[str, ...]
    tables: tuple[Grid, ...] = ()


@dataclass(frozen=True)
class DefinedMeasure:
    """A measure that an agreement names by its ID, as its definition reads; whoever renders passes these in."""

    title: str
    authority: str
    counted: str
    met: str


def day(value: date) -> str:
    """Write a date as people do, the same on every machine."""
    months = "January February March April May June July August September October November December".split()
    return f"{months[value.month - 1]} {value.day}, {value.year}"


def listed(names: Sequence[str]) -> str:
    """Write names as a sentence does: a, b and c."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
