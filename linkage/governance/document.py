"""An agreement's file: its text, its hash, and the lines on which its clauses stand.

Rules:

- The hash is SHA-256 of the file's bytes, so that ``sha256sum agreement.yaml`` shows what was signed. Changing
  a comment or a line ending makes another document.
- Reading is strict (:mod:`linkage.spec.strict_yaml`); every error is reported at once with its line.
- A clause is cited as people cite it: ``data[lakeside-district.enrollment].elements[GradeLevel].use``, with
  the line beside it.
"""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass
from pathlib import Path as FilePath

from linkage.errors import AgreementError
from linkage.governance.model import Agreement
from linkage.spec.strict_yaml import MAX_BYTES, Document, Path, Value, decode, load_yaml, path_text, validate_document

EXTENSION = "x-"


@dataclass(frozen=True)
class Citation:
    """Where a rule stands: the clause as people cite it, and its line in the file."""

    clause: str
    line: int

    def __str__(self) -> str:
        return f"{self.clause} (line {self.line})"


@dataclass(frozen=True)
class AgreementDocument:
    """A parsed agreement with its text's hash and places."""

    terms: Agreement
    sha256: str
    text: str
    yaml: Document

    def cite(self, *path: str | int) -> Citation:
        """Cite the clause at ``path``."""
        return Citation(_cited(self.yaml.data, path), self.yaml.line(path))


def parse_agreement(content: bytes, source: str) -> AgreementDocument:
    """Read an agreement's bytes; raises AgreementError with every problem and its line."""
    text = decode(content, source, AgreementError)
    document = load_yaml(text, source, AgreementError)
    for kind in ("signatures", "statements"):
        if set(document.data) == {kind}:
            name = FilePath(source).name
            given = name.replace(f".{kind}.", ".") if f".{kind}." in name else "the agreement"
            raise AgreementError(f"{source}: this is the {kind} file; give {given}.")
    read = dataclasses.replace(
        document,
        data={key: _without_extensions(value) for key, value in document.data.items() if not _is_extension(key)},
    )
    terms = validate_document(Agreement, read, AgreementError)
    return AgreementDocument(terms, hashlib.sha256(content).hexdigest(), text, document)


def read_agreement(path: FilePath) -> AgreementDocument:
    """Read an agreement's file."""
    return parse_agreement(read_bytes(path, "agreement"), str(path))


def read_bytes(path: FilePath, what: str) -> bytes:
    """Read a small governance file; raises AgreementError where it is missing or too large."""
    try:
        with path.open("rb") as handle:
            content = handle.read(MAX_BYTES + 1)
    except OSError as error:
        raise AgreementError(f"The {what} {path} cannot be read: {error.strerror}.") from None
    if len(content) > MAX_BYTES:
        raise AgreementError(f"{path} is larger than {MAX_BYTES // 1024} kB, the most that is read.")
    return content


def _is_extension(key: str) -> bool:
    return key.startswith(EXTENSION)


def _without_extensions(value: Value) -> Value:
    if isinstance(value, dict):
        return {key: _without_extensions(inner) for key, inner in value.items() if not _is_extension(key)}
    if isinstance(value, list):
        return [_without_extensions(inner) for inner in value]
    return value


def _cited(value: Value | object, path: Path) -> str:
    """Write a path with the names of list items in place of their numbers."""
    named: list[str | int] = []
    for part in path:
        value = _inside(value, part)
        label = label_of(value) if isinstance(part, int) else None
        if label is None:
            named.append(part)
        else:
            named[-1] = f"{named[-1]}[{label}]"
    return path_text(tuple(named))


def _inside(value: object, part: str | int) -> object:
    if isinstance(value, dict) and isinstance(part, str):
        return value.get(part)
    if isinstance(value, list) and isinstance(part, int) and part < len(value):
        return value[part]
    return None


def label_of(item: object) -> str | None:
    """Return the name by which people know an item of a list, if it has one."""
    if not isinstance(item, dict):
        return None
    if "provider" in item and "dataset" in item:
        return f"{item['provider']}.{item['dataset']}"
    return next((str(item[key]) for key in ("id", "name", "party", "code") if key in item), None)
