"""Where the ready specs and agreements are found.

They live at the top of the repository, where people look for them, and travel inside the installed wheel.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

_PACKAGE = Path(__file__).parent
_SHIPPED = _PACKAGE / "_shipped"


def shipped(kind: Literal["configs", "agreements"]) -> Path:
    """Return the folder of ready ``configs`` or ``agreements``."""
    installed = _SHIPPED / kind
    return installed if installed.is_dir() else _PACKAGE.parent / kind
