"""CEDS technical names: those that agreements of this kind use, and what an element of that name may be.

Rules:

- ``ceds: GradeLevel`` is checked: a name that is not in the table is refused with the nearest that is, an element's
  type must be one that the standard's element can have, and what CEDS calls an identifier never leaves as it is,
  whatever its column is called.
- The table is small and the standard has far more elements: any other is named by its global ID (``ceds: P000245``),
  which is carried and not checked.

Names and IDs are those of CEDS 13 and 14 (Common Education Data Standards, U.S. Department of Education;
github.com/CEDStandards/CEDS-Ontology, Apache License 2.0). No definition or option set is copied.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final, Literal

Kind = Literal["identifier", "date", "code", "number", "year", "period", "value"]
_TYPES: Final[dict[Kind, tuple[str, ...]]] = {
    "identifier": ("text", "code", "integer", "date"),
    "date": ("date", "integer", "code"),  # an agency may hold a year or a term only
    "code": ("code", "text", "integer", "boolean"),
    "number": ("number", "integer"),
    "year": ("integer", "code"),
    "period": ("date", "code", "text"),
    "value": ("number", "integer", "code", "text"),
}
GLOBAL_ID: Final = re.compile(r"[PC]\d{6}")


@dataclass(frozen=True)
class CedsElement:
    """One element of the standard."""

    name: str
    global_id: str
    kind: Kind

    @property
    def types(self) -> tuple[str, ...]:
        """The types that a column of this element may have in an agreement."""
        return _TYPES[self.kind]


_TABLE: Final[dict[Kind, str]] = {
    "identifier": """
        FirstName P000115
        MiddleName P000184
        LastOrSurname P000172
        GenerationCodeOrSuffix P000121
        Birthdate P000033
        StudentIdentifier P001071
        ChildIdentifier P001080
        PersonIdentifier P001572
    """,
    "code": """
        BirthdateVerification P000428
        MultipleBirthIndicator C000431
        Sex C000255
        StudentIdentificationSystem C001075
        PersonIdentificationSystem C001571
        HispanicOrLatinoEthnicity C000144
        RaceAndEthnicity C001943
        ExitOrWithdrawalType C000110
        GradeLevel C002175
        AttendanceEventType C000601
        CohortExclusion C000106
        HighSchoolGraduationRateIndicatorStatus C000140
        HighSchoolDiplomaType C000138
        PostsecondaryEnrollmentStatus C000096
        EmploymentNAICSCode C001064
        EmployedAfterExit C000988
        EmploymentRecordAdministrativeDataSource C000994
    """,
    "date": """
        EnrollmentEntryDate P000097
        EnrollmentExitDate P000107
        DiplomaOrCredentialAwardDate P000081
        EntryDateIntoPostsecondary P000098
    """,
    "number": """
        NumberOfDaysInAttendance P000202
        NumberOfDaysAbsent P000201
        QuarterlyEarnings P000989
    """,
    "value": """
        AssessmentResultScoreValue P000245
        AssessmentPerformanceLevelIdentifier P000717
    """,
    "year": """
        CohortYear P000046
        CohortGraduationYear P000584
    """,
    "period": """
        EmploymentRecordReferencePeriodStartDate P000992
        EmploymentRecordReferencePeriodEndDate P000993
    """,
}

CEDS: Final = {
    name: CedsElement(name, global_id, kind)
    for kind, table in _TABLE.items()
    for name, global_id in (line.split() for line in table.strip().splitlines())
}


def unknown_name(name: str) -> str | None:
    """Say what is wrong with a name that the table does not have; None for one that it has, or a global ID."""
    if name in CEDS or GLOBAL_ID.fullmatch(name):
        return None
    nearest = get_close_matches(name, CEDS, n=1, cutoff=0.6)
    meant = f"; did you mean {nearest[0]}?" if nearest else ""
    return (
        f"`{name}` is not among the CEDS names known here{meant} Name any other CEDS element by its global ID "
        "(P000245), or leave `ceds` out"
    )
