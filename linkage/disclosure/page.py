"""The steward's page: why each cell of a release is hidden. For the hub alone, for it tells which cells are small."""

from __future__ import annotations

from html import escape

import pandas as pd

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
        "<h2>Audit</h2>",
    ]
    for system in certificate.systems:
        interval = "nothing needed protection"
        if system.narrowest_interval is not None:
            low, high = system.narrowest_interval
            word = "" if system.narrowest_is_exact else "at least "
            interval = f"narrowest interval left to an attacker: {word}{low:,.0f} to " + (
                "any number" if high is None else f"{high:,.0f}"
            )
        earlier = f"; with releases {', '.join(system.earlier_releases)}" if system.earlier_releases else ""
        parts.append(
            f"<p>{escape(system.measure)} of {escape(system.population)}: {system.distinct_cells:,} distinct cells, "
            f"{system.hidden_cells:,} hidden, {system.targets:,} attacked, {system.violations} violations; "
            f"{interval}{escape(earlier)}.</p>"
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
