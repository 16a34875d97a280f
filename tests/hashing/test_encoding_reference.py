"""The published vectors, the plain reference and the fast encoder say the same bytes."""

import json
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage.exchange.context import Context
from linkage.exchange.secret import Secret
from linkage.hashing.encode import encode
from linkage.hashing.prepare import Prepared, Values
from linkage.spec.load import load_spec
from linkage.spec.model import LinkageSpec

sys.path.insert(0, str(Path(__file__).parent))
import reference

VECTORS = json.loads((Path(__file__).parents[2] / "docs/vectors/encoding.json").read_text(encoding="utf-8"))
SPEC = LinkageSpec.model_validate(VECTORS["spec"])
SECRET = bytes.fromhex(VECTORS["secret"])


@cache
def derived(label):
    return reference.derive(SECRET, VECTORS["context"], label)


def prepared_of(spec, records):
    """Make canonical values ready to encode."""
    values = {}
    for identifier in spec.identifiers:
        texts = [record.get(identifier.name, "") for record in records]
        distinct = tuple(dict.fromkeys(text for text in texts if text))
        codes = np.array([distinct.index(text) if text else -1 for text in texts], dtype=np.int32)
        if distinct:
            values[identifier.name] = Values(identifier, codes, distinct)
    return Prepared(len(records), values)


def iter_tokens():
    """Return a source of tokens 1, 2, 3 and so on."""
    counter = iter(range(1, 1 << 40))
    return lambda n: np.array([next(counter) for _ in range(n // 8)]).tobytes()


def encoded_fast(records):
    """Encode canonical values with the product's encoder; returns what the reference returns, for each record."""
    source = encode(prepared_of(SPEC, records), SPEC, derived, iter_tokens())
    found = [{} for _ in records]
    for name, encoded in source.passes.items():
        for row in range(encoded.rows):
            record = int(np.flatnonzero(source.tokens[name] == encoded.tokens[row])[0])
            found[record][name] = {
                "block": int(encoded.blocks[row]),
                "checks": encoded.checks[row].tolist(),
                "filters": {f: words[row].tobytes() for f, words in encoded.filters.items() if words[row].any()},
            }
    return found


def as_sent(encoded):
    """Cut the reference's block ids to the eight bytes that a package holds."""
    return {name: found | {"block": int.from_bytes(found["block"][:8], "little")} for name, found in encoded.items()}


def test_keys_are_derived_as_the_secret_derives_them():
    context = Context(**{key: value for key, value in VECTORS["context"].items() if key != "proto"})
    for label, key in VECTORS["keys"].items():
        assert derived(label).hex() == key == Secret(SECRET).derive(context, label).hex()


@pytest.mark.parametrize("case", VECTORS["records"], ids=lambda case: case["comment"])
def test_the_reference_writes_the_published_bytes(case):
    found = reference.encode_record(VECTORS["spec"], derived, case["canonical"])
    assert found.keys() == case["passes"].keys()
    for name, expected in case["passes"].items():
        assert found[name]["block"].hex() == expected["block"]
        assert found[name]["checks"] == expected["checks"]
        assert {f: bits.hex() for f, bits in found[name]["filters"].items()} == expected["filters"]


def test_the_product_writes_the_published_bytes():
    records = [case["canonical"] for case in VECTORS["records"]]
    for found, case in zip(encoded_fast(records), VECTORS["records"], strict=True):
        assert found.keys() == case["passes"].keys()
        for name, expected in case["passes"].items():
            assert found[name]["block"] == int.from_bytes(bytes.fromhex(expected["block"])[:8], "little")
            assert found[name]["checks"] == expected["checks"]
            assert {f: bits.hex() for f, bits in found[name]["filters"].items()} == expected["filters"]


_words = st.lists(st.text("ABCDEHLNOSTWZ", min_size=1, max_size=12), min_size=1, max_size=3).map(" ".join)
_digits = st.text("0123456789", min_size=1, max_size=12)
_records = st.fixed_dictionaries(
    {},
    optional={
        "first_name": _words,
        "middle_name": _words,
        "last_name": _words,
        "suffix": st.sampled_from(["JR", "III"]),
        "birth_date": st.dates().map(str) | st.integers(1900, 2020).map(str),
        "sex": st.sampled_from("FMX"),
        "street": st.lists(
            st.text("AB1289", min_size=1, max_size=9), min_size=1, max_size=6
        ).map(" ".join),
        "city": _words,
        "postal_code": _digits,
        "phone": _digits,
        "email": st.text("ABC.@_-19", min_size=1, max_size=30),
        "ssn": st.text("0123456789", min_size=4, max_size=9),
        "student": _digits,
    },
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(_records, min_size=1, max_size=4))
def test_the_product_and_the_reference_agree_on_anything(records):
    for found, record in zip(encoded_fast(records), records, strict=True):
        assert found == as_sent(reference.encode_record(VECTORS["spec"], derived, record))


_ALIKE = st.fixed_dictionaries(
    {
        "first_name": st.sampled_from(["ANN", "BEA", ""]),
        "last_name": st.sampled_from(["LEE", "HU", ""]),
        "birth_date": st.sampled_from(["2001-02-03", "2001-02-04", "1999-02-03", ""]),
        "sex": st.sampled_from(["F", "M", ""]),
        "street": st.sampled_from(["1 MAIN ST", "2 MAIN ST", ""]),
        "postal_code": st.sampled_from(["01234", "55555", ""]),
    }
)


@given(st.lists(_ALIKE, min_size=1, max_size=24))
@settings(max_examples=60, deadline=None)
def test_who_takes_part_in_which_pass_is_as_the_reference_says(records):
    spec = load_spec()
    found = encode(prepared_of(spec, records), spec, derived, iter_tokens())
    expected = reference.taking_part(spec.model_dump(mode="json"), records)
    for name, tokens in found.tokens.items():
        assert np.flatnonzero(tokens).tolist() == expected[name], name
    assert all(not rows for name, rows in expected.items() if name not in found.tokens)
