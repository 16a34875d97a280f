"""A consortium in small: four agencies, one hub, one university, and an agreement that all have signed."""

from datetime import date

import pytest

from linkage.exchange.keys import generate_keys
from linkage.governance.document import parse_agreement
from linkage.governance.signatures import sign_document
from linkage.governance.standing import StandingAgreement

TODAY = date(2026, 9, 1)

AGREEMENT = """
kind: DataSharingAgreement
schema_version: 1
id: study
version: 1
title: From third grade to earnings
status: active
tier: dsa
parties:
  - {id: district, legal_name: District, role: provider, signatory: {name: Ana, title: Head}, keys: @district}
  - {id: neighbor, legal_name: Neighbor, role: provider, signatory: {name: Bea, title: Head}, keys: @neighbor}
  - {id: college, legal_name: College, role: provider, signatory: {name: Cal, title: Head}, keys: @college}
  - {id: workforce, legal_name: Workforce, role: provider, signatory: {name: Dee, title: Head}, keys: @workforce}
  - id: hub
    legal_name: Hub
    role: hub
    signatory: {name: Eve, title: Head}
    rooms: {matcher: @matcher, registrar: @registrar, release: @release}
  - {id: university, legal_name: University, role: recipient, signatory: {name: Fay, title: Head}, keys: @university}
purpose:
  statement: To study pathways.
  permitted_uses: [{code: research, statement: Research.}]
  prohibited_uses: [Decisions about a person.]
methodology: Linked under IDs made for each release.
term: {effective: 2026-07-01, expires: 2029-06-30, study_duration: three years}
linkage:
  spec: person.yaml
  spec_sha256: 1111111111111111111111111111111111111111111111111111111111111111
  epoch: 1
  identifiers: [first_name]
  key_custodian: district
  precedence: [{field: Race, order: [district, neighbor]}]
data:
  - provider: district
    dataset: enrollment
    description: One row per student, school and year.
    local_id: StudentId
    authority: {statute: 34 CFR 99.31(a)(6), basis: ferpa_studies}
    population:
      description: Public school students.
      where: [{column: Sector, any_of: [public]}]
    years: {column: SchoolYear, from: 2020, to: 2024}
    elements:
      - {name: StudentId, use: link_only, class: identifier}
      - {name: Surname, use: link_only, class: identifier}
      - {name: SchoolYear, use: output, type: integer}
      - {name: School, use: output, type: code}
      - {name: Grade, ceds: GradeLevel, use: output, type: code, codes: ["03", "09", "10", "11", "12"]}
      - {name: Race, ceds: RaceAndEthnicity, use: output, type: code, class: quasi}
      - {name: DaysAbsent, ceds: NumberOfDaysAbsent, use: output, type: integer, class: outcome}
      - {name: EntryDate, use: output_coarsened, type: date, coarsen: {method: year}}
      - {name: Note, use: output, type: text}
      - {name: DaysEnrolled, use: aggregate_only, type: integer}
      - {name: CohortYear, use: aggregate_only, type: integer}
      - {name: ExitDate, ceds: EnrollmentExitDate, use: aggregate_only, type: date}
      - {name: ExitType, ceds: ExitOrWithdrawalType, use: aggregate_only, type: code}
  - provider: neighbor
    dataset: enrollment
    description: The same next door.
    local_id: StudentId
    authority: {statute: 34 CFR 99.31(a)(6), basis: ferpa_studies}
    population: {description: All students.}
    years: {column: SchoolYear, from: 2020, to: 2024}
    elements:
      - {name: StudentId, use: link_only, class: identifier}
      - {name: SchoolYear, use: output, type: integer}
      - {name: School, use: output, type: code}
      - {name: Grade, ceds: GradeLevel, use: output, type: code, codes: ["03", "09", "10", "11", "12"]}
      - {name: Race, ceds: RaceAndEthnicity, use: output, type: code, class: quasi}
  - provider: college
    dataset: terms
    description: One row per student and term.
    local_id: sid
    authority: {statute: 34 CFR 99.31(a)(6), basis: ferpa_studies}
    population: {description: Students.}
    years: {column: term, from: 2022, to: 2026}
    elements:
      - {name: sid, use: link_only, class: identifier}
      - {name: term, use: output, type: code}
      - {name: credits, use: output_coarsened, type: number, coarsen: {method: band, edges: [6, 12]}}
      - {name: fulltime, use: output, type: boolean}
  - provider: workforce
    dataset: wages
    description: One row per person, employer and quarter.
    local_id: wid
    authority: {statute: 20 CFR 603.5(e), basis: ui_public_official, need_to_know: Earnings.}
    population: {description: Workers.}
    years: {column: quarter, from: 2022, to: 2026}
    elements:
      - {name: wid, use: link_only, class: identifier}
      - {name: quarter, use: aggregate_only, type: code}
      - {name: employer_id, use: aggregate_only, type: code, class: employer}
      - {name: earnings, ceds: QuarterlyEarnings, use: aggregate_only, type: number}
    disclosure: {person_threshold: 10, employer_threshold: 3}
outputs:
  - id: file
    kind: research_file
    title: Students by year
    recipients: [university]
    purposes: [research]
    elements:
      - district.enrollment.SchoolYear
      - district.enrollment.School
      - district.enrollment.Grade
      - district.enrollment.Race
      - district.enrollment.EntryDate
      - district.enrollment.Note
      - neighbor.enrollment.SchoolYear
      - neighbor.enrollment.School
      - neighbor.enrollment.Grade
      - neighbor.enrollment.Race
      - college.terms.term
      - college.terms.credits
      - college.terms.fulltime
  - id: spells
    kind: research_file
    title: Students by spell
    recipients: [university]
    purposes: [research]
    spells:
      - {dataset: district.enrollment, elements: [School]}
      - {dataset: college.terms, elements: [fulltime]}
    elements:
      - district.enrollment.SchoolYear
      - district.enrollment.School
      - college.terms.term
      - college.terms.fulltime
  - id: graders
    kind: research_file
    title: What became of third graders
    recipients: [university]
    purposes: [research]
    cohort:
      - {dataset: district.enrollment, where: [{column: Grade, any_of: ["03"]}]}
    elements: [college.terms.term]
  - id: wide
    kind: research_file
    title: Students in one row
    form: wide
    recipients: [university]
    purposes: [research]
    elements:
      - district.enrollment.SchoolYear
      - district.enrollment.School
      - district.enrollment.Grade
      - college.terms.term
      - college.terms.fulltime
  - id: college-by-school
    kind: table
    title: College by school
    recipients: [university]
    purposes: [research]
    dimensions: [district.enrollment.School, district.enrollment.Race]
    measures:
      - {name: students, statistic: count}
      - {name: went, statistic: rate, elements: [college.terms.term]}
  - id: college-of-both
    kind: table
    title: College by school, of students and college students
    recipients: [university]
    purposes: [research]
    cohort: [{dataset: district.enrollment}, {dataset: college.terms}]
    dimensions: [district.enrollment.School, district.enrollment.Race]
    measures:
      - {name: students, statistic: count}
      - {name: went, statistic: rate, elements: [college.terms.term]}
  - id: absence-by-year
    kind: table
    title: Absence by year
    recipients: [university]
    purposes: [research]
    dimensions: [district.enrollment.SchoolYear, district.enrollment.School]
    measures:
      - {name: students, statistic: count}
      - {name: days, statistic: mean, elements: [district.enrollment.DaysAbsent]}
  - id: earnings-by-school
    kind: table
    title: Earnings by school
    recipients: [university]
    purposes: [research]
    dimensions: [district.enrollment.School]
    measures:
      - {name: workers, statistic: count, elements: [workforce.wages.quarter]}
      - {name: total, statistic: sum, elements: [workforce.wages.earnings]}
      - {name: middle, statistic: median, elements: [workforce.wages.earnings]}
  - id: graduation
    kind: table
    title: Graduation by cohort
    recipients: [university]
    purposes: [research]
    dimensions: [district.enrollment.CohortYear]
    measures:
      - name: graduated
        statistic: rate
        definition: acgr-4
        elements: &HIGH
      - name: cohort
        statistic: count
        definition: acgr-4
        elements: &HIGH
  - id: chronic
    kind: table
    title: Chronic absence by school and year
    recipients: [university]
    purposes: [research]
    dimensions: [district.enrollment.SchoolYear, district.enrollment.School]
    measures:
      - name: chronic
        statistic: rate
        definition: chronic-absence
        elements: &DAYS
  - id: leavers
    kind: table
    title: Earnings of leavers by school
    recipients: [university]
    purposes: [research]
    dimensions: [district.enrollment.School]
    measures:
      - name: employed
        statistic: rate
        definition: employment-q2
        elements: &WORK
      - name: median-earnings
        statistic: median
        definition: employment-q2
        elements: &WORK
  - id: care
    kind: flag_back
    title: Students who work
    recipients: [district]
    purposes: [research]
    flag: works
    rule:
      - {element: workforce.wages.earnings, at_least: 1}
      - {element: workforce.wages.quarter, any_of: [2024Q1]}
  - id: pairs
    kind: crosswalk
    title: Students of both
    recipients: [college]
    purposes: [research]
    providers: [district, college]
  - id: misfit
    kind: table
    title: Graduation by school year
    recipients: [university]
    purposes: [research]
    dimensions: [district.enrollment.SchoolYear]
    measures: [{name: graduated, statistic: mean, definition: acgr-4, elements: &HIGH}]
disclosure_control:
  person_threshold: 10
  microdata: {k: 5, quasi_identifiers: [district.enrollment.DaysAbsent]}
recipients:
  - party: district
    interest: Care
    named_users: [{name: Hal, trained_on: 2026-08-01, acknowledged_on: 2026-08-01}]
  - party: college
    interest: Placement
    named_users: [{name: Ida, trained_on: 2026-08-01, acknowledged_on: 2026-08-01}]
  - party: university
    interest: Research
    named_users: [{name: Gil, trained_on: 2026-08-01, acknowledged_on: 2026-08-01}]
security: {environment: enclave, country: United States, encryption: Yes., access_controls: Yes.}
redisclosure: {no_reidentification: true, no_contact: true, no_other_linkage: true}
review: {publication_review: Yes.}
retention: {destroy_by: 2029-12-31, method: Erasure., backups: Overwritten.}
audit: {}
incident: {notify_hours: 24, contact: a@example.org, remedies: Return., debarment_acknowledged: true}
general:
  {cost: None., ownership: Own., liability: Law., governing_law: Law., disputes: Court., data_quality: As is.}
"""

