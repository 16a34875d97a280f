"""What the simulated world is like: shares, and the rates at which each agency gets things wrong.

Rules:

- These numbers are **parameters, not findings**. They were chosen so that linkage has the difficulties that the
  literature names (Bohensky et al. 2010; Lariscy 2011 on Hispanic names; Harron et al. 2017 on error that differs
  by group); no group is claimed to have these rates in life.
- A rate is the share of the *eligible* records that are hit, for a person whose group factor is 1: a nickname needs a
  name that has one, a dropped surname needs two of them.
- A rate times a group factor never exceeds one.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from linkage.errors import InputError

#: Group factors multiply the rates of errors in names.
NAME_FACTOR_BY_TRADITION = {
    "english": 1.0,
    "spanish": 1.5,
    "vietnamese": 1.7,
    "chinese": 1.7,
    "south asian": 1.4,
    "arabic": 1.7,
    "somali": 2.0,
    "slavic": 1.4,
}
#: Multiplies errors in names again for those who learn English at school.
NAME_FACTOR_ENGLISH_LEARNER = 1.25
#: Multiplies missing addresses and phones, and how often a household moves, for poor households.
POVERTY_FACTOR = 1.8


@dataclass(frozen=True)
class Years:
    """The years that the agencies' files cover, by the year in which a school year ends; both ends included."""

    first: int = 2016
    last: int = 2026

    def __post_init__(self) -> None:
        if not 1990 <= self.first <= self.last <= 2100 or self.last - self.first >= 40:
            raise InputError(
                "the years cannot be simulated",
                [f"asked for {self.first} to {self.last}"],
                "give first and last year, 1990 to 2100, at most 40 years, for instance 2016-2026",
            )

    @property
    def school_years(self) -> range:
        """School years, named by the year in which they end."""
        return range(self.first, self.last + 1)


@dataclass(frozen=True)
class ErrorRates:
    """How often one agency gets something wrong, by kind of error; the order of fields is the order of report."""

    given_typo: float = 0.0
    surname_typo: float = 0.0
    nickname: float = 0.0
    spelling_variant: float = 0.0
    accents_lost: float = 0.0
    hyphen_lost: float = 0.0
    hyphen_added: float = 0.0
    surname_part_lost: float = 0.0
    given_part_lost: float = 0.0
    names_swapped: float = 0.0
    middle_missing: float = 0.0
    suffix_missing: float = 0.0
    name_outdated: float = 0.0
    birth_date_typo: float = 0.0
    day_month_swapped: float = 0.0
    birth_date_placeholder: float = 0.0
    birth_date_missing: float = 0.0
    sex_wrong: float = 0.0
    sex_missing: float = 0.0
    address_outdated: float = 0.0
    address_missing: float = 0.0
    street_typo: float = 0.0
    postal_code_typo: float = 0.0
    phone_typo: float = 0.0
    phone_missing: float = 0.0
    email_missing: float = 0.0
    ssn_typo: float = 0.0
    ssn_placeholder: float = 0.0
    ssn_of_relative: float = 0.0
    ssn_missing: float = 0.0
    state_id_typo: float = 0.0
    state_id_reissued: float = 0.0
    state_id_missing: float = 0.0


#: Every kind of error, in the order of report.
ERROR_KINDS = tuple(field.name for field in fields(ErrorRates))

#: What each kind of error means, for people.
ERROR_MEANINGS = {
    "given_typo": "first name mistyped, misread or written by ear",
    "surname_typo": "last name mistyped, misread or written by ear",
    "nickname": "known by a nickname or a second, English name",
    "spelling_variant": "another spelling or romanisation of a first or last name",
    "accents_lost": "accents and other marks dropped",
    "hyphen_lost": "hyphen of a double name written as a blank",
    "hyphen_added": "hyphen put between two last names",
    "surname_part_lost": "one of two last names dropped or moved to the middle name",
    "given_part_lost": "second of two first names dropped or moved to the middle name",
    "names_swapped": "first and last name in each other's column",
    "middle_missing": "middle name left out",
    "suffix_missing": "Jr., Sr. or III left out",
    "name_outdated": "last name from before a marriage, adoption or divorce",
    "birth_date_typo": "a digit of the birth date wrong",
    "day_month_swapped": "day and month of birth in each other's place",
    "birth_date_placeholder": "birth date 1900-01-01",
    "birth_date_missing": "no birth date",
    "sex_wrong": "wrong sex",
    "sex_missing": "no sex",
    "address_outdated": "address from before a move",
    "address_missing": "no address",
    "street_typo": "street mistyped",
    "postal_code_typo": "a digit of the ZIP code wrong",
    "phone_typo": "a digit of the phone number wrong",
    "phone_missing": "no phone",
    "email_missing": "no e-mail",
    "ssn_typo": "a digit of the SSN wrong",
    "ssn_placeholder": "SSN such as 999999999 or 123456789",
    "ssn_of_relative": "SSN of another member of the household",
    "ssn_missing": "no SSN",
    "state_id_typo": "a digit of the state student ID wrong",
    "state_id_reissued": "a second state student ID for the same child",
    "state_id_missing": "no state student ID",
}

