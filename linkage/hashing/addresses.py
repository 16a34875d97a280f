"""US street addresses in one canonical form, after Postal Service Publication 28.

Rules:

- Street types, directions and units are abbreviated as the post does; ordinals are written with a digit.
- The parts stay where they are: house number, street, unit. ``#`` is a unit; every way to write a post office box is
  ``PO BOX``.
"""

from __future__ import annotations

import re

from linkage.hashing.text import is_placeholder, words

_ABBREVIATIONS = {
    "ALLEY": "ALY", "AV": "AVE", "AVEN": "AVE", "AVENUE": "AVE", "BEND": "BND", "BLUFF": "BLF", "BOUL": "BLVD",
    "BOULEVARD": "BLVD", "BRANCH": "BR", "BRIDGE": "BRG", "BROOK": "BRK", "BYPASS": "BYP", "CAUSEWAY": "CSWY",
    "CENTER": "CTR", "CENTRE": "CTR", "CIRCLE": "CIR", "CIRCUIT": "CCT", "CLOSE": "CL", "COMMON": "CMN",
    "CORNER": "COR", "COURT": "CT", "COVE": "CV", "CREEK": "CRK", "CRESCENT": "CRES", "CROSSING": "XING", "CRT": "CT",
    "DALE": "DL", "DRIVE": "DR", "DRV": "DR", "ESTATE": "EST", "ESTATES": "ESTS", "EXPRESSWAY": "EXPY",
    "EXTENSION": "EXT", "FERRY": "FRY", "FIELD": "FLD", "FIELDS": "FLDS", "FOREST": "FRST", "FORK": "FRK",
    "FREEWAY": "FWY", "GARDEN": "GDN", "GARDENS": "GDNS", "GATEWAY": "GTWY", "GLEN": "GLN", "GREEN": "GRN",
    "GROVE": "GRV", "HARBOR": "HBR", "HAVEN": "HVN", "HEIGHTS": "HTS", "HIGHWAY": "HWY", "HILL": "HL", "HILLS": "HLS",
    "HOLLOW": "HOLW", "ISLAND": "IS", "JUNCTION": "JCT", "KNOLL": "KNL", "LAKE": "LK", "LANDING": "LNDG", "LANE": "LN",
    "LODGE": "LDG", "MANOR": "MNR", "MEADOW": "MDW", "MEADOWS": "MDWS", "MILL": "ML", "MISSION": "MSN",
    "MOUNT": "MT", "MOUNTAIN": "MTN", "ORCHARD": "ORCH", "PARKWAY": "PKWY", "PKY": "PKWY", "PLACE": "PL",
    "PLAIN": "PLN", "PLAINS": "PLNS", "PLAZA": "PLZ", "POINT": "PT", "RIDGE": "RDG", "RIVER": "RIV", "ROAD": "RD",
    "ROUTE": "RTE", "SAINT": "ST", "SHORE": "SHR", "SPRING": "SPG", "SPRINGS": "SPGS", "SQUARE": "SQ",
    "STATION": "STA", "STR": "ST", "STREET": "ST", "STRT": "ST", "SUMMIT": "SMT", "TCE": "TER", "TERR": "TER",
    "TERRACE": "TER", "TRACE": "TRCE", "TRAIL": "TRL", "TURNPIKE": "TPKE", "VALLEY": "VLY", "VIEW": "VW",
    "VILLAGE": "VLG", "VISTA": "VIS",
    "NORTH": "N", "SOUTH": "S", "EAST": "E", "WEST": "W", "NORTHEAST": "NE", "NORTHWEST": "NW", "SOUTHEAST": "SE",
    "SOUTHWEST": "SW",
    "APARTMENT": "APT", "APPT": "APT", "BUILDING": "BLDG", "DEPARTMENT": "DEPT", "FLOOR": "FL", "LOT": "LOT",
    "ROOM": "RM", "SPACE": "SPC", "SUITE": "STE", "TRAILER": "TRLR", "UNIT": "APT",
    "FIRST": "1ST", "SECOND": "2ND", "THIRD": "3RD", "FOURTH": "4TH", "FIFTH": "5TH", "SIXTH": "6TH",
    "SEVENTH": "7TH", "EIGHTH": "8TH", "NINTH": "9TH", "TENTH": "10TH",
}  # fmt: skip
_UNIT_SIGN = re.compile(r"(?<=\S)\s*#\s*")
_BOX = re.compile(r"^(?:P ?O|POST OFFICE|POSTAL) ?(?:BOX|BX|B)(?= |\d)|^(?:POB|PO)(?= \d|\d)")


def street(value: str) -> str:
    """Abbreviate as the post does; the house number stays where it is."""
    parts = words(_UNIT_SIGN.sub(" APT ", value) if "#" in value else value)
    if is_placeholder(parts):
        return ""
    if parts[0].startswith("P"):
        parts = _BOX.sub("PO BOX ", " ".join(parts)).split()
    found = [_ABBREVIATIONS.get(part, part) for part in parts]
    if "APT" in found:
        # APT # 4 and UNIT # 4 name the unit once.
        found = [part for i, part in enumerate(found) if part != "APT" or found[i - 1 : i] not in (["APT"], ["STE"])]
    return " ".join(found)


def place(value: str) -> str:
    """Return the words of a place's name, its saints, forts and mounts abbreviated."""
    parts = words(value)
    if is_placeholder(parts):
        return ""
    return " ".join({"SAINT": "ST", "FORT": "FT", "MOUNT": "MT"}.get(part, part) for part in parts)
