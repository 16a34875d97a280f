"""The agreement: what a lawyer signs and a machine enforces.

Rules:

- One YAML file is one agreement. Its fields follow the U.S. Department of Education's written agreement
  checklist (PTAC): parties, authority, purpose, data, protection, destruction, audit, breach, signatures.
- Its tiers are AISP's: an enterprise MOU (``emou``) frames data sharing agreements (``dsa``), which frame
  data use licences (``dul``). A lower tier names its parent and must lie inside it.
- Everything here is content. Whether it is signed, in term and undisputed is for :mod:`linkage.governance.decide`.
- What no machine can check stays text: whether a purpose really improves instruction, whether a method is
  reasonable, what a researcher does outside.
"""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field, model_validator

from linkage.governance.base import Clause, Count, Id, Name, Sha256, Text
from linkage.governance.consistency import problems_within
from linkage.governance.datasets import Dataset, Element
from linkage.governance.outputs import Output
from linkage.governance.parties import Party, Recipient
from linkage.governance.quality import ClericalReview, LinkageQuality, group_problems
from linkage.governance.thresholds import DisclosureControl
from linkage.spec.strict_yaml import FieldsError

Status = Literal["draft", "active", "suspended", "terminated", "expired"]
Tier = Literal["emou", "dsa", "dul"]


class Parent(Clause):
    """The agreement that this one lies inside: its file beside this one, its ID and its hash."""

    id: Id
    file: Name
    sha256: Sha256


class Superseded(Clause):
    """The version that this one replaces."""

    version: int = Field(ge=1)
    sha256: Sha256


class Amendment(Clause):
    """What a version changed."""

    version: int = Field(ge=2)
    date: date
    summary: Text


class Term(Clause):
    """From when to when; the last day counts."""

    effective: date
    expires: date
    renewal: Text | None = None
    study_duration: Name | None = None
    terminate_on_safeguard_failure: Literal[True] = Field(True, description="20 CFR 603.10(a)(1)")
    termination_notice_days: Count = 30


class PermittedUse(Clause):
    """One purpose, with the code by which a release asks for it."""

    code: Id
    statement: Text


class Purpose(Clause):
    """Why: 34 CFR 99.31(a)(6)(iii)(C)(1), 99.35(a)(3)(ii)."""

    statement: Text
    research_questions: tuple[Text, ...] = ()
    permitted_uses: tuple[PermittedUse, ...] = Field(min_length=1)
    prohibited_uses: tuple[Text, ...] = Field(min_length=1)


class Precedence(Clause):
    """Which provider's value stands where several give one for the same person."""

    field: Name
    order: tuple[Id, ...] = Field(min_length=2)


class Linkage(Clause):
    """How records are linked, and what the hub may know."""

    spec: Name = Field(description="the linkage spec's file")
    spec_sha256: Sha256
    epoch: Count = Field(description="raised when the shared secret is renewed")
    identifiers: tuple[Name, ...] = Field(min_length=1, description="the spec's identifiers that may be encoded")
    key_custodian: Id = Field(description="the party that makes the shared secret; never the hub")
    hub_may_hold_identifiers: Literal[False] = False
    release_ids: Literal["random_per_release", "stable_for_updates"] = "random_per_release"
    unmatched: Text = "Persons not linked are kept apart from persons linked without an event."
    never_joined: tuple[tuple[Name, ...], ...] = Field((), description="groups of providers or datasets")
    precedence: tuple[Precedence, ...] = ()
    quality_report: Literal[True] = True
    agency_ids: tuple[Id, ...] = Field(
        (), description="providers that may have lasting IDs of their own records, made for each of them alone"
    )
    clerical_review: ClericalReview = Field("none", description="whether agencies may be asked to judge pairs in doubt")


class Security(Clause):
    """Where released data live and how they are guarded."""

    environment: Literal["enclave", "transfer"]
    country: Name
    encryption: Text
    access_controls: Text
    remote_access: Text | None = None


class Redisclosure(Clause):
    """34 CFR 99.33: no further disclosure but to those named here."""

    allowed_to: tuple[Name, ...] = ()
    no_reidentification: Literal[True]
    no_contact: Literal[True]
    no_other_linkage: Literal[True]


