"""The manifest: what a sender states, and signs, about a package.

Rules:

- Everything a receiver relies on is in it: kind, sender, recipients, context, check values, the SHA-256 and size of
  every sealed envelope, and the members in each. Recipients are inside the signed part, so a package that was sealed
  to one room cannot be sealed again to another as if it had been meant for it.
- Its bytes are canonical JSON; other spellings of the same statement are refused.
- ``facts`` are aggregates (counts, rates, per-field statistics), never a value of a person.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from linkage.errors import PackageError
from linkage.exchange.archive import MEMBER_NAME
from linkage.exchange.canonical import canonical_json
from linkage.exchange.context import Context
from linkage.exchange.keys import NAME_PATTERN

FORMAT: Literal["linkage-package/v2"] = "linkage-package/v2"
MANIFEST_NAME = "manifest.json"
SIGNATURE_NAME = "signature"
MAX_MANIFEST_BYTES = 8 << 20

Kind = Literal[
    "encodings", "payload", "links", "crosswalk", "release", "question", "answer", "review", "verdicts", "agency-ids"
]
Name = Annotated[str, Field(pattern=f"^{NAME_PATTERN}$")]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class Recipient(_Frozen):
    """A room or person that the package was sealed to."""

    name: Name
    sealing: str


class MemberEntry(_Frozen):
    """A member, and its size as the room that may read it will find it."""

    name: Annotated[str, Field(pattern=f"^{MEMBER_NAME}$")]
    size: Annotated[int, Field(ge=0)]


class EnvelopeEntry(_Frozen):
    """An age file of the package: whose it is (None: every recipient's), its sealed bytes, and what is in it."""

    sealed_for: Name | None
    sha256: Sha256
    size: Annotated[int, Field(ge=0)]
    members: tuple[MemberEntry, ...]


class Heading(_Frozen):
    """What the sender says of the package, before members and parties are filled in.

    ``serial`` is 128 random bits in hex, drawn by the caller; with the sender it identifies the package, so that
    a hub can refuse it the second time. ``created`` is an ISO 8601 time with its offset.
    """

    kind: Kind
    context: Context
    serial: Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
    created: str
    key_check_value: Sha256 | None = None
    canary_mac: Sha256 | None = None
    facts: dict[str, JsonValue] = {}

    @model_validator(mode="after")
    def _check_heading(self) -> Self:
        if datetime.fromisoformat(self.created).tzinfo is None:
            raise ValueError("created: expected a time with its offset from UTC")
        if self.kind == "encodings" and (self.key_check_value is None or self.canary_mac is None):
            raise ValueError("encodings come with a key check value and a canary MAC")
        canonical_json(self.facts)  # refuses NaN and infinity
        return self


class Manifest(Heading):
    """The signed statement of a package."""

    format: Literal["linkage-package/v2"] = FORMAT
    sender: Name
    recipients: Annotated[tuple[Recipient, ...], Field(min_length=1)]
    envelopes: tuple[EnvelopeEntry, ...]

    @model_validator(mode="after")
    def _check_parties(self) -> Self:
        rooms = [recipient.name for recipient in self.recipients]
        names = [MANIFEST_NAME, SIGNATURE_NAME, *(member.name for member in self.members)]
        owners = [envelope.sealed_for for envelope in self.envelopes]
        if len(set(rooms)) < len(rooms):
            raise ValueError("a recipient is named twice")
        if len(set(names)) < len(names):
            raise ValueError("two members share a name")
        if len(set(owners)) < len(owners):
            raise ValueError("a room has two envelopes")
        if set(owners) - {None, *rooms}:
            raise ValueError("an envelope is sealed to a room that is no recipient")
        return self

    @property
    def agreement(self) -> str:
        """The agreement under which the package was made."""
        return self.context.agreement

    @property
    def members(self) -> tuple[MemberEntry, ...]:
        """All members, whoever may read them."""
        return tuple(member for envelope in self.envelopes for member in envelope.members)

    def canonical(self) -> bytes:
        """Return the bytes that are signed."""
        return canonical_json(self.model_dump(mode="json"))


def parse_manifest(content: bytes, what: str) -> Manifest:
    """Read a manifest; raises PackageError naming every malformed field."""
    try:
        manifest = Manifest.model_validate_json(content)
        canonical = manifest.canonical()
    except ValidationError as error:
        problems = [
            f"{'.'.join(str(part) for part in problem['loc']) or 'manifest'}: {problem['msg']}"
            for problem in error.errors(include_url=False, include_context=False, include_input=False)
        ]
        raise PackageError(f"{what} has a malformed manifest.", problems) from None
    except ValueError:
        raise PackageError(f"{what} has a manifest that is not JSON text.") from None
    if canonical != content:
        raise PackageError(f"{what} has a manifest that is not in canonical form.")
    return manifest
