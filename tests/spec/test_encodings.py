"""Encodings survive the way through Parquet, and another shape is refused."""

from io import BytesIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from linkage.errors import PackageError
from linkage.spec.encodings import EncodedPass
from linkage.spec.load import load_spec


def _pass(name, earlier, rows=5):
    rng = np.random.default_rng(1)
    return EncodedPass(
        name=name,
        blocks=rng.integers(1, 2**63, rows).astype(np.uint64),
        tokens=rng.integers(1, 2**63, rows).astype(np.uint64),
        checks=rng.integers(1, 2**31, (rows, earlier)).astype(np.uint32),
        filters={"first_name": rng.integers(0, 2**63, (rows, 4)).astype(np.uint64)},
    )


@pytest.mark.parametrize(("name", "earlier"), [("birth-date", 0), ("last-year", 2)])
def test_a_pass_comes_back_as_it_was(name, earlier):
    spec = load_spec()
    buffer = BytesIO()
    sent = _pass(name, earlier)
    pq.write_table(sent.to_arrow(), buffer)
    buffer.seek(0)
    found = EncodedPass.from_arrow(name, pq.read_table(buffer), spec)
    assert (found.blocks == sent.blocks).all()
    assert (found.tokens == sent.tokens).all()
    assert (found.checks == sent.checks).all()
    assert (found.filters["first_name"] == sent.filters["first_name"]).all()


def test_a_filter_of_another_size_is_refused():
    table = _pass("birth-date", 0).to_arrow()
    column = pa.array([b"x" * 8] * 5, type=pa.binary(8))
    wrong = table.set_column(table.column_names.index("filter:first_name"), "filter:first_name", column)
    with pytest.raises(PackageError, match="32 bytes"):
        EncodedPass.from_arrow("birth-date", wrong, load_spec())


def test_an_identifier_that_the_spec_lacks_is_refused():
    table = _pass("birth-date", 0).to_arrow().rename_columns(["block", "token", "filter:shoe_size"])
    with pytest.raises(PackageError, match="shoe_size"):
        EncodedPass.from_arrow("birth-date", table, load_spec())
