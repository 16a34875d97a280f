"""What a new version of an agreement changes, and where it goes beyond the old one.

Rules:

- Every changed field is listed once, by the names of its clauses, so that re-ordering a list changes nothing.
- Where the new version allows what the old one did not is found by the same test as for a lower tier
  (:mod:`linkage.governance.containment`), and told apart: that is what counsel reads first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from linkage.governance.containment import ABOVE, beyond
from linkage.governance.document import AgreementDocument, label_of
from linkage.spec.strict_yaml import Path, Value, path_text


@dataclass(frozen=True)
class Change:
    """One field that differs."""

    clause: str
    kind: Literal["added", "removed", "changed"]
    before: Value
    after: Value


@dataclass(frozen=True)
class Comparison:
    """All changes, and those that allow more than before."""

    changes: tuple[Change, ...]
    widened: tuple[str, ...]


def compare(before: AgreementDocument, after: AgreementDocument) -> Comparison:
    """Compare two versions of an agreement."""
    changes = tuple(_changes((), before.yaml.data, after.yaml.data))
    found = ((path, text.replace(ABOVE, "the earlier version")) for path, text in beyond(after.terms, before.terms))
    widened = tuple(f"{after.cite(*path)}: {text}" for path, text in found)
    return Comparison(changes, widened)


def _changes(path: Path, before: object, after: object) -> Iterator[Change]:
    old, new = _members(before), _members(after)
    if old is None or new is None:
        if before != after:
            yield Change(path_text(path), "changed", _value(before), _value(after))
        return
    for name in dict.fromkeys((*old, *new)):
        place = (*path[:-1], f"{path[-1]}{name}") if path and name.startswith("[") else (*path, name)
        if name not in new:
            yield Change(path_text(place), "removed", _value(old[name]), None)
        elif name not in old:
            yield Change(path_text(place), "added", None, _value(new[name]))
        else:
            yield from _changes(place, old[name], new[name])


def _members(value: object) -> dict[str, object] | None:
    """Return a mapping's fields, or a list's items by name; None for a single value."""
    if isinstance(value, Mapping):
        return {str(key): inner for key, inner in value.items()}
    if isinstance(value, list):
        named: dict[str, object] = {}
        for item in value:
            name = label_of(item) or (str(item) if not isinstance(item, dict | list) else str(len(named)))
            named[f"[{name}]"] = item
        return named
    return None


def _value(value: object) -> Value:
    if isinstance(value, dict | list | str | int | float):
        return value
    return None
