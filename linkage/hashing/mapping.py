"""An agency's saved mapping: which of its headers hold which identifier, year after year.

Rules:

- A saved mapping is complete: a column that it does not name is not used, whatever the spec would recognise. So next
  year's export is read as this year's was, or refused.
- It is the agency's own file and holds headers, no value.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

from linkage.errors import InputError
from linkage.hashing.columns import ColumnMap, shown_headers
from linkage.spec.model import LinkageSpec
from linkage.spec.strict_yaml import validate_file


class SavedMapping(BaseModel):
    """The headers of each identifier, of the agency's own ID and of a full name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["ColumnMapping"] = "ColumnMapping"
    spec: str
    local_id: str | None = None
    full_name: str | None = None
    identifiers: Annotated[dict[str, tuple[str, ...]], Field(min_length=1)]

    @classmethod
    def of(cls, columns: ColumnMap, spec: LinkageSpec) -> SavedMapping:
        """Take down what was recognised or named."""
        return cls(
            spec=spec.id,
            local_id=columns.local_id,
            full_name=columns.full_name,
            identifiers=dict(columns.identifiers),
        )

    def to_yaml(self) -> str:
        """Return the text of the mapping's file."""
        text: str = yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=120)
        return text

    def columns(self, headers: Sequence[str], spec: LinkageSpec) -> ColumnMap:
        """Apply the mapping to a file's headers. Raises InputError where they or the spec do not fit."""
        known = {identifier.name for identifier in spec.identifiers}
        named = {header for found in self.identifiers.values() for header in found}
        named |= {header for header in (self.local_id, self.full_name) if header}
        problems = [f"the spec {spec.id} has no identifier {name!r}" for name in self.identifiers if name not in known]
        problems += [f"the file has no column {header!r}" for header in sorted(named - set(headers))]
        if problems:
            raise InputError(
                "the saved mapping does not fit this file",
                [*problems, *shown_headers(headers)],
                "if the export has changed, make a new mapping with `linkage check --save-mapping FILE`",
            )
        ordered = {i.name: self.identifiers[i.name] for i in spec.identifiers if i.name in self.identifiers}
        return ColumnMap(ordered, self.local_id, self.full_name)


def load_mapping(path: Path) -> SavedMapping:
    """Read a saved mapping. Raises InputError with a problem a line."""
    return validate_file(SavedMapping, path, InputError)
