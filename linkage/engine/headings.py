"""What stands at the head of every package that is made under an agreement.

Rules:

- Keys are derived for the agreement's ID, its spec and its epoch, and every package names the three.
- A package is known by its sender and 128 random bits, so that it is refused the second time; its time is in whole
  seconds, with its offset.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from pydantic import JsonValue

from linkage.exchange.context import Context
from linkage.exchange.manifest import Heading, Kind
from linkage.governance.standing import StandingAgreement


def context_of(agreement: StandingAgreement) -> Context:
    """Return what keys are derived for under an agreement."""
    linkage = agreement.terms.linkage
    return Context(agreement.terms.id, linkage.spec_sha256, linkage.epoch)


def heading_of(
    agreement: StandingAgreement,
    kind: Kind,
    facts: dict[str, JsonValue],
    now: datetime,
    random_bytes: Callable[[int], bytes],
) -> Heading:
    """Return the heading of a new package, with a serial of its own."""
    return Heading(
        kind=kind,
        context=context_of(agreement),
        serial=random_bytes(16).hex(),
        created=now.isoformat(timespec="seconds"),
        facts=facts,
    )
