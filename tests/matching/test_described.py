"""What a certificate says of the model and of the spread of weights."""

import numpy as np
import pandas as pd
import pytest

from linkage.matching.described import identifier_shares, weight_histogram
from linkage.matching.model import Model
from linkage.matching.persons import Persons
from linkage.spec.model import Filter, Identifier, Kind


def test_shares_stand_beside_their_weight_best_agreement_first():
    identifier = Identifier(
        name="first_name", kind=Kind.CODE, about="person", filter=Filter(bits=64, set_bits=16), cuts=(0.999, 0.78)
    )
    shares = np.array([[0.0, 0.1, 0.1, 0.8, 0, 0, 0, 0]])
    u = np.array([[0.0, 0.85, 0.1, 0.05, 0, 0, 0, 0]])
    model = Model((identifier,), shares, u, u, shares, 0.0, np.array([0.1]), np.array([0.1]), 1, True)
    (found,) = identifier_shares(model)
    assert [level.agreement for level in found.levels] == ["agrees", "agrees .78 to .999", "differs (below .78)"]
    assert [level.bits for level in found.levels] == pytest.approx([4.0, 0.0, np.log2(0.1 / 0.85)], abs=0.01)


def test_pairs_fall_into_the_bin_of_their_log_odds():
    pairs = pd.DataFrame(
        {
            "match_probability": [0.5, 0.81, 0.2, 1.0, 0.9, 1e-9],
            "decision": ["linked", "linked", "review", "linked", "conflict", "placebo"],
        }
    )
    found = weight_histogram(Persons(pd.DataFrame(), pairs))
    assert len(found.linked) == 24
    even = -found.from_bits // found.width
    assert found.linked[even] == 1  # even odds, bits 0 to 2
    assert found.linked[even + 1] == 1  # .81 is 2.09 bits
    assert found.linked[-1] == 1
    assert found.below[even - 1] == 1
    assert found.refused[even + 1] == 1
    assert found.within_source[0] == 1
