"""What every clause is made of: frozen, strict, closed models, and the few kinds of text they hold.

Rules:

- A clause that is read cannot be changed: models are frozen, lists are tuples.
- A field that is not listed is refused (``extra="forbid"``); ``x-`` fields are for people and are not read.
- Nothing is coerced: ``"5"`` is not a number, ``yes`` is not true.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

PENDING = "pending"
"""What a draft holds in place of a key or hash that is not known yet; an active agreement may not."""


class Clause(BaseModel):
    """A part of an agreement."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def _three_parts(reference: str) -> str:
    if len(reference.split(".", 2)) != 3 or not all(reference.split(".", 2)):
        raise ValueError("expected provider.dataset.element, such as lakeside-district.enrollment.GradeLevel")
    return reference


def _two_parts(reference: str) -> str:
    if len(reference.split(".")) != 2 or not all(reference.split(".")):
        raise ValueError("expected provider.dataset, such as lakeside-district.enrollment")
    return reference


Text = Annotated[str, Field(min_length=1, max_length=4000)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", description="lower-case letters, digits, -")]
Sha256 = Annotated[str, Field(pattern=r"^([0-9a-f]{64}|pending)$", description="64 hex digits")]
SigningKey = Annotated[str, Field(pattern=r"^(ed25519:[A-Za-z0-9+/]{43}=|pending)$")]
SealingKey = Annotated[str, Field(pattern=r"^(age1[0-9a-z]{58}|pending)$")]
ElementRef = Annotated[str, Field(max_length=300, description="provider.dataset.element"), AfterValidator(_three_parts)]
DatasetRef = Annotated[str, Field(max_length=200, description="provider.dataset"), AfterValidator(_two_parts)]
Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(gt=0, le=1)]
