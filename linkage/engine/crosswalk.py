"""The crosswalk of one release: the registrar's word on who is who, under IDs made for it.

Rules:

- The registrar draws the IDs; the release room never sees a common student ID, the registrar never sees payload.
- It is sealed to the release room, signed, and made anew for each release. Only where the agreement says
  ``stable_for_updates`` are the IDs kept that its earlier releases gave the same recipient, sealed to the registrar
  alone. Two agreements never share IDs, not even of one recipient: that would join two projects.
- Beside the release ID stands a *person key*, the registrar's keyed name for the student: the same in each release, for
  the release room's differencing guard alone. It is in no release.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from datetime import datetime
from io import BytesIO
from pathlib import Path

import pandas as pd

from linkage.engine.headings import heading_of
from linkage.engine.registrar import open_registry
from linkage.engine.rooms import Hub
from linkage.exchange.files import write_atomically
from linkage.exchange.keys import PrivateKeys
from linkage.exchange.package import Member, open_package, write_package
from linkage.exchange.sealing import seal_bytes, unseal_bytes
from linkage.governance.standing import StandingAgreement
from linkage.release.identifiers import kept_release_ids, release_ids

SUFFIX = ".crosswalk"
_MEMBER = "crosswalk.parquet"


def make_crosswalk(hub: Hub, release: str, recipient: str, now: datetime, random_bytes: Callable[[int], bytes]) -> Path:
    """Draw release IDs and seal (agency, person_token, release_id, person_key) for the release room."""
    agreement, keys = hub.agreement(), hub.keys("registrar")
    with open_registry(hub) as registry:
        known = registry.crosswalk()
    students = known["student_id"].drop_duplicates().tolist()
    if agreement.terms.linkage.release_ids == "stable_for_updates":
        ids = _stable(hub, f"{agreement.terms.id}.{recipient}", students, random_bytes)
    else:
        ids = release_ids(students, random_bytes)
    table = pd.DataFrame(
        {
            "agency": known["agency"],
            "person_token": known["person_token"],
            "release_id": known["student_id"].map(ids),
            "person_key": known["student_id"].map(_person_keys(students, keys)),
        }
    ).sort_values("release_id")
    buffer = BytesIO()
    table.to_parquet(buffer, index=False, compression="zstd")
    heading = heading_of(agreement, "crosswalk", {"release": release, "persons": len(students)}, now, random_bytes)
    room = agreement.terms.hub.public_keys("release")
    path = hub.room("release", "crosswalks") / f"{release}{SUFFIX}"
    write_package(path, heading, {_MEMBER: Member(buffer.getvalue(), room)}, keys, [room])
    return path


def _person_keys(students: list[str], keys: PrivateKeys) -> dict[str, str]:
    key = keys.derive("person-key")
    return {student: hmac.digest(key, student.encode(), "sha256")[:16].hex() for student in students}


def read_crosswalk(hub: Hub, path: Path, agreement: StandingAgreement) -> pd.DataFrame:
    """Open a crosswalk in the release room."""
    registrar = agreement.terms.hub.public_keys("registrar")
    with open_package(path, hub.keys("release"), {registrar.name: registrar}, "crosswalk") as package:
        return pd.read_parquet(BytesIO(package.member(_MEMBER)))


def _stable(hub: Hub, project: str, students: list[str], random_bytes: Callable[[int], bytes]) -> pd.Series[str]:
    keys = hub.keys("registrar")
    path = hub.room("registrar", "release-ids") / f"{project}.sealed"
    earlier = pd.Series([], index=pd.Index([], name="student", dtype="str"), dtype="string", name="release_id")
    if path.exists():
        frame = pd.read_parquet(BytesIO(unseal_bytes(path.read_bytes(), keys, str(path))))
        earlier = frame.set_index("student")["release_id"]
    ids = kept_release_ids(students, earlier, random_bytes)
    buffer = BytesIO()
    pd.concat([earlier[~earlier.index.isin(ids.index)], ids]).rename_axis("student").reset_index().to_parquet(buffer)
    write_atomically(path, seal_bytes(buffer.getvalue(), [keys.public.sealing]))
    return ids
