"""The clauses on data in words: authority, elements, linkage and outputs."""

from __future__ import annotations

from collections.abc import Sequence

from linkage.governance.datasets import (
    Banded,
    Coarsening,
    Dataset,
    Element,
    Grouped,
    Rounded,
    TopCoded,
    Truncated,
    YearOnly,
)
from linkage.governance.model import Agreement
from linkage.governance.outputs import CohortPart, Crosswalk, FlagBack, FlagCondition, Output, ResearchFile, Table
from linkage.governance.prose_parts import Grid, Section, listed
from linkage.governance.quality import quality_sentences

_USES = {
    "link_only": "for linking only; never shared",
    "output": "may be released",
    "output_coarsened": "may be released in coarser form",
    "aggregate_only": "in tables and flags only; never by row",
}
_FORMS = {"long": "one for each person, source and period", "wide": "one for each person"}
_BASES = {
    "ferpa_studies": "FERPA, studies exception",
    "ferpa_audit_evaluation": "FERPA, audit or evaluation exception",
    "ferpa_school_official": "FERPA, school official exception",
    "ferpa_enrolling_school": "FERPA, school where the student enrolls",
    "ui_public_official": "Unemployment compensation, public official",
    "hipaa_limited_data_set": "HIPAA, limited data set",
    "hipaa_business_associate": "HIPAA, business associate",
    "child_welfare": "Child welfare confidentiality",
    "state_law": "State law",
    "consent": "Consent",
    "deidentified": "De-identified data",
}


def authority_section(terms: Agreement) -> Section:
    """Render ``authority``."""
    names = {party.id: party.legal_name for party in terms.parties}
    rows = []
    paragraphs = []
    for dataset in terms.data:
        authority = dataset.authority
        rows.append((names[dataset.provider], dataset.dataset, _BASES[authority.basis], authority.statute))
        if authority.authorized_representative is not None:
            paragraphs.append(
                f"For {dataset.dataset}, {names[dataset.provider]} designates "
                f"{names[authority.authorized_representative]} as its authorized representative, for the audit or "
                f"evaluation of this education program: {authority.education_program}"
            )
        if authority.need_to_know is not None:
            paragraphs.append(f"Need to know for {dataset.dataset}: {authority.need_to_know}")
    grid = Grid("", ("Provider", "Data", "Basis", "Citation"), tuple(rows))
    intro = "Each provider discloses its data under the authority named here, and no other."
    return Section("Legal authority", "data[].authority", (intro, *paragraphs), (grid,))


def data_section(terms: Agreement) -> Section:
    """Render ``data``."""
    intro = (
        "The providers share the elements listed here and no others. A column that is not listed is refused before "
        "it leaves the provider; a row outside the population or the years is left out.",
    )
    return Section("Data", "data", intro, tuple(_dataset_grid(dataset) for dataset in terms.data))


def _dataset_grid(dataset: Dataset) -> Grid:
    years = f" Years {dataset.years.first} to {dataset.years.last}." if dataset.years is not None else ""
    where = "".join(f" Only rows whose {c.column} is {', '.join(c.any_of)}." for c in dataset.population.where)
    caption = f"{dataset.key}: {dataset.description} {dataset.population.description}{years}{where}"
    rows = tuple((element.name, element.ceds or "", _USES[element.use], _note(element)) for element in dataset.elements)
    return Grid(caption, ("Element", "CEDS", "Use", "Note"), rows)


def _note(element: Element) -> str:
    notes = []
    if element.coarsen is not None:
        notes.append(coarsening(element.coarsen))
    if element.codes is not None:
        notes.append(f"values {', '.join(element.codes)}")
    if element.class_ == "employer":
        notes.append("counts employers; never shown")
    if element.justification is not None:
        notes.append(element.justification)
    return "; ".join(notes)


def coarsening(rule: Coarsening) -> str:
    """Say what a coarser form is."""
    match rule:
        case YearOnly():
            return "year only"
        case Rounded(base=base):
            return f"rounded to multiples of {base:g}"
        case Banded(edges=edges):
            return f"in bands divided at {', '.join(f'{edge:g}' for edge in edges)}"
        case TopCoded(at=at):
            return f"values above {at:g} are shown as {at:g}"
        case Truncated(characters=characters):
            return f"first {characters} characters only"
        case Grouped(groups=groups, other=other):
            return f"grouped as {', '.join(groups)} or {other}"


