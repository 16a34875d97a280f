"""clkhash linkage schemas: versions 1 and 2 are turned into version 3, and version 3 is read.

Rules:

- Whatever a schema says is either done as clkhash 0.18.3 does it or refused by name: an unknown key is never skipped,
  for it would be known to somebody else's encoder.
- clkhash reads ``xor_folds``; its own master schema documents ``xorFolds``, which it does not read. The first is done
  as it does, the second is refused unless 0.
- All problems of a schema are reported, each with its place.

The format: https://clkhash.readthedocs.io/en/stable/schema.html
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from copy import deepcopy
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from linkage.errors import SpecError

#: Keys made for each feature: one for SHA-1 or BLAKE2b, one for MD5.
KEYS_EACH = 2
_HASH_BYTES = {"SHA256": 32, "SHA512": 64}
_BLAKE_KEY = 64


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class TextFormat(_Part):
    """A string, of a pattern or of a case and length."""

    type: Literal["string"]
    encoding: Literal["ascii", "utf-8", "utf-16", "utf-32"] = "utf-8"
    pattern: str | None = None
    case: Literal["upper", "lower", "mixed"] = "mixed"
    minLength: int | None = Field(default=None, ge=0)  # noqa: N815 - clkhash's spelling, here and below
    maxLength: int | None = Field(default=None, ge=1)  # noqa: N815
    description: str | None = None

    @model_validator(mode="after")
    def _pattern_alone(self) -> TextFormat:
        if self.pattern is not None:
            beside = self.model_fields_set & {"case", "minLength", "maxLength"}
            if beside:
                raise ValueError(f"pattern stands alone, without {', '.join(sorted(beside))}")
            try:
                re.compile(self.pattern)
            except re.error as error:
                raise ValueError("pattern is no regular expression") from error
        return self


class IntegerFormat(_Part):
    """A whole number."""

    type: Literal["integer"]
    minimum: int | None = None
    maximum: int | None = None
    description: str | None = None


class DateFormat(_Part):
    """A date in a ``strptime`` layout; hashed as YYYYMMDD."""

    type: Literal["date"]
    format: str
    description: str | None = None


class EnumFormat(_Part):
    """One of a list."""

    type: Literal["enum"]
    values: list[str]
    description: str | None = None


class NgramComparison(_Part):
    """n-grams, with blanks around them where n is above 1; with their position, if positional."""

    type: Literal["ngram"]
    n: int = Field(ge=1)
    positional: bool = False


class ExactComparison(_Part):
    """The whole value as one token."""

    type: Literal["exact"]


class NumericComparison(_Part):
    """A number's neighbourhood, ``2 * resolution + 1`` tokens (Vatsalan and Christen 2016)."""

    type: Literal["numeric"]
    thresholdDistance: float = Field(gt=0)  # noqa: N815
    resolution: int = Field(ge=1)
    fractional_precision: int = Field(default=0, ge=0)

    @property
    def interval(self) -> int:
        """The distance between two tokens, in units of the grid."""
        interval: int = round(self.thresholdDistance * pow(10, self.fractional_precision))
        return interval

    @model_validator(mode="after")
    def _precise_enough(self) -> NumericComparison:
        if self.interval == 0:
            raise ValueError("fractional_precision is too small for thresholdDistance")
        return self


class DoubleHash(_Part):
    """Positions ``SHA1 + i * MD5`` (Schnell 2011): weak, see docs/clk.md."""

    type: Literal["doubleHash"]
    prevent_singularity: bool | None = None


class BlakeHash(_Part):
    """Positions from BLAKE2b, each independent of the others."""

    type: Literal["blakeHash"]


class Strategy(_Part):
    """How many bits a token or a feature sets."""

    bitsPerToken: int | None = Field(default=None, ge=1)  # noqa: N815
    bitsPerFeature: int | None = Field(default=None, ge=1)  # noqa: N815

    @model_validator(mode="after")
    def _one(self) -> Strategy:
        if (self.bitsPerToken is None) == (self.bitsPerFeature is None):
            raise ValueError("expected one of bitsPerToken and bitsPerFeature")
        return self


class MissingValue(_Part):
    """The text that stands for a missing value, and what is hashed in its place."""

    sentinel: str
    replaceWith: str | None = None  # noqa: N815

    @property
    def replacement(self) -> str:
        """What is hashed: the sentinel itself unless the schema says otherwise."""
        return self.sentinel if self.replaceWith is None else self.replaceWith


Comparison = Annotated[NgramComparison | ExactComparison | NumericComparison, Field(discriminator="type")]
Format = Annotated[TextFormat | IntegerFormat | DateFormat | EnumFormat, Field(discriminator="type")]
Hash = Annotated[DoubleHash | BlakeHash, Field(discriminator="type")]


class Hashing(_Part):
    """How a feature becomes bits."""

    comparison: Comparison
    strategy: Strategy
    hash: Hash = BlakeHash(type="blakeHash")
    missingValue: MissingValue | None = None  # noqa: N815


class Feature(_Part):
    """A column: ignored, or of a format and hashed."""

    identifier: str
    ignored: bool = False
    description: str | None = None
    format: Format | None = None
    hashing: Hashing | None = None

    @model_validator(mode="after")
    def _complete(self) -> Feature:
        if not self.ignored and (self.format is None or self.hashing is None):
            raise ValueError("a feature that is not ignored has a format and hashing")
        return self

    @property
    def encoding(self) -> str:
        """The encoding in which tokens are hashed."""
        return self.format.encoding if isinstance(self.format, TextFormat) else "utf-8"


