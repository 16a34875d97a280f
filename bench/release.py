"""A research file at the size of a state: seconds and memory to assemble, protect, write and describe it.

``python -m bench.release`` assembles a million students, five agencies and six years under the longitudinal agreement
in ``agreements/`` (with a second district beside the first); ``--people`` changes the size, ``--json`` adds one JSON
object on the last line. The payload is made up by DuckDB; what is measured is ours.
"""

from __future__ import annotations

import json
import re
import resource
import secrets
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import click
import duckdb
import pandas as pd
from rich.console import Console
from rich.table import Table as Grid

from linkage.exchange.keys import PrivateKeys, generate_keys
from linkage.governance.document import parse_agreement
from linkage.governance.signatures import sign_document
from linkage.governance.standing import StandingAgreement
from linkage.release.assemble import assemble
from linkage.release.bundle import ReleasedOutput, bundle_members
from linkage.release.identifiers import release_ids
from linkage.release.permission import PermittedRelease
from linkage.release.workspace import Workspace
from linkage.reports.codebook import codebook_html

TEMPLATE = Path(__file__).parent.parent / "agreements" / "longitudinal-research.yaml"
TODAY = date(2026, 7, 1)
FIRST_YEAR, YEARS = 2021, 6
DISTRICT, SECOND = "lakeside-district", "riverbend-district"
_SHARES = {"early-learning": 0.35, DISTRICT: 0.65, SECOND: 0.38, "state-colleges": 0.3, "child-welfare": 0.04}
_LETTERS = {"early-learning": "a", DISTRICT: "b", SECOND: "c", "state-colleges": "d", "child-welfare": "e"}
_ROWS = {
    "early-learning.attendance": "{first} + n % 2 AS program_year, 'Pre-K' AS program, 160 AS days_offered,"
    " 160 - h % 30 AS days_attended, range(1 + n % 2)",
    "early-learning.assessments": "{first} + n % 2 AS program_year, h % 101 AS literacy_score,"
    " h // 7 % 101 AS mathematics_score, range(1)",
    "enrollment": "{first} + i AS SchoolYear, 1000 + n % 500 AS SchoolId,"
    " lpad(CAST(1 + (n + i) % 12 AS VARCHAR), 2, '0') AS GradeLevel, 178 AS DaysEnrolled, h % 40 AS DaysAbsent,"
    " h % 9 = 0 AS EnglishLearner, h % 3 = 0 AS EconomicallyDisadvantaged,"
    " 'Group ' || (CASE WHEN h < 40 THEN 9 ELSE h % 7 END) AS RaceEthnicity, 2024 + n % 8 AS CohortYear,"
    " CASE WHEN (n + i) % 12 = 11 THEN ({first} + i) || '-06-10' END AS ExitWithdrawDate,"
    " CASE WHEN (n + i) % 12 = 11 THEN '01921' END AS ExitWithdrawType, NULL AS DiplomaType, range({years})",
    "state-colleges.enrollments": "({first} + i // 2) || CASE WHEN i % 2 = 0 THEN 'SP' ELSE 'FA' END AS term,"
    " '2-year' AS sector, h % 16 AS credits_earned, NULL AS credential, range(2 + n % 5)",
    "child-welfare.placements": "({first} + h % 6) || '-03-01' AS PlacementBegin, 'Kin' AS PlacementType,"
    " range(1 + n % 3)",
}


@dataclass(frozen=True)
class Run:
    """One research file: its size and what it cost."""

    people: int
    rows: int
    assembled_seconds: float
    bundled_seconds: float
    processor_seconds: float
    """Of all threads: what a busy machine does not stretch."""
    peak_gigabytes: float
    csv_megabytes: float
    parquet_megabytes: float
    persons_changed_for_k: int


def agreement() -> StandingAgreement:
    """Return the longitudinal template with a second district, in force and signed with keys made here."""
    text = TEMPLATE.read_text("utf-8").replace("status: draft", "status: active")
    for pattern in (
        rf"  - id: {DISTRICT}\n(?:    .*\n)+",
        rf"  - provider: {DISTRICT}\n(?:    .*\n)+",
        rf"(?m)^      - {DISTRICT}\.enrollment\.\S+\n",
    ):
        text = re.sub(pattern, lambda found: found[0] + found[0].replace(DISTRICT, SECOND), text)
    text = text.replace("spec_sha256: pending", f"spec_sha256: {'1' * 64}")
    keys: list[PrivateKeys] = []
    while "{signing: pending, sealing: pending}" in text:
        keys.append(generate_keys(f"key-{len(keys)}"))
        public = keys[-1].public
        text = text.replace(
            "{signing: pending, sealing: pending}", f"{{signing: '{public.signing}', sealing: {public.sealing}}}", 1
        )
    document = parse_agreement(text.encode(), "bench.yaml")
    own = {each.public.signing: each for each in keys}
    signatures = tuple(
        sign_document(document, party.id, own[party.signing_keys.signing], TODAY) for party in document.terms.parties
    )
    return StandingAgreement(document, signatures)


