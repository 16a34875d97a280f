"""How work that takes long tells how far it has come, at the agency and at the hub alike."""

from __future__ import annotations

from collections.abc import Callable

#: Told a phase's name and the share of it that is done, in [0, 1].
Report = Callable[[str, float], None]
