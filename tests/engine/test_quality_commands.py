"""Explain, review, local IDs and the certificate's page as an operator and a steward meet them on the command line."""

import json
import os
import shutil

import pandas as pd
import pytest
from click.testing import CliRunner
from consortium import MARKERS, NOW, children, make_consortium

from linkage.cli.main import main
from linkage.engine.links import open_newest_links
from linkage.engine.matcher import match
from linkage.exchange.keys import save_keys

AGENCY = "lakeside-district"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A matched hub whose agreement lets agencies be asked, and a steward's key and extract beside it."""
    consortium = make_consortium(tmp_path_factory.mktemp("place"), linkage="  clerical_review: by_agencies\n")
    college = children(150, first=50)
    college.loc[:30, ["SSN", "Email", "StreetNumberName", "BirthDate"]] = ""
    consortium.receive(consortium.hash(AGENCY, children(150)), consortium.hash("state-colleges", college))
    match(consortium.hub, NOW, os.urandom)
    save_keys(consortium.keys[AGENCY], consortium.folder)
    children(150).to_csv(consortium.folder / "students.csv", index=False)
    return consortium


@pytest.fixture
def place(made, tmp_path):
    """The same for one test alone: a copy."""
    copy = shutil.copytree(made.folder, tmp_path / "place")
    return type(made)(copy, made.keys, type(made.hub)(copy / "hub"), copy / "agreement.yaml", made.secret)


@pytest.fixture
def run():
    def call(*args, code=0):
        result = CliRunner().invoke(main, [str(a) for a in args])
        assert result.exit_code == code, result.output
        assert not any(marker in result.output for marker in MARKERS)
        return result.output

    return call


def test_resolve_writes_the_certificate_as_a_page_and_status_says_what_comes_next(place, run):
    hub = place.hub.folder
    assert "the newest links are not resolved" in run("hub", "status", hub)
    shown = run("hub", "resolve", hub)
    assert "run-00001.html" in shown
    assert "Linkage certificate" in (hub / "registrar" / "certificates" / "run-00001.html").read_text()
    status = run("hub", "status", hub)
    assert "all that was received is matched and resolved" in status
    assert "estimated precision" in status


def test_explain_prints_a_waterfall_or_json_and_draws_a_page(place, run):
    hub, page = place.hub.folder, place.folder / "why.html"
    newest = open_newest_links(place.hub)
    persons = newest.persons()
    tokens = persons.records.set_index(["source", "row"])["person_token"]
    pair = persons.pairs[persons.pairs["decision"] == "linked"].iloc[0]
    pair = [f"{pair[f'source_{side}']}:{tokens[(pair[f'source_{side}'], pair[f'row_{side}'])]}" for side in "ab"]
    shown = run("hub", "explain", hub, *pair, "--html", page)
    assert "linked: " in shown
    assert "prior" in shown
    assert "total" in shown
    assert "<svg" in page.read_text()
    found = CliRunner().invoke(main, ["hub", "explain", str(hub), *pair, "--json"])
    (explained,) = json.loads(found.stdout)
    assert explained["outcome"] == "linked"
    assert "AGENCY" not in run("hub", "explain", hub, "nobody:12345678", code=1)


def test_a_review_goes_out_and_comes_back(place, run):
    hub, folder = place.hub.folder, place.folder
    run("hub", "resolve", hub)
    shown = run("hub", "review", "export", hub, folder / "packets", "--least", 0.01, "--most", 0.999)
    assert AGENCY in shown
    (packet,) = (folder / "packets").glob(f"{AGENCY}-*.rvq")
    own = ("--agreement", place.agreement_path, "--key", folder / f"{AGENCY}.key")
    extract = ("--extract", folder / "students.csv", "--local-id", "local")
    run("review", "open", packet, *own, *extract, "--out", folder / "review")
    assert "Pairs to review" in (folder / "review" / "review.html").read_text()
    sheet = pd.read_csv(folder / "review" / "review.csv", dtype=str, keep_default_na=False)
    assert sheet["local_id"].str.startswith("L").all()
    run("review", "seal", folder / "review" / "review.csv", *own, "--out", folder / "empty.rva", code=1)
    sheet.assign(verdict="same", ground="verified").to_csv(folder / "review" / "review.csv", index=False)
    run("review", "seal", folder / "review" / "review.csv", *own, "--out", folder / "verdicts.rva")
    assert "one student, as linked" in run("hub", "review", "import", hub, folder / "verdicts.rva")
    assert "everything holds" in run("hub", "verify", hub)
    assert "review-sent" in run("ledger", "show", hub / "ledger.jsonl")


def test_a_table_of_tokens_becomes_one_of_own_ids(place, run):
    folder = place.folder
    tokens = open_newest_links(place.hub).tables[0].table["person_token"].head(3)
    pd.DataFrame({"person_token": tokens, "care": "yes"}).to_csv(folder / "flags.csv", index=False)
    shown = run(
        "local-ids", folder / "flags.csv", "--agreement", place.agreement_path, "--key", folder / f"{AGENCY}.key",
        "--extract", folder / "students.csv", "--local-id", "local", "--out", folder / "own.csv",
    )  # fmt: skip
    assert "3 rows" in shown
    assert pd.read_csv(folder / "own.csv")["local_id"].str.match(r"L\d{5}").all()
