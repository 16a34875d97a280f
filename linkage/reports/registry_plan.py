"""What a run of the registry does, or would do, on the terminal."""

from __future__ import annotations

from rich.console import Console

from linkage.registry.guard import plan_name
from linkage.registry.model import EventKind, Plan


def show_plan(console: Console, plan: Plan, run: int) -> None:
    """Print the events of a plan; ``run`` is 0 while it is not applied."""
    counts = ", ".join(f"{plan.count(kind):,} {kind.value}" for kind in EventKind if plan.count(kind))
    nothing = "nothing changed" if run else "nothing would change"
    console.print(f"{f'run {run}' if run else f'plan {plan_name(plan)}'}: {counts or nothing}")
    if plan.changed:
        console.print(f"{plan.changed:,} existing records change their ID ({plan.churn:.2%})")
    if plan.conflicts:
        console.print(f"{len(plan.conflicts):,} pieces of evidence were not followed: `linkage hub ids conflicts`")
