"""What every test stands on: its verdict is the same on every day, machine and run.

Hypothesis draws the same examples each time and times none of them: a busy machine is no failure. For new examples,
``pytest --hypothesis-profile explore``.
"""

from hypothesis import HealthCheck, settings

_UNTIMED = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow], "print_blob": True}
settings.register_profile("explore", derandomize=False, **_UNTIMED)
settings.register_profile("repeatable", derandomize=True, database=None, **_UNTIMED)
settings.load_profile("repeatable")