def payloads(folder: Path, people: int) -> dict[str, Path]:
    """Write each dataset's payload as the release room would hold it."""
    paths = {}
    with duckdb.connect() as connection:
        for key in (*(k for k in _ROWS if "." in k), f"{DISTRICT}.enrollment", f"{SECOND}.enrollment"):
            provider = key.split(".")[0]
            columns, _, times = (_ROWS.get(key) or _ROWS["enrollment"]).rpartition(", range")
            where = (
                f"hash(n) % 1000 < {_SHARES[provider] * 1000}"
                if provider != SECOND
                else f"hash(n) % 1000 >= {(1 - _SHARES[SECOND]) * 1000}"
            )
            text = columns.format(first=FIRST_YEAR, years=YEARS)
            counted = f"range{times}".format(years=YEARS)
            paths[key] = folder / f"{key}.parquet"
            connection.execute(
                f"COPY (SELECT {_token(provider)} AS person_token, {text} FROM (SELECT n, unnest({counted}) AS i,"
                f" CAST(hash(n * 31 + 7) % 1000000 AS BIGINT) AS h FROM range({people}) p(n) WHERE {where}))"
                f" TO '{paths[key]}' (FORMAT parquet)"
            )
    return paths


def crosswalk(people: int) -> pd.DataFrame:
    """Return who is who, with every person known to every agency that has a record."""
    ids = release_ids([str(n) for n in range(people)], secrets.token_bytes).to_numpy()
    frame = pd.DataFrame({"n": range(people), "release_id": ids})
    with duckdb.connect() as connection:
        connection.register("persons", frame)
        parts = " UNION ALL ".join(
            f"SELECT '{provider}' AS agency, {_token(provider)} AS person_token, release_id FROM persons"
            for provider in _SHARES
        )
        known: pd.DataFrame = connection.sql(parts).df()
    return known


def _token(provider: str) -> str:
    return f"'{_LETTERS[provider]}' || lpad(CAST(n AS VARCHAR), 31, '0')"


def measure(people: int, memory: str) -> Run:
    """Assemble and bundle one research file."""
    standing = agreement()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files, who = payloads(folder, people), crosswalk(people)
        permitted = PermittedRelease(standing, "research-file", "university", "research", TODAY)
        space = Workspace(folder, memory, threads=2)
        begin, used = time.perf_counter(), time.process_time()
        file = assemble(permitted, files, who, space)
        assembled = time.perf_counter()
        members = bundle_members([ReleasedOutput(permitted, file)], datetime.now(UTC), b"{}", codebook_html, space)
        end, used = time.perf_counter(), time.process_time() - used
        sizes = {member: content.stat().st_size for member, content in members.items() if isinstance(content, Path)}
    assert file.microdata is not None, "a research file has a microdata certificate"
    return Run(
        file.people,
        file["rows"].rows,
        round(assembled - begin, 1),
        round(end - assembled, 1),
        round(used, 1),
        round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
        _megabytes(sizes, ".csv"),
        _megabytes(sizes, ".parquet"),
        file.microdata.persons_changed,
    )


def _megabytes(sizes: dict[str, int], suffix: str) -> float:
    return round(sum(size for member, size in sizes.items() if member.endswith(suffix)) / 1e6, 1)


def show(runs: Sequence[Run], console: Console) -> None:
    """Print the runs as a table."""
    grid = Grid(title="Research file: five agencies, six years, two threads")
    for column in (
        "people",
        "rows",
        "assembled s",
        "bundled s",
        "processor s",
        "peak GB",
        "CSV MB",
        "Parquet MB",
        "changed for k",
    ):
        grid.add_column(column, justify="right")
    for run in runs:
        grid.add_row(*(f"{value:,}" for value in asdict(run).values()))
    console.print(grid)


@click.command()
@click.option("--people", default=1_000_000, show_default=True, help="Students.")
@click.option("--memory", default="3GB", show_default=True, help="What DuckDB may use before it spills to disk.")
@click.option("--json", "as_json", is_flag=True, help="Add one JSON object on the last line.")
def main(people: int, memory: str, as_json: bool) -> None:
    """Measure the assembly of a research file."""
    run = measure(people, memory)
    show([run], Console())
    if as_json:
        click.echo(json.dumps(asdict(run)))


if __name__ == "__main__":
    main()
