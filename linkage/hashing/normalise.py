"""From what agencies write to one canonical text per value.

Rules:

- Normalisation is by kind of value and needs nothing but the value, except that the order of day and month is read
  from the whole column (:func:`date_order`) and never guessed value by value.
- The result is upper-case ASCII. Missing, placeholder and unusable values become the empty text, and an empty text is
  evidence of nothing.
- A value that is merely *wrong* (a birth date in the year 2972) stays, as its digits may still be nearly right.
- Any change that alters a result raises ``NORMALISATION_VERSION`` in :mod:`linkage.spec.model`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from typing import Literal

from anyascii import anyascii

from linkage.spec.model import Kind

DateOrder = Literal["month-day", "day-month"]

#: Words that people type where they know nothing.
PLACEHOLDER_WORDS = frozenset(
    """UNKNOWN UNK UNKN NONE NULL NA NAN NIL NFN NLN NMN NMI TEST TESTING STUDENT BABY BABYBOY BABYGIRL INFANT MISSING
    REFUSED DECLINED UNAVAILABLE NOTPROVIDED NOTAVAILABLE NOTAPPLICABLE NONAME NOFIRSTNAME NOLASTNAME ANONYMOUS TBD
    XXX XXXX XXXXX""".split()
)
TITLES = frozenset(["MR", "MRS", "MS", "MISS", "MX", "DR", "PROF", "REV"])
SUFFIXES = {
    "JR": "JR", "JUNIOR": "JR", "SR": "SR", "SENIOR": "SR", "II": "II", "2ND": "II", "III": "III", "3RD": "III",
    "IV": "IV", "4TH": "IV", "V": "V",
}  # fmt: skip
#: Particles that are written now apart from the name that follows, now together with it.
PARTICLES = frozenset(
    "DE LA DEL LAS LOS DI DA DAS DOS DU LE VAN VON DER DEN TER TEN MAC MC O ST SAN SANTA EL AL BIN BEN ABU".split()
)
_STREET_WORDS = {
    "STREET": "ST", "STR": "ST", "AVENUE": "AVE", "AV": "AVE", "BOULEVARD": "BLVD", "ROAD": "RD", "DRIVE": "DR",
    "LANE": "LN", "COURT": "CT", "CRT": "CT", "CIRCLE": "CIR", "CIRCUIT": "CCT", "CRESCENT": "CRES", "PLACE": "PL",
    "TERRACE": "TER", "TCE": "TER", "PARKWAY": "PKWY", "HIGHWAY": "HWY", "SQUARE": "SQ", "TRAIL": "TRL", "CLOSE": "CL",
    "NORTH": "N", "SOUTH": "S", "EAST": "E", "WEST": "W", "NORTHEAST": "NE", "NORTHWEST": "NW", "SOUTHEAST": "SE",
    "SOUTHWEST": "SW", "APARTMENT": "APT", "SUITE": "STE", "BUILDING": "BLDG", "UNIT": "APT", "SAINT": "ST",
}  # fmt: skip
_SEXES = {
    "1": "M",
    "2": "F",
    "W": "F",
    "BOY": "M",
    "GIRL": "F",
    "WOMAN": "F",
    "MAN": "M",
    "X": "X",
    "NONBINARY": "X",
}
_PLACEHOLDER_DATES = frozenset({"1900-01-01", "1901-01-01", "1800-01-01", "9999-12-31", "1111-11-11", "9999-09-09"})

_NOT_WORD = re.compile(r"[^A-Z0-9]+")
_NOT_DIGIT = re.compile(r"[^0-9]+")
_YEAR_FIRST = re.compile(r"^(\d{4})\D(\d{1,2})\D(\d{1,2})(?:[T ].*)?$")
_YEAR_LAST = re.compile(r"^(\d{1,2})\D(\d{1,2})\D(\d{4}|\d{2})(?:[T ].*)?$")
_COMPACT = re.compile(r"^(\d{4})(\d{2})(\d{2})(?:\.0)?$")
_YEAR_ONLY = re.compile(r"^(\d{4})(?:\.0)?$")
_MONTHS = {name: i for i, name in enumerate("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split(), start=1)}
_MONTH_NAME = re.compile(r"^(?:(\d{1,2})\W*([A-Z]{3})[A-Z]*|([A-Z]{3})[A-Z]*\W*(\d{1,2}))\W+(\d{4})$")


def ascii_upper(value: str) -> str:
    """Compatibility-compose, transliterate and upper-case."""
    return anyascii(unicodedata.normalize("NFKC", value)).upper()


def words(value: str) -> list[str]:
    """Split into upper-case ASCII words; apostrophes vanish, all other punctuation separates."""
    return _NOT_WORD.sub(" ", ascii_upper(value).replace("'", "").replace("`", "")).split()


#: What people write for someone whose name they do not give: never part of a real given name standing alone.
_RELATION_WORDS = frozenset(
    """MOTHER FATHER MOM DAD DAUGHTER SON SISTER BROTHER WIFE HUSBAND SPOUSE GRANDMOTHER GRANDFATHER GRANDMA GRANDPA
    GRANDSON GRANDDAUGHTER CHILD KID TWIN TRIPLET OLDEST MIDDLE YOUNGEST ELDEST ADULT PERSON RESPONDENT RESIDENT
    OCCUPANT ROOMMATE BOYFRIEND GIRLFRIEND FRIEND LADY MALE FEMALE HIJO HIJA MADRE PADRE ESPOSO ESPOSA HERMANO HERMANA
    NINO NINA MINOR NEWBORN HOUSEHOLD HOH SELF""".split()
)


def _is_placeholder(parts: list[str]) -> bool:
    return "".join(parts) in PLACEHOLDER_WORDS or all(part in PLACEHOLDER_WORDS for part in parts)


def given_name(value: str) -> str:
    """Drop titles; words are separated by a blank."""
    parts = [part for part in words(value) if part not in TITLES]
    if _is_placeholder(parts) or all(part in _RELATION_WORDS for part in parts):
        return ""
    return " ".join(parts)


def surname(value: str) -> str:
    """Drop generation suffixes and join particles to the name that follows (DE LA CRUZ: DELACRUZ)."""
    parts = words(value)
    kept = [part for i, part in enumerate(parts) if i == 0 or part not in SUFFIXES]
    if _is_placeholder(kept):
        return ""
    joined, prefix = [], ""
    for i, part in enumerate(kept):
        if part in PARTICLES and i + 1 < len(kept):
            prefix += part
        else:
            joined.append(prefix + part)
            prefix = ""
    return " ".join(joined)


def suffix(value: str) -> str:
    """Return JR, SR, II, III, IV or V."""
    return next((SUFFIXES[part] for part in words(value) if part in SUFFIXES), "")


def sex(value: str) -> str:
    """Return F, M or X."""
    text = "".join(words(value))
    if text in _SEXES:
        return _SEXES[text]
    return {"M": "M", "F": "F", "W": "F"}.get(text[:1], "") if text not in PLACEHOLDER_WORDS else ""


def street(value: str) -> str:
    """Abbreviate the usual words as the post does; the house number stays where it is."""
    parts = [_STREET_WORDS.get(part, part) for part in words(value)]
    return "" if _is_placeholder(parts) else " ".join(parts)


def place(value: str) -> str:
    """Return the words of a place's name."""
    parts = words(value)
    return "" if _is_placeholder(parts) else " ".join(parts)


