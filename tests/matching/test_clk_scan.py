import base64
import json
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage.errors import InputError, MatchingError, MismatchError
from linkage.matching.clk.match import match_clks
from linkage.matching.clk.read import ClkSource, read_clks
from linkage.matching.clk.scan import chance_of, scan


def plain_pairs(a, b, threshold):
    """Every pair by the definition, in double precision."""
    found = set()
    for i, one in enumerate(a.tolist()):
        for j, other in enumerate(b.tolist()):
            common = sum((x & y).bit_count() for x, y in zip(one, other, strict=True))
            total = sum(x.bit_count() for x in one) + sum(y.bit_count() for y in other)
            if total and 2.0 * common / total >= threshold:
                found.add((i, j, 2.0 * common / total))
    return found


def clks(rng, count, words, fill):
    bits = rng.random((count, 64 * words)) < fill
    return np.packbits(bits, axis=1).view(np.uint64).copy()


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(0, 30),
    words=st.sampled_from([1, 2, 16]),
    fill=st.sampled_from([0.02, 0.3, 0.5, 0.9]),
    threshold=st.sampled_from([0.05, 0.5, 0.6, 0.75, 0.8, 0.95, 1.0]),
)
def test_the_scan_finds_exactly_the_pairs_of_the_definition(seed, count, words, fill, threshold):
    rng = np.random.default_rng(seed)
    a, b = clks(rng, count, words, fill), clks(rng, 40, words, fill)
    near = min(count, 15)
    b[:near] = a[:near] ^ (clks(rng, near, words, 0.1) if near else 0)
    found = scan(a, b, threshold)
    got = list(zip(found.a.tolist(), found.b.tolist(), found.similarity.tolist(), strict=True))
    assert len(got) == len(set(got))
    assert set(got) == plain_pairs(a, b, threshold)


def test_tiles_and_blocks_join_without_a_seam_and_threads_change_nothing():
    rng = np.random.default_rng(5)
    a, b = clks(rng, 300, 16, 0.4), clks(rng, 1_100, 16, 0.4)
    b[::3] = a[rng.integers(300, size=len(b[::3]))] ^ clks(rng, len(b[::3]), 16, 0.05)
    one, two = scan(a, b, 0.8), scan(a, b, 0.8, threads=3)
    assert len(one.a) >= len(b[::3])
    assert one.a.tolist() == two.a.tolist()
    assert one.similarity.tolist() == two.similarity.tolist()
    assert set(zip(one.a.tolist(), one.b.tolist(), one.similarity.tolist(), strict=True)) == plain_pairs(a, b, 0.8)


def test_what_a_record_may_lack_can_exceed_the_counter():
    rng = np.random.default_rng(6)
    a, b = clks(rng, 5, 64, 0.9), clks(rng, 600, 64, 0.9)
    assert len(scan(a, b, 0.2).a) == 5 * 600


def test_pairs_are_those_of_the_installed_anonlink():
    similarities = pytest.importorskip("anonlink.similarities")
    bitarray = pytest.importorskip("bitarray").bitarray
    rng = np.random.default_rng(7)
    a, b = clks(rng, 200, 16, 0.4), clks(rng, 700, 16, 0.4)
    b[:200] = a ^ clks(rng, 200, 16, 0.1)
    sides = []
    for side in (a, b):
        sides.append([bitarray(endian="big") for _ in side])
        for clk, row in zip(sides[-1], side, strict=True):
            clk.frombytes(row.tobytes())
    for threshold in (0.5, 0.7, 0.8, 0.9):
        similarity, (at_a, at_b) = similarities.dice_coefficient_accelerated(sides, threshold)
        found = scan(a, b, threshold)
        assert (found.a.tolist(), found.b.tolist()) == (list(at_a), list(at_b))
        assert found.similarity.tolist() == list(similarity)


def test_empty_clks_pair_with_nothing():
    assert not len(scan(np.zeros((3, 2), np.uint64), np.zeros((3, 2), np.uint64), 0.1).a)


