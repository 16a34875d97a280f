"""Payload: the columns and rows that an agreement lets one provider share, and nothing beside them.

Rules:

- A column that the agreement does not list, or lists as ``link_only``, is refused by name with its clause; only when
  asked (``drop_unlisted``) is it left out instead, and named among what was left out.
- A column that only chooses the rows (``population``, ``years``) is read and not sealed unless it is listed.
- Rows outside the agreed population and years are left out, and counted by reason.
- Values must be of the types and codes that the agreement lists; what looks like an identifier is refused
  (:mod:`linkage.release.shapes`). All problems are named at once, by column and row, never by value.
- A record is known by its person token. The local ID does not travel.
- The release room checks again what the agency checked, with the same code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from linkage.errors import InputError
from linkage.governance.datasets import Dataset, Element
from linkage.governance.decide import decide, refusals, require
from linkage.governance.requests import SealElement, SealYear
from linkage.governance.standing import StandingAgreement
from linkage.release.shapes import identifier_shapes
from linkage.release.values import canonical, counted, distinct, expected

PERSON_TOKEN = "person_token"
_TOKEN = r"[0-9a-f]{32}"


@dataclass(frozen=True)
class LeftOut:
    """Rows that were not sealed, and the reason."""

    reason: str
    rows: int


@dataclass(frozen=True)
class ElementFacts:
    """How much of a sealed element is missing, as a share of the rows."""

    element: str
    missing: float


@dataclass(frozen=True, eq=False)
class PreparedPayload:
    """A provider's dataset, ready to be sealed: the person token and the listed elements, all as text."""

    dataset: str
    frame: pd.DataFrame
    rows_read: int
    rows_left_out: tuple[LeftOut, ...]
    columns_left_out: tuple[str, ...]
    absent: tuple[str, ...]
    """Elements that the agreement lists and the file does not have."""

    @property
    def elements(self) -> tuple[ElementFacts, ...]:
        """Share of missing values of each element."""
        missing = self.frame.drop(columns=PERSON_TOKEN).isna().mean()
        return tuple(ElementFacts(str(name), round(float(share), 4)) for name, share in missing.items())


def prepare_payload(
    frame: pd.DataFrame,
    dataset: Dataset,
    agreement: StandingAgreement,
    today: date,
    person_tokens: pd.Series,
    drop_unlisted: bool = False,
) -> PreparedPayload:
    """Return what of ``frame`` (an extract as text) may be sealed under the agreement.

    ``person_tokens`` has one token per row, missing where the row has no local ID. Raises Refused for what the
    agreement does not allow and InputError for what it does not describe.
    """
    frame = frame.reset_index(drop=True)
    tokens = person_tokens.reset_index(drop=True).astype("string")
    require_dataset(frame, dataset)
    if len(tokens) != len(frame):
        raise InputError(f"Expected a person token for each of {len(frame)} rows, found {len(tokens)}.")
    listed, left_out_columns = _columns(frame, dataset, agreement, today, drop_unlisted)
    kept, rows_left_out = _rows(frame, dataset, agreement, today, tokens)
    chosen = frame.loc[kept, listed]
    elements = [element for element in dataset.elements if element.name in listed]
    checked = _checked(chosen, elements, tokens[kept], dataset.key, np.flatnonzero(kept) + 1)
    return PreparedPayload(
        dataset.key,
        checked,
        len(frame),
        rows_left_out,
        left_out_columns,
        tuple(e.name for e in dataset.elements if e.use != "link_only" and e.name not in listed),
    )


def accept_payload(frame: pd.DataFrame, dataset: Dataset, agreement: StandingAgreement, today: date) -> pd.DataFrame:
    """Check at the release room what an agency sealed, and return it; raises Refused or InputError."""
    if PERSON_TOKEN not in frame.columns:
        raise InputError(f"The payload {dataset.key} has no column {PERSON_TOKEN}.", advice="Have it sealed again.")
    frame = frame.reset_index(drop=True)
    tokens = frame[PERSON_TOKEN].astype("string")
    listed = [str(name) for name in frame.columns if name != PERSON_TOKEN]
    require(agreement, [SealElement(dataset.provider, dataset.dataset, name) for name in listed], today)
    if dataset.years is not None and dataset.years.column in listed:
        years = _years(frame[dataset.years.column])
        wanted = [SealYear(dataset.provider, dataset.dataset, int(year)) for year in np.unique(years[years >= 0])]
        require(agreement, wanted, today)
    elements = [element for element in dataset.elements if element.name in listed]
    return _checked(frame[listed], elements, tokens, dataset.key, np.arange(1, len(frame) + 1))


