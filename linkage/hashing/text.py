"""Text as the other rules of normalisation see it: upper-case ASCII words.

Rules:

- Compatibility composition (NFKC), transliteration to ASCII, upper case; apostrophes vanish, all other punctuation
  separates words.
- What people type where they know nothing is a placeholder, and a placeholder is a missing value.
"""

from __future__ import annotations

import re
import string
import unicodedata

from anyascii import anyascii

#: Words that people type where they know nothing.
PLACEHOLDER_WORDS = frozenset(
    """UNKNOWN UNK UNKN UKNOWN UNKOWN NONE NULL NA NAN NIL NFN NLN NMN NMI FNU LNU TEST TESTING STUDENT DUMMY
    BABY BABYBOY BABYGIRL INFANT MISSING REFUSED DECLINED UNAVAILABLE NOTPROVIDED NOTAVAILABLE NOTAPPLICABLE NOTKNOWN
    NOTGIVEN NOTSTATED NOTREPORTED UNSPECIFIED UNNAMED NONAME NOFIRSTNAME NOLASTNAME NOMIDDLENAME NOADDRESS NOPHONE
    NOEMAIL NOSSN ANONYMOUS TBD TBA DELETED DONOTUSE XX XXX XXXX XXXXX ZZZ ZZZZ
    ASDF QWERTY""".split()
)

_WORD = (string.ascii_uppercase + string.digits).encode()
#: For bytes.translate: what is no letter or digit of a word separates words.
_SEPARATED = bytes(byte if byte in _WORD else ord(" ") for byte in range(256))
_VANISH = b"'`"
NOT_DIGIT = re.compile(r"[^0-9]+")


def ascii_upper(value: str) -> str:
    """Compatibility-compose, transliterate and upper-case."""
    return value.upper() if value.isascii() else anyascii(unicodedata.normalize("NFKC", value)).upper()


def words(value: str) -> list[str]:
    """Split into upper-case ASCII words; apostrophes vanish, all other punctuation separates."""
    return ascii_upper(value).encode().translate(_SEPARATED, _VANISH).decode().split()


def is_placeholder(parts: list[str]) -> bool:
    """Whether words say that nothing is known: all of them do, or they do together (NOT PROVIDED)."""
    if parts and parts[0][0].isdigit():
        return False
    return "".join(parts) in PLACEHOLDER_WORDS or PLACEHOLDER_WORDS.issuperset(parts)
