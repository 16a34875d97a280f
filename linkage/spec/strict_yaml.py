"""YAML read strictly: what is written is what is meant, and an error names its line.

Rules:

- A document is text keys, lists, text, whole and decimal numbers, ``true``, ``false`` and ``null``. Nothing
  else is guessed: ``no``, ``on``, ``2024-07-01``, ``1:30`` and ``01234`` are text. (YAML 1.1 reads them as a
  truth value, a date, a base-60 and an octal number; a country code or a ZIP would change its meaning.)
- Refused: a key given twice, anchors and aliases, merge keys, tags, keys that are not text, a second
  document. Two readers of a refused form could understand different things, and one of them signs it.
- Refused: characters that change the order or the lines in which text is seen (bidirectional controls, zero-width
  blanks, Unicode line separators): a person and a machine would read different documents.
- Refused before anything is built: more than 256 kB of text, more than 20 levels.
- Every problem is reported, each as ``file:line: field.path: what is wrong``.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any, Final, TypeAlias, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from linkage.errors import LinkageError

MAX_BYTES: Final = 256 * 1024
MAX_DEPTH: Final = 20

Path: TypeAlias = tuple[str | int, ...]
Value: TypeAlias = "str | int | float | bool | list[Value] | dict[str, Value] | None"
Model = TypeVar("Model", bound=BaseModel)

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_DECIMAL = re.compile(r"[-+]?(0|[1-9][0-9]*)?\.[0-9]+([eE][-+]?[0-9]+)?|[-+]?(0|[1-9][0-9]*)[eE][-+]?[0-9]+")
_UNSEEN = re.compile("[\u0085\u200b\u2028\u2029\u202a-\u202e\u2060\u2066-\u2069\ufeff]")
_CONSTANTS: Final[Mapping[str, bool | None]] = {
    "": None,
    "~": None,
    "null": None,
    "true": True,
    "false": False,
}
_EXPECTED: Final[Mapping[str, str]] = {
    "string_type": "expected text (put it in quotes)",
    "int_type": "expected a whole number",
    "int_from_float": "expected a whole number",
    "float_type": "expected a number",
    "bool_type": "expected true or false",
    "tuple_type": "expected a list",
    "list_type": "expected a list",
    "frozen_set_type": "expected a list",
    "dict_type": "expected a mapping of fields",
    "model_type": "expected a mapping of fields",
    "model_attributes_type": "expected a mapping of fields",
    "date_type": "expected a date such as 2026-07-01",
    "date_parsing": "expected a date such as 2026-07-01",
    "date_from_datetime_parsing": "expected a date such as 2026-07-01",
}


class FieldsError(ValueError):
    """What a model's own validator found: each problem with its path, relative to that model."""

    def __init__(self, problems: Sequence[tuple[Path, str]]) -> None:
        super().__init__("; ".join(text for _, text in problems))
        self.problems = tuple(problems)


@dataclass(frozen=True)
class Document:
    """A parsed document: plain data, and the line on which each key or list item stands."""

    data: Mapping[str, Value]
    lines: Mapping[Path, int]
    source: str

    def line(self, path: Path) -> int:
        """Return the line of ``path``, or of its nearest ancestor that the document has."""
        for end in range(len(path), 0, -1):
            if path[:end] in self.lines:
                return self.lines[path[:end]]
        return 1

    def problem(self, path: Path, text: str) -> str:
        """Word a problem with the place where it stands."""
        return f"{self.source}:{self.line(path)}: {path_text(path) or 'document'}: {text}"


def path_text(path: Path) -> str:
    """Write a path as people do: ``data[0].years.from``."""
    parts = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return parts.removeprefix(".")


