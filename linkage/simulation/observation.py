"""What an agency's register says about a person: the truth of the day, in the agency's manner, with its errors.

Rules:

- A record holds what was true when the agency first or last met the person; nothing later is known to it.
- An error is drawn for the records that can have it, with the agency's rate times the person's group factor, and is
  noted for the truth file.
- Errors of one agency are independent of those of another, and every record of a person has errors of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow.compute as pc

from linkage.simulation.arrays import (
    Flags,
    Floats,
    Ints,
    Texts,
    joined,
    strings,
    texts,
    upper,
    where_missing,
    zero_padded,
)
from linkage.simulation.families import CHILD
from linkage.simulation.family_names import SUFFIXES, Surnames
from linkage.simulation.lives import Lives
from linkage.simulation.names import FEMALE, NONE, NameBook
from linkage.simulation.parameters import (
    ERROR_KINDS,
    NAME_FACTOR_BY_TRADITION,
    NAME_FACTOR_ENGLISH_LEARNER,
    POVERTY_FACTOR,
    ErrorRates,
)
from linkage.simulation.typing_errors import (
    can_swap_day_and_month,
    miskey,
    mistype,
    miswrite_dates,
    swap_day_and_month,
)

#: 1 January 1900 in days since 1970, which clerks enter where they know no birth date.
PLACEHOLDER_BIRTH = -25567
PLACEHOLDER_SSNS = (999999999, 123456789, 111111111)


@dataclass(frozen=True)
class Meetings:
    """Which person each record is about, and when the agency first and last met that person."""

    persons: Ints
    first: Floats
    last: Floats


@dataclass(frozen=True)
class Manner:
    """How an agency writes, and which of the less usual identifiers it keeps; demographics are birth date and sex."""

    capitals: bool = False
    middle_initial: bool = False
    demographics: bool = True
    suffix: bool = False
    phone: bool = False
    email: bool = False
    ssn: bool = False
    state_id: bool = False


@dataclass(frozen=True)
class Tally:
    """One kind of error at one agency: who could have it, how many were expected to, and how many do."""

    kind: str
    eligible: int
    expected: float
    made: int


@dataclass(frozen=True)
class Observation:
    """The identifiers of an agency's records; None is missing. What the agency does not keep is missing throughout."""

    given: Texts
    middle: Texts
    surname: Texts
    suffix: Texts
    birth: Ints
    birth_missing: Flags
    female: Flags
    sex_missing: Flags
    street: Texts
    town: Texts
    state: Texts
    postal_code: Texts
    phone: Texts
    email: Texts
    ssn: Texts
    state_id: Texts
    errors: Texts
    tallies: tuple[Tally, ...]


@dataclass
class _Errors:
    """Draws errors and notes them."""

    rates: ErrorRates
    rng: np.random.Generator
    name_factor: Floats
    poverty_factor: Floats
    made: Ints
    tallies: list[Tally] = field(default_factory=list)

    def hit(self, kind: str, eligible: Flags | None = None, factor: Floats | None = None) -> Flags:
        """Draw which of the eligible records have this error."""
        count = len(self.made)
        if getattr(self.rates, kind) == 0:
            return np.zeros(count, dtype=np.bool_)
        eligible = np.ones(count, dtype=np.bool_) if eligible is None else eligible
        probability = np.broadcast_to(getattr(self.rates, kind), count) * (1.0 if factor is None else factor)
        probability = np.where(eligible, np.minimum(probability, 1.0), 0.0)
        result: Flags = self.rng.random(count) < probability
        self.made[result] |= 1 << ERROR_KINDS.index(kind)
        self.tallies.append(Tally(kind, int(eligible.sum()), float(probability.sum()), int(result.sum())))
        return result

    def in_words(self) -> Texts:
        """Return for each record its kinds of error, separated by blanks."""
        masks, which = np.unique(self.made, return_inverse=True)
        words = [" ".join(k for i, k in enumerate(ERROR_KINDS) if mask >> i & 1) for mask in masks.tolist()]
        return texts(list(words))[which]


