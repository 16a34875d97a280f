"""Explaining pairs at a hub: what the registrar knows, what the matcher answers, and that no value is in it."""

import json
import os
from dataclasses import asdict

import pytest
from consortium import MARKERS, NOW, children, make_consortium
from rich.console import Console

from linkage.engine.explain import explain
from linkage.engine.links import open_newest_links
from linkage.engine.matcher import match
from linkage.engine.question import Post
from linkage.engine.registrar import open_registry, resolve
from linkage.errors import InputError
from linkage.matching.outcome import Outcome
from linkage.registry import manual
from linkage.registry.model import RunRecord
from linkage.reports.explanation import show_explanations
from linkage.reports.explanation_html import explanation_html

POST = Post(NOW, os.urandom)


@pytest.fixture(scope="module")
def linked(tmp_path_factory):
    consortium = make_consortium(tmp_path_factory.mktemp("consortium"))
    consortium.receive(
        consortium.hash("lakeside-district", children(120)),
        consortium.hash("state-colleges", children(120, first=40)),
    )
    match(consortium.hub, NOW, os.urandom)
    resolve(consortium.hub, NOW)
    return consortium.hub


def _operands(hub, decision):
    newest = open_newest_links(hub)
    persons = newest.persons()
    tokens = persons.records.set_index(["source", "row"])["person_token"]
    pairs = persons.pairs[persons.pairs["decision"] == decision]
    pair = pairs.sort_values("match_weight").iloc[-1]
    return (
        f"{pair['source_a']}:{tokens[(pair['source_a'], pair['row_a'])]}",
        f"{pair['source_b']}:{tokens[(pair['source_b'], pair['row_b'])]}",
        pair,
    )


def test_a_link_is_explained_with_its_own_probability_and_passes(linked):
    one, other, pair = _operands(linked, "linked")
    (found,) = explain(linked, one, other, POST)
    assert found.outcome is Outcome.LINKED
    assert found.probability == pytest.approx(pair["match_probability"])
    assert found.evidence.weight_bits == pytest.approx(pair["match_weight"])
    assert "ssn" in found.passes_met
    assert set(found.passes_met) <= set(found.passes_possible)
    assert found.student_a == found.student_b != ""


def test_the_start_of_a_token_or_an_id_will_do(linked):
    one, other, _ = _operands(linked, "linked")
    whole = explain(linked, one, other, POST)
    source, token = one.split(":")
    assert explain(linked, f"{source}:{token[:8]}", other, POST) == whole
    assert explain(linked, whole[0].student_a, None, POST) == whole


def test_pairs_that_were_not_linked_say_why(linked):
    one, _, _ = _operands(linked, "linked")
    newest = open_newest_links(linked)
    outcomes = {}
    for token in newest.tables[1].table["person_token"][:4]:
        (found,) = explain(linked, one, f"state-colleges:{token}", POST)
        outcomes[found.outcome] = found
        if found.outcome is Outcome.NEVER_MET:
            assert found.evidence is None
            assert not found.passes_met
        elif found.outcome is Outcome.UNLIKELY:
            assert found.passes_met
            assert found.probability < 0.01
    assert Outcome.NEVER_MET in outcomes or Outcome.UNLIKELY in outcomes


def test_a_decision_by_hand_is_named(linked):
    one, other, _ = _operands(linked, "linked")
    (before,) = explain(linked, one, other, POST)
    with open_registry(linked) as registry, registry.exclusive():
        plan = manual.plan_pin(registry.state_of([before.student_a]), before.student_a, "seen by both agencies")
        registry.apply(plan, RunRecord(NOW, (), "test"), limit=1.0)
    (after,) = explain(linked, one, other, POST)
    assert any("holds them together: seen by both agencies" in line for line in after.registry)


def test_nothing_of_a_question_is_left_and_no_value_is_shown(linked):
    one, other, _ = _operands(linked, "linked")
    found = explain(linked, one, other, POST)
    assert not [*linked.folder.rglob("*.question"), *linked.folder.rglob("*.answer")]
    console = Console(record=True, width=100)
    show_explanations(console, found)
    shown = console.export_text() + explanation_html(found).decode() + json.dumps([asdict(each) for each in found])
    assert "state-colleges" in shown
    assert not any(marker in shown for marker in MARKERS)


@pytest.mark.parametrize(
    ("operand", "words"),
    [
        ("lakeside-district:zz11", "0 records"),
        ("lakeside-district:a", "at least 4"),
        ("7KQ", "not a common student ID"),
    ],
)
def test_what_names_no_record_is_refused(linked, operand, words):
    with pytest.raises(InputError, match=words):
        explain(linked, operand, None, POST)
