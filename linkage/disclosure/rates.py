"""Percentages that do not give their counts away.

Rules:

- A rate is shown only where those it counts, those it does not and both together are all published cells of one
  protected table: numerator, complement and denominator are three linked cells, and hiding the smallest of them
  while printing the percentage would hide nothing.
- It is shown as a band that widens, and is coded at the top and the bottom, as persons become fewer; the count of
  persons is not printed beside it.
- Two styles: ``EDFACTS``, the bands of the U.S. Department of Education's public assessment files, and ``GATEWAY``,
  top and bottom coding as state data gateways apply SLDS Technical Brief 3 (NCES 2011-603).
- A mean or another amount keeps three significant figures, and is shown only where its sum and its persons are.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, log10

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from linkage.disclosure.rules import TOTAL
from linkage.disclosure.tables import COUNT


class Band(BaseModel):
    """How a percentage of at least ``persons`` persons is shown.

    ``edge`` codes the ends (``<=5%``, ``>=95%``), ``width`` is that of the bands between; 1 shows whole per cents. An
    edge of 50 leaves ``<50%`` and ``>=50%``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    persons: int = Field(ge=1)
    edge: int = Field(ge=1, le=50)
    width: int = Field(ge=1, le=50)


class RateStyle(BaseModel):
    """Bands by number of persons; a group smaller than every band has no rate."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bands: tuple[Band, ...]

    def show(self, counted: float, persons: float) -> str | None:
        """Return ``counted`` of ``persons`` as its band, or None where there are too few persons."""
        fitting = [band for band in self.bands if persons >= band.persons]
        if not fitting or persons <= 0:
            return None
        band = max(fitting, key=lambda each: each.persons)
        percent = floor(100 * counted / persons + 0.5)
        if band.edge == 50:
            return "<50%" if 2 * counted < persons else ">=50%"
        if percent <= band.edge:
            return f"<={band.edge}%"
        if percent >= 100 - band.edge:
            return f">={100 - band.edge}%"
        if band.width == 1:
            return f"{percent}%"
        low = percent // band.width * band.width
        first, last = max(low, band.edge + 1), min(low + band.width - 1, 100 - band.edge - 1)
        return f"{first}-{last}%"


EDFACTS = RateStyle(
    bands=(
        Band(persons=6, edge=50, width=50),
        Band(persons=16, edge=20, width=20),
        Band(persons=31, edge=10, width=10),
        Band(persons=61, edge=5, width=5),
        Band(persons=301, edge=1, width=1),
    )
)
GATEWAY = RateStyle(
    bands=(
        Band(persons=10, edge=20, width=10),
        Band(persons=20, edge=10, width=1),
        Band(persons=40, edge=5, width=1),
        Band(persons=100, edge=2, width=1),
        Band(persons=300, edge=1, width=1),
    )
)


def rates(
    published: pd.DataFrame, by: Sequence[str], outcome: str, success: str, symbol: str, style: RateStyle = EDFACTS
) -> pd.DataFrame:
    """Return the rate of ``success`` in each cell of a protected count table crossed by ``outcome`` with margins.

    The result has the columns of ``by`` and ``rate``.
    """
    keys = [column for column in published.columns if column not in (outcome, COUNT)]
    wide = published.pivot(index=keys, columns=outcome, values=COUNT).astype("object")
    wide = wide.where(wide.notna(), 0)
    rows = []
    for key, counts in wide.iterrows():
        codes = key if isinstance(key, tuple) else (key,)
        hidden = counts.eq(symbol).any()
        persons = counts[TOTAL]
        shown = None if hidden else style.show(float(counts.get(success, 0)), float(persons))
        rows.append((*codes, symbol if shown is None else shown))
    table = pd.DataFrame(rows, columns=[*keys, "rate"])
    return table[[*by, *(column for column in keys if column not in by), "rate"]]


def rounded_amount(amount: float, figures: int = 3) -> float:
    """Round a mean or a median to ``figures`` significant figures."""
    if amount == 0:
        return 0.0
    return round(amount, figures - 1 - floor(log10(abs(amount))))
