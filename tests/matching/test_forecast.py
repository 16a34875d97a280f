"""Pairs are counted from block ids exactly; a run that would explode is refused with the passes that make it so."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkage.errors import MatchingError
from linkage.matching.forecast import Forecast, PassForecast, estimate
from linkage.spec.encodings import EncodedPass, Encodings, FieldStatistics
from linkage.spec.load import load_spec

SPEC = load_spec("person")
FIRST = SPEC.passes[0].name


def _source(name, blocks):
    rows = len(blocks)
    encoded = EncodedPass(
        FIRST,
        np.array(blocks, dtype=np.uint64),
        np.arange(rows, dtype=np.uint64),
        np.zeros((rows, 0), dtype=np.uint32),
        {"first_name": np.zeros((rows, 4), dtype=np.uint64)},
    )
    return Encodings(name, rows, {FIRST: encoded}, FieldStatistics(rates={}, missing={}))


def test_three_blocks_counted_by_hand():
    found = estimate([_source("a", [7, 7, 8, 9]), _source("b", [7, 8])], SPEC)
    assert found.passes == (PassForecast(FIRST, rows=5, blocks=2, largest=3, pairs=4),)


@given(st.lists(st.lists(st.integers(0, 5), max_size=12), min_size=1, max_size=3))
def test_the_count_is_that_of_all_pairs_that_share_a_block(blocks):
    found = estimate([_source(str(place), held) for place, held in enumerate(blocks)], SPEC)
    together = [block for held in blocks for block in held]
    expected = sum(a == b for i, a in enumerate(together) for b in together[i + 1 :])
    assert found.pairs == expected


def _forecast(pairs, memory):
    passes = (PassForecast("small", 10, 5, 2, 5), PassForecast("crowded", 10**6, 3, 400_000, pairs))
    return Forecast(passes, memory, 1.0, 2)


def test_what_fits_is_not_refused():
    _forecast(10**9, 10**9).require_feasible(2 * 10**9, 5000)


def test_too_many_pairs_are_refused_and_the_crowded_pass_is_named():
    with pytest.raises(MatchingError) as refused:
        _forecast(10**12, 10**9).require_feasible(2 * 10**9, 5000)
    assert "pass crowded: 1,000,000,000,000 pairs, 400,000 rows in its largest block" in refused.value.problems
    assert "block_cap is below 5,000" in refused.value.advice


def test_too_little_memory_is_refused():
    with pytest.raises(MatchingError, match=r"3\.0 GB of memory; this machine has 2\.0"):
        _forecast(10, 3 * 10**9).require_feasible(2 * 10**9, 5000)
