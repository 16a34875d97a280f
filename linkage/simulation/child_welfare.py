"""The child welfare agency: children in out-of-home care and their placements.

Rules:

- A case worker's register has the most errors, and the birth date that stands for an unknown one.
- Adopted children are in this register under the name they had before or the one they have since.
"""

from __future__ import annotations

import numpy as np

from linkage.simulation.arrays import Floats, Ints, categorical
from linkage.simulation.exports import (
    Agency,
    Column,
    ExportedFile,
    dates,
    local_ids,
    sexes,
    text,
    with_dashes,
)
from linkage.simulation.lives import Lives
from linkage.simulation.names import NameBook
from linkage.simulation.observation import Manner, Meetings, observe
from linkage.simulation.parameters import CHILD_WELFARE, Years
from linkage.simulation.places import OUT_OF_STATE

_KINDS = ("Kinship care", "Foster family home", "Group home", "Trial home visit")
_DISCHARGES = ("Reunified or other", "Adoption")
_REASONS = ("Neglect", "Parental substance use", "Physical abuse", "Caretaker inability to cope", "Housing")


def child_welfare(lives: Lives, book: NameBook, years: Years, rng: np.random.Generator) -> Agency:
    """Export the child welfare agency."""
    extract = years.last + 0.5
    care = lives.care
    started = care.start
    persons = np.flatnonzero((started >= years.first - 1) & (started < extract))
    persons = rng.permutation(persons[lives.region(persons, started[persons]) != OUT_OF_STATE])
    started, count = started[persons], len(persons)
    stay = np.where(care.adopted[persons], 1.5, rng.gamma(1.4, 0.8, size=count) + 0.05)
    meetings = Meetings(persons, started, np.minimum(started + stay + 0.1, extract))

    seen = observe(lives, book, meetings, CHILD_WELFARE, Manner(ssn=True), rng)
    ids = local_ids(rng, count, "", 8)
    register = ExportedFile(
        "children.csv",
        "a child who was ever in care, as the case worker wrote it",
        (
            Column("ChildID", text(ids.texts), "the agency's own ID"),
            Column("LastName", text(seen.surname), "last name or names"),
            Column("FirstName", text(seen.given), "first name"),
            Column("MiddleName", text(seen.middle), "middle name"),
            Column("DOB", dates(seen.birth, "%d-%b-%Y", seen.birth_missing), "day-month-year"),
            Column("Sex", sexes(seen, "F", "M"), "F or M"),
            Column("SSN", text(with_dashes(seen.ssn, 3, 2, 4)), "with dashes"),
            Column("StreetAddress", text(seen.street), "last known address of the child"),
            Column("City", text(seen.town), "town"),
            Column("ZipCode", text(seen.postal_code), "ZIP code"),
        ),
    )
    placements_each = rng.choice([1, 2, 3, 4], size=count, p=[0.5, 0.28, 0.14, 0.08])
    repeated = np.repeat(np.arange(count), placements_each)
    turn = np.arange(len(repeated)) - np.repeat(np.cumsum(placements_each) - placements_each, placements_each)
    length = (stay / placements_each)[repeated]
    begin = started[repeated] + turn * length
    end = begin + length
    order = np.flatnonzero(begin < extract)
    last = turn == placements_each[repeated] - 1
    at_first = rng.choice(3, size=len(turn), p=[0.35, 0.5, 0.15])
    kind = np.where(turn == 0, at_first, rng.choice(4, size=len(turn), p=[0.3, 0.4, 0.15, 0.15]))
    reason = rng.choice(len(_REASONS), size=count, p=[0.45, 0.25, 0.12, 0.1, 0.08])[repeated]
    adopted = care.adopted[persons[repeated]] & last
    placements = ExportedFile(
        "placements.csv",
        "a placement",
        (
            Column("ChildID", ids.column(repeated[order]), "the agency's own ID"),
            Column("PlacementBegin", dates(_days(begin[order]), "%Y-%m-%d"), "first day"),
            Column("PlacementEnd", dates(_days(end[order]), "%Y-%m-%d", end[order] > extract), "last day, if it ended"),
            Column("PlacementType", categorical(kind[order].astype(np.int8), _KINDS), "where the child was placed"),
            Column("RemovalReason", categorical(reason[order].astype(np.int8), _REASONS), "why the child was removed"),
            Column(
                "Discharge",
                categorical(adopted[order].astype(np.int8), _DISCHARGES, (~last | (end > extract))[order]),
                "how the stay in care ended",
            ),
        ),
    )
    return Agency(
        "child-welfare", "Department of Child and Family Services", "Children in out-of-home care.",
        "ChildID", register, (placements,), meetings.persons, seen.errors, seen.tallies,
    )  # fmt: skip


def _days(time: Floats) -> Ints:
    days: Ints = np.floor((time - 1970) * 365.25).astype(np.int64)
    return days
