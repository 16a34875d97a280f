"""Sealing payload for the release room: what the agreement lists, under person tokens instead of local IDs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from io import BytesIO
from pathlib import Path

import pandas as pd

from linkage.engine.headings import heading_of
from linkage.engine.steward import local_ids, person_tokens
from linkage.errors import Refused
from linkage.exchange.keys import PrivateKeys
from linkage.exchange.package import Member, write_package
from linkage.governance.day import local_day
from linkage.governance.standing import StandingAgreement
from linkage.release.payload import PreparedPayload, prepare_payload, require_dataset

PAYLOAD_MEMBER = "payload.parquet"


def seal_payload(
    frame: pd.DataFrame,
    dataset_id: str,
    *,
    agreement: StandingAgreement,
    keys: PrivateKeys,
    out: Path,
    now: datetime,
    random_bytes: Callable[[int], bytes],
    drop_unlisted: bool = False,
) -> PreparedPayload:
    """Seal what an agreement allows of a file to the hub's release room.

    Raises Refused or InputError, naming every clause and column; then nothing is written.
    """
    terms = agreement.terms
    dataset = terms.dataset(keys.name, dataset_id)
    if dataset is None:
        listed = [d.dataset for d in terms.data if d.provider == keys.name]
        raise Refused(
            f"the agreement {terms.id} lists no dataset {dataset_id} of {keys.name}",
            [f"{agreement.cite('data')}: it lists {', '.join(listed) or 'none'}"],
            "name one that it lists with --dataset",
        )
    require_dataset(frame, dataset)
    ids = local_ids(frame, dataset.local_id)
    tokens = pd.Series(person_tokens(keys, terms.id, ids), dtype="string")
    prepared = prepare_payload(frame, dataset, agreement, local_day(now), tokens, drop_unlisted)
    heading = heading_of(
        agreement,
        "payload",
        {
            "dataset": dataset_id,
            "records": len(prepared.frame),
            "elements": {facts.element: facts.missing for facts in prepared.elements},
        },
        now,
        random_bytes,
    )
    # Rows leave in a random order, so that they cannot be laid beside the agency's own file.
    seed = int.from_bytes(random_bytes(16), "big") % 2**32
    buffer = BytesIO()
    prepared.frame.sample(frac=1, random_state=seed).to_parquet(buffer, index=False, compression="zstd")
    room = terms.hub.public_keys("release")
    write_package(out, heading, {PAYLOAD_MEMBER: Member(buffer.getvalue(), room)}, keys, [room])
    return prepared
