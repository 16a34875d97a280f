"""A small part of a system, around one cell, in which a short move can be looked for cheaply.

Rules:

- A neighbourhood is a set of atoms; the rest stand still. A move found in it is a move of the whole system.
- It grows from the cell through the smallest sums first, so that it holds the cells that a person would think
  of: the same school's other grades, the other schools of the district.
- Cells that are the same sum within the neighbourhood are one row there, at the price of them all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from linkage.disclosure.cells import collapse


class Surroundings:
    """Finds the atoms around a cell."""

    def __init__(self, matrix: sparse.csr_matrix) -> None:
        self.matrix = matrix
        self.columns = matrix.tocsc()
        self.sizes = np.diff(matrix.indptr)

    def around(self, cell: int, wanted: int) -> np.ndarray:
        """Return about ``wanted`` atoms near ``cell``, all of its own among them."""
        atoms = _entries(self.matrix, np.array([cell]))
        limit = 4
        while len(atoms) < wanted and limit <= self.matrix.shape[1]:
            rows = np.unique(_entries(self.columns, atoms))
            rows = rows[self.sizes[rows] <= limit]
            grown = np.unique(np.concatenate([atoms, _entries(self.matrix, rows)]))
            if len(grown) > 2 * wanted and len(atoms) > 1:
                break
            atoms = grown
            limit *= 2
        return atoms

    def cut(self, atoms: np.ndarray) -> Neighbourhood:
        """Return the system restricted to ``atoms``."""
        rows = np.unique(_entries(self.columns, atoms))
        part = self.columns[:, atoms].tocsr()[rows]
        number, first = collapse(part)
        return Neighbourhood(atoms, rows, number, part[first])


@dataclass(frozen=True, eq=False)
class Neighbourhood:
    """Some atoms, the cells that touch them, and the distinct sums those cells are here."""

    atoms: np.ndarray
    cells: np.ndarray
    number: np.ndarray
    matrix: sparse.csr_matrix

    def price(self, hidden: np.ndarray, hideable: np.ndarray, cost: np.ndarray) -> np.ndarray:
        """Return what each distinct sum costs to move: nothing if hidden, infinite if it may not be."""
        own = np.where(hidden[self.cells], 0.0, np.where(hideable[self.cells], cost[self.cells], np.inf))
        price = np.zeros(self.matrix.shape[0])
        np.add.at(price, self.number, own)
        return price

    def sum_of(self, cell: int) -> int:
        """Return which distinct sum ``cell`` is."""
        return int(self.number[np.searchsorted(self.cells, cell)])


def _entries(matrix: sparse.csr_matrix | sparse.csc_matrix, lines: np.ndarray) -> np.ndarray:
    """Return the indices stored in ``lines`` (rows of a CSR or columns of a CSC matrix), distinct and sorted."""
    starts, lengths = matrix.indptr[lines], matrix.indptr[lines + 1] - matrix.indptr[lines]
    if len(lines) == 0 or lengths.sum() == 0:
        return np.zeros(0, dtype=matrix.indices.dtype)
    offsets = np.repeat(starts - np.concatenate([[0], np.cumsum(lengths)[:-1]]), lengths)
    return np.unique(matrix.indices[np.arange(lengths.sum()) + offsets])
