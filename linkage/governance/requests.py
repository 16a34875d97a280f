"""What may be asked of an agreement: one frozen request per kind of act.

Rules: a request says all that a decision needs. Nothing about the world is looked up while deciding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from linkage.governance.outputs import OutputKind

PackageKind = Literal["encodings", "payload"]


@dataclass(frozen=True)
class EncodeIdentifier:
    """An agency encodes one identifier of the spec for the hub."""

    party: str
    identifier: str
    spec_sha256: str
    epoch: int

    def __str__(self) -> str:
        return f"{self.party} encodes {self.identifier}"


@dataclass(frozen=True)
class SealElement:
    """An agency seals one column of a dataset for the release room."""

    party: str
    dataset: str
    element: str

    def __str__(self) -> str:
        return f"{self.party} seals {self.dataset}.{self.element}"


@dataclass(frozen=True)
class SealYear:
    """An agency seals a dataset's rows of one year."""

    party: str
    dataset: str
    year: int

    def __str__(self) -> str:
        return f"{self.party} seals {self.dataset} of {self.year}"


@dataclass(frozen=True)
class AcceptPackage:
    """The hub takes in a package made under an agreement's ID."""

    sender: str
    kind: PackageKind
    agreement: str
    spec_sha256: str
    epoch: int

    def __str__(self) -> str:
        return f"the hub accepts {self.kind} from {self.sender}"


@dataclass(frozen=True)
class Release:
    """The hub releases an output to a recipient.

    ``elements`` are all that it holds or is computed from, as provider.dataset.element; ``dimensions`` those
    by which a table is broken down; ``cohort`` the datasets (provider.dataset) that choose its persons. ``users``
    are the persons it goes to; none means all named users. ``person_threshold`` is what the disclosure control
    will apply, where the caller chose one.
    """

    output: str
    kind: OutputKind
    recipient: str
    purpose: str
    elements: tuple[str, ...] = ()
    dimensions: tuple[str, ...] = ()
    cohort: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    person_threshold: int | None = None

    def __str__(self) -> str:
        return f"release of {self.output} to {self.recipient}"


@dataclass(frozen=True)
class SendReview:
    """The hub sends an agency pairs that the linkage leaves in doubt, to judge on its own records."""

    party: str

    def __str__(self) -> str:
        return f"the hub sends {self.party} pairs to review"


@dataclass(frozen=True)
class ReturnIds:
    """The hub gives an agency the IDs of its own records, under names made for that agency."""

    party: str

    def __str__(self) -> str:
        return f"the hub gives {self.party} the IDs of its own records"


Request: TypeAlias = EncodeIdentifier | SealElement | SealYear | AcceptPackage | SendReview | ReturnIds | Release
