"""Counts of persons who work for too few employers: 20 CFR 603.4 protects employers as well as persons.

Rules:

- A cell is hidden where its persons have fewer employers than the threshold, or where the largest employers have more
  of them than a dominance or p % rule allows, counted in persons.
- Such cells are *asked to be hidden*: complementary suppression then guards them like any other. In a count nobody is
  named as an insider, for an employer knows its own people and no release can change that.
- Wages, where an employer's share is an amount, are guarded with their contributors named (linkage.release.tables).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np
import pandas as pd

from linkage.disclosure.rules import TOTAL
from linkage.governance.thresholds import DisclosureControl


def cells_of_few_employers(
    persons: pd.DataFrame, by: Sequence[str], margins: bool, employer: str, control: DisclosureControl
) -> tuple[dict[str, str], ...]:
    """Return the cells (and margins) of a count of ``persons`` that say too much of an employer, by their codes."""
    found = []
    for kept in product((True, False), repeat=len(by)) if margins else [(True,) * len(by)]:
        columns = [column for column, stays in zip(by, kept, strict=True) if stays]
        groups = persons.groupby(columns) if columns else [((), persons)]
        for codes, group in groups:
            sizes = group[employer].value_counts().to_numpy(dtype=float)
            if any(_rules_broken(sizes, control)):
                named = dict(zip(columns, codes if isinstance(codes, tuple) else (codes,), strict=True))
                found.append({column: str(named.get(column, TOTAL)) for column in by})
    return tuple(found)


def _rules_broken(sizes: np.ndarray, control: DisclosureControl) -> Iterator[bool]:
    """Apply each rule to how many persons each employer has, largest first."""
    total, largest = sizes.sum(), np.append(sizes, [0.0, 0.0])
    yield len(sizes) < (control.employer_threshold or 0)
    for rule in control.dominance:
        yield sizes[: rule.largest].sum() > rule.share * total
    if control.p_percent is not None:
        yield total - largest[0] - largest[1] < control.p_percent / 100 * largest[0]
