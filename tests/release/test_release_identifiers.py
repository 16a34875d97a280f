import re
import secrets

import numpy as np
import pandas as pd
import pytest

from linkage.errors import InputError
from linkage.release.identifiers import PATTERN, kept_release_ids, release_ids


def test_an_id_is_128_bits_or_more_and_new_each_time():
    students = [f"S{number}" for number in range(1000)]
    first, second = release_ids(students, secrets.token_bytes), release_ids(students, secrets.token_bytes)
    assert first.index.tolist() == students
    assert first.is_unique
    assert set(first).isdisjoint(second)
    assert all(re.fullmatch(PATTERN, each) for each in first)
    assert 26 * np.log2(32) >= 128


def test_an_id_depends_on_the_randomness_alone():
    one = release_ids(["a", "b"], np.random.default_rng(1).bytes)
    other = release_ids(["x", "y"], np.random.default_rng(1).bytes)
    assert one.tolist() == other.tolist()


def test_an_update_keeps_the_ids_it_gave_and_draws_the_rest():
    first = release_ids(["a", "b"], secrets.token_bytes)
    later = kept_release_ids(["b", "c"], first, secrets.token_bytes)
    assert later["b"] == first["b"]
    assert later["c"] not in set(first)


def test_after_a_merge_the_first_of_two_ids_stands():
    earlier = pd.Series(["older", "newer"], index=["a", "a"])
    assert kept_release_ids(["a"], earlier, secrets.token_bytes).tolist() == ["older"]


def test_a_student_given_twice_is_refused():
    with pytest.raises(InputError):
        release_ids(["a", "a"], secrets.token_bytes)


def test_nobody_has_no_ids():
    assert len(release_ids([], secrets.token_bytes)) == 0
