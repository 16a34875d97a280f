from __future__ import annotations

from pathlib import Path

import pytest
from parties_of_a_consortium import Consortium

from linkage.governance.standing import StandingAgreement
from linkage.resources import shipped


@pytest.fixture(scope="session")
def consortium() -> Consortium:
    return Consortium()


@pytest.fixture(scope="session")
def template() -> Path:
    return shipped("agreements") / "longitudinal-research.yaml"


@pytest.fixture(scope="session")
def content(consortium: Consortium, template: Path) -> bytes:
    return consortium.fill(template)


@pytest.fixture(scope="session")
def agreement(consortium: Consortium, content: bytes) -> StandingAgreement:
    return consortium.sign(content)
