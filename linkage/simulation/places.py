"""A state that does not exist: its districts, towns, ZIP codes and streets, and addresses drawn there.

Rules:

- No address can be real: the towns are invented, the ZIP codes (695-699) belong to no post office, the area codes
  (N9X) are held back by the North American Numbering Plan, and the neighbouring state is invented as well.
- A street belongs to a ZIP code, so that neighbours share streets; people of one household share all of an address.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from faker.providers.person.en_US import Provider as American

from linkage.simulation.arrays import Flags, Ints, Texts, joined, texts, zero_padded

#: Regions of a ZIP code.
LAKESIDE, RIVERBEND, ELSEWHERE, OUT_OF_STATE = range(4)
STATE, OTHER_STATE = "FK", "JX"

#: Town, region, number of ZIP codes, share of the region's people.
_TOWNS = (
    ("Lakeside", LAKESIDE, 8, 0.55), ("Pine Harbor", LAKESIDE, 3, 0.2), ("North Lakeside", LAKESIDE, 2, 0.15),
    ("Heron Point", LAKESIDE, 1, 0.1),
    ("Riverbend", RIVERBEND, 5, 0.5), ("Mill Falls", RIVERBEND, 2, 0.2), ("Old Ferry", RIVERBEND, 2, 0.2),
    ("Saint Clair Bridge", RIVERBEND, 1, 0.1),
    ("Franklin City", ELSEWHERE, 9, 0.3), ("Port Amity", ELSEWHERE, 5, 0.15), ("Cedar Junction", ELSEWHERE, 4, 0.12),
    ("Granite", ELSEWHERE, 3, 0.1), ("Fort Ellery", ELSEWHERE, 3, 0.1), ("Prairie Rose", ELSEWHERE, 2, 0.08),
    ("Maple Hollow", ELSEWHERE, 2, 0.05), ("Las Flores", ELSEWHERE, 2, 0.05), ("New Tromso", ELSEWHERE, 1, 0.03),
    ("Coyote Springs", ELSEWHERE, 1, 0.02),
    ("Jefferson Bluffs", OUT_OF_STATE, 6, 0.6), ("Santa Rita", OUT_OF_STATE, 4, 0.4),
)  # fmt: skip
_SUFFIXES = ("Street", "Avenue", "Road", "Drive", "Lane", "Court", "Boulevard", "Place", "Circle", "Way")
_STREETS = tuple(f"{name} {suffix}" for name in list(American.last_names)[:400] for suffix in _SUFFIXES)
_STREETS_PER_ZIP = 160
_AREA_CODES = (297, 397)

_ZIP_TOWN = np.array([town for town, row in enumerate(_TOWNS) for _ in range(row[2])])
_ZIP_REGION = np.array([_TOWNS[town][1] for town in _ZIP_TOWN])
_ZIP_SHARE = np.array([_TOWNS[town][3] / _TOWNS[town][2] for town in _ZIP_TOWN])


@dataclass(frozen=True)
class Addresses:
    """Addresses, each with its household's phone, as positions in this module's lists."""

    zip_index: Ints
    street: Ints
    number: Ints
    unit: Ints
    phone: Ints

    def take(self, which: Ints) -> Addresses:
        """Return the addresses at the given positions."""
        return Addresses(
            self.zip_index[which], self.street[which], self.number[which], self.unit[which], self.phone[which]
        )

    @property
    def region(self) -> Ints:
        """Region of each address."""
        region: Ints = _ZIP_REGION[self.zip_index]
        return region

    @property
    def lines(self) -> Texts:
        """House number, street and, in an apartment building, the unit."""
        streets = texts(list(_STREETS))[self.street]
        units = texts(["", *(f" Apt {floor}{door}" for floor in range(1, 13) for door in "ABCDEF")])
        return joined(joined(self.number, streets, separator=" "), units[self.unit])

    @property
    def towns(self) -> Texts:
        """Name of the town."""
        towns: Texts = texts([town[0] for town in _TOWNS])[_ZIP_TOWN[self.zip_index]]
        return towns

    @property
    def states(self) -> Texts:
        """Abbreviation of the state."""
        return texts([STATE, STATE, STATE, OTHER_STATE])[self.region]

    @property
    def postal_codes(self) -> Texts:
        """Five-digit ZIP code."""
        return zero_padded(69501 + 7 * self.zip_index.astype(np.int32), 5)


def draw_addresses(rng: np.random.Generator, regions: Ints) -> Addresses:
    """Draw an address, with a phone, in each of the given regions."""
    zips = np.zeros(len(regions), dtype=np.int16)
    for region in range(4):
        here = regions == region
        of_region = np.flatnonzero(np.equal(_ZIP_REGION, region))
        share = _ZIP_SHARE[of_region] / _ZIP_SHARE[of_region].sum()
        zips[here] = rng.choice(of_region, size=int(here.sum()), p=share)
    # The streets of a ZIP code are spread over the list by a step prime to its length.
    street = (zips.astype(np.int64) * 977 + rng.integers(_STREETS_PER_ZIP, size=len(zips)) * 23) % len(_STREETS)
    in_flats: Flags = rng.random(len(zips)) < 0.25
    return Addresses(
        zips,
        street.astype(np.int32),
        rng.integers(1, 2500, size=len(zips), dtype=np.int16),
        np.where(in_flats, rng.integers(1, 73, size=len(zips)), 0).astype(np.int16),
        draw_phones(rng, len(zips)),
    )


def draw_phones(rng: np.random.Generator, count: int) -> Ints:
    """Draw phone numbers in area codes that nobody has."""
    area = rng.choice(np.array(_AREA_CODES, dtype=np.int64), size=count)
    return area * 10_000_000 + rng.integers(2_000_000, 10_000_000, size=count)
