"""What looks like an identifier although the agreement does not call it one.

An agreement can list ``Notes`` as text, and the column can hold names. These checks catch that slip before the file
is sealed; they are a net under the agreement's list, not a replacement of it.

Rules:

- A header that names an identifier (FirstName, SSN, Birthdate, ...) goes only coarsened or aggregated.
- A value in a free column (text, or a code without a list) that is written like an SSN, an e-mail address, a phone
  number or a full date is refused, wherever it stands.
- A column is refused when most of its values are bare numbers of an SSN's or a phone's length, when many are written
  like people's names, or when every person has a value of their own that nobody shares: an ID under another header.
- Column and row are named, a value never.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pandas as pd
from faker.providers.person.en_US import Provider as EnglishNames
from faker.providers.person.es import Provider as SpanishNames

from linkage.governance.datasets import Element
from linkage.release.values import DistinctValues

IDENTIFIER_HEADERS = frozenset(
    """
    firstname givenname forename middlename lastname lastorsurname surname familyname fullname studentname childname
    name maidenname preferredname preferredfirstname
    ssn ssnumber socialsecurity socialsecuritynumber socialsecurityno
    birthdate dateofbirth birthday dob
    email emailaddress studentemail phone phonenumber telephone telephonenumber mobile cellphone
    address streetaddress homeaddress mailingaddress street addressstreet
    """.split()
)
_ANYWHERE = {
    "an SSN": r"(?:^|\D)(?!000|666|9\d\d)\d{3}[- ](?!00)\d{2}[- ](?!0000)\d{4}(?:\D|$)",
    "an e-mail address": r"[^\s@]+@[^\s@]+\.[A-Za-z]{2,}",
    "a phone number": r"(?:^|[^\d-])(?:\+?1[-. ])?(?:\([2-9]\d{2}\)[-. ]?|[2-9]\d{2}[-. ])[2-9]\d{2}[-. ]\d{4}(?:\D|$)",
    "a full date": r"(?:^|\D)(?:(?:19|20)\d{2}[-/.](?:0?[1-9]|1[0-2])[-/.](?:0?[1-9]|[12]\d|3[01])"
    r"|(?:0?[1-9]|[12]\d|3[01])[-/.](?:0?[1-9]|[12]\d|3[01])[-/.](?:19|20)\d{2})(?:\D|$)",
}
_BARE = {
    "SSNs without hyphens": r"(?!000|666|9)\d{3}(?!00)\d{2}(?!0000)\d{4}",
    "phone numbers without separators": r"[2-9]\d{2}[2-9]\d{6}",
}
_ORGANISATION_HEADER = re.compile(r"employer|organi[sz]ation|school|district|college|institution|agency|ein$|site")
_ORGANISATION_WORDS = (
    r"(?i)\b(?:school|elementary|middle|high|academy|college|university|district|center|centre|county|inc|llc|corp|"
    r"company|department|hospital|institute|campus)\b"
)
_GIVEN_NAMES = frozenset(
    name.upper()
    for book in (EnglishNames.first_names_female, EnglishNames.first_names_male, SpanishNames.first_names)
    for name in book
)
_SURNAMES = frozenset(name.upper() for book in (EnglishNames.last_names, SpanishNames.last_names) for name in book)
MOST = 0.5
MANY_NAMES = 0.3
FEWEST_NAMES = 20
FEWEST_PERSONS = 50
LONG_NUMBER = 7


def identifier_shapes(column: DistinctValues, element: Element, persons: np.ndarray) -> Iterator[str]:
    """Yield what makes a column look like an identifier, with the first rows that show it.

    ``persons`` numbers each row's person.
    """
    header = re.sub(r"[^a-z]", "", element.name.lower())
    if header in IDENTIFIER_HEADERS and element.use == "output":
        yield "its header names an identifier, which may leave only coarsened or in aggregates"
    if element.codes is not None or element.type in ("date", "boolean") or not len(column.values):
        return
    free = element.type in ("text", "code")
    if free:
        for what, pattern in _ANYWHERE.items():
            found = column.values.str.contains(pattern, regex=True).to_numpy(dtype=bool)
            if found.any():
                yield f"{what} is written in {column.rows_of(found)}"
    if not _ORGANISATION_HEADER.search(header):
        for what, pattern in _BARE.items():
            found = column.values.str.fullmatch(pattern).to_numpy(dtype=bool)
            if _share_of_rows(column, found) > MOST:
                yield f"most values are written like {what}: {column.rows_of(found)}"
        if _one_value_per_person(column, persons, free):
            yield "every person has a value that nobody shares: it is an ID of the person"
    if free:
        named = _written_like_names(column.values)
        if named.sum() >= FEWEST_NAMES and named.mean() > MANY_NAMES:
            yield f"many values are written like people's names: {column.rows_of(named)}"


def _share_of_rows(column: DistinctValues, chosen: np.ndarray) -> float:
    present = column.position >= 0
    return float(chosen[column.position[present]].mean()) if present.any() else 0.0


def _written_like_names(values: pd.Series) -> np.ndarray:
    """Find values of two to four words, one a common first name and another a common last name."""
    words = values.str.upper().str.replace(r"[^\w\s'-]", " ", regex=True).str.split()
    organisation = values.str.contains(_ORGANISATION_WORDS, regex=True).to_numpy(dtype=bool)
    named = [
        2 <= len(each) <= 4 and any(word in _GIVEN_NAMES for word in each) and any(word in _SURNAMES for word in each)
        for each in words
    ]
    found: np.ndarray = np.array(named, dtype=bool) & ~organisation
    return found


def _one_value_per_person(column: DistinctValues, persons: np.ndarray, free: bool) -> bool:
    """Tell whether persons and values pair off one to one (numbers: only long ones of one length)."""
    present = column.position >= 0
    people = len(np.unique(persons[present]))
    if people < FEWEST_PERSONS or people != len(np.unique(column.position[present])):
        return False
    # One number per pair: far faster to sort than rows of two.
    pairs = np.unique(persons[present].astype(np.int64) * len(column.values) + column.position[present])
    if len(pairs) != people:
        return False
    if free:
        return True
    lengths = column.values.str.len()
    return bool(lengths.nunique() == 1 and lengths.iloc[0] >= LONG_NUMBER)
