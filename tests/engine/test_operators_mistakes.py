"""A hub operator's usual mistakes: each is named before anything is made or entered in the ledger."""

import os
import shutil

import pytest
from click.testing import CliRunner
from consortium import NOW, children, make_consortium

from linkage.cli.main import main
from linkage.engine.matcher import match
from linkage.engine.registrar import resolve


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    consortium = make_consortium(tmp_path_factory.mktemp("operators") / "world")
    district, college = children(40), children(40, first=10)
    consortium.receive(consortium.hash("lakeside-district", district), consortium.hash("state-colleges", college))
    match(consortium.hub, NOW, os.urandom)
    resolve(consortium.hub, NOW)
    return consortium


@pytest.fixture
def hub(made, tmp_path):
    return shutil.copytree(made.hub.folder, tmp_path / "hub")


def _fails(*words):
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code in (1, 2)
    assert isinstance(result.exception, SystemExit)
    return result.output


def _release(hub, *outputs, out):
    return _fails("hub", "release", hub, *outputs, "--to", "university", "--purpose", "research", "--out", out)


def _files(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file() and path.name != ".lock"}


def test_a_release_to_a_folder_that_is_not_there_is_not_in_the_ledger(hub, tmp_path):
    before = _files(hub)
    assert "make it first" in _release(hub, "research-file", out=tmp_path / "none" / "a.rpkg")
    assert _files(hub) == before


def test_an_output_that_is_asked_for_twice_is_refused_before_a_crosswalk_is_made(hub, tmp_path):
    before = _files(hub)
    assert "research-file: asked for again" in _release(hub, *["research-file"] * 2, out=tmp_path / "a.rpkg")
    assert _files(hub) == before


def test_a_hub_with_a_name_that_no_file_can_have_is_not_made(tmp_path):
    assert "'Data Hub.matcher' cannot be the name of keys" in _fails(
        "hub", "new", tmp_path / "new", "--name", "Data Hub"
    )
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_whole_package_is_named_with_what_to_do(made, hub, tmp_path):
    assert "this is a folder; name the packages in it" in _fails("hub", "receive", hub, tmp_path)
    torn = tmp_path / "torn.lpkg"
    torn.write_bytes(next((hub / "matcher" / "inbox").rglob("*.lpkg")).read_bytes()[:3000])
    said = _fails("hub", "receive", hub, torn)
    assert "torn.lpkg ends inside the member" in said
    assert "Copy it again" in said
