"""On which parts of pass keys two records may agree, and which passes they then share.

Rules:

- A value that agrees as a whole agrees in its parts, a birth date that agrees in year and day agrees as a whole, and a
  name that sounds alike begins alike.
- Two records whose names are swapped share an unordered pass if they agree on the rest of its key.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from linkage.spec.model import Pass

#: Label of the part by which two records with swapped names share an unordered pass.
SWAP = "swapped"


@dataclass(frozen=True)
class Agreements:
    """All ways in which two records may agree on the parts of passes.

    ``parts`` (agreements, labels) says on which parts, ``states`` (agreements, identifiers) in which of its
    combinations each identifier is, ``sizes`` (identifiers,) how many combinations it has; the last is full agreement.
    """

    labels: tuple[str, ...]
    identifiers: tuple[str, ...]
    parts: NDArray[np.bool_]
    states: NDArray[np.int64]
    sizes: tuple[int, ...]


def _identifier(label: str) -> str:
    return label.partition(".")[0]


def _possible(labels: tuple[str, ...]) -> list[tuple[bool, ...]]:
    """List the combinations in which the parts of one identifier may agree, full agreement last."""

    def holds(agreed: dict[str, bool]) -> bool:
        way = {label.partition(".")[2]: agrees for label, agrees in agreed.items()}
        if way.get("") and not all(way.values()):
            return False
        if "" in way and not way[""] and way.get("year") and way.get("month_day"):
            return False
        return not (way.get("phonetic") and "initial" in way and not way["initial"])

    return [
        agreed for agreed in product((False, True), repeat=len(labels)) if holds(dict(zip(labels, agreed, strict=True)))
    ]


def key_labels(passes: Collection[Pass]) -> tuple[str, ...]:
    """Return the labels of all parts of the passes in order of name, and :data:`SWAP` where one is unordered."""
    own = sorted({part.label for blocking in passes for part in blocking.parts})
    return (*own, SWAP) if any(blocking.unordered for blocking in passes) else tuple(own)


def _by_identifier(labels: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    return {
        name: tuple(label for label in labels if _identifier(label) == name)
        for name in dict.fromkeys(map(_identifier, labels))
    }


def agreements_on(labels: tuple[str, ...]) -> Agreements:
    """Enumerate in how many ways two records may agree on these parts."""
    held = _by_identifier(labels)
    combinations = [_possible(own) for own in held.values()]
    sizes = tuple(map(len, combinations))
    states = np.array(list(product(*map(range, sizes))), dtype=np.int64).reshape(-1, len(sizes))
    columns = {
        label: np.array([agreed[place] for agreed in combinations[i]])[states[:, i]]
        for i, own in enumerate(held.values())
        for place, label in enumerate(own)
    }
    parts = np.column_stack([columns[label] for label in labels])
    return Agreements(labels, tuple(held), parts, states, sizes)


def needed_parts(passes: Sequence[Pass], labels: tuple[str, ...]) -> NDArray[np.bool_]:
    """Return which parts each pass needs, shape (passes, labels)."""
    needs = np.zeros((len(passes), len(labels)), dtype=bool)
    for p, blocking in enumerate(passes):
        needs[p, [labels.index(part.label) for part in blocking.parts]] = True
    return needs


def passes_shared(found: Agreements, passes: Sequence[Pass]) -> NDArray[np.bool_]:
    """Return the passes that each agreement shares, shape (agreements, passes)."""
    needs = needed_parts(passes, found.labels)
    shared = np.empty((len(found.parts), len(passes)), dtype=bool)
    for p, blocking in enumerate(passes):
        shared[:, p] = found.parts[:, needs[p]].all(axis=1)
        if blocking.unordered:
            ways = [part.transform for part in blocking.parts]
            kept = [part.label for part in blocking.parts if ways.count(part.transform) == 1]
            shared[:, p] |= found.parts[:, [found.labels.index(label) for label in (*kept, SWAP)]].all(axis=1)
    return shared


def agreements_number(labels: tuple[str, ...]) -> int:
    """Return in how many ways two records may agree on these parts."""
    return int(np.prod([len(_possible(own)) for own in _by_identifier(labels).values()]))
