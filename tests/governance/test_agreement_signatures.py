"""Everyone signs the same bytes; what does not verify is never passed over."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from parties_of_a_consortium import TODAY, Consortium

from linkage.errors import AgreementError
from linkage.governance.document import parse_agreement
from linkage.governance.signatures import (
    sign_document,
    signatures_path,
    unsigned_parties,
    with_signature,
    write_signatures,
)
from linkage.governance.standing import StandingAgreement, load_agreement
from linkage.governance.statements import (
    Acknowledgement,
    Approval,
    Destruction,
    ReviewOpened,
    Termination,
    sign_statement,
    statements_path,
    write_statements,
)


@pytest.fixture
def on_disk(tmp_path: Path, content: bytes, agreement: StandingAgreement) -> Path:
    path = tmp_path / "study.yaml"
    path.write_bytes(content)
    write_signatures(signatures_path(path), path.name, agreement.signatures)
    return path


def refusal_of(path: Path) -> str:
    with pytest.raises(AgreementError) as caught:
        load_agreement(path)
    return str(caught.value)


def test_signatures_are_read_back_and_verify(on_disk: Path, agreement: StandingAgreement) -> None:
    loaded = load_agreement(on_disk)
    assert loaded.signatures == agreement.signatures
    assert unsigned_parties(loaded.terms, loaded.signatures) == ()
    assert signatures_path(on_disk).name == "study.signatures.yaml"


def test_one_changed_byte_of_the_agreement_ends_every_signature(on_disk: Path) -> None:
    on_disk.write_bytes(on_disk.read_bytes() + b"\n")
    message = refusal_of(on_disk)
    assert message.count("changed after signature") == 7


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("party: workforce", "party: child-welfare", "child-welfare: signed 2 times"),
        ("name: Ruth Lang", "name: Ruth Long", "signed by Ruth Long, where the agreement names Ruth Lang"),
        ("date: '2026-06-30'", "date: '2026-06-29'", "does not verify"),
        ("party: workforce", "party: stranger", "stranger: is not a party"),
    ],
)
def test_an_altered_signature_file_is_refused(on_disk: Path, old: str, new: str, reason: str) -> None:
    signatures = signatures_path(on_disk)
    signatures.write_text(signatures.read_text().replace(old, new, 1))
    assert reason in refusal_of(on_disk)


def test_another_partys_signature_does_not_stand_in(agreement: StandingAgreement) -> None:
    first, second, *rest = agreement.signatures
    with pytest.raises(AgreementError, match="does not verify"):
        replace(agreement, signatures=(first.model_copy(update={"signature": second.signature}), second, *rest))


def test_only_the_pinned_key_can_sign(consortium: Consortium, agreement: StandingAgreement) -> None:
    with pytest.raises(
        AgreementError, match="not the one that the agreement pins for `workforce`: it is that of `university`"
    ):
        sign_document(agreement.document, "workforce", consortium.keys("university"), TODAY)
    with pytest.raises(AgreementError, match=r"its release room: it is that of `data-hub\.matcher`"):
        sign_document(agreement.document, "data-hub", consortium.keys("data-hub.matcher"), TODAY)
    with pytest.raises(AgreementError, match="it is named `stranger`, and the agreement pins it for nobody"):
        sign_document(agreement.document, "workforce", consortium.keys("stranger"), TODAY)
    with pytest.raises(AgreementError, match="not a party"):
        sign_document(agreement.document, "stranger", consortium.keys("stranger"), TODAY)


def test_a_draft_cannot_be_signed(consortium: Consortium, template: Path) -> None:
    draft = parse_agreement(template.read_bytes(), "draft.yaml")
    with pytest.raises(AgreementError, match="is a draft"):
        sign_document(draft, "workforce", consortium.keys("workforce"), TODAY)


def test_signing_again_replaces_and_a_new_text_drops_the_old_signatures(
    consortium: Consortium, agreement: StandingAgreement, content: bytes
) -> None:
    again = sign_document(
        agreement.document, "workforce", consortium.signer(agreement.terms, "workforce"), date(2026, 7, 1)
    )
    assert len(with_signature(agreement.signatures, again)) == len(agreement.signatures)
    amended = parse_agreement(content + b"\n", "a")
    new = sign_document(amended, "workforce", consortium.signer(agreement.terms, "workforce"), TODAY)
    assert with_signature(agreement.signatures, new) == (new,)


def test_statements_are_read_back_and_verify(
    on_disk: Path, consortium: Consortium, agreement: StandingAgreement
) -> None:
    given = consortium.state(
        agreement,
        Destruction(
            kind="destruction",
            party="university",
            date=TODAY,
            document_sha256=agreement.sha256,
            what="The research file of 2026",
            files_sha256=("a" * 64,),
            method="NIST SP 800-88 purge",
            person="Maya Iyer",
        ),
    )
    write_statements(statements_path(on_disk), on_disk.name, given.statements)
    assert load_agreement(on_disk).statements == given.statements
    path = statements_path(on_disk)
    path.write_text(path.read_text().replace("Maya Iyer", "Sam Ford"))
    assert "statement 1 (destruction by university): the signature does not verify" in refusal_of(on_disk)


def test_a_statement_needs_standing(consortium: Consortium, agreement: StandingAgreement) -> None:
    sha256 = agreement.sha256

    def refusal(statement) -> str:
        keys = consortium.keys(statement.party if statement.party != "data-hub" else "data-hub.release")
        with pytest.raises(AgreementError) as caught:
            sign_statement(agreement.document, statement, keys)
        return str(caught.value)

    review = ReviewOpened(kind="review", party="data-hub", date=TODAY, document_sha256=sha256, output="x")
    assert "not one of the outputs" in refusal(review)
    assert "only the hub" in refusal(review.model_copy(update={"party": "university"}))
    assert "another text" in refusal(review.model_copy(update={"document_sha256": "0" * 64}))
    assert "not a party" in refusal(review.model_copy(update={"party": "stranger"}))
    approval = Approval(kind="approval", party="workforce", date=TODAY, document_sha256=sha256, output="research-file")
    assert "review.reviewers" in refusal(approval)
    user = Acknowledgement(
        kind="acknowledgement", party="university", date=TODAY, document_sha256=sha256, user="Nobody"
    )
    assert "not one of its named users" in refusal(user)


def test_a_signature_of_one_kind_is_worth_nothing_for_another(
    consortium: Consortium, agreement: StandingAgreement
) -> None:
    notice = Termination(
        kind="termination", party="workforce", date=TODAY, document_sha256=agreement.sha256, reason="x"
    )
    signed = consortium.state(agreement, notice).statements[0]
    borrowed = agreement.signatures[3].model_copy(update={"signature": signed.signature})
    with pytest.raises(AgreementError, match="does not verify"):
        replace(agreement, signatures=(borrowed,))
