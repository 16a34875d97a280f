"""What an agreement still has from its template: persons, contacts and state laws that are nobody's.

Rules:

- A name is the template's where a shipped template has the same words in the same kind of field, whatever its party is
  called. An organisation's name alone may be a real one's, so it counts while its signatory is the template's too.
- This warns and never refuses: a demonstration may well keep what the template says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from linkage.governance.document import AgreementDocument
from linkage.governance.model import Agreement
from linkage.spec.strict_yaml import Path

_Words: TypeAlias = tuple[str, ...]


def to_write(document: AgreementDocument, templates: Iterable[Agreement]) -> dict[str, tuple[int, ...]]:
    """Return, by section, the lines on which the words are still a template's."""
    fictional = {words for template in templates for _, words in _fictional(template)}
    found: dict[str, list[int]] = {}
    for path, words in _fictional(document.terms):
        if words in fictional:
            found.setdefault(str(path[0]), []).append(document.yaml.line(path))
    return {section: tuple(sorted(set(lines))) for section, lines in found.items()}


def _fictional(terms: Agreement) -> Iterator[tuple[Path, _Words]]:
    """Yield the place and the words of each field that a template can only fill with fiction."""
    for number, party in enumerate(terms.parties):
        place: Path = ("parties", number)
        yield (*place, "legal_name"), ("organisation", party.legal_name, party.signatory.name)
        persons = {
            "signatory": party.signatory,
            "data_steward": party.data_steward,
            "security_contact": party.security_contact,
        }
        for role, person in persons.items():
            if person is not None:
                yield (*place, role, "name"), ("person", person.name)
                if person.email is not None:
                    yield (*place, role, "email"), ("contact", person.email)
    for number, dataset in enumerate(terms.data):
        if dataset.authority.basis == "state_law":
            yield ("data", number, "authority", "statute"), ("law", dataset.authority.statute)
    for number, recipient in enumerate(terms.recipients):
        for user, named in enumerate(recipient.named_users):
            yield ("recipients", number, "named_users", user, "name"), ("person", named.name)
            if named.email is not None:
                yield ("recipients", number, "named_users", user, "email"), ("contact", named.email)
    yield ("incident", "contact"), ("contact", terms.incident.contact)
    if terms.irb is not None and terms.irb.number is not None:
        yield ("irb", "number"), ("approval", terms.irb.number)