HIGH = [f"district.enrollment.{name}" for name in ("SchoolYear", "Grade", "CohortYear", "ExitDate", "ExitType")]
DRAWN = {
    "HIGH": HIGH,
    "DAYS": [*HIGH[:2], "district.enrollment.DaysEnrolled", "district.enrollment.DaysAbsent"],
    "WORK": [*HIGH, *(f"workforce.wages.{name}" for name in ("quarter", "earnings", "employer_id"))],
}
PARTIES = ("district", "neighbor", "college", "workforce", "release", "university")


def signed(text):
    """Sign an agreement's text by all parties, with keys made for it."""
    keys = {name: generate_keys(name) for name in (*PARTIES, "matcher", "registrar")}
    for name, elements in DRAWN.items():
        text = text.replace(f"&{name}", f"[{', '.join(elements)}]")
    for name, pair in keys.items():
        public = pair.public
        text = text.replace(f"@{name}", f"{{signing: '{public.signing}', sealing: {public.sealing}}}")
    document = parse_agreement(text.encode(), "study.yaml")
    party = {"release": "hub"}
    signatures = tuple(sign_document(document, party.get(name, name), keys[name], TODAY) for name in PARTIES)
    return StandingAgreement(document, signatures)


@pytest.fixture(scope="session")
def agreement():
    return signed(AGREEMENT)


@pytest.fixture(scope="session")
def rounding_agreement():
    """The same, with counts and sums rounded to multiples of five."""
    return signed(AGREEMENT.replace("  person_threshold: 10\n", "  person_threshold: 10\n  rounding_base: 5\n"))


@pytest.fixture(scope="session")
def today():
    return TODAY
