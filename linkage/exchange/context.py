"""What keys and packages are made for: one agreement, one linkage spec, one epoch.

Rules:

- Every derived key and every package is bound to its context; nothing made in one context serves in another.
- A context is public. It lives apart from the secret, so that the hub can read one without importing the other.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from linkage.exchange.canonical import canonical_json

PROTOCOL = "linkage/v1"
_SHA256_HEX = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Context:
    """What keys are derived for: one agreement, one linkage spec, one epoch."""

    agreement: str
    spec_sha256: str
    epoch: int

    def __post_init__(self) -> None:
        if not self.agreement:
            raise ValueError("a context names its agreement")
        if not _SHA256_HEX.fullmatch(self.spec_sha256):
            raise ValueError("a context's spec_sha256 is 64 lower-case hex digits")
        if self.epoch < 0:
            raise ValueError("a context's epoch is not negative")

    def canonical(self) -> bytes:
        """Return the bytes that stand for this context in every derivation."""
        return canonical_json(
            {
                "agreement": self.agreement,
                "epoch": self.epoch,
                "proto": PROTOCOL,
                "spec_sha256": self.spec_sha256,
            }
        )
