"""The outbox of clerical review: who is asked about which pairs, recorded in one step and sent from the record.

Rules:

- A batch is one file, sealed to the registrar: its pairs, the reference that each agency knows them by, and the packet
  for each agency, as sealed. It is there whole or not at all, and from then on its pairs count as asked.
- A packet is entered in the ledger before it appears under its name: after a kill the ledger may name a packet that
  nobody got, and nobody has one that it does not name.
- A batch is unsent until all of its packets are where the operator wants them; its name says so. Sending it again
  writes the same bytes under the same names, and enters nothing twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from linkage.engine import journal
from linkage.engine.question import Post
from linkage.engine.rooms import Hub
from linkage.exchange.files import rename_durably, sweep, write_atomically
from linkage.exchange.sealing import seal_bytes, unseal_bytes
from linkage.registry.model import RecordKey

_SENT, _UNSENT = ".batch", ".unsent"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_bytes="base64", val_json_bytes="base64")


class AskedPair(_Frozen):
    """A pair that agencies are asked about: their records, and the reference each agency knows it by."""

    a: RecordKey
    b: RecordKey
    references: Mapping[str, str]


class Packet(_Frozen):
    """What an agency is to get: a sealed package and the name of its file."""

    agency: str
    name: str
    pairs: int
    sealed: bytes = Field(repr=False)


class Batch(_Frozen):
    """Pairs that were chosen together, and the packets that ask about them."""

    pairs: tuple[AskedPair, ...]
    packets: tuple[Packet, ...]


def record(hub: Hub, batch: Batch, post: Post) -> None:
    """Decide that a batch is asked: whatever happens now, it will be sent, once and as it is."""
    path = hub.room("registrar", "reviews") / f"{post.now:%Y%m%dT%H%M%S}-{post.random_bytes(16).hex()}{_UNSENT}"
    write_atomically(path, seal_bytes(batch.model_dump_json().encode(), [hub.keys("registrar").public.sealing]))


def unsent(hub: Hub) -> tuple[Path, ...]:
    """Return the batches of which packets may be lacking, oldest first; opens none."""
    return tuple(sorted(hub.room("registrar", "reviews").glob(f"*{_UNSENT}")))


def open_batch(hub: Hub, path: Path) -> Batch:
    """Open a batch with the registrar's key."""
    return Batch.model_validate_json(unseal_bytes(path.read_bytes(), hub.keys("registrar"), str(path)))


def send(hub: Hub, path: Path, folder: Path, now: datetime) -> tuple[Packet, ...]:
    """Enter every packet of an unsent batch in the ledger, write it to ``folder``, and call the batch sent."""
    batch = open_batch(hub, path)
    for packet in batch.packets:
        journal.review_sent(hub, packet.agency, hashlib.sha256(packet.sealed).hexdigest(), packet.pairs, now)
        _place(folder / packet.name, packet.sealed)
    rename_durably(path, path.with_suffix(_SENT))
    return batch.packets


def asked(hub: Hub) -> list[AskedPair]:
    """Return every pair that agencies were asked about, or are to be, oldest first."""
    room = hub.room("registrar", "reviews")
    paths = sorted([*room.glob(f"*{_SENT}"), *room.glob(f"*{_UNSENT}")])
    return [pair for path in paths for pair in open_batch(hub, path).pairs]


def _place(path: Path, sealed: bytes) -> None:
    sweep(path)
    write_atomically(path, sealed)
