"""Which day it is for an agreement: terms begin and end by the local date, as they do for who signs them.

Moments in files and in the ledger are UTC.
"""

from __future__ import annotations

from datetime import date, datetime


def local_day(moment: datetime) -> date:
    """Return the date of a moment where this machine stands."""
    return moment.astimezone().date()
