"""The IDs that an agency may have of its own records: lasting, and made for that agency alone.

Rules:

- Only where the agreement lists the agency (linkage.agency_ids). What the agency gets is its own person tokens and the
  ID of each, sealed to it and signed by the registrar; withdrawn records are not in it.
- The IDs are scoped (:mod:`linkage.registry.scoped`): two agencies cannot join theirs, neither finds the common ID, and
  no release shows them. They last as long as the common ID does.
- Each file that goes out is entered in the ledger, before it appears under its name: after a kill the hub may have
  noted a file that nobody got, but nobody has one that it did not note.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from io import BytesIO
from pathlib import Path

import pandas as pd

from linkage.engine import journal
from linkage.engine.headings import heading_of
from linkage.engine.registrar import open_registry
from linkage.engine.rooms import Hub
from linkage.exchange.files import copy_atomically
from linkage.exchange.keys import PrivateKeys
from linkage.exchange.package import Member, open_package, package_sha256, write_package
from linkage.governance.day import local_day
from linkage.governance.decide import require
from linkage.governance.requests import ReturnIds
from linkage.governance.standing import StandingAgreement
from linkage.registry.scoped import scoped_crosswalk

AGENCY_IDS_SUFFIX = ".ids"
_KEY_LABEL = "scoped-student-ids"
_MEMBER = "ids.parquet"


def make_agency_ids(
    hub: Hub, agency: str, out: Path, now: datetime, random_bytes: Callable[[int], bytes]
) -> pd.DataFrame:
    """Seal an agency's own records under IDs made for it. Raises Refused where the agreement does not list it."""
    agreement, keys = hub.agreement(), hub.keys("registrar")
    require(agreement, [ReturnIds(agency)], local_day(now))
    with open_registry(hub) as registry:
        table = scoped_crosswalk(registry.crosswalk(), agency, keys.derive(_KEY_LABEL))
    party = agreement.terms.party(agency)
    assert party is not None, "a provider that the agreement lists is a party"
    buffer = BytesIO()
    table.sort_values("scoped_id").to_parquet(buffer, index=False, compression="zstd")
    heading = heading_of(agreement, "agency-ids", {"records": len(table)}, now, random_bytes)
    sealed = hub.room("registrar") / ".agency-ids.part"  # the next command sweeps it, should a kill leave it
    write_package(sealed, heading, {_MEMBER: Member(buffer.getvalue())}, keys, [party.public_keys()])
    journal.returned_ids(hub, agency, len(table), package_sha256(sealed), now)
    copy_atomically(sealed, out)
    sealed.unlink()
    return table


def open_agency_ids(path: Path, agreement: StandingAgreement, keys: PrivateKeys) -> pd.DataFrame:
    """Open what the hub sent, on the agency's machine: person_token, scoped_id."""
    registrar = agreement.terms.hub.public_keys("registrar")
    with open_package(path, keys, {registrar.name: registrar}, "agency-ids") as package:
        return pd.read_parquet(BytesIO(package.member(_MEMBER)))
