"""Two releases of the same people: nothing that the product adds joins a person of one to a person of the other."""

from __future__ import annotations

import io
import re
import secrets
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from linkage.release.assemble import assemble
from linkage.release.bundle import ReleasedOutput, bundle_members
from linkage.release.identifiers import PATTERN, release_ids
from linkage.release.permission import PermittedRelease
from linkage.release.workspace import Workspace
from linkage.reports.codebook import codebook_html

PERSONS = 600


def token(number: int) -> str:
    return f"a{number:031x}"


#: Every person with the same values, so that values can join nobody either, and a count that does not leave.
PAYLOADS = {
    "district.enrollment": pd.DataFrame(
        {
            "person_token": [token(number) for number in range(PERSONS) for _ in range(2)],
            "SchoolYear": ["2021", "2022"] * PERSONS,
            "School": "A",
            "Grade": ["09", "10"] * PERSONS,
            "Race": "W",
        },
        dtype="string",
    ),
    "neighbor.enrollment": pd.DataFrame({"person_token": []}, dtype="string"),
    "college.terms": pd.DataFrame({"person_token": []}, dtype="string"),
}


@pytest.fixture(scope="module")
def releases(agreement, today, tmp_path_factory):
    """Two bundles of the same people, each with who is who in it."""
    made = []
    for _ in range(2):
        ids = release_ids([f"student-{number}" for number in range(PERSONS)], secrets.token_bytes)
        who = pd.DataFrame(
            {"agency": "district", "person_token": [token(n) for n in range(PERSONS)], "release_id": ids.to_numpy()}
        )
        space = Workspace(tmp_path_factory.mktemp("scratch"))
        permitted = PermittedRelease(agreement, "file", "university", "research", today)
        content = assemble(permitted, PAYLOADS, who, space)
        created = datetime(2026, 9, 1 + len(made), tzinfo=UTC)
        members = bundle_members([ReleasedOutput(permitted, content)], created, b"{}", codebook_html, space)
        read = {name: data if isinstance(data, bytes) else Path(data).read_bytes() for name, data in members.items()}
        made.append((read, dict(zip(ids, range(PERSONS), strict=True))))
    return made


def test_no_id_token_or_student_of_one_is_in_the_other(releases):
    (first, first_ids), (second, second_ids) = releases
    assert not set(first_ids) & set(second_ids)
    for members, foreign in ((first, second_ids), (second, first_ids)):
        for name, content in members.items():
            if name.endswith(".parquet"):
                content = pd.read_parquet(io.BytesIO(content)).to_csv().encode()
            found = set(re.findall(rf"(?<![a-z2-7]){PATTERN}(?![a-z2-7])".encode(), content))
            assert not found & {each.encode() for each in foreign}, name
            assert b"student-" not in content
            assert not re.search(rb"[0-9a-f]{32}(?![0-9a-f])(?<![0-9a-f]{33})", content) or b"sha256" in content, name


def order_of(content: bytes, ids: dict[str, int]) -> np.ndarray:
    rows = pd.read_csv(io.BytesIO(content))
    return rows["release_id"].drop_duplicates().map(ids).to_numpy()


@pytest.mark.parametrize("member", ["file-rows.csv", "file-persons.csv"])
def test_the_order_of_rows_joins_no_more_people_than_chance(releases, member):
    first, second = (order_of(members[member], ids) for members, ids in releases)
    assert sorted(first) == sorted(second) == list(range(PERSONS))
    assert (first == second).sum() < 10  # chance alone puts one person into the same place
    place = [np.argsort(order) for order in (first, second)]
    noise = 4.5 / np.sqrt(PERSONS)
    assert abs(np.corrcoef(*place)[0, 1]) < noise
    for order in (first, second):  # nor is the agency's own order left
        assert abs(np.corrcoef(order, np.arange(PERSONS))[0, 1]) < noise


def test_parquet_and_csv_have_one_order_and_the_files_say_nothing_else(releases):
    members, _ = releases[0]
    for name in ("file-rows", "file-persons"):
        parquet = pq.ParquetFile(io.BytesIO(members[f"{name}.parquet"]))
        csv = pd.read_csv(io.BytesIO(members[f"{name}.csv"]))
        assert parquet.read(["release_id"])["release_id"].to_pylist() == csv["release_id"].tolist()
        assert set(parquet.metadata.metadata or {}) <= {b"ARROW:schema"}
        assert "DuckDB" in parquet.metadata.created_by
        assert not re.search(r"/|tmp|20\d\d-\d\d-\d\d", parquet.metadata.created_by.partition(" version")[0])


def test_the_files_bytes_are_alike_in_size_and_in_nothing_that_is_a_persons(releases):
    first, second = (members for members, _ in releases)
    for name in ("file-rows.csv", "file-persons.csv"):
        # Same people, same values: the sizes are the same whatever the IDs, so they tell no more than the rows do.
        assert len(first[name]) == len(second[name])
        pieces = [{content[place : place + 24] for place in range(0, len(content) - 24)} for content in
                  (first[name].partition(b"\n")[2], second[name].partition(b"\n")[2])]  # fmt: skip
        shared = {piece for piece in pieces[0] & pieces[1] if re.search(rb"[a-z2-7]{12}", piece)}
        assert not {piece for piece in shared if b"records" not in piece and b"linked" not in piece and b"enroll" not in
                    piece}  # fmt: skip
