"""A simulator of the other side: two agencies, a hub and a university in a folder, small enough to make in a test."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pandas as pd

from linkage.engine import journal
from linkage.engine.payload import seal_payload
from linkage.engine.receive import receive
from linkage.engine.rooms import ROOMS, Hub
from linkage.engine.steward import hash_extract
from linkage.exchange.keys import PrivateKeys, generate_keys
from linkage.exchange.secret import Secret
from linkage.governance.document import read_agreement
from linkage.governance.drafting import Particulars, fill_template
from linkage.governance.signatures import (
    read_signatures,
    sign_document,
    signatures_path,
    with_signature,
    write_signatures,
)
from linkage.governance.standing import StandingAgreement, load_agreement
from linkage.resources import shipped
from linkage.spec.load import load_spec

TODAY = date(2026, 11, 22)
NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)

#: Values that must be found nowhere at the hub: each stands in a cell of the agencies' files. None is a short number,
#: which would stand in some random token by chance: five digits do in one of a hundred runs.
MARKERS = ("Quixotrix", "Zaphodsson", "1987-06-05", "Wombatroad", "V5K0X1", "509876543", "marker.mail")


def children(count: int, first: int = 0) -> pd.DataFrame:
    """Return ``count`` made-up children, numbered from ``first``, in the columns of a register."""
    given = ["Ana", "Ben", "Carla", "Dev", "Elin", "Farid", "Grace", "Hugo", "Iris", "Jonas", "Quixotrix"]
    family = ["Abel", "Brandt", "Cho", "Diaz", "Eriksen", "Ford", "Gupta", "Hale", "Ito", "Jensen", "Zaphodsson"]
    numbers = range(first, first + count)
    return pd.DataFrame(
        {
            "local": [f"L{n:05}" for n in numbers],
            "FirstName": [given[n % 11] + "abcdefg"[n // 77 % 7] * (n % 11 < 10) for n in numbers],
            "LastSurname": [family[n // 11 % 11] for n in numbers],
            "BirthDate": [f"19{87 - n % 9}-0{n % 8 + 1}-{n % 27 + 1:02}" if n % 50 else "1987-06-05" for n in numbers],
            "StreetNumberName": [f"{n % 400 + 1} Wombatroad" for n in numbers],
            "PostalCode": ["V5K0X1" if n % 3 else "V5K0X4" for n in numbers],
            "SSN": [f"{509876543 + 7919 * n % 90_000_000}" for n in numbers],
            "Email": [f"p{n}@marker.mail" for n in numbers],
        }
    )


def enrollment(register: pd.DataFrame) -> pd.DataFrame:
    """Return a district's payload for a register: one row a student and year, and all graduate."""
    years = [2023, 2024]
    rows = [
        {
            "StudentUniqueId": local,
            "SchoolYear": str(year),
            "SchoolId": f"S{n % 3}",
            "GradeLevel": "11" if year == 2023 else "12",
            "ExitWithdrawDate": "" if year == 2023 else "2024-06-10",
            "ExitWithdrawType": "" if year == 2023 else "01921",
            "DaysEnrolled": "178",
            "DaysAbsent": str(n % 20),
            "EnglishLearner": "Yes" if n % 4 == 0 else "No",
            "EconomicallyDisadvantaged": "Yes" if n % 2 else "No",
            "RaceEthnicity": "White" if n % 3 else "Asian",
        }
        for n, local in enumerate(register["local"])
        for year in years
    ]
    return pd.DataFrame(rows)


@dataclass
class Consortium:
    """Keys, an agreement and a hub in one folder."""

    folder: Path
    keys: dict[str, PrivateKeys]
    hub: Hub
    agreement_path: Path
    secret: Secret

    @property
    def agreement(self) -> StandingAgreement:
        return load_agreement(self.agreement_path)

    def hash(self, agency: str, register: pd.DataFrame, name: str = "register", **changed: object) -> Path:
        """Hash a register and return the package."""
        out = self.folder / agency / f"{name}.lpkg"
        out.parent.mkdir(exist_ok=True)
        settings: dict = {
            "agreement": self.agreement,
            "spec": load_spec(),
            "secret": self.secret,
            "keys": self.keys[agency],
            "now": NOW,
            "random_bytes": os.urandom,
            "columns": {"local_id": "local"},
        }
        hash_extract(register, out=out, **(settings | changed))
        return out

    def seal(self, agency: str, payload: pd.DataFrame, dataset: str, **changed: object) -> Path:
        """Seal a payload and return the package."""
        out = self.folder / agency / f"{dataset}.dpkg"
        out.parent.mkdir(exist_ok=True)
        settings: dict = {
            "agreement": self.agreement,
            "keys": self.keys[agency],
            "now": NOW,
            "random_bytes": os.urandom,
        }
        seal_payload(payload, dataset, out=out, **(settings | changed))
        return out

    def receive(self, *packages: Path, today: date = TODAY) -> None:
        """Take packages in at the hub, ledger included."""
        for path in packages:
            found = receive(self.hub, path, today)
            if found.new:
                journal.received(self.hub, found, NOW)


def make_consortium(
    folder: Path,
    days_left: int = 365,
    template_name: str = "longitudinal-research",
    linkage: str = "",
    quality: str = "",
) -> Consortium:
    """Make keys, a signed agreement and a hub that works under it.

    ``linkage`` is put into the clause of that name, ``quality`` (a flow mapping) is the clause `linkage_quality`.
    """
    template = shipped("agreements") / f"{template_name}.yaml"
    parties = [party.id for party in read_agreement(template).terms.parties if party.role != "hub"]
    keys = {name: generate_keys(name) for name in parties}
    hub = Hub.create(folder / "hub", "data-hub")
    public = {name: key.public for name, key in keys.items()}
    public |= {f"data-hub.{room}": hub.keys(room).public for room in ROOMS}
    text = fill_template(
        template.read_text(encoding="utf-8"),
        template.name,
        Particulars(
            keys=public,
            spec_sha256=load_spec().sha256,
            effective=TODAY - timedelta(days=30),
            expires=TODAY + timedelta(days=days_left),
            destroy_by=TODAY + timedelta(days=days_left + 400),
            trained_on=TODAY - timedelta(days=20),
        ),
    )
    clause = f"linkage_quality: {quality}\n" if quality else ""
    text = text.replace("\nlinkage:\n", f"\n{clause}linkage:\n{linkage}", 1)
    path = folder / "agreement.yaml"
    path.write_text(text, encoding="utf-8")
    sign_all(path, keys | {"data-hub": hub.keys("release")})
    # Always the same, and so the same filters: whether two records are alike enough to be linked hangs on no draw.
    consortium = Consortium(folder, keys, hub, path, Secret(hashlib.sha256(b"of the agencies").digest()))
    journal.enacted(hub, hub.adopt(path, "person"), NOW, os.urandom)
    return consortium


def sign_all(path: Path, keys: dict[str, PrivateKeys]) -> None:
    """Sign an agreement for every party."""
    document = read_agreement(path)
    for party, key in keys.items():
        signature = sign_document(document, party, key, TODAY)
        write_signatures(
            signatures_path(path), path.name, with_signature(read_signatures(signatures_path(path)), signature)
        )
