"""Disclosure rules as the agreement states them, and which of several is the strictest.

Rules:

- Every number is the agreement's; none is a constant of the program. Three persons is the floor (NCES SLDS
  Technical Brief 3; PTAC: "3 is the absolute minimum").
- A dataset can only make a rule stricter. Where several datasets contribute, the strictest of each rule
  applies: the largest threshold, the widest p %, every dominance rule.
- Complementary suppression and the audit cannot be turned off; a manual release cannot be turned on.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, Self

from pydantic import Field

from linkage.governance.base import Clause, Count, ElementRef, Name, Share


class Dominance(Clause):
    """A cell is hidden when its ``largest`` contributors make more than ``share`` of the total."""

    largest: int = Field(ge=1, le=5)
    share: Share


class Microdata(Clause):
    """What rows of a research file must satisfy."""

    k: int = Field(ge=2, description="rows that share each combination of the quasi-identifiers")
    quasi_identifiers: tuple[ElementRef, ...] = Field(min_length=1)


class StricterRules(Clause):
    """What one dataset asks for beyond the agreement's own rules; absent means no more than those."""

    person_threshold: int | None = Field(None, ge=3)
    employer_threshold: int | None = Field(None, ge=3)
    dominance: tuple[Dominance, ...] = ()
    p_percent: float | None = Field(None, gt=0, le=100)
    zero_policy: Literal["suppress"] | None = None


class DisclosureControl(Clause):
    """The agreement's disclosure rules."""

    person_threshold: int = Field(ge=3, description="a cell of fewer persons is hidden")
    employer_threshold: int | None = Field(None, ge=3, description="a wage cell of fewer employers is hidden")
    dominance: tuple[Dominance, ...] = ()
    p_percent: float | None = Field(None, gt=0, le=100)
    zero_policy: Literal["publish", "suppress"] = "publish"
    extreme_rates: Literal["publish", "suppress"] = "suppress"
    complementary: Literal[True] = True
    audit: Literal[True] = True
    rate_bands: bool = Field(True, description="percentages are shown as bands that widen as n falls")
    rounding_base: Count = Field(0, description="0 for none")
    symbol: Name = "*"
    prior_releases: Literal["all"] = "all"
    prior_conflicts: Literal["refuse", "hide"] = Field(
        "refuse", description="where a table and one released before would give a hidden cell back"
    )
    manual_release: Literal[False] = False
    microdata: Microdata | None = None

    def with_strictest(self, rules: Iterable[StricterRules]) -> Self:
        """Return these rules, tightened by each of ``rules``."""
        all_rules: tuple[StricterRules | Self, ...] = (self, *rules)
        suppress_zeros = any(rule.zero_policy == "suppress" for rule in all_rules)
        return self.model_copy(
            update={
                "person_threshold": max(rule.person_threshold or 0 for rule in all_rules),
                "employer_threshold": _largest(rule.employer_threshold for rule in all_rules),
                # Rules with different numbers of contributors cannot be ranked, so all of them apply.
                "dominance": tuple(dict.fromkeys(each for rule in all_rules for each in rule.dominance)),
                "p_percent": _largest(rule.p_percent for rule in all_rules),
                "zero_policy": "suppress" if suppress_zeros else "publish",
            }
        )


def _largest(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)
