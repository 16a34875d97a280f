"""Percentages that do not give their counts away: the fewer persons, the wider the band.

The bands are those of the U.S. Department of Education's public EDFacts files; below 16 persons there is only
"below half" and "half or more".
"""

from __future__ import annotations


def banded(share: float, persons: float) -> str:
    """Return a share of ``persons`` as the band that their number allows."""
    percent = int(share * 100 + 0.5)
    if persons <= 15:
        return "<50%" if share < 0.5 else ">=50%"
    if persons > 300:
        return _ends(percent, 1) or f"{percent}%"
    if persons > 60:
        return _ends(percent, 5) or _band(percent, 5)
    if persons > 30:
        return _ends(percent, 10) or _band(percent, 10)
    return _ends(percent, 20) or _band(percent, 20)


def _ends(percent: int, edge: int) -> str | None:
    if percent <= edge:
        return f"<={edge}%"
    return f">={100 - edge}%" if percent >= 100 - edge else None


def _band(percent: int, width: int) -> str:
    low = percent // width * width
    first = low + 1 if low == width else low
    return f"{first}-{low + width - 1}%"
