"""Hold a run that would change too many IDs, until somebody has looked at it.

Rules:

- Churn is the share of existing records that would show another ID. New records and withdrawals are not churn.
- Above the limit nothing is written. Confirming takes the name of the very plan that was shown; if the registry or
  the clusters have changed meanwhile, the name no longer fits and the new plan is shown instead.
- A handful of records never holds a run: in a small registry a single merge would.
"""

from __future__ import annotations

from linkage.errors import StoreError
from linkage.registry.model import Plan

CHURN_LIMIT = 0.01
"""Held above this share by default; a yearly update of good sources stays below a third of it."""

ALWAYS_ALLOWED = 10
"""So many changed records are let through whatever their share."""

NAME_LENGTH = 12


def plan_name(plan: Plan) -> str:
    """Return the short name under which a plan is confirmed."""
    return plan.sha256[:NAME_LENGTH]


def is_held(plan: Plan, limit: float = CHURN_LIMIT) -> bool:
    """Tell whether a plan changes more than may go unconfirmed."""
    return plan.changed > max(ALWAYS_ALLOWED, limit * plan.existing)


def refuse_if_held(plan: Plan, limit: float, confirmed: str) -> None:
    """Raise StoreError for a held plan unless ``confirmed`` names it."""
    if not is_held(plan, limit) or confirmed == plan_name(plan):
        return
    raise StoreError(
        f"This run is held: it would change the ID of {plan.changed} of {plan.existing} records"
        f" ({plan.churn:.2%}; the limit is {limit:.2%}). Nothing was changed.",
        ["the confirmation names another plan"] if confirmed else [],
        f"Look at the plan; if it is right, confirm it by its name, {plan_name(plan)}.",
    )
