"""What an agency exports: a register of its people, and files about them under the agency's own local ID.

Rules:

- A column carries its meaning with it, so that the guide that is written beside the files cannot fall behind them.
- Local IDs tell nothing: they are drawn with gaps, and the order of people is random.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from linkage.simulation.arrays import (
    Flags,
    Floats,
    Ints,
    Texts,
    categorical,
    distinct_numbers,
    joined,
    strings,
    texts,
    zero_padded,
)
from linkage.simulation.observation import Observation, Tally


@dataclass(frozen=True)
class Column:
    """One column of a file and what it means."""

    name: str
    values: pa.Array
    meaning: str


@dataclass(frozen=True)
class ExportedFile:
    """One CSV file; ``about`` says in a few words what a row is."""

    name: str
    about: str
    columns: tuple[Column, ...]

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.columns[0].values)

    @property
    def table(self) -> pa.Table:
        """The file's rows."""
        return pa.table({column.name: column.values for column in self.columns})

    def column(self, name: str) -> pa.Array:
        """Return the values of the column of that name."""
        return next(column.values for column in self.columns if column.name == name)


@dataclass(frozen=True)
class Agency:
    """One agency's exports.

    ``persons`` gives for each row of the register the position of the person in the population, ``errors`` what went
    wrong in that row. ``duplicates`` tells whether one person may have several local IDs.
    """

    name: str
    title: str
    about: str
    local_id: str
    register: ExportedFile
    payload: tuple[ExportedFile, ...]
    persons: Ints
    errors: Texts
    tallies: tuple[Tally, ...]
    duplicates: bool = False

    @property
    def files(self) -> tuple[ExportedFile, ...]:
        """The register, then the payload."""
        return (self.register, *self.payload)


@dataclass(frozen=True)
class LocalIds:
    """An agency's local IDs by row of its register."""

    texts: Texts

    def column(self, rows: Ints) -> pa.Array:
        """Return the local IDs of the given rows of the register, in the memory of the row numbers."""
        return categorical(rows, self.texts)


@dataclass(frozen=True)
class Roll:
    """Whom an agency met: the people in the random order of its register, and their first and last period."""

    persons: Ints
    first: Ints
    last: Ints
    row_of_person: Ints


def call_roll(persons: Ints, period: Ints, people: int, rng: np.random.Generator) -> Roll:
    """Find the people among an agency's contacts, each a person in a period, of a world of ``people`` people."""
    first = np.full(people, np.iinfo(np.int32).max, dtype=np.int32)
    last = np.full(people, -1, dtype=np.int32)
    np.minimum.at(first, persons, period)
    np.maximum.at(last, persons, period)
    known = rng.permutation(np.flatnonzero(last >= 0))
    row = np.full(people, -1, dtype=np.int32)
    row[known] = np.arange(len(known))
    return Roll(known, first[known], last[known], row)


def local_ids(rng: np.random.Generator, count: int, prefix: str, digits: int) -> LocalIds:
    """Draw local IDs in ascending order with gaps."""
    low = 10 ** (digits - 1)
    numbers = np.sort(distinct_numbers(rng, count, low, 10 * low))
    return LocalIds(joined(prefix, zero_padded(numbers, digits)))


def dates(days: Ints, form: str, missing: Flags | None = None) -> pa.Array:
    """Write days since 1970 in a ``strftime`` form of year, month and day; ``%b`` is the English month in capitals."""
    months = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split()
    distinct, which = np.unique(days, return_inverse=True)
    calendar = distinct.astype("datetime64[D]").tolist()
    written = [day.strftime(form.replace("%b", months[day.month - 1])) for day in calendar]
    return categorical(which, written, missing)


def sexes(observation: Observation, female: str, male: str) -> pa.Array:
    """Write the sex in an agency's two words."""
    return categorical(observation.female.astype(np.int8), (male, female), observation.sex_missing)


def yes_no(flags: Flags, words: Sequence[str] = ("No", "Yes")) -> pa.Array:
    """Write a yes or no."""
    return categorical(flags.astype(np.int8), tuple(words))


def whole(values: Ints | Floats, missing: Flags | None = None) -> pa.Array:
    """Write whole numbers."""
    return pa.array(np.asarray(values).astype(np.int32), mask=missing)


def with_dashes(numbers: Texts, *lengths: int) -> Texts:
    """Write digits in groups of the given lengths, with dashes between."""
    ends = [sum(lengths[: i + 1]) for i in range(len(lengths))]
    spans = [slice(end - length, end) for end, length in zip(ends, lengths, strict=True)]
    return texts([None if n is None else "-".join(n[span] for span in spans) for n in numbers.tolist()])


def text(values: Texts) -> pa.Array:
    """Write texts as they are."""
    return strings(values)
