"""How a text or a number goes wrong under a hand: keys, eyes, ears.

Rules:

- Every function returns something else than it was given, so that the rate of errors is the rate that was set.
- The kinds follow Christen and Vatsalan (2013): slips on the keyboard, characters misread by a scanner or a reader,
  and words written as they are heard.
- All chance comes from numbers passed in, three to a text, each uniform in [0, 1).
"""

from __future__ import annotations

import numpy as np

from linkage.simulation.arrays import Flags, Ints, Texts

_NEIGHBOURS = {
    "a": "qwsz", "b": "vghn", "c": "xdfv", "d": "serfcx", "e": "wsdr", "f": "drtgvc", "g": "ftyhbv", "h": "gyujnb",
    "i": "ujko", "j": "huikmn", "k": "jiolm", "l": "kop", "m": "njk", "n": "bhjm", "o": "iklp", "p": "ol", "q": "wa",
    "r": "edft", "s": "awedxz", "t": "rfgy", "u": "yhji", "v": "cfgb", "w": "qase", "x": "zsdc", "y": "tghu",
    "z": "asx",
}  # fmt: skip
_MISREAD = (
    ("rn", "m"), ("m", "rn"), ("cl", "d"), ("d", "cl"), ("vv", "w"), ("w", "vv"), ("li", "h"), ("h", "li"), ("l", "i"),
    ("i", "l"), ("e", "c"), ("c", "e"), ("u", "v"), ("v", "u"), ("g", "q"), ("n", "ri"), ("o", "a"), ("a", "o"),
    ("0", "O"), ("1", "l"), ("5", "S"), ("8", "B"),
)  # fmt: skip
_HEARD = (
    ("ph", "f"), ("f", "ph"), ("ck", "k"), ("k", "ck"), ("c", "k"), ("ie", "y"), ("y", "ie"), ("ee", "ea"),
    ("ea", "ee"),
    ("ll", "l"), ("nn", "n"), ("tt", "t"), ("ss", "s"), ("rr", "r"), ("s", "z"), ("z", "s"), ("j", "g"), ("g", "j"),
    ("er", "ur"), ("on", "en"), ("an", "en"), ("e", "a"), ("th", "t"), ("h", ""), ("w", "wh"), ("o", "ou"),
)  # fmt: skip


def mistyped(text: str, which: float, where: float, what: float) -> str:
    """Return ``text`` with one error: a slip of the keyboard (half), a misreading or a mishearing (a quarter each)."""
    if which >= 0.75:
        return _replaced(text, _HEARD, where) or _slip(text, which, where, what)
    if which >= 0.5:
        return _replaced(text, _MISREAD, where) or _slip(text, which, where, what)
    return _slip(text, which * 2, where, what)


def _replaced(text: str, table: tuple[tuple[str, str], ...], where: float) -> str:
    """Replace one occurrence of one entry that the text holds; the empty text if it holds none."""
    lower = text.lower()
    found = [(at, old, new) for old, new in table if (at := lower.find(old, 1)) > 0]
    if not found:
        return ""
    at, old, new = found[int(where * len(found))]
    return text[:at] + new + text[at + len(old) :]


def _slip(text: str, which: float, where: float, what: float) -> str:
    """Replace, drop, double or transpose one character, seldom the first."""
    at = min(len(text) - 1, 1 + int(where * max(len(text) - 1, 1))) if which < 0.95 else 0
    letter = text[at]
    if which < 0.25 and len(text) > 2:
        return text[:at] + text[at + 1 :]
    if which < 0.45:
        return text[:at] + letter.lower() + text[at:]
    if which < 0.65 and at + 1 < len(text) and text[at + 1].lower() != letter.lower():
        return text[:at] + text[at + 1] + letter + text[at + 2 :]
    if letter.isdigit():
        return text[:at] + str((int(letter) + 1 + int(what * 9)) % 10) + text[at + 1 :]
    near = _NEIGHBOURS.get(letter.lower(), "aeiou".replace(letter.lower(), ""))
    other = near[int(what * len(near))]
    return text[:at] + (other.upper() if letter.isupper() else other) + text[at + 1 :]


def mistype(values: Texts, hit: Flags, rng: np.random.Generator) -> None:
    """Put one error into each text that is hit, in place."""
    positions = np.flatnonzero(hit)
    chance = rng.random((len(positions), 3)).tolist()
    for position, (which, where, what) in zip(positions.tolist(), chance, strict=True):
        values[position] = mistyped(values[position], which, where, what)


def miskey(numbers: Ints, hit: Flags, digits: int, rng: np.random.Generator) -> Ints:
    """Return whole numbers of ``digits`` digits with one digit wrong, or two neighbours transposed, where hit."""
    result = numbers.copy()
    chosen = result[hit]
    place = 10 ** rng.integers(0, digits - 1, size=len(chosen))
    low, high = chosen // place % 10, chosen // (place * 10) % 10
    transposed = chosen + (low - high) * place * 10 + (high - low) * place
    replaced = chosen + ((low + rng.integers(1, 10, size=len(chosen))) % 10 - low) * place
    result[hit] = np.where((low != high) & (high * low > 0) & (rng.random(len(chosen)) < 0.4), transposed, replaced)
    return result


def miswrite_dates(days: Ints, hit: Flags, rng: np.random.Generator) -> Ints:
    """Return dates with the day, month or year a little wrong where hit; still dates of the calendar."""
    result = days.copy()
    date = days[hit].astype("datetime64[D]")
    month = date.astype("datetime64[M]")
    year = date.astype("datetime64[Y]")
    day = (date - month).astype(np.int64)
    within_year = (month - year.astype("datetime64[M]")).astype(np.int64)
    part = rng.choice(3, size=len(date), p=[0.5, 0.25, 0.25])
    late, early = (rng.choice(steps, size=len(date)) for steps in ([-10, -1, 1], [1, 2, 10]))
    other_day = (day + np.where(day >= 10, late, early)) % 28
    other_month = (within_year + rng.integers(1, 12, size=len(date))) % 12
    other_year = year.astype(np.int64) + rng.choice([-10, -1, 1], size=len(date))
    day = np.where(part == 0, np.where(other_day == day, (day + 1) % 28, other_day), np.minimum(day, 27))
    within_year = np.where(part == 1, other_month, within_year)
    years = np.where(part == 2, other_year, year.astype(np.int64))
    months = (years * 12 + within_year).astype("datetime64[M]")
    result[hit] = months.astype("datetime64[D]").astype(np.int64) + day
    return result


def can_swap_day_and_month(days: Ints) -> Flags:
    """Tell which dates remain dates, and other ones, with day and month swapped."""
    day, month = _day_and_month(days)
    result: Flags = (day <= 12) & (day != month)
    return result


def swap_day_and_month(days: Ints, hit: Flags) -> Ints:
    """Return dates with day and month swapped where hit; see :func:`can_swap_day_and_month`."""
    result = days.copy()
    day, month = _day_and_month(days[hit])
    year = days[hit].astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64)
    first = (year * 12 + day - 1).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    result[hit] = first + month - 1
    return result


def _day_and_month(days: Ints) -> tuple[Ints, Ints]:
    date = days.astype("datetime64[D]")
    month = date.astype("datetime64[M]")
    return (date - month).astype(np.int64) + 1, month.astype(np.int64) % 12 + 1
