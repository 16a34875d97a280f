"""Which column of a file holds which identifier.

Rules:

- Headers are compared without case, blanks and punctuation, against the spellings that the spec lists, best first.
- A value may be spread over several columns (house number and street; year, month and day); all of them must be there.
- One column serves one identifier. What was recognised is reported, never guessed silently; an agency can override it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from linkage.errors import InputError
from linkage.spec.model import LinkageSpec

_PUNCTUATION = re.compile(r"[^a-z0-9]+")


def header_key(header: str) -> str:
    """Return a header without case, blanks and punctuation."""
    return _PUNCTUATION.sub("", header.casefold())


@dataclass(frozen=True)
class ColumnMap:
    """The columns in which each identifier was found, and the column of the agency's own ID, if any."""

    identifiers: Mapping[str, tuple[str, ...]]
    local_id: str | None


def recognise(headers: Iterable[str], spec: LinkageSpec, overrides: Mapping[str, str] | None = None) -> ColumnMap:
    """Find the spec's identifiers among a file's headers.

    ``overrides`` maps an identifier (or ``local_id``) to the header to use. Raises InputError where an override names
    what is not there, where two headers look the same, or where nothing is recognised.
    """
    headers = list(headers)
    overrides = dict(overrides or {})
    by_key: dict[str, str] = {}
    problems = []
    for header in headers:
        key = header_key(header)
        if key in by_key:
            problems.append(f"columns {by_key[key]!r} and {header!r} have the same name")
        by_key.setdefault(key, header)
    known = {identifier.name for identifier in spec.identifiers} | {"local_id"}
    for name, header in overrides.items():
        if name not in known:
            problems.append(f"--column {name}={header}: the spec has no identifier {name!r}")
        elif header not in headers:
            problems.append(f"--column {name}={header}: the file has no column {header!r}")
    if problems:
        raise InputError("the columns cannot be used as they are", problems, f"the file has: {', '.join(headers)}")

    taken = {header_key(header) for header in overrides.values()}
    found: dict[str, tuple[str, ...]] = {}
    for identifier in spec.identifiers:
        if identifier.name in overrides:
            found[identifier.name] = (overrides[identifier.name],)
            continue
        for spelling in identifier.columns:
            keys = [header_key(part) for part in ((spelling,) if isinstance(spelling, str) else spelling)]
            if all(key in by_key and key not in taken for key in keys):
                found[identifier.name] = tuple(by_key[key] for key in keys)
                taken.update(keys)
                break
    if not found:
        raise InputError(
            "no identifier was recognised among the columns",
            [f"columns: {', '.join(headers)}"],
            "name them with --column IDENTIFIER=HEADER, for instance --column last_name=Surname",
        )
    local_id = overrides.get("local_id") or next(
        (by_key[key] for key in map(header_key, spec.local_id_columns) if key in by_key and key not in taken), None
    )
    return ColumnMap(found, local_id)
