"""Numbers of blocks stand for combinations of codes."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from linkage.hashing.blocks import numbered


@given(st.lists(st.tuples(*[st.sampled_from([0, 1, 2, 2**31, 2**40])] * 4), max_size=30))
def test_rows_have_one_number_exactly_if_all_their_codes_are_equal_however_large(rows):
    columns = list(np.array(rows, dtype=np.int64).reshape(-1, 4).T)
    numbers = numbered(columns)
    assert len(set(zip(rows, numbers.tolist(), strict=True))) == len(set(rows)) == len(set(numbers.tolist()))
    assert max(numbers.tolist(), default=0) <= 4 * len(rows)