class Kdf(_Part):
    """HKDF (RFC 5869); salt and info in base64."""

    type: Literal["HKDF"]
    hash: Literal["SHA256", "SHA512"] = "SHA256"
    salt: str | None = None
    info: str | None = None
    keySize: int = Field(default=64, ge=1)  # noqa: N815

    @field_validator("salt", "info")
    @classmethod
    def _base64(cls, text: str | None) -> str | None:
        if text is not None:
            try:
                base64.b64decode(text)
            except binascii.Error as error:
                raise ValueError("expected base64") from error
        return text


class ClkConfig(_Part):
    """Length, folding and keys.

    ``k`` and ``hash`` are version 1's. CODI's version 3 schemas still carry them; clkhash does not read them there.
    """

    l: int = Field(ge=1)  # noqa: E741 - clkhash's name of the length
    kdf: Kdf
    xor_folds: int = Field(default=0, ge=0, le=16)
    xorFolds: int = 0  # noqa: N815
    k: int | None = None
    hash: Hash | None = None

    @field_validator("xorFolds")
    @classmethod
    def _not_read(cls, folds: int) -> int:
        if folds:
            raise ValueError("clkhash documents xorFolds and does not apply it; write xor_folds, or leave it out")
        return folds

    @property
    def unfolded(self) -> int:
        """The filter's length before it is folded."""
        return self.l << self.xor_folds


class ClkSchema(_Part):
    """A version 3 schema."""

    version: Literal[3]
    clkConfig: ClkConfig  # noqa: N815
    features: list[Feature] = Field(min_length=1)

    @model_validator(mode="after")
    def _possible(self) -> ClkSchema:
        problems = []
        config, hashed = self.clkConfig, [one.hashing for one in self.features if one.hashing and not one.ignored]
        if not hashed:
            problems.append("every feature is ignored")
        names = [one.identifier for one in self.features]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            problems.append(f"features of the same identifier: {', '.join(repeated)}")
        if any(isinstance(one.hash, BlakeHash) for one in hashed):
            if config.unfolded & (config.unfolded - 1):
                problems.append(f"blakeHash needs a filter length that is a power of two, not {config.unfolded}")
            if config.kdf.keySize > _BLAKE_KEY:
                problems.append(f"blakeHash takes keys of at most {_BLAKE_KEY} bytes, not {config.kdf.keySize}")
        most = 255 * _HASH_BYTES[config.kdf.hash]
        if KEYS_EACH * len(self.features) * config.kdf.keySize > most:
            problems.append(f"HKDF gives at most {most} bytes of keys; fewer features or a smaller keySize fit")
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @property
    def hashed(self) -> list[tuple[int, Feature]]:
        """The features that are hashed, with their number, which chooses their keys."""
        return [(number, one) for number, one in enumerate(self.features) if not one.ignored]


def load_schema(path: Path) -> ClkSchema:
    """Read a schema file of any version. Raises SpecError."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SpecError(f"{path} is not readable JSON", advice="expected a clkhash linkage schema") from error
    return schema_from_document(document, str(path))


def schema_from_document(document: Any, where: str) -> ClkSchema:  # noqa: ANN401 - any JSON
    """Read a schema from parsed JSON; ``where`` names it in messages. Raises SpecError."""
    version = document.get("version") if isinstance(document, dict) else None
    if version not in (1, 2, 3):
        raise SpecError(f"{where} is no clkhash schema of version 1, 2 or 3", advice="expected a key 'version'")
    document = deepcopy(document)
    try:
        if version == 1:
            _from_version_1(document)
        if document["version"] == 2:
            _from_version_2(document)
    except (KeyError, TypeError, AttributeError) as error:
        raise SpecError(f"{where} is incomplete for version {version}", [f"expected {error}"]) from error
    try:
        return ClkSchema.model_validate(document)
    except ValidationError as error:
        problems = [_problem(found["loc"], found["type"], found["msg"]) for found in error.errors()]
        raise SpecError(
            f"{where} cannot be encoded as clkhash would", problems, "nothing is skipped: mend it or leave it out"
        ) from None


def _problem(place: tuple[int | str, ...], kind: str, message: str) -> str:
    shown = ".".join(str(part) for part in place) or "schema"
    said = "is not supported" if kind == "extra_forbidden" else message.removeprefix("Value error, ")
    return f"{shown}: {said}"


def _from_version_1(document: dict[str, Any]) -> None:
    """Version 1 has one k and one hash for all features, and a weight by which k is multiplied; 0 ignores a feature."""
    document["version"] = 2
    config = document["clkConfig"]
    k, chosen = config.pop("k"), config.pop("hash")
    for at, feature in enumerate(document["features"]):
        if feature.get("ignored", False):
            continue
        hashing = feature["hashing"]
        weight = hashing.pop("weight", 1.0)
        if weight == 0:
            document["features"][at] = {"identifier": feature["identifier"], "ignored": True}
            continue
        hashing["strategy"] = {"k": round(weight * k)}
        hashing["hash"] = chosen


def _from_version_2(document: dict[str, Any]) -> None:
    """Version 2 names the strategy's numbers otherwise, and knows n-grams only."""
    document["version"] = 3
    for feature in document["features"]:
        if feature.get("ignored", False):
            continue
        hashing = feature["hashing"]
        strategy = hashing["strategy"]
        for old, new in (("k", "bitsPerToken"), ("numBits", "bitsPerFeature")):
            if old in strategy:
                strategy[new] = strategy.pop(old)
        positional = hashing.pop("positional", False)
        hashing["comparison"] = {"type": "ngram", "n": hashing.pop("ngram"), "positional": positional}
