"""Numbers that name people and places: social security numbers, ZIP codes, telephones.

Rules:

- Spreadsheets drop leading zeros: what is too short by them is padded, so that both spellings are one value.
- A number that was never issued (SSA: area 000, 666 or 900-999, group 00, serial 0000) is missing, and so are numbers
  that were printed in advertisements. Individual taxpayer numbers (IRS: 9xx with group 50-65, 70-88, 90-92, 94-99) are
  a person's and stay. A number of fewer than nine digits is another system's and is not held to these rules.
"""

from __future__ import annotations

from linkage.hashing.text import NOT_DIGIT, is_placeholder, words

#: Printed in wallets and pamphlets, or typed by the bored.
_KNOWN_FALSE = frozenset({"078051120", "219099999", "123456789", "987654321", "012345678", "111223333", "123121234"})
_ADVERTISED = range(987654320, 987654330)
_TAXPAYER_GROUPS = frozenset([*range(50, 66), *range(70, 89), *range(90, 93), *range(94, 100)])
_FALSE_LAST_FOUR = frozenset({"0000", "9999"})


def _digits(value: str) -> str:
    if value.isascii() and value.isdigit():
        return value
    return NOT_DIGIT.sub("", value.removesuffix(".0"))


def is_issued(number: str) -> bool:
    """Whether nine digits can be a social security or taxpayer number."""
    area, group, serial = number[:3], int(number[3:5]), number[5:]
    if len(set(number)) == 1 or number in _KNOWN_FALSE or int(number) in _ADVERTISED:
        return False
    if area in {"000", "666"} or serial == "0000" or group == 0:
        return False
    return area[0] != "9" or group in _TAXPAYER_GROUPS


def ssn(value: str) -> str:
    """Return the digits of a social security number, or its last four; empty where it cannot be one."""
    text = _digits(value)
    if len(text) in {3, 4}:
        text = text.zfill(4)
        return "" if text in _FALSE_LAST_FOUR else text
    if len(text) == 9:
        return text if is_issued(text) else ""
    if not 5 <= len(text) <= 8 or len(set(text)) == 1:
        return ""
    # Eight digits are nine without their zero; seven are as likely another system's number.
    padded = text.zfill(9)
    return padded if len(text) == 8 and is_issued(padded) else text


def postal_code(value: str) -> str:
    """Return five digits of a US ZIP code; other countries' codes without blanks."""
    parts = words(value.removesuffix(".0"))
    if is_placeholder(parts):
        return ""
    text = "".join(parts)
    if text.isdigit():
        text = text.zfill(9)[:5] if len(text) in {8, 9} else text.zfill(5) if len(text) > 2 else ""
    return "" if not text or (len(set(text)) == 1 and text[0] in "09") else text


def phone(value: str) -> str:
    """Return digits without country code 1 and extension; fewer than seven, or one digit repeated, is missing."""
    text = value if value.isdigit() and value.isascii() else _digits(value.upper().split("X")[0])
    if len(text) == 11 and text.startswith("1"):
        text = text[1:]
    return text if len(text) >= 7 and text[-7:] != 7 * text[-1] and text[-10:] != "1234567890" else ""
