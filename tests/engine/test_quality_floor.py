"""The agreement's floor under linkage quality, and what a release says of it."""

import json
import os

import pandas as pd
import pytest
from consortium import NOW, children, enrollment, make_consortium

from linkage.engine.matcher import match
from linkage.engine.registrar import open_registry, resolve
from linkage.engine.releaser import open_bundle, release
from linkage.errors import Refused, StoreError
from linkage.matching.quality import Certificate


def _receive(consortium):
    district, college = children(150), children(150, first=50)
    terms = [
        {"student_id": local, "term": "2025FA", "sector": "2-year", "credits_earned": "12", "credential": ""}
        for local in college["local"]
    ]
    early = [{"child_id": local, "program_year": "2020"} for local in district["local"][:40]]
    placed = [{"ChildID": local, "PlacementBegin": "2020-02-03"} for local in district["local"][:40]]
    payloads = {
        ("lakeside-district", "enrollment"): enrollment(district),
        ("state-colleges", "enrollments"): pd.DataFrame(terms),
        ("early-learning", "attendance"): pd.DataFrame(early).assign(program="A", days_offered="9"),
        ("early-learning", "assessments"): pd.DataFrame(early).assign(literacy_score="50"),
        ("child-welfare", "placements"): pd.DataFrame(placed),
    }
    consortium.receive(
        consortium.hash("lakeside-district", district),
        consortium.hash("state-colleges", college),
        *(consortium.seal(agency, payload, dataset) for (agency, dataset), payload in payloads.items()),
    )
    match(consortium.hub, NOW, os.urandom)


def _file(consortium, name):
    return release(
        consortium.hub, ["research-file"], recipient="university", purpose="research",
        out=consortium.folder / name, now=NOW, random_bytes=os.urandom,
    )  # fmt: skip


def test_a_run_below_the_floor_is_planned_but_not_made(tmp_path):
    consortium = make_consortium(tmp_path, quality="{min_precision: 1.0, min_recall: 1.0}")
    college = children(150, first=50)
    college.loc[:40, ["BirthDate", "SSN", "Email", "StreetNumberName"]] = ""
    consortium.receive(consortium.hash("lakeside-district", children(150)), consortium.hash("state-colleges", college))
    match(consortium.hub, NOW, os.urandom)
    assert resolve(consortium.hub, NOW, plan_only=True).certificate.persons
    with pytest.raises(Refused) as refused:
        resolve(consortium.hub, NOW)
    assert any("linkage_quality.min_" in problem for problem in refused.value.problems)
    with pytest.raises(StoreError), open_registry(consortium.hub):
        pass


def test_a_release_says_how_good_its_linkage_is_and_whom_it_misses(tmp_path):
    groups = "[lakeside-district.enrollment.RaceEthnicity, lakeside-district.enrollment.EnglishLearner]"
    consortium = make_consortium(tmp_path, quality=f"{{min_precision: 0.5, groups: {groups}}}")
    _receive(consortium)
    resolve(consortium.hub, NOW)
    _file(consortium, "file.rpkg")
    opened = tmp_path / "opened"
    open_bundle(tmp_path / "file.rpkg", consortium.agreement, consortium.keys["university"], opened)
    certificate = Certificate.model_validate_json((opened / "linkage-certificate.json").read_bytes())
    rates = {(rate.element, rate.group): rate.rate for rate in certificate.link_rates}
    assert {("RaceEthnicity", "White"), ("RaceEthnicity", "Asian"), ("EnglishLearner", "true")} <= set(rates)
    assert all(rate == "*" or rate.endswith("%") for rate in rates.values())
    assert any(rate.endswith("%") for rate in rates.values())
    page = (opened / "linkage-certificate.html").read_text()
    assert "Who is missed" in page
    assert "<script" not in page


def test_a_release_is_refused_once_quality_is_below_the_floor(tmp_path):
    consortium = make_consortium(tmp_path, quality="{min_precision: 0.9}")
    _receive(consortium)
    done = resolve(consortium.hub, NOW)
    content = json.loads(done.certificate_file.read_text())
    content["after_clustering"]["estimated_precision"] = 0.8999
    done.certificate_file.write_text(json.dumps(content))
    with pytest.raises(Refused, match="min_precision"):
        _file(consortium, "file.rpkg")
    assert not (tmp_path / "file.rpkg").exists()
