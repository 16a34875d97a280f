"""What an encoding shows and what it hides."""

import numpy as np
import pandas as pd
import pytest

from linkage.errors import LinkageError
from linkage.hashing.canary import canary_mac
from linkage.hashing.columns import recognise
from linkage.hashing.encode import encode
from linkage.hashing.prepare import prepare


def _people(rows):
    return pd.DataFrame(rows, columns=["first_name", "last_name", "birth_date", "zip"])


def _dice(a, b):
    common = sum(int(x & y).bit_count() for x, y in zip(a, b, strict=True))
    return 2 * common / (sum(int(x).bit_count() for x in a) + sum(int(x).bit_count() for x in b))


ANN = ("Ann", "Lee", "2001-02-03", "01234")


def test_the_same_record_has_the_same_filters_in_every_source(encode_frame):
    one, other = encode_frame(_people([ANN])), encode_frame(_people([("Zed", "Zeta", "1999-09-09", "99501"), ANN]))
    for name, found in one.passes.items():
        theirs = other.passes[name]
        row = int(np.flatnonzero(theirs.blocks == found.blocks[0])[0])
        assert all((theirs.filters[f][row] == filters[0]).all() for f, filters in found.filters.items())


def test_filters_of_records_that_share_no_block_are_as_similar_as_random_ones(encode_frame):
    """The same surname in two blocks of one pass looks like two strangers."""
    rows = [(f"N{i:03}", "Lee", f"19{i % 90 + 10}-0{i % 9 + 1}-1{i % 9}", f"{i:05}") for i in range(1, 81)]
    found = encode_frame(_people(rows)).passes["birth-date"]
    filters = found.filters["last_name"]
    pairs = [(i, j) for i in range(40) for j in range(i) if found.blocks[i] != found.blocks[j]]
    between = np.mean([_dice(filters[i], filters[j]) for i, j in pairs])
    fill = np.mean([sum(int(w).bit_count() for w in row) for row in filters]) / 256
    assert between == pytest.approx(fill, abs=0.02)


def test_similar_values_in_one_block_have_similar_filters(encode_frame):
    rows = [("Catherine", "Lee", "2001-02-03", "01234"), ("Katherine", "Lea", "2001-02-03", "01234")]
    found = encode_frame(_people(rows)).passes["birth-date"]
    assert _dice(*found.filters["first_name"]) > 0.7
    assert _dice(*found.filters["birth_date"]) == 1.0


def test_another_secret_shares_no_block_token_or_filter(encode_frame):
    one, other = encode_frame(_people([ANN])), encode_frame(_people([ANN]), secret=b"another")
    for name, found in one.passes.items():
        assert found.blocks[0] != other.passes[name].blocks[0]
        assert (found.filters["last_name"] != other.passes[name].filters["last_name"]).any()


def test_the_weight_of_a_name_filter_does_not_tell_the_length_of_the_name(encode_frame):
    names = ["Al", "Bo", "Ann", "John", "Maria", "Robert", "William", "Benjamin", "Alexander", "Maximilian"] * 20
    rows = [
        (name, f"X{chr(65 + i % 26)}{i}", f"{2001 + i // 28}-01-{i % 28 + 1:02}", "01234")
        for i, name in enumerate(names)
    ]
    found = encode_frame(_people(rows)).passes["birth-date"]
    dates = {row: rows[row] for row in range(len(rows))}
    order = np.argsort(found.tokens)
    weights = [sum(int(w).bit_count() for w in row) for row in found.filters["first_name"][order]]
    lengths = [len(dates[row][0]) for row in range(len(rows))]
    assert abs(np.corrcoef(weights, lengths)[0, 1]) < 0.15


def test_a_missing_value_is_an_empty_filter_and_takes_no_part_in_its_passes(encode_frame):
    found = encode_frame(_people([("", "Lee", "2001-02-03", "01234"), ANN]))
    assert found.passes["names"].rows == 1
    assert found.passes["birth-date"].rows == 2
    assert sorted(int(w.any()) for w in found.passes["birth-date"].filters["first_name"]) == [0, 1]