def load_yaml(text: str, source: str, error_cls: type[LinkageError] = LinkageError) -> Document:
    """Parse one YAML mapping strictly; raise ``error_cls`` with every problem found.

    ``source`` names the text in messages, usually the file's path.
    """
    if len(text.encode("utf-8", "replace")) > MAX_BYTES:
        raise error_cls(f"{source} is larger than {MAX_BYTES // 1024} kB, the most that is read.")
    unseen = _UNSEEN.search(text)
    if unseen is not None:
        line = text.count("\n", 0, unseen.start()) + 1
        problem = f"{source}:{line}: the character U+{ord(unseen[0]):04X} is not accepted; delete it"
        raise error_cls(f"{source} holds a character that cannot be seen.", [problem])
    builder = _Builder(source, yaml.parse(text, Loader=yaml.SafeLoader))
    try:
        data = builder.document()
    except _TooDeepError as error:
        problem = f"{source}:{error.line}: nested more than {MAX_DEPTH} levels deep"
        raise error_cls(f"{source} is not accepted.", [problem]) from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if isinstance(error.problem_mark, yaml.Mark) else 1
        raise error_cls(f"{source} is not readable YAML.", [f"{source}:{line}: {error.problem}"]) from None
    except yaml.YAMLError as error:
        reason = getattr(error, "reason", "unreadable text")
        raise error_cls(f"{source} is not readable YAML.", [f"{source}: {reason}"]) from None
    if not isinstance(data, dict):
        builder.refuse(1, "a mapping of fields was expected, such as `title: some text`")
    if builder.problems or not isinstance(data, dict):
        raise error_cls(f"{source} has {_count(builder.problems)}.", builder.problems)
    return Document(data, builder.lines, source)


def validate(model_cls: type[Model], text: str, source: str, error_cls: type[LinkageError]) -> Model:
    """Parse ``text`` strictly and build ``model_cls`` from it; every error carries its line."""
    return validate_document(model_cls, load_yaml(text, source, error_cls), error_cls)


def validate_file(model_cls: type[Model], path: FilePath, error_cls: type[LinkageError]) -> Model:
    """Read a file strictly and build ``model_cls`` from it; every error carries its line."""
    return validate(model_cls, decode(path.read_bytes(), str(path), error_cls), str(path), error_cls)


def decode(content: bytes, source: str, error_cls: type[LinkageError]) -> str:
    """Return a file's text; raise ``error_cls`` where it is not UTF-8."""
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        advice = "is it the right file? If so, save it again as UTF-8"
        raise error_cls(f"{source} is not UTF-8 text.", advice=advice) from None


def validate_document(model_cls: type[Model], document: Document, error_cls: type[LinkageError]) -> Model:
    """Build ``model_cls`` from a parsed document; raise ``error_cls`` with every error and its line."""
    try:
        # Through JSON, so that a strict model reads lists as tuples and ISO text as dates, and nothing more.
        return model_cls.model_validate_json(json.dumps(document.data))
    except ValidationError as error:
        found = [
            problem
            for detail in error.errors(include_url=False)
            for problem in _worded(model_cls, document.data, detail)
        ]
    found.sort(key=lambda problem: document.line(problem[0]))
    problems = list(dict.fromkeys(document.problem(path, text) for path, text in found))
    raise error_cls(f"{document.source} has {_count(problems)}.", problems)


class _TooDeepError(Exception):
    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


class _Builder:
    """Builds plain data from parser events, noting lines and refusals; never recurses past MAX_DEPTH."""

    def __init__(self, source: str, events: Iterator[yaml.Event]) -> None:
        self.source = source
        self.lines: dict[Path, int] = {}
        self.problems: list[str] = []
        self._events = events

    def document(self) -> Value:
        """Return the one document's data, or None where there is none."""
        data: Value = None
        documents = 0
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self.refuse(_line(event), "a second document is not accepted")
                    return data
                data = self._node(next(self._events), (), 1)
        return data

    def refuse(self, line: int, text: str) -> None:
        self.problems.append(f"{self.source}:{line}: {text}")

    def _node(self, event: yaml.Event, path: Path, depth: int) -> Value:
        line = _line(event)
        if depth > MAX_DEPTH:
            raise _TooDeepError(line)
        if isinstance(event, yaml.NodeEvent) and event.anchor is not None:
            self.refuse(line, "anchors and aliases (& and *) are not accepted; quote or repeat the text")
        if isinstance(event, yaml.CollectionStartEvent | yaml.ScalarEvent) and event.tag is not None:
            self.refuse(line, f"the tag {event.tag[:40]} is not accepted; write plain text or numbers")
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(path, depth)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(path, depth)
        if isinstance(event, yaml.ScalarEvent):
            return _scalar(event)
        return None

    def _sequence(self, path: Path, depth: int) -> list[Value]:
        items: list[Value] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            place = (*path, len(items))
            self.lines[place] = _line(event)
            items.append(self._node(event, place, depth + 1))
        return items

    def _mapping(self, path: Path, depth: int) -> dict[str, Value]:
        fields: dict[str, Value] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            line = _line(event)
            key = self._node(event, path, depth + 1)
            place = (*path, str(key))
            if not isinstance(key, str):
                self.refuse(line, f"the key {str(key)[:40]} is not text; put it in quotes")
            elif key == "<<":
                self.refuse(line, "merge keys (<<) are not accepted; write the fields out")
            elif key in fields:
                self.refuse(line, f"{path_text(place)} is given twice (first on line {self.lines[place]})")
            self.lines.setdefault(place, line)
            fields[str(key)] = self._node(next(self._events), place, depth + 1)
        return fields


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if isinstance(event.start_mark, yaml.Mark) else 1


