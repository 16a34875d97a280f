"""Who the parties are, what they do, and by which keys they are known.

Rules:

- A key is pinned here, under everyone's signatures; a key that only came with a package proves nothing.
- The hub is three rooms with three key pairs: *matcher* (encodings), *registrar* (token table, student IDs) and
  *release* (payload). Rooms may be held by one operator or by three.
- The hub signs the agreement and the ledger with its release room's key: that room hands data out.
- A recipient is an organisation and the persons named in it. 20 CFR 603.9(b)(1)(v): each has been instructed
  and has acknowledged it in writing; 34 CFR 99.31(a)(6)(iii)(C)(3): only representatives with an interest.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Literal

from pydantic import Field, model_validator

from linkage.exchange.keys import PublicKeys
from linkage.governance.base import PENDING, Clause, Id, Name, SealingKey, SigningKey
from linkage.spec.strict_yaml import FieldsError, Path

Role = Literal["provider", "hub", "recipient"]
Room = Literal["matcher", "registrar", "release"]


class Keys(Clause):
    """The public halves of a party's (or a room's) two key pairs, as in its NAME.pub file."""

    signing: SigningKey
    sealing: SealingKey

    @property
    def pending(self) -> bool:
        """True while a draft waits for either key."""
        return PENDING in (self.signing, self.sealing)


class Rooms(Clause):
    """The hub's three rooms, each with keys of its own."""

    matcher: Keys
    registrar: Keys
    release: Keys


class Person(Clause):
    """Someone who signs for a party or answers for it."""

    name: Name
    title: Name
    email: Name | None = None


class Party(Clause):
    """One organisation that signs."""

    id: Id
    legal_name: Name
    role: Role
    signatory: Person
    data_steward: Person | None = None
    security_contact: Person | None = None
    address: Name | None = None
    keys: Keys | None = None
    rooms: Rooms | None = None

    @model_validator(mode="after")
    def _keys_fit_the_role(self) -> Party:
        if self.role == "hub" and (self.rooms is None or self.keys is not None):
            raise FieldsError([(("rooms",), "a hub lists `rooms` (matcher, registrar, release), not `keys`")])
        if self.role != "hub" and (self.keys is None or self.rooms is not None):
            raise FieldsError([(("keys",), f"a {self.role} lists `keys` (signing, sealing), not `rooms`")])
        return self

    def key_pairs(self) -> Iterator[tuple[Path, Keys]]:
        """Yield each key pair with its place inside this party."""
        if self.keys is not None:
            yield ("keys",), self.keys
        if self.rooms is not None:
            yield ("rooms", "matcher"), self.rooms.matcher
            yield ("rooms", "registrar"), self.rooms.registrar
            yield ("rooms", "release"), self.rooms.release

    @property
    def signing_keys(self) -> Keys:
        """The keys that sign for this party: its own, or for the hub those of its release room."""
        keys = self.rooms.release if self.rooms is not None else self.keys
        assert keys is not None, "checked when made"
        return keys

    def public_keys(self, room: Room | None = None) -> PublicKeys:
        """Return the pinned keys of this party, or of one of the hub's rooms.

        A room's keys are named ``hub.room``. Raises KeyFileError while they are pending.
        """
        if room is not None and self.rooms is not None:
            keys: Keys = getattr(self.rooms, room)
            return PublicKeys(f"{self.id}.{room}", keys.signing, keys.sealing)
        return PublicKeys(self.id, self.signing_keys.signing, self.signing_keys.sealing)


class NamedUser(Clause):
    """A person at the recipient who may work with the released data."""

    name: Name
    email: Name | None = None
    trained_on: date | None = Field(None, description="last confidentiality training")
    acknowledged_on: date | None = Field(None, description="signed acknowledgement of the rules")


class Recipient(Clause):
    """A recipient party's persons, and how long their training holds."""

    party: Id
    interest: Name = Field(description="legitimate interest, as 34 CFR 99.32(a)(3) records it")
    training_valid_days: int = Field(365, ge=1, le=1461)
    named_users: tuple[NamedUser, ...] = Field(min_length=1)