def test_checks_agree_exactly_where_an_earlier_pass_is_shared(encode_frame, spec):
    rows = [ANN, ("Ann", "Lee", "2001-02-03", "55555"), ("Ann", "Lee", "1990-10-10", "55555")]
    found = encode_frame(_people(rows)).passes["names"]
    assert len(set(found.blocks)) == 1
    birth_date = [p.name for p in spec.passes].index("birth-date")
    checks = found.checks[np.argsort(found.tokens), birth_date]
    assert checks[0] == checks[1] != checks[2]


def test_swapped_names_share_the_name_block(encode_frame):
    found = encode_frame(_people([ANN, ("Lee", "Ann", "1990-01-02", "55555")])).passes["names"]
    assert found.blocks[0] == found.blocks[1]


def test_a_crowded_block_is_left_out_and_counted(encode_frame, spec):
    small = spec.model_copy(update={"block_cap": 3})
    rows = [("Ann", "Lee", f"2001-02-{d:02}", f"0123{d}") for d in range(1, 6)]
    found = encode_frame(_people(rows), chosen=small)
    assert found.over_cap["names"] == 5
    assert found.passes["names"].rows == 0
    assert found.passes["birth-date"].rows == 5


def test_a_pass_has_a_cap_of_its_own(encode_frame, spec):
    assert [p.cap for p in spec.passes if p.name in ("first-year", "names")] == [2, None]
    rows = [(first, "Lee", f"2001-02-{d:02}", f"0123{d}") for first in ("Ann", "Bea") for d in range(1, 4)]
    found = encode_frame(_people(rows))
    assert (found.over_cap["first-year"], found.passes["first-year"].rows) == (6, 0)
    assert (found.over_cap["names"], found.passes["names"].rows) == (0, 6)


def test_a_persons_records_count_once_toward_a_cap(encode_frame, spec):
    """Five records of Ann, each with another error, share first name and birth year; so do two strangers."""
    ann = [("Ann", "Lee", "2001-02-03", "01234"), ("Ann", "Le", "2001-02-03", "01234"), ANN]
    ann += [("Ann", "Lee", "2001-02-03", "01243"), ("Ann", "Lee", "2001-02-30", "01234")]
    found = encode_frame(_people([*ann, ("Ann", "Hu", "2001-07-07", "55555")]))
    assert (found.over_cap["first-year"], found.passes["first-year"].rows) == (0, 6)
    found = encode_frame(_people([*ann, ("Ann", "Hu", "2001-07-07", "55555"), ("Ann", "Xu", "2001-09-09", "66666")]))
    assert (found.over_cap["first-year"], found.passes["first-year"].rows) == (7, 0)


def test_the_files_order_does_not_survive(spec):
    rows = [(f"N{i}", "Lee", f"{1800 + i}-02-03", "01234") for i in range(200)]
    frame = _people(rows)
    rng = np.random.default_rng(1)
    found = encode(prepare(frame, recognise(frame.columns, spec), spec), spec, lambda label: b"k" * 32, rng.bytes)
    order = [int(np.flatnonzero(found.tokens["birth-date"] == t)[0]) for t in found.passes["birth-date"].tokens]
    assert abs(np.corrcoef(order, np.arange(200))[0, 1]) < 0.25


def test_the_canary_is_the_same_for_the_same_secret_and_spec_only(spec):
    def derive(secret):
        return lambda label: (secret + label.encode()).ljust(32, b"-")[:32]

    mac = canary_mac(spec, derive(b"a"))
    assert mac == canary_mac(spec, derive(b"a"))
    assert mac != canary_mac(spec, derive(b"b"))
    changed = spec.model_copy(update={"passes": spec.passes[:-1]})
    assert mac != canary_mac(changed, derive(b"a"))


def test_a_random_source_that_repeats_itself_is_refused_instead_of_asked_for_ever(spec):
    people = _people([ANN, ANN])
    prepared = prepare(people, recognise(people.columns, spec), spec)

    def stuck(size: int) -> bytes:
        return bytes(range(1, 9)) * (size // 8)

    with pytest.raises(LinkageError, match="random numbers repeats itself"):
        encode(prepared, spec, lambda label: label.encode().ljust(32)[:32], stuck)
