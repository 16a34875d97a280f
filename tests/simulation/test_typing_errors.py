import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkage.simulation.names import name_book, without_accents
from linkage.simulation.typing_errors import (
    can_swap_day_and_month,
    miskey,
    mistyped,
    miswrite_dates,
    swap_day_and_month,
)

chance = st.floats(0, 1, exclude_max=True)
names = st.text("abcdefghijklmnopqrstuvwxyzABCXYZñé -'0123456789", min_size=1, max_size=20)


@given(names, chance, chance, chance)
def test_a_mistyped_text_is_another_text_of_about_the_same_length(text, which, where, what):
    result = mistyped(text, which, where, what)
    assert result != text
    assert result
    assert abs(len(result) - len(text)) <= 1


@given(st.integers(10**8, 10**9 - 1), st.integers(0, 2**32))
def test_a_miskeyed_number_is_another_number_of_as_many_digits(number, seed):
    result = miskey(np.array([number]), np.array([True]), 9, np.random.default_rng(seed))[0]
    assert result != number
    assert len(str(result)) == 9
    assert sum(a != b for a, b in zip(str(result), str(number), strict=True)) <= 2


@given(st.integers(-20_000, 22_000), st.integers(0, 2**32))
def test_a_miswritten_date_is_another_date_with_one_part_changed(day, seed):
    result = miswrite_dates(np.array([day]), np.array([True]), np.random.default_rng(seed))[0]
    assert result != day


def test_what_is_not_hit_stays_as_it_was():
    rng, none = np.random.default_rng(1), np.array([False])
    assert miskey(np.array([123]), none, 3, rng)[0] == 123
    assert miswrite_dates(np.array([123]), none, rng)[0] == 123
    assert swap_day_and_month(np.array([123]), none)[0] == 123


@given(st.dates())
def test_swapping_day_and_month_twice_gives_the_date_back(date):
    days = np.array([date], dtype="datetime64[D]").astype(np.int64)
    can = can_swap_day_and_month(days)
    assert can[0] == (date.day <= 12 and date.day != date.month)
    once = swap_day_and_month(days, can)
    assert (once != days).all() == can[0]
    assert swap_day_and_month(once, can)[0] == days[0]


@pytest.mark.parametrize(
    ("text", "plain"),
    [("Nguyễn", "Nguyen"), ("Đặng", "Dang"), ("Muñoz", "Munoz"), ("O'Brien", "O'Brien")],
)
def test_accents_are_dropped_and_nothing_else(text, plain):
    assert without_accents(text) == plain


def test_a_name_that_has_another_spelling_is_drawn_as_another_name():
    lexicon = name_book().lexicon
    names = np.flatnonzero(lexicon.variants.any_for(np.arange(len(lexicon.text))))
    others = lexicon.variants.draw(np.random.default_rng(1), names)
    assert len(names) > 1000
    assert (lexicon.text[names] != lexicon.text[others]).all()


def test_nicknames_and_spellings_reach_names_with_accents():
    lexicon = name_book().lexicon
    jose = np.array([list(lexicon.text).index("José")])
    assert lexicon.nicknames.any_for(jose)[0]


def test_no_name_has_no_alternative():
    lexicon = name_book().lexicon
    assert not lexicon.nicknames.any_for(np.array([-1]))[0]
    assert not lexicon.variants.any_for(np.array([-1]))[0]
