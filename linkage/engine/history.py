"""What the release room keeps of the tables it released, so that a later one cannot undo them.

Rules:

- A record holds the data behind a table. It is sealed to the release room's own key at rest, and never leaves.
- Persons are followed from release to release by a key of the registrar's (:mod:`linkage.engine.crosswalk`) that only
  this room sees and no release shows, so that the differencing guard knows who joined a table and who left it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from linkage.disclosure import ReleaseRecord, Table
from linkage.disclosure.cells import PrintedTable
from linkage.engine.rooms import Hub
from linkage.exchange.files import write_atomically
from linkage.exchange.sealing import seal_bytes, unseal_bytes

SUFFIX = ".record"


def keep_record(hub: Hub, record: ReleaseRecord) -> None:
    """Seal a release's record into the release room's history."""
    content = {"release": record.release, "tables": [_packed(printed) for printed in record.tables]}
    sealed = seal_bytes(json.dumps(content).encode(), [hub.keys("release").public.sealing])
    write_atomically(hub.room("release", "history") / f"{record.release}{SUFFIX}", sealed)


def kept_records(hub: Hub) -> list[ReleaseRecord]:
    """Return the records of all earlier releases, oldest first."""
    keys = hub.keys("release")
    records = []
    for path in sorted(hub.room("release", "history").glob(f"*{SUFFIX}")):
        content = json.loads(unseal_bytes(path.read_bytes(), keys, str(path)))
        records.append(ReleaseRecord(content["release"], tuple(_unpacked(content["tables"]))))
    return records


def _packed(printed: PrintedTable) -> dict[str, Any]:
    table = printed.table
    described = {
        name: getattr(table, name)
        for name in ("name", "by", "levels", "margins", "count", "value", "contributor", "where", "population",
                     "vintage", "nested", "id", "must_publish", "must_hide", "priority")
    }  # fmt: skip
    return {
        "release": printed.release,
        "symbol": printed.symbol,
        "table": described,
        "data": _split(table.data),
        "published": _split(printed.published),
    }


def _unpacked(tables: Sequence[dict[str, Any]]) -> Iterator[PrintedTable]:
    for packed in tables:
        yield PrintedTable(
            packed["release"],
            Table(data=pd.DataFrame(**packed["data"]), **packed["table"]),
            pd.DataFrame(**packed["published"]),
            packed["symbol"],
        )


def _split(frame: pd.DataFrame) -> dict[str, Any]:
    """Return a frame as JSON values; a column may hold numbers and the symbol for hidden cells."""
    found: dict[str, Any] = json.loads(frame.to_json(orient="split", index=False, double_precision=15))
    return found
