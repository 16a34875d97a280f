"""What is owed and when: destruction by the agreed day, training and approvals that run out.

Rules:

- Every disclosure names the day by which its bundle is destroyed. It is settled when its recipient has certified
  the destruction of that bundle, by its SHA-256 (34 CFR 99.31(a)(6)(iii)(C)(4), 99.35(a)(2)(iv)).
- After its agreement's own destruction day the hub owes a certificate too, for what it received.
- What is past its day is *overdue*; what comes within the notice period is only told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from linkage.governance.events import Destroyed, Disclosed, Entry, Received
from linkage.governance.standing import StandingAgreement
from linkage.governance.statements import Acknowledgement, Destruction


@dataclass(frozen=True)
class Obligation:
    """Something that a party owes by a day."""

    due: date
    party: str
    agreement: str
    what: str

    def overdue(self, today: date) -> bool:
        """Tell whether the day has passed."""
        return today > self.due

    def __str__(self) -> str:
        return f"{self.due} {self.party} ({self.agreement}): {self.what}"


def obligations(
    entries: Sequence[Entry], agreements: Iterable[StandingAgreement], today: date, notice_days: int = 30
) -> tuple[Obligation, ...]:
    """Return what is overdue or due within the notice, earliest first.

    ``entries`` are a verified ledger's; certificates count from the ledger and from the agreements' statements.
    """
    agreements = tuple(agreements)
    until = today + timedelta(days=notice_days)
    found = [
        *_bundles(entries, agreements),
        *(each for agreement in agreements for each in _hub_copies(entries, agreement)),
        *(each for agreement in agreements for each in _lapsing(agreement)),
    ]
    return tuple(sorted((each for each in found if each.due <= until), key=lambda each: (each.due, each.party)))


def _bundles(entries: Sequence[Entry], agreements: Sequence[StandingAgreement]) -> Iterator[Obligation]:
    certified = {
        (entry.event.party, sha256)
        for entry in entries
        if isinstance(entry.event, Destroyed)
        for sha256 in entry.event.files_sha256
    }
    certified |= {
        (statement.party, sha256)
        for agreement in agreements
        for statement in agreement.statements
        if isinstance(statement, Destruction)
        for sha256 in statement.files_sha256
    }
    owed: set[Obligation] = set()
    for event in (entry.event for entry in entries):
        if isinstance(event, Disclosed) and (event.recipient, event.bundle_sha256) not in certified:
            what = f"destroy the bundle {event.bundle_sha256[:12]}... and everything made from its rows"
            owed.add(Obligation(date.fromisoformat(event.destroy_by), event.recipient, event.agreement, what))
    yield from owed


def _hub_copies(entries: Sequence[Entry], agreement: StandingAgreement) -> Iterator[Obligation]:
    terms = agreement.terms
    received = any(isinstance(entry.event, Received) and entry.event.agreement == terms.id for entry in entries)
    certified = any(isinstance(s, Destruction) and s.party == terms.hub.id for s in agreement.statements)
    if received and not certified:
        what = "destroy the packages received under the agreement, and certify it"
        yield Obligation(terms.retention.destroy_by, terms.hub.id, terms.id, what)


def _lapsing(agreement: StandingAgreement) -> Iterator[Obligation]:
    """Yield when training and the review board's approval run out, while the agreement is in use."""
    terms = agreement.terms
    for recipient in terms.recipients:
        for user in recipient.named_users:
            renewed = [
                statement.date
                for statement in agreement.statements
                if isinstance(statement, Acknowledgement)
                and (statement.party, statement.user) == (recipient.party, user.name)
            ]
            trained = max((day for day in (*renewed, user.trained_on) if day is not None), default=None)
            if trained is not None:
                until = trained + timedelta(days=recipient.training_valid_days)
                if until < terms.term.expires:
                    yield Obligation(until, recipient.party, terms.id, f"renew the training of {user.name}")
    if terms.irb is not None and terms.irb.expires is not None and terms.irb.expires < terms.term.expires:
        yield Obligation(terms.irb.expires, terms.hub.id, terms.id, "have the review board's approval renewed")
