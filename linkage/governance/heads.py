"""Signed heads: what each party keeps, so that a ledger cannot lose its end unseen.

Rules:

- A head (ledger, count, last hash, time) is signed by the hub's release room and goes out with each result.
- A ledger keeps faith with a head if its entry at that count has that hash. A shorter ledger was truncated; one
  with another hash was rewritten before that entry.
- Two heads of one ledger with one count and two hashes, both signed, prove that the hub showed different
  parties different histories.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from linkage.errors import StoreError
from linkage.exchange.canonical import canonical_json
from linkage.exchange.files import write_atomically
from linkage.exchange.keys import PrivateKeys, PublicKeys
from linkage.governance.base import Clause, Count
from linkage.governance.ledger import Head, VerifiedLedger
from linkage.governance.signing import SignatureText, sign_fields, verifies

_LABEL = "ledger-head"
_MAX_BYTES = 4096


class SignedHead(Clause):
    """A head under the hub's signature."""

    format: Literal["linkage-ledger-head/v1"] = "linkage-ledger-head/v1"
    ledger: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    count: Count
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    signed: str
    signature: SignatureText


def sign_head(head: Head, keys: PrivateKeys, now: datetime) -> SignedHead:
    """Sign a head with the hub's release keys."""
    fields = {
        "format": "linkage-ledger-head/v1",
        "ledger": head.ledger,
        "count": head.count,
        "sha256": head.sha256,
        "signed": now.astimezone(UTC).isoformat(),
    }
    return SignedHead.model_validate({**fields, "signature": sign_fields(_LABEL, fields, keys)})


def write_head(path: Path, head: SignedHead) -> None:
    """Write a signed head as one line of JSON, which anyone may read."""
    write_atomically(path, canonical_json(head.model_dump(mode="json")) + b"\n", mode=0o644)


def read_head(path: Path) -> SignedHead:
    """Read a signed head; raises StoreError where it is none."""
    try:
        with path.open("rb") as handle:
            return SignedHead.model_validate_json(handle.read(_MAX_BYTES))
    except OSError as error:
        raise StoreError(f"The head {path} cannot be read: {error.strerror}.") from None
    except ValidationError:
        raise StoreError(f"{path} is not a signed ledger head.") from None


def head_problems(ledger: VerifiedLedger, heads: Iterable[SignedHead], hub: PublicKeys) -> list[str]:
    """Return how a ledger breaks faith with heads that were kept; none if it holds them all."""
    problems = []
    for head in heads:
        name = f"head of {head.signed} ({head.count} entries)"
        fields = head.model_dump(mode="json", exclude={"signature"})
        if not verifies(_LABEL, fields, head.signature, hub):
            problems.append(f"{name}: its signature is not {hub.name}'s")
        elif head.ledger != ledger.ledger:
            problems.append(f"{name}: it is of another ledger ({head.ledger[:12]}...)")
        elif head.count > len(ledger.entries):
            missing = head.count - len(ledger.entries)
            problems.append(f"{name}: the ledger has {missing} fewer: it was truncated at the end")
        elif head.count == 0 or ledger.hashes[head.count - 1] != head.sha256:
            problems.append(f"{name}: entry {head.count - 1} has another hash: the ledger was rewritten")
    return problems
