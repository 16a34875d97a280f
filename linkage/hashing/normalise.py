"""From what agencies write to one canonical text per value; docs/normalisation.md is the specification.

Rules:

- Normalisation is by kind of value and needs nothing but the value, except that the order of day and month is read
  from the whole column (:func:`linkage.hashing.dates.date_order`).
- The result is upper-case ASCII. Missing, placeholder and unusable values become the empty text, and an empty text is
  evidence of nothing.
- What is normalised stays as it is when it is normalised again.
- Any change that alters a result raises ``NORMALISATION_VERSION`` in :mod:`linkage.spec.model`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from linkage.hashing.addresses import place, street
from linkage.hashing.dates import as_written, date, date_order, is_placeholder_date
from linkage.hashing.names import given_name, is_no_name, suffix, surname
from linkage.hashing.numbers import phone, postal_code, ssn
from linkage.hashing.text import NOT_DIGIT, PLACEHOLDER_WORDS, ascii_upper, is_placeholder, words
from linkage.spec.model import Kind

_SEXES = {
    "1": "M", "2": "F", "M": "M", "F": "F", "W": "F", "MALE": "M", "FEMALE": "F", "BOY": "M", "GIRL": "F", "MAN": "M",
    "WOMAN": "F", "X": "X", "NB": "X", "NONBINARY": "X",
}  # fmt: skip
_NUMBERS = frozenset({Kind.SSN, Kind.PHONE, Kind.POSTAL_CODE, Kind.CODE})


def sex(value: str) -> str:
    """Return F, M or X."""
    text = "".join(words(value.removesuffix(".0")))
    if text in _SEXES:
        return _SEXES[text]
    return {"M": "M", "F": "F", "W": "F"}.get(text[:1], "") if text not in PLACEHOLDER_WORDS else ""


def email(value: str) -> str:
    """Return an upper-case address with one @ and a domain."""
    text = ascii_upper(value).strip().removeprefix("MAILTO:")
    user, _, domain = text.partition("@")
    sound = user and "." in domain.strip(".") and "@" not in domain and not any(c.isspace() for c in text)
    return text if sound and user not in PLACEHOLDER_WORDS else ""


def code(value: str) -> str:
    """Return letters and digits."""
    text = "".join(words(value.removesuffix(".0")))
    return "" if text in PLACEHOLDER_WORDS or set(text) <= {"0"} or (len(text) > 4 and set(text) == {"9"}) else text


_BY_KIND: dict[Kind, Callable[[str], str]] = {
    Kind.GIVEN_NAME: given_name,
    Kind.MIDDLE_NAME: given_name,
    Kind.SURNAME: surname,
    Kind.SUFFIX: suffix,
    Kind.SEX: sex,
    Kind.STREET: street,
    Kind.PLACE: place,
    Kind.POSTAL_CODE: postal_code,
    Kind.PHONE: phone,
    Kind.EMAIL: email,
    Kind.SSN: ssn,
    Kind.CODE: code,
}


def normalise(kind: Kind, values: Sequence[str]) -> list[str]:
    """Return the canonical text of each value of one column; the empty text is missing."""
    if kind is Kind.DATE:
        order, _ = date_order(values)
        return [date(value, order) for value in values]
    function = _BY_KIND[kind]
    return [function(value) for value in values]


def says_nothing(kind: Kind, value: str) -> bool:
    """Whether an unusable value is a placeholder (UNKNOWN, 000-00-0000, 1900-01-01), and not a mistake."""
    parts = words(value)
    if is_placeholder(parts):
        return True
    if kind is Kind.DATE:
        return is_placeholder_date(as_written(value, "month-day"))
    if kind in _NUMBERS:
        digits = NOT_DIGIT.sub("", value)
        runs = digits and (digits in "01234567890123456789" or digits in "9876543210")
        return bool(digits) and (len(set(digits)) == 1 or bool(runs))
    return kind in {Kind.GIVEN_NAME, Kind.MIDDLE_NAME} and is_no_name(parts)
