"""What a package of encodings says of itself: the part of its signed manifest that is ours to define."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from linkage.errors import PackageError
from linkage.exchange.manifest import Manifest
from linkage.spec.encodings import FieldStatistics


class EncodingFacts(BaseModel):
    """Counts, random-pair statistics and the spec itself, so that a mismatch can be named field by field."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    records: int
    may_have_duplicates: bool
    statistics: FieldStatistics
    rows_by_pass: dict[str, int]
    over_block_cap: dict[str, int]
    spec: dict[str, Any]

    @classmethod
    def of(cls, manifest: Manifest) -> EncodingFacts:
        """Read the facts of a manifest of encodings; raises PackageError where they are not as they should be."""
        try:
            return cls.model_validate(manifest.facts)
        except ValidationError as error:
            raise PackageError(
                f"the manifest of {manifest.sender} does not state what a package of encodings states",
                [".".join(map(str, detail["loc"])) + f": {detail['msg']}" for detail in error.errors()],
                "have the agency hash again with this version",
            ) from None
