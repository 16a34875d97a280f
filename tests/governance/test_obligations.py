"""What is past its day is overdue until a certificate names the very file."""

from __future__ import annotations

import hashlib
from datetime import date, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from parties_of_a_consortium import NOW, TODAY, Consortium

from linkage.cli.main import main
from linkage.exchange.keys import save_keys
from linkage.governance.events import Destroyed, Disclosed, Received
from linkage.governance.ledger import append, create_ledger, verify_ledger
from linkage.governance.obligations import obligations
from linkage.governance.signatures import signatures_path, write_signatures
from linkage.governance.standing import StandingAgreement, load_agreement
from linkage.governance.statements import Acknowledgement, Destruction

BUNDLE = b"what the university received"
SHA256 = hashlib.sha256(BUNDLE).hexdigest()


def disclosed(destroy_by: str) -> Disclosed:
    return Disclosed(
        agreement="longitudinal-research",
        agreement_sha256="a" * 64,
        output="research-file",
        recipient="university",
        interest="Research",
        purpose="research",
        users=("Maya Iyer",),
        providers=("workforce",),
        elements=("lakeside-district.enrollment.GradeLevel",),
        persons=12,
        bundle_sha256=SHA256,
        destroy_by=destroy_by,
        clause="outputs[research-file]",
    )


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.jsonl"
    create_ledger(path, "data-hub", "1" * 32, NOW)
    append(path, disclosed("2026-08-31"), NOW)
    return path


def owed(ledger: Path, agreements: list[StandingAgreement], today: date = TODAY, notice: int = 30) -> list[str]:
    found = obligations(verify_ledger(ledger).entries, agreements, today, notice)
    return [("overdue " if each.overdue(today) else "due ") + each.what for each in found]


def test_a_bundle_is_overdue_the_day_after_and_told_of_before(ledger: Path) -> None:
    assert owed(ledger, [], date(2026, 9, 1))[0].startswith("overdue destroy the bundle")
    assert owed(ledger, [], date(2026, 8, 31))[0].startswith("due destroy the bundle")
    assert owed(ledger, [], date(2026, 7, 31), notice=30) == []


def test_a_certificate_for_another_file_or_by_another_party_settles_nothing(ledger: Path) -> None:
    certificate = Destroyed(
        agreement="longitudinal-research",
        agreement_sha256="a" * 64,
        party="university",
        what="x",
        files_sha256=("b" * 64,),
        method="y",
        person="z",
    )
    append(ledger, certificate, NOW)
    append(ledger, certificate.model_copy(update={"party": "workforce", "files_sha256": (SHA256,)}), NOW)
    assert len(owed(ledger, [])) == 1
    append(ledger, certificate.model_copy(update={"files_sha256": (SHA256,)}), NOW)
    assert owed(ledger, []) == []


def test_a_signed_statement_beside_the_agreement_settles_it_too(
    ledger: Path, consortium: Consortium, agreement: StandingAgreement
) -> None:
    statement = Destruction(
        kind="destruction",
        party="university",
        date=TODAY,
        document_sha256=agreement.sha256,
        what="x",
        files_sha256=(SHA256,),
        method="y",
        person="z",
    )
    assert owed(ledger, [consortium.state(agreement, statement)]) == []


def test_the_hub_owes_a_certificate_after_the_agreements_own_day(ledger: Path, agreement: StandingAgreement) -> None:
    late = date(2032, 1, 1)
    assert "overdue destroy the packages received under the agreement, and certify it" not in owed(
        ledger, [agreement], late
    )
    package = Received(
        agreement="longitudinal-research",
        agreement_sha256=agreement.sha256,
        sender="workforce",
        package="p",
        package_sha256="c" * 64,
        records=1,
    )
    append(ledger, package, NOW)
    assert "overdue destroy the packages received under the agreement, and certify it" in owed(
        ledger, [agreement], late
    )


def test_training_that_runs_out_is_told_and_settled_by_renewal(
    ledger: Path, consortium: Consortium, agreement: StandingAgreement
) -> None:
    soon = date(2027, 8, 1)
    assert "due renew the training of Maya Iyer" in owed(ledger, [agreement], soon)
    renewal = Acknowledgement(
        kind="acknowledgement",
        party="university",
        date=soon,
        document_sha256=agreement.sha256,
        user="Maya Iyer",
    )
    assert "due renew the training of Maya Iyer" not in owed(ledger, [consortium.state(agreement, renewal)], soon)


def test_destroy_deletes_certifies_and_settles_the_status(
    tmp_path: Path, consortium: Consortium, content: bytes, agreement: StandingAgreement
) -> None:
    study, ledger = tmp_path / "study.yaml", tmp_path / "ledger.jsonl"
    study.write_bytes(content)
    write_signatures(signatures_path(study), study.name, agreement.signatures)
    yesterday = date.today() - timedelta(days=1)  # the command reads the clock
    create_ledger(ledger, "data-hub", "1" * 32, NOW)
    append(ledger, disclosed(yesterday.isoformat()), NOW)
    key, _ = save_keys(consortium.keys("university"), tmp_path / "keys")
    held = tmp_path / "held"
    (held / "tables").mkdir(parents=True)
    (held / "release.rpkg").write_bytes(BUNDLE)
    (held / "tables" / "a.csv").write_bytes(b"1")

    def run(*arguments):
        return CliRunner().invoke(main, [str(each) for each in arguments], catch_exceptions=False)

    before = run("status", ledger, "--agreement", study, "--notice", 0)
    assert before.exit_code == 1
    assert f"OVERDUE {yesterday} university" in before.output
    done = run(
        *("destroy", held, "--agreement", study, "--as", "university", "--key", key),
        *("--method", "NIST SP 800-88 purge", "--person", "Maya Iyer", "--yes"),
    )
    assert "destroyed 2 files" in done.output
    assert not held.exists()
    certificate = load_agreement(study).statements[-1]
    assert isinstance(certificate, Destruction)
    assert SHA256 in certificate.files_sha256
    after = run("status", ledger, "--agreement", study, "--notice", 0)
    assert "destroy the bundle" not in after.output
