"""The profile of an extract as one page: no script, font or image from elsewhere, no value, no small count."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape

from linkage.hashing.profile import Profile
from linkage.reports.check import LEGEND, pass_rows, remarks, summary
from linkage.reports.check_words import SMALL, count, share

_STYLE = """
:root { color-scheme: light dark; --ink: #1a2230; --soft: #5b6675; --line: #d8dde4; --page: #fff; --bar: #0b5cad;
  --warn: #8a3b00; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaf0; --soft: #9aa6b5; --line: #38424f; --page: #12171d;
  --bar: #7ab8f5; --warn: #f0a56a; } }
body { margin: 0 auto; padding: 2.5rem 1.5rem 4rem; max-width: 68rem; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
h1 { font-size: 1.75rem; margin: 0; } h2 { font-size: 1.2rem; margin: 2.5rem 0 .25rem; }
.soft { color: var(--soft); } li { color: var(--warn); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1.25rem; }
dt { color: var(--soft); } dd { margin: 0; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th { text-align: right; color: var(--soft); border-bottom: 1px solid var(--ink); font-weight: 600; }
td { text-align: right; border-bottom: 1px solid var(--line); font-variant-numeric: tabular-nums; }
th, td { padding: .4rem .75rem .4rem 0; } .name { text-align: left; }
dt:first-of-type + dd { font-weight: 600; }
meter { width: 8rem; accent-color: var(--bar); }
.wide { overflow-x: auto; }
"""


def check_html(profile: Profile, title: str, refused: str = "") -> bytes:
    """Render a profile as a self-contained page."""
    body = "\n".join(_page(profile, title, refused))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Check: {escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    ).encode()


def _page(profile: Profile, title: str, refused: str) -> Iterator[str]:
    yield f"<h1>{escape(title)}</h1>"
    yield f'<p class="soft">Profile before hashing. It holds no value, and no count from 1 to {SMALL - 1}.</p><dl>'
    yield from (f"<dt>{escape(heading)}</dt><dd>{escape(figure)}</dd>" for heading, figure in summary(profile, refused))
    yield "</dl>"
    found = list(remarks(profile))
    if found:
        yield "<h2>Look at</h2><ul>"
        yield from (f"<li>{escape(remark)}</li>" for remark in found)
        yield "</ul>"
    yield "<h2>Identifiers</h2>"
    yield from _table(
        ("identifier", "column", "usable", "", "missing", "placeholder", "invalid"),
        (
            (
                escape(each.name),
                escape(" + ".join(each.headers)),
                escape(share(each.usable, profile.rows)),
                _meter(each.usable, profile.rows),
                escape(count(each.missing, profile.rows)),
                escape(count(each.placeholder, profile.rows)),
                escape(count(each.invalid, profile.rows)),
            )
            for each in profile.identifiers
        ),
    )
    headings, rows = pass_rows(profile)
    usable = profile.rows - len(profile.quarantine.rows)
    yield f"<h2>Passes</h2><p class='soft'>{escape(LEGEND)}</p>"
    yield from _table(
        (*headings[:2], "", *headings[2:]),
        (
            (*map(escape, row[:2]), _meter(found.rows, usable), *map(escape, row[2:]))
            for row, found in zip(rows, profile.passes, strict=True)
        ),
    )


def _meter(number: int, of: int) -> str:
    """Return a bar in whole tenths: it must not tell more than the words beside it."""
    tenths = round(10 * number / of) if of else 0
    return f'<meter min="0" max="10" value="{tenths}"></meter>'


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield '<div class="wide"><table><thead><tr>'
    yield from (f"<th{_left(heading)}>{escape(heading)}</th>" for heading in headings)
    yield "</tr></thead><tbody>"
    for row in rows:
        yield f"<tr>{''.join(f'<td{_left(h)}>{cell}</td>' for h, cell in zip(headings, row, strict=True))}</tr>"
    yield "</tbody></table></div>"


def _left(heading: str) -> str:
    return ' class="name"' if heading in {"identifier", "column", "pass"} else ""
