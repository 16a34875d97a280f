"""What someone meant who misspelt a name."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name most like ``name``, whatever its case; None where none is like it."""
    folded = {each.casefold(): each for each in known}
    found = get_close_matches(name.casefold(), folded, n=1, cutoff=0.7)
    return folded[found[0]] if found else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Word the nearest name as the end of a sentence; the empty text where there is none."""
    found = nearest(name, known)
    return f"; did you mean {found}?" if found is not None else ""
