"""What the ledger records: each act under an agreement, with what 34 CFR 99.32 asks of a record of disclosures.

Rules:

- 34 CFR 99.32(a)(3): the parties who requested or received, and their legitimate interest. 99.32(b): names of
  those to whom they may pass data on, and that party's interest. 20 CFR 603.9(b): an audit trail of each use.
- Counts and hashes, never a person's value or ID: the ledger itself may be shown to every party.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from linkage.governance.base import Clause, Count, ElementRef, Id, Name, Text

_Hex = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Opened(Clause):
    """The ledger's first entry: whose it is, and a random name so that two ledgers are told apart."""

    kind: Literal["opened"] = "opened"
    hub: Id
    ledger: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


class _UnderAgreement(Clause):
    agreement: Id
    agreement_sha256: _Hex


class Enacted(_UnderAgreement):
    """An agreement that all parties have signed is in use from now on."""

    kind: Literal["enacted"] = "enacted"
    version: int = Field(ge=1)
    parties: tuple[Id, ...]


class Received(_UnderAgreement):
    """A package was accepted."""

    kind: Literal["received"] = "received"
    sender: Id
    package: Name
    package_sha256: _Hex
    records: Count


class Linked(_UnderAgreement):
    """Records were linked and resolved into the registry."""

    kind: Literal["linked"] = "linked"
    sources: tuple[Id, ...]
    persons: Count
    spec_sha256: _Hex


class RegistryRun(_UnderAgreement):
    """A run of the registry of common student IDs, a person's decision included; the digest seals it and all before."""

    kind: Literal["registry"] = "registry"
    run: Count
    digest: _Hex
    run_kind: Literal["update", "rebuild", "manual"]
    events: tuple[Name, ...] = Field((), description="how many of each, such as '12 minted'")
    changed: Count = Field(description="existing records that show another ID")


class Restored(_UnderAgreement):
    """The registry was put back from a backup; runs after ``run`` are lost, and their numbers are given again."""

    kind: Literal["restored"] = "restored"
    run: Count
    digest: _Hex
    lost: Count


class Disclosed(_UnderAgreement):
    """Data were disclosed: who, what, to whom, why, under which clause."""

    kind: Literal["disclosed"] = "disclosed"
    output: Id
    recipient: Id
    interest: Name
    purpose: Id
    users: tuple[Name, ...]
    providers: tuple[Id, ...]
    elements: tuple[ElementRef, ...]
    persons: Count
    further_recipients: tuple[Name, ...] = ()
    bundle_sha256: _Hex
    destroy_by: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]
    clause: Name
    stale_links_of_run: Count | None = Field(None, description="the run it was released on, if newer packages had come")

    @model_serializer(mode="wrap")
    def _as_written(self, write: SerializerFunctionWrapHandler) -> dict[str, object]:
        # Left out where there is none: lines of ledgers from before this field must read as they were written.
        fields: dict[str, object] = write(self)
        if self.stale_links_of_run is None:
            fields.pop("stale_links_of_run", None)
        return fields


class ReturnedIds(_UnderAgreement):
    """An agency was given the IDs of its own records, under names made for it."""

    kind: Literal["returned-ids"] = "returned-ids"
    agency: Id
    records: Count
    package_sha256: _Hex


class ReviewSent(_UnderAgreement):
    """An agency was asked to judge pairs that the linkage leaves in doubt."""

    kind: Literal["review-sent"] = "review-sent"
    recipient: Id
    pairs: Count
    package_sha256: _Hex


class RefusedRequest(_UnderAgreement):
    """Something was asked that the agreement does not allow."""

    kind: Literal["refused"] = "refused"
    request: Name
    reasons: tuple[Text, ...] = Field(min_length=1)


class Terminated(_UnderAgreement):
    """A party gave notice."""

    kind: Literal["terminated"] = "terminated"
    party: Id
    reason: Text


class Destroyed(_UnderAgreement):
    """A party certified that it destroyed what it held."""

    kind: Literal["destroyed"] = "destroyed"
    party: Id
    what: Text
    files_sha256: tuple[_Hex, ...] = ()
    method: Text
    person: Name


Event = Annotated[
    Opened
    | Enacted
    | Received
    | Linked
    | RegistryRun
    | Restored
    | Disclosed
    | ReviewSent
    | ReturnedIds
    | RefusedRequest
    | Terminated
    | Destroyed,
    Field(discriminator="kind"),
]


class Entry(Clause):
    """One line of the ledger: its place, the hash of the line before it, its time, and what happened."""

    sequence: Count
    previous: _Hex
    recorded: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?\+00:00$")]
    event: Event
