"""The linkage certificate as a page, in the order in which linked data should be reported.

GUILD (Gilbert and others 2018) asks in four steps what was provided, how it was linked, what linkage error does to an
analysis, and how to report it; RECORD (Benchimol and others 2015) asks for the flow of records (6.3) and the methods
and quality of linkage (12.3). It says nothing that the certificate's JSON does not say.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

import numpy as np

from linkage.matching.described import IdentifierShares, WeightHistogram
from linkage.matching.quality import Certificate, Estimate, PairQuality
from linkage.matching.score import REVIEW_FLOOR
from linkage.reports.charts import Dot, Series, Stack, bar, dots, histogram, key, stacks, weight_bar
from linkage.reports.page import described, page, paragraph, table

#: What an identifier's bar in the table of weights is drawn to: few weights are beyond it.
_LONGEST_BITS = 16.0


def certificate_html(certificate: Certificate, heading: str) -> bytes:
    """Render a certificate; ``heading`` says which run it is of."""
    return page(f"Linkage certificate: {heading}", _body(certificate, heading))


def _body(certificate: Certificate, heading: str) -> Iterator[str]:
    yield "<h1>Linkage certificate</h1>"
    yield paragraph(heading, "soft")
    yield _headline(certificate)
    yield from (paragraph(f"Warning: {warning}", "warn") for warning in certificate.warnings)
    yield from _provided(certificate)
    yield from _linked(certificate)
    yield from _quality(certificate)
    yield from _groups(certificate)
    yield from _analysis(bool(certificate.link_rates))


def _headline(certificate: Certificate) -> str:
    after = certificate.after_clustering
    records = sum(source.records for source in certificate.sources)
    low, high = after.recall_interval
    right, found = f"of them right, as estimated ({_between(*precision_interval(after))})", "of all true pairs found"
    figures = (
        (f"{certificate.persons:,}", f"persons, of {records:,} records of {len(certificate.sources)} sources"),
        (f"{after.links:,}", "pairs of records linked"),
        (_share(after.estimated_precision), right) if after.links else ("-", "of them right: there are none"),
        (_share(after.estimated_recall), f"{found}, as estimated ({_between(low, high)})")
        if after.links or low < 1
        else ("-", f"{found}: none are expected"),
    )
    boxes = "".join(f"<div><b>{number}</b><span>{escape(what)}</span></div>" for number, what in figures)
    return f'<div class="figures">{boxes}</div>'


def precision_interval(estimate: Estimate) -> tuple[float, float]:
    """Return the interval of precision that goes with the interval of false links."""
    if not estimate.links:
        return 1.0, 1.0
    low, high = estimate.false_links_interval
    return 1.0 - high / estimate.links, 1.0 - low / estimate.links


def _share(share: float) -> str:
    return f"{share:.3f}".removeprefix("0")


def _between(low: float, high: float) -> str:
    return f"{_share(low)} to {_share(high)}"


def _provided(certificate: Certificate) -> Iterator[str]:
    yield "<h2>1. What was provided</h2>"
    yield paragraph(
        "GUILD step 1; RECORD 6.3. Each source's records, and how many were linked to another source's.", "soft"
    )
    rows = []
    for source in certificate.sources:
        alone = source.records - source.linked_records
        share = source.linked_records / source.records if source.records else 0.0
        rows.append(
            Stack(
                source.source,
                ((source.linked_records, "for"), (alone, "weak")),
                f"{source.records:,} records, {share:.1%} linked",
            )
        )
    yield stacks(rows, "Records of each source, linked and not linked")
    yield key(("for", "linked to another source"), ("weak", "not linked to any"))
    yield paragraph(
        "Not linked is not an error by itself: most people are not in every source. Sources that may hold a person "
        f"twice: {', '.join(s.source for s in certificate.sources if s.may_have_duplicates) or 'none'}. All others "
        "state that they hold nobody twice, and the estimates below rest on that."
    )
    yield "<h3>Missing values</h3>"
    yield paragraph(
        "Share of records without a usable value. A missing identifier says nothing for or against a link.", "soft"
    )
    names = list(dict.fromkeys(name for source in certificate.sources for name in source.missing))
    lines = [
        (
            escape(name),
            *(f"{s.missing[name]:.1%}" if name in s.missing else "not held" for s in certificate.sources),
        )
        for name in names
    ]
    sources = [source.source for source in certificate.sources]
    yield table(("identifier", *sources), lines, frozenset(sources), dense=True)


def _linked(certificate: Certificate) -> Iterator[str]:
    yield "<h2>2. How it was linked</h2>"
    yield paragraph("GUILD step 2; RECORD 12.3.", "soft")
    yield described(
        (
            ("linkage spec", f"{certificate.spec}, SHA-256 {certificate.spec_sha256}"),
            ("encoding", "Bloom filters keyed per block and pass with a secret that the hub does not hold"),
            ("model", "Fellegi-Sunter on ordered levels of Dice similarity; matches who stayed or moved, relatives, "
             "and unrelated pairs; no labels were used"),
            ("estimation", f"{'settled' if certificate.converged else 'NOT settled'} after {certificate.rounds} "
             f"rounds; {certificate.moved_share:.1%} of matches moved between the sources' records"),
            ("decision", f"linked above a probability of {certificate.link_threshold:g}, strongest first, one record "
             f"of a duplicate-free source to a person; {certificate.conflicts:,} links refused by that rule"),
        )
    )  # fmt: skip
    if certificate.histogram is not None:
        yield "<h3>How clear the decisions were</h3>"
        yield paragraph(
            "Pairs of records by the log odds of being one person; one bit doubles the odds. The shaded band is where "
            "pairs are kept for review though they are not linked. A valley between the two hills means that few "
            "decisions were close. Heights are logarithmic."
        )
        yield _histogram(certificate.histogram, certificate.link_threshold)
        yield key(
            ("for", "linked"), ("weak", "below the threshold"), ("against", "refused"), ("total", "within a source")
        )
    if certificate.identifiers:
        yield "<h3>What each identifier says</h3>"
        yield paragraph(
            "m is the share of matches, u the share of unrelated pairs that agree so; their ratio is the weight, in "
            "bits. u was measured by the agencies on random pairs of their own records, m was estimated. "
            "m is of matches who stayed; for those who moved, an address says next to nothing."
        )
        yield table(
            ("identifier", "agreement", "m", " ", "u", "  ", "weight", "   "),
            (row for identifier in certificate.identifiers for row in _level_rows(identifier)),
            frozenset({"m", "u", "weight"}),
            dense=True,
        )


def _histogram(found: WeightHistogram, threshold: float) -> str:
    edges = [float(found.from_bits + found.width * place) for place in range(len(found.linked) + 1)]
    line, floor = _log_odds(threshold), _log_odds(REVIEW_FLOOR)
    series = (
        Series("linked", "for", found.linked),
        Series("below the threshold", "weak", found.below),
        Series("refused", "against", found.refused),
        Series("within a source", "total", found.within_source),
    )
    title = "Histogram of log odds with threshold and review band"
    return histogram(series, edges, ((line, "threshold"),), (floor, line), title)


def _log_odds(probability: float) -> float:
    return float(np.log2(probability / (1.0 - probability)))


def _level_rows(identifier: IdentifierShares) -> Iterator[tuple[str, ...]]:
    for place, level in enumerate(identifier.levels):
        name = "" if place else f"<b>{escape(identifier.identifier)}</b> <span class='soft'>{identifier.about}</span>"
        yield (
            name,
            escape(level.agreement),
            f"{level.m:.3f}",
            bar(level.m, "for"),
            f"1 in {1 / level.u:,.0f}" if level.u < 0.001 else f"{level.u:.3f}",
            bar(level.u, "weak"),
            f"{level.bits:+.1f}",
            weight_bar(level.bits, _LONGEST_BITS),
        )


def _quality(certificate: Certificate) -> Iterator[str]:
    yield "<h2>3. How good the links are</h2>"
    yield paragraph(
        "GUILD step 2; RECORD 12.3. All figures are estimates made without labels; the truth lies within an interval "
        "95 % of the time.",
        "soft",
    )
    pairs = certificate.source_pairs
    numbers = ("links", "false links", "interval", "true pairs there are", "never compared", "pairs compared")
    yield table(
        ("sources", *numbers),
        (
            *(_pair_row(pair) for pair in pairs),
            *((_row("<b>all</b>", certificate.after_clustering, "", "", ""),) if len(pairs) > 1 else ()),
        ),
        frozenset(numbers),
    )
    linked = [pair for pair in pairs if pair.after_clustering.links]
    if linked:
        yield "<h3>Precision: what share of the links is right</h3>"
        yield dots([_precision(pair) for pair in linked], "Estimated precision of each pair of sources")
    if any(pair.expected_matches >= 1 for pair in pairs):
        yield "<h3>Recall: what share of the true pairs was found</h3>"
        found = [_recall(pair) for pair in pairs if pair.expected_matches >= 1]
        yield dots(found, "Estimated recall of each pair of sources")
    yield paragraph(
        "Precision rests on a placebo: within a source that holds nobody twice every pair that looks like a link is "
        "false, and the rate of such pairs is carried over to pairs of sources. Recall holds the links against the "
        "true pairs there are: those among the pairs compared, and those that no pass brought together, which are "
        "estimated from which passes the others share."
    )


def _pair_row(pair: PairQuality) -> tuple[str, ...]:
    return _row(
        escape(_name(pair)),
        pair.after_clustering,
        f"{pair.expected_matches:,.0f}",
        f"{pair.never_compared:,.0f}",
        f"{pair.compared_pairs:,}",
    )


def _row(name: str, estimate: Estimate, expected: str, never: str, compared: str) -> tuple[str, ...]:
    low, high = estimate.false_links_interval
    return (
        name,
        f"{estimate.links:,}",
        f"{estimate.estimated_false_links:,.0f}",
        f"{low:,.0f} to {high:,.0f}",
        expected,
        never,
        compared,
    )


def _name(pair: PairQuality) -> str:
    return pair.source_a if pair.source_a == pair.source_b else f"{pair.source_a} - {pair.source_b}"


def _precision(pair: PairQuality) -> Dot:
    return Dot(_name(pair), pair.after_clustering.estimated_precision, *precision_interval(pair.after_clustering))


def _recall(pair: PairQuality) -> Dot:
    return Dot(_name(pair), pair.after_clustering.estimated_recall, *pair.after_clustering.recall_interval)


def _groups(certificate: Certificate) -> Iterator[str]:
    if not certificate.link_rates:
        return
    yield "<h2>4. Who is missed</h2>"
    yield paragraph(
        "GUILD step 2; RECORD 12.3. What share of a dataset's persons was linked to another provider, by group, in "
        "bands. A group is hidden where it is small, or where it would tell of a small one.",
        "soft",
    )
    rates = certificate.link_rates
    for dataset, element in dict.fromkeys((rate.dataset, rate.element) for rate in rates):
        yield f"<h3>{escape(dataset)} by {escape(element)}</h3>"
        mine = [rate for rate in rates if (rate.dataset, rate.element) == (dataset, element)]
        rows = [(escape(rate.group), escape(rate.rate)) for rate in mine]
        yield table(("group", "linked"), rows, frozenset({"linked"}), dense=True)
    yield paragraph(
        "Groups differ in linkage for two reasons that these rates cannot tell apart: they may be in other sources "
        "more or less often, and their true links may be missed more or less often. A group far below the others "
        "deserves a question to its agency before results are compared by that group."
    )


def _analysis(numbered: bool) -> Iterator[str]:
    yield f"<h2>{5 if numbered else 4}. What this means for an analysis</h2>"
    yield paragraph("GUILD steps 3 and 4; RECORD 12.3, 19.1.", "soft")
    points = (
        "A missed link makes a person look as if nothing had happened to them: rates of later events are too low, and "
        "most so in the pairs of sources with the lowest recall above.",
        "A false link gives a person somebody else's events: differences between groups shrink.",
        "Missed links are seldom spread evenly: movers, twins and people whose names are written in several ways are "
        "missed more often. A release's certificate gives link rates by group where the agreement lets groups be used.",
        "Report with every result: the spec and its hash, the precision and recall of the pairs of sources that the "
        "result rests on, and how it changes if the weakest links are left out.",
    )
    yield f"<ul>{''.join(f'<li>{escape(point)}</li>' for point in points)}</ul>"
