"""The codebook: a data package's descriptor as a page that a person can read, search and print.

Rules:

- It says nothing that the descriptor (``datapackage.json``) does not say, so the two cannot disagree.
- One file: no script, no font, no image from elsewhere. It opens from a disk without a network.
- It may be shown to anyone: it holds no count of a group and no value of a person.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from pydantic import BaseModel, ConfigDict, Field

_STYLE = """
:root { color-scheme: light dark; --ink: #1a2230; --soft: #5b6675; --line: #d8dde4; --page: #fff; --band: #f4f6f8;
  --accent: #0b5cad; --warn: #8a3b00; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaf0; --soft: #9aa6b5; --line: #38424f; --page: #12171d;
  --band: #1a212a; --accent: #7ab8f5; --warn: #f0a56a; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2.5rem 1.5rem 4rem; max-width: 68rem; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 .25rem; }
h2 { font-size: 1.2rem; margin: 2.75rem 0 .25rem; padding-top: .75rem; border-top: 2px solid var(--ink); }
p { margin: .25rem 0 .75rem; max-width: 48rem; }
.soft { color: var(--soft); }
.due { color: var(--warn); font-weight: 600; }
a { color: var(--accent); }
code { font: .9em ui-monospace, "Cascadia Mono", Menlo, Consolas, monospace; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1.25rem; margin: 1rem 0; }
dt { color: var(--soft); } dd { margin: 0; }
table { border-collapse: collapse; width: 100%; margin: .75rem 0; font-size: .92rem; }
th { text-align: left; font-weight: 600; color: var(--soft); border-bottom: 1px solid var(--ink); }
th, td { padding: .45rem .75rem .45rem 0; vertical-align: top; }
td { border-bottom: 1px solid var(--line); }
td:first-child { font-weight: 600; }
td code { overflow-wrap: normal; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
.codes code { display: inline-block; background: var(--band); border: 1px solid var(--line); border-radius: 3px;
  padding: 0 .35rem; margin: 0 .25rem .25rem 0; }
.wide { overflow-x: auto; }
@media print { body { max-width: none; padding: 0; font-size: 10pt; } h2 { break-after: avoid; }
  tr { break-inside: avoid; } }
"""
_MOST_CODES = 60
_MISSING_HEAD = '<th class="number">Missing</th>'


class _Read(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class _Constraints(_Read):
    enum: tuple[str, ...] | None = None


class _Field(_Read):
    name: str
    type: str
    description: str = ""
    constraints: _Constraints | None = None
    ceds: str | None = None
    sources: tuple[str, ...] = ()
    coarsened: str | None = None
    missing_percent: int | None = None


class _Schema(_Read):
    fields: tuple[_Field, ...]
    primary_key: tuple[str, ...] | None = Field(None, alias="primaryKey")


class _Resource(_Read):
    title: str
    path: str
    rows: int
    hash: str
    table_schema: _Schema = Field(alias="schema")


class _Terms(_Read):
    agreement: str
    agreement_version: int
    agreement_sha256: str
    recipient: str
    users: tuple[str, ...] = ()
    purpose: str
    purpose_statement: str
    prohibited_uses: tuple[str, ...] = ()
    destroy_by: str
    ids: str
    citation: str | None = None
    legend: str | None = None
    notes: tuple[str, ...] = ()


class _Package(_Read):
    title: str
    created: str
    resources: tuple[_Resource, ...]
    linkage: _Terms


def codebook_html(datapackage: bytes) -> bytes:
    """Render a bundle's descriptor as a self-contained page."""
    package = _Package.model_validate_json(datapackage)
    body = "\n".join(_page(package))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Codebook: {escape(package.title)}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n{body}\n</body>\n</html>\n"
    ).encode()


def _page(package: _Package) -> Iterator[str]:
    terms = package.linkage
    yield f"<h1>{escape(package.title)}</h1>"
    yield f'<p class="soft">Codebook. Released {escape(package.created[:10])} to {escape(terms.recipient)}.</p>'
    yield "<dl>"
    yield f"<dt>Destroy by</dt><dd class='due'>{escape(terms.destroy_by)}</dd>"
    yield f"<dt>Purpose</dt><dd>{escape(terms.purpose)}: {escape(terms.purpose_statement)}</dd>"
    yield f"<dt>Users</dt><dd>{escape(', '.join(terms.users) or 'as the agreement names')}</dd>"
    yield f"<dt>Agreement</dt><dd>{escape(terms.agreement)}, version {terms.agreement_version}<br>"
    yield f"<code>{escape(terms.agreement_sha256)}</code></dd>"
    if terms.citation:
        yield f"<dt>Cite as</dt><dd>{escape(terms.citation)}</dd>"
    yield "</dl>"
    if any(field.name == "release_id" for file in package.resources for field in file.table_schema.fields):
        yield f"<p>{escape(terms.ids)} <em>Not linked</em>, <em>linked without a record</em> and <em>missing</em> are "
        yield "three different things.</p>"
    if terms.legend:
        yield f"<p>{escape(terms.legend)}</p>"
    yield from (f"<p>{escape(note)}</p>" for note in terms.notes)
    if terms.prohibited_uses:
        yield "<p>Not allowed:</p><ul>"
        yield from (f"<li>{escape(use)}</li>" for use in terms.prohibited_uses)
        yield "</ul>"
    for files in _same_columns(package.resources):
        yield from _section(files)


def _same_columns(resources: tuple[_Resource, ...]) -> list[list[_Resource]]:
    """Put a table's CSV and Parquet file together."""
    found: dict[str, list[_Resource]] = {}
    for resource in resources:
        found.setdefault(resource.path.rsplit(".", 1)[0], []).append(resource)
    return list(found.values())


def _section(files: list[_Resource]) -> Iterator[str]:
    first = files[0]
    names = " and ".join(f"<code>{escape(file.path)}</code>" for file in files)
    yield f"<h2>{escape(first.title)}</h2>"
    key = first.table_schema.primary_key
    keyed = f", one for each {escape(', '.join(key))}" if key else ""
    yield f'<p class="soft">{names}: {first.rows:,} rows{keyed}</p>'
    fields = first.table_schema.fields
    told = any(field.missing_percent is not None for field in fields)
    yield '<div class="wide"><table><thead><tr><th>Column</th><th>Type</th><th>Meaning</th><th>CEDS name</th>'
    yield f"<th>From</th>{_MISSING_HEAD if told else ''}</tr></thead><tbody>"
    for field in fields:
        yield from _row(field, told)
    yield "</tbody></table></div>"


def _row(field: _Field, missing_told: bool) -> Iterator[str]:
    kind = f"{field.type}<br><span class='soft'>{escape(field.coarsened)}</span>" if field.coarsened else field.type
    codes = field.constraints.enum if field.constraints and field.constraints.enum else ()
    shown = "".join(f"<code>{escape(code)}</code>" for code in codes[:_MOST_CODES])
    more = f" and {len(codes) - _MOST_CODES} more" if len(codes) > _MOST_CODES else ""
    listed = f"<div class='codes'>{shown}{more}</div>" if codes else ""
    sources = "<br>".join(f"<code>{escape(source).replace('.', '.<wbr>')}</code>" for source in _by_dataset(field))
    missing = f"{field.missing_percent} %" if field.missing_percent is not None else ""
    last = f"<td class='number'>{missing}</td>" if missing_told else ""
    yield (
        f"<tr><td>{escape(field.name)}</td><td>{kind}</td><td>{escape(field.description)}{listed}</td>"
        f"<td>{escape(field.ceds or '')}</td><td>{sources}</td>{last}</tr>"
    )


def _by_dataset(field: _Field) -> list[str]:
    """Put elements of one dataset together: ``provider.dataset.one, two``."""
    found: dict[str, list[str]] = {}
    for source in field.sources:
        provider, dataset, element = source.split(".", 2)
        found.setdefault(f"{provider}.{dataset}", []).append(element)
    return [f"{dataset}.{', '.join(elements)}" for dataset, elements in found.items()]
