"""Data that cannot support estimation: nothing fails, little is linked, and it is said."""

import pandas as pd
import pytest

import linkage
from bench._registers import registers

_FRAMES, _TRUTH = registers(400, seed=9)


def _common(number):
    common = sorted(set(_TRUTH["a"]) & set(_TRUTH["b"]))[:number]
    return {name: frame[_TRUTH[name].isin(common)].reset_index(drop=True) for name, frame in _FRAMES.items()}


@pytest.mark.parametrize("number", [1, 2, 5])
def test_a_handful_of_records_is_linked_by_default_weights(number):
    result = linkage.link(_common(number))
    assert result.certificate.after_clustering.links >= number - 1
    assert any("default weights" in warning for warning in result.certificate.warnings)


def test_five_strangers_stay_strangers():
    common = set(_TRUTH["a"]) & set(_TRUTH["b"])
    frames = {n: f[~_TRUTH[n].isin(common)].head(5).reset_index(drop=True) for n, f in _FRAMES.items()}
    assert linkage.link(frames).certificate.after_clustering.links == 0


@pytest.mark.parametrize("columns", [["birth_date"], ["last_name"], ["first_name", "last_name"]])
def test_one_or_two_identifiers_are_too_few_and_that_is_said(columns):
    result = linkage.link({name: frame[columns] for name, frame in _FRAMES.items()})
    assert any("default weights" in warning for warning in result.certificate.warnings)


def test_a_column_in_which_all_records_are_the_same_changes_little_and_is_named():
    constant = {name: frame.assign(city="Town") for name, frame in _FRAMES.items()}
    dropped = {name: frame.drop(columns="city") for name, frame in _FRAMES.items()}
    result = linkage.link(constant)
    assert any(warning.startswith("city: nearly all") for warning in result.certificate.warnings)
    links = linkage.link(dropped).certificate.after_clustering.links
    assert result.certificate.after_clustering.links == pytest.approx(links, abs=3)


def test_records_that_are_all_the_same_do_not_fail():
    same = pd.DataFrame({"first_name": ["Ann"] * 30, "last_name": ["Lee"] * 30, "birth_date": ["1990-01-01"] * 30})
    result = linkage.link({"a": same, "b": same})
    assert any("nearly all" in warning for warning in result.certificate.warnings)


def test_a_source_without_records_links_nothing():
    assert linkage.link({"a": _FRAMES["a"], "b": _FRAMES["b"].iloc[:0]}).certificate.after_clustering.links == 0


@pytest.mark.parametrize("seed", [2, 3])
def test_a_clean_register_of_families_is_not_taken_for_one_of_duplicates(seed):
    home = ["last_name", "street", "city", "zip"]
    people = registers(8_000, seed=seed)[0]["a"].drop(columns=["phone", "sex"]).reset_index(drop=True)
    size = len(people) // 3
    members = [people.iloc[start : start + size].reset_index(drop=True) for start in (0, size, 2 * size)]
    families = [member.assign(**{name: members[0][name] for name in home}) for member in members]
    twice = members[0].head(5)
    # Whether EM takes families for persons hangs on the secret: without the check it did in one of three runs or so.
    for _ in range(2):
        clusters = linkage.link({"a": pd.concat([*families, twice], ignore_index=True)}).clusters
        held = clusters.groupby("cluster_id")["row"].agg(["min", "max", "size"])
        linked = held[held["size"] > 1]
        assert int(((linked["min"] < 5) & (linked["max"] >= 3 * size)).sum()) == 5
        assert len(linked) <= 15
