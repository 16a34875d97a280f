"""The agreement as a page to read, print and sign by hand.

Rules:

- Self-contained HTML: no script, no font, no picture, no address is fetched. Every value is escaped.
- The hash of the YAML is on the first page and at the foot of every printed page, so that the paper and the file
  are known to be the same agreement.
- What no machine checks is said at the end, so that nobody takes silence for enforcement.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from linkage.governance.prose import preamble, sections
from linkage.governance.prose_parts import DefinedMeasure, Grid, Section, day
from linkage.governance.standing import StandingAgreement

_STYLE = """
:root { --ink: #1a1a1a; --soft: #5c5c5c; --line: #d4d4d4; }
* { box-sizing: border-box; }
body { font: 11pt/1.5 Georgia, 'Times New Roman', serif; color: var(--ink); max-width: 46rem; margin: 3rem auto;
       padding: 0 1.5rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .4rem; }
h2 { font-size: 1.1rem; margin: 2rem 0 .4rem; }
h2 small { font: .72rem ui-monospace, Menlo, monospace; color: var(--soft); float: right; padding-top: .3rem; }
p { margin: .4rem 0; }
ol { list-style: none; padding: 0; margin: 0; }
ol li { display: grid; grid-template-columns: 3.2rem 1fr; margin: .4rem 0; overflow-wrap: anywhere; }
ol li > span { color: var(--soft); font-variant-numeric: tabular-nums; }
table { width: 100%; border-collapse: collapse; font-size: .86rem; margin: .8rem 0 1.2rem; }
caption { text-align: left; padding: .3rem 0; font-style: italic; caption-side: top; }
th, td { text-align: left; vertical-align: top; padding: .25rem .8rem .25rem 0; border-bottom: 1px solid var(--line);
         overflow-wrap: break-word; }
th { border-bottom-color: var(--ink); }
thead { display: table-header-group; }
tr, li { break-inside: avoid; }
h2, caption { break-after: avoid; }
code, .hash { font: .78rem ui-monospace, Menlo, monospace; overflow-wrap: anywhere; }
.status { display: inline-block; border: 1px solid var(--ink); padding: 0 .5rem; font-size: .8rem;
          text-transform: uppercase; letter-spacing: .06em; }
.facts { border-top: 2px solid var(--ink); border-bottom: 1px solid var(--line); padding: .6rem 0; margin: 1rem 0; }
.signature { border-top: 1px solid var(--line); padding: .8rem 0; break-inside: avoid; }
.signature .rule { border-bottom: 1px solid var(--ink); height: 2.2rem; max-width: 24rem; }
.note { color: var(--soft); font-size: .9rem; }
footer { margin-top: 2.5rem; border-top: 1px solid var(--line); padding-top: .4rem; color: var(--soft); }
tbody tr:first-child { break-before: avoid; }
@media print {
  body { margin: 0; padding: 0; max-width: none; font-size: 10.5pt; }
  footer { display: none; }
}
"""
_PAGE_FOOT = """
@page { margin: 2cm 2cm 2.2cm;
  @bottom-left { content: "%s"; font: 7pt monospace; color: #5c5c5c; }
  @bottom-right { content: counter(page) " / " counter(pages); font: 7pt monospace; color: #5c5c5c; } }
"""
_UNCHECKED = (
    "whether the purpose is served, for instance whether a study improves instruction",
    "whether a method of protection is reasonable for the place where it is used",
    "what a recipient does with data outside this system, redisclosure and attempts to identify included",
    "cost, ownership, liability, law and disputes",
)


def render_html(agreement: StandingAgreement, measures: Mapping[str, DefinedMeasure]) -> str:
    """Return the agreement as one HTML page; ``measures`` are the defined ones that it may name, by ID."""
    terms = agreement.terms
    parts = sections(terms, measures)
    body = "\n".join(_section(number, section) for number, section in enumerate(parts, start=1))
    number = len(parts) + 1
    foot = f"{terms.id} version {terms.version}, SHA-256 {agreement.sha256}"  # an ID, a number and hex: safe in CSS
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(terms.title)}</title>
<style>{_STYLE}{_PAGE_FOOT % foot}</style>
</head>
<body>
<header>
<h1>{escape(terms.title)}</h1>
<p><span class="status">{escape(terms.status)}</span> {escape(terms.id)}, version {terms.version}</p>
<p>{escape(preamble(terms))}</p>
<div class="facts">
<p>This page is the prose of a file that machines enforce. Both are the same agreement if the file's SHA-256 is</p>
<p class="hash">{agreement.sha256}</p>
</div>
</header>
<main>
{body}
{_signatures(number, agreement)}
{_unchecked(number + 1)}
</main>
<footer class="hash">{escape(foot)}</footer>
</body>
</html>
"""


def _section(number: int, section: Section) -> str:
    items = "\n".join(
        f"<li><span>{number}.{place}</span><div>{escape(text)}</div></li>"
        for place, text in enumerate(section.paragraphs, start=1)
    )
    tables = "\n".join(_table(grid) for grid in section.tables)
    return f"<section>\n{_heading(number, section.title, section.source)}\n<ol>{items}</ol>\n{tables}\n</section>"


def _heading(number: int, title: str, source: str) -> str:
    return f"<h2><small>{escape(source)}</small>{number}. {escape(title)}</h2>"


def _table(grid: Grid) -> str:
    caption = f"<caption>{escape(grid.caption)}</caption>" if grid.caption else ""
    header = "".join(f'<th scope="col">{escape(name)}</th>' for name in grid.header)
    rows = "\n".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in grid.rows)
    return f"<table>{caption}<thead><tr>{header}</tr></thead>\n<tbody>{rows}</tbody></table>"


def _signatures(number: int, agreement: StandingAgreement) -> str:
    signed = {signature.party: signature for signature in agreement.signatures}
    blocks = []
    for party in agreement.terms.parties:
        person = f"{party.signatory.name}, {party.signatory.title}"
        who = f"<strong>{escape(party.legal_name)}</strong>, {escape(person)}"
        signature = signed.get(party.id)
        if signature is None:
            mark = '<div class="rule"></div><p class="note">Signature and date. Not yet signed electronically.</p>'
        else:
            fingerprint = party.public_keys().fingerprint
            mark = (
                f"<p>Signed electronically on {day(signature.date)} with the key <code>{fingerprint}</code></p>"
                f"<p><code>{escape(signature.signature)}</code></p>"
            )
        blocks.append(f'<div class="signature"><p>{who}</p>{mark}</div>')
    intro = (
        "<p>By signing, each signatory states that he or she may bind the party named. A signature by hand is to this "
        "page; an electronic one is to the file whose SHA-256 is printed on it. Either binds to both.</p>"
    )
    return f"<section>\n{_heading(number, 'Signatures', 'signatures')}\n{intro}{''.join(blocks)}\n</section>"


def _unchecked(number: int) -> str:
    items = "\n".join(
        f"<li><span>{number}.{place}</span><div>{escape(text)}</div></li>" for place, text in enumerate(_UNCHECKED, 1)
    )
    intro = (
        "<p>The system enforces the term, the data, the linkage, the outputs, disclosure control, training, review and "
        "destruction dates. People, not machines, judge:</p>"
    )
    return f"<section>\n{_heading(number, 'What no machine checks', '')}\n{intro}\n<ol>{items}</ol>\n</section>"
