"""Peers of disclosure control beside ours, on the same cells with the same needs.

The peers run in an interpreter of their own (see _disclosure_peers), under a time limit. What they hide is attacked
like ours.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from linkage.disclosure import DisclosureRules, Table, protect
from linkage.disclosure.attack import Attack
from linkage.disclosure.cells import build_system, collapse

SCRIPT = Path(__file__).parent / "_disclosure_peers.py"


@dataclass(frozen=True)
class Beside:
    """What ours and a peer hide of one instance, counted alike; and what an attacker has of the peer's pattern."""

    instance: str
    peer: str
    ours: int
    theirs: int
    our_seconds: float
    their_seconds: float
    too_close: int
    attacked: int


def ask(python: str, job: dict[str, Any], seconds: float = 900) -> dict[str, Any] | str:
    """Run one job; returns its answer, or why there is none."""
    try:
        done = subprocess.run(
            [python, str(SCRIPT)], input=json.dumps(job), capture_output=True, text=True, timeout=seconds, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{type(error).__name__}"
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["no message"]
        return "not installed" if "ModuleNotFoundError" in last[0] else last[0]
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@dataclass(frozen=True, eq=False)
class Sums:
    """The distinct sums of one table over persons who exist, and which of them each published row is."""

    matrix: sparse.csr_matrix
    value: np.ndarray
    up: np.ndarray
    row: np.ndarray

    def too_close(self, hidden: np.ndarray) -> tuple[int, int]:
        """Return how many small sums an attacker of ``hidden`` bounds too closely, and how many there are."""
        small = np.flatnonzero(self.up > 0)
        shown = np.flatnonzero(~hidden)
        attack = Attack(self.matrix[shown], self.value[shown], self.matrix[small])
        low, high = self.value[small] - 1, self.value[small] + self.up[small]
        bounds = attack.prove(low, high, np.zeros(len(small), dtype=bool))
        return int(((bounds.low > low + 1e-6) | (bounds.high < high - 1e-6)).sum()), len(small)


def sums_of(table: Table, rules: DisclosureRules) -> Sums:
    """Collapse a table to its distinct sums; combinations that hold nobody are known to everyone."""
    system = build_system([table], (), rules, table.name)
    live = system.value > 0
    matrix = system.matrix[np.flatnonzero(live)][:, np.flatnonzero(system.atoms.amount > 0)].tocsr()
    number, first = collapse(matrix)
    up = np.zeros(len(first))
    np.maximum.at(up, number, system.up[live])
    distinct = np.full(len(live), -1)
    distinct[live] = number
    matrix = matrix[first]
    return Sums(matrix, matrix @ system.atoms.amount[system.atoms.amount > 0], up, distinct[system.tables[0].cell])


def gconfid(python: str, table: Table, rules: DisclosureRules, seconds: float) -> Beside | str:
    """Run G-Confid on a table whose finest rows are published; ``seconds`` is what ours took."""
    sums = sums_of(table, rules)
    size = np.diff(sums.matrix.indptr)
    part = {int(sums.matrix.indices[sums.matrix.indptr[cell]]): cell for cell in np.flatnonzero(size == 1).tolist()}
    totals = [
        (cell, [part[atom] for atom in sums.matrix[[cell]].indices.tolist()])
        for cell in np.flatnonzero(size > 1).tolist()
    ]
    job = {"peer": "gconfid", "value": sums.value.tolist(), "need": sums.up.tolist(), "sums": totals}
    answer = ask(python, job)
    if isinstance(answer, str):
        return answer
    theirs = np.zeros(len(sums.value), dtype=bool)
    theirs[answer["hidden"]] = True
    ours = _ours(table, rules, sums)
    wins, attacked = sums.too_close(theirs)
    peer = f"G-Confid {answer['version']}"
    return Beside(
        table.name, peer, int(ours.sum()), int(theirs.sum()), seconds, answer["processor_seconds"], wins, attacked
    )


def _ours(table: Table, rules: DisclosureRules, sums: Sums) -> np.ndarray:
    result = protect(table, rules)
    shown = dict(result.explanation)[table.name]
    hidden = np.zeros(len(sums.value), dtype=bool)
    rows = sums.row[shown["status"].ne("published").to_numpy()]
    hidden[rows[rows >= 0]] = True
    return hidden


def tau_argus(
    python: str, table: Table, rules: DisclosureRules, hierarchies: dict[str, str], seconds: float
) -> Beside | str:
    """Run pytauargus (optimal) on a table whose levels are nested; it is asked for less: ten per cent either way."""
    frame = pd.DataFrame(table.data)
    persons = frame.loc[frame.index.repeat(frame[str(table.count)])].drop(columns=str(table.count)).astype(str)
    job = {
        "peer": "pytauargus", "persons": persons.to_dict("list"), "by": list(table.by), "range": 10,
        "threshold": rules.person_threshold, "method": "OPT(1,5)", "hierarchies": hierarchies,
    }  # fmt: skip
    answer = ask(python, job)
    if isinstance(answer, str):
        return answer
    sums = sums_of(table, rules)
    theirs = np.zeros(len(sums.value), dtype=bool)
    keys = build_system([table], (), rules, table.name).tables[0].keys[list(table.by)].itertuples(index=False)
    hidden = {tuple(row[:-1]) for row in answer["rows"] if row[-1] in ("U", "M")}
    theirs[[row for row, key in zip(sums.row.tolist(), keys, strict=True) if tuple(key) in hidden and row >= 0]] = True
    ours = _ours(table, rules, sums)
    wins, attacked = sums.too_close(theirs)
    peer = f"pytauargus {answer['version']}"
    return Beside(
        table.name, peer, int(ours.sum()), int(theirs.sum()), seconds, answer["processor_seconds"], wins, attacked
    )


def describe(found: Sequence[Beside | str]) -> list[tuple[str, ...]]:
    """Return the rows of the table that compares ours with the peers."""
    return [
        (
            each.instance, each.peer, str(each.ours), str(each.theirs), f"{each.our_seconds:.1f}",
            f"{each.their_seconds:.1f}", f"{each.too_close} of {each.attacked}",
        )
        if isinstance(each, Beside)
        else ("", each, "", "", "", "", "")
        for each in found
    ]  # fmt: skip
