"""What makes a cell too small to publish, and how far from its value an attacker must be kept.

Rules:

- A table of persons: a cell of 1 to ``person_threshold - 1`` is *primary*. Hiding it is not enough: whoever
  solves the published sums must be left with an interval that reaches the threshold above and ends at least
  one below the value (an attacker who learns "one or two pupils" has learned a small cell).
- Employers: fewer than ``employer_threshold`` contributors, ``dominance`` (n, k): the n largest exceed k per
  cent of the total, ``p_percent``: the total without the two largest is less than p per cent of the largest
  (Handbook on Statistical Disclosure Control, 2nd ed., section 4.2).
- Where several agreements contribute, the strictest of each rule holds.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

TOTAL = "Total"
"""The code of a margin in every published dimension."""


class Dominance(BaseModel):
    """The (n, k) rule: a cell is unsafe when its ``n`` largest contributors exceed ``k`` per cent of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    n: int = Field(ge=1, le=10)
    k: float = Field(gt=0, lt=100)


class DisclosureRules(BaseModel):
    """The rules one release is held to; see the module for what each protects."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    person_threshold: int = Field(default=10, ge=0, description="fewest persons in a published cell")
    employer_threshold: int = Field(default=3, ge=0, description="fewest contributors, where a table names them")
    dominance: Dominance | None = None
    p_percent: float | None = Field(default=None, gt=0, le=100)
    zero_policy: Literal["publish", "sensitive"] = Field(
        default="publish",
        description="'sensitive' hides zeros too: a zero says that all of a group are elsewhere (0 or 100 %)",
    )
    protection: Literal["interval", "exact"] = Field(
        default="interval", description="'exact' only keeps an attacker from the exact value"
    )
    amount_range: float = Field(
        default=20.0, gt=0, le=100, description="per cent of a sum kept uncertain where no other rule says how much"
    )
    on_differencing: Literal["refuse", "hide"] = Field(
        default="refuse", description="when an earlier release would be undone: refuse, or hide more cells"
    )
    symbol: str = Field(default="*", min_length=1, max_length=8)

    @property
    def legend(self) -> str:
        """What a reader is told; it is the same for every hidden cell, so it says nothing about this one."""
        return (
            f"{self.symbol} not shown, to protect individuals. A value may be hidden because it is small or because "
            "it would let a hidden value elsewhere be worked out; the two are not told apart."
        )


def strictest(*rules: DisclosureRules) -> DisclosureRules:
    """Return the rules that satisfy every contributor at once."""
    if not rules:
        return DisclosureRules()
    percents = [rule.p_percent for rule in rules if rule.p_percent is not None]
    dominances = [rule.dominance for rule in rules if rule.dominance is not None]
    # Of (n, k) rules neither need imply the other; more contributors and a smaller share is at least as strict
    # as each of them, because the n largest never exceed the n + 1 largest.
    dominance = (
        Dominance(n=max(rule.n for rule in dominances), k=min(rule.k for rule in dominances)) if dominances else None
    )
    return DisclosureRules(
        person_threshold=max(rule.person_threshold for rule in rules),
        employer_threshold=max(rule.employer_threshold for rule in rules),
        dominance=dominance,
        p_percent=max(percents) if percents else None,
        zero_policy="sensitive" if any(rule.zero_policy == "sensitive" for rule in rules) else "publish",
        protection="interval" if any(rule.protection == "interval" for rule in rules) else "exact",
        amount_range=max(rule.amount_range for rule in rules),
        on_differencing="refuse" if any(rule.on_differencing == "refuse" for rule in rules) else "hide",
        symbol=rules[0].symbol,
    )
