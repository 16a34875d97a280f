from __future__ import annotations

import pandas as pd
import pytest
from registry_world import clusters, open_registry, run

from linkage.registry.plan import plan_update
from linkage.registry.scoped import scoped_crosswalk

KEY = bytes(range(32))


@pytest.fixture
def crosswalk(tmp_path):
    with open_registry(tmp_path / "registry.sqlite") as registry:
        table = clusters("k12:a col:a k12:e", "k12:b col:b", "wf:c")
        registry.apply(plan_update(registry.state(), table), run())
        return registry.crosswalk()


def test_an_agency_gets_its_own_records_and_no_others(crosswalk):
    own = scoped_crosswalk(crosswalk, "k12", KEY)
    expected = crosswalk.loc[crosswalk["agency"] == "k12", "person_token"]
    assert own["person_token"].tolist() == expected.tolist()
    assert list(own.columns) == ["person_token", "scoped_id"]
    assert scoped_crosswalk(crosswalk, "none", KEY).empty


def test_records_of_one_student_share_an_id_and_others_do_not(crosswalk):
    own = scoped_crosswalk(crosswalk, "k12", KEY)
    same = crosswalk[crosswalk["agency"] == "k12"].reset_index(drop=True)["student_id"]
    assert own.groupby(same)["scoped_id"].nunique().tolist() == [1, 1]
    assert own["scoped_id"].nunique() == 2


def test_two_agencies_cannot_join_their_crosswalks_nor_find_the_common_id(crosswalk):
    tables = [scoped_crosswalk(crosswalk, agency, KEY) for agency in ("k12", "col")]
    assert not set(tables[0]["scoped_id"]) & set(tables[1]["scoped_id"])
    assert not set(pd.concat(tables)["scoped_id"]) & set(crosswalk["student_id"])


def test_ids_last_under_one_key_and_change_with_it(crosswalk):
    first = scoped_crosswalk(crosswalk, "k12", KEY)
    assert first.equals(scoped_crosswalk(crosswalk.sample(frac=1, random_state=1).sort_index(), "k12", KEY))
    assert not set(first["scoped_id"]) & set(scoped_crosswalk(crosswalk, "k12", bytes(32))["scoped_id"])
    with pytest.raises(ValueError, match="32 bytes"):
        scoped_crosswalk(crosswalk, "k12", b"short")
