"""Files of persons: nobody stands out by what others could know of them.

Rules:

- Quasi-identifiers are declared. On them every person is like at least k - 1 others (k-anonymity, Samarati and
  Sweeney 1998); each such class holds at least l values of a declared sensitive column (l-diversity).
- A person with several rows is known by the whole sequence: a rare path through schools identifies as a rare school
  does.
- First the ladder: columns are coarsened for everyone (school to district), as little as leaves at most
  ``most_suppressed`` of the persons alone. Then local suppression: single values of those persons are blanked, the
  column that saves most persons first. What still stands out is blanked on every quasi-identifier.
- Two issues of a file must not differ by fewer than k persons.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from linkage.disclosure.tables import codes_of
from linkage.errors import DisclosureError, InputError

BLANK = "*"


class QuasiIdentifier(BaseModel):
    """A column that others could know, and the columns of the same file that say it more coarsely, finest first."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    column: str
    ladder: tuple[str, ...] = ()


class MicrodataReport(BaseModel):
    """What was done to a file, and what it cost."""

    model_config = ConfigDict(frozen=True)

    k: int
    l: int  # noqa: E741 - the literature's letter
    persons: int
    published_as: dict[str, str]
    persons_changed: int
    values_blanked: dict[str, int]
    smallest_class: int


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
    who = frame[person].to_numpy() if person is not None else np.arange(len(frame))
    order = frame[period].to_numpy() if period is not None else np.arange(len(frame))
    people = _People(frame, who, order, sensitive, k, least_diversity)
    ladders = [(each.column, *each.ladder) for each in quasi_identifiers]
    rungs = min(
        (chosen for chosen in product(*[range(len(ladder)) for ladder in ladders])),
        key=lambda chosen: _rung_price(chosen, ladders, people, most_suppressed),
    )
    levels = [ladder[rung] for ladder, rung in zip(ladders, rungs, strict=True)]
    codes = people.sequences(levels)
    blanked = _suppress_locally(codes, people)
    if not people.safe(codes).all():
        raise DisclosureError(
            f"The file cannot be made {k}-anonymous.",
            [f"it holds {len(codes)} persons in all"],
            "Release tables instead, or a file of more persons.",
        )
    result = frame.drop(columns=[column for ladder in ladders for column in ladder[1:]])
    for (name, *_), level in zip(ladders, levels, strict=True):
        shown = codes_of(frame, [level])[level].to_numpy(object)
        result[name] = np.where(blanked[level].to_numpy()[people.number], BLANK, shown)
    counts = {name: int(blanked[level].sum()) for (name, *_), level in zip(ladders, levels, strict=True)}
    report = MicrodataReport(
        k=k, l=least_diversity, persons=len(codes), smallest_class=int(people.class_sizes(codes).min()),
        published_as={name: level for (name, *_), level in zip(ladders, levels, strict=True)},
        persons_changed=int(blanked.any(axis=1).sum()), values_blanked=counts,
    )  # fmt: skip
    return ProtectedFile(result, report)


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
    """The persons of a file, and which of them are safe under given codes."""

    def __init__(
        self, frame: pd.DataFrame, who: np.ndarray, order: np.ndarray, sensitive: str | None, k: int, diversity: int
    ) -> None:
        self.frame, self.k, self.diversity = frame, k, diversity
        self.number, names = pd.factorize(pd.Series(who), sort=True)
        self.count = len(names)
        self.sorted = np.lexsort((order, self.number))
        self.sensitive = self._sequence(sensitive) if sensitive is not None and diversity > 1 else None

    def _sequence(self, column: str) -> np.ndarray:
        values = codes_of(self.frame, [column])[column].iloc[self.sorted]
        return values.groupby(self.number[self.sorted]).agg("\x1f".join).to_numpy(object)

    def sequences(self, columns: Sequence[str]) -> pd.DataFrame:
        """Return, for each person, the sequence of codes in each column."""
        return pd.DataFrame({column: self._sequence(column) for column in columns})

    def class_sizes(self, codes: pd.DataFrame) -> np.ndarray:
        """Return how many persons share each person's codes."""
        return codes.groupby(list(codes.columns))[codes.columns[0]].transform("size").to_numpy()

    def safe(self, codes: pd.DataFrame) -> np.ndarray:
        """Return which persons are in a class large and diverse enough."""
        large = self.class_sizes(codes) >= self.k
        if self.sensitive is None:
            return large
        kinds = codes.assign(kind=self.sensitive).groupby(list(codes.columns))["kind"].transform("nunique")
        return np.asarray(large & (kinds.to_numpy() >= self.diversity))


def _rung_price(
    rungs: tuple[int, ...], ladders: Sequence[tuple[str, ...]], people: _People, most_suppressed: float
) -> tuple[float, float]:
    """Order choices of rungs: first those that leave few persons alone, the least coarse of them best."""
    codes = people.sequences([ladder[rung] for ladder, rung in zip(ladders, rungs, strict=True)])
    alone = float((~people.safe(codes)).mean())
    coarse = sum(rung / len(ladder) for rung, ladder in zip(rungs, ladders, strict=True))
    return (coarse, alone) if alone <= most_suppressed else (float("inf"), alone)


def _suppress_locally(codes: pd.DataFrame, people: _People) -> pd.DataFrame:
    """Blank values in ``codes`` until everybody is safe; return which were blanked."""
    blanked = pd.DataFrame(False, index=codes.index, columns=codes.columns)
    while True:
        unsafe = ~people.safe(codes)
        columns = [column for column in codes.columns if (unsafe & ~blanked[column].to_numpy()).any()]
        if not unsafe.any() or not columns:
            break
        trials = {}
        for column in columns:
            trial = codes.copy()
            trial.loc[unsafe, column] = BLANK
            trials[column] = int(people.safe(trial).sum())
        best = max(columns, key=lambda column: trials[column])
        codes.loc[unsafe, best] = BLANK
        blanked.loc[unsafe, best] = True
    # The fully blanked are too few to hide among themselves: the smallest other classes join them.
    while (~people.safe(codes)).any() and not blanked.all(axis=None):
        sizes = people.class_sizes(codes) + len(codes) * blanked.all(axis=1).to_numpy()
        joining = people.class_sizes(codes) == sizes.min()
        first = codes[joining].iloc[0]
        joining = codes.eq(first).all(axis=1).to_numpy()
        codes.loc[joining, :] = BLANK
        blanked.loc[joining, :] = True
    return blanked
