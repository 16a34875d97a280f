"""Specs are read strictly, and their hash is of what they mean."""

import pytest

from linkage.errors import SpecError
from linkage.resources import shipped
from linkage.spec.load import load_spec

READY = sorted(path.stem for path in shipped("configs").glob("*.yaml"))


def test_a_spec_that_is_not_text_is_refused_by_name(tmp_path):
    (tmp_path / "students.yaml").write_bytes(b"\x80\x81,name\n")
    with pytest.raises(SpecError, match=r"students.yaml is not UTF-8 text"):
        load_spec(tmp_path / "students.yaml")


@pytest.mark.parametrize("name", READY)
def test_every_ready_spec_loads(name):
    assert load_spec(name).id == name


def test_all_problems_are_reported_with_their_lines(tmp_path):
    text = (shipped("configs") / "person.yaml").read_text()
    text = text.replace("set_bits: 48}", "set_bits: 480}", 1).replace("key: [birth_date]", "key: [birthday]")
    text = text.replace("block_cap: 4", "block_cap: many")
    path = tmp_path / "spec.yaml"
    path.write_text(text)
    with pytest.raises(SpecError) as refused:
        load_spec(path)
    shown = str(refused.value)
    assert "block_cap" in shown
    assert "set_bits" in shown
    assert all(f"{path}:" in problem for problem in refused.value.problems)


def test_a_pass_on_an_unknown_identifier_or_transform_is_named(tmp_path):
    text = (shipped("configs") / "person.yaml").read_text()
    text = text.replace("key: [birth_date]", "key: [birthday]").replace("postal_code, birth_date.year", "sex.year")
    path = tmp_path / "spec.yaml"
    path.write_text(text)
    with pytest.raises(SpecError) as refused:
        load_spec(path)
    assert "birthday" in str(refused.value)
    assert "sex.year" in str(refused.value)


def test_comments_and_headers_do_not_change_the_hash_but_levels_do(tmp_path):
    text = (shipped("configs") / "person.yaml").read_text()
    same, other = tmp_path / "same.yaml", tmp_path / "other.yaml"
    same.write_text("# a comment\n" + text.replace("vorname", "vorname, rufname"))
    other.write_text(text.replace("0.64", "0.65", 1))
    assert load_spec(same).sha256 == load_spec("person").sha256
    assert load_spec(other).sha256 != load_spec("person").sha256


def test_an_unknown_spec_lists_the_ready_ones():
    with pytest.raises(SpecError, match="person"):
        load_spec("nobody")
