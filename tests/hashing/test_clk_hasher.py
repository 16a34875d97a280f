import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage.errors import InputError, SpecError
from linkage.hashing.clk.hasher import clk_document, hash_records
from linkage.hashing.clk.schema import NgramComparison, load_schema, schema_from_document
from linkage.hashing.clk.tokens import _fast_ngrams, _ngrams, _number

ANSWERS = json.loads((Path(__file__).parents[1] / "data" / "clkhash_answers.json").read_text(encoding="utf-8"))["cases"]
TEXT = {"type": "string", "encoding": "utf-8"}


def schema_of(*features, **config):
    return {"version": 3, "clkConfig": {"l": 256, "kdf": {"type": "HKDF"}, **config}, "features": list(features)}


def feature(name="name", form=TEXT, comparison=None, **hashing):
    compare = comparison or {"type": "ngram", "n": 2}
    return {
        "identifier": name,
        "format": form,
        "hashing": {"comparison": compare, "strategy": {"bitsPerToken": 5}, **hashing},
    }


def clks_of(document, rows, secret="secret"):
    schema = schema_from_document(document, "test")
    frame = pd.DataFrame(rows, columns=[one.identifier for one in schema.features], dtype=str)
    return json.loads(clk_document(hash_records(frame, schema, secret.encode())))["clks"]


@pytest.mark.parametrize("case", ANSWERS, ids=[case["name"] for case in ANSWERS])
def test_clks_are_those_of_clkhash_bit_for_bit(case):
    assert clks_of(case["schema"], case["rows"], case["secret"]) == case["clks"]


@settings(max_examples=25, deadline=None)
@given(
    rows=st.lists(st.tuples(st.text(max_size=12), st.integers(-(10**6), 10**6).map(str)), min_size=1, max_size=5),
    n=st.integers(1, 4),
    positional=st.booleans(),
    bits=st.integers(1, 90),
)
def test_clks_of_any_text_are_those_of_the_installed_clkhash(rows, n, positional, bits):
    clk = pytest.importorskip("clkhash.clk")
    clkhash_schema = pytest.importorskip("clkhash.schema")
    serialization = pytest.importorskip("clkhash.serialization")
    document = schema_of(
        feature(comparison={"type": "ngram", "n": n, "positional": positional}, strategy={"bitsPerFeature": bits}),
        feature("number", {"type": "integer"}, {"type": "numeric", "thresholdDistance": 7.5, "resolution": 3}),
    )
    theirs = clk.generate_clks(rows, clkhash_schema.from_json_dict(document), "secret", max_workers=1)
    assert clks_of(document, rows) == [serialization.serialize_bitarray(one) for one in theirs]


@given(st.lists(st.text(max_size=9), max_size=6), st.integers(1, 4), st.booleans())
@settings(max_examples=60, deadline=None)
def test_numbered_ngrams_are_the_plain_ones(values, n, positional):
    comparison = NgramComparison(type="ngram", n=n, positional=positional)
    fast, plain = _fast_ngrams(values, comparison), _number([_ngrams(value, comparison) for value in values])
    assert fast is not None
    assert fast.offsets.tolist() == plain.offsets.tolist()
    assert [fast.texts[i] for i in fast.numbers] == [plain.texts[i] for i in plain.numbers]


def test_ngrams_too_large_to_number_are_cut_in_plain_python():
    values = ["".join(map(chr, range(97, 123))) * 2]
    assert _fast_ngrams(values, NgramComparison(type="ngram", n=20)) is None
    assert clks_of(schema_of(feature(comparison={"type": "ngram", "n": 20})), [values])


def test_the_order_of_columns_says_nothing_and_the_order_of_features_chooses_keys():
    document = schema_of(feature("a"), feature("b"))
    schema = schema_from_document(document, "test")
    frame = pd.DataFrame({"b": ["bob"], "a": ["ann"]})
    assert (hash_records(frame, schema, b"s") == hash_records(frame[["a", "b"]], schema, b"s")).all()
    assert clks_of(document, [("ann", "")]) != clks_of(document, [("", "ann")])


def test_every_bad_value_is_counted_by_column_and_none_is_shown():
    document = schema_of(
        feature("born", {"type": "date", "format": "%Y-%m-%d"}),
        feature("sex", {"type": "enum", "values": ["F", "M"]}, missingValue={"sentinel": ""}),
        feature("age", {"type": "integer", "minimum": 0}, {"type": "exact"}),
        feature("zip", {"type": "string", "pattern": "[0-9]{5}"}),
    )
    rows = [("2001-02-03", "", "7", "02134"), ("2001-02-30", "Quixote", "-1", "021"), ("3.2.01", "F", "old", "02135")]
    with pytest.raises(InputError) as caught:
        clks_of(document, rows)
    assert len(caught.value.problems) == 5
    said = str(caught.value)
    assert "'born': expected a date written %Y-%m-%d; 2 rows differ (row 2, 3)" in said
    assert "a number of at least 0" in said
    assert not any(value in said for value in ("Quixote", "2001-02-30", "3.2.01", "old"))


def test_a_column_that_is_missing_is_named():
    with pytest.raises(InputError, match="'name'"):
        hash_records(pd.DataFrame({"other": ["x"]}), schema_from_document(schema_of(feature()), "test"), b"s")


@pytest.mark.parametrize(
    ("document", "named"),
    [
        (schema_of(feature(), xorFolds=1), "xorFolds"),
        (schema_of(feature(), salt="x"), "clkConfig.salt: is not supported"),
        (schema_of(feature(), l=1000), "power of two"),
        (schema_of(feature(), kdf={"type": "legacy"}), "kdf.type"),
        (schema_of(feature(), kdf={"type": "HKDF", "keySize": 65}), "at most 64 bytes"),
        (schema_of(*(feature(str(i)) for i in range(64))), "HKDF gives at most"),
        (schema_of(feature(comparison={"type": "soundex"})), "soundex"),
        (schema_of(feature(hash={"type": "sha3"})), "sha3"),
        (schema_of(feature(strategy={"bitsPerToken": 5, "bitsPerFeature": 7})), "one of bitsPerToken"),
        (schema_of({"identifier": "name", "format": TEXT}), "has format and hashing|has a format"),
        ({"version": 4}, "version 1, 2 or 3"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(document, named):
    with pytest.raises(SpecError, match=named):
        schema_from_document(document, "test")


def test_all_problems_of_a_schema_are_reported():
    document = schema_of(feature("a", {"type": "enum"}), feature("b", comparison={"type": "ngram", "n": 0}))
    with pytest.raises(SpecError) as caught:
        schema_from_document(document, "test")
    assert len(caught.value.problems) == 2


def test_published_codi_schemas_are_read():
    folder = Path(__file__).parents[3] / "shared" / "data" / "codi_clks"
    if not folder.is_dir():
        pytest.skip("the CODI sample is not here")
    for path in sorted(folder.glob("name-*.json")):
        schema = load_schema(path)
        assert schema.clkConfig.l == 4096
        frame = pd.DataFrame({one.identifier: ["", ""] for _, one in schema.hashed})
        assert not np.any(hash_records(frame, schema, b"s"))
