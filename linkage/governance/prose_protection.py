"""The clauses on protection in words: disclosure control, recipients, review, destruction, audit and breach."""

from __future__ import annotations

from collections.abc import Iterator

from linkage.governance.model import Agreement
from linkage.governance.prose_parts import Grid, Section, day, listed
from linkage.governance.thresholds import DisclosureControl, StricterRules

_CONFLICTS = {
    "refuse": "A table that would, together with tables released before, give a hidden cell back is refused.",
    "hide": "Where a table would, together with tables released before, give a hidden cell back, further cells of it "
    "are hidden; if that is not enough, it is refused.",
}


def disclosure_control_section(terms: Agreement) -> Section:
    """Render ``disclosure_control``."""
    if not any(output.kind in ("table", "research_file") for output in terms.outputs):
        none = "No table and no file of rows is listed, so none may leave. Should one be added, these rules hold."
        return Section("Disclosure control", "disclosure_control, data[].disclosure", (none, *_rules(terms)))
    return Section("Disclosure control", "disclosure_control, data[].disclosure", tuple(_rules(terms)))


def _rules(terms: Agreement) -> list[str]:
    control = terms.disclosure_control
    paragraphs = [
        *_control_sentences(control),
        "Further cells are hidden so that no hidden cell can be worked out from totals or from other tables. An "
        "independent audit must show it, or the release is refused.",
        _CONFLICTS[control.prior_conflicts],
        f"Every hidden cell is shown as {control.symbol}, whatever the reason. No release is made by hand.",
    ]
    for dataset in terms.data:
        stricter = _stricter_sentences(dataset.disclosure)
        if stricter:
            paragraphs.append(f"Where {dataset.key} contributes: {'; '.join(stricter)}. The strictest rule holds.")
    return paragraphs


def _control_sentences(control: DisclosureControl) -> Iterator[str]:
    yield f"A cell of fewer than {control.person_threshold} persons is hidden."
    rules = StricterRules(
        employer_threshold=control.employer_threshold, dominance=control.dominance, p_percent=control.p_percent
    )
    for sentence in _stricter_sentences(rules):
        yield f"{sentence[0].upper()}{sentence[1:]}."
    zeros = "shown" if control.zero_policy == "publish" else "hidden"
    extremes = "shown" if control.extreme_rates == "publish" else "hidden"
    bands = "in bands that widen as groups get smaller" if control.rate_bands else "as computed"
    yield f"Zeros are {zeros}; rates of 0 and 100 percent are {extremes}; percentages are given {bands}."
    if control.rounding_base:
        yield (
            f"Counts and sums are rounded to multiples of {control.rounding_base}, each number by itself: parts need "
            "not add up to their total."
        )
    if control.microdata is not None:
        yield (
            f"In a file of rows, at least {control.microdata.k} persons share each combination of "
            f"{', '.join(control.microdata.quasi_identifiers)}."
        )


def _stricter_sentences(rules: StricterRules) -> list[str]:
    sentences = []
    if rules.person_threshold is not None:
        sentences.append(f"a cell of fewer than {rules.person_threshold} persons is hidden")
    if rules.employer_threshold is not None:
        sentences.append(f"a cell of fewer than {rules.employer_threshold} employers is hidden")
    for rule in rules.dominance:
        who = "the largest contributor makes" if rule.largest == 1 else f"the {rule.largest} largest contributors make"
        sentences.append(f"a cell is hidden if {who} more than {rule.share:.0%} of it")
    if rules.p_percent is not None:
        sentences.append(
            f"a cell is hidden if a contributor's value could be estimated to within {rules.p_percent:g} percent"
        )
    if rules.zero_policy == "suppress":
        sentences.append("zeros are hidden")
    return sentences