def observe(
    lives: Lives, book: NameBook, meetings: Meetings, rates: ErrorRates, manner: Manner, rng: np.random.Generator
) -> Observation:
    """Write down the identifiers of the people an agency met."""
    people, persons = lives.people, meetings.persons
    count = len(persons)
    by_tradition = np.array([NAME_FACTOR_BY_TRADITION[t.label] for t in book.traditions])
    name_factor = by_tradition[people.tradition[persons]]
    name_factor = np.where(people.english_learner[persons], name_factor * NAME_FACTOR_ENGLISH_LEARNER, name_factor)
    poverty_factor = np.where(people.poor[persons], POVERTY_FACTOR, 1.0)
    errors = _Errors(rates, rng, name_factor, poverty_factor, np.zeros(count, dtype=np.int64))
    nothing = np.full(count, None, dtype=object)

    given, middle, surname = _names(lives, book, meetings, manner, errors)
    suffix: Texts = nothing
    if manner.suffix:
        suffix = texts(list(SUFFIXES))[people.suffix[persons]]
        suffix = where_missing(suffix, errors.hit("suffix_missing", people.suffix[persons] > 0))
    birth: Ints = people.birth[persons].astype(np.int64)
    female = people.sex[persons] == FEMALE
    birth_missing = sex_missing = np.ones(count, dtype=np.bool_)
    if manner.demographics:
        birth, birth_missing = _birth_dates(birth, errors)
        sex_missing = errors.hit("sex_missing")
        female ^= errors.hit("sex_wrong", ~sex_missing)
    street, town, state, postal_code, phone = _address(lives, meetings, manner, errors)
    email = nothing
    if manner.email:
        name = joined(book.lexicon.plain[people.given[persons]], book.lexicon.plain[people.surnames.first[persons]],
                      separator=".")  # fmt: skip
        email = joined(_letters(name), people.state_id[persons] % 97, "@example.edu")
        email = where_missing(email, errors.hit("email_missing"))
    ssn = _ssns(lives, persons, errors) if manner.ssn else nothing
    pupil = people.role[persons] == CHILD
    state_id = _state_ids(people.state_id[persons], pupil, errors) if manner.state_id else nothing
    if manner.capitals:
        given, middle, surname, suffix, street, town = map(upper, (given, middle, surname, suffix, street, town))
    return Observation(
        given, middle, surname, suffix, birth, birth_missing, female, sex_missing, street, town, state, postal_code,
        phone, email, ssn, state_id, errors.in_words(), tuple(errors.tallies),
    )  # fmt: skip


def _letters(names: Texts) -> Texts:
    """Lower case, with letters and dots only, as in an e-mail address."""
    return texts(pc.replace_substring_regex(pc.utf8_lower(strings(names)), pattern="[^a-z.]", replacement=""))


def _spelled(book: NameBook, names: Ints, accents_lost: Flags) -> Texts:
    """Look names up, with or without their accents; NONE is missing."""
    result = np.where(accents_lost, book.lexicon.plain[names], book.lexicon.text[names])
    result[names == NONE] = None
    return result


def _varied(book: NameBook, names: Ints, hit: Flags, rng: np.random.Generator) -> Ints:
    names = names.copy()
    chosen = hit & book.lexicon.variants.any_for(names)
    names[chosen] = book.lexicon.variants.draw(rng, names[chosen])
    return names


