"""Ten yearly increments beside one batch, with clusters that err as a matcher's do.

The clusters are made from the truth: some records are never linked, some persons are always taken for one another,
and every year the matcher changes its mind about a few. What the registry adds to those errors is measured here; what
a real matcher's are is measured by ``python -m bench.registry``.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from registry_world import open_registry, run, token

from linkage.registry.model import EventKind
from linkage.registry.plan import plan_update

PEOPLE = 1500
AGENCIES = ("ece", "k12", "col", "wf")
YEARS = 10
NEVER_LINKED = 0.013
ALWAYS_CONFUSED = 0.0006
CHANGE_OF_MIND = 0.001


def consortium(rng):
    """One record for each agency that ever meets a person, with the year in which it first does."""
    met = rng.random((PEOPLE, len(AGENCIES))) < 0.6
    person, agency = np.nonzero(met)
    records = pd.DataFrame({"person": person, "agency": np.array(AGENCIES, dtype=object)[agency]})
    records["agency"] = records["agency"].astype("str")
    records["person_token"] = [token(f"{a}:{p}") for a, p in zip(records["agency"], person, strict=True)]
    records["first_year"] = rng.integers(0, YEARS, PEOPLE)[person] + agency // 2
    records["alone"] = rng.random(len(records)) < NEVER_LINKED
    taken_for = np.where(rng.random(PEOPLE) < ALWAYS_CONFUSED, rng.integers(0, PEOPLE, PEOPLE), np.arange(PEOPLE))
    records["seems"] = taken_for[person]
    return records


def clusters_of(records, year, rng):
    known = records[records["first_year"] <= year].reset_index()
    alone = known["alone"] ^ (rng.random(len(known)) < CHANGE_OF_MIND)
    return known.assign(cluster=np.where(alone, -1 - known["index"], known["seems"]))


def pairs(table, *names):
    size = table.groupby(list(names)).size()
    return (size * (size - 1) / 2).sum()


def f1(table, found):
    return 2 * pairs(table, found, "person") / (pairs(table, found) + pairs(table, "person"))


def test_ten_years_come_out_as_one_batch_would_and_hardly_an_id_changes(tmp_path):
    rng = np.random.default_rng(11)
    records = consortium(rng)
    keys = ["agency", "person_token"]
    changed: set[int] = set()
    explained = 0
    with open_registry(tmp_path / "registry.sqlite") as registry:
        before = pd.Series([], dtype="str")
        for year in range(YEARS + 1):
            clusters = clusters_of(records, year, rng)
            plan = plan_update(registry.state(), clusters[[*keys, "cluster"]])
            registry.apply(plan, run())
            now = clusters.merge(registry.crosswalk(), on=keys, validate="one_to_one").set_index("index")
            moved = before[before != now["student_id"].reindex(before.index)]
            assert len(moved) == plan.changed
            changed |= set(moved.index)
            explained += plan.count(EventKind.MERGED)
            before = now["student_id"]
            for old in moved.unique():
                last = registry.history(old)[-1]
                assert (last.kind, last.reason) == ("merged", "records of both IDs were linked")
                assert last.evidence.startswith("cluster ")
        assert registry.verify().problems == ()
    assert len(now) == len(records)
    assert explained > 0
    assert f1(now, "student_id") > f1(now, "cluster") - 0.001
    assert len(changed) / len(records) < 0.003
