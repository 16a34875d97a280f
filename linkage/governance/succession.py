"""Which agreement may follow the one in use: its next version, signed by all, or the same text with more statements.

Rules:

- A version that was replaced does not come back: its signatures still verify, so only the one who knows what replaced
  it can refuse it.
- A new version names the text that it replaces by its hash, so that no version is skipped unseen.
"""

from __future__ import annotations

from linkage.governance.signatures import absent_signatures, unsigned_parties
from linkage.governance.standing import StandingAgreement


def succession_problems(current: StandingAgreement | None, following: StandingAgreement) -> list[str]:
    """Return why ``following`` may not be enacted after ``current``; none if it may."""
    missing = unsigned_parties(following.terms, following.signatures)
    problems = [f"{following.cite('parties')}: not signed by {party}" for party in missing]
    absent = absent_signatures(following.document, following.signatures)
    if absent:
        problems.append(absent)
    if current is None or current.sha256 == following.sha256:
        return problems
    old, new = current.terms, following.terms
    if old.id != new.id:
        return [*problems, f"{following.cite('id')}: {old.id} is in use here, not {new.id}"]
    if new.version <= old.version:
        return [
            *problems,
            f"{following.cite('version')}: version {old.version} is in use; version {new.version} was replaced by it",
        ]
    if new.supersedes is None or new.supersedes.sha256 != current.sha256:
        named = new.supersedes.sha256[:12] if new.supersedes is not None else "nothing"
        problems.append(
            f"{following.cite('supersedes')}: replaces {named}..., but {current.sha256[:12]}... is the version in use"
        )
    return problems
