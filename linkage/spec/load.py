"""Reading a linkage spec from YAML."""

from __future__ import annotations

from pathlib import Path

from linkage.errors import SpecError
from linkage.resources import shipped
from linkage.spec.model import LinkageSpec
from linkage.spec.strict_yaml import validate_file

DEFAULT = "person"


def spec_path(name_or_path: str | Path) -> Path:
    """Return the file of a ready spec (``person``), or the path given. Raises SpecError."""
    path = Path(name_or_path)
    if not path.exists() and path.name == str(name_or_path) and not path.suffix:
        path = shipped("configs") / f"{name_or_path}.yaml"
    if not path.is_file():
        ready = ", ".join(sorted(found.stem for found in shipped("configs").glob("*.yaml")))
        raise SpecError(f"there is no linkage spec {name_or_path}", advice=f"give a file, or one of: {ready}")
    return path


def load_spec(name_or_path: str | Path = DEFAULT) -> LinkageSpec:
    """Load a ready spec by name (``person``) or a spec file by path.

    Raises SpecError with a problem a line: file, line, field, what is wrong.
    """
    return validate_file(LinkageSpec, spec_path(name_or_path), SpecError)
