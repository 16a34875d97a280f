"""Terms count by the local date."""

import time
from datetime import UTC, date, datetime

import pytest

from linkage.governance.day import local_day

_LATE = datetime(2026, 6, 30, 23, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "day"), [("UTC0", date(2026, 6, 30)), ("EST5", date(2026, 6, 30)), ("JST-9", date(2026, 7, 1))]
)
def test_an_agreement_ends_with_the_last_local_day(monkeypatch, zone, day):
    with monkeypatch.context() as patched:
        patched.setenv("TZ", zone)
        time.tzset()
        assert local_day(_LATE) == day
    time.tzset()
