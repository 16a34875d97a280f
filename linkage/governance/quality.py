"""The floor under linkage quality, and whether agencies may review pairs: clauses, words and the refusal.

Rules:

- The floor is held against the linkage certificate's estimates, overall, before a run is written into the registry and
  again before anything is released. Without a floor the certificate informs and nothing more.
- Pairs are sent to agencies for review only where the agreement says so: that the hub asks about a person tells an
  agency that another may know the same person.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from linkage.errors import Refused
from linkage.governance.base import Clause, Share

if TYPE_CHECKING:
    from linkage.governance.model import Agreement
    from linkage.governance.standing import StandingAgreement
    from linkage.spec.strict_yaml import Path

ClericalReview = Literal["none", "by_agencies"]


class LinkageQuality(Clause):
    """The least precision and recall, as estimated without labels, at which records may be linked and released."""

    min_precision: Share | None = None
    min_recall: Share | None = None


def require_quality(agreement: StandingAgreement, precision: float, recall: float) -> None:
    """Raise Refused, naming the clause, where estimated quality lies below the agreement's floor."""
    floor = agreement.terms.linkage_quality
    if floor is None:
        return
    held = (("min_precision", floor.min_precision, precision), ("min_recall", floor.min_recall, recall))
    problems = [
        f"{agreement.cite('linkage_quality', name)}: at least {least:g}; the linkage certificate estimates {found:.4f}"
        for name, least, found in held
        if least is not None and found < least
    ]
    if problems:
        raise Refused(
            f"The linkage is not as good as the agreement {agreement.terms.id} demands.",
            problems,
            "The certificate shows which pair of sources and which identifier is weak: mend the data or the spec, have "
            "agencies review pairs, or have the parties lower the floor.",
        )


def quality_sentences(terms: Agreement) -> Iterator[str]:
    """Say in words what the clauses on quality and review demand."""
    floor = terms.linkage_quality
    least = [] if floor is None else [
        f"{name} of at least {value:g}"
        for name, value in (("a precision", floor.min_precision), ("a recall", floor.min_recall))
        if value is not None
    ]  # fmt: skip
    if least:
        yield (
            "Records are linked and released only while the statement of linkage quality estimates "
            f"{' and '.join(least)}."
        )
    if terms.linkage.clerical_review == "by_agencies":
        yield (
            "The Hub may ask a Provider to judge, on its own records, pairs that the linkage leaves in doubt. It "
            "names no other Provider, and shows nothing of another Provider's record but how far each identifier "
            "agrees. The Provider uses what it learns to answer, and for nothing else."
        )


def quality_beyond(child: Agreement, parent: Agreement) -> Iterator[tuple[Path, str]]:
    """Yield where a child has a lower floor than its parent, or allows a review that its parent does not."""
    above = parent.linkage_quality
    mine = child.linkage_quality or LinkageQuality()
    for name in ("min_precision", "min_recall"):
        least = getattr(above, name, None)
        if least is not None and (getattr(mine, name) or 0.0) < least:
            yield ("linkage_quality", name), f"is below the parent's {least:g}"
    if child.linkage.clerical_review != "none" and parent.linkage.clerical_review == "none":
        yield ("linkage", "clerical_review"), "allows a review that the parent does not"
