"""The clauses on data in words: authority, elements, linkage and outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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
from linkage.governance.outputs import (
    CohortPart,
    Crosswalk,
    FlagBack,
    FlagCondition,
    Measure,
    Output,
    ResearchFile,
    Table,
)
from linkage.governance.prose_parts import DefinedMeasure, Grid, Section, listed
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


#: What each law asks of whoever receives the data; the clauses that keep it stand in the sections named.
_CONDITIONS = {
    "ferpa_studies": "Under the studies exception the data shall be used only for the study described under Purpose; "
    "the study shall be conducted so that no parent or student is identified by anyone but representatives of the "
    "Recipient with legitimate interests; and the data shall be destroyed when no longer needed for the study, at the "
    "latest on the day stated under Retention (34 CFR 99.31(a)(6)(iii)(C)).",
    "ferpa_audit_evaluation": "Under the audit or evaluation exception the data shall be used only to carry out the "
    "audit or evaluation described under Purpose, shall be protected from further disclosure and other use, and shall "
    "be destroyed when no longer needed, at the latest on the day stated under Retention (34 CFR 99.35(a)(2) and (3)).",
    "ferpa_school_official": "Under the school official exception the Hub performs a service for which the Provider "
    "would otherwise use employees, is under the Provider's direct control in its use of the data, and shall use them "
    "for that service only (34 CFR 99.31(a)(1)(i)(B) and 99.33(a)).",
    "ferpa_enrolling_school": "The data concern students who seek to enroll or are enrolled at the receiving "
    "institution, for purposes of their enrollment or transfer (34 CFR 99.31(a)(2) and 99.34).",
    "ui_public_official": "Wage information shall be used only for the purpose stated, by persons who have been "
    "instructed in its confidentiality and have acknowledged it in writing; shall be stored securely; and shall be "
    "disposed of when the purpose is served. The Provider may inspect on site, and may end this agreement if the "
    "safeguards are not adhered to (20 CFR 603.9 and 603.10).",
    "hipaa_limited_data_set": "The Recipient shall use the limited data set only as stated, shall not identify the "
    "individuals or contact them, shall report any use that this agreement does not provide for, and shall bind its "
    "agents to the same (45 CFR 164.514(e)(4)).",
    "child_welfare": "Information on children in care shall be used only for purposes connected with the programs for "
    "which it is safeguarded (45 CFR 1355.30 and 205.50).",
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
    intro = "Each Provider discloses its data under the authority named here, and under no other."
    bases = dict.fromkeys(dataset.authority.basis for dataset in terms.data)
    conditions = (_CONDITIONS[basis] for basis in bases if basis in _CONDITIONS)
    return Section("Legal authority", "data[].authority", (intro, *conditions, *paragraphs), (grid,))


def data_section(terms: Agreement) -> Section:
    """Render ``data``."""
    intro = (
        "The Providers shall share the elements listed here and no others. A column that is not listed is refused "
        "before it leaves the Provider; a row outside the population or the years is left out.",
        "What is listed is personally identifiable information until it leaves the Hub in an output, and shall be "
        "protected as such by whoever holds it.",
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
    if element.class_ == "employer" and element.justification is None:
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
        "stable_for_updates": "Released records carry random IDs that later releases under this agreement to the same "
        "Recipient keep, so that its yearly updates can be joined to each other.",
    }
    paragraphs = [
        f"The Providers shall encode only these identifiers: {', '.join(linkage.identifiers)}. They shall do so as the "
        f"linkage specification {linkage.spec} (SHA-256 {linkage.spec_sha256}) says, with the secret of its period of "
        f"use (epoch) number {linkage.epoch}.",
        f"{names[linkage.key_custodian]} shall make the secret with which they encode, and it shall be shared among "
        "the Providers only. The Hub shall hold neither the secret nor any identifier.",
        ids[linkage.release_ids],
        linkage.unmatched,
        "Every output shall come with a statement of linkage quality.",
    ]
    paragraphs += [f"No output shall bring together {' and '.join(group)}." for group in linkage.never_joined]
    paragraphs += [
        f"Where several sources give {rule.field}, the first of these that has a value stands: {', '.join(rule.order)}."
        for rule in linkage.precedence
    ]
    if linkage.agency_ids:
        agencies = listed([party.legal_name for party in terms.parties if party.id in linkage.agency_ids])
        paragraphs.append(
            f"The Hub may give {agencies} IDs of the persons in its own records that last from year to year. They are "
            "made for it alone: they cannot be compared with another Provider's, nor with those of any output."
        )
    paragraphs += quality_sentences(terms)
    fields = "linkage" if terms.linkage_quality is None else "linkage, linkage_quality"
    return Section("Linkage", fields, tuple(paragraphs))


def outputs_section(terms: Agreement, measures: Mapping[str, DefinedMeasure]) -> Section:
    """Render ``outputs``, with the definitions of the measures that they name."""
    names = {party.id: party.legal_name for party in terms.parties}
    intro = "These outputs may leave the Hub, to these Recipients and for these purposes. Nothing else shall."
    if not terms.outputs:
        intro = "Under this agreement itself nothing leaves the Hub."
    paragraphs = tuple(
        f"{output.title} ({output.id}), to {listed([names[r] for r in output.recipients])}, for "
        f"{listed(output.purposes)}: {_content(output, names, measures)}"
        for output in terms.outputs
    )
    definitions = [m.definition or "" for output in terms.outputs if isinstance(output, Table) for m in output.measures]
    named = {key: measures[key] for key in definitions if key in measures}
    rows = tuple((d.title, key, f"{d.authority}. Counted: {d.counted} Met: {d.met}") for key, d in named.items())
    header = ("Measure", "ID", "Definition")
    grids = (Grid("Measures, as the file of that ID defines them", header, rows),) if rows else ()
    return Section("Outputs", "outputs", (intro, *paragraphs), grids)


def _content(output: Output, names: Mapping[str, str], measures: Mapping[str, DefinedMeasure]) -> str:
    match output:
        case ResearchFile():
            return (
                f"a file of rows, {_FORMS[output.form]}, with {_by_dataset(output.elements)}.{_spells(output)}"
                f"{_cohort(output.cohort)}"
            )
        case Table():
            shown = "; ".join(_measure(measure, measures) for measure in output.measures)
            return f"a table by {_by_dataset(output.dimensions)}, of {shown}.{_cohort(output.cohort)}"
        case FlagBack():
            return (
                f"a yes or no ({output.flag}) for each of the recipient's own persons, without the reason. "
                f"{flag_rule(output)}"
            )
        case Crosswalk():
            one, other = (names[provider] for provider in output.providers)
            return f"which record of {one} is which of {other}, and nothing else."


def _measure(measure: Measure, measures: Mapping[str, DefinedMeasure]) -> str:
    """Say what a table's column holds: ``leavers (count: Employment and earnings ...)``."""
    definition = measure.definition
    if definition is None:
        return f"{measure.name} ({measure.statistic})"
    text = measures[definition].title if definition in measures else definition.rstrip(".")
    return f"{measure.name} ({measure.statistic}: {text})"


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


def _spells(output: ResearchFile) -> str:
    made_of = [f"{' and '.join(rule.elements)} in {rule.dataset.split('.')[1]}" for rule in output.spells]
    return f" With it go spells, the unbroken runs of periods of {listed(made_of)}." if made_of else ""


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
