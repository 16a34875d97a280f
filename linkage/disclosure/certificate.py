"""What the audit attests: small enough to travel with a release, exact enough to be checked again.

Rules: it names the published files by hash, the solver, its tolerance and the narrowest interval an attacker is
left with. It says how many cells are hidden, never which of them are primary.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from importlib.metadata import version

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from linkage.disclosure.attack import TOLERANCE
from linkage.disclosure.audit import AuditResult
from linkage.disclosure.cells import System
from linkage.disclosure.rules import DisclosureRules


class TableAttested(BaseModel):
    """One published table: its size, how much of it is hidden, and the hash of its CSV text."""

    model_config = ConfigDict(frozen=True)

    name: str
    measure: str
    cells: int
    hidden: int
    sha256: str


class SystemAudited(BaseModel):
    """One linear system: everything published about one measure of one population, earlier releases included."""

    model_config = ConfigDict(frozen=True)

    population: str
    vintages: tuple[str, ...]
    measure: str
    inner_cells: int
    distinct_cells: int
    hidden_cells: int
    targets: int
    linear_programs: int
    narrowest_interval: tuple[float, float | None] | None
    narrowest_is_exact: bool
    violations: int
    already_public: int
    earlier_releases: tuple[str, ...]
    cost_above_least: float | None
    """Share of the complementary cells' cost that a better pattern might save; None where no bound was sought."""


class DisclosureCertificate(BaseModel):
    """The outcome of the audit of one release."""

    model_config = ConfigDict(frozen=True)

    release: str
    passed: bool
    rules: DisclosureRules
    tables: tuple[TableAttested, ...]
    systems: tuple[SystemAudited, ...]
    solver: str
    tolerance: float = TOLERANCE


def solver_name() -> str:
    """Return the solver and its version."""
    return f"HiGHS {version('highspy')}"


def sha256_of(frame: pd.DataFrame) -> str:
    """Hash a published frame as the CSV text that would be released."""
    return hashlib.sha256(frame.to_csv(index=False, lineterminator="\n").encode()).hexdigest()


def attest(
    system: System,
    hidden: np.ndarray,
    outcome: AuditResult,
    vintages: tuple[str, ...],
    earlier: Sequence[str],
    gap: float | None,
) -> SystemAudited:
    """Summarise the audit of one system."""
    narrowest = min(outcome.intervals, key=lambda found: found.high - found.low, default=None)
    interval = None
    if narrowest is not None:
        interval = (narrowest.low, narrowest.high if math.isfinite(narrowest.high) else None)
    return SystemAudited(
        population=system.population, vintages=vintages, measure=system.measure, inner_cells=len(system.atoms),
        distinct_cells=len(system.value), hidden_cells=int(hidden.sum()), targets=len(outcome.intervals),
        linear_programs=outcome.programs, narrowest_interval=interval,
        narrowest_is_exact=narrowest.exact if narrowest is not None else True,
        violations=len(outcome.violations), already_public=int(system.already_public.sum()),
        earlier_releases=tuple(dict.fromkeys(earlier)), cost_above_least=gap,
    )  # fmt: skip
