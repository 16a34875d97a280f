"""What the attacks get from the encodings of two small districts, and from the CLK that must fall to them."""

import numpy as np
import pytest

from bench.redteam import attacks
from bench.redteam.victims import keys_of, pupils, scene
from linkage.hashing.encode import plan
from linkage.spec.load import load_spec


@pytest.fixture(scope="module")
def frames():
    return pupils(700, 3)


@pytest.fixture(scope="module")
def strict(frames):
    spec = load_spec("person-strict")
    # A few passes are enough for a fast run; the command runs all of them.
    chosen = ("names-year", "first-date", "names-zip")
    spec = spec.model_copy(update={"passes": tuple(p for p in spec.passes if p.name in chosen)})
    return scene(*frames, spec, 1)


@pytest.fixture(scope="module")
def standard(frames):
    spec = load_spec("person")
    return scene(*frames, spec.model_copy(update={"passes": (spec.passes[0],)}), 1)


def _attack(seen, scene, words, attack):
    rng = np.random.default_rng(1)
    anchors = rng.choice(scene.population.size, 200, replace=False)
    known, rows = attacks.split(seen, anchors, 300, rng)
    return attack(seen, scene.population, attacks.Listed(words), known, rows)


def test_a_clk_falls_to_known_pairs(standard):
    assert _attack(standard.clk, standard, standard.population.clk, attacks.correlation) > 0.9


@pytest.mark.parametrize("attack", [attacks.correlation, attacks.linear_map])
def test_known_pairs_say_nothing_of_strangers_in_strict_passes(strict, attack):
    for seen in strict.passes:
        assert _attack(seen, strict, strict.population.words, attack) < 0.06


def test_hardly_anyone_meets_a_stranger_in_strict_passes(strict):
    for seen in strict.passes:
        assert attacks.with_strangers(seen, strict.population) < 0.03
        assert attacks.block_sizes(seen, strict.population) < 0.05


def test_structure_gives_away_little_but_who_is_there_twice(strict):
    rng = np.random.default_rng(1)
    for seen in strict.passes:
        twice = 1 - len(np.unique(seen.blocks)) / len(seen.blocks)
        assert attacks.block_structure(seen, strict.population, strict.spans, 100, rng) < 2 * twice + 0.02


def test_weight_does_not_tell_length(standard):
    seen = standard.passes[0]
    assert abs(attacks.weight_and_length(seen, standard.population, standard.spans["last_name"])) < 0.1


def test_records_that_share_no_block_are_as_similar_as_random_ones(standard):
    rng = np.random.default_rng(1)
    same, two = attacks.strangers(standard.passes[0], standard.population, standard.spans["first_name"], rng)
    assert same == pytest.approx(two, abs=0.02)


def test_two_epochs_share_no_block_and_no_key(frames):
    from linkage.hashing.columns import recognise
    from linkage.hashing.prepare import prepare

    spec = load_spec("person")
    frame = frames[0][0]
    prepared = prepare(frame, recognise(map(str, frame.columns), spec), spec)
    rng = np.random.default_rng(1)
    one, other = (plan(prepared, spec, keys_of(epoch), rng.bytes) for epoch in (b"epoch 1", b"epoch 2"))
    assert not len(np.intersect1d(one.entries.blocks, other.entries.blocks))
    for mine, theirs in zip(one.tables, other.tables, strict=True):
        assert not len(np.intersect1d(mine.digests, theirs.digests))
