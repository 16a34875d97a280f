"""Whether a lower tier lies inside the agreement above it.

Rules: a child never allows what its parent does not. Parties, datasets, elements, uses, years, identifiers and
recipients are a subset, and so are outputs where the parent lists any; the term is inside the parent's; every
threshold is as strict; destruction is no later; what the parent prohibits or never joins, the child does too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from linkage.governance.datasets import Dataset, Use
from linkage.governance.outputs import Crosswalk, FlagBack, Output, Table, cohort_of
from linkage.governance.quality import quality_beyond
from linkage.spec.strict_yaml import Path

if TYPE_CHECKING:
    from linkage.governance.model import Agreement

Problem = tuple[Path, str]

ABOVE: Final = "the parent"
"""How every problem words the agreement above."""

_TIER_ORDER: Final = ("emou", "dsa", "dul")
#: A use may only become narrower on the way down; link_only and output uses exclude each other.
_NARROWER: Final[dict[Use, tuple[Use, ...]]] = {
    "link_only": ("link_only",),
    "output": ("output", "output_coarsened", "aggregate_only"),
    "output_coarsened": ("output_coarsened", "aggregate_only"),
    "aggregate_only": ("aggregate_only",),
}


def outside_parent(child: Agreement, parent: Agreement) -> list[Problem]:
    """Return why ``child`` does not lie inside ``parent``."""
    problems: list[Problem] = []
    if _TIER_ORDER.index(child.tier) <= _TIER_ORDER.index(parent.tier):
        problems.append((("tier",), f"a {child.tier} cannot lie inside a {parent.tier}"))
    return problems + beyond(child, parent)


def beyond(child: Agreement, parent: Agreement) -> list[Problem]:
    """Return where ``child`` allows what ``parent`` does not, whatever their tiers."""
    return [
        *_frame(child, parent),
        *_data(child, parent),
        *_outputs(child, parent),
        *_thresholds(child, parent),
        *_protection(child, parent),
        *quality_beyond(child, parent),
    ]


def _frame(child: Agreement, parent: Agreement) -> Iterator[Problem]:
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


def _outputs(child: Agreement, parent: Agreement) -> Iterator[Problem]:
    """Hold the child's outputs inside the parent's, where the parent lists any."""
    for number, output in enumerate(child.outputs if parent.outputs else ()):
        if not any(_output_inside(output, above) for above in parent.outputs):
            yield ("outputs", number), f"no {output.kind} of the parent holds all of it for these recipients"


def _output_inside(output: Output, above: Output) -> bool:
    if output.kind != above.kind or not set(output.recipients) <= set(above.recipients):
        return False
    if cohort_of(above) and cohort_of(output) != cohort_of(above):
        return False
    if isinstance(output, FlagBack) and isinstance(above, FlagBack) and output.rule != above.rule:
        return False
    if isinstance(output, Table) and isinstance(above, Table) and not set(output.dimensions) <= set(above.dimensions):
        return False
    if isinstance(output, Crosswalk) and isinstance(above, Crosswalk):
        return set(output.providers) == set(above.providers)
    return set(output.elements) <= set(above.elements)


def _thresholds(child: Agreement, parent: Agreement) -> Iterator[Problem]:
    section = "disclosure_control"
    for dataset in child.data:
        mine = child.disclosure_rules(frozenset({dataset.key}))
        theirs = parent.disclosure_rules(frozenset({dataset.key}))
        for field in ("person_threshold", "employer_threshold", "p_percent"):
            least = getattr(theirs, field)
            if least is not None and (getattr(mine, field) or 0) < least:
                yield (section, field), f"is below the parent's {least} for {dataset.key}"
        if not set(theirs.dominance) <= set(mine.dominance):
            yield (section, "dominance"), f"leaves out a rule of the parent for {dataset.key}"
        if theirs.zero_policy == "suppress" and mine.zero_policy == "publish":
            yield (section, "zero_policy"), f"publishes zeros that the parent suppresses for {dataset.key}"
    mine, theirs = child.disclosure_control, parent.disclosure_control
    if theirs.extreme_rates == "suppress" and mine.extreme_rates == "publish":
        yield (section, "extreme_rates"), "publishes 0 % and 100 %, which the parent suppresses"
    if theirs.rate_bands and not mine.rate_bands:
        yield (section, "rate_bands"), "publishes percentages without the parent's bands"
    if theirs.microdata is not None and mine.microdata is not None:
        lost = set(theirs.microdata.quasi_identifiers) - set(mine.microdata.quasi_identifiers)
        if mine.microdata.k < theirs.microdata.k:
            yield (section, "microdata", "k"), f"is below the parent's {theirs.microdata.k}"
        if lost:
            yield (section, "microdata", "quasi_identifiers"), f"leaves out {', '.join(sorted(lost))}"


def _protection(child: Agreement, parent: Agreement) -> Iterator[Problem]:
    if child.retention.destroy_by > parent.retention.destroy_by:
        yield ("retention", "destroy_by"), f"is after the parent's ({parent.retention.destroy_by})"
    for group in parent.linkage.never_joined:
        if not any(set(group) <= set(mine) for mine in child.linkage.never_joined):
            yield ("linkage", "never_joined"), f"leaves out the parent's group {', '.join(group)}"
    for agency in child.linkage.agency_ids:
        if agency not in parent.linkage.agency_ids:
            yield ("linkage", "agency_ids"), f"lists {agency}, which the parent does not"
    for use in parent.purpose.prohibited_uses:
        if use not in child.purpose.prohibited_uses:
            yield ("purpose", "prohibited_uses"), f"leaves out the parent's: {use}"
    for name in child.redisclosure.allowed_to:
        if name not in parent.redisclosure.allowed_to:
            yield ("redisclosure", "allowed_to"), f"`{name}` is not named in the parent"
    if child.review.provider_review_days < parent.review.provider_review_days:
        days = parent.review.provider_review_days
        yield ("review", "provider_review_days"), f"is less than the parent's {days}"
    for reviewer in parent.review.reviewers:
        if reviewer not in child.review.reviewers:
            yield ("review", "reviewers"), f"leaves out the parent's reviewer {reviewer}"
    if parent.linkage.release_ids == "random_per_release" != child.linkage.release_ids:
        yield ("linkage", "release_ids"), "keeps IDs from release to release, which the parent does not"
