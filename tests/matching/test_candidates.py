"""Candidate pairs: each is met once, with the levels of its filters, whether it is remembered or met again."""

import hashlib
import hmac
from collections import Counter
from itertools import combinations

import numpy as np
import pytest

from bench._registers import registers
from linkage.hashing.columns import recognise
from linkage.hashing.encode import encode
from linkage.hashing.prepare import prepare
from linkage.matching import candidates
from linkage.matching.candidates import NAME_ORDER, compare, compared_identifiers, keep
from linkage.matching.patterns import pair_table
from linkage.spec.encodings import Encodings, FieldStatistics
from linkage.spec.levels import level_of
from linkage.spec.load import load_spec


def _derive(label):
    return hmac.digest(b"test", label.encode(), hashlib.sha256)


@pytest.fixture(scope="module")
def encoded():
    frames, _ = registers(120, seed=4)
    spec = load_spec()
    rng = np.random.default_rng(1)
    sources = []
    for name, frame in frames.items():
        prepared = prepare(frame, recognise(frame.columns, spec), spec)
        found = encode(prepared, spec, _derive, rng.bytes)
        rates = dict.fromkeys(prepared.values, ())
        sources.append((Encodings(name, len(frame), found.passes, FieldStatistics(rates=rates, missing={})), found))
    return spec, sources


def _met(spec, sources):
    """Meet all pairs by brute force: ``{(source, record), (source, record)}`` with the first pass they share."""
    met = {}
    for blocking in spec.passes:
        rows = []
        for s, (_, found) in enumerate(sources):
            if blocking.name not in found.passes:
                continue
            held = found.passes[blocking.name]
            record_of = {int(token): r for r, token in enumerate(found.tokens[blocking.name]) if token}
            rows += [
                ((s, record_of[int(t)]), int(b), k)
                for k, (t, b) in enumerate(zip(held.tokens, held.blocks, strict=True))
            ]
        for (one, block, k), (other, block_too, j) in combinations(rows, 2):
            if block == block_too:
                met.setdefault(frozenset([one, other]), (blocking.name, {one: k, other: j}))
    return met


def _as_sets(kept, sources):
    found = []
    for batch in kept:
        where = [
            {int(token): r for r, token in enumerate(encoded.tokens[batch.name]) if token} for _, encoded in sources
        ]
        for sa, ta, sb, tb, pattern in zip(
            batch.source_a, batch.token_a, batch.source_b, batch.token_b, batch.pattern, strict=True
        ):
            found.append((batch.name, frozenset([(sa, where[sa][int(ta)]), (sb, where[sb][int(tb)])]), int(pattern)))
    return found


def test_every_pair_that_shares_a_pass_is_met_once_in_the_first(encoded):
    spec, sources = encoded
    given = [source for source, _ in sources]
    compared = compare(given, spec)
    everything = np.ones((len(compared.patterns.codes), 3), dtype=bool)
    kept = _as_sets(keep(given, spec, compared, everything), sources)
    expected = _met(spec, sources)
    assert {pair: name for name, pair, _ in kept} == {pair: name for pair, (name, _) in expected.items()}
    assert len(kept) == len(expected) == compared.patterns.counts.sum()


def test_a_pattern_holds_the_levels_of_the_filters(encoded):
    spec, sources = encoded
    given = [source for source, _ in sources]
    compared = compare(given, spec)
    identifiers = compared_identifiers(given, spec)
    place = {identifier.name: f for f, identifier in enumerate(identifiers)}
    everything = np.ones((len(compared.patterns.codes), 3), dtype=bool)
    expected = _met(spec, sources)
    for name, pair, pattern in _as_sets(keep(given, spec, compared, everything), sources)[:200]:
        rows = expected[pair][1]
        for identifier in identifiers:
            if identifier is NAME_ORDER or identifier.group:
                continue
            words = [
                found.passes[name].filters[identifier.name][rows[s, r]]
                for (s, r), found in ((record, sources[record[0]][1]) for record in pair)
            ]
            weights = [int(np.bitwise_count(w).sum()) for w in words]
            common = int(np.bitwise_count(words[0] & words[1]).sum())
            level = level_of(common, *weights, np.array(identifier.cuts))
            assert int(compared.patterns.codes[pattern]) >> 3 * place[identifier.name] & 7 == level


def test_pairs_that_are_not_remembered_are_met_again(encoded, monkeypatch):
    spec, sources = encoded
    given = [source for source, _ in sources]
    remembered = compare(given, spec)
    monkeypatch.setattr(candidates, "MOST_REMEMBERED", 40)
    forgotten = compare(given, spec)
    assert 0 < len(forgotten.remembered) < len(remembered.remembered)
    assert (forgotten.patterns.codes == remembered.patterns.codes).all()
    assert (forgotten.patterns.counts == remembered.patterns.counts).all()
    wanted = np.zeros((len(remembered.patterns.codes), 3), dtype=bool)
    wanted[::2, pair_table(2)[0, 1]] = True
    one, other = (
        Counter(_as_sets(keep(given, spec, compared, wanted), sources)) for compared in (remembered, forgotten)
    )
    assert one == other
    assert one
