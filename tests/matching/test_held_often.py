"""A source that holds a person many times, each time with other errors."""

import numpy as np
import pandas as pd

import linkage
from bench._registers import registers
from linkage.matching.truth import score_against_truth


def test_a_person_may_have_six_records_in_one_source():
    rng = np.random.default_rng(21)
    people = registers(700, seed=21)[0]["a"]
    person = np.repeat(np.arange(len(people)), rng.integers(1, 7, len(people)))
    records = people.iloc[person].reset_index(drop=True)
    for column in ("first_name", "last_name", "street", "city"):
        hit = rng.random(len(records)) < 0.15
        records.loc[hit, column] = records.loc[hit, column].str[1:]
    for column in records.columns:
        records.loc[rng.random(len(records)) < 0.1, column] = ""
    order = rng.permutation(len(records))
    result = linkage.link({"a": records.iloc[order].reset_index(drop=True)})
    _, after = score_against_truth(result.clusters, result.pairs, {"a": pd.Series(person[order])})
    assert after.recall > 0.97
    assert after.precision > 0.97
