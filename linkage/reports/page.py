"""A self-contained page: no script, font or image from elsewhere. It opens without a network, and prints."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

_STYLE = """
:root { color-scheme: light dark; --ink: #1a2230; --soft: #5b6675; --line: #d8dde4; --page: #fff; --band: #f1f4f7;
  --accent: #0b5cad; --for: #1f7a8c; --against: #c2571a; --weak: #9aa6b5; --warn: #8a3b00; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaf0; --soft: #9aa6b5; --line: #38424f; --page: #12171d;
  --band: #1a212a; --accent: #7ab8f5; --for: #4fb3c6; --against: #f08a4b; --weak: #5b6675; --warn: #f0a56a; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2.5rem 1.5rem 4rem; max-width: 68rem; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 .25rem; }
h2 { font-size: 1.2rem; margin: 2.75rem 0 .25rem; padding-top: .75rem; border-top: 2px solid var(--ink); }
h3 { font-size: 1rem; margin: 1.75rem 0 .25rem; }
p, li { max-width: 48rem; } p { margin: .25rem 0 .75rem; }
.soft { color: var(--soft); } .warn { color: var(--warn); font-weight: 600; }
code { font: .9em ui-monospace, "Cascadia Mono", Menlo, Consolas, monospace; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1.25rem; margin: 1rem 0; }
dt { color: var(--soft); } dd { margin: 0; }
table { border-collapse: collapse; width: 100%; margin: .75rem 0; font-size: .92rem; }
th { text-align: left; font-weight: 600; color: var(--soft); border-bottom: 1px solid var(--ink); }
th, td { padding: .4rem .75rem .4rem 0; vertical-align: middle; } td { border-bottom: 1px solid var(--line); }
.dense th, .dense td { padding-top: .1rem; padding-bottom: .1rem; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.figures { display: flex; flex-wrap: wrap; gap: 1rem; margin: 1.25rem 0; }
.figures div { flex: 1 1 11rem; background: var(--band); border-radius: 6px; padding: .75rem 1rem; }
.figures b { display: block; font-size: 1.6rem; line-height: 1.2; font-variant-numeric: tabular-nums; }
.figures span { color: var(--soft); font-size: .9rem; }
.wide { overflow-x: auto; }
svg { display: block; max-width: 100%; height: auto; } svg text { fill: var(--ink); font: 13px system-ui, sans-serif; }
svg .soft { fill: var(--soft); } svg .axis { stroke: var(--line); } svg .mark { stroke: var(--ink); }
svg .for { fill: var(--for); } svg .against { fill: var(--against); } svg .weak { fill: var(--weak); }
svg .total { fill: var(--accent); } svg .band { fill: var(--band); }
svg .whisker { stroke: var(--for); stroke-width: 2; } svg .dashed { stroke: var(--ink); stroke-dasharray: 4 3; }
.key { font-size: .9rem; color: var(--soft); } .key i { display: inline-block; width: .8em; height: .8em;
  border-radius: 2px; margin: 0 .35em 0 1em; } .key i:first-child { margin-left: 0; }
@media print { body { max-width: none; padding: 0; font-size: 10pt; } h2 { break-after: avoid; }
  tr, svg, .figures { break-inside: avoid; } }
"""


def page(title: str, body: Iterable[str]) -> bytes:
    """Return a whole page; ``body`` is HTML."""
    content = "\n".join(body)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n{content}\n</body>\n</html>\n"
    ).encode()


def table(
    headings: Sequence[str], rows: Iterable[Sequence[str]], numbers: frozenset[str] = frozenset(), dense: bool = False
) -> str:
    """Return a table of cells that are HTML already; the columns headed by ``numbers`` stand to the right."""
    kinds = [' class="number"' if heading in numbers else "" for heading in headings]
    head = "".join(f'<th scope="col"{kind}>{escape(h)}</th>' for h, kind in zip(headings, kinds, strict=True))
    body = "".join(
        f"<tr>{''.join(f'<td{kind}>{cell}</td>' for cell, kind in zip(row, kinds, strict=True))}</tr>" for row in rows
    )
    kind = ' class="dense"' if dense else ""
    return f'<div class="wide"><table{kind}><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def described(pairs: Iterable[tuple[str, str]]) -> str:
    """Return a list of terms and what each is, as text."""
    return f"<dl>{''.join(f'<dt>{escape(term)}</dt><dd>{escape(what)}</dd>' for term, what in pairs)}</dl>"


def paragraph(text: str, kind: str = "") -> str:
    """Return a paragraph of plain text."""
    return f"<p{f' class={kind!r}' if kind else ''}>{escape(text)}</p>"
