"""The waterfall chart of a pair's evidence, as SVG."""

from __future__ import annotations

from html import escape

from linkage.matching.evidence import Evidence
from linkage.reports.explanation import Step, steps

_ROW, _LABEL, _DETAIL, _PLOT, _VALUE, _TOP = 24, 130, 190, 470, 60, 22


def waterfall(evidence: Evidence) -> str:
    """Draw the terms from the prior to the total; what speaks for one person goes right, what speaks against left."""
    bars = steps(evidence)
    low = min(0.0, *(min(bar.start, bar.end) for bar in bars))
    high = max(0.0, *(max(bar.start, bar.end) for bar in bars))
    scale = _PLOT / (high - low)
    origin = _LABEL + _DETAIL

    def x(bits: float) -> float:
        return origin + (bits - low) * scale

    height = _TOP + _ROW * len(bars) + 8
    width = origin + _PLOT + _VALUE
    parts = [
        f'<svg viewBox="0 0 {width} {height}" width="{width}" role="img" '
        f'aria-label="Waterfall of match weights, total {evidence.total_bits:+.1f} bits">',
        f'<line class="axis" x1="{x(0):.1f}" x2="{x(0):.1f}" y1="{_TOP - 6}" y2="{height - 6}"/>',
        f'<text class="soft" x="{x(0):.1f}" y="{_TOP - 10}" text-anchor="middle">even odds</text>',
    ]
    for place, bar in enumerate(bars):
        parts += _row(bar, _TOP + _ROW * place, x(bar.start), x(bar.end), width)
        if place + 1 < len(bars) and not bars[place + 1].total:
            y = _TOP + _ROW * place + _ROW - 5
            parts.append(f'<line class="axis" x1="{x(bar.end):.1f}" x2="{x(bar.end):.1f}" y1="{y}" y2="{y + 10}"/>')
    return "".join([*parts, "</svg>"])


def _row(bar: Step, top: float, start: float, end: float, width: float) -> list[str]:
    kind = "total" if bar.total else "for" if bar.end >= bar.start else "against"
    left, wide = min(start, end), max(abs(end - start), 1.0)
    weight = ' font-weight="600"' if bar.total else ""
    middle = top + 15
    return [
        f'<text x="0" y="{middle}"{weight}>{escape(bar.label)}</text>',
        f'<text class="soft" x="{_LABEL}" y="{middle}">{escape(_fitting(bar.detail))}'
        f"<title>{escape(bar.detail)}</title></text>",
        f'<rect class="{kind}" x="{left:.1f}" y="{top + 3}" width="{wide:.1f}" height="{_ROW - 8}" rx="2"/>',
        f'<text x="{width}" y="{middle}" text-anchor="end"{weight}>{bar.written}</text>',
    ]


def _fitting(text: str, most: int = 30) -> str:
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"
