"""Every shipped agreement allows what it lists and refuses twenty and more attempts, each by its clause."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from pathlib import Path

import pytest
from parties_of_a_consortium import SPEC_SHA256, TEMPLATES, TODAY, Consortium

from linkage.governance.decide import decide, refusals
from linkage.governance.outputs import Output, Table
from linkage.governance.requests import AcceptPackage, EncodeIdentifier, Release, Request, SealElement, SealYear
from linkage.governance.standing import StandingAgreement
from linkage.governance.statements import Termination
from linkage.resources import shipped
from linkage.simulation.world import simulate
from linkage.spec.load import load_spec


@dataclass(frozen=True)
class Attempt:
    """Something that must be refused, and a part of the clause and of the reason that must refuse it."""

    agreement: StandingAgreement
    request: Request
    clause: str
    reason: str
    today: date = TODAY


class Case:
    """One agreement, signed, with a permitted request of each kind to depart from."""

    def __init__(self, consortium: Consortium, path: Path) -> None:
        self.consortium = consortium
        self.content = consortium.fill(path)
        self.signed = consortium.sign(self.content)
        self.dataset = self.signed.terms.data[0]
        self.element = next(element for element in self.dataset.elements if element.use != "link_only")
        self.seal = SealElement(self.dataset.provider, self.dataset.dataset, self.element.name)
        self.year = SealYear(self.dataset.provider, self.dataset.dataset, self.dataset.years.last)
        identifier = self.signed.terms.linkage.identifiers[0]
        self.encode = EncodeIdentifier(self.dataset.provider, identifier, SPEC_SHA256, 1)
        self.accept = AcceptPackage(self.dataset.provider, "payload", self.signed.terms.id, SPEC_SHA256, 1)

    def reviewed(self) -> StandingAgreement:
        """Return the agreement without its review window, so that other refusals stand alone."""
        days = self.signed.terms.review.provider_review_days
        without = self.content.replace(f"provider_review_days: {days}".encode(), b"provider_review_days: 0")
        return self.consortium.sign(without)

    def release(self, output: Output) -> Release:
        return Release(
            output=output.id,
            kind=output.kind,
            recipient=output.recipients[0],
            purpose=output.purposes[0],
            elements=tuple(output.elements),
            dimensions=output.dimensions if isinstance(output, Table) else (),
        )


def agency_attempts(case: Case) -> dict[str, Attempt]:
    agreement, key = case.signed, case.dataset.key
    return {
        "a column that is not listed": Attempt(
            agreement, replace(case.seal, element="Surname"), f"data[{key}].elements", "Surname is not listed"
        ),
        "the local ID as a column": Attempt(
            agreement,
            replace(case.seal, element=case.dataset.local_id),
            f"[{case.dataset.local_id}].use",
            "link_only",
        ),
        "a dataset that is not listed": Attempt(
            agreement, replace(case.seal, dataset="discipline"), "data", "discipline is not listed"
        ),
        "another agency's dataset": Attempt(agreement, replace(case.seal, party="stranger"), "data", "not listed"),
        "a year after": Attempt(agreement, replace(case.year, year=2031), f"data[{key}].years", "2031 is outside"),
        "a year before": Attempt(agreement, replace(case.year, year=1990), f"data[{key}].years", "1990 is outside"),
        "an identifier that is not listed": Attempt(
            agreement, replace(case.encode, identifier="religion"), "linkage.identifiers", "religion is not listed"
        ),
        "another spec": Attempt(
            agreement, replace(case.encode, spec_sha256="0" * 64), "linkage.spec_sha256", "not 0000"
        ),
        "an old secret": Attempt(agreement, replace(case.encode, epoch=0), "linkage.epoch", "the epoch is 1"),
    }


def hub_attempts(case: Case) -> dict[str, Attempt]:
    agreement = case.signed
    return {
        "a package of a stranger": Attempt(
            agreement, replace(case.accept, sender="stranger"), "parties", "not a party"
        ),
        "a package of the hub itself": Attempt(
            agreement, replace(case.accept, sender="data-hub"), "parties[data-hub].role", "not a provider"
        ),
        "a package of another agreement": Attempt(
            agreement, replace(case.accept, agreement="other"), "id", "under other"
        ),
        "a package under another spec": Attempt(
            agreement, replace(case.accept, spec_sha256="0" * 64), "linkage.spec_sha256", "not 0000"
        ),
    }


def standing_attempts(case: Case) -> dict[str, Attempt]:
    notice = Termination(
        kind="termination",
        party=case.dataset.provider,
        date=TODAY,
        document_sha256=case.signed.sha256,
        reason="A safeguard failed.",
    )
    suspended = case.consortium.sign(case.content.replace(b"status: active", b"status: suspended"))
    return {
        "after the end": Attempt(case.signed, case.seal, "term.expires", "expired", date(2040, 1, 1)),
        "before the beginning": Attempt(case.signed, case.seal, "term.effective", "takes effect", date(2026, 6, 30)),
        "unsigned by a provider": Attempt(
            case.consortium.sign(case.content, but=(case.dataset.provider,)), case.seal, "parties", "not signed by"
        ),
        "unsigned by the hub": Attempt(
            case.consortium.sign(case.content, but=("data-hub",)), case.accept, "parties", "not signed by data-hub"
        ),
        "suspended": Attempt(suspended, case.seal, "status", "suspended"),
        "terminated": Attempt(case.consortium.state(case.signed, notice), case.accept, "term", "terminated by"),
    }


def release_attempts(case: Case) -> dict[str, Attempt]:
    agreement = case.reviewed()
    attempts: dict[str, Attempt] = {}
    for output in agreement.terms.outputs:
        asked, place = case.release(output), f"outputs[{output.id}]"
        threshold = agreement.terms.disclosure_control.person_threshold
        row_level = replace(asked, kind="research_file")
        aggregate = [r for r in output.elements if agreement.terms.resolve(r)[1].use == "aggregate_only"]
        attempts |= {
            f"{output.id} to a stranger": Attempt(
                agreement, replace(asked, recipient="newspaper"), f"{place}.recipients", "not a recipient"
            ),
            f"{output.id} for another purpose": Attempt(
                agreement, replace(asked, purpose="marketing"), f"{place}.purposes", "not a purpose"
            ),
            f"{output.id} with a column more": Attempt(
                agreement,
                replace(asked, elements=(*asked.elements, f"{case.dataset.key}.Surname")),
                f"data[{case.dataset.key}].elements",
                "Surname is not listed",
            ),
            f"{output.id} with a local ID": Attempt(
                agreement,
                replace(asked, elements=(*asked.elements, f"{case.dataset.key}.{case.dataset.local_id}")),
                f"[{case.dataset.local_id}].use",
                "leaves in no output",
            ),
            f"{output.id} joined with data that are not listed": Attempt(
                agreement, replace(asked, elements=(*asked.elements, "police.arrests.count")), "data", "police.arrests"
            ),
            f"{output.id} to a user who is not named": Attempt(
                agreement, replace(asked, users=("Somebody Else",)), ".named_users", "not a named user"
            ),
            f"{output.id} when training has lapsed": Attempt(
                agreement, asked, ".named_users", "lapsed", date(2027, 8, 20)
            ),
            f"{output.id} under a lower threshold": Attempt(
                agreement, replace(asked, person_threshold=threshold - 5), "person_threshold", "too low"
            ),
            f"{output.id} after the end": Attempt(agreement, asked, "term.expires", "expired", date(2040, 1, 1)),
            f"{output.id} without one signature": Attempt(
                case.consortium.sign(case.content, but=(case.dataset.provider,)), asked, "parties", "not signed by"
            ),
        }
        if output.kind != "research_file":
            attempts[f"{output.id} by row"] = Attempt(agreement, row_level, f"{place}.kind", f"it is a {output.kind}")
        if aggregate:
            attempts[f"{output.id}: aggregate data by row"] = Attempt(
                agreement, row_level, aggregate[0].split(".", 2)[2] + "].use", "never released by row"
            )
        if isinstance(output, Table):
            attempts[f"{output.id} by one dimension more"] = Attempt(
                agreement,
                replace(asked, dimensions=(*asked.dimensions, f"{case.dataset.key}.{case.element.name}x")),
                f"{place}.dimensions",
                "not a dimension",
            )
    everything = Release("everything", "research_file", "university", "research", (f"{case.dataset.key}.x",))
    attempts["an output that is not listed"] = Attempt(agreement, everything, "outputs", "everything is not listed")
    return attempts


@cache
def case_of(path: Path) -> Case:
    return Case(Consortium(), path)


KINDS: tuple[Callable[[Case], dict[str, Attempt]], ...] = (
    agency_attempts,
    hub_attempts,
    standing_attempts,
    release_attempts,
)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_every_forbidden_attempt_is_refused_by_the_clause_that_forbids_it(path: Path) -> None:
    case = case_of(path)
    attempts = {name: attempt for kind in KINDS for name, attempt in kind(case).items()}
    assert len(attempts) >= 20
    for name, attempt in attempts.items():
        found = refusals(attempt.agreement, attempt.request, attempt.today)
        assert not decide(attempt.agreement, attempt.request, attempt.today).allowed, name
        named = [str(each) for each in found if attempt.clause in each.clause.clause and attempt.reason in each.reason]
        assert named, f"{name}: {[str(each) for each in found]}"


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_everything_that_an_agreement_lists_is_allowed(path: Path) -> None:
    case = case_of(path)
    agreement = case.reviewed()
    for dataset in agreement.terms.data:
        for element in dataset.elements:
            allowed = decide(agreement, SealElement(dataset.provider, dataset.dataset, element.name), TODAY).allowed
            assert allowed == (element.use != "link_only"), element.name
        for year in (dataset.years.first, dataset.years.last):
            assert decide(agreement, SealYear(dataset.provider, dataset.dataset, year), TODAY).allowed
    for identifier in agreement.terms.linkage.identifiers:
        assert decide(agreement, replace(case.encode, identifier=identifier), TODAY).allowed
    for output in agreement.terms.outputs:
        for recipient in output.recipients:
            for purpose in output.purposes:
                asked = replace(case.release(output), recipient=recipient, purpose=purpose)
                assert decide(agreement, asked, TODAY).allowed, asked


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_templates_speak_of_the_ready_spec_and_of_simulated_columns(path: Path) -> None:
    terms = case_of(path).signed.terms
    assert set(terms.linkage.identifiers) <= {
        identifier.name for identifier in load_spec(terms.linkage.spec).identifiers
    }
    columns = simulated_columns()
    for dataset in terms.data:
        if dataset.provider != "public-health":  # vital records are not simulated
            assert {element.name for element in dataset.elements} <= columns[dataset.key], dataset.key


@cache
def simulated_columns() -> dict[str, set[str]]:
    world = simulate(1000, 1)
    return {
        f"{agency.name}.{Path(file.name).stem}": {column.name for column in file.columns}
        for agency in world.agencies
        for file in agency.files
    }


def test_a_template_is_shipped_for_each_case_of_the_field() -> None:
    expected = {
        "longitudinal-research",
        "k12-to-college",
        "program-evaluation",
        "k12-to-wages",
        "early-childhood-to-third-grade",
        "birth-weight-to-college",
        "childrens-cabinet",
        "handle-with-care",
        "district-college-feedback",
        "enterprise-mou",
    }
    assert {path.stem for path in shipped("agreements").glob("*.yaml")} == expected
