"""The bundle: what a release hands to its recipient, ready to be sealed.

Members::

    OUTPUT-rows.csv, .parquet       long form: person by dataset and period
    OUTPUT-persons.csv, .parquet    one row per person (and, wide, everything in it)
    OUTPUT-spells.csv, .parquet     unbroken runs of periods
    OUTPUT.csv                      a protected table
    OUTPUT-flags.csv, .parquet      a flag back
    OUTPUT-pairs.csv, .parquet      a crosswalk
    datapackage.json                Frictionless descriptor: types, codes, CEDS names, hashes, terms, destroy-by
    codebook.html                   the same for people
    linkage-certificate.json        how well records were linked
    disclosure-certificate.json     what the audit proved
    README.md                       how to load it, what is allowed, until when

Rules:

- Only what a :class:`~linkage.release.permission.PermittedRelease` covers goes in; all outputs of a bundle are for the
  same recipient under the same text of the agreement.
- Names of members are plain, so that a package can hold them. Large files stay files, never read into memory.
- Sealing and signing are the exchange's work; the manifest then signs every member's hash once more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb
from pydantic import BaseModel, ConfigDict

from linkage.disclosure import DisclosureCertificate
from linkage.errors import InputError, PackageError
from linkage.release.assemble import AssembledFile, ReleasedTable
from linkage.release.coarsen import literal, name
from linkage.release.csvfile import frame_to_csv, parquet_to_csv
from linkage.release.datapackage import DataPackage, Resource, TableSchema, Terms, schema_field
from linkage.release.microdata import MicrodataCertificate
from linkage.release.permission import PermittedRelease
from linkage.release.readme import readme
from linkage.release.tables import ProtectedTable
from linkage.release.workspace import Workspace

DESCRIPTOR = "datapackage.json"
CODEBOOK = "codebook.html"
LINKAGE_CERTIFICATE = "linkage-certificate.json"
DISCLOSURE_CERTIFICATE = "disclosure-certificate.json"
README = "README.md"

Content = bytes | Path
_IDS = {
    "random_per_release": "IDs are random and made for this release. They join its files to each other and to nothing "
    "else.",
    "stable_for_updates": "IDs are random. They join the files of this release to each other and to later releases to "
    "you under this agreement, and to nothing else.",
}


@dataclass(frozen=True)
class ReleasedOutput:
    """An output that was made, with the permission it was made under."""

    permitted: PermittedRelease
    content: AssembledFile | ProtectedTable


class _Certificates(BaseModel):
    model_config = ConfigDict(frozen=True)

    tables: dict[str, DisclosureCertificate]
    research_files: dict[str, MicrodataCertificate]


def bundle_members(
    outputs: Sequence[ReleasedOutput],
    created: datetime,
    linkage_certificate: bytes,
    codebook: Callable[[bytes], bytes],
    workspace: Workspace,
    notes: Sequence[str] = (),
) -> dict[str, Content]:
    """Return every member of the bundle by name; large ones as files in the workspace's scratch folder.

    ``codebook`` renders the descriptor as HTML (:func:`linkage.reports.codebook.codebook_html`); ``notes`` are what its
    readers must know of the release as a whole.
    """
    first = _one_permission(outputs)
    members: dict[str, Content] = {}
    resources: list[Resource] = []
    with workspace.connect() as connection:
        for output in outputs:
            if isinstance(output.content, ProtectedTable):
                path, content = f"{output.permitted.output_id}.csv", frame_to_csv(output.content.frame)
                members[path] = content
                resources.append(_table_resource(path, output.content, content))
                continue
            for table in output.content.tables:
                stem = f"{output.permitted.output_id}-{table.name}"
                csv = workspace.scratch / f"{stem}.csv"
                parquet_to_csv(connection, table.parquet, table.columns, csv)
                schema = _file_schema(connection, table)
                for path, file in ((f"{stem}.csv", csv), (f"{stem}.parquet", table.parquet)):
                    members[path] = file
                    resources.append(_file_resource(path, file, table, schema))
    tables = {o.permitted.output_id: o.content for o in outputs if isinstance(o.content, ProtectedTable)}
    legend = next((table.legend for table in tables.values()), None)
    told = tuple(dict.fromkeys([*notes, *(note for table in tables.values() for note in table.notes)]))
    package = DataPackage(
        name=first.terms.id,
        title="; ".join(output.permitted.output.title for output in outputs),
        created=created,
        resources=tuple(resources),
        linkage=_terms(first, legend, told),
    )
    descriptor = package.to_json()
    files = {o.permitted.output_id: o.content for o in outputs if isinstance(o.content, AssembledFile)}
    certificates = _Certificates(
        tables={key: table.certificate for key, table in tables.items()},
        research_files={key: file.microdata for key, file in files.items() if file.microdata is not None},
    )
    return {
        README: readme(package),
        DESCRIPTOR: descriptor,
        CODEBOOK: codebook(descriptor),
        LINKAGE_CERTIFICATE: linkage_certificate,
        DISCLOSURE_CERTIFICATE: certificates.model_dump_json(indent=2).encode("utf-8") + b"\n",
        **members,
    }


def verify_bundle(folder: Path) -> DataPackage:
    """Check an unpacked bundle against its descriptor; raises PackageError naming every file that differs."""
    path = folder / DESCRIPTOR
    if not path.is_file():
        raise PackageError(f"{folder} is not a bundle: it has no {DESCRIPTOR}.")
    try:
        package = DataPackage.model_validate_json(path.read_bytes())
    except ValueError:
        raise PackageError(f"{path} is not the descriptor of a bundle.") from None
    problems = list(_differences(folder, package))
    if problems:
        raise PackageError(f"{folder} is not as it was released.", problems, "Open the sealed bundle again.")
    return package


def _differences(folder: Path, package: DataPackage) -> Iterator[str]:
    for resource in package.resources:
        path = folder / Path(resource.path).name
        if resource.path != path.name or not path.is_file():
            yield f"{resource.path}: missing"
        elif path.stat().st_size != resource.bytes or _sha256(path) != resource.hash:
            yield f"{resource.path}: its content is not what was released (SHA-256 differs)"
    for member in (README, CODEBOOK, LINKAGE_CERTIFICATE, DISCLOSURE_CERTIFICATE):
        if not (folder / member).is_file():
            yield f"{member}: missing"


def _one_permission(outputs: Sequence[ReleasedOutput]) -> PermittedRelease:
    if not outputs:
        raise InputError("A bundle needs at least one output.")
    first = outputs[0].permitted
    shared = {(o.permitted.agreement.sha256, o.permitted.recipient, o.permitted.purpose) for o in outputs}
    names = [output.permitted.output_id for output in outputs]
    if len(shared) > 1 or len(set(names)) < len(names):
        raise InputError("The outputs of one bundle are for one recipient and purpose, under one agreement, each once.")
    return first


def _terms(permitted: PermittedRelease, legend: str | None, notes: tuple[str, ...]) -> Terms:
    terms = permitted.terms
    recipient = terms.recipient(permitted.recipient)
    named = tuple(user.name for user in recipient.named_users) if recipient is not None else ()
    return Terms(
        agreement=terms.id,
        agreement_version=terms.version,
        agreement_sha256=permitted.agreement.sha256,
        recipient=permitted.recipient,
        users=permitted.users or named,
        purpose=permitted.purpose,
        purpose_statement=next(use.statement for use in terms.purpose.permitted_uses if use.code == permitted.purpose),
        prohibited_uses=terms.purpose.prohibited_uses,
        destroy_by=permitted.destroy_by,
        destruction_method=terms.retention.method,
        ids=_IDS[terms.linkage.release_ids],
        citation=terms.review.citation,
        legend=legend,
        notes=notes,
    )


def _file_schema(connection: duckdb.DuckDBPyConnection, table: ReleasedTable) -> TableSchema:
    counts = ", ".join(f"count({name(column.name)})" for column in table.columns)
    ((total, *present),) = connection.execute(
        f"SELECT count(*), {counts} FROM read_parquet({literal(str(table.parquet))})"
    ).fetchall()
    missing = [round(100 * (1 - number / total)) if total else 0 for number in present]
    return TableSchema(
        fields=tuple(
            schema_field(column, share, (column.name,) == table.key)
            for column, share in zip(table.columns, missing, strict=True)
        ),
        primary_key=table.key or None,
    )


def _file_resource(path: str, file: Path, table: ReleasedTable, schema: TableSchema) -> Resource:
    is_csv = path.endswith(".csv")
    return Resource(
        name=path.lower().replace(".", "-"),
        title=table.title,
        path=path,
        format="csv" if is_csv else "parquet",
        mediatype="text/csv" if is_csv else "application/vnd.apache.parquet",
        encoding="utf-8" if is_csv else None,
        bytes=file.stat().st_size,
        hash=_sha256(file),
        rows=table.rows,
        table_schema=schema,
    )


def _table_resource(path: str, table: ProtectedTable, content: bytes) -> Resource:
    return Resource(
        name=path.lower().replace(".", "-"),
        title=table.title,
        path=path,
        format="csv",
        mediatype="text/csv",
        encoding="utf-8",
        bytes=len(content),
        hash=f"sha256:{hashlib.sha256(content).hexdigest()}",
        rows=len(table.frame),
        table_schema=TableSchema(
            fields=tuple(schema_field(column, None, False) for column in table.columns),
            missing_values=("", table.certificate.rules.symbol),
        ),
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return f"sha256:{hashlib.file_digest(handle, 'sha256').hexdigest()}"
