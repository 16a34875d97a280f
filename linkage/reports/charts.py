"""Small charts as SVG text: shares with intervals, stacked bars, a histogram, and a bar for a table's cell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape


@dataclass(frozen=True)
class Dot:
    """A share with its interval; ``low`` and ``high`` are the share itself where there is none."""

    label: str
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Stack:
    """A bar of parts, each a number with the class that colours it."""

    label: str
    parts: tuple[tuple[float, str], ...]
    text: str


@dataclass(frozen=True)
class Series:
    """One colour of a stacked histogram: a count for each bin."""

    name: str
    kind: str
    counts: tuple[int, ...]


_ROW, _TOP = 26, 26


def dots(rows: Sequence[Dot], title: str, label_width: int = 250, width: int = 880) -> str:
    """Draw shares on an axis that ends at 1 and begins below the least of them."""
    start = _axis_start(min((row.low for row in rows), default=0.0))
    plot, height = width - label_width - 150, _TOP + _ROW * len(rows) + 6

    def x(share: float) -> float:
        return label_width + (share - start) / (1.0 - start) * plot

    ticks = [start + (1.0 - start) * part / 4 for part in range(5)]
    parts = [_open(width, height, title)]
    for tick in ticks:
        parts.append(f'<line class="axis" x1="{x(tick):.1f}" x2="{x(tick):.1f}" y1="{_TOP - 6}" y2="{height}"/>')
        parts.append(f'<text class="soft" x="{x(tick):.1f}" y="{_TOP - 11}" text-anchor="middle">{_share(tick)}</text>')
    for place, row in enumerate(rows):
        y = _TOP + _ROW * place + _ROW / 2
        parts.append(f'<text x="0" y="{y + 4}">{escape(row.label)}</text>')
        parts.append(f'<line class="whisker" x1="{x(row.low):.1f}" x2="{x(row.high):.1f}" y1="{y}" y2="{y}"/>')
        parts.append(f'<circle class="for" cx="{x(row.value):.1f}" cy="{y}" r="5"/>')
        between = f" ({_share(row.low)} to {_share(row.high)})" if row.high > row.low else ""
        parts.append(f'<text x="{width}" y="{y + 4}" text-anchor="end">{_share(row.value)}{between}</text>')
    return "".join([*parts, "</svg>"])


def stacks(rows: Sequence[Stack], title: str, label_width: int = 170, width: int = 880) -> str:
    """Draw stacked bars on one scale."""
    most = max((sum(size for size, _ in row.parts) for row in rows), default=1.0) or 1.0
    plot, height = width - label_width - 240, _ROW * len(rows) + 6
    parts = [_open(width, height, title)]
    for place, row in enumerate(rows):
        y, at = _ROW * place + 4, float(label_width)
        parts.append(f'<text x="0" y="{y + 14}">{escape(row.label)}</text>')
        for size, kind in row.parts:
            wide = size / most * plot
            parts.append(f'<rect class="{kind}" x="{at:.1f}" y="{y}" width="{wide:.1f}" height="{_ROW - 8}"/>')
            at += wide
        parts.append(f'<text class="soft" x="{at + 8:.1f}" y="{y + 14}">{escape(row.text)}</text>')
    return "".join([*parts, "</svg>"])


def histogram(
    series: Sequence[Series], edges: Sequence[float], marks: Sequence[tuple[float, str]], band: tuple[float, float],
    title: str, width: int = 880, height: int = 300,
) -> str:  # fmt: skip
    """Draw stacked counts on a logarithmic height, a shaded band and marked places on the axis.

    ``edges`` has one more entry than there are bins. Each colour's share of a bar is its share of the count.
    """
    left, right, bottom, top = 52, 22, 34, 20
    totals = [sum(counts) for counts in zip(*(one.counts for one in series), strict=True)]
    most = max(1, *totals)
    decades = math.ceil(math.log10(most + 1))
    plot_height, plot_width = height - bottom - top, width - left - right

    def x(value: float) -> float:
        return left + (value - edges[0]) / (edges[-1] - edges[0]) * plot_width

    def y(count: float) -> float:
        return top + plot_height * (1 - math.log10(1 + count) / decades)

    parts = [_open(width, height, title)]
    parts.append(
        f'<rect class="band" x="{x(band[0]):.1f}" y="{top}" width="{x(band[1]) - x(band[0]):.1f}" '
        f'height="{plot_height}"/>'
    )
    for power in range(decades + 1):
        count = 10**power
        parts.append(
            f'<line class="axis" x1="{left}" x2="{width - right}" y1="{y(count - 1):.1f}" y2="{y(count - 1):.1f}"/>'
        )
        if power:
            parts.append(
                f'<text class="soft" x="{left - 6}" y="{y(count - 1) + 4:.1f}" text-anchor="end">{count:,}</text>'
            )
    for place, total in enumerate(totals):
        wide, base = x(edges[place + 1]) - x(edges[place]) - 1, y(0)
        for one in series:
            if one.counts[place]:
                tall = (y(0) - y(total)) * one.counts[place] / total
                base -= tall
                parts.append(
                    f'<rect class="{one.kind}" x="{x(edges[place]):.1f}" y="{base:.1f}" width="{wide:.1f}" '
                    f'height="{tall:.1f}"><title>{one.counts[place]:,} {escape(one.name)}</title></rect>'
                )
    parts += [
        f'<text class="soft" x="{x(edge):.1f}" y="{height - 18}" text-anchor="middle">{edge:+.0f}</text>'
        for edge in edges[:: max(1, len(edges) // 8)]
    ]
    for value, name in marks:
        parts.append(
            f'<line class="dashed" x1="{x(value):.1f}" x2="{x(value):.1f}" y1="{top}" y2="{top + plot_height}"/>'
        )
        parts.append(f'<text x="{x(value) + 4:.1f}" y="{top - 6}">{escape(name)}</text>')
    parts.append(f'<text class="soft" x="{width - right}" y="{height - 3}" text-anchor="end">log odds, bits</text>')
    return "".join([*parts, "</svg>"])


def bar(share: float, kind: str, width: int = 110) -> str:
    """Return a bar of a share for a table's cell."""
    wide = max(0.0, min(1.0, share)) * width
    return (
        f'<svg width="{width}" height="12" aria-hidden="true"><rect class="band" width="{width}" height="12"/>'
        f'<rect class="{kind}" width="{wide:.1f}" height="12"/></svg>'
    )


