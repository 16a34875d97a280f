"""What a linkage spec says.

A spec is the agreement between agencies on *how* records are encoded. Its rules:

- Every identifier says what **kind** of value it holds (which fixes its normalisation and its features), whom it is
  **about** (the person alone, or the whole household), how large its Bloom filter is, and where its similarity is
  cut into ordered levels.
- Every **pass** is a composite blocking key. Two records are compared only if they agree on all parts of at least one
  pass; records that share no pass share nothing that the hub could compare.
- A block that holds more of an extract's records than its cap is **crowded** and left out: whom it holds could be told
  from how alike they are. Passes of more parts, in which the same records are nearly alone, take its place.
- Two parties can link only under the same spec. :attr:`LinkageSpec.sha256` is taken over its meaning (comments, layout
  and the headers under which an agency keeps a value do not count) together with the versions of normalisation and
  encoding, so that parties whose *software* would encode differently disagree too.
"""

from __future__ import annotations

import hashlib
import json
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

#: Raised whenever normalisation or encoding would write other bytes for the same input.
ENCODING_VERSION = 1
NORMALISATION_VERSION = 1

#: A level takes three bits of a pattern code, and missing is one of the eight states.
MOST_CUTS = 6
#: A pattern code is 63 bits, and one place is for the order of names.
MOST_IDENTIFIERS = 20


class Kind(StrEnum):
    """What sort of value an identifier holds; fixes its normalisation, its features and its key transforms."""

    GIVEN_NAME = "given_name"
    MIDDLE_NAME = "middle_name"
    SURNAME = "surname"
    SUFFIX = "suffix"
    DATE = "date"
    SEX = "sex"
    STREET = "street"
    PLACE = "place"
    POSTAL_CODE = "postal_code"
    PHONE = "phone"
    EMAIL = "email"
    SSN = "ssn"
    CODE = "code"


#: The ways in which an identifier may take part in a pass key, by kind. The empty transform is the whole value.
TRANSFORMS: dict[Kind, frozenset[str]] = {
    Kind.GIVEN_NAME: frozenset({"", "phonetic", "initial"}),
    Kind.MIDDLE_NAME: frozenset({"", "initial"}),
    Kind.SURNAME: frozenset({"", "phonetic"}),
    Kind.SUFFIX: frozenset({""}),
    Kind.DATE: frozenset({"", "year", "month_day"}),
    Kind.SEX: frozenset({""}),
    Kind.STREET: frozenset({"", "number"}),
    Kind.PLACE: frozenset({"", "phonetic"}),
    Kind.POSTAL_CODE: frozenset({"", "area"}),
    Kind.PHONE: frozenset({""}),
    Kind.EMAIL: frozenset({""}),
    Kind.SSN: frozenset({"", "last4"}),
    Kind.CODE: frozenset({""}),
}

_Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Filter(_Frozen):
    """The size of an identifier's Bloom filter and how many bits a value sets in it.

    ``bits`` is the filter's length, a power of two up to 256, so that a byte taken modulo it is an unbiased position.
    ``set_bits`` are spread over a value's features, so that the weight of a filter does not tell the value's length.
    """

    bits: Literal[64, 128, 256]
    set_bits: Annotated[int, Field(ge=8, le=96)]

    @model_validator(mode="after")
    def _not_full(self) -> Self:
        if 2 * self.set_bits > self.bits:
            raise ValueError(f"set_bits may be at most half of bits ({self.bits // 2}), not {self.set_bits}")
        return self

    @property
    def words(self) -> int:
        """Length in 64-bit words."""
        return self.bits // 64


def _descending(cuts: tuple[float, ...]) -> tuple[float, ...]:
    if any(not 0 < cut <= 1 for cut in cuts) or list(cuts) != sorted(set(cuts), reverse=True):
        raise ValueError("cuts must be distinct Dice similarities in (0, 1], highest first")
    return cuts


