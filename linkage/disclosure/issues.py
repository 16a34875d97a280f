"""Two issues of one file of persons: whoever compares them must not be left with a few."""

from __future__ import annotations

import pandas as pd

from linkage.errors import DisclosureError


def refuse_small_difference(earlier: pd.Series, later: pd.Series, k: int) -> None:
    """Raise DisclosureError if the persons of two issues of one file differ by 1 to k - 1, either way."""
    before, after = set(earlier), set(later)
    problems = [
        f"the {name} issue holds {len(only)} persons whom the other does not; at least {k} or none are needed"
        for name, only in (("earlier", before - after), ("later", after - before))
        if 0 < len(only) < k
    ]
    if problems:
        raise DisclosureError(
            "Two issues of this file would single out the persons by whom they differ.",
            problems,
            "Issue the same persons again, or wait until enough have changed.",
        )
