"""The receipt of a sealed package: what an auditor may keep."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Receipt:
    """What was hashed and sealed, for whom: an auditor may keep it. It holds no value of any record."""

    package: str
    package_sha256: str
    agency: str
    agency_name: str
    agreement: str
    agreement_sha256: str
    spec_sha256: str
    epoch: int
    serial: str
    created: str
    records: int
    quarantined: dict[str, int]
    identifiers: dict[str, str]
    not_listed: tuple[str, ...]
    missing: dict[str, float]
    rows_by_pass: dict[str, int]
    over_block_cap: dict[str, int]
    sealed_to: dict[str, str]
