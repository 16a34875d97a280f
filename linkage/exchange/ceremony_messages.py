"""What agencies hand each other while they make a secret: small YAML files, signed, some parts sealed.

Rules:

- Each file says for which agreement, roster, linkage spec and epoch it was made, and is signed over all it says. A
  signature on one kind of file is worth nothing on another (domain separation).
- Commitments, reveals and envelopes may pass through anybody's hands, the hub's too: what is secret in them is sealed
  to agencies of the roster. An agency's own contribution stays with it, sealed to its own key.
- A file is read strictly; what is wrong in it is reported with its line.

A commitment, for instance::

    # The commitment of district-a to the shared secret of p20w, epoch 1. It may be shown to anyone.
    format: linkage-secret-commitment/v1
    agency: district-a
    agreement: p20w
    ...
    commitment: 5d0c...
    signature: base64
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from linkage.errors import KeyFileError, PackageError
from linkage.exchange.canonical import canonical_json
from linkage.exchange.files import write_atomically
from linkage.exchange.keys import NAME_PATTERN, PrivateKeys, PublicKeys
from linkage.exchange.private import refuse_existing
from linkage.exchange.roster import Roster
from linkage.exchange.sealing import seal_bytes, unseal_bytes
from linkage.spec.strict_yaml import MAX_BYTES, validate

Name = Annotated[str, Field(pattern=f"^{NAME_PATTERN}$")]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


def _one_spelling(text: str) -> str:
    if not text or base64.b64encode(base64.b64decode(text, validate=True)).decode("ascii") != text:
        raise ValueError("expected base64")
    return text


Base64 = Annotated[str, AfterValidator(_one_spelling)]
Signature = Annotated[str, Field(pattern="^[A-Za-z0-9+/]{85}[AQgw]==$")]


class Signed(BaseModel):
    """A message: whose it is, for what it was made, and its sender's signature."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    agency: Name
    agreement: Annotated[str, Field(min_length=1)]
    epoch: Annotated[int, Field(ge=0)]
    spec_sha256: Sha256
    roster_sha256: Sha256
    signature: Signature

    @classmethod
    def signed(cls, keys: PrivateKeys, **fields: object) -> Self:
        """Make a message and sign it."""
        unsigned = cls.model_validate({**fields, "signature": _NO_SIGNATURE})
        signature = base64.b64encode(keys.sign(unsigned._statement())).decode("ascii")
        return unsigned.model_copy(update={"signature": signature})

    def verify(self, roster: Roster) -> None:
        """Raise Refused or PackageError unless this is signed by the agency that it names."""
        roster.agency(self.agency).verify(self._statement(), base64.b64decode(self.signature))

    @property
    def sha256(self) -> str:
        """The hash of all that the message says, its signature included."""
        return hashlib.sha256(canonical_json(self.model_dump(mode="json"))).hexdigest()

    def _statement(self) -> bytes:
        fields = self.model_dump(mode="json", exclude={"signature"})
        return f"linkage/v1/{fields['format']}".encode("ascii") + b"\0" + canonical_json(fields)


class Commitment(Signed):
    """An agency's word, before it has seen anyone's contribution, on what its own will be."""

    format: Literal["linkage-secret-commitment/v1"] = "linkage-secret-commitment/v1"
    commitment: Sha256


class Sealed(Signed):
    """A message with a part that only some can open."""

    sealed: Base64

    def unseal(self, keys: PrivateKeys) -> bytes:
        """Open the sealed part; raises PackageError."""
        return unseal_bytes(base64.b64decode(self.sealed), keys, f"what {self.agency} sealed")


class Contribution(Sealed):
    """An agency's own random bytes, sealed to its own key: they stay with it until it reveals them."""

    format: Literal["linkage-secret-contribution/v1"] = "linkage-secret-contribution/v1"


class Reveal(Sealed):
    """An agency's random bytes, sealed to the other agencies, and the commitments that it had seen by then."""

    format: Literal["linkage-secret-reveal/v1"] = "linkage-secret-reveal/v1"
    commitments: dict[Name, Sha256]


class Envelope(Sealed):
    """A whole secret that one agency hands to others."""

    format: Literal["linkage-secret-envelope/v1"] = "linkage-secret-envelope/v1"
    to: Annotated[tuple[Name, ...], Field(min_length=1)]
    key_check_value: Sha256


class Transcript(Signed):
    """What came of a ceremony: who took part, and the value by which the secret is recognised."""

    format: Literal["linkage-secret-transcript/v1"] = "linkage-secret-transcript/v1"
    commitments: dict[Name, Sha256]
    reveals: dict[Name, Sha256]
    key_check_value: Sha256


Message = TypeVar("Message", bound=Signed)
_NO_SIGNATURE = "A" * 86 + "=="
_HEADS = {
    Commitment: "The commitment of {agency} to the shared secret of {agreement}, epoch {epoch}. Anyone may see it.",
    Contribution: "The contribution of {agency} itself, sealed to its own key. It stays with {agency}.",
    Reveal: "The contribution of {agency} to the shared secret of {agreement}, epoch {epoch}, sealed to the others.",
    Envelope: "The shared secret of {agreement}, epoch {epoch}, sealed by {agency} to the agencies named below.",
    Transcript: "How the shared secret of {agreement}, epoch {epoch}, was made. Anyone may see it.",
}


def sealed_text(content: bytes, receivers: Sequence[PublicKeys]) -> str:
    """Seal ``content`` to these parties, as a message holds it."""
    return base64.b64encode(seal_bytes(content, [receiver.sealing for receiver in receivers])).decode("ascii")


def write_message(path: Path, message: Signed, mode: int = 0o644) -> None:
    """Write a message where no file is yet, whole or not at all."""
    refuse_existing(path, "file of a ceremony")
    fields = message.model_dump(mode="json")
    last = {name: fields.pop(name) for name in ("sealed", "signature") if name in fields}
    ordered = {"format": fields.pop("format")} | fields | last
    head = _HEADS[type(message)].format(**fields)
    body = yaml.safe_dump(ordered, sort_keys=False, allow_unicode=True, width=MAX_BYTES)
    write_atomically(path, f"# {head}\n{body}".encode(), mode)


def read_message(path: Path, kind: type[Message]) -> Message:
    """Read a message; raises KeyFileError where it is missing, PackageError where it is malformed."""
    try:
        with path.open("rb") as handle:
            content = handle.read(MAX_BYTES + 1)
    except OSError as error:
        raise KeyFileError(f"{path} cannot be read: {error.strerror}.") from None
    return validate(kind, content.decode("utf-8", "replace"), str(path), PackageError)
