"""From a template to an agreement ready to sign: values are put into the text, comments and layout stay.

Rules:

- Only the value on a field's own line is replaced. The text is read again afterwards and must differ from the
  template in exactly the fields that were filled, or nothing is returned.
- Keys come from parties' NAME.pub files, by party ID; the hub's rooms are ``HUB.matcher`` or ``matcher``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path as FilePath
from typing import Any, Final

from linkage.errors import AgreementError
from linkage.exchange.keys import PublicKeys, load_public_keys
from linkage.governance.base import PENDING
from linkage.governance.document import AgreementDocument
from linkage.spec.strict_yaml import Document, Path, Value, load_yaml, path_text

_ROOMS: Final = ("matcher", "registrar", "release")
_PLAIN = re.compile(r"[A-Za-z0-9]([A-Za-z0-9 ._+/=@-]|:(?=\S))*(?<! )")


@dataclass(frozen=True)
class Particulars:
    """What a template waits for. ``keys`` are by party ID, and ``HUB.ROOM`` for the hub's rooms.

    Without keys or the spec's hash the result stays a draft. ``others`` are further fields to set, by path.
    """

    keys: Mapping[str, PublicKeys] | None
    spec_sha256: str | None
    effective: date
    expires: date
    destroy_by: date
    agreement_id: str | None = None
    trained_on: date | None = None
    others: Mapping[Path, str | int] = field(default_factory=dict)


def fill_template(text: str, source: str, particulars: Particulars) -> str:
    """Return the template's text as an active agreement ready to sign, or as a draft if something is still to come."""
    document = load_yaml(text, source, AgreementError)
    values: dict[Path, str | int] = {
        ("term", "effective"): particulars.effective.isoformat(),
        ("term", "expires"): particulars.expires.isoformat(),
        ("retention", "destroy_by"): particulars.destroy_by.isoformat(),
        **particulars.others,
    }
    if particulars.agreement_id is not None:
        values["id",] = particulars.agreement_id
    if ("irb", "expires") in document.lines:
        values["irb", "expires"] = particulars.expires.isoformat()
    if particulars.trained_on is not None:
        dates = (path for path in document.lines if path[-1] in ("trained_on", "acknowledged_on"))
        values |= dict.fromkeys(dates, particulars.trained_on.isoformat())
    if particulars.spec_sha256 is not None:
        values["linkage", "spec_sha256"] = particulars.spec_sha256
    if particulars.keys is not None:
        values |= _key_values(document, particulars.keys)
    if particulars.keys is not None and particulars.spec_sha256 is not None:
        values["status",] = "active"
    return set_values(text, source, values)


def set_values(text: str, source: str, values: Mapping[Path, str | int]) -> str:
    """Return ``text`` with the scalar at each path replaced, and nothing else changed."""
    document = load_yaml(text, source, AgreementError)
    lines = text.split("\n")
    expected: Any = deepcopy(document.data)
    for path, value in values.items():
        if path not in document.lines:
            raise AgreementError(f"{source} has no field {path_text(path)} to fill.")
        number = document.lines[path] - 1
        lines[number] = _with_scalar(lines[number], str(path[-1]), value)
        inside = expected
        for part in path[:-1]:
            inside = inside[part]
        inside[path[-1]] = value
    filled = "\n".join(lines)
    if load_yaml(filled, source, AgreementError).data != expected:
        raise AgreementError(
            f"{source} could not be filled without changing something else.",
            advice="Write each field that is to be filled on a line of its own.",
        )
    return filled


def with_parent(text: str, source: str, parent: AgreementDocument, file_name: str) -> str:
    """Return the text with ``parent`` named below its tier: the ID, file and hash of the agreement above it."""
    document = load_yaml(text, source, AgreementError)
    if "parent" in document.data or "tier" not in document.data:
        raise AgreementError(f"{source} already names a parent, or has no tier to name one below.")
    lines = text.split("\n")
    named = f"parent: {{id: {parent.terms.id}, file: {file_name}, sha256: {parent.sha256}}}"
    return "\n".join([*lines[: document.line(("tier",))], named, *lines[document.line(("tier",)) :]])


def keys_in(folder: FilePath) -> dict[str, PublicKeys]:
    """Read every NAME.pub of a folder, by name."""
    return {keys.name: keys for keys in (load_public_keys(path) for path in sorted(folder.glob("*.pub")))}


def _key_values(document: Document, keys: Mapping[str, PublicKeys]) -> dict[Path, str]:
    values: dict[Path, str] = {}
    missing = []
    places = list(_key_places(document.data))
    for place, names, pending in places:
        if not pending:
            continue
        found = next((keys[name] for name in names if name in keys), None)
        if found is None:
            missing.append(f"{names[0]}.pub")
        else:
            values[(*place, "signing")] = found.signing
            values[(*place, "sealing")] = found.sealing
    if missing:
        named = {name for _, names, _ in places for name in names}
        extra = ", ".join(f"{name}.pub" for name in keys if name not in named)
        advice = (
            f"The folder also holds {extra}, which the template does not name; rename the party with a draft "
            "(no --parties-from): put the new name in place of the old one, then give the draft as --template."
        )
        raise AgreementError("The public keys of some parties are missing.", missing, advice if extra else "")
    return values


def _key_places(data: Mapping[str, Value]) -> Iterator[tuple[Path, tuple[str, ...], bool]]:
    """Yield the place of each key pair, the names it may come under, and whether it is pending."""
    parties = data.get("parties")
    for number, party in enumerate(parties if isinstance(parties, list) else ()):
        if not isinstance(party, dict):
            continue
        name, keys, rooms = str(party.get("id")), party.get("keys"), party.get("rooms")
        if isinstance(keys, dict):
            yield ("parties", number, "keys"), (name,), PENDING in keys.values()
        for room in _ROOMS if isinstance(rooms, dict) else ():
            inner = rooms.get(room) if isinstance(rooms, dict) else None
            if isinstance(inner, dict):
                names = (f"{name}.{room}", f"{name}-{room}", room)
                yield ("parties", number, "rooms", room), names, PENDING in inner.values()


def _with_scalar(line: str, key: str, value: str | int) -> str:
    written = str(value)
    if isinstance(value, str) and not _is_plain_text(value):
        written = "'" + value.replace("'", "''") + "'"
    found = re.search(rf"(?<![\w-]){re.escape(key)}:[ ]+", line)
    if found is None:
        return line
    head, rest = line[: found.end()], line[found.end() :]
    in_flow = sum(head.count(mark) for mark in "{[") > sum(head.count(mark) for mark in "}]")
    plain = r"[^\s,{}#][^,{}#]*?(?=\s*(,|}|[ ]#|$))" if in_flow else r"[^\s#].*?(?=\s*([ ]#|$))"
    return head + re.sub(rf"""^("[^"]*"|'[^']*'|{plain})""", lambda _: written, rest, count=1)


def _is_plain_text(value: str) -> bool:
    """Tell whether YAML reads ``value`` as this very text without quotes, in any style of line."""
    return bool(_PLAIN.fullmatch(value)) and load_yaml(f"v: {value}", "value").data == {"v": value}
