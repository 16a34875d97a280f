"""What a feature's values must be, and what of them is hashed.

Rules:

- A value is judged once, however many records have it. Every bad value is found; none is ever shown.
- A missing value (the schema's sentinel) is not judged; its replacement is hashed as it stands.
- Integers are hashed without blanks, plus sign or leading zeros; dates as YYYYMMDD; text as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

from linkage.hashing.clk.schema import DateFormat, EnumFormat, Feature, IntegerFormat, NumericComparison, TextFormat


class BadValue(ValueError):  # noqa: N818 - an answer about one value, turned into a problem by the caller
    """A value is not what the schema says; the message says what was expected."""


def formatter(feature: Feature) -> Callable[[str], str]:
    """Return a function that judges a value and returns what is hashed; it raises BadValue."""
    assert feature.format is not None
    assert feature.hashing is not None
    judge = _judge(feature.format)
    encoding, missing = feature.encoding, feature.hashing.missingValue
    comparison = feature.hashing.comparison

    def format_value(value: str) -> str:
        ready = missing.replacement if missing is not None and value == missing.sentinel else judge(value)
        try:
            ready.encode(encoding)
        except UnicodeEncodeError:
            raise BadValue(f"text that {encoding} can write") from None
        if isinstance(comparison, NumericComparison) and ready:
            neighbourhood(ready, comparison)
        return ready

    return format_value


def takes_any_text(feature: Feature) -> bool:
    """Whether every text that can be written in UTF-8 is valid and hashed as it stands."""
    assert feature.hashing is not None
    return (
        isinstance(feature.format, TextFormat)
        and feature.format == TextFormat(type="string", description=feature.format.description)
        and feature.hashing.missingValue is None
        and not isinstance(feature.hashing.comparison, NumericComparison)
    )


def neighbourhood(value: str, comparison: NumericComparison) -> list[str]:
    """Return a number's tokens: its neighbours on a grid, as whole numbers. Raises BadValue."""
    precision, resolution, interval = comparison.fractional_precision, comparison.resolution, comparison.interval
    try:
        try:
            number = int(value, base=10)
            if precision > 0:
                number *= pow(10, precision)
        except ValueError:
            approximate = float(value)
            number = round(approximate * pow(10, precision)) if precision > 0 else int(approximate)
    except (ValueError, OverflowError):
        raise BadValue("a number") from None
    number *= 2 * resolution
    residue = number % interval
    if residue and residue < interval / 2:
        number -= residue
    elif residue:
        number += interval - residue
    return [str(number + step * interval) for step in range(-resolution, resolution + 1)]


def _judge(wanted: TextFormat | IntegerFormat | DateFormat | EnumFormat) -> Callable[[str], str]:
    if isinstance(wanted, IntegerFormat):
        return lambda value: _integer(value, wanted)
    if isinstance(wanted, DateFormat):
        return lambda value: _date(value, wanted.format)
    if isinstance(wanted, EnumFormat):
        allowed = frozenset(wanted.values)
        return lambda value: _one_of(value, allowed)
    if wanted.pattern is not None:
        pattern = re.compile(wanted.pattern)
        return lambda value: _matching(value, pattern)
    return lambda value: _text(value, wanted)


def _integer(value: str, wanted: IntegerFormat) -> str:
    try:
        number = int(value, base=10)
    except ValueError:
        raise BadValue("a whole number") from None
    if wanted.minimum is not None and number < wanted.minimum:
        raise BadValue(f"a number of at least {wanted.minimum}")
    if wanted.maximum is not None and number > wanted.maximum:
        raise BadValue(f"a number of at most {wanted.maximum}")
    return str(number)


def _date(value: str, layout: str) -> str:
    try:
        return datetime.strptime(value, layout).strftime("%Y%m%d")
    except ValueError:
        raise BadValue(f"a date written {layout}") from None


def _one_of(value: str, allowed: frozenset[str]) -> str:
    if value not in allowed:
        raise BadValue(f"one of the schema's {len(allowed)} values")
    return value


def _matching(value: str, pattern: re.Pattern[str]) -> str:
    if pattern.fullmatch(value) is None:
        raise BadValue("text of the schema's pattern")
    return value


def _text(value: str, wanted: TextFormat) -> str:
    if wanted.minLength is not None and len(value) < wanted.minLength:
        raise BadValue(f"at least {wanted.minLength} characters")
    if wanted.maxLength is not None and len(value) > wanted.maxLength:
        raise BadValue(f"at most {wanted.maxLength} characters")
    if wanted.case == "upper" and value.upper() != value:
        raise BadValue("upper case")
    if wanted.case == "lower" and value.lower() != value:
        raise BadValue("lower case")
    return value
