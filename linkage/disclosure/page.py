"""The steward's page: why each cell of a release is hidden. For the hub alone, for it tells which cells are small."""

from __future__ import annotations

from html import escape

import pandas as pd

from linkage.disclosure.certificate import SystemAudited
from linkage.disclosure.protect import ProtectedRelease

STYLE = """body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color:#1a1a1a}
table{border-collapse:collapse;margin:1rem 0;width:100%}caption{text-align:left;font-weight:600}
th,td{border-bottom:1px solid #ddd;padding:.25rem .5rem;text-align:left}td.number{text-align:right}
tr.primary{background:#fbe3e0}tr.complementary{background:#fdf3d7}
.notice{border-left:4px solid #b3261e;padding:.5rem 1rem;background:#fbe3e0}"""


def steward_page(result: ProtectedRelease) -> str:
    """Render every hidden cell of a release, with its reason, and what the audit found."""
    certificate = result.certificate
    parts = [
        f"<h1>What is hidden in {escape(certificate.release)}, and why</h1>",
        '<p class="notice">Confidential. This page tells small cells from the others and shows their values; '
        "it stays at the hub.</p>",
        f"<p>Readers see {escape(certificate.rules.symbol)} in every hidden cell. A <em>primary</em> cell is hidden "
        "for what it holds; a <em>complementary</em> one because a primary cell could be worked out from it.</p>",
        "<h2>What an attacker could work out</h2>",
    ]
    for system in certificate.systems:
        about = system.measure if system.population == "all" else f"{system.measure} of {system.population}"
        about += f" ({', '.join(system.vintages)})" if system.vintages else ""
        parts.append(
            f"<p><b>{escape(about)}</b>: of {system.distinct_cells:,} different sums {system.hidden_cells:,} are "
            f"hidden. {_outcome(system)}</p>"
        )
    for name, frame in result.explanation:
        parts.append(f"<h2>{escape(name)}</h2>")
        parts.append(_hidden_cells(frame))
    body = "\n".join(parts)
    title = escape(certificate.release)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}: hidden cells</title>'
        f"<style>{STYLE}</style></head><body>\n{body}\n</body></html>\n"
    )


def _outcome(system: SystemAudited) -> str:
    """Say what the audit found about one system."""
    if system.narrowest_interval is None:
        return "None of them needed protection."
    low, high = system.narrowest_interval
    word = "" if system.narrowest_is_exact else "at least "
    ceiling = "any number" if high is None else f"{high:,.0f}"
    found = (
        f"A solver attacked the {system.targets:,} that need protection: the best it could say of any is "
        f"{word}{low:,.0f} to {ceiling}."
    )
    if system.already_public:
        found += f" {system.already_public:,} small cells were printed by an earlier release and cannot be taken back."
    if system.earlier_releases:
        found += f" It had releases {escape(', '.join(system.earlier_releases))} too."
    if system.cost_above_least is not None:
        found += f" A better pattern might save {system.cost_above_least:.1%} of the complementary cells' cost."
    return found


def _hidden_cells(frame: pd.DataFrame) -> str:
    hidden = frame[frame["status"] != "published"]
    if hidden.empty:
        return "<p>Nothing is hidden.</p>"
    head = "".join(f'<th scope="col">{escape(str(column))}</th>' for column in hidden.columns)
    rows = []
    for record in hidden.to_dict("records"):
        cells = "".join(
            f'<td class="number">{value:,.10g}</td>' if column == "value" else f"<td>{escape(str(value))}</td>"
            for column, value in record.items()
        )
        rows.append(f'<tr class="{record["status"]}">{cells}</tr>')
    counts = hidden["status"].value_counts()
    caption = ", ".join(f"{count} {status}" for status, count in counts.items())
    return f"<table><caption>{caption}, of {len(frame)} cells</caption><tr>{head}</tr>{''.join(rows)}</table>"
