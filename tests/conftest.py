"""What every test stands on: its verdict is the same on every day, machine and run.

Hypothesis draws the same examples each time and times none of them: a busy machine is no failure. For new examples,
``pytest --hypothesis-profile explore``.
"""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

_UNTIMED = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow], "print_blob": True}
settings.register_profile("explore", derandomize=False, **_UNTIMED)
settings.register_profile("repeatable", derandomize=True, database=None, **_UNTIMED)
settings.load_profile("repeatable")


@pytest.fixture(scope="session", autouse=True)
def _surroundings() -> Iterator[None]:
    """Keep out what commands take from the terminal: how wide it is, whether it has colours, a secret left in it."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("COLUMNS", "100")
        for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "LINKAGE_SECRET"):
            patched.delenv(name, raising=False)
        yield
