"""The roster: which agencies share a secret, and who must never hold it.

Rules:

- The agencies, the hub's rooms and the recipients are all listed, with the keys that the agreement pins. Sealing a
  secret to anyone but a listed agency is refused by name; the hub is refused as the hub.
- A key stands for one party: an agency under the hub's key would be the hub under another name.
- The roster has a hash, over every name, role and key. Whoever works from another roster is told so.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass

from linkage.errors import KeyFileError, Refused
from linkage.exchange.canonical import canonical_json
from linkage.exchange.keys import PrivateKeys, PublicKeys


@dataclass(frozen=True)
class Roster:
    """The agencies that share a secret, the hub's rooms, and the recipients of results."""

    agencies: tuple[PublicKeys, ...]
    hub: tuple[PublicKeys, ...]
    recipients: tuple[PublicKeys, ...] = ()

    def __post_init__(self) -> None:
        problems = []
        everyone = [*self.agencies, *self.hub, *self.recipients]
        for what, found in (
            ("name", [keys.name for keys in everyone]),
            ("signing key", [keys.signing for keys in everyone]),
            ("sealing key", [keys.sealing for keys in everyone]),
        ):
            for value, count in Counter(found).items():
                if count > 1:
                    holders = [keys.name for keys, own in zip(everyone, found, strict=True) if own == value]
                    problems.append(f"{' and '.join(holders)} have the same {what}")
        if not self.agencies:
            problems.append("no agency is listed")
        if not self.hub:
            problems.append("the hub is not listed, so nothing could be kept from it")
        if problems:
            raise KeyFileError(
                "This is no roster of agencies that could share a secret.",
                problems,
                "Each party makes its own keys with `linkage keys new`, and the agreement pins them.",
            )

    @property
    def names(self) -> tuple[str, ...]:
        """The agencies' names, sorted."""
        return tuple(sorted(keys.name for keys in self.agencies))

    @property
    def sha256(self) -> str:
        """The hash of every name, role and key."""
        listed = {
            role: sorted([keys.name, keys.signing, keys.sealing] for keys in group)
            for role, group in (("agencies", self.agencies), ("hub", self.hub), ("recipients", self.recipients))
        }
        return hashlib.sha256(canonical_json(listed)).hexdigest()

    def agency(self, name: str) -> PublicKeys:
        """Return an agency's keys; raises Refused for the hub, a recipient or a stranger."""
        for keys in self.agencies:
            if keys.name == name:
                return keys
        if any(name in (keys.name, keys.name.partition(".")[0]) for keys in self.hub):
            raise Refused(
                f"{name} is the hub, and the hub never holds the secret: with it, every encoding could be reversed.",
                advice=f"The agencies: {', '.join(self.names)}.",
            )
        role = "a recipient of results" if any(keys.name == name for keys in self.recipients) else "not in the roster"
        raise Refused(
            f"{name} is {role}; only agencies that encode hold the secret.",
            advice=f"The agencies: {', '.join(self.names)}.",
        )

    def others(self, name: str) -> tuple[PublicKeys, ...]:
        """Return the keys of all agencies but one, sorted by name."""
        return tuple(self.agency(other) for other in self.names if other != name)

    def require_own(self, keys: PrivateKeys) -> None:
        """Raise Refused unless ``keys`` are those that are pinned for an agency of this roster."""
        if self.agency(keys.name) != keys.public:
            raise Refused(
                f"The key file of {keys.name} is not the one that the agreement pins.",
                [f"pinned: {self.agency(keys.name).fingerprint}", f"this file: {keys.public.fingerprint}"],
                "Use the key file whose public half was put into the agreement.",
            )
