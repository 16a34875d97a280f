"""Clusters hold one record of a duplicate-free source, whatever the links say."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from linkage.matching.clusters import Clustering, Scores, cluster


def _cluster(links, source, exclusive):
    a, b, weight = (np.array(column) for column in zip(*links, strict=True)) if links else ([], [], [])
    return cluster(
        np.array(a, dtype=np.int64),
        np.array(b, dtype=np.int64),
        np.array(weight, dtype=np.float64),
        np.array(source, dtype=np.int64),
        np.array(exclusive),
    )


def test_the_stronger_of_two_rival_links_wins_and_the_other_is_a_conflict():
    # Records 0 and 1 are of source A, record 2 of source B.
    found = _cluster([(0, 2, 5.0), (1, 2, 9.0)], [0, 0, 1], [True, True])
    assert found.labels.tolist() == [0, 1, 1]
    assert found.taken.tolist() == [False, True]
    assert found.refused.tolist() == [True, False]


def test_a_third_source_joins_two_records_that_no_link_joins():
    found = _cluster([(0, 2, 5.0), (1, 2, 4.0)], [0, 1, 2], [True] * 3)
    assert found.labels.tolist() == [0, 0, 0]


def _with_odds(links, source, exclusive, odds):
    a, b, weight = (np.array(column) for column in zip(*links, strict=True))
    scored = Scores(*(np.array(column) for column in zip(*odds, strict=True)))
    return cluster(a, b, weight, np.array(source), np.array(exclusive), scored=scored)


def test_a_source_that_may_hold_duplicates_may_give_a_person_two_records_that_look_alike():
    links = [(0, 2, 5.0), (1, 2, 9.0), (0, 1, 3.0)]
    odds = [(0, 2, 3.0), (1, 2, 6.0), (0, 1, 2.0)]
    found = _with_odds(links, [0, 0, 1], [False, True], odds)
    assert found.labels.tolist() == [0, 0, 0]
    assert not found.refused.any()


def test_a_siblings_record_is_not_drawn_in_through_a_third_party():
    """Records 0 and 1 of one source both resemble record 2, but not each other, so that pair was not scored."""
    found = _with_odds([(0, 2, 5.0), (1, 2, 9.0)], [0, 0, 1], [False, True], [(0, 2, 1.5), (1, 2, 6.0)])
    assert found.labels.tolist() == [0, 1, 1]
    assert found.refused.tolist() == [True, False]


@st.composite
def _linked_records(draw):
    sources = draw(st.integers(2, 5))
    source = draw(st.lists(st.integers(0, sources - 1), min_size=2, max_size=25))
    exclusive = draw(st.lists(st.booleans(), min_size=sources, max_size=sources))
    ends = st.integers(0, len(source) - 1)
    links = draw(st.lists(st.tuples(ends, ends, st.floats(0, 40)).filter(lambda t: t[0] != t[1]), max_size=60))
    return links, source, exclusive


@given(_linked_records())
def test_no_cluster_holds_a_duplicate_free_source_twice(case):
    links, source, exclusive = case
    found = _cluster(links, source, exclusive)
    held = {(label, s) for label, s in zip(found.labels, source, strict=True) if exclusive[s]}
    assert len(held) == sum(exclusive[s] for s in source)


@given(_linked_records(), st.randoms())
def test_the_order_of_links_changes_nothing(case, random):
    links, source, exclusive = case
    shuffled = list(links)
    random.shuffle(shuffled)
    shuffled = [(b, a, w) if random.random() < 0.5 else (a, b, w) for a, b, w in shuffled]
    assert (_cluster(links, source, exclusive).labels == _cluster(shuffled, source, exclusive).labels).all()


@given(_linked_records())
def test_every_link_is_inside_a_cluster_or_refused(case):
    links, source, exclusive = case
    found = _cluster(links, source, exclusive)
    assert (found.taken | found.refused).all()


@given(_linked_records(), st.data())
def test_links_taken_in_rounds_cluster_as_links_of_later_rank_do(case, data):
    links, source, exclusive = case
    later = np.array([data.draw(st.booleans()) for _ in links], dtype=bool)
    a, b = (np.array([link[side] for link in links], dtype=np.int64) for side in (0, 1))
    weight = np.array([link[2] for link in links], dtype=np.float64)
    records, flags = np.array(source, dtype=np.int64), np.array(exclusive)
    clustering = Clustering(records, flags)
    for chosen in (~later, later):
        clustering.join(a[chosen], b[chosen], weight[chosen])
    at_once = cluster(a, b, weight, records, flags, later.astype(np.int64))
    assert clustering.labels.tolist() == at_once.labels.tolist()
