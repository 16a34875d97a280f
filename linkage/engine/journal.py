"""What the hub writes into its ledger, and when.

The ledger lies beside the rooms (HUB/ledger.jsonl) and holds counts and hashes only. An act is entered after it took
effect; if a kill comes between, the act is repeated by the re-run and entered then. What was asked and refused is
entered too: a series of attempts is what oversight wants to see.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from linkage.engine.receive import Received
from linkage.engine.rooms import Hub
from linkage.errors import DisclosureError, LinkageError, Refused, StoreError
from linkage.exchange.package import package_sha256
from linkage.governance.events import (
    Destroyed,
    Disclosed,
    Enacted,
    Linked,
    RefusedRequest,
    RegistryRun,
    Restored,
    ReturnedIds,
    ReviewSent,
)
from linkage.governance.events import Received as ReceivedEvent
from linkage.governance.heads import SignedHead, sign_head
from linkage.governance.ledger import append, create_ledger, verify_ledger
from linkage.governance.standing import StandingAgreement
from linkage.matching.quality import Certificate
from linkage.registry.store import Registry
from linkage.registry.verify import Head


def ledger_path(hub: Hub) -> Path:
    """Return where a hub's ledger lies."""
    return hub.folder / "ledger.jsonl"


def enacted(hub: Hub, standing: StandingAgreement, now: datetime, random_bytes: Callable[[int], bytes]) -> None:
    """Begin the ledger if need be, and enter that an agreement is in use."""
    path, terms = ledger_path(hub), standing.terms
    if path.exists() and not path.stat().st_size:
        path.unlink()  # a kill came between making the file and writing its first line
    if not path.exists():
        create_ledger(path, terms.hub.id, random_bytes(16).hex(), now)
    event = Enacted(
        agreement=terms.id,
        agreement_sha256=standing.sha256,
        version=terms.version,
        parties=tuple(party.id for party in terms.parties),
    )
    append(path, event, now)


def received(hub: Hub, package: Received, now: datetime) -> None:
    """Enter that a package was accepted, unless it was filed before and is entered already."""
    standing, sha256 = hub.agreement(), package_sha256(package.path)
    entered = () if package.new else verify_ledger(ledger_path(hub)).entries
    if any(isinstance(e.event, ReceivedEvent) and e.event.package_sha256 == sha256 for e in entered):
        return
    event = ReceivedEvent(
        agreement=standing.terms.id,
        agreement_sha256=standing.sha256,
        sender=package.sender,
        package=package.path.name,
        package_sha256=sha256,
        records=package.records,
    )
    append(ledger_path(hub), event, now)


def linked(hub: Hub, certificate: Certificate, now: datetime) -> None:
    """Enter that records were resolved into the registry."""
    standing = hub.agreement()
    event = Linked(
        agreement=standing.terms.id,
        agreement_sha256=standing.sha256,
        sources=tuple(source.source for source in certificate.sources),
        persons=certificate.persons,
        spec_sha256=certificate.spec_sha256,
    )
    append(ledger_path(hub), event, now)


def enter_runs(hub: Hub, registry: Registry, now: datetime) -> None:
    """Enter the registry's runs that are not in the ledger yet: the one just made, and any that a kill left out."""
    standing, known = hub.agreement(), kept_heads(hub)
    for run in registry.runs(known[-1].run if known else 0):
        event = RegistryRun(
            agreement=standing.terms.id,
            agreement_sha256=standing.sha256,
            run=run.run,
            digest=run.digest,
            run_kind=run.kind.value,
            events=tuple(f"{count:,} {kind.value}" for kind, count in run.events.items()),
            changed=run.changed,
        )
        append(ledger_path(hub), event, now)


def restored(hub: Hub, head: Head, lost: int, now: datetime) -> None:
    """Enter that the registry was put back from a backup."""
    standing = hub.agreement()
    event = Restored(
        agreement=standing.terms.id, agreement_sha256=standing.sha256, run=head.run, digest=head.digest, lost=lost
    )
    append(ledger_path(hub), event, now)


