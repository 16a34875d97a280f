"""Columns held as codes: the same values as the text they stand for, whatever they came from."""

import datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkage.hashing.coded import CODED_TEXT, coded_column, coded_table, codes_and_values, texts_of
from linkage.hashing.read import read_extract

TEXTS = st.lists(st.sampled_from(["", " ", "Ann", " Ann", "Ann ", "Zoë", "0123", "x" * 50]), min_size=1, max_size=30)


def _plain(texts):
    return [texts.distinct[code] for code in texts.codes]


def _table(pieces):
    schema = pa.schema([("a", CODED_TEXT)])
    batches = [
        pa.RecordBatch.from_arrays([pa.array(piece, pa.large_string()).dictionary_encode()], schema=schema)
        for piece in pieces
    ]
    return coded_table(batches, schema)


@given(st.lists(TEXTS, min_size=1, max_size=4))
def test_pieces_and_frames_give_the_same_stripped_texts_each_distinct_one_once(pieces):
    whole = [text for piece in pieces for text in piece]
    table = _table(pieces)
    for source in (table, pd.DataFrame({"a": whole})):
        found = texts_of(source, "a")
        assert _plain(found) == [text.strip() for text in whole]
        assert len(set(found.distinct)) == len(found.distinct)
        assert found.counts().tolist() == [_plain(found).count(text) for text in found.distinct]


@given(TEXTS, st.data())
def test_columns_are_joined_row_by_row(first, data):
    second = [data.draw(st.sampled_from(["", "1", "12"])) for _ in first]
    found = texts_of(_table([first]), "a").joined(texts_of(_table([second]), "a"), "-")
    assert _plain(found) == [f"{a.strip()}-{b}".strip("- ") for a, b in zip(first, second, strict=True)]
    assert len(set(found.distinct)) == len(found.distinct)


def test_pieces_share_one_dictionary():
    codes, values = codes_and_values(_table([["b", "a"], ["a", "c"], ["c"]])["a"])
    assert codes.tolist() == [0, 1, 1, 2, 2]
    assert values.to_pylist() == ["b", "a", "c"]


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([datetime.date(2014, 11, 3), None], ["2014-11-03", ""]),
        ([datetime.datetime(2014, 11, 3, 5, 6), None], ["2014-11-03", ""]),
        ([1.0, 604821.0, None], ["1", "604821", ""]),
        ([1.5, 2.0], ["1.5", "2.0"]),
        ([7, None, 7], ["7", "", "7"]),
        (["NA", None, ""], ["NA", "", ""]),
        ([True, None], ["True", ""]),
        ([["a", "b"], None], ["['a', 'b']", ""]),
    ],
)
def test_what_parquet_holds_as_such_is_text_in_the_end(tmp_path, values, texts):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"a": values}), path, row_group_size=1)
    found = read_extract(path)
    assert _plain(texts_of(found.source, "a")) == texts
    assert found.frame["a"].isna().sum() == sum(value is None for value in values)


def test_a_column_of_one_value_is_codes_and_that_value_once(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"city\n" + b"San Francisco del Rincon\n" * 500_000)
    source = read_extract(path).source
    codes, values = codes_and_values(source["city"])
    assert codes.dtype == np.int32
    assert len(codes) == 500_000
    assert values.to_pylist() == ["San Francisco del Rincon"]


def test_a_coded_column_is_left_as_it_is():
    once = coded_column(pa.array(["a", None, "a"]))
    assert coded_column(once) is once
    assert once.indices.to_pylist() == [0, None, 0]