def linkage_section(terms: Agreement) -> Section:
    """Render ``linkage``."""
    linkage = terms.linkage
    names = {party.id: party.legal_name for party in terms.parties}
    ids = {
        "random_per_release": "Released records carry random IDs made for that release alone; two releases cannot be "
        "joined by them.",
        "stable_for_updates": "Released records carry random IDs that yearly updates of the same output to the same "
        "recipient keep.",
    }
    paragraphs = [
        f"Providers encode only these identifiers: {', '.join(linkage.identifiers)}. They do so as the linkage spec "
        f"{linkage.spec} (SHA-256 {linkage.spec_sha256}) says, in epoch {linkage.epoch}.",
        f"The secret with which they encode is made by {names[linkage.key_custodian]} and shared among providers only. "
        f"{terms.hub.legal_name} never holds it, and never holds an identifier.",
        ids[linkage.release_ids],
        linkage.unmatched,
        "Every result comes with a statement of linkage quality.",
    ]
    paragraphs += [f"Never brought together in one output: {' and '.join(group)}." for group in linkage.never_joined]
    paragraphs += [
        f"Where several sources give {rule.field}, the first of these that has a value stands: {', '.join(rule.order)}."
        for rule in linkage.precedence
    ]
    paragraphs += quality_sentences(terms)
    fields = "linkage" if terms.linkage_quality is None else "linkage, linkage_quality"
    return Section("Linkage", fields, tuple(paragraphs))


def outputs_section(terms: Agreement) -> Section:
    """Render ``outputs``."""
    names = {party.id: party.legal_name for party in terms.parties}
    intro = "These outputs may leave the hub, to these recipients and for these purposes. Nothing else may."
    if not terms.outputs:
        intro = "Under this agreement itself nothing leaves the hub."
    paragraphs = tuple(
        f"{output.title} ({output.id}), to {listed([names[r] for r in output.recipients])}, for "
        f"{listed(output.purposes)}: {_content(output)}"
        for output in terms.outputs
    )
    return Section("Outputs", "outputs", (intro, *paragraphs))


def _content(output: Output) -> str:
    match output:
        case ResearchFile():
            return (
                f"a file of rows, {_FORMS[output.form]}, with {_by_dataset(output.elements)}.{_cohort(output.cohort)}"
            )
        case Table():
            measures = "; ".join(
                f"{m.name} ({m.statistic})" + (f", {m.definition.rstrip('.')}" if m.definition else "")
                for m in output.measures
            )
            return f"a table of {measures}; by {_by_dataset(output.dimensions)}.{_cohort(output.cohort)}"
        case FlagBack():
            return (
                f"a yes or no ({output.flag}) for each of the recipient's own persons, without the reason. "
                f"{flag_rule(output)}"
            )
        case Crosswalk():
            return f"which record of {output.providers[0]} is which of {output.providers[1]}, and nothing else."


def flag_rule(output: FlagBack) -> str:
    """Say when a flag is up."""
    by_dataset: dict[str, list[str]] = {}
    for condition in output.rule:
        provider, dataset, element = condition.element.split(".", 2)
        by_dataset.setdefault(f"{dataset} of {provider}", []).append(f"{element} {_test(condition)}")
    records = (f"a record in {owner} has {' and '.join(tests)}" for owner, tests in by_dataset.items())
    return f"Yes if {', or if '.join(records)}; otherwise no."


def _test(condition: FlagCondition) -> str:
    if condition.any_of is not None:
        return f"equal to {' or '.join(condition.any_of)}"
    if condition.within_days is not None:
        days = condition.within_days
        return "on the day of the release" if not days else f"within the {days} days before the release"
    if condition.at_least is not None:
        return f"of at least {condition.at_least:g}"
    if condition.at_most is not None:
        return f"of at most {condition.at_most:g}"
    return "true" if condition.is_true else "recorded"


def _cohort(cohort: Sequence[CohortPart]) -> str:
    """Say whose persons an output is of; nothing where the agreement does not choose them."""
    parts = []
    for part in cohort:
        provider, dataset = part.dataset.split(".")
        where = " and ".join(f"whose {c.column} is {' or '.join(c.any_of)}" for c in part.where)
        parts.append(f"a record in {dataset} of {provider}{f' {where}' if where else ''}")
    return f" It is of persons with {', or with '.join(parts)}, and of no others." if parts else ""


def _by_dataset(references: Sequence[str]) -> str:
    """Write references as ``enrollment of lakeside-district (SchoolYear, GradeLevel)``."""
    names: dict[str, list[str]] = {}
    for reference in references:
        provider, dataset, element = reference.split(".", 2)
        names.setdefault(f"{dataset} of {provider}", []).append(element)
    return "; ".join(f"{owner} ({', '.join(elements)})" for owner, elements in names.items())
