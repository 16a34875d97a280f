"""Twins, siblings, juniors and seniors, namesakes: people who are alike, each in one register or in both."""

from collections import defaultdict

import numpy as np
import pandas as pd
import pytest

import linkage
from bench._registers import registers

#: Pairs of people of each kind: among siblings a few are twins, as in life.
_PAIRS = {"siblings": 1_000, "twins": 60, "junior and senior": 30, "namesakes": 60}


def _other(kind, person, stranger):
    """Return who is so like ``person``: a relative of the same household, or a stranger of the same name and age."""
    if kind == "twins":
        return person | {name: stranger[name] for name in ("first_name", "sex")}
    if kind == "siblings":
        return person | {name: stranger[name] for name in ("first_name", "sex", "birth_date")}
    if kind == "junior and senior":
        return person | {
            "birth_date": f"{int(person['birth_date'][:4]) - 28}-{stranger['birth_date'][5:]}",
            "suffix": "Sr",
        }
    born = person["birth_date"][:4] + stranger["birth_date"][4:]
    return stranger | {name: person[name] for name in ("first_name", "last_name", "sex")} | {"birth_date": born}


@pytest.fixture(scope="module")
def alike():
    """Link two registers, each with two thirds of some pairs of people who are alike.

    Returns, by kind: how many people are in both registers, how many of them were linked, how many false links there
    are, and how many pairs of them stand alone, each in another register.
    """
    rng = np.random.default_rng(16)
    frames, truth = registers(5_000, seed=16)
    frames = {name: frame.assign(suffix="") for name, frame in frames.items()}
    people = iter(registers(2 * sum(_PAIRS.values()), seed=13)[0]["a"].assign(suffix="").to_dict("records"))
    kind_of, rows = {}, {name: [] for name in frames}
    numbers = {name: list(truth[name]) for name in frames}
    apart = defaultdict(int)
    for kind, pairs in _PAIRS.items():
        for _ in range(pairs):
            person, stranger = next(people), next(people)
            held = []
            for who in (person, _other(kind, person, stranger)):
                number = 1_000_000 + len(kind_of)
                kind_of[number] = kind
                held.append({name for name in frames if rng.random() < 2 / 3})
                for name in held[-1]:
                    rows[name].append(who | ({"phone": ""} if rng.random() < 0.1 else {}))
                    numbers[name].append(number)
            apart[kind] += len(held[0]) == len(held[1]) == 1 and held[0] != held[1]
    whole = {name: pd.concat([frames[name], pd.DataFrame(rows[name])], ignore_index=True) for name in frames}
    clusters = linkage.link(whole).clusters
    clusters["person"] = [numbers[source][row] for source, row in zip(clusters["source"], clusters["row"], strict=True)]
    sides = [clusters[clusters["source"] == name] for name in frames]
    links = sides[0].merge(sides[1], on="cluster_id")
    of_a, of_b = links["person_x"].map(kind_of), links["person_y"].map(kind_of)
    right = links["person_x"] == links["person_y"]
    both = set(numbers["a"]) & set(numbers["b"])
    return {
        kind: (
            sum(kind_of.get(number) == kind for number in both),
            int((right & (of_a == kind)).sum()),
            int((~right & ((of_a == kind) | (of_b == kind))).sum()),
            apart[kind],
        )
        for kind in _PAIRS
    }


@pytest.mark.parametrize("kind", _PAIRS)
def test_each_of_two_people_who_are_alike_is_linked_to_himself(alike, kind):
    both, right, _, _ = alike[kind]
    assert both > 25
    assert right >= 0.97 * both


@pytest.mark.parametrize(("kind", "most"), [("siblings", 0.03), ("twins", 0.34), ("namesakes", 0.34)])
def test_people_who_are_alike_are_not_taken_for_one_another_where_each_is_in_one_register_only(alike, kind, most):
    """A father and son of one name who are each in another register are: so does a wrong birth date look."""
    _, _, false, apart = alike[kind]
    assert apart >= 3
    assert false <= most * apart


def test_swapped_names_do_not_keep_a_person_from_his_own_record():
    frames, truth = registers(1_500, seed=14)
    swapped = np.random.default_rng(14).random(len(frames["b"])) < 0.05
    names = frames["b"].loc[swapped, ["last_name", "first_name"]].to_numpy()
    frames["b"].loc[swapped, ["first_name", "last_name"]] = names
    clusters = linkage.link(frames).clusters
    clusters["person"] = [truth[source][row] for source, row in zip(clusters["source"], clusters["row"], strict=True)]
    sides = [clusters[clusters["source"] == name] for name in frames]
    links = sides[0].merge(sides[1], on=["cluster_id", "person"])
    turned = swapped & truth["b"].isin(set(truth["a"])).to_numpy()
    assert turned.sum() > 25
    assert links["row_y"].isin(np.flatnonzero(turned)).sum() >= 0.95 * turned.sum()
