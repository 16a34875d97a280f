"""Issues of a research file whose IDs are kept from release to release: whom the last one held.

Rules:

- With kept IDs a recipient sees who has come and who has gone since the last issue. Fewer of them than the file's k
  would be as few as k-anonymity forbids, so such an issue is refused (:mod:`linkage.disclosure.issues`).
- What is kept is the release IDs alone, sealed to the release room's own key.
- With IDs made anew nobody can tell the two issues' persons apart, and nothing is kept.
"""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from linkage.disclosure.issues import refuse_small_difference
from linkage.engine.rooms import Hub
from linkage.exchange.files import write_atomically
from linkage.exchange.sealing import seal_bytes, unseal_bytes
from linkage.governance.outputs import ResearchFile
from linkage.release.assemble import AssembledFile
from linkage.release.columns import RELEASE_ID
from linkage.release.permission import PermittedRelease

SUFFIX = ".issue"


def refuse_if_few_changed(hub: Hub, permission: PermittedRelease, file: AssembledFile) -> None:
    """Raise DisclosureError if this issue and the last differ by so few persons that they would stand out."""
    rule, path = permission.rules.microdata, _place(hub, permission)
    if not _keeps_ids(permission) or rule is None or not path.exists():
        return
    earlier = json.loads(unseal_bytes(path.read_bytes(), hub.keys("release"), str(path)))
    refuse_small_difference(pd.Series(earlier, dtype="string"), _ids(file), rule.k)


def keep_issue(hub: Hub, permission: PermittedRelease, file: AssembledFile) -> None:
    """Keep whom this issue holds, for the next."""
    if _keeps_ids(permission):
        content = json.dumps(_ids(file).tolist()).encode()
        write_atomically(_place(hub, permission), seal_bytes(content, [hub.keys("release").public.sealing]))


def _keeps_ids(permission: PermittedRelease) -> bool:
    stable = permission.terms.linkage.release_ids == "stable_for_updates"
    return stable and isinstance(permission.output, ResearchFile)


def _ids(file: AssembledFile) -> pd.Series:
    return pd.read_parquet(file["persons"].parquet, columns=[RELEASE_ID])[RELEASE_ID].astype("string")


def _place(hub: Hub, permission: PermittedRelease) -> Path:
    issue = f"{permission.terms.id}.{permission.recipient}.{permission.output_id}"
    return hub.room("release", "history") / f"{issue}{SUFFIX}"
