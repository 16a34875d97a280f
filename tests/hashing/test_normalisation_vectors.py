"""The software does what docs/normalisation.md says: each of its vectors holds."""

import json
from pathlib import Path

import numpy as np
import pytest

from linkage.hashing.dates import date
from linkage.hashing.normalise import normalise
from linkage.hashing.person_name import PersonName, split_name, surname_suffix
from linkage.hashing.prepare import Values
from linkage.spec.model import NORMALISATION_VERSION, Kind

VECTORS = json.loads(
    (Path(__file__).parents[2] / "docs" / "vectors" / "normalisation.json").read_text(encoding="utf-8")
)


def _tests(wanted):
    return [
        pytest.param(group, test["input"], test["expected"], id=str(test["id"]))
        for group in VECTORS["groups"]
        if wanted(group)
        for test in group["tests"]
    ]


def test_the_vectors_are_of_this_version_and_counted():
    assert VECTORS["normalisation_version"] == NORMALISATION_VERSION
    ids = [test["id"] for group in VECTORS["groups"] for test in group["tests"]]
    assert ids == list(range(1, VECTORS["numberOfTests"] + 1))
    assert {group["kind"] for group in VECTORS["groups"]} >= {kind.value for kind in Kind}


@pytest.mark.parametrize(
    ("group", "value", "expected"), _tests(lambda g: g["kind"] in set(Kind) and not {"order", "key_part"} & set(g))
)
def test_a_value_and_its_canonical_text(group, value, expected):
    assert normalise(Kind(group["kind"]), [value]) == [expected]
    assert normalise(Kind(group["kind"]), [expected]) == [expected]


@pytest.mark.parametrize(("group", "value", "expected"), _tests(lambda g: "order" in g))
def test_a_date_in_the_order_of_its_column(group, value, expected):
    assert date(value, group["order"]) == expected


@pytest.mark.parametrize(("group", "value", "expected"), _tests(lambda g: g["kind"] == "full_name"))
def test_a_full_name_and_its_parts(group, value, expected):
    assert split_name(value) == PersonName(**expected)


@pytest.mark.parametrize(("group", "value", "expected"), _tests(lambda g: g["kind"] == "surname_suffix"))
def test_a_surname_and_its_suffix(group, value, expected):
    assert surname_suffix(value) == expected


@pytest.mark.parametrize(("group", "value", "expected"), _tests(lambda g: "key_part" in g))
def test_a_canonical_text_and_its_part_of_a_key(group, value, expected, spec):
    identifier = next(i for i in spec.identifiers if i.kind == group["kind"])
    codes, texts = Values(identifier, np.zeros(1, dtype=np.int32), (value,)).key_parts(group["key_part"])
    assert [texts[code] if code >= 0 else "" for code in codes] == [expected]
