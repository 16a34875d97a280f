"""The floor under linkage quality, and whether agencies may review pairs: clauses, words and the refusal.

Rules:

- The floor is held against the linkage certificate's estimates, overall, before a run is written into the registry and
  again before anything is released. Without a floor the certificate informs and nothing more.
- Link rates by group are told of the elements listed, as bands, by the disclosure rules of their dataset.
- Pairs are sent to agencies for review only where the agreement says so: that the hub asks about a person tells an
  agency that another may know the same person.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from linkage.errors import Refused
from linkage.governance.base import Clause, ElementRef, Share

if TYPE_CHECKING:
    from linkage.governance.model import Agreement
    from linkage.governance.standing import StandingAgreement
    from linkage.spec.strict_yaml import Path

ClericalReview = Literal["none", "by_agencies"]


class LinkageQuality(Clause):
    """What is asked of linkage quality, and what is told of it.

    The least precision and recall, as estimated without labels, at which records may be linked and released; and the
    elements by whose groups a release states how many persons were linked.
    """

    min_precision: Share | None = None
    min_recall: Share | None = None
    groups: tuple[ElementRef, ...] = ()


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
            "`linkage hub resolve --plan` shows which pair of sources is weak: mend its data or the spec, have "
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
    if floor is not None and floor.groups:
        yield (
            "The statement of linkage quality says what share of the persons was linked, in bands and without small "
            f"groups, by {', '.join(floor.groups)}."
        )
    if terms.linkage.clerical_review == "by_agencies":
        yield (
            "The Hub may ask a Provider to judge, on its own records, pairs that the linkage leaves in doubt. It "
            "names no other Provider, and shows nothing of another Provider's record but how far each identifier "
            "agrees. The Provider uses what it learns to answer, and for nothing else."
        )


def group_problems(terms: Agreement) -> Iterator[tuple[Path, str]]:
    """Yield each element named as a group that could not be told: unlisted, or for linking alone."""
    for number, reference in enumerate(terms.linkage_quality.groups if terms.linkage_quality else ()):
        listed = terms.resolve(reference)
        if listed is None:
            yield ("linkage_quality", "groups", number), f"`{reference}` is not a listed element"
        elif listed[1].use == "link_only":
            yield ("linkage_quality", "groups", number), f"`{reference}` is link_only: it is in no payload"


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
