"""What the hub asks an agency about pairs in doubt, and what the agency answers.

Rules:

- A question names the agency's own record by its token, which the agency alone can turn into its local ID, and says for
  each identifier how far it agrees with a record elsewhere. It names no other agency, token or value.
- Two agencies that are asked about one pair see different references, so that their packets cannot be laid side by
  side.
- An answer is a reference, a verdict and a reason from a list. No free text crosses: it would carry names.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from linkage.errors import PackageError

_T = TypeVar("_T")

PACKET_MEMBER, VERDICTS_MEMBER = "pairs.json", "verdicts.json"

Reference = Annotated[str, Field(pattern="^[0-9a-f]{12}$")]
Token = Annotated[str, Field(pattern="^[0-9a-f]{32}$")]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Answer(StrEnum):
    """What a steward says of a pair."""

    SAME = "same"
    DIFFERENT = "different"
    UNSURE = "unsure"


class Ground(StrEnum):
    """What a verdict rests on; one word each, so that no value leaves the agency."""

    FORMER_VALUE = "former-value"
    ERROR_HERE = "error-here"
    VERIFIED = "verified"
    RELATIVE = "relative"
    OTHER = "other"


GROUNDS: dict[Ground, str] = {
    Ground.FORMER_VALUE: "our file holds an earlier value, such as a former name or address, that explains the "
    "difference",
    Ground.ERROR_HERE: "our value that differs is wrong, or was typed wrongly",
    Ground.VERIFIED: "our values that differ were checked against a document",
    Ground.RELATIVE: "a relative in our file, such as a twin or a parent, fits better",
    Ground.OTHER: "something else in our file",
}
"""What each ground means, in the words that a steward reads."""


class ReviewPair(_Frozen):
    """One pair as one agency sees it; ``other_token`` is set where both records are its own.

    ``agreement`` maps an identifier to how far it agrees, in words.
    """

    reference: Reference
    person_token: Token
    other_token: Token | Literal[""] = ""
    agreement: dict[str, str]


class Verdict(_Frozen):
    """One agency's word on one pair."""

    reference: Reference
    answer: Answer
    ground: Ground | None = None


_PAIRS, _VERDICTS = TypeAdapter(tuple[ReviewPair, ...]), TypeAdapter(tuple[Verdict, ...])


def packet_bytes(pairs: tuple[ReviewPair, ...]) -> bytes:
    """Return a packet's pairs as JSON."""
    return _PAIRS.dump_json(pairs, indent=1)


def read_packet(content: bytes) -> tuple[ReviewPair, ...]:
    """Read a packet; raises PackageError naming each malformed field."""
    return _read(_PAIRS, content, "The packet of pairs")


def verdicts_bytes(verdicts: tuple[Verdict, ...]) -> bytes:
    """Return verdicts as JSON."""
    return _VERDICTS.dump_json(verdicts, indent=1)


def read_verdicts(content: bytes) -> tuple[Verdict, ...]:
    """Read verdicts; raises PackageError naming each malformed field."""
    return _read(_VERDICTS, content, "The list of verdicts")


def _read(adapter: TypeAdapter[_T], content: bytes, what: str) -> _T:
    try:
        return adapter.validate_json(content)
    except ValidationError as error:
        problems = [
            f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
            for problem in error.errors(include_url=False, include_context=False, include_input=False)
        ]
        raise PackageError(f"{what} is not as it should be.", problems[:20]) from None