def postal_code(value: str) -> str:
    """Return five digits of a US ZIP code; other countries' codes without blanks."""
    text = "".join(words(value.removesuffix(".0")))
    if text.isdigit() and len(text) == 9:
        text = text[:5]
    return "" if not text or (len(set(text)) == 1 and text[0] in "09") else text


def phone(value: str) -> str:
    """Return digits without the country code 1; fewer than seven, or one digit repeated, is missing."""
    text = _NOT_DIGIT.sub("", value.removesuffix(".0"))
    if len(text) == 11 and text.startswith("1"):
        text = text[1:]
    return text if len(text) >= 7 and len(set(text[-7:])) > 1 else ""


def email(value: str) -> str:
    """Return an upper-case address with one @."""
    text = ascii_upper(value).strip()
    return text if text.count("@") == 1 and not text.startswith("@") else ""


def ssn(value: str) -> str:
    """Return the digits of a social security number, or its last four."""
    text = _NOT_DIGIT.sub("", value.removesuffix(".0"))
    if not 4 <= len(text) <= 9 or len(set(text)) == 1 or text in {"123456789", "987654321"}:
        return ""
    return text


def code(value: str) -> str:
    """Return letters and digits."""
    text = "".join(words(value.removesuffix(".0")))
    return "" if text in PLACEHOLDER_WORDS or set(text) <= {"0"} else text


def date_order(values: Iterable[str]) -> tuple[DateOrder, bool]:
    """Return whether day or month comes first in dates such as 05/06/1994, and whether the column proves it.

    A component above 12 cannot be a month. The larger count of proofs wins, so that a few typing errors do not turn
    a column round; with no proof at all the order is the American one, and the second result is False.
    """
    first = second = 0
    for value in values:
        match = _YEAR_LAST.match(value.strip())
        if match:
            first += int(match[1]) > 12
            second += int(match[2]) > 12
    return ("day-month" if first > second else "month-day"), first + second > 0


def date(value: str, order: DateOrder) -> str:
    """Return YYYY-MM-DD, or YYYY where only a year is known; digits that make no calendar day are kept as they are."""
    text = ascii_upper(value).strip()
    if match := _YEAR_FIRST.match(text):
        year, month, day = match.groups()
    elif match := _YEAR_LAST.match(text):
        a, b, year = match.groups()
        month, day = (b, a) if order == "day-month" else (a, b)
        if int(month) > 12 >= int(day) >= 1 and int(month) <= 31:
            month, day = day, month
    elif match := _COMPACT.match(text):
        year, month, day = match.groups()
    elif (match := _MONTH_NAME.match(text)) and (name := match[2] or match[3]) in _MONTHS:
        year, month, day = match[5], str(_MONTHS[name]), match[1] or match[4]
    elif match := _YEAR_ONLY.match(text):
        return "" if match[1] in {"0000", "1111", "9999"} else match[1]
    else:
        return ""
    if len(year) == 2:
        # A two-digit year belongs to the century that makes the person younger than a hundred.
        year = ("19" if int(year) > 30 else "20") + year
    result = f"{year}-{int(month):02}-{int(day):02}"
    return "" if result in _PLACEHOLDER_DATES or year == "0000" else result


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


def normalise(kind: Kind, values: list[str]) -> list[str]:
    """Return the canonical text of each value of one column; the empty text is missing."""
    if kind is Kind.DATE:
        order, _ = date_order(values)
        return [date(value, order) for value in values]
    function = _BY_KIND[kind]
    return [function(value) for value in values]
