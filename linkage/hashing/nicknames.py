"""Nicknames, so that BOB and ROBERT can meet in a block.

Rules:

- One nickname stands for one given name, the commonest: the table decides nothing but which records are *compared*.
  Filters hold the name as written, so BOB and ROBERT are compared as different names.
- The table is part of normalisation and has its version: were it another package's, an update there would change what
  agencies encode.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from functools import cache
from pathlib import Path

_TABLE = Path(__file__).with_name("nicknames.csv")


@cache
def _table() -> dict[str, str]:
    lines = (line for line in _TABLE.read_text(encoding="utf-8").splitlines() if not line.startswith("#"))
    return {row["nickname"]: row["given_name"] for row in csv.DictReader(lines)}


def full_given_names(names: Sequence[str]) -> list[str]:
    """Return canonical given names with the first word, if it is a nickname, replaced by the name it stands for."""
    table = _table()
    found = []
    for name in names:
        first, blank, rest = name.partition(" ")
        found.append(f"{table.get(first, first)}{blank}{rest}")
    return found
