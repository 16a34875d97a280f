"""Parties and a small package, made once for every test of this room."""

from __future__ import annotations

import pytest

from linkage.exchange.context import Context
from linkage.exchange.keys import generate_keys
from linkage.exchange.manifest import Heading
from linkage.exchange.package import Member, write_package


@pytest.fixture(scope="session")
def agency():
    return generate_keys("district-a")


@pytest.fixture(scope="session")
def matcher():
    return generate_keys("hub.matcher")


@pytest.fixture(scope="session")
def registrar():
    return generate_keys("hub.registrar")


@pytest.fixture(scope="session")
def stranger():
    return generate_keys("stranger")


@pytest.fixture(scope="session")
def heading():
    return Heading(
        kind="encodings",
        context=Context("p20w-2026", "ab" * 32, 1),
        serial="0123456789abcdef" * 2,
        created="2026-03-01T09:30:00+00:00",
        key_check_value="cd" * 32,
        canary_mac="ef" * 32,
        facts={"rows": 3, "missing": {"last_name": 0.25, "ssn": 1e-7}, "notes": ["é", None, True]},
    )


@pytest.fixture(scope="session")
def package(agency, matcher, registrar, heading, tmp_path_factory):
    """Return a package of three members: one for each room, one for both."""
    path = tmp_path_factory.mktemp("sent") / "district-a.lpkg"
    members = {
        "encodings.parquet": Member(b"ENCODINGS" * 100, sealed_for=matcher.public),
        "tokens.parquet": Member(b"TOKENS" * 100, sealed_for=registrar.public),
        "profile.json": Member(b'{"rows": 3}'),
    }
    write_package(path, heading, members, agency, [matcher.public, registrar.public])
    return path


@pytest.fixture(scope="session")
def senders(agency):
    return {"district-a": agency.public}
