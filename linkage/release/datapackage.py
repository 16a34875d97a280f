"""The bundle described for machines: a Frictionless data package (datapackage.org, version 2).

Rules:

- Each resource has its size, SHA-256 and a table schema: types, codes, keys, missing values.
- CEDS technical names stand in ``ceds``, an element's sources in the agreement in ``sources``.
- The property ``linkage`` says what the data may be used for, by whom, and the day by which they must be destroyed.
- It may be shown to anyone: it holds no value of a person and no count of a group.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from linkage.governance.datasets import ValueType
from linkage.release.columns import Column
from linkage.release.csvfile import GUARDED

PROFILE = "https://datapackage.org/profiles/2.0/datapackage.json"
RESOURCE_PROFILE = "https://datapackage.org/profiles/2.0/dataresource.json"
SCHEMA_PROFILE = "https://datapackage.org/profiles/2.0/tableschema.json"

_TYPES: dict[ValueType, str] = {
    "text": "string",
    "code": "string",
    "integer": "integer",
    "number": "number",
    "date": "date",
    "boolean": "boolean",
}


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, populate_by_name=True)


class Constraints(_Part):
    """What values a field may have."""

    required: bool | None = None
    unique: bool | None = None
    enum: tuple[str, ...] | None = None


class SchemaField(_Part):
    """One column."""

    name: str
    type: str
    description: str
    constraints: Constraints | None = None
    ceds: str | None = None
    sources: tuple[str, ...] = ()
    coarsened: str | None = None
    missing_percent: int | None = None


class TableSchema(_Part):
    """The columns of a file."""

    schema_: str = Field(SCHEMA_PROFILE, alias="$schema")
    fields: tuple[SchemaField, ...]
    missing_values: tuple[str, ...] = Field(("",), alias="missingValues")
    primary_key: tuple[str, ...] | None = Field(None, alias="primaryKey")


class Resource(_Part):
    """One file of data."""

    schema_profile: str = Field(RESOURCE_PROFILE, alias="$schema")
    name: str
    title: str
    path: str
    format: Literal["csv", "parquet"]
    mediatype: str
    encoding: str | None = None
    bytes: int
    hash: str
    rows: int
    type: Literal["table"] = "table"
    table_schema: TableSchema = Field(alias="schema")


class Terms(_Part):
    """Under what the bundle was released."""

    agreement: str
    agreement_version: int
    agreement_sha256: str
    recipient: str
    users: tuple[str, ...]
    purpose: str
    purpose_statement: str
    prohibited_uses: tuple[str, ...]
    destroy_by: date
    destruction_method: str
    ids: str
    citation: str | None = None
    text_guard: str = f"in CSV, a text beginning with one of {GUARDED} has an apostrophe in front"
    legend: str | None = None
    notes: tuple[str, ...] = ()


class DataPackage(_Part):
    """The whole descriptor."""

    profile: str = Field(PROFILE, alias="$schema")
    name: str
    title: str
    created: datetime
    resources: tuple[Resource, ...]
    linkage: Terms

    def to_json(self) -> bytes:
        """Write the descriptor."""
        return (self.model_dump_json(by_alias=True, exclude_none=True, indent=2) + "\n").encode("utf-8")


def schema_field(column: Column, missing_percent: int | None, key: bool) -> SchemaField:
    """Describe a released column."""
    constraints = Constraints(required=True if key else None, unique=True if key else None, enum=column.codes)
    return SchemaField(
        name=column.name,
        type=_TYPES[column.type],
        description=column.description,
        constraints=constraints if key or column.codes else None,
        ceds=column.ceds,
        sources=column.sources,
        coarsened=column.coarsened,
        missing_percent=missing_percent,
    )
