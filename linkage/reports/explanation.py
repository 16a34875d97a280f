"""Why two records were or were not linked, on the terminal: a waterfall of weights, and no value.

The bars are drawn on one scale of bits from the prior to the total: full blocks speak for one person, light ones
against.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.table import Table

from linkage.matching.evidence import Evidence
from linkage.matching.outcome import Outcome, Record
from linkage.matching.score import LINK_THRESHOLD, REVIEW_FLOOR

_BAR = 26
#: A term smaller than this is not worth a bar.
_SHOWN_BITS = 0.05


@dataclass(frozen=True)
class Explanation:
    """Everything that is known of a pair; ``evidence`` is None where the records were never compared.

    ``passes_met`` are those in which they share a block, of ``passes_possible`` in which both take part.
    ``student_a`` and ``student_b`` are common student IDs, empty where there are none; ``registry`` says what the
    registry adds to the run: decisions by hand, withdrawals.
    """

    a: Record
    b: Record
    outcome: Outcome
    reason: str
    evidence: Evidence | None
    passes_met: tuple[str, ...]
    passes_possible: tuple[str, ...]
    student_a: str
    student_b: str
    registry: tuple[str, ...]

    @property
    def probability(self) -> float:
        """The probability of being one person, 0 where the records were never compared."""
        return self.evidence.probability if self.evidence else 0.0


@dataclass(frozen=True)
class Step:
    """One bar of a waterfall: from where to where on the scale of bits."""

    label: str
    detail: str
    start: float
    end: float
    total: bool = False

    @property
    def bits(self) -> float:
        """The height of the bar, a total's from zero."""
        return self.end if self.total else self.end - self.start

    @property
    def written(self) -> str:
        """The height to a tenth of a bit, with its sign unless it is nothing."""
        return f"{self.bits:+.1f}" if abs(self.bits) >= _SHOWN_BITS else "0.0"


def steps(evidence: Evidence) -> tuple[Step, ...]:
    """Return the bars of a waterfall, from the prior to the total."""
    return tuple(_steps(evidence))


def _steps(evidence: Evidence) -> Iterator[Step]:
    at = evidence.prior_bits
    yield Step("prior", f"one pair in {2.0**-at + 1:,.0f}", 0.0, at)
    for each in evidence.contributions:
        if each.level:
            yield Step(each.identifier, each.agreement, at, at + each.bits)
            at += each.bits
    others = (
        (f"has {evidence.state}", f"as {evidence.state_share:.0%} of matches have", evidence.state_bits),
        ("or has not", "what the other state adds", evidence.other_state_bits),
        ("or a relative", "who would agree so too", evidence.relatives_bits),
    )
    for label, detail, bits in others:
        if abs(bits) >= _SHOWN_BITS:
            yield Step(label, detail, at, at + bits)
            at += bits
    yield Step("total", f"probability {probability_text(evidence.probability)}", 0.0, evidence.total_bits, total=True)


def not_compared(evidence: Evidence) -> tuple[str, ...]:
    """Return the identifiers that one of the two records lacks; they say nothing."""
    return tuple(each.identifier for each in evidence.contributions if not each.level)


def probability_text(probability: float) -> str:
    """Write a probability so that neither end is rounded to certainty."""
    if probability > 0.9999:
        return "over .9999"
    return f"{probability:.4f}".removeprefix("0") if probability >= 0.0001 else "below .0001"


def show_explanations(console: Console, found: tuple[Explanation, ...], most: int = 3) -> None:
    """Print pairs, likeliest first: all in a table where there are several, the first ``most`` in full."""
    if len(found) > 1:
        console.print(_overview(found))
    for explanation in found[:most]:
        _show(console, explanation)
    if len(found) > most:
        console.print(f"{len(found) - most} more pairs in the table above; name two records to see one in full")
    if any(each.evidence for each in found):
        console.print(
            f"A bit doubles the odds; the bars add up. Linked above {LINK_THRESHOLD:g}, kept for review from "
            f"{REVIEW_FLOOR:g} on.",
            soft_wrap=True,
        )


def _overview(found: tuple[Explanation, ...]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, title=f"{len(found)} pairs of records, likeliest first", title_justify="left")
    for heading in ("record", "record", "probability", "outcome"):
        table.add_column(heading, justify="right" if heading == "probability" else "left", overflow="fold")
    for each in found:
        shown = probability_text(each.probability) if each.evidence else "-"
        table.add_row(str(each.a), str(each.b), shown, each.outcome.value)
    return table


def _show(console: Console, explanation: Explanation) -> None:
    console.print(f"\n[bold]{explanation.a}[/] and [bold]{explanation.b}[/]")
    for line in sentences(explanation):
        console.print(line, soft_wrap=True)
    if explanation.evidence is None:
        return
    for line in _waterfall(explanation.evidence):
        console.print(line, soft_wrap=True, markup=False)
    lacking = not_compared(explanation.evidence)
    if lacking:
        console.print(f"missing in a record, so saying nothing: {', '.join(lacking)}", soft_wrap=True)


def sentences(explanation: Explanation) -> tuple[str, ...]:
    """Say in words what was decided, why, where the records met, and what the registry says."""
    met, possible = explanation.passes_met, explanation.passes_possible
    where = f"met in {len(met)} of the {len(possible)} passes in which both take part"
    named = f": {', '.join(met)}" if met else ""
    return (
        f"{explanation.outcome.value}: {explanation.reason}",
        where + named,
        _students(explanation),
        *explanation.registry,
    )


def _students(explanation: Explanation) -> str:
    one, other = explanation.student_a, explanation.student_b
    if not one and not other:
        return "registry: neither record has a common student ID yet"
    if one == other:
        return f"registry: both are {one}"
    return f"registry: {explanation.a} is {one or 'without an ID'}, {explanation.b} is {other or 'without an ID'}"


def _waterfall(evidence: Evidence) -> Iterator[str]:
    bars = steps(evidence)
    low = min(0.0, *(min(bar.start, bar.end) for bar in bars))
    high = max(0.0, *(max(bar.start, bar.end) for bar in bars))
    wide, said = (
        max(len(text) for text in column) for column in zip(*((b.label, b.detail) for b in bars), strict=True)
    )
    yield f"  {'':{wide}}  {'agreement':{said}}    bits  {low:<+6.0f}{high:>+{_BAR - 6}.0f}"
    for bar in bars:
        if bar.total:
            yield f"  {'-' * (wide + said + _BAR + 12)}"
        yield f"  {bar.label:{wide}}  {bar.detail:{said}}  {bar.written:>6}  {_bar(bar, low, high)}"


def _bar(bar: Step, low: float, high: float) -> str:
    scale = _BAR / (high - low) if high > low else 0.0
    first, last = sorted((round((bar.start - low) * scale), round((bar.end - low) * scale)))
    return " " * first + ("█" if bar.end >= bar.start else "░") * max(last - first, int(abs(bar.bits) >= _SHOWN_BITS))
