"""Filling a template changes the fields that were to be filled, and not a character more."""

from __future__ import annotations

from pathlib import Path

import pytest
from parties_of_a_consortium import TEMPLATES, Consortium

from linkage.errors import AgreementError
from linkage.exchange.keys import save_keys
from linkage.governance.document import parse_agreement
from linkage.governance.drafting import keys_in, set_values


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_every_template_fills_to_an_active_agreement(path: Path, consortium: Consortium) -> None:
    filled = consortium.fill(path)
    terms = parse_agreement(filled, path.name).terms
    assert terms.status == "active"
    assert b"pending\n" not in filled
    assert terms.party(terms.hub.id).public_keys("matcher") == consortium.keys(f"{terms.hub.id}.matcher").public


def test_comments_and_layout_stay(content: bytes, template: Path) -> None:
    before, after = template.read_text().splitlines(), content.decode().splitlines()
    assert len(before) == len(after)
    assert all(("#" in old) == ("#" in new) for old, new in zip(before, after, strict=True))


def test_a_value_is_set_in_every_style_of_line() -> None:
    text = "a: 1 # one\nb: {c: old, d: 'x, y'}\ne:\n  - f: \"q\"   # why\n    g: some words # and\n"
    values = {("a",): "two words", ("b", "d"): "it's: so", ("e", 0, "f"): "z", ("e", 0, "g"): "t"}
    assert set_values(text, "t", values) == (
        "a: two words # one\nb: {c: old, d: 'it''s: so'}\ne:\n  - f: z   # why\n    g: t # and\n"
    )


def test_a_field_that_is_not_there_or_not_on_its_line_is_refused() -> None:
    with pytest.raises(AgreementError, match="no field b"):
        set_values("a: 1\n", "t", {("b",): "2"})
    with pytest.raises(AgreementError, match="without changing something else"):
        set_values("a:\n  b\n", "t", {("a",): "2"})


def test_missing_public_keys_are_all_named(consortium: Consortium, template: Path, tmp_path: Path) -> None:
    save_keys(consortium.keys("workforce"), tmp_path)
    assert keys_in(tmp_path) == {"workforce": consortium.keys("workforce").public}
