"""Whether a lower tier lies inside the agreement above it.

Rules: a child never allows what its parent does not. Parties, datasets, elements, uses, years, identifiers and
recipients are a subset; the term is inside the parent's; thresholds are no lower; destruction is no later;
what the parent never joins is never joined.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from linkage.governance.datasets import Dataset, Use
from linkage.spec.strict_yaml import Path

if TYPE_CHECKING:
    from linkage.governance.model import Agreement

Problem = tuple[Path, str]

_TIER_ORDER: Final = ("emou", "dsa", "dul")
#: A use may only become narrower on the way down; link_only and output uses exclude each other.
_NARROWER: Final[dict[Use, tuple[Use, ...]]] = {
    "link_only": ("link_only",),
    "output": ("output", "output_coarsened", "aggregate_only"),
    "output_coarsened": ("output_coarsened", "aggregate_only"),
    "aggregate_only": ("aggregate_only",),
}


def outside_parent(child: Agreement, parent: Agreement) -> list[Problem]:
    """Return where ``child`` goes beyond ``parent``."""
    return [*_frame(child, parent), *_data(child, parent), *_rules(child, parent)]


def _frame(child: Agreement, parent: Agreement) -> Iterator[Problem]:
    if _TIER_ORDER.index(child.tier) <= _TIER_ORDER.index(parent.tier):
        yield ("tier",), f"a {child.tier} cannot lie inside a {parent.tier}"
    for number, party in enumerate(child.parties):
        above = parent.party(party.id)
        if above is None and party.role != "recipient":
            yield ("parties", number), "is not a party of the parent"
        elif above is not None and dict(above.key_pairs()) != dict(party.key_pairs()):
            yield ("parties", number), "has other keys than in the parent"
    if parent.recipients:
        for number, recipient in enumerate(child.recipients):
            if parent.recipient(recipient.party) is None:
                yield ("recipients", number), "is not a recipient of the parent"
    if child.term.effective < parent.term.effective:
        yield ("term", "effective"), f"is before the parent's ({parent.term.effective})"
    if child.term.expires > parent.term.expires:
        yield ("term", "expires"), f"is after the parent's ({parent.term.expires})"
    codes = {use.code for use in parent.purpose.permitted_uses}
    for number, use in enumerate(child.purpose.permitted_uses):
        if use.code not in codes:
            yield ("purpose", "permitted_uses", number), "is not a permitted use of the parent"
    for number, name in enumerate(child.linkage.identifiers):
        if name not in parent.linkage.identifiers:
            yield ("linkage", "identifiers", number), f"`{name}` is not an identifier of the parent"


def _data(child: Agreement, parent: Agreement) -> Iterator[Problem]:
    for number, dataset in enumerate(child.data):
        above = parent.dataset(dataset.provider, dataset.dataset)
        if above is None:
            yield ("data", number), "is not a dataset of the parent"
        else:
            yield from _dataset(("data", number), dataset, above)


def _dataset(place: Path, dataset: Dataset, above: Dataset) -> Iterator[Problem]:
    for number, element in enumerate(dataset.elements):
        outer = above.element(element.name)
        if outer is None:
            yield (*place, "elements", number), "is not an element of the parent"
        elif element.use not in _NARROWER[outer.use]:
            yield (*place, "elements", number, "use"), f"{element.use} goes beyond the parent's {outer.use}"
        elif outer.use == element.use == "output_coarsened" and element.coarsen != outer.coarsen:
            yield (*place, "elements", number, "coarsen"), "is not the parent's coarsening"
    if above.years is not None:
        years = dataset.years
        if years is None or years.first < above.years.first or years.last > above.years.last:
            yield (*place, "years"), f"goes beyond the parent's {above.years.first}-{above.years.last}"
    for condition in above.population.where:
        inside = any(
            mine.column == condition.column and set(mine.any_of) <= set(condition.any_of)
            for mine in dataset.population.where
        )
        if not inside:
            yield (*place, "population"), f"does not keep to the parent's condition on {condition.column}"


def _rules(child: Agreement, parent: Agreement) -> Iterator[Problem]:
    for dataset in child.data:
        mine = child.disclosure_rules(frozenset({dataset.key}))
        theirs = parent.disclosure_rules(frozenset({dataset.key}))
        if mine.person_threshold < theirs.person_threshold:
            yield ("disclosure_control", "person_threshold"), f"is below the parent's {theirs.person_threshold}"
        if theirs.employer_threshold is not None and (mine.employer_threshold or 0) < theirs.employer_threshold:
            yield ("disclosure_control", "employer_threshold"), f"is below the parent's {theirs.employer_threshold}"
        if theirs.p_percent is not None and (mine.p_percent or 0) < theirs.p_percent:
            yield ("disclosure_control", "p_percent"), f"is below the parent's {theirs.p_percent}"
        if not set(theirs.dominance) <= set(mine.dominance):
            yield ("disclosure_control", "dominance"), "leaves out a rule of the parent"
        if theirs.zero_policy == "suppress" and mine.zero_policy == "publish":
            yield ("disclosure_control", "zero_policy"), "publishes zeros that the parent suppresses"
    if child.retention.destroy_by > parent.retention.destroy_by:
        yield ("retention", "destroy_by"), f"is after the parent's ({parent.retention.destroy_by})"
    kept = {frozenset(group) for group in child.linkage.never_joined}
    for group in parent.linkage.never_joined:
        if not any(frozenset(group) <= mine for mine in kept):
            yield ("linkage", "never_joined"), f"leaves out the parent's group {', '.join(group)}"
