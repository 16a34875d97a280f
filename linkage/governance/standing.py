"""An agreement with all that stands beside its text: signatures, statements and the agreement above it.

Rules:

- Whatever is there must verify, or loading fails with every reason. What is *not* there (a signature still to
  come) is for :mod:`linkage.governance.decide` to refuse, so that parties can sign one after another.
- A parent is loaded with it, checked against the hash that this agreement pins, and this agreement must lie
  inside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from linkage.errors import AgreementError
from linkage.governance.containment import outside_parent
from linkage.governance.document import AgreementDocument, Citation, read_agreement
from linkage.governance.model import Agreement
from linkage.governance.signatures import Signature, read_signatures, signature_problems, signatures_path
from linkage.governance.statements import Statement, read_statements, statement_problems, statements_path


@dataclass(frozen=True)
class StandingAgreement:
    """What every decision is made under; each signature and statement in it has been verified."""

    document: AgreementDocument
    signatures: tuple[Signature, ...] = ()
    statements: tuple[Statement, ...] = ()
    parent: StandingAgreement | None = None

    def __post_init__(self) -> None:
        problems = [
            *signature_problems(self.document, self.signatures),
            *statement_problems(self.document, self.statements),
            *_parent_problems(self.document, self.parent),
        ]
        if problems:
            raise AgreementError(
                f"{self.document.yaml.source} does not stand as it is.",
                problems,
                "Take it as it was signed, with its .signatures.yaml and .statements.yaml, or have all sign this text.",
            )

    @property
    def terms(self) -> Agreement:
        """What the agreement says."""
        return self.document.terms

    @property
    def sha256(self) -> str:
        """The hash that every party signed."""
        return self.document.sha256

    def cite(self, *path: str | int) -> Citation:
        """Cite a clause."""
        return self.document.cite(*path)


def load_agreement(path: Path) -> StandingAgreement:
    """Read an agreement with its signatures, statements and parents, all verified."""
    return _load(path, ())


def _load(path: Path, below: tuple[Path, ...]) -> StandingAgreement:
    if path in below or len(below) > 2:
        raise AgreementError(f"{path}: the parents go round in a circle or past three tiers (emou, dsa, dul).")
    document = read_agreement(path)
    pinned = document.terms.parent
    if pinned is not None and Path(pinned.file).name != pinned.file:
        raise AgreementError(f"{path}: parent.file names a file beside this one, without a folder.")
    return StandingAgreement(
        document,
        read_signatures(signatures_path(path)),
        read_statements(statements_path(path)),
        None if pinned is None else _load(path.with_name(pinned.file), (*below, path)),
    )


def _parent_problems(document: AgreementDocument, parent: StandingAgreement | None) -> list[str]:
    pinned = document.terms.parent
    if pinned is None and parent is None:
        return []
    if pinned is None or parent is None:
        return ["parent: the agreement and the parent loaded with it do not belong together"]
    where = document.cite("parent")
    if parent.terms.id != pinned.id:
        return [f"{where}: names `{pinned.id}`, but {pinned.file} is `{parent.terms.id}`"]
    if parent.sha256 != pinned.sha256:
        return [
            f"{where}: pins {pinned.sha256[:12]}..., but {pinned.file} is {parent.sha256[:12]}...: "
            "the parent was changed or amended since"
        ]
    return [f"{document.cite(*path)}: {text}" for path, text in outside_parent(document.terms, parent.terms)]
