"""Which column of a file holds which identifier.

Rules:

- Headers are compared without case, blanks and punctuation, against the spellings that the spec lists, best first.
- A value may be spread over several columns (house number and street; year, month and day); all of them must be there.
- One column serves one identifier, with two exceptions: a full name gives all its parts where none has a column of its
  own, and a surname gives the suffix where there is no column for it.
- What was recognised is reported, never guessed silently; an agency can override it.
- Headers are shown in errors, unless they look like data: then the file has no header, and they are someone's.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from linkage.errors import InputError
from linkage.spec.model import Kind, LinkageSpec

_PUNCTUATION = re.compile(r"[^a-z0-9]+")
#: Four digits in a row, a date or an @: nobody calls a column so, but people's data look like it.
_LOOKS_LIKE_DATA = re.compile(r"\d{4}|\d[/.-]\d|@")
#: The kinds of identifier that a full name gives.
NAME_KINDS = (Kind.GIVEN_NAME, Kind.MIDDLE_NAME, Kind.SURNAME, Kind.SUFFIX)
FULL_NAME = "full_name"
LOCAL_ID = "local_id"


def header_key(header: str) -> str:
    """Return a header without case, blanks and punctuation."""
    return _PUNCTUATION.sub("", header.casefold())


@dataclass(frozen=True)
class ColumnMap:
    """The columns in which each identifier was found, and the column of the agency's own ID, if any.

    ``full_name`` is the column that the parts of a name are split from; the identifiers that it gives name it.
    """

    identifiers: Mapping[str, tuple[str, ...]]
    local_id: str | None
    full_name: str | None = None

    def only(self, names: Iterable[str]) -> ColumnMap:
        """Return the map of some identifiers only."""
        wanted = set(names)
        return ColumnMap({n: h for n, h in self.identifiers.items() if n in wanted}, self.local_id, self.full_name)


def recognise(headers: Iterable[str], spec: LinkageSpec, overrides: Mapping[str, str] | None = None) -> ColumnMap:
    """Find the spec's identifiers among a file's headers.

    ``overrides`` maps an identifier (or ``local_id``, or ``full_name``) to the header to use. Raises InputError where
    an override names what is not there, where two headers look the same, or where nothing is recognised.
    """
    headers = list(headers)
    overrides = dict(overrides or {})
    by_key = _by_key(headers, spec, overrides)
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
    full_name = overrides.get(FULL_NAME) or _first(spec.full_name_columns, by_key, taken)
    kinds = {identifier.name: identifier.kind for identifier in spec.identifiers}
    if {Kind.GIVEN_NAME, Kind.SURNAME} & {kinds[name] for name in found}:
        full_name = None
    if full_name:
        taken.add(header_key(full_name))
        found |= {name: (full_name,) for name, kind in kinds.items() if kind in NAME_KINDS and name not in found}
    if not found:
        raise InputError(
            "no identifier was recognised among the columns",
            shown_headers(headers),
            "name them with --column IDENTIFIER=HEADER, for instance --column last_name=Surname",
        )
    if not full_name:
        found |= _suffix_in_surname(found, kinds)
    local_id = overrides.get(LOCAL_ID) or _first(spec.local_id_columns, by_key, taken)
    ordered = {name: found[name] for name in kinds if name in found}
    return ColumnMap(ordered, local_id, full_name)


def shown_headers(headers: Sequence[str]) -> list[str]:
    """Return a line that names a file's headers, unless they look like someone's data."""
    if _looks_like_data(headers):
        return [f"its first row ({len(headers)} columns) looks like data: has the file a header?"]
    return [f"columns: {', '.join(headers)}"]


def refuse_repeated(path: Path, headers: Sequence[str]) -> None:
    """Raise InputError where a header stands twice."""
    repeated = sorted(header for header, times in Counter(headers).items() if times > 1)
    if repeated:
        shown = shown_headers(headers) if _looks_like_data(headers) else [repr(header) for header in repeated]
        raise InputError(f"{path}: two columns have the same header", shown, "rename one of them")


def _looks_like_data(headers: Iterable[str]) -> bool:
    """Tell whether a first row holds what no header does, so that it must not be shown."""
    return any(_LOOKS_LIKE_DATA.search(header) for header in headers)


def _by_key(headers: Sequence[str], spec: LinkageSpec, overrides: Mapping[str, str]) -> dict[str, str]:
    """Index headers by their key; raises InputError for those that look alike and for overrides that do not hold."""
    by_key: dict[str, str] = {}
    problems = []
    for header in headers:
        key = header_key(header)
        if key in by_key:
            named = "two columns" if _looks_like_data(headers) else f"columns {by_key[key]!r} and {header!r}"
            problems.append(f"{named} have the same name")
        by_key.setdefault(key, header)
    known = {identifier.name for identifier in spec.identifiers} | {LOCAL_ID, FULL_NAME}
    for name, header in overrides.items():
        option = f"--local-id {header}" if name == LOCAL_ID else f"--column {name}={header}"
        if name not in known:
            problems.append(f"{option}: the spec has no identifier {name!r}, but {', '.join(sorted(known))}")
        elif header not in headers:
            problems.append(f"{option}: the file has no column {header!r}")
    if problems:
        raise InputError("the columns cannot be used as they are", problems, "; ".join(shown_headers(headers)))
    return by_key


def _first(spellings: Iterable[str], by_key: Mapping[str, str], taken: set[str]) -> str | None:
    keys = (header_key(spelling) for spelling in spellings)
    return next((by_key[key] for key in keys if key in by_key and key not in taken), None)


def _suffix_in_surname(found: Mapping[str, tuple[str, ...]], kinds: Mapping[str, Kind]) -> dict[str, tuple[str, ...]]:
    """Let the surname's column give the suffix where there is none for it."""
    surname = next((found[name] for name, kind in kinds.items() if kind is Kind.SURNAME and name in found), None)
    return {name: surname for name, kind in kinds.items() if kind is Kind.SUFFIX and name not in found and surname}
