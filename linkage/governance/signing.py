"""The bytes that a party signs, and how a signature is written.

Rules:

- Ed25519 over ``linkage/v1/LABEL``, a zero byte, and the canonical JSON of the signed fields. A signature made
  for one kind of document is worth nothing for another (domain separation).
- A signature has one spelling, so that a record of it cannot be altered and still verify.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from linkage.errors import PackageError
from linkage.exchange.canonical import canonical_json
from linkage.exchange.keys import PrivateKeys, PublicKeys

SignatureText = Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{85}[AQgw]==$", description="Ed25519 signature, base64")]


def sign_fields(label: str, fields: Mapping[str, object], signer: PrivateKeys) -> str:
    """Sign ``fields`` as a document of kind ``label``."""
    return base64.b64encode(signer.sign(_message(label, fields))).decode("ascii")


def verifies(label: str, fields: Mapping[str, object], signature: str, keys: PublicKeys) -> bool:
    """Tell whether ``signature`` over ``fields`` was made with these keys."""
    try:
        keys.verify(_message(label, fields), base64.b64decode(signature))
    except PackageError:
        return False
    return True


def _message(label: str, fields: Mapping[str, object]) -> bytes:
    return f"linkage/v1/{label}".encode("ascii") + b"\0" + canonical_json(fields)