def weight_bar(bits: float, most: float, width: int = 150) -> str:
    """Return a bar that goes right for evidence that speaks for a match, left for evidence against."""
    middle = width / 2
    wide = min(1.0, abs(bits) / most) * middle if most else 0.0
    at, kind = (middle, "for") if bits >= 0 else (middle - wide, "against")
    return (
        f'<svg width="{width}" height="12" aria-hidden="true"><rect class="band" width="{width}" height="12"/>'
        f'<rect class="{kind}" x="{at:.1f}" width="{wide:.1f}" height="12"/>'
        f'<line class="mark" x1="{middle}" x2="{middle}" y1="0" y2="12"/></svg>'
    )


def key(*items: tuple[str, str]) -> str:
    """Return what the colours mean: (class, text)."""
    colours = {"for": "--for", "against": "--against", "weak": "--weak", "total": "--accent", "band": "--band"}
    spans = "".join(f'<i style="background: var({colours[kind]})"></i>{escape(text)}' for kind, text in items)
    return f'<p class="key">{spans}</p>'


def _open(width: int, height: float, title: str) -> str:
    return f'<svg viewBox="0 0 {width} {height:.0f}" width="{width}" role="img" aria-label="{escape(title)}">'


def _axis_start(least: float) -> float:
    """Return a round share at or below the least, so that four steps to 1 are round as well."""
    return next((start for start in (0.98, 0.96, 0.92, 0.8, 0.6, 0.4) if least >= start), 0.0)


def _share(share: float) -> str:
    return f"{share:.3f}".removeprefix("0")