def _names(
    lives: Lives, book: NameBook, meetings: Meetings, manner: Manner, errors: _Errors
) -> tuple[Texts, Texts, Texts]:
    people, persons, rng = lives.people, meetings.persons, errors.rng
    factor = errors.name_factor
    change = lives.surname_change[persons]
    outdated = errors.hit("name_outdated", (meetings.first < change) & (change <= meetings.last))
    surnames = lives.surnames(persons, np.where(outdated, meetings.first, meetings.last))
    given, second_given, middle = (names[persons] for names in (people.given, people.second_given, people.middle))

    called = people.known_as[persons]
    nickname = errors.hit("nickname", called != NONE, factor)
    given, second_given = np.where(nickname, called, given), np.where(nickname, NONE, second_given)
    has_variant = book.lexicon.variants.any_for(given) | book.lexicon.variants.any_for(surnames.first)
    varied = errors.hit("spelling_variant", has_variant, factor)
    # Where both names can be spelled otherwise, one is, the other, or both.
    part = rng.integers(3, size=len(persons))
    only_given = ~book.lexicon.variants.any_for(surnames.first)
    only_surname = ~book.lexicon.variants.any_for(given)
    given = _varied(book, given, varied & ((part != 0) | only_given), rng)
    first_surname = _varied(book, surnames.first, varied & ((part != 1) | only_surname), rng)
    surnames = Surnames(first_surname, surnames.second, surnames.hyphen)

    marked = book.lexicon.text != book.lexicon.plain
    shown = np.column_stack([given, second_given, middle, surnames.first, surnames.second])
    plain = errors.hit("accents_lost", ((shown != NONE) & marked[shown]).any(axis=1))
    first_text, middle_text = _spelled(book, given, plain), _spelled(book, middle, plain)
    if manner.middle_initial:
        middle_text = _initials(middle_text)
    middle_text = where_missing(middle_text, errors.hit("middle_missing", middle != NONE))
    first_text, middle_text = _given_part(_spelled(book, second_given, plain), first_text, middle_text, errors)
    middle_text, last_text = _surname_part(book, surnames, plain, middle_text, errors)

    mistype(first_text, errors.hit("given_typo", None, factor), rng)
    mistype(last_text, errors.hit("surname_typo", None, factor), rng)
    swapped = errors.hit("names_swapped", None, factor)
    return np.where(swapped, last_text, first_text), middle_text, np.where(swapped, first_text, last_text)


def _initials(names: Texts) -> Texts:
    return texts(pc.utf8_slice_codeunits(strings(names), 0, 1))


def _present(values: Texts) -> Flags:
    result: Flags = pc.is_valid(strings(values)).to_numpy(zero_copy_only=False)
    return result


def _given_part(second: Texts, first: Texts, middle: Texts, errors: _Errors) -> tuple[Texts, Texts]:
    """Put two first names together, or lose the second, or move it to an empty middle name."""
    double = _present(second)
    lost = errors.hit("given_part_lost", double, errors.name_factor)
    moved = lost & ~_present(middle) & (errors.rng.random(len(lost)) < 0.5)
    kept = double & ~lost
    first, middle = first.copy(), middle.copy()
    first[kept] = joined(first[kept], second[kept], separator=" ")
    middle[moved] = second[moved]
    return first, middle


def _surname_part(
    book: NameBook, surnames: Surnames, plain: Flags, middle: Texts, errors: _Errors
) -> tuple[Texts, Texts]:
    """Put two last names together, or lose one of them, or move the first to the middle name."""
    first, second = _spelled(book, surnames.first, plain), _spelled(book, surnames.second, plain)
    double = surnames.second != NONE
    lost = errors.hit("surname_part_lost", double, errors.name_factor)
    kept = double & ~lost
    hyphen_lost = errors.hit("hyphen_lost", kept & surnames.hyphen)
    hyphen_added = errors.hit("hyphen_added", kept & ~surnames.hyphen)
    hyphen = kept & ((surnames.hyphen & ~hyphen_lost) | hyphen_added)
    blank = kept & ~hyphen
    how = errors.rng.random(len(lost))
    moved, second_only = lost & (how < 0.25), lost & (how < 0.4)
    last, middle = first.copy(), middle.copy()
    last[hyphen] = joined(first[hyphen], second[hyphen], separator="-")
    last[blank] = joined(first[blank], second[blank], separator=" ")
    last[second_only] = second[second_only]
    middle[moved] = first[moved]
    return middle, last