class Identifier(_Frozen):
    """One identifying attribute of a person.

    ``columns`` are the headers under which agencies keep it, compared without case, blanks and punctuation, best
    first; a nested list is a value spread over several columns. ``cuts`` are Dice similarities, highest first.
    """

    name: _Name
    kind: Kind
    about: Literal["person", "household"]
    filter: Filter
    cuts: Annotated[tuple[float, ...], Field(min_length=1, max_length=MOST_CUTS), AfterValidator(_descending)]
    group: _Name | None = None
    columns: tuple[str | tuple[str, ...], ...] = ()

    @property
    def levels(self) -> int:
        """Number of agreement levels, not counting missing: level 1 is the lowest."""
        return len(self.cuts) + 1


class KeyPart(_Frozen):
    """One part of a pass key: an identifier, whole or under a transform of its kind."""

    identifier: _Name
    transform: str = ""

    @classmethod
    def parse(cls, text: str) -> KeyPart:
        """Read ``identifier`` or ``identifier.transform``."""
        identifier, _, transform = text.partition(".")
        return cls(identifier=identifier, transform=transform)

    @property
    def label(self) -> str:
        """The part as it is written in a spec."""
        return f"{self.identifier}.{self.transform}" if self.transform else self.identifier


class Pass(_Frozen):
    """A composite blocking key; the parts of an ``unordered`` one may change places, as swapped names do.

    ``cap`` is the most records of one extract that a block may hold, where it is not the spec's ``block_cap``.
    """

    name: _Name
    key: Annotated[tuple[str, ...], Field(min_length=1, max_length=4)]
    unordered: bool = False
    cap: Annotated[int, Field(ge=1)] | None = None

    @property
    def parts(self) -> tuple[KeyPart, ...]:
        """The key's parts, parsed."""
        return tuple(KeyPart.parse(text) for text in self.key)


class LinkageSpec(_Frozen):
    """How records are encoded and compared: identifiers and passes.

    ``quarantine_limit`` is the share of an extract's rows that may be set aside as unusable; beyond it nothing is
    hashed. ``local_id_columns`` and ``full_name_columns`` are headers, as an identifier's ``columns`` are.
    """

    kind: Literal["LinkageSpec"]
    schema_version: Literal[1]
    id: _Name
    version: Annotated[int, Field(ge=1)]
    title: str
    local_id_columns: tuple[str, ...] = ()
    full_name_columns: tuple[str, ...] = ()
    quarantine_limit: Annotated[float, Field(ge=0, le=1)] = 0.01
    block_cap: Annotated[int, Field(ge=2)]
    identifiers: Annotated[tuple[Identifier, ...], Field(min_length=1, max_length=MOST_IDENTIFIERS)]
    passes: Annotated[tuple[Pass, ...], Field(min_length=1, max_length=64)]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        problems = []
        kinds = {identifier.name: identifier.kind for identifier in self.identifiers}
        if len(kinds) != len(self.identifiers):
            problems.append("two identifiers have the same name")
        if len({p.name for p in self.passes}) != len(self.passes):
            problems.append("two passes have the same name")
        for blocking in self.passes:
            for part in blocking.parts:
                if part.identifier not in kinds:
                    problems.append(f"pass {blocking.name}: no identifier is called {part.identifier!r}")
                elif part.transform not in TRANSFORMS[kinds[part.identifier]]:
                    allowed = sorted(TRANSFORMS[kinds[part.identifier]] - {""}) or ["none"]
                    problems.append(
                        f"pass {blocking.name}: {part.label}: a {kinds[part.identifier]} has no transform "
                        f"{part.transform!r} (it has: {', '.join(allowed)})"
                    )
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def cap(self, blocking: Pass) -> int:
        """Return the most records of one extract that a block of this pass may hold."""
        return self.block_cap if blocking.cap is None else blocking.cap

    @property
    def sha256(self) -> str:
        """Hash of the spec's meaning; parties with different hashes cannot link."""
        no_matter: dict[str, Any] = {
            "title": True,
            "local_id_columns": True,
            "full_name_columns": True,
            "identifiers": {"__all__": {"columns"}},
        }
        meaning = self.model_dump(mode="json", exclude=no_matter)
        meaning["encoding_version"] = ENCODING_VERSION
        meaning["normalisation_version"] = NORMALISATION_VERSION
        return hashlib.sha256(json.dumps(meaning, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    def identifier(self, name: str) -> Identifier:
        """Return the identifier called ``name``."""
        return next(identifier for identifier in self.identifiers if identifier.name == name)
