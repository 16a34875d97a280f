"""CEDS names in agreements: the table, and what it refuses."""

from __future__ import annotations

import re
from typing import get_args

import pytest
from parties_of_a_consortium import TEMPLATES

from linkage.errors import AgreementError
from linkage.governance.ceds import CEDS, GLOBAL_ID, Kind
from linkage.governance.document import parse_agreement


def test_the_table_is_one_of_names_ids_and_kinds() -> None:
    assert len(CEDS) == len({element.global_id for element in CEDS.values()}) > 30
    assert all(GLOBAL_ID.fullmatch(element.global_id) for element in CEDS.values())
    assert {element.kind for element in CEDS.values()} <= set(get_args(Kind))
    assert CEDS["NumberOfDaysAbsent"].global_id == "P000201"


def test_every_template_uses_names_of_the_table() -> None:
    terms = [parse_agreement(path.read_bytes(), path.name).terms for path in TEMPLATES]
    assert sum(element.ceds is not None for each in terms for data in each.data for element in data.elements) > 100


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        ("ceds: CohortYear", "ceds: CohortYaer", r"did you mean CohortYear\?"),
        ("ceds: CohortYear", "ceds: Shoe size", "is not among the CEDS names known here"),
        (
            "ceds: CohortYear, use: output, type: integer",
            "ceds: CohortYear, use: output, type: date",
            "date does not fit",
        ),
        (
            "ceds: RaceAndEthnicity, use: output, type: code",
            "ceds: LastOrSurname, use: output, type: text",
            "identifier",
        ),
    ],
)
def test_a_wrong_name_type_or_use_is_refused_with_its_line(
    content: bytes, before: str, after: str, problem: str
) -> None:
    changed = content.decode().replace(before, after)
    assert changed != content.decode()
    with pytest.raises(AgreementError, match=problem) as refused:
        parse_agreement(changed.encode(), "agreement.yaml")
    assert re.search(r"agreement.yaml:\d+: data\[\d\]", str(refused.value))


def test_an_element_outside_the_table_is_named_by_its_global_id(content: bytes) -> None:
    parse_agreement(content.replace(b"ceds: CohortYear", b"ceds: P000046"), "agreement.yaml")
