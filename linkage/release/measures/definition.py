"""What a measure is: a YAML file that names its authority, its method and every number and code that decides it.

Rules:

- No threshold, window or code list is in the program: whoever reads the definition knows how the number was made.
- Exit codes are those of CEDS *Exit or Withdrawal Type*; a state that uses others writes a definition of its own.
- The ready definitions are in ``definitions/``; their IDs are what an agreement's ``measures[].definition`` may name.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Annotated, Literal

from pydantic import Field

from linkage.errors import InputError
from linkage.governance.base import Clause, Count, Id, Name, Share, Text
from linkage.governance.prose_parts import DefinedMeasure
from linkage.spec.strict_yaml import validate

Codes = Annotated[tuple[str, ...], Field(min_length=1)]


class GraduationRate(Clause):
    """ESEA section 8101(23) and (25): regular diplomas over first-time ninth graders, adjusted for transfers."""

    kind: Literal["graduation_rate"]
    years: int = Field(ge=4, le=7, description="from the first autumn in grade 9")
    first_grade: Name
    last_grade: Name
    school_year_ends: Annotated[str, Field(pattern=r"^\d{2}-\d{2}$")] = "08-31"
    regular_diploma: Codes
    removed: Codes


class PostsecondaryEnrollment(Clause):
    """EDFacts FS160: who enrols within so many months of a regular diploma."""

    kind: Literal["postsecondary_enrollment"]
    months: int = Field(ge=1, le=60)
    regular_diploma: Codes


class Persistence(Clause):
    """Who of those who first enrol in an autumn is enrolled the next, or has a credential by then."""

    kind: Literal["persistence"]
    same_institution: bool


class Credential(Clause):
    """Who of those who first enrol earns a credential within so many years."""

    kind: Literal["credential"]
    within_years: int = Field(ge=1, le=10)


class Employment(Clause):
    """WIOA section 116(b)(2)(A): wages in the n-th quarter after the quarter of exit."""

    kind: Literal["employment"]
    quarters_after_exit: int = Field(ge=1, le=20)
    exits: Codes


class ChronicAbsence(Clause):
    """EDFacts FS195: absent at least a share of the days enrolled, by those enrolled long enough."""

    kind: Literal["chronic_absence"]
    share: Share
    fewest_days: Count


class Growth(Clause):
    """How much the *same* students gained from one year's test to the next, one grade up."""

    kind: Literal["growth"]
    score: Literal["reading_score", "mathematics_score"]


class ReadinessToReading(Clause):
    """Who of those assessed before kindergarten reads proficiently at the first attempt in grade 3."""

    kind: Literal["readiness_to_reading"]
    ready_at: float
    proficient_at: int
    grade: Name
    within_years: int = Field(ge=1, le=10)


class NinthGradeOnTrack(Clause):
    """Who of the first-time ninth graders is in a higher grade the year after."""

    kind: Literal["on_track"]
    grade: Name
    removed: Codes


Method = Annotated[
    GraduationRate
    | PostsecondaryEnrollment
    | Persistence
    | Credential
    | Employment
    | ChronicAbsence
    | Growth
    | ReadinessToReading
    | NinthGradeOnTrack,
    Field(discriminator="kind"),
]


class MeasureDefinition(Clause):
    """A measure, as its YAML file defines it."""

    kind: Literal["MeasureDefinition"]
    schema_version: Literal[1]
    id: Id
    title: Name
    authority: Name
    counted: Text = Field(description="who is in the denominator, in words")
    met: Text = Field(description="who is in the numerator, in words")
    value: Text | None = Field(None, description="the amount that is averaged, in words, where there is one")
    method: Method


def known_measures() -> tuple[str, ...]:
    """Return the IDs of the ready definitions."""
    folder = files("linkage.release.measures") / "definitions"
    return tuple(sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml")))


def load_measure(measure_id: str) -> MeasureDefinition:
    """Return a ready definition; raises InputError for an ID that there is not."""
    if measure_id not in known_measures():
        raise InputError(f"There is no measure {measure_id!r}.", advice=f"Known: {', '.join(known_measures())}.")
    text = (files("linkage.release.measures") / "definitions" / f"{measure_id}.yaml").read_text("utf-8")
    return parse_measure(text, f"{measure_id}.yaml")


def measures_in_words() -> dict[str, DefinedMeasure]:
    """Return every ready definition as an agreement's prose quotes it, by ID."""
    found = {measure_id: load_measure(measure_id) for measure_id in known_measures()}
    return {key: DefinedMeasure(each.title, each.authority, each.counted, each.met) for key, each in found.items()}


def parse_measure(text: str, source: str) -> MeasureDefinition:
    """Read a definition; raises InputError with every problem and its line."""
    return validate(MeasureDefinition, text, source, InputError)
