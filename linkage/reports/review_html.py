"""A packet of pairs as a page for the steward who judges them: own local IDs, how far identifiers agree, no value."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

import pandas as pd

from linkage.exchange.review_messages import GROUNDS
from linkage.matching.candidates import NAME_ORDER
from linkage.reports.page import described, page, paragraph, table


def review_html(rows: pd.DataFrame, identifiers: tuple[str, ...], own: tuple[str, ...], sheet: str) -> bytes:
    """Render pairs; ``own`` are the columns of the agency's own IDs, ``sheet`` the file to write verdicts into."""
    return page("Pairs to review", _body(rows, identifiers, own, sheet))


def _body(rows: pd.DataFrame, identifiers: tuple[str, ...], own: tuple[str, ...], sheet: str) -> Iterator[str]:
    yield "<h1>Pairs to review</h1>"
    yield paragraph(
        f"{len(rows):,} of your records agree with a record elsewhere so far that the hub cannot tell whether it is "
        "the same person. You see your own record only, by looking up its ID in your files; of the other you are told "
        "how far each identifier agrees."
    )
    yield "<h2>How to judge</h2>"
    yield paragraph(
        "Look the person up and go to what differs. Would your own file explain it, or is your value certain? Write "
        f"your verdict into {sheet}: same, different or unsure, with one of these grounds. Where your file does not "
        "tell, say unsure: nothing is decided then. The note stays with you."
    )
    yield table(("ground", "what it means"), ((f"<code>{g.value}</code>", escape(GROUNDS[g])) for g in GROUNDS))
    yield paragraph(
        "That you are asked about a person means that another agency may know somebody alike. Use it to answer, and "
        "for nothing else; destroy this page and the sheet when the verdicts are sent.",
        "warn",
    )
    yield "<h2>Pairs</h2>"
    for _, row in rows.iterrows():
        yield f"<h3>{' and '.join(escape(str(row[column])) for column in own if row[column])}</h3>"
        yield paragraph(f"reference {row['reference']}", "soft")
        yield described(_agreement(row, identifiers))


def _agreement(row: pd.Series, identifiers: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Say what differs first: that is where a steward looks."""
    words = {name: str(row[name]) for name in identifiers}
    swapped = words.pop(NAME_ORDER.name, "") == "swapped"
    differing = [name for name, each in words.items() if each.startswith("differs")]
    if differing or swapped:
        yield "differs", ", ".join([*differing, *(["first and last name are swapped"] if swapped else [])])
    part = [f"{name} ({each.removeprefix('agrees ')})" for name, each in words.items() if each.startswith("agrees ")]
    if part:
        yield "agrees in part", ", ".join(part)
    for heading, wanted in (("agrees", "agrees"), ("missing in one of the two", "missing")):
        found = [name for name, each in words.items() if each == wanted]
        if found:
            yield heading, ", ".join(found)