def test_a_threshold_of_zero_is_refused():
    with pytest.raises(MatchingError):
        scan(np.ones((1, 1), np.uint64), np.ones((1, 1), np.uint64), 0.0)


def test_chance_is_the_fill_of_filters_that_are_filled_alike():
    rng = np.random.default_rng(8)
    assert chance_of(clks(rng, 400, 16, 0.4), clks(rng, 400, 16, 0.4)) == pytest.approx(0.4, abs=0.01)


def source(name, *rows, bits=64):
    return ClkSource(name, {"clks": np.array(rows, dtype=np.uint64).reshape(-1, 1)}, {"clks": bits})


def test_a_cluster_holds_one_record_of_a_source_and_refused_links_are_kept():
    found = match_clks([source("a", 0b1111), source("b", 0b1111, 0b0111)], 0.8)
    assert found.pairs["link"].tolist() == ["taken", "refused"]
    assert found.clusters["cluster_id"].tolist() == [0, 0, 2]


def test_a_source_that_may_hold_duplicates_is_matched_with_itself():
    found = match_clks([source("a", 0b1111, 0b1111, 0b110000)], 0.9, frozenset({"a"}))
    assert found.pairs[["row_a", "row_b"]].to_numpy().tolist() == [[0, 1]]
    assert found.clusters["cluster_id"].tolist() == [0, 0, 2]


def test_a_pair_that_more_projects_find_goes_first():
    a = ClkSource("a", {p: np.array([[0b1111]], np.uint64) for p in ("x", "y")}, {"x": 64, "y": 64})
    b = ClkSource(
        "b", {"x": np.array([[0b1111], [0b11111]], np.uint64), "y": np.array([[0], [0b11111]], np.uint64)}, a.bits
    )
    found = match_clks([a, b], 0.8)
    assert found.pairs["projects"].tolist() == [1, 2]
    assert found.pairs["link"].tolist() == ["refused", "taken"]


def test_files_of_two_schemas_are_refused():
    with pytest.raises(MismatchError, match="schema"):
        match_clks([source("a", 1), source("b", 1, bits=128)], 0.8)


def write(path, clks):
    path.write_text(json.dumps({"clks": [base64.b64encode(clk).decode() for clk in clks]}))


def test_a_clk_file_is_read_with_its_records_in_order(tmp_path):
    write(tmp_path / "a.json", [b"\x80\x01\xff", b"\x00\x00\x01"])
    read = read_clks(tmp_path / "a.json", "a")
    assert read.records == 2
    assert read.bits == {"clks": 24}
    assert read.projects["clks"].tolist() == [[0xFF0180], [0x010000]]


def test_a_zip_of_projects_is_read_and_its_metadata_held_against_it(tmp_path):
    write(tmp_path / "x.json", [b"12345678"])
    for stated in (1, 2):
        with zipfile.ZipFile(tmp_path / f"{stated}.zip", "w") as archive:
            archive.write(tmp_path / "x.json", "output/x.json")
            archive.writestr("output/metadata-1.json", json.dumps({"number_of_records": stated}))
    assert list(read_clks(tmp_path / "1.zip", "a").projects) == ["x"]
    with pytest.raises(InputError, match="same records"):
        read_clks(tmp_path / "2.zip", "a")


def test_all_problems_of_a_clk_file_are_reported(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps({"clks": ["AAAA", "?", 3, "AAAAAAAA"]}))
    with pytest.raises(InputError) as caught:
        read_clks(tmp_path / "a.json", "a")
    assert [problem.split()[1] for problem in caught.value.problems] == ["2", "3", "4"]


@pytest.mark.parametrize("text", ["[]", "no", '{"clks": []}', '{"clknblocks": []}'])
def test_what_is_no_clk_file_is_refused(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(InputError):
        read_clks(tmp_path / "a.json", "a")
