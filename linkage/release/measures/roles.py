"""Which tables each measure is computed from, and how its cohorts stand to a table's periods.

Rules:

- A measure *of a year* (absence, growth, leavers by the year they leave) is joined to the school year of a table; it
  may have one outcome per person and year.
- A measure *of a cohort* (graduation, college) has one outcome per person, and none for each year: cut into school
  years, those who are gone by the cohort's year would drop out of the denominator.
"""

from __future__ import annotations

from typing import Literal

from linkage.release.measures.definition import MeasureDefinition
from linkage.release.measures.inputs import Role

_ROLES: dict[str, tuple[Role, ...]] = {
    "graduation_rate": ("enrollment",),
    "chronic_absence": ("enrollment",),
    "on_track": ("enrollment",),
    "growth": ("scores",),
    "readiness_to_reading": ("readiness", "scores"),
    "postsecondary_enrollment": ("enrollment", "college"),
    "persistence": ("college",),
    "credential": ("college",),
    "employment": ("enrollment", "wages"),
}
_YEARLY = ("chronic_absence", "growth")
_OF_A_YEAR = (*_YEARLY, "on_track", "postsecondary_enrollment", "employment")


def roles_of(definition: MeasureDefinition) -> tuple[Role, ...]:
    """Return the roles whose tables a measure is computed from."""
    return _ROLES[definition.method.kind]


def periods_allowed(definition: MeasureDefinition) -> Literal["needed", "possible", "none"]:
    """Say whether a table of this measure must, may or may not be cut into school years."""
    kind = definition.method.kind
    if kind in _YEARLY:
        return "needed"
    return "possible" if kind in _OF_A_YEAR else "none"
