"""What the public will have: every table as printed, and what the audit must find about it.

Rules:

- A hidden cell prints the symbol, whether it is primary or complementary.
- An earlier release appears as it was printed, in its own frame.
- Each sensitive cell of the system becomes one target of the audit, named by a published row.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from linkage.disclosure.audit import Published, Target
from linkage.disclosure.cells import PrintedTable, System, TableCells
from linkage.disclosure.rules import DisclosureRules
from linkage.disclosure.tables import COUNT


def what_is_published(
    system: System, hidden: np.ndarray, before: Sequence[PrintedTable], rules: DisclosureRules, own: int
) -> tuple[list[Published], list[Target]]:
    """Render every table as its reader has it, and state what the audit must find."""
    published: list[Published] = []
    first: dict[int, tuple[int, int]] = {}
    rows_of: list[np.ndarray] = []
    for number, cells in enumerate(system.tables):
        shown = cells.value.astype(object)
        if cells.table.measure == COUNT:
            shown = np.array([int(value) for value in cells.value], dtype=object)
        secret = hidden[cells.cell] | (system.already_public[cells.cell] if number < own else False)
        frame = cells.keys.copy()
        symbol = rules.symbol
        if number >= own:
            earlier = before[number - own]
            symbol = earlier.symbol
            columns = [*cells.table.key_columns, cells.table.measure]
            frame = earlier.published[columns].reset_index(drop=True)
        else:
            frame[cells.table.measure] = np.where(secret, symbol, shown)
        published.append(
            Published(
                cells.release, cells.table.name, frame, cells.table.level_columns, cells.table.measure, symbol,
                tuple((c, tuple(str(code) for code in allowed)) for c, allowed in cells.table.where.items()),
                system.atoms.frame_of[number],
            )
        )  # fmt: skip
        position = np.arange(len(cells.cell))
        if number >= own:
            position = _positions(cells, frame)
        rows_of.append(position)
        for row, cell in zip(position.tolist(), cells.cell.tolist(), strict=True):
            if row >= 0:
                first.setdefault(cell, (number, row))
    targets = []
    either = rules.protection == "exact"
    for cell in np.flatnonzero(system.sensitive):
        low, high = float(system.value[cell] - system.down[cell]), float(system.value[cell] + system.up[cell])
        if int(cell) in first:
            number, row = first[int(cell)]
            targets.append(Target(number, row, low, high, either=either))
        else:
            gap = system.differences[int(cell)]
            place = int(rows_of[gap.table][gap.row])
            less = None if gap.less is None else (gap.less[0], int(rows_of[gap.less[0]][gap.less[1]]))
            targets.append(Target(gap.table, place, low, high, gap.lacking, either, less))
    return published, targets


def _positions(cells: TableCells, frame: pd.DataFrame) -> np.ndarray:
    """Return, for each cell, its row in an earlier release's frame, or -1."""
    columns = list(cells.table.key_columns)
    rows = frame[columns].astype(str).assign(row=np.arange(len(frame)))
    found = cells.keys.merge(rows, how="left", on=columns)["row"]
    return found.fillna(-1).to_numpy(dtype=int)
