"""``linkage.link`` on real and made frames."""

from pathlib import Path

import pandas as pd
import pytest

import linkage
from linkage.errors import InputError, MatchingError
from linkage.matching.truth import score_against_truth

DATA = Path(__file__).parents[1] / "data"
SHARED = Path(__file__).parents[3] / "shared" / "data"


def _febrl4(rows=1500):
    frames = {name: pd.read_csv(DATA / f"febrl4{name}.csv", dtype=str) for name in "ab"}
    kept = sorted(set(frames["a"]["truth"]))[:rows]
    frames = {n: f[f["truth"].isin(kept)].reset_index(drop=True) for n, f in frames.items()}
    truth = {n: f["truth"] for n, f in frames.items()}
    return {n: f.drop(columns=["truth", "rec_id", "soc_sec_id"]) for n, f in frames.items()}, truth


@pytest.fixture(scope="module")
def febrl4():
    frames, truth = _febrl4()
    return frames, truth, linkage.link(frames)


def test_febrl4_without_ssn_is_linked_without_labels(febrl4):
    _, truth, result = febrl4
    _, after = score_against_truth(result.clusters, result.pairs, truth)
    assert after.f1 > 0.99


def test_every_row_is_in_exactly_one_cluster(febrl4):
    frames, _, result = febrl4
    expected = {(name, row) for name, frame in frames.items() for row in range(len(frame))}
    assert len(result.clusters) == len(expected)
    assert set(zip(result.clusters["source"], result.clusters["row"], strict=True)) == expected


def test_pairs_are_the_links_with_weight_and_probability(febrl4):
    pairs = febrl4[2].pairs
    assert list(pairs.columns) == ["source_a", "row_a", "source_b", "row_b", "match_weight", "match_probability"]
    assert (pairs["match_probability"] > 0.5).all()
    assert (pairs["match_weight"] > 0).all()


def test_the_certificate_dumps_to_json_and_holds_estimates(febrl4):
    certificate = febrl4[2].certificate
    assert '"linkage-certificate/1"' in certificate.model_dump_json()
    assert certificate.before_clustering.estimated_precision > 0.98
    assert {s.source for s in certificate.sources} == {"a", "b"}


def test_the_order_of_rows_and_sources_changes_no_link():
    frames, _ = _febrl4(300)
    shuffled = {name: frames[name].sample(frac=1, random_state=4) for name in ("b", "a")}

    def partners(result, rows):
        wide = result.clusters.pivot_table(index="cluster_id", columns="source", values="row", aggfunc="first").dropna()
        return {(int(rows["a"][int(a)]), int(rows["b"][int(b)])) for a, b in zip(wide["a"], wide["b"], strict=True)}

    straight = partners(linkage.link(frames), {n: f.index for n, f in frames.items()})
    other = partners(
        linkage.link({n: f.reset_index(drop=True) for n, f in shuffled.items()}),
        {n: f.index for n, f in shuffled.items()},
    )
    # Keys are thrown away with each run, and filters differ by their hash noise: a handful of borderline pairs may.
    assert len(straight ^ other) <= 6


def test_an_empty_or_unrelated_source_changes_little():
    frames, truth = _febrl4(300)
    stranger = pd.DataFrame({"given_name": ["Qzx"], "surname": ["Wvk"], "postcode": ["99501"]})
    result = linkage.link({**frames, "c": stranger})
    mine = result.clusters[result.clusters["source"] != "c"]
    _, after = score_against_truth(mine, result.pairs, truth)
    assert after.f1 > 0.98
    assert result.clusters["source"].value_counts()["c"] == 1


def test_unequal_columns_link_on_what_they_share():
    frames, truth = _febrl4(600)
    frames["a"] = frames["a"][["given_name", "surname", "date_of_birth", "suburb"]]
    frames["b"] = frames["b"][["given_name", "surname", "date_of_birth", "postcode"]]
    result = linkage.link(frames)
    _, after = score_against_truth(result.clusters, result.pairs, truth)
    assert after.precision > 0.98
    assert after.recall > 0.85


def test_one_source_is_deduplicated():
    frames, truth = _febrl4(400)
    both = pd.concat(frames.values(), ignore_index=True)
    result = linkage.link({"all": both})
    _, after = score_against_truth(result.clusters, result.pairs, {"all": pd.concat(truth.values(), ignore_index=True)})
    assert after.f1 > 0.97


def test_dates_and_numbers_that_are_not_text_are_read_as_such():
    frame = pd.DataFrame({"first_name": ["Ann"], "dob": pd.to_datetime(["2001-02-03"]), "zip": [1234.0]})
    text = pd.DataFrame({"first_name": ["ann"], "dob": ["02/03/2001"], "zip": ["1234"]})
    result = linkage.link({"a": frame, "b": text})
    assert result.clusters["cluster_id"].nunique() in {1, 2}


@pytest.mark.parametrize("frames", [{}, {"a": pd.DataFrame({"last_name": []})}])
def test_nothing_to_link_is_refused(frames):
    with pytest.raises(InputError):
        linkage.link(frames)


def test_sources_without_a_common_identifier_are_refused_with_what_each_has():
    with pytest.raises(MatchingError, match="no two sources") as refused:
        linkage.link({"a": pd.DataFrame({"email": ["a@b.c"]}), "b": pd.DataFrame({"last_name": ["Lee"]})})
    assert len(refused.value.problems) == 2


@pytest.mark.parametrize(
    ("name", "least"), [("pseudopeople/linkage_census20_census30", 0.985), ("anonlink_5party/linkage", 0.95)]
)
def test_third_party_sets(name, least):
    path = SHARED / f"{name}.parquet"
    if not path.exists():
        pytest.skip(f"{path} is not on this machine")
    table = pd.read_parquet(path)
    frames = {source: part.reset_index(drop=True) for source, part in table.groupby("source")}
    truth = {source: frame["truth"] for source, frame in frames.items()}
    result = linkage.link({s: f.drop(columns=["source", "rid", "truth"]) for s, f in frames.items()})
    _, after = score_against_truth(result.clusters, result.pairs, truth)
    assert after.f1 > least
