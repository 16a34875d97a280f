"""What became of a pair, and the record that stood in the way."""

import pandas as pd
import pytest

from linkage.matching.outcome import Decisions, Outcome, Record
from linkage.matching.persons import Persons

A1, A2 = Record("a", "a1" * 16), Record("a", "a2" * 16)
B1, B2 = Record("b", "b1" * 16), Record("b", "b2" * 16)
C1, C2 = Record("c", "c1" * 16), Record("c", "c2" * 16)
RECORDS = (A1, A2, B1, B2, C1, C2)


def _decisions(clusters, pairs, one_each=("a", "b", "c")):
    rows = {record: int(record.person_token[1]) - 1 for record in RECORDS}
    records = pd.DataFrame(
        [
            {"source": r.source, "row": rows[r], "person_token": r.person_token, "cluster_id": clusters.index(c)}
            for c in clusters
            for r in c
        ]
    )
    kept = pd.DataFrame(
        [
            {
                "source_a": x.source, "row_a": rows[x], "source_b": y.source, "row_b": rows[y],
                "match_weight": 1.0, "match_probability": p, "pattern": 7, "decision": decision,
            }
            for x, y, p, decision in pairs
        ]
    )  # fmt: skip
    return Decisions(Persons(records, kept), one_each)


@pytest.fixture
def decisions():
    clusters = [(A1, B1, C1), (A2,), (B2, C2)]
    pairs = [
        (A1, B1, 0.99, "linked"),
        (B1, C1, 0.4, "linked"),
        (A1, B2, 0.9, "conflict"),
        (A1, C2, 0.6, "conflict"),
        (A1, A2, 0.8, "placebo"),
        (A2, B2, 0.3, "review"),
        (B2, C2, 0.9, "linked"),
    ]
    return _decisions(clusters, pairs)


def test_a_link_over_the_threshold(decisions):
    assert decisions.decided(B1, A1).outcome is Outcome.LINKED


def test_a_link_below_the_threshold_was_made_in_a_later_round(decisions):
    found = decisions.decided(B1, C1)
    assert found.outcome is Outcome.LATER
    assert "0.4" in found.reason


def test_records_of_one_person_without_a_link_of_their_own_name_the_chain(decisions):
    found = decisions.decided(A1, C1)
    assert found.outcome is Outcome.THROUGH
    assert "a:a1a1a1a1 - b:b1b1b1b1 - c:c1c1c1c1" in found.reason


def test_a_refusal_names_the_record_that_was_there_already(decisions):
    found = decisions.decided(A1, B2)
    assert found.outcome is Outcome.CONFLICT
    assert found.reason == "b holds nobody twice, and a:a1a1a1a1 was already with b:b1b1b1b1, by a stronger link"
    third = decisions.decided(A1, C2)
    assert third.reason == (
        "b holds nobody twice, and a:a1a1a1a1 was already with b:b1b1b1b1 and c:c2c2c2c2 with b:b2b2b2b2, by stronger "
        "links"
    )


def test_where_a_source_may_hold_a_person_twice_the_evidence_of_all_records_refused(decisions):
    clusters = [(A1, B1, C1), (A2,), (B2, C2)]
    loose = _decisions(clusters, [(A1, B2, 0.9, "conflict")], one_each=())
    assert "speak against it" in loose.decided(A1, B2).reason


def test_what_was_not_linked_is_told_apart(decisions):
    assert decisions.decided(A1, A2).outcome is Outcome.TWICE
    assert decisions.decided(A2, B2).outcome is Outcome.BELOW
    assert decisions.decided(A2, C1).outcome is Outcome.NEVER_MET
    unlikely = decisions.decided(A2, C1, compared=0.002)
    assert unlikely.outcome is Outcome.UNLIKELY
    assert "0.002" in unlikely.reason


def test_the_order_of_the_two_records_changes_nothing(decisions):
    for one, other in ((A1, B1), (A1, B2), (A2, B2), (A1, C1), (A2, C1)):
        assert decisions.decided(one, other).outcome is decisions.decided(other, one).outcome
