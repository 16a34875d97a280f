"""What share of a dataset's persons was linked to another provider, by group: who is missed, told without small cells.

Rules:

- The groups are those of the elements that the agreement lists (``linkage_quality.groups``), in the form in which the
  element may leave. A person counts once in each, with the value of the latest year.
- Linked is: another provider has a record of the same person, other than one that may never be joined with this
  dataset.
- Rates are bands; no count is printed. A band shows only where persons linked, persons not linked and both together
  could all be shown under the dataset's disclosure rules, complementary suppression included.
- Each dataset is protected by itself and leaves no record: what is printed is bands of its own margins, which no other
  table adds up to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import duckdb
import pandas as pd

from linkage import disclosure
from linkage.disclosure.rates import EDFACTS, rates
from linkage.disclosure.rules import TOTAL
from linkage.governance.consistency import joined_against
from linkage.governance.datasets import Dataset, Element
from linkage.governance.model import Agreement
from linkage.matching.described import LinkRate
from linkage.release.coarsen import literal, name, output_form
from linkage.release.payload import PERSON_TOKEN
from linkage.release.people import open_sources, payload_view
from linkage.release.tables import disclosure_rules
from linkage.release.workspace import Source, Workspace

_LINKED, _YES, _NO, _GROUP = "linked", "yes", "no", "group"


def datasets_with_groups(terms: Agreement) -> frozenset[str]:
    """Return the ``provider.dataset`` keys whose payload link rates are made from."""
    return frozenset(dataset.key for dataset, _ in _listed(terms))


def link_rates(
    terms: Agreement, payloads: Mapping[str, Source], crosswalk: Source, workspace: Workspace
) -> tuple[LinkRate, ...]:
    """Return the link rates that the agreement asks for, of the datasets whose payload is there."""
    found: list[LinkRate] = []
    grouped: dict[str, list[tuple[Dataset, Element]]] = {}
    for dataset, element in _listed(terms):
        if dataset.key in payloads:
            grouped.setdefault(dataset.key, []).append((dataset, element))
    for listed in grouped.values():
        dataset = listed[0][0]
        with workspace.connect() as connection:
            open_sources(connection, [dataset], payloads, crosswalk)
            frames = [(element, _persons(connection, terms, dataset, element)) for _, element in listed]
        found += _rates(terms, dataset, frames)
    return tuple(found)


def _listed(terms: Agreement) -> Iterator[tuple[Dataset, Element]]:
    for reference in terms.linkage_quality.groups if terms.linkage_quality else ():
        listed = terms.resolve(reference)
        assert listed is not None, "a loaded agreement lists the elements that it names"
        yield listed


def _persons(
    connection: duckdb.DuckDBPyConnection, terms: Agreement, dataset: Dataset, element: Element
) -> pd.DataFrame:
    """Return a row a person of the dataset: token, group, and whether another provider has the person."""
    years = dataset.years
    others = [
        party.id
        for party in terms.parties
        if party.role == "provider"
        and party.id != dataset.provider
        and joined_against(terms, [dataset.key, party.id]) is None
    ]
    listed = ", ".join(map(literal, others)) or "''"
    year = name(years.column) if years is not None and dataset.element(years.column) is not None else "''"
    query = f"""
        WITH latest AS (
            SELECT person_token, arg_max(own, year || ' ' || own) AS own
            FROM (SELECT person_token, {year} AS year, CAST({output_form(element).sql} AS VARCHAR) AS own
                  FROM {name(payload_view(dataset))})
            GROUP BY person_token
        ), elsewhere AS (SELECT DISTINCT release_id FROM crosswalk WHERE agency IN ({listed}))
        SELECT latest.person_token, own AS "{_GROUP}",
               CASE WHEN elsewhere.release_id IS NULL THEN '{_NO}' ELSE '{_YES}' END AS "{_LINKED}"
        FROM latest
        LEFT JOIN crosswalk c ON c.agency = {literal(dataset.provider)} AND c.person_token = latest.person_token
        LEFT JOIN elsewhere USING (release_id)"""
    return connection.execute(query).df()


def _rates(terms: Agreement, dataset: Dataset, frames: Sequence[tuple[Element, pd.DataFrame]]) -> Iterator[LinkRate]:
    control = terms.disclosure_rules(frozenset({dataset.key}))
    tables = [
        disclosure.Table(element.name, frame, [_GROUP, _LINKED], population=dataset.key, id=PERSON_TOKEN)
        for element, frame in frames
    ]
    protected = disclosure.protect(tables, disclosure_rules(control, rates=True), release=f"link rates {dataset.key}")
    for element, _ in frames:
        shown = rates(protected[element.name], [_GROUP], _LINKED, _YES, control.symbol, EDFACTS)
        in_order = sorted(zip(shown[_GROUP], shown["rate"], strict=True), key=lambda row: (row[0] == TOTAL, row[0]))
        for group, rate in in_order:
            yield LinkRate(dataset=dataset.key, element=element.name, group=str(group), rate=str(rate))