def _scalar(event: yaml.ScalarEvent) -> str | int | float | bool | None:
    text: str = event.value
    if event.style is not None:
        return text
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if len(text) <= 40:  # longer digits are an identifier or a mistake, and quadratic to convert
        if _INTEGER.fullmatch(text):
            return int(text)
        if _DECIMAL.fullmatch(text):
            return float(text)
    return text


def _count(problems: Sequence[str]) -> str:
    return "1 problem" if len(problems) == 1 else f"{len(problems)} problems"


def _worded(model_cls: type[BaseModel], data: Mapping[str, Value], detail: ErrorDetails) -> list[tuple[Path, str]]:
    """Turn one pydantic error into problems in words, at paths that the document has."""
    kind, path = detail["type"], _document_path(data, detail["loc"])
    context: Mapping[str, Any] = detail.get("ctx", {})
    if kind == "missing":
        return [((*path, detail["loc"][-1]), "is missing")]
    if kind == "extra_forbidden":
        return [(path, _unknown_field(str(path[-1]), _known_fields(model_cls, path[:-1])))]
    if kind in ("literal_error", "enum"):
        return [(path, f"expected {context['expected']}{_found(detail['input'])}")]
    if kind == "union_tag_invalid":
        return [(path, f"{context['discriminator']} must be {context['expected_tags']}")]
    if kind == "union_tag_not_found":
        return [(path, f"{context['discriminator']} is missing")]
    cause = context.get("error")
    if isinstance(cause, FieldsError):
        return [(path + inner, text) for inner, text in cause.problems]
    if isinstance(cause, Exception):
        return [(path, str(cause))]
    expected = _EXPECTED.get(kind)
    if expected is None:
        return [(path, detail["msg"][0].lower() + detail["msg"][1:])]
    return [(path, expected + (", found nothing" if detail["input"] is None else ""))]


def _found(value: object) -> str:
    return f", found '{value}'" if isinstance(value, str | int | float) and len(str(value)) <= 40 else ""


def _document_path(data: object, location: tuple[int | str, ...]) -> Path:
    """Drop the parts of a pydantic location, such as a union's member, that the document does not have."""
    path: list[str | int] = []
    inner: Any = data
    for part in location:
        try:
            inner = inner[part]
        except (LookupError, TypeError):
            continue
        path.append(part)
    return tuple(path)


def _unknown_field(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean `{close[0]}`?" if close else f"known fields: {', '.join(known)}"
    return f"is not a known field; {hint}"


def _known_fields(model_cls: type[BaseModel], path: Path) -> list[str]:
    """List the fields of the model (or of the union's models) that stands at ``path``."""
    models: list[type[BaseModel]] = [model_cls]
    for part in path:
        inner = [
            found
            for model in models
            for name, field in model.model_fields.items()
            if part in (name, field.alias)
            for found in _models_in(field.annotation)
        ]
        models = inner or models
    return list(dict.fromkeys(field.alias or name for m in models for name, field in m.model_fields.items()))


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)
