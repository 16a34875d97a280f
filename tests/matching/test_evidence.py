"""A pair's weight taken apart: the terms add up to the model's own probability, and say no value."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkage.matching.candidates import NAME_ORDER
from linkage.matching.evidence import agreement_words, evidence
from linkage.matching.model import Model
from linkage.matching.patterns import decode
from linkage.matching.score import Scored, SourcePair
from linkage.spec.model import Filter, Identifier, Kind


def _identifier(name, about="person", cuts=(0.999, 0.78)):
    return Identifier(name=name, kind=Kind.CODE, about=about, filter=Filter(bits=64, set_bits=16), cuts=cuts)


def _levels(*shares):
    return [0.0, *shares, *[0.0] * (7 - len(shares))]


def _scored(moved_share=0.25):
    model = Model(
        identifiers=(_identifier("first_name"), _identifier("street", "household")),
        m=np.array([_levels(0.05, 0.15, 0.8), _levels(0.01, 0.09, 0.9)]),
        u=np.array([_levels(0.9, 0.09, 0.01), _levels(0.98, 0.01, 0.01)]),
        r=np.array([_levels(0.9, 0.09, 0.01), _levels(0.1, 0.1, 0.8)]),
        moved=np.array([_levels(0.05, 0.15, 0.8), _levels(0.9, 0.05, 0.05)]),
        moved_share=moved_share,
        match_share=np.array([0.001, 0.0001]),
        relative_share=np.array([0.002, 0.004]),
        iterations=3,
        converged=True,
    )
    pairs = (SourcePair("a", "b", 1e6, 1e4, 1e3), SourcePair("a", "c", 1e6, 1e4, 1e2))
    return Scored(None, model, pairs, ())


def _code(*levels):
    return sum(level << 3 * place for place, level in enumerate(levels))


def test_a_pair_worked_by_hand():
    """Both agree: stayed 0.75 x 80 x 90 = 5400, moved 0.25 x 80 x 5 = 100; weight log2 5500."""
    found = evidence(_scored(), "a", "b", _code(3, 3))
    assert [c.bits for c in found.contributions] == pytest.approx([np.log2(80), np.log2(90)])
    assert found.state == "stayed"
    assert found.state_bits == pytest.approx(np.log2(0.75))
    assert found.weight_bits == pytest.approx(np.log2(5500))
    assert found.other_state_bits == pytest.approx(np.log2(5500 / 5400))
    match, relative = 5500 * 0.001 / 0.997, 80 * 0.002 / 0.997
    assert found.probability == pytest.approx(match / (match + relative + 1))


def test_a_mover_is_explained_by_the_state_of_movers():
    found = evidence(_scored(), "a", "b", _code(3, 1))
    assert found.state == "moved"
    assert found.state_share == 0.25
    assert found.contributions[1].bits == pytest.approx(np.log2(0.9 / 0.98))


def test_the_prior_is_that_of_the_two_sources_in_either_order():
    one, other = evidence(_scored(), "a", "c", _code(3, 3)), evidence(_scored(), "c", "a", _code(3, 3))
    assert one == other
    assert one.prior_bits == pytest.approx(np.log2(0.0001 / (1 - 0.0001 - 0.004)))


@given(st.integers(0, 3), st.integers(0, 3), st.sampled_from([0.0, 0.1, 0.6]))
def test_the_terms_add_up_to_the_models_probability(first, second, moved_share):
    scored = _scored(moved_share)
    found = evidence(scored, "a", "b", _code(first, second))
    terms = (
        found.prior_bits
        + found.state_bits
        + sum(c.bits for c in found.contributions)
        + found.other_state_bits
        + found.relatives_bits
    )
    assert terms == pytest.approx(found.total_bits)
    assert 1 / (1 + 2.0**-terms) == pytest.approx(found.probability)
    levels = decode(np.array([_code(first, second)], dtype=np.uint64), 2)
    assert found.probability == pytest.approx(scored.model.probabilities(levels)[0, 0])


def test_a_level_is_named_by_the_specs_cuts():
    identifier = _identifier("first_name", cuts=(0.999, 0.9, 0.78))
    words = [agreement_words(identifier, level) for level in range(5)]
    assert words == ["missing", "differs (below .78)", "agrees .78 to .9", "agrees .9 to .999", "agrees"]
    assert agreement_words(_identifier("sex", cuts=(0.999,)), 1) == "differs"
    assert agreement_words(_identifier("x", cuts=(0.8, 0.5)), 3) == "agrees .8 or more"
    assert agreement_words(NAME_ORDER, 1) == "swapped"
