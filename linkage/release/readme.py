"""The first page a researcher reads: what this is, how to load it, what may be done with it, until when."""

from __future__ import annotations

from collections.abc import Sequence

from linkage.release.columns import RELEASE_ID
from linkage.release.datapackage import DataPackage, Resource

_PANDAS = """```python
import json
from pathlib import Path

import pandas as pd

# Parquet carries its types:
rows = pd.read_parquet("{parquet}", dtype_backend="numpy_nullable")

# CSV needs them named, or "03" becomes 3:
schema = json.loads(Path("datapackage.json").read_text(encoding="utf-8"))["resources"][{number}]["schema"]
kinds = {{"string": "string", "integer": "Int64", "number": "Float64", "boolean": "boolean", "date": "string"}}
dtype = {{field["name"]: kinds[field["type"]] for field in schema["fields"]}}
rows = pd.read_csv("{csv}", dtype=dtype, keep_default_na=False, na_values=schema["missingValues"])
texts = list(rows.select_dtypes("string"))
rows[texts] = rows[texts].apply(lambda text: text.str.replace(r"^'(?=[=+\\-@\\t\\r\\n'])", "", regex=True))
```
"""

_R = """```r
# Parquet carries its types: rows <- arrow::read_parquet("{parquet}")
schema <- jsonlite::fromJSON("datapackage.json", simplifyDataFrame = FALSE)$resources[[{place}]]$schema
kinds <- c(string = "c", integer = "d", number = "d", boolean = "l", date = "D")
types <- paste(kinds[vapply(schema$fields, function(field) field$type, "")], collapse = "")
rows <- readr::read_csv("{csv}", col_types = types, na = unlist(schema$missingValues))
texts <- vapply(rows, is.character, TRUE)
rows[texts] <- lapply(rows[texts], function(text) sub("^'(?=[-=+@\\t\\r\\n'])", "", text, perl = TRUE))
```
"""


def readme(package: DataPackage) -> bytes:
    """Write README.md."""
    terms = package.linkage
    parts = [
        f"# {package.title}\n",
        f"Released to {terms.recipient} on {package.created:%Y-%m-%d} under the agreement `{terms.agreement}`, version"
        f" {terms.agreement_version} (SHA-256 `{terms.agreement_sha256}`), for `{terms.purpose}`.\n",
        f"**Destroy by {terms.destroy_by}.** {terms.destruction_method}\n",
        f"For {', '.join(terms.users)} only.\n" if terms.users else "",
        "## What is in it\n",
        *(
            f"- `{resource.path}`: {resource.title.rstrip('.')}; {resource.rows:,} rows"
            for resource in package.resources
        ),
        "- `codebook.html`: every column, its codes, its CEDS name and where it comes from",
        "- `datapackage.json`: the same for machines (Frictionless), with the files' SHA-256",
        "- `linkage-certificate.json`: how well records were linked, and whom that may leave out",
        "- `linkage-certificate.html`: the same as a page to read",
        "- `disclosure-certificate.json`: how small groups are protected, and what the audit proved\n",
        "## Load it\n",
        *_snippets(package.resources),
        "## What to know\n",
        f"- {terms.ids}" if _has_ids(package) else "",
        "- *Not linked* (no record of that agency was linked to the person) and *no record* (linked, but no row in the"
        " agreed years) are different; a missing value is a third thing. Do not count the first as a zero.",
        "- In the CSV files a text that a spreadsheet would run as a formula has an apostrophe in front; the lines"
        " above take it off." + (" The Parquet files hold every value unchanged." if _twins(package.resources) else ""),
        f"- In the tables: {terms.legend}" if terms.legend else "",
        *(f"- {note}" for note in terms.notes),
        "\n## What is not allowed\n",
        *(f"- {use}" for use in terms.prohibited_uses),
        "- Finding out who a person is, contacting one, or joining these data with others: the agreement forbids it.\n",
        f"Cite as: {terms.citation}\n" if terms.citation else "",
    ]
    return "\n".join(part for part in parts if part).encode("utf-8")


def _has_ids(package: DataPackage) -> bool:
    return any(field.name == RELEASE_ID for each in package.resources for field in each.table_schema.fields)


def _twins(resources: Sequence[Resource]) -> list[str]:
    """Return the CSV files that have a Parquet twin."""
    paths = [resource.path for resource in resources]
    return [path for path in paths if path.endswith(".csv") and path.replace(".csv", ".parquet") in paths]


def _snippets(resources: Sequence[Resource]) -> list[str]:
    """Show how to load the first CSV that has a Parquet twin, or the first there is."""
    paths, twins = [resource.path for resource in resources], _twins(resources)
    csv = (twins or [path for path in paths if path.endswith(".csv")])[0]
    number = paths.index(csv)
    parquet = csv.replace(".csv", ".parquet")
    shown = [text.format(csv=csv, parquet=parquet, number=number, place=number + 1) for text in (_PANDAS, _R)]
    if not twins:
        shown = ["".join(line for line in text.splitlines(True) if "arquet" not in line) for text in shown]
    return ["In Python:\n", shown[0], "In R:\n", shown[1]]
