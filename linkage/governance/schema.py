"""The agreement's JSON Schema, by which editors complete and check the YAML while it is written.

Rules:

- It is made from the models and shipped beside the templates; a test holds the two together.
- ``x-`` fields are for people and allowed everywhere, as the loader allows them.
- It knows fields and values. What spans clauses is checked by ``linkage agreement check``.
"""

from __future__ import annotations

import json
from typing import Any, Final

from linkage.governance.model import Agreement

SCHEMA_NAME: Final = "agreement.schema.json"


def agreement_schema() -> str:
    """Return the JSON Schema (draft 2020-12) as text."""
    schema: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Agreement.model_json_schema(by_alias=True),
    }
    for model in (schema, *schema["$defs"].values()):
        if model.get("additionalProperties") is False:
            model["patternProperties"] = {"^x-": {}}
    return json.dumps(schema, indent=2, sort_keys=False) + "\n"
