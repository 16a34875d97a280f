"""Fixed-width files, where a layout says which characters are which column.

Rules:

- The layout is a YAML file of its own, as the vendor's record description gives it: start (from 1) and width, counted
  in characters. What it does not name is not read.
- Blanks around a value are not part of it. A line may end early where its last values are blank.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal, Self

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, Field, model_validator

from linkage.errors import InputError
from linkage.hashing.read_text import TextTable, read_lines
from linkage.spec.strict_yaml import validate_file


class LayoutColumn(BaseModel):
    """A column's header and place: ``start`` counts characters from 1."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(min_length=1)]
    start: Annotated[int, Field(ge=1)]
    width: Annotated[int, Field(ge=1)]


class Layout(BaseModel):
    """The columns of a fixed-width file; a line longer than ``length`` is set aside."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["FixedWidthLayout"]
    columns: Annotated[tuple[LayoutColumn, ...], Field(min_length=1)]
    length: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [column.name for column in self.columns]
        problems = [f"two columns are called {name}" for name in sorted({n for n in names if names.count(n) > 1})]
        placed = sorted(self.columns, key=lambda column: column.start)
        problems += [
            f"{column.name} and {after.name} overlap"
            for column, after in pairwise(placed)
            if column.start + column.width > after.start
        ]
        if self.length is not None:
            problems += [f"{c.name} ends beyond length" for c in placed if c.start + c.width - 1 > self.length]
        if problems:
            raise ValueError("; ".join(problems))
        return self


def load_layout(path: Path) -> Layout:
    """Read a layout. Raises InputError with a problem a line."""
    return validate_file(Layout, path, InputError)


def read_fixed_width(path: Path, encoding: str, layout: Layout) -> TextTable:
    """Cut a file's lines into columns. Raises InputError."""

    def cut(lines: pa.Array) -> dict[str, pa.Array]:
        return {
            column.name: pc.utf8_trim_whitespace(
                pc.utf8_slice_codeunits(lines, column.start - 1, column.start - 1 + column.width)
            )
            for column in layout.columns
        }

    found = read_lines(path, encoding, cut, layout.length)
    return replace(found, described=f"fixed width, {found.described}")