def kept_heads(hub: Hub) -> list[Head]:
    """Return the digests of the registry's runs that the ledger holds, oldest first; a restore ends those after it."""
    heads: list[Head] = []
    for entry in verify_ledger(ledger_path(hub)).entries:
        if isinstance(entry.event, RegistryRun):
            heads.append(Head(entry.event.run, entry.event.digest))
        elif isinstance(entry.event, Restored):
            heads = [head for head in heads if head.run <= entry.event.run]
    return heads


def require_same_registry(hub: Hub, registry: Registry) -> None:
    """Refuse to go on from a registry that is not the one of the ledger's last run: it would give IDs away again."""
    known = kept_heads(hub)
    if not known:
        return
    last = known[-1]
    if registry.head().run < last.run or registry.head(last.run) != last:
        raise StoreError(
            f"The registry is not the one that the ledger knows: it is as after run {registry.head().run}, and the"
            f" ledger has sealed run {last.run}.",
            advice="Look with `linkage hub verify`. If it was put back from a backup by hand, do that again with"
            " `linkage hub restore`, which says what is lost and enters it.",
        )


def returned_ids(hub: Hub, agency: str, records: int, sha256: str, now: datetime) -> None:
    """Enter that an agency was given the IDs of its own records."""
    standing = hub.agreement()
    event = ReturnedIds(
        agreement=standing.terms.id,
        agreement_sha256=standing.sha256,
        agency=agency,
        records=records,
        package_sha256=sha256,
    )
    append(ledger_path(hub), event, now)


def destroyed(hub: Hub, what: str, files_sha256: tuple[str, ...], method: str, person: str, now: datetime) -> None:
    """Enter that the hub destroyed what it held, unless the same is entered already."""
    standing = hub.agreement()
    event = Destroyed(
        agreement=standing.terms.id,
        agreement_sha256=standing.sha256,
        party=standing.terms.hub.id,
        what=what,
        files_sha256=files_sha256,
        method=method,
        person=person,
    )
    if all(entry.event != event for entry in verify_ledger(ledger_path(hub)).entries):
        append(ledger_path(hub), event, now)


def disclosed(hub: Hub, event: Disclosed, now: datetime) -> SignedHead:
    """Enter a disclosure, as 34 CFR 99.32 asks; returns the signed head that goes out with it."""
    return sign_head(append(ledger_path(hub), event, now), hub.keys("release"), now)


def review_sent(hub: Hub, recipient: str, sha256: str, pairs: int, now: datetime) -> None:
    """Enter that an agency is asked to judge pairs, unless the same packet is entered already."""
    standing = hub.agreement()
    entries = verify_ledger(ledger_path(hub)).entries
    if any(isinstance(e.event, ReviewSent) and e.event.package_sha256 == sha256 for e in entries):
        return
    event = ReviewSent(
        agreement=standing.terms.id,
        agreement_sha256=standing.sha256,
        recipient=recipient,
        pairs=pairs,
        package_sha256=sha256,
    )
    append(ledger_path(hub), event, now)


@contextmanager
def noting_refusals(hub: Hub, request: str, now: datetime) -> Iterator[None]:
    """Enter a request that the agreement or disclosure control refuses, and let the refusal go on to whoever asked."""
    try:
        yield
    except (Refused, DisclosureError) as refusal:
        standing = hub.agreement()
        event = RefusedRequest(
            agreement=standing.terms.id,
            agreement_sha256=standing.sha256,
            request=request[:200],
            reasons=tuple(reason[:4000] for reason in _reasons(refusal)[:100]),
        )
        append(ledger_path(hub), event, now)
        raise


def _reasons(refusal: LinkageError) -> list[str]:
    """Return the clauses; of a table that would tell too much only that it would, for the cells tell it again."""
    if isinstance(refusal, DisclosureError):
        return ["disclosure_control: what was asked for would let a small group be worked out"]
    return list(refusal.problems) or [refusal.message]
