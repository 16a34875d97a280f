"""Files of persons: nobody stands out by what others could know of them.

Rules:

- Quasi-identifiers are declared. On them every person is like at least k - 1 others, and each such class holds at least
  l values of a declared sensitive column; how that is reached with little loss, see anonymity.
- A person with several rows is known by the whole sequence: a rare path through schools identifies as a rare school
  does. What is suppressed is suppressed in all the person's rows. Where the years of a path count too (who is there
  in 2024 but not in 2025), the period is declared a quasi-identifier itself.
- A missing value is a category like any other.
- The file is checked again as it will be released, from its own rows.
- Two issues of a file must not differ by fewer than k persons.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from linkage.disclosure.anonymity import choose_changes, class_sizes
from linkage.disclosure.tables import codes_of
from linkage.errors import DisclosureError, InputError

BLANK = "*"


class QuasiIdentifier(BaseModel):
    """A column that others could know, and the columns of the same file that say it more coarsely, finest first."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    column: str
    ladder: tuple[str, ...] = ()


class ColumnReport(BaseModel):
    """What became of one quasi-identifier."""

    model_config = ConfigDict(frozen=True)

    column: str
    published_as: str
    categories_before: int
    categories_after: int
    persons_suppressed: int


class MicrodataReport(BaseModel):
    """What was done to a file, and what it cost."""

    model_config = ConfigDict(frozen=True)

    k: int
    l: int  # noqa: E741 - the literature's letter
    persons: int
    persons_changed: int
    share_of_values_suppressed: float
    smallest_class: int
    columns: tuple[ColumnReport, ...]


@dataclass(frozen=True, eq=False)
class ProtectedFile:
    """A file that was checked after it was changed."""

    frame: pd.DataFrame
    report: MicrodataReport


def anonymise(
    frame: pd.DataFrame,
    quasi_identifiers: Sequence[QuasiIdentifier],
    k: int,
    person: str | None = None,
    period: str | None = None,
    sensitive: str | None = None,
    least_diversity: int = 1,
    most_suppressed: float = 0.05,
) -> ProtectedFile:
    """Return ``frame`` with its quasi-identifiers made k-anonymous (and l-diverse in ``sensitive``).

    ``person`` names the person of each row (each row is one otherwise), ``period`` orders a person's rows. Coarser
    columns leave the file; the column published in their place keeps its name. Raises DisclosureError if the file
    has too few persons to be made safe.
    """
    named = [*(c for each in quasi_identifiers for c in (each.column, *each.ladder)), person, period, sensitive]
    missing = [str(column) for column in named if column is not None and column not in frame.columns]
    if missing or not quasi_identifiers:
        raise InputError("The file cannot be protected.", [f"column {column!r} is not in it" for column in missing])
    people = _People(frame, person, period)
    ladders = [(each.column, *each.ladder) for each in quasi_identifiers]
    kind = people.numbers(sensitive) if sensitive is not None else None
    changes = choose_changes(
        [[people.numbers(column) for column in ladder] for ladder in ladders], k, kind, least_diversity, most_suppressed
    )
    levels = [ladder[rung] for ladder, rung in zip(ladders, changes.rungs, strict=True)]
    result = frame.drop(columns=[column for ladder in ladders for column in ladder[1:]])
    reports = []
    for place, ((name, *_), level) in enumerate(zip(ladders, levels, strict=True)):
        shown = codes_of(frame, [level])[level].to_numpy(object)
        result[name] = np.where(changes.suppressed[people.number, place], BLANK, shown)
        reports.append(
            ColumnReport(
                column=name, published_as=level, categories_before=int(codes_of(frame, [name])[name].nunique()),
                categories_after=int(result.loc[result[name].ne(BLANK), name].nunique()),
                persons_suppressed=int(changes.suppressed[:, place].sum()),
            )
        )  # fmt: skip
    report = MicrodataReport(
        k=k, l=least_diversity, persons=len(changes.suppressed), columns=tuple(reports),
        persons_changed=int(changes.suppressed.any(axis=1).sum()),
        share_of_values_suppressed=float(changes.suppressed.mean()),
        smallest_class=_checked(result, [name for name, *_ in ladders], person, period, k),
    )  # fmt: skip
    return ProtectedFile(result, report)


def _checked(frame: pd.DataFrame, columns: Sequence[str], person: str | None, period: str | None, k: int) -> int:
    """Return the size of the smallest class of a file as it is released; raises DisclosureError if it is below k."""
    people = _People(frame, person, period)
    smallest = int(class_sizes(np.column_stack([people.numbers(column) for column in columns])).min())
    if smallest < k:
        raise DisclosureError(f"A combination of quasi-identifiers is left with {smallest} of {k} persons.")
    return smallest


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


class _People:
    """The persons of a file, and what is known of each by a column: the sequence of its values."""

    def __init__(self, frame: pd.DataFrame, person: str | None, period: str | None) -> None:
        who = frame[person].to_numpy() if person is not None else np.arange(len(frame))
        order = frame[period].to_numpy() if period is not None else np.arange(len(frame))
        self.frame = frame
        self.number, names = pd.factorize(pd.Series(who), sort=True)
        self.single = len(names) == len(frame)
        self.sorted = np.lexsort((order, self.number))

    def numbers(self, column: str) -> np.ndarray:
        """Return a number for each person; equal where the whole sequence of values is."""
        ordered = codes_of(self.frame, [column])[column].iloc[self.sorted]
        if not self.single:
            ordered = ordered.groupby(self.number[self.sorted]).agg("\x1f".join)
        return pd.factorize(ordered.to_numpy(object))[0].astype(np.int64)