def recipients_section(terms: Agreement) -> Section:
    """Render ``recipients``."""
    names = {party.id: party.legal_name for party in terms.parties}
    security = terms.security
    where = (
        "in an enclave, which they shall not leave"
        if security.environment == "enclave"
        else "at the Recipient's own site"
    )
    paragraphs = [
        f"Released data shall be used {where}. Country: {security.country}. Encryption: {security.encryption} "
        f"Access: {security.access_controls}"
        + (f" Remote access: {security.remote_access}" if security.remote_access else "")
    ]
    rows = []
    for recipient in terms.recipients:
        paragraphs.append(
            f"Legitimate interest of {names[recipient.party]}: {recipient.interest}. Only the users named here shall "
            "have access. Nothing is released unless each has been trained in confidentiality within the last "
            f"{recipient.training_valid_days} days and has acknowledged these rules in writing."
        )
        for user in recipient.named_users:
            trained = day(user.trained_on) if user.trained_on else "to come"
            acknowledged = day(user.acknowledged_on) if user.acknowledged_on else "to come"
            rows.append((names[recipient.party], user.name, trained, acknowledged))
    tables = (Grid("", ("Recipient", "Named user", "Trained", "Acknowledged"), tuple(rows)),) if rows else ()
    return Section("Recipients and protection", "recipients, security", tuple(paragraphs), tables)


def redisclosure_section(terms: Agreement) -> Section:
    """Render ``redisclosure``."""
    allowed = terms.redisclosure.allowed_to
    to_whom = f"except to {listed(allowed)}" if allowed else "to anyone"
    paragraphs = [
        f"A Recipient shall not disclose the data further {to_whom} (34 CFR 99.33).",
        "A Recipient shall not try to identify a person, shall not contact a person, and shall not link the data with "
        "any other data.",
    ]
    if any(output.kind in ("flag_back", "crosswalk") for output in terms.outputs):
        paragraphs.append(
            "A flag or a crosswalk tells a recipient about its own persons, whom it knows; it uses what it learns for "
            "the listed purposes only, and learns nothing about anyone else."
        )
    return Section("Redisclosure", "redisclosure", tuple(paragraphs))


def review_section(terms: Agreement) -> Section:
    """Render ``review``."""
    review = terms.review
    reviewers = listed([party.legal_name for party in terms.parties if party.id in review.reviewers] or [""])
    paragraphs = []
    if review.reviewers and review.provider_review_days:
        days = "1 day" if review.provider_review_days == 1 else f"{review.provider_review_days} days"
        paragraphs.append(
            f"Before an output is released, {reviewers} may review it for {days}. It is released when all have "
            "approved, or when that time has passed without an objection."
        )
    elif review.reviewers:
        paragraphs.append(f"An objection by {reviewers} stops an output.")
    paragraphs.append(f"Publication: {review.publication_review}")
    if review.citation is not None:
        paragraphs.append(f"Citation: {review.citation}")
    return Section("Review", "review", tuple(paragraphs))


def retention_section(terms: Agreement) -> Section:
    """Render ``retention``."""
    retention = terms.retention
    paragraphs = [
        "All data received under this agreement shall be destroyed when no longer needed for its purposes, at the "
        f"latest on {day(retention.destroy_by)}. Method: {retention.method}"
    ]
    if retention.identifiers_destroyed_after_linkage:
        paragraphs.append("Encodings of identifiers shall be destroyed once records are linked.")
    if retention.certificate_required:
        paragraphs.append("Whoever destroys data shall sign a certificate that says what, when and how.")
    paragraphs.append(f"Backups: {retention.backups}")
    return Section("Retention and destruction", "retention", tuple(paragraphs))


def audit_section(terms: Agreement) -> Section:
    """Render ``audit``."""
    paragraphs = [
        "The Hub shall record each disclosure: to whom, of what, when, and for which legitimate interest (34 CFR "
        "99.32). Each entry carries a hash of the one before it, and a signed statement of the last goes out with each "
        "output, so that no entry can be altered or removed unseen by a party that keeps these."
    ]
    if terms.audit.onsite_inspection:
        paragraphs.append(
            "Each Provider may inspect the Hub and the Recipients on site, on "
            f"{terms.audit.inspection_notice_days} days' notice."
        )
    return Section("Audit", "audit", tuple(paragraphs))


def incident_section(terms: Agreement) -> Section:
    """Render ``incident``."""
    incident = terms.incident
    paragraphs = [
        f"Whoever learns of a breach shall tell {incident.contact} within {incident.notify_hours} hours. "
        f"Remedies: {incident.remedies}"
    ]
    if incident.debarment_acknowledged:
        paragraphs.append(
            "Each Recipient acknowledges that a violation may bar it from access to education records for at least "
            "five years (34 CFR 99.67)."
        )
    return Section("Breach", "incident", tuple(paragraphs))
