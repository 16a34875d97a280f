"""The agreement in words: the same clauses as the YAML, in the order of the PTAC written agreement checklist.

Rules:

- Every sentence comes from a field; nothing is said that the YAML does not say, and everything that the machine
  enforces is said. Each section names the YAML section that it renders.
- The order is that of the U.S. Department of Education's checklist: parties, authority, purpose, data, linkage,
  outputs, disclosure control, recipients and protection, redisclosure, review, retention and destruction,
  audit, breach, general, signatures.
"""

from __future__ import annotations

from collections.abc import Mapping

from linkage.governance.model import Agreement
from linkage.governance.prose_data import authority_section, data_section, linkage_section, outputs_section
from linkage.governance.prose_parts import DefinedMeasure, Grid, Section, day, listed
from linkage.governance.prose_protection import (
    audit_section,
    disclosure_control_section,
    incident_section,
    recipients_section,
    redisclosure_section,
    retention_section,
    review_section,
)

_TIERS = {"emou": "enterprise memorandum of understanding", "dsa": "data sharing agreement", "dul": "data use licence"}


def sections(terms: Agreement, measures: Mapping[str, DefinedMeasure]) -> tuple[Section, ...]:
    """Return the agreement as sections of prose; ``measures`` are those it may name, by ID."""
    return (
        _parties(terms),
        authority_section(terms),
        _purpose(terms),
        _term(terms),
        data_section(terms),
        linkage_section(terms),
        outputs_section(terms, measures),
        disclosure_control_section(terms),
        recipients_section(terms),
        redisclosure_section(terms),
        review_section(terms),
        retention_section(terms),
        audit_section(terms),
        incident_section(terms),
        _general(terms),
    )


def preamble(terms: Agreement) -> str:
    """Return the sentence that names the agreement."""
    under = f" under {terms.parent.id}" if terms.parent is not None else ""
    since = f", replacing version {terms.supersedes.version}" if terms.supersedes is not None else ""
    names = listed([party.legal_name for party in terms.parties])
    return f"This {_TIERS[terms.tier]}{under} (version {terms.version}{since}) is made between {names}."


def _parties(terms: Agreement) -> Section:
    roles = {
        "provider": "provides data",
        "hub": "links and releases; sees no identifier",
        "recipient": "receives what is listed in this agreement",
    }
    rows = tuple(
        (party.legal_name, party.id, roles[party.role], f"{party.signatory.name}, {party.signatory.title}")
        for party in terms.parties
    )
    hub = terms.hub.legal_name
    paragraphs = (
        f'In this agreement "the Hub" is {hub}; a "Provider" is a party that provides data, and a "Recipient" one to '
        "which an output is released; a party may be both.",
        '"Encodings" are bit strings made of identifiers with a secret that the Providers share; "sealed" is encrypted '
        'so that only the named party can open it; an "output" is what leaves the Hub.',
        "The Hub shall act in three rooms with separate keys: the matcher, which compares encodings; the registrar, "
        "which keeps the student IDs; and the release room, which holds the data to be released. No room shall open "
        "what is sealed to another.",
        "Each party is known by the public keys that the signed file lists. A message under any other key is not from "
        "that party.",
    )
    return Section("Parties", "parties", paragraphs, (Grid("", ("Party", "ID", "Role", "Signatory"), rows),))


def _purpose(terms: Agreement) -> Section:
    purpose = terms.purpose
    paragraphs = [purpose.statement, "The data shall be used for the purposes stated here, and for no other."]
    paragraphs += [f"Question: {question}" for question in purpose.research_questions]
    paragraphs += [f"Permitted ({use.code}): {use.statement}" for use in purpose.permitted_uses]
    paragraphs += [f"Prohibited: {use}" for use in purpose.prohibited_uses]
    paragraphs.append(f"Method: {terms.methodology}")
    if terms.irb is not None:
        irb = terms.irb
        paragraphs.append(
            f"Review board: exempt. {irb.exempt}"
            if irb.expires is None
            else f"Review board: approval {irb.number}, in force until {day(irb.expires)}."
        )
    return Section("Purpose, scope and activity", "purpose, methodology, irb", tuple(paragraphs))


def _term(terms: Agreement) -> Section:
    term = terms.term
    paragraphs = [
        f"This agreement takes effect on {day(term.effective)} and ends on {day(term.expires)}, that day included."
    ]
    if term.study_duration is not None:
        paragraphs.append(f"The study lasts {term.study_duration}.")
    paragraphs.append(
        f"Any party may end it by {term.termination_notice_days} days' written notice, and at once by written notice "
        "if a safeguard of this agreement is not kept. From the day on which a notice takes effect nothing shall be "
        "accepted, linked or released."
    )
    if term.renewal is not None:
        paragraphs.append(f"Renewal: {term.renewal}")
    paragraphs += [
        f"Version {amendment.version} ({day(amendment.date)}): {amendment.summary}" for amendment in terms.amendments
    ]
    return Section("Term and termination", "term, amendments", tuple(paragraphs))


def _general(terms: Agreement) -> Section:
    general = terms.general
    paragraphs = (
        f"Cost: {general.cost}",
        f"Ownership: {general.ownership}",
        f"Liability: {general.liability}",
        f"Governing law: {general.governing_law}",
        f"Disputes: {general.disputes}",
        f"Data quality: {general.data_quality}",
    )
    return Section("General", "general", paragraphs)
