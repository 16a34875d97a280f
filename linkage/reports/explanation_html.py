"""Why pairs of records were or were not linked, as a page with waterfall charts and no value."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from linkage.reports.explanation import Explanation, not_compared, probability_text, sentences
from linkage.reports.page import page, paragraph, table
from linkage.reports.waterfall import waterfall


def explanation_html(found: tuple[Explanation, ...]) -> bytes:
    """Render pairs, likeliest first."""
    return page("Why linked, or why not", _body(found))


def _body(found: tuple[Explanation, ...]) -> Iterator[str]:
    yield "<h1>Why linked, or why not</h1>"
    yield paragraph(
        "Records are named by their agency and the start of their token; no value of any record is known at the hub. "
        "A bar is the weight of evidence in bits: each bit doubles the odds that both records are one person. The bars "
        "add up, from the prior of the two agencies to the total, which is the probability in another form.",
        "soft",
    )
    if len(found) > 1:
        rows = [
            (
                escape(str(each.a)),
                escape(str(each.b)),
                probability_text(each.probability) if each.evidence else "-",
                escape(each.outcome.value),
            )
            for each in found
        ]
        yield table(("record", "record", "probability", "outcome"), rows, frozenset({"probability"}))
    for each in found:
        yield f"<h2>{escape(str(each.a))} and {escape(str(each.b))}</h2>"
        yield from (paragraph(f"{sentence[0].upper()}{sentence[1:]}.") for sentence in sentences(each))
        if each.evidence is not None:
            yield f'<div class="wide">{waterfall(each.evidence)}</div>'
            if lacking := not_compared(each.evidence):
                yield paragraph(f"Missing in a record, so saying nothing: {', '.join(lacking)}.", "soft")
