from __future__ import annotations

import contextlib
from datetime import date
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, model_validator

from linkage.errors import LinkageError, SpecError
from linkage.spec.strict_yaml import MAX_BYTES, FieldsError, load_yaml, validate


class Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Apple(Strict):
    kind: Literal["apple"]
    seeds: int


class Pear(Strict):
    kind: Literal["pear"]
    picked: date


class Basket(Strict):
    title: str
    washed: bool = False
    fruit: tuple[Annotated[Apple | Pear, Field(discriminator="kind")], ...] = ()
    low: int = 0
    high: int = 9

    @model_validator(mode="after")
    def ordered(self) -> Basket:
        if self.low > self.high:
            raise FieldsError([(("low",), "must not exceed high"), (("high",), "is below low")])
        return self


def problems_of(text: str) -> tuple[str, ...]:
    with pytest.raises(SpecError) as caught:
        validate(Basket, text, "basket.yaml", SpecError)
    return caught.value.problems


def refusal_of(text: str) -> str:
    with pytest.raises(SpecError) as caught:
        load_yaml(text, "f.yaml", SpecError)
    return str(caught.value)


@pytest.mark.parametrize(
    "written",
    ["no", "on", "NO", "y", "True", "2024-07-01", "1:30", "01234", "0x1f", "1_000", ".inf", "=", "1."],
)
def test_what_yaml_1_1_would_guess_stays_text(written: str) -> None:
    assert load_yaml(f"a: {written}", "f").data == {"a": written}


def test_numbers_truth_values_and_null_are_read() -> None:
    text = "{a: 10, b: -3, c: 0.25, d: true, e: false, f: null, g: 1e-3, h: '10', i: \"true\"}"
    expected = {
        "a": 10,
        "b": -3,
        "c": 0.25,
        "d": True,
        "e": False,
        "f": None,
        "g": 0.001,
        "h": "10",
        "i": "true",
    }
    assert load_yaml(text, "f").data == expected


def test_each_key_and_item_has_its_line() -> None:
    document = load_yaml("# head\na:\n  - b: 1\n\n  - c: 2\nd: >\n  long\n  text\ne: 3\n", "f")
    assert document.line(("a", 0, "b")) == 3
    assert document.line(("a", 1)) == 5
    assert document.line(("a", 1, "absent", "deeper")) == 5
    assert document.line(("e",)) == 9
    assert document.line(()) == 1


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("a: 1\nb: 2\na: 3\n", "f.yaml:3: a is given twice (first on line 1)"),
        ("a:\n  b: 1\n  'b': 2\n", "f.yaml:3: a.b is given twice"),
        ("a: &x 1\nb: *x\n", "f.yaml:2: anchors and aliases"),
        ("a: {c: 1}\nb:\n  <<: {d: 1}\n", "f.yaml:3: merge keys"),
        ("a: !!python/object/apply:os.system [ls]\n", "f.yaml:1: the tag"),
        ("a: !!str 12\n", "f.yaml:1: the tag"),
        ("a: !own 12\n", "f.yaml:1: the tag"),
        ("1: a\n", "f.yaml:1: the key 1 is not text"),
        ("? [a, b]\n: c\n", "is not text"),
        ("a: 1\n---\nb: 2\n", "a second document"),
        ("- a\n- b\n", "a mapping of fields was expected"),
        ("", "a mapping of fields was expected"),
        ("a: [1, 2\nb: 3\n", "f.yaml:2:"),
        ("a: '\x07'\n", "special characters are not allowed"),
        ("a: 1\nb: x\u202ey\n", "f.yaml:2: the character U+202E is not accepted"),
        ("a: x\u2028b: 2\n", "the character U+2028 is not accepted"),
        ("a: pass\u200bword\n", "the character U+200B is not accepted"),
        ("[" * 5000, "nested more than 20 levels"),
        ("a: " + "x" * MAX_BYTES, "larger than 256 kB"),
    ],
)
def test_ambiguous_or_hostile_yaml_is_refused_with_its_line(text: str, cause: str) -> None:
    assert cause in refusal_of(text)


def test_all_refusals_are_reported_at_once() -> None:
    text = refusal_of("a: 1\na: 2\nb: &x 3\nc: !t 4\n")
    assert "f.yaml:2:" in text
    assert "f.yaml:3:" in text
    assert "f.yaml:4:" in text


def test_a_sound_document_builds_the_model() -> None:
    text = "title: Autumn\nfruit:\n  - {kind: pear, picked: 2026-09-01}\n"
    basket = validate(Basket, text, "basket.yaml", SpecError)
    assert basket.fruit == (Pear(kind="pear", picked=date(2026, 9, 1)),)


def test_every_model_error_carries_file_line_and_field() -> None:
    text = "titel: Autumn\nwashed: yes\nfruit:\n  - kind: apple\n    seeds: many\n"
    text += "  - kind: fig\n  - kind: pear\n"
    assert problems_of(text) == (
        "basket.yaml:1: title: is missing",
        "basket.yaml:1: titel: is not a known field; did you mean `title`?",
        "basket.yaml:2: washed: expected true or false",
        "basket.yaml:5: fruit[0].seeds: expected a whole number",
        "basket.yaml:6: fruit[1]: 'kind' must be 'apple', 'pear'",
        "basket.yaml:7: fruit[2].picked: is missing",
    )


def test_a_field_deep_in_a_union_names_the_fields_it_could_be() -> None:
    assert problems_of("title: a\nfruit:\n  - {kind: apple, seeds: 3, zzz: 1}\n") == (
        "basket.yaml:3: fruit[0].zzz: is not a known field; known fields: kind, seeds, picked",
    )


def test_a_validator_may_report_several_fields() -> None:
    assert problems_of("title: a\nlow: 5\nhigh: 2\n") == (
        "basket.yaml:2: low: must not exceed high",
        "basket.yaml:3: high: is below low",
    )


def test_an_impossible_date_is_refused() -> None:
    assert problems_of("title: a\nfruit: [{kind: pear, picked: 2026-02-30}]\n") == (
        "basket.yaml:2: fruit[0].picked: expected a date such as 2026-07-01",
    )


@given(st.text(max_size=200))
def test_any_text_loads_or_is_refused_but_never_crashes(text: str) -> None:
    with contextlib.suppress(LinkageError):
        load_yaml(text, "f")