EARLY_LEARNING = ErrorRates(
    given_typo=0.025, surname_typo=0.025, nickname=0.10, spelling_variant=0.08, accents_lost=0.9, hyphen_lost=0.2,
    hyphen_added=0.1, surname_part_lost=0.25, given_part_lost=0.35, names_swapped=0.005, middle_missing=0.55,
    name_outdated=0.8, birth_date_typo=0.010, day_month_swapped=0.008, birth_date_placeholder=0.003,
    birth_date_missing=0.002, sex_wrong=0.004, sex_missing=0.01, address_outdated=0.6, address_missing=0.03,
    street_typo=0.04, postal_code_typo=0.01, phone_typo=0.01, phone_missing=0.08,
)  # fmt: skip
LAKESIDE = ErrorRates(
    given_typo=0.012, surname_typo=0.012, nickname=0.03, spelling_variant=0.04, accents_lost=0.4, hyphen_lost=0.1,
    hyphen_added=0.15, surname_part_lost=0.15, given_part_lost=0.2, names_swapped=0.003, middle_missing=0.25,
    suffix_missing=0.3, name_outdated=0.5, birth_date_typo=0.005, day_month_swapped=0.004,
    birth_date_placeholder=0.001, birth_date_missing=0.001, sex_wrong=0.002, sex_missing=0.003,
    address_outdated=0.15, address_missing=0.01, street_typo=0.02, postal_code_typo=0.005, phone_typo=0.01,
    phone_missing=0.1, ssn_typo=0.005, ssn_placeholder=0.01, ssn_missing=0.55, state_id_typo=0.003,
    state_id_reissued=0.01, state_id_missing=0.01,
)  # fmt: skip
RIVERBEND = ErrorRates(
    given_typo=0.018, surname_typo=0.018, nickname=0.05, spelling_variant=0.06, accents_lost=1.0, hyphen_lost=0.4,
    hyphen_added=0.25, surname_part_lost=0.25, given_part_lost=0.3, names_swapped=0.004, middle_missing=0.35,
    name_outdated=0.5, birth_date_typo=0.007, day_month_swapped=0.005, birth_date_placeholder=0.002,
    birth_date_missing=0.001, sex_wrong=0.003, sex_missing=0.005, address_outdated=0.25, address_missing=0.02,
    street_typo=0.03, postal_code_typo=0.008, phone_typo=0.01, phone_missing=0.15, state_id_typo=0.004,
    state_id_reissued=0.04, state_id_missing=0.02,
)  # fmt: skip
STATE_COLLEGES = ErrorRates(
    given_typo=0.008, surname_typo=0.008, nickname=0.06, spelling_variant=0.03, accents_lost=0.6, hyphen_lost=0.15,
    hyphen_added=0.2, surname_part_lost=0.2, given_part_lost=0.25, names_swapped=0.002, middle_missing=0.3,
    suffix_missing=0.5, name_outdated=0.4, birth_date_typo=0.004, day_month_swapped=0.003,
    birth_date_placeholder=0.001, birth_date_missing=0.002, sex_wrong=0.002, sex_missing=0.04, address_outdated=0.4,
    address_missing=0.01, street_typo=0.02, postal_code_typo=0.004, phone_typo=0.005, phone_missing=0.05,
    email_missing=0.03, ssn_typo=0.006, ssn_placeholder=0.006, ssn_missing=0.3, state_id_typo=0.005,
    state_id_missing=0.45,
)  # fmt: skip
WORKFORCE = ErrorRates(
    given_typo=0.025, surname_typo=0.025, nickname=0.08, spelling_variant=0.06, accents_lost=1.0, hyphen_lost=0.6,
    hyphen_added=0.2, surname_part_lost=0.35, given_part_lost=0.5, names_swapped=0.010, middle_missing=0.4,
    name_outdated=0.35, address_outdated=0.35, address_missing=0.45, street_typo=0.03, postal_code_typo=0.01,
    ssn_typo=0.008, ssn_placeholder=0.004, ssn_of_relative=0.002, ssn_missing=0.004,
)  # fmt: skip
CHILD_WELFARE = ErrorRates(
    given_typo=0.035, surname_typo=0.035, nickname=0.12, spelling_variant=0.10, accents_lost=1.0, hyphen_lost=0.4,
    hyphen_added=0.25, surname_part_lost=0.3, given_part_lost=0.4, names_swapped=0.010, middle_missing=0.45,
    name_outdated=0.7, birth_date_typo=0.015, day_month_swapped=0.010, birth_date_placeholder=0.012,
    birth_date_missing=0.008, sex_wrong=0.006, sex_missing=0.01, address_outdated=0.3, address_missing=0.08,
    street_typo=0.04, postal_code_typo=0.015, ssn_typo=0.010, ssn_placeholder=0.015, ssn_missing=0.5,
)  # fmt: skip
VITAL_RECORDS = ErrorRates(
    given_typo=0.006, surname_typo=0.006, spelling_variant=0.02, accents_lost=1.0, hyphen_lost=0.3,
    surname_part_lost=0.08, given_part_lost=0.08, middle_missing=0.05, suffix_missing=0.2, birth_date_typo=0.001,
    sex_wrong=0.001, address_missing=0.005, ssn_typo=0.003, ssn_missing=0.12,
)  # fmt: skip

#: Share of the Lakeside students whom the district enrols a second time under another local ID.
LAKESIDE_DUPLICATES = 0.03