def _birth_dates(birth: Ints, errors: _Errors) -> tuple[Ints, Flags]:
    placeholder = errors.hit("birth_date_placeholder")
    missing = errors.hit("birth_date_missing", ~placeholder)
    known = ~placeholder & ~missing
    swapped = errors.hit("day_month_swapped", known & can_swap_day_and_month(birth))
    birth = swap_day_and_month(birth, swapped)
    birth = miswrite_dates(birth, errors.hit("birth_date_typo", known & ~swapped), errors.rng)
    return np.where(placeholder, PLACEHOLDER_BIRTH, birth), missing


def _address(
    lives: Lives, meetings: Meetings, manner: Manner, errors: _Errors
) -> tuple[Texts, Texts, Texts, Texts, Texts]:
    people, persons = lives.people, meetings.persons
    before, now = lives.home(persons, meetings.first), lives.home(persons, meetings.last)
    outdated = errors.hit("address_outdated", before != now)
    homes = lives.homes.take(np.where(outdated, before, now))
    missing = errors.hit("address_missing", None, errors.poverty_factor)
    street = homes.lines
    mistype(street, errors.hit("street_typo", ~missing), errors.rng)
    postal_code = homes.postal_codes
    mistyped = errors.hit("postal_code_typo", ~missing)
    codes = miskey(postal_code.astype(np.int64), mistyped, 5, errors.rng)
    postal_code[mistyped] = zero_padded(codes[mistyped], 5)
    phone = np.full(len(persons), None, dtype=object)
    if manner.phone:
        # Grown children give their own phone; a child's is its household's.
        own = (people.role[persons] == CHILD) & (meetings.last >= 1988 + people.birth[persons] / 365.25)
        numbers = np.where(own, lives.own_phone[persons], homes.phone)
        no_phone = errors.hit("phone_missing", None, errors.poverty_factor)
        numbers = miskey(numbers, errors.hit("phone_typo", ~no_phone), 7, errors.rng)
        phone = where_missing(zero_padded(numbers, 10), no_phone)
    return (
        where_missing(street, missing),
        where_missing(homes.towns, missing),
        where_missing(homes.states, missing),
        where_missing(postal_code, missing),
        phone,
    )


def _ssns(lives: Lives, persons: Ints, errors: _Errors) -> Texts:
    people = lives.people
    missing = errors.hit("ssn_missing")
    placeholder = errors.hit("ssn_placeholder", ~missing)
    known = ~missing & ~placeholder
    # The relative is the next person of the household or, for the last one, the one before.
    beside = np.append(np.arange(1, people.size), 0)
    alone = people.household[beside] != people.household
    beside = np.where(alone, np.arange(people.size) - 1, beside)[persons]
    related = people.household[beside] == people.household[persons]
    relative = errors.hit("ssn_of_relative", known & related)
    numbers = np.where(relative, people.ssn[beside], people.ssn[persons])
    numbers = miskey(numbers, errors.hit("ssn_typo", known & ~relative), 9, errors.rng)
    filler = errors.rng.choice(PLACEHOLDER_SSNS, size=len(persons), p=[0.6, 0.3, 0.1])
    return where_missing(zero_padded(np.where(placeholder, filler, numbers), 9), missing)


def _state_ids(numbers: Ints, pupil: Flags, errors: _Errors) -> Texts:
    """Write the state's IDs; those who went to school before there were any have none."""
    missing = ~pupil | errors.hit("state_id_missing", pupil)
    reissued = errors.hit("state_id_reissued", ~missing)
    new = errors.rng.integers(1_000_000_000, 10_000_000_000, size=len(numbers))
    numbers = np.where(reissued, new, numbers)
    numbers = miskey(numbers, errors.hit("state_id_typo", ~missing & ~reissued), 10, errors.rng)
    return where_missing(zero_padded(numbers, 10), missing)