def require_dataset(frame: pd.DataFrame, dataset: Dataset) -> None:
    """Raise InputError for a file that is not the dataset which the agreement describes: no row could be judged."""
    needed = {dataset.local_id: "it is your own ID of the person"}
    needed |= {c.column: "it says whether the agreement takes a row in" for c in dataset.population.where}
    if dataset.years is not None:
        needed[dataset.years.column] = "it says which year a row is of"
    problems = [f"column {name} is missing ({why})" for name, why in needed.items() if name not in frame.columns]
    if PERSON_TOKEN in frame.columns:
        problems.append(f"{PERSON_TOKEN}: this header is reserved")
    if problems:
        raise InputError(
            f"This file is not the dataset {dataset.key} that the agreement describes.",
            problems,
            "Give the file that has these columns, or name the dataset that this file is.",
        )


def _columns(
    frame: pd.DataFrame, dataset: Dataset, agreement: StandingAgreement, today: date, drop_unlisted: bool
) -> tuple[list[str], tuple[str, ...]]:
    """Return the columns to seal and, in words, those that are left out."""
    require(agreement, [], today)  # an agreement that does not stand is one refusal, not one per column
    choosing = {condition.column for condition in dataset.population.where}
    choosing |= {dataset.years.column} if dataset.years is not None else set()
    listed, unlisted, left_out = [], [], []
    for name in (str(column) for column in frame.columns):
        request = SealElement(dataset.provider, dataset.dataset, name)
        decision = decide(agreement, request, today)
        if decision.allowed:
            listed.append(name)
        elif name == dataset.local_id:
            left_out.append(f"{name}: the local ID is replaced by the person token")
        elif name in choosing:
            left_out.append(f"{name}: only chooses the rows")
        elif drop_unlisted:
            left_out.append(f"{name}: {decision.clause}: {decision.reason}")
        else:
            unlisted.append(request)
    require(agreement, unlisted, today)
    if not listed:
        raise InputError(f"The file has none of the elements that the agreement lists for {dataset.key}.")
    return listed, tuple(left_out)


def _rows(
    frame: pd.DataFrame, dataset: Dataset, agreement: StandingAgreement, today: date, tokens: pd.Series
) -> tuple[np.ndarray, tuple[LeftOut, ...]]:
    """Return which rows are of the agreed population and years, and why the others are not."""
    kept = np.ones(len(frame), dtype=bool)
    left_out: list[LeftOut] = []

    def drop(rows: np.ndarray, reason: str) -> None:
        count = int((rows & kept).sum())
        if count:
            left_out.append(LeftOut(reason, count))
            kept[rows] = False

    drop(tokens.isna().to_numpy(dtype=bool), f"no {dataset.local_id}")
    for condition in dataset.population.where:
        inside = frame[condition.column].astype("string").str.strip().isin(condition.any_of).to_numpy(dtype=bool)
        drop(~inside, f"outside the population: {condition.column} is not one of those agreed")
    if dataset.years is not None:
        years = _years(frame[dataset.years.column])
        drop(years < 0, f"{dataset.years.column} does not begin with a year")
        for year in np.unique(years[kept]):
            refused = refusals(agreement, SealYear(dataset.provider, dataset.dataset, int(year)), today)
            if refused:
                drop(years == year, f"{refused[0].clause}: {refused[0].reason}")
    return kept, tuple(left_out)


def _years(column: pd.Series) -> np.ndarray:
    """Return the year that each value begins with; -1 where it begins with none."""
    position, found = pd.factorize(column)
    year = pd.Series(found, dtype="string").str.strip().str.extract(r"^((?:19|20|21)\d{2})", expand=False)
    years = np.append(year.fillna("-1").astype("int64").to_numpy(), -1)  # missing is position -1
    chosen: np.ndarray = years[position]
    return chosen


def _checked(
    frame: pd.DataFrame, elements: Sequence[Element], tokens: pd.Series, dataset: str, rows: np.ndarray
) -> pd.DataFrame:
    """Return the columns in canonical spelling behind the token; raises InputError with every problem.

    ``rows`` are the numbers by which the file's owner knows the rows.
    """
    problems = []
    bad = ~tokens.str.fullmatch(_TOKEN).fillna(False).to_numpy(dtype=bool)
    if bad.any():
        problems.append(f"{PERSON_TOKEN}: no token in {counted(rows[bad])}")
    persons = pd.factorize(tokens)[0]
    columns: dict[str, pd.Series] = {PERSON_TOKEN: tokens.reset_index(drop=True)}
    for element in elements:
        found = distinct(frame[element.name], rows)
        spelled, wrong = canonical(found, element)
        if wrong.any():
            problems.append(f"{element.name}: expected {expected(element)}, not so in {found.rows_of(wrong)}")
        problems += [f"{element.name}: {shape}" for shape in identifier_shapes(found, element, persons)]
        columns[element.name] = spelled.spread()
    if problems:
        raise InputError(
            f"{dataset} cannot be sealed as it is.",
            problems,
            advice="Correct the export, or have the agreement amended where it describes the column wrongly.",
        )
    return pd.DataFrame(columns)
