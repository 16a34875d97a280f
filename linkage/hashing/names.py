"""Names of people in one canonical form.

Rules:

- Titles and generation suffixes are no part of a name; a suffix has an identifier of its own.
- Particles are joined to the name that follows (DE LA CRUZ: DELACRUZ), because they are written now apart, now
  together. Hyphenated and two-part names are two words: features do not depend on the order of words.
- A word that says who someone is in the household (MOTHER, BABY BOY) is no given name where it stands alone.
"""

from __future__ import annotations

from linkage.hashing.text import is_placeholder, words

TITLES = frozenset("MR MRS MS MISS MX DR PROF REV HON".split())
SUFFIXES = {
    "JR": "JR", "JUNIOR": "JR", "JNR": "JR", "SR": "SR", "SENIOR": "SR", "SNR": "SR", "II": "II", "2ND": "II",
    "III": "III", "3RD": "III", "IV": "IV", "4TH": "IV", "V": "V",
}  # fmt: skip
#: Suffixes that are never a name or an initial, so that they may stand at the end of a given name.
_SURE_SUFFIXES = frozenset({"JR", "JNR", "SR", "SNR", "II", "III", "IV", "2ND", "3RD", "4TH"})
#: Particles that are written now apart from the name that follows, now together with it.
PARTICLES = frozenset(
    """DE LA DEL DELA DELAS DELOS DELLA LAS LOS DI DA DAS DOS DU LE VAN VANDER VANDEN VON DER DEN TER TEN MAC MC O ST
    SAN SANTA EL AL BIN BEN ABU""".split()
)
#: What people write for someone whose name they do not give: never part of a real given name standing alone.
_RELATION_WORDS = frozenset(
    """MOTHER FATHER MOM DAD DAUGHTER SON SISTER BROTHER WIFE HUSBAND SPOUSE GRANDMOTHER GRANDFATHER GRANDMA GRANDPA
    GRANDSON GRANDDAUGHTER CHILD KID TWIN TRIPLET OLDEST MIDDLE YOUNGEST ELDEST ADULT PERSON RESPONDENT RESIDENT
    OCCUPANT ROOMMATE BOYFRIEND GIRLFRIEND FRIEND LADY MALE FEMALE HIJO HIJA MADRE PADRE ESPOSO ESPOSA HERMANO HERMANA
    MINOR NEWBORN HOUSEHOLD HOH SELF BOY GIRL""".split()
)


def is_no_name(parts: list[str]) -> bool:
    """Whether words stand for a given name that is not known."""
    if is_placeholder(parts):
        return True
    # TWIN B, BABY GIRL 2: what tells them apart is no name either.
    telling = [part for part in parts if len(part) > 1 and not part.isdigit()]
    return bool(telling) and all(part in _RELATION_WORDS or part == "BABY" for part in telling)


def given_name(value: str) -> str:
    """Drop titles, and a suffix at the end; words are separated by a blank."""
    parts = [part for part in words(value) if part not in TITLES]
    while len(parts) > 1 and parts[-1] in _SURE_SUFFIXES:
        parts.pop()
    return "" if is_no_name(parts) else " ".join(parts)


def surname(value: str) -> str:
    """Drop generation suffixes and join particles to the name that follows (DE LA CRUZ: DELACRUZ)."""
    parts = ["ST" if part == "SAINT" else part for part in words(value)]
    kept = [part for i, part in enumerate(parts) if i == 0 or part not in SUFFIXES]
    if is_placeholder(kept):
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
