"""Link rates by group: the right share, in bands, small groups hidden, nobody counted who may not be joined."""

import pandas as pd
import pytest

from linkage.governance.quality import LinkageQuality
from linkage.release.link_rates import datasets_with_groups, link_rates
from linkage.release.workspace import Workspace


def _terms(agreement, *groups, **changed):
    terms = agreement.terms.model_copy(update={"linkage_quality": LinkageQuality(groups=groups)})
    return terms.model_copy(update={"linkage": terms.linkage.model_copy(update=changed)}) if changed else terms


def _world(sizes):
    """Return payload and crosswalk of a district: ``sizes`` maps a race to (persons, of them linked to the college)."""
    rows, crosswalk, number = [], [], 0
    for race, (persons, linked) in sizes.items():
        for place in range(persons):
            token = f"t{number}"
            rows += [(token, "2023", "other" if place % 2 else race), (token, "2024", race)]
            crosswalk.append(("district", token, f"p{number}"))
            if place < linked:
                crosswalk.append(("college", f"c{number}", f"p{number}"))
            number += 1
    payload = pd.DataFrame(rows, columns=["person_token", "SchoolYear", "Race"])
    return {"district.enrollment": payload}, pd.DataFrame(crosswalk, columns=["agency", "person_token", "release_id"])


def _shown(terms, payloads, crosswalk, tmp_path):
    return {rate.group: rate.rate for rate in link_rates(terms, payloads, crosswalk, Workspace(tmp_path))}


def test_rates_are_bands_of_the_latest_group_and_small_groups_are_hidden(agreement, tmp_path):
    payloads, crosswalk = _world({"a": (400, 300), "b": (400, 200), "c": (4, 1), "d": (60, 20), "e": (500, 100)})
    terms = _terms(agreement, "district.enrollment.Race")
    shown = _shown(terms, payloads, crosswalk, tmp_path)
    assert set(shown) == {"a", "b", "c", "d", "e", "Total"}
    assert shown["c"] == terms.disclosure_control.symbol
    assert list(shown.values()).count(terms.disclosure_control.symbol) >= 2  # the small one cannot be subtracted out
    assert shown["a"] == "75%"
    assert shown["b"] == "50%"


def test_a_group_all_of_whom_are_linked_does_not_show_a_hundred_per_cent(agreement, tmp_path):
    payloads, crosswalk = _world({"a": (400, 400), "b": (400, 200), "c": (400, 100)})
    shown = _shown(_terms(agreement, "district.enrollment.Race"), payloads, crosswalk, tmp_path)
    assert "100%" not in shown.values()


def test_a_provider_that_may_never_be_joined_does_not_count(agreement, tmp_path):
    payloads, crosswalk = _world({"a": (400, 300), "b": (400, 200)})
    terms = _terms(agreement, "district.enrollment.Race", never_joined=(("college", "district"),))
    shown = _shown(terms, payloads, crosswalk, tmp_path)
    assert all(rate in {"<=1%", terms.disclosure_control.symbol} for rate in shown.values())


def test_without_groups_or_without_payload_there_is_nothing_to_say(agreement, tmp_path):
    payloads, crosswalk = _world({"a": (400, 300)})
    assert link_rates(agreement.terms, payloads, crosswalk, Workspace(tmp_path)) == ()
    terms = _terms(agreement, "district.enrollment.Race")
    assert link_rates(terms, {}, crosswalk, Workspace(tmp_path)) == ()
    assert datasets_with_groups(terms) == {"district.enrollment"}


@pytest.mark.parametrize("order", [1, 2])
def test_the_order_of_rows_changes_nothing(agreement, tmp_path, order):
    payloads, crosswalk = _world({"a": (60, 30), "b": (60, 20)})
    terms = _terms(agreement, "district.enrollment.Race")
    mixed = {key: frame.sample(frac=1, random_state=order) for key, frame in payloads.items()}
    crossed = crosswalk.sample(frac=1, random_state=order)
    assert _shown(terms, mixed, crossed, tmp_path) == _shown(terms, payloads, crosswalk, tmp_path)
