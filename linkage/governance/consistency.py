"""Whether an agreement agrees with itself: every check that spans clauses, made when it is loaded.

Rules, each a check of ``problems_within``:

- IDs are unique; whatever is referred to is listed; providers provide, recipients receive; there is one hub.
- The custodian of the shared secret is not the hub (the hub could otherwise try every name).
- Row-level outputs hold no ``aggregate_only`` and no ``link_only`` element; none joins what may never be joined.
- A cohort and a flag's rule test listed elements, of a type that the test is for; the persons of a research file are
  not chosen by an ``aggregate_only`` element, which being in the file would tell.
- Data are destroyed on a stated day, not before the end of use (34 CFR 99.31(a)(6)(iii)(C)(4)).
- Each legal basis finds its mandatory clauses: studies (duration), audit or evaluation (the representative is a
  party), wages (inspection, an employer threshold, an element that tells employers apart).
- A ``ceds`` name is one of the standard's, fits the element's type, and names no identifier that would leave as it is.
- Only a draft may have a key or hash pending.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, get_args

from linkage.governance.base import PENDING
from linkage.governance.ceds import CEDS, unknown_name
from linkage.governance.datasets import ValueType
from linkage.governance.outputs import cohort_of
from linkage.spec.strict_yaml import Path

if TYPE_CHECKING:
    from linkage.governance.model import Agreement
    from linkage.governance.outputs import FlagCondition, Output

Problem = tuple[Path, str]


def problems_within(agreement: Agreement) -> list[Problem]:
    """Return every inconsistency, with the path of the clause to mend."""
    checks = (
        _identities, _references, _ceds_names, _uses, _cohorts, _spells, _flag_rules, _never_joined, _dates,
        _legal_bases, _pending, _versions,
    )  # fmt: skip
    return [problem for check in checks for problem in check(agreement)]


def dataset_keys(references: Iterable[str]) -> frozenset[str]:
    """Return the ``provider.dataset`` of each ``provider.dataset.element``."""
    return frozenset(".".join(reference.split(".", 2)[:2]) for reference in references)


def drawn_from(output: Output) -> frozenset[str]:
    """Return the ``provider.dataset`` of all that an output holds, is computed from or is chosen by."""
    return dataset_keys(output.elements) | {part.dataset for part in cohort_of(output)}


def joined_against(agreement: Agreement, keys: Iterable[str]) -> tuple[int, tuple[str, ...]] | None:
    """Return the first ``never_joined`` group (number, members) that these datasets would bring together.

    ``keys`` are providers or ``provider.dataset`` keys.
    """
    touched = {name for key in keys for name in (key, key.split(".")[0])}
    for number, group in enumerate(agreement.linkage.never_joined):
        members = tuple(name for name in group if name in touched)
        if len(members) > 1:
            return number, members
    return None


def _identities(agreement: Agreement) -> Iterator[Problem]:
    named: Sequence[tuple[str, Sequence[str]]] = (
        ("parties", [party.id for party in agreement.parties]),
        ("data", [dataset.key for dataset in agreement.data]),
        ("outputs", [output.id for output in agreement.outputs]),
        ("recipients", [recipient.party for recipient in agreement.recipients]),
    )
    for section, ids in named:
        for name, count in Counter(ids).items():
            if count > 1:
                yield (section, ids.index(name)), f"`{name}` is listed {count} times"
    hubs = [party.id for party in agreement.parties if party.role == "hub"]
    if len(hubs) != 1:
        yield ("parties",), f"exactly one party has the role hub, found {len(hubs)}"
    pairs = [keys for party in agreement.parties for _, keys in party.key_pairs()]
    keys = [key for pair in pairs for key in (pair.signing, pair.sealing) if key != PENDING]
    if len(set(keys)) < len(keys):
        yield ("parties",), "two parties or rooms have the same key; each needs its own"


def _references(agreement: Agreement) -> Iterator[Problem]:
    roles = {party.id: party.role for party in agreement.parties}

    def expect(path: Path, party: str, role: str) -> Iterator[Problem]:
        if party not in roles:
            yield path, f"`{party}` is not a party"
        elif role and roles[party] != role:
            yield path, f"`{party}` is a {roles[party]}, not a {role}"

    for number, dataset in enumerate(agreement.data):
        yield from expect(("data", number, "provider"), dataset.provider, "provider")
    for number, recipient in enumerate(agreement.recipients):
        yield from expect(("recipients", number, "party"), recipient.party, "")
    for number, reviewer in enumerate(agreement.review.reviewers):
        yield from expect(("review", "reviewers", number), reviewer, "")
    yield from expect(("linkage", "key_custodian"), agreement.linkage.key_custodian, "")
    if roles.get(agreement.linkage.key_custodian) == "hub":
        yield ("linkage", "key_custodian"), "the hub may not hold the shared secret: it could try every name"
    for number, agency in enumerate(agreement.linkage.agency_ids):
        yield from expect(("linkage", "agency_ids", number), agency, "provider")
    codes = {use.code for use in agreement.purpose.permitted_uses}
    listed = {recipient.party for recipient in agreement.recipients}
    for number, output in enumerate(agreement.outputs):
        for place, recipient_id in enumerate(output.recipients):
            if recipient_id not in listed:
                yield ("outputs", number, "recipients", place), f"`{recipient_id}` has no entry under recipients"
        for place, code in enumerate(output.purposes):
            if code not in codes:
                yield ("outputs", number, "purposes", place), f"`{code}` is not a code of purpose.permitted_uses"
        for reference in output.elements:
            if agreement.resolve(reference) is None:
                yield ("outputs", number), f"`{reference}` is not an element listed under data"
        for place, provider in enumerate(output.providers if output.kind == "crosswalk" else ()):
            yield from expect(("outputs", number, "providers", place), provider, "provider")
    known = {name for dataset in agreement.data for name in (dataset.provider, dataset.key)}
    for number, group in enumerate(agreement.linkage.never_joined):
        for name in group:
            if name not in known:
                yield ("linkage", "never_joined", number), f"`{name}` is no provider or provider.dataset of data"
    microdata = agreement.disclosure_control.microdata
    for reference in microdata.quasi_identifiers if microdata else ():
        if agreement.resolve(reference) is None:
            yield ("disclosure_control", "microdata", "quasi_identifiers"), f"`{reference}` is not listed under data"


def _ceds_names(agreement: Agreement) -> Iterator[Problem]:
    for number, dataset in enumerate(agreement.data):
        for place, element in enumerate(dataset.elements):
            if element.ceds is None:
                continue
            path: Path = ("data", number, "elements", place)
            unknown = unknown_name(element.ceds)
            if unknown is not None:
                yield (*path, "ceds"), unknown
                continue
            known = CEDS.get(element.ceds)
            if known is not None and element.type not in known.types and element.use != "link_only":
                yield (*path, "type"), f"{element.type} does not fit CEDS {known.name}: {' or '.join(known.types)}"
            if known is not None and known.kind == "identifier" and element.use == "output":
                yield (*path, "use"), f"CEDS {known.name} is an identifier: link_only, coarsened or in aggregates only"


def _uses(agreement: Agreement) -> Iterator[Problem]:
    for number, output in enumerate(agreement.outputs):
        for reference in output.elements:
            found = agreement.resolve(reference)
            if found is None:
                continue
            use = found[1].use
            if use == "link_only":
                yield ("outputs", number), f"`{reference}` is link_only, so no output may hold it"
            if use == "aggregate_only" and output.kind == "research_file":
                yield ("outputs", number), f"`{reference}` is aggregate_only, so no row-level file may hold it"
        for reference in output.dimensions if output.kind == "table" else ():
            found = agreement.resolve(reference)
            if found is not None and found[1].class_ == "employer":
                yield ("outputs", number, "dimensions"), f"`{reference}` is an employer: counted, never shown"
        if output.kind == "research_file" and agreement.disclosure_control.microdata is None:
            yield ("disclosure_control",), f"microdata rules are missing: `{output.id}` is a file of rows"


def _cohorts(agreement: Agreement) -> Iterator[Problem]:
    datasets = {dataset.key: dataset for dataset in agreement.data}
    for number, output in enumerate(agreement.outputs):
        for place, part in enumerate(cohort_of(output)):
            path: Path = ("outputs", number, "cohort", place)
            if part.dataset not in datasets:
                yield path, f"`{part.dataset}` is not a dataset listed under data"
                continue
            for condition in part.where:
                element = datasets[part.dataset].element(condition.column)
                if element is None or element.use == "link_only":
                    yield path, f"`{condition.column}` is not a shared element of {part.dataset}"
                elif element.use == "aggregate_only" and output.kind == "research_file":
                    yield path, f"`{condition.column}` is aggregate_only: being in the file would tell it of a person"


def _spells(agreement: Agreement) -> Iterator[Problem]:
    datasets = {dataset.key: dataset for dataset in agreement.data}
    for number, output in enumerate(agreement.outputs):
        if output.kind != "research_file":
            continue
        for place, rule in enumerate(output.spells):
            path: Path = ("outputs", number, "spells", place)
            years = datasets[rule.dataset].years if rule.dataset in datasets else None
            if output.form != "long":
                yield path, "spells go with `form: long`"
            if years is None or f"{rule.dataset}.{years.column}" not in output.elements:
                yield path, f"`{rule.dataset}` has no period in this output; list its year column among the elements"
            for element in rule.elements:
                if f"{rule.dataset}.{element}" not in output.elements:
                    yield path, f"`{rule.dataset}.{element}` is not an element of this output"


def _flag_rules(agreement: Agreement) -> Iterator[Problem]:
    for number, output in enumerate(agreement.outputs):
        for place, condition in enumerate(output.rule if output.kind == "flag_back" else ()):
            found = agreement.resolve(condition.element)
            if found is not None and found[1].type not in _tested_types(condition):
                reason = f"{condition.test} does not test a {found[1].type}"
                yield ("outputs", number, "rule", place), reason


def _tested_types(condition: FlagCondition) -> tuple[ValueType, ...]:
    match condition.test:
        case "present":
            return get_args(ValueType)
        case "is_true":
            return ("boolean",)
        case "any_of":
            return ("code", "text")
        case "within_days":
            return ("date",)
        case _:
            return ("integer", "number")


def _never_joined(agreement: Agreement) -> Iterator[Problem]:
    for number, output in enumerate(agreement.outputs):
        parts = output.providers if output.kind == "crosswalk" else drawn_from(output)
        against = joined_against(agreement, parts)
        if against is not None:
            group, names = against
            yield ("outputs", number), f"joins {' and '.join(names)}, against linkage.never_joined[{group}]"


def _dates(agreement: Agreement) -> Iterator[Problem]:
    term, retention = agreement.term, agreement.retention
    if term.expires < term.effective:
        yield ("term", "expires"), f"is before the agreement takes effect ({term.effective})"
    if retention.destroy_by < term.expires:
        yield ("retention", "destroy_by"), f"is before the end of use ({term.expires})"


def _legal_bases(agreement: Agreement) -> Iterator[Problem]:
    parties = {party.id for party in agreement.parties}
    for number, dataset in enumerate(agreement.data):
        authority, place = dataset.authority, ("data", number, "authority")
        representative = authority.authorized_representative
        if representative is not None and representative not in parties:
            yield (*place, "authorized_representative"), f"`{representative}` is not a party"
        if authority.basis == "ferpa_studies" and agreement.term.study_duration is None:
            yield ("term", "study_duration"), "is missing: a FERPA study states its duration (34 CFR 99.31(a)(6))"
        if authority.basis.startswith("ferpa_") and not agreement.incident.debarment_acknowledged:
            yield ("incident", "debarment_acknowledged"), "must be true for education records (34 CFR 99.67)"
        if authority.basis == "ui_public_official":
            if not agreement.audit.onsite_inspection:
                yield ("audit", "onsite_inspection"), "must be true for wage records (20 CFR 603.10(b))"
            rules = agreement.disclosure_rules(frozenset({dataset.key}))
            if rules.employer_threshold is None:
                reason = "employer_threshold is missing: 20 CFR 603.4 protects employers too"
                yield ("data", number, "disclosure"), reason
            if all(element.class_ != "employer" for element in dataset.elements):
                yield ("data", number, "elements"), "no element has `class: employer`, so none could be counted"


def _pending(agreement: Agreement) -> Iterator[Problem]:
    if agreement.status == "draft":
        return
    for number, party in enumerate(agreement.parties):
        for place, keys in party.key_pairs():
            if keys.pending:
                yield ("parties", number, *place), "these keys are pending; only a draft may wait for them"
    if agreement.linkage.spec_sha256 == PENDING:
        yield ("linkage", "spec_sha256"), "is pending; only a draft may wait for it"


def _versions(agreement: Agreement) -> Iterator[Problem]:
    if agreement.tier == "dul" and agreement.parent is None:
        yield ("tier",), "a data use licence (dul) names the agreement it lies inside, as `parent`"
    if agreement.tier == "emou" and agreement.parent is not None:
        yield ("parent",), "an enterprise MOU (emou) is the top tier and has no parent"
    if agreement.version > 1:
        if agreement.supersedes is None or agreement.supersedes.version >= agreement.version:
            yield ("supersedes",), f"version {agreement.version} names an earlier version and its sha256"
        if agreement.version not in {amendment.version for amendment in agreement.amendments}:
            yield ("amendments",), f"version {agreement.version} says under amendments what it changed"
