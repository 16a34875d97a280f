from __future__ import annotations

import itertools
import re
import secrets
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkage.errors import InputError
from linkage.registry.ids import ALPHABET, LENGTH, TIMES_ROOT, damm, draw_ids, is_id, parse_id


def _bytes(seed: int = 7):
    return np.random.default_rng(seed).bytes


def _written(values) -> str:
    return "".join(ALPHABET[value] for value in values)


def test_the_root_is_primitive_so_its_powers_differ_at_every_place():
    powers = [1]
    while len(powers) < 31:
        powers.append(int(TIMES_ROOT[powers[-1]]))
    assert len(set(powers)) == 31
    assert TIMES_ROOT[powers[-1]] == 1


def test_check_value_is_linear_so_a_slip_is_caught_or_missed_whatever_the_id():
    rng = np.random.default_rng(1)
    left, right = rng.integers(0, 32, (2, 5000, LENGTH), dtype=np.uint8)
    assert np.array_equal(damm(left ^ right), damm(left) ^ damm(right))


def test_every_single_wrong_character_changes_the_check_value():
    """All 9 places and all 31 differences: with linearity, a proof for every ID."""
    slips = np.zeros((LENGTH * 31, LENGTH), dtype=np.uint8)
    for row, (place, difference) in enumerate(itertools.product(range(LENGTH), range(1, 32))):
        slips[row, place] = difference
    assert (damm(slips) != 0).all()


def test_every_exchange_of_two_characters_and_every_twin_slip_changes_the_check_value():
    """Exchanging a and b at two places, and writing bb for aa there, both add a^b at the two places."""
    places = list(itertools.combinations(range(LENGTH), 2))
    slips = np.zeros((len(places) * 31, LENGTH), dtype=np.uint8)
    for row, ((first, second), difference) in enumerate(itertools.product(places, range(1, 32))):
        slips[row, [first, second]] = difference
    assert (damm(slips) != 0).all()


@given(st.binary(min_size=8, max_size=8))
def test_reading_refuses_every_slip_of_an_id(raw):
    (identifier,) = draw_ids(1, lambda _: raw)
    letters = identifier.replace("-", "")
    for place in range(LENGTH):
        for other in set(ALPHABET) - {letters[place]}:
            assert not is_id(_hyphens(letters[:place] + other + letters[place + 1 :]))
    for first, second in itertools.combinations(range(LENGTH), 2):
        swapped = list(letters)
        swapped[first], swapped[second] = swapped[second], swapped[first]
        if swapped[first] != swapped[second]:
            assert not is_id(_hyphens("".join(swapped)))


def _hyphens(letters: str) -> str:
    return f"{letters[:3]}-{letters[3:6]}-{letters[6:]}"


def test_check_character_by_hand():
    # 1 in the last random place: 1 -> a = 2, and the check character must bring 2 back to 0, so it is 2.
    assert is_id("000-000-012")
    # 1 one place before: a^2 = 4.
    assert is_id("000-000-104")
    # a^5 = a^2 + 1 = 5.
    assert is_id("000-100-005")


def test_reading_takes_what_people_write():
    (identifier,) = draw_ids(1, lambda count: bytes([0, 1, 10, 11, 0, 1, 2, 3])[:count])
    letters = identifier.replace("-", "")
    assert letters.startswith("01AB01")
    for written in (letters.lower(), f" {identifier} ", " ".join(letters), "ol" + letters[2:], "Oi" + letters[2:]):
        assert parse_id(written) == identifier


def test_the_example_in_messages_and_documents_is_itself_sound():
    with pytest.raises(InputError) as refused:
        parse_id("")
    (example,) = re.findall(r"looks like (\S+);", str(refused.value))
    assert is_id(example)
    assert f"`{example}`" in (Path(__file__).parents[2] / "docs" / "registry.md").read_text()


@pytest.mark.parametrize("text", ["", "7KQ", "UUU-UUU-UUU", "7KQ-M2X-9RP-0", "ÀÀÀ-ÀÀÀ-ÀÀÀ", "0" * 8])
def test_what_is_no_id_is_refused(text):
    with pytest.raises(InputError, match="not a common student ID"):
        parse_id(text)


def test_a_slip_is_named_without_repeating_what_was_typed():
    with pytest.raises(InputError, match="slip") as caught:
        parse_id("000-000-013")
    assert "000-000" not in str(caught.value)


def test_drawn_ids_are_sound_and_spread_over_every_character():
    drawn = draw_ids(20_000, _bytes())
    assert all(map(is_id, drawn[:500]))
    assert len(set(drawn)) == len(drawn)
    counts = np.array([[word.replace("-", "")[place] for word in drawn] for place in range(LENGTH)])
    for place in range(LENGTH):
        _, seen = np.unique(counts[place], return_counts=True)
        assert len(seen) == 32
        assert seen.min() > 500  # 625 expected; 5 standard deviations below


def test_real_randomness_serves_and_none_is_no_error():
    assert draw_ids(0, secrets.token_bytes) == []
    assert is_id(draw_ids(1, secrets.token_bytes)[0])
