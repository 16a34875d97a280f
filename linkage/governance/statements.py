"""What parties declare after signature, in ``NAME.statements.yaml`` beside the agreement.

Rules:

- Each statement names the agreement's hash and is signed by the party that makes it; one that does not verify,
  or that its party has no standing to make, is an error, never passed over.
- A *termination* ends all use from its date: any party may give it (20 CFR 603.10(a)(1)).
- An *acknowledgement* renews a named user's training; only the recipient makes it, for its own users.
- A *review* opens the reviewers' window for one output; an *approval* closes it early, an *objection* stops it
  until the objector approves after all. The hub opens; reviewers answer.
- A *destruction* certificate says that a party destroyed what it held, when and how.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import yaml
from pydantic import Field

from linkage.errors import AgreementError
from linkage.exchange.files import write_atomically
from linkage.exchange.keys import PrivateKeys
from linkage.governance.base import Clause, Id, Name, Sha256, Text
from linkage.governance.document import AgreementDocument, read_bytes
from linkage.governance.model import Agreement
from linkage.governance.signing import SignatureText, sign_fields, verifies
from linkage.spec.strict_yaml import decode, validate

_HEAD = "# What the parties of {name} have declared since they signed it; each entry is signed.\n"


class _Statement(Clause):
    party: Id
    date: date
    document_sha256: Sha256
    signature: SignatureText | None = None


class Termination(_Statement):
    """Notice that the agreement ends on ``date``."""

    kind: Literal["termination"]
    reason: Text


class Acknowledgement(_Statement):
    """A named user's renewed training and acknowledgement, on ``date``."""

    kind: Literal["acknowledgement"]
    user: Name


class ReviewOpened(_Statement):
    """The hub lays an output before the reviewers."""

    kind: Literal["review"]
    output: Id


class Approval(_Statement):
    """A reviewer lets an output go."""

    kind: Literal["approval"]
    output: Id


class Objection(_Statement):
    """A reviewer stops an output."""

    kind: Literal["objection"]
    output: Id
    reason: Text


class Destruction(_Statement):
    """A party's certificate that data were destroyed."""

    kind: Literal["destruction"]
    what: Text
    files_sha256: tuple[Sha256, ...] = ()
    method: Text
    person: Name


Statement = Annotated[
    Termination | Acknowledgement | ReviewOpened | Approval | Objection | Destruction,
    Field(discriminator="kind"),
]
SomeStatement = TypeVar("SomeStatement", Termination, Acknowledgement, ReviewOpened, Approval, Objection, Destruction)


class StatementFile(Clause):
    """All statements made so far, oldest first."""

    statements: tuple[Statement, ...] = Field(max_length=2000)


def statements_path(agreement: Path) -> Path:
    """Return the place of an agreement's statements: NAME.yaml has NAME.statements.yaml."""
    return agreement.with_name(f"{agreement.stem}.statements.yaml")


def sign_statement(document: AgreementDocument, statement: SomeStatement, keys: PrivateKeys) -> SomeStatement:
    """Sign an unsigned statement; raises AgreementError where its party may not make it."""
    signature = sign_fields(_label(statement), _fields(statement), keys)
    signed = statement.model_copy(update={"signature": signature})
    problem = _problem(document, signed)
    if problem:
        raise AgreementError(f"This {statement.kind} cannot be made.", [f"{statement.party}: {problem}"])
    return signed


def read_statements(path: Path) -> tuple[Statement, ...]:
    """Read a statements file; none where the file is absent."""
    if not path.exists():
        return ()
    text = decode(read_bytes(path, "statements file"), str(path), AgreementError)
    return validate(StatementFile, text, str(path), AgreementError).statements


def write_statements(path: Path, agreement_name: str, statements: tuple[Statement, ...]) -> None:
    """Write all statements, replacing the file whole."""
    entries = [statement.model_dump(mode="json") for statement in statements]
    body = yaml.safe_dump({"statements": entries}, sort_keys=False, allow_unicode=True, width=200)
    write_atomically(path, (_HEAD.format(name=agreement_name) + body).encode("utf-8"), mode=0o644)


def statement_problems(document: AgreementDocument, statements: tuple[Statement, ...]) -> list[str]:
    """Return what is wrong with the statements."""
    found = []
    for number, statement in enumerate(statements, start=1):
        problem = _problem(document, statement)
        if problem:
            found.append(f"statement {number} ({statement.kind} by {statement.party}): {problem}")
    return found


def _label(statement: Statement) -> str:
    return f"statement-{statement.kind}"


def _fields(statement: Statement) -> dict[str, object]:
    return statement.model_dump(mode="json", exclude={"signature"})


def _problem(document: AgreementDocument, statement: Statement) -> str | None:
    party = document.terms.party(statement.party)
    if party is None:
        return "is not a party"
    if statement.document_sha256 != document.sha256:
        return f"is about another text ({statement.document_sha256[:12]}...)"
    if statement.signature is None:
        return "is not signed"
    if party.signing_keys.pending:
        return "has no key in the agreement"
    if not verifies(_label(statement), _fields(statement), statement.signature, party.public_keys()):
        return "the signature does not verify under the key that the agreement pins"
    return _standing_problem(document.terms, statement)


def _standing_problem(terms: Agreement, statement: Statement) -> str | None:
    """Say why this party may not make this statement, if it may not."""
    match statement:
        case Acknowledgement():
            recipient = terms.recipient(statement.party)
            if recipient is None or statement.user not in {user.name for user in recipient.named_users}:
                return f"`{statement.user}` is not one of its named users"
        case ReviewOpened():
            if statement.party != terms.hub.id:
                return "only the hub opens a review"
        case Approval() | Objection():
            if statement.party not in terms.review.reviewers:
                return "is not one of review.reviewers"
    if isinstance(statement, ReviewOpened | Approval | Objection) and terms.output(statement.output) is None:
        return f"`{statement.output}` is not one of the outputs"
    return None