class Review(Clause):
    """Who looks before a release goes out, and before results are published."""

    reviewers: tuple[Id, ...] = ()
    provider_review_days: Count = 0
    publication_review: Text
    citation: Text | None = None


class Retention(Clause):
    """34 CFR 99.31(a)(6)(iii)(C)(4): when data are destroyed, and how."""

    destroy_by: date
    method: Text
    certificate_required: bool = True
    identifiers_destroyed_after_linkage: bool = True
    backups: Text


class Audit(Clause):
    """34 CFR 99.32, 20 CFR 603.10(b): the record of disclosures, and inspection."""

    record_of_disclosures: Literal[True] = True
    onsite_inspection: bool = True
    inspection_notice_days: Count = 5


class Incident(Clause):
    """What happens on a breach."""

    notify_hours: int = Field(ge=1, le=240)
    contact: Name
    remedies: Text
    debarment_acknowledged: bool = Field(False, description="34 CFR 99.67: five years")


class Irb(Clause):
    """The review board's approval, or why none is needed."""

    number: Name | None = None
    expires: date | None = None
    exempt: Text | None = None

    @model_validator(mode="after")
    def _one_or_the_other(self) -> Irb:
        if (self.exempt is None) == (self.number is None or self.expires is None):
            raise FieldsError([((), "give `number` and `expires`, or `exempt` with the reason")])
        return self


class General(Clause):
    """The clauses that no machine reads."""

    cost: Text
    ownership: Text
    liability: Text
    governing_law: Text
    disputes: Text
    data_quality: Text


class Agreement(Clause):
    """The whole agreement."""

    kind: Literal["DataSharingAgreement"]
    schema_version: Literal[1]
    id: Id
    version: int = Field(ge=1)
    title: Name
    status: Status
    tier: Tier
    parent: Parent | None = None
    supersedes: Superseded | None = None
    amendments: tuple[Amendment, ...] = ()
    parties: tuple[Party, ...] = Field(min_length=2)
    purpose: Purpose
    methodology: Text
    term: Term
    linkage: Linkage
    linkage_quality: LinkageQuality | None = None
    data: tuple[Dataset, ...] = Field(min_length=1)
    outputs: tuple[Output, ...] = ()
    disclosure_control: DisclosureControl
    recipients: tuple[Recipient, ...] = ()
    security: Security
    redisclosure: Redisclosure
    review: Review
    retention: Retention
    audit: Audit
    incident: Incident
    irb: Irb | None = None
    general: General

    @model_validator(mode="after")
    def _consistent(self) -> Agreement:
        problems = [*problems_within(self), *group_problems(self)]
        if problems:
            raise FieldsError(problems)
        return self

    @property
    def hub(self) -> Party:
        """The one hub."""
        return next(party for party in self.parties if party.role == "hub")

    def party(self, party_id: str) -> Party | None:
        """Return the party of this ID, if it is listed."""
        return next((party for party in self.parties if party.id == party_id), None)

    def dataset(self, provider: str, dataset: str) -> Dataset | None:
        """Return one provider's dataset, if it is listed."""
        return next((d for d in self.data if (d.provider, d.dataset) == (provider, dataset)), None)

    def resolve(self, reference: str) -> tuple[Dataset, Element] | None:
        """Return the dataset and element that ``provider.dataset.element`` names, if listed."""
        provider, dataset_id, name = (*reference.split(".", 2), "", "")[:3]
        dataset = self.dataset(provider, dataset_id)
        element = dataset.element(name) if dataset is not None else None
        return (dataset, element) if dataset is not None and element is not None else None

    def output(self, output_id: str) -> Output | None:
        """Return the output of this ID, if it is listed."""
        return next((output for output in self.outputs if output.id == output_id), None)

    def recipient(self, party_id: str) -> Recipient | None:
        """Return the recipient's persons, if it is listed as one."""
        return next((r for r in self.recipients if r.party == party_id), None)

    def disclosure_rules(self, datasets: frozenset[str]) -> DisclosureControl:
        """Return the strictest rules of the agreement and the named ``provider.dataset`` keys."""
        return self.disclosure_control.with_strictest(d.disclosure for d in self.data if d.key in datasets)
