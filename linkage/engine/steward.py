"""The agency data steward's work: hash an extract and seal it for the hub.

Rules:

- What the agreement does not list is not encoded: identifiers that it leaves out are named in the receipt and stay.
- One row a local student. Rows that cannot be used (no local ID, one that another row has, no usable identifier) are
  set aside and counted; more of them than the spec allows, and nothing is hashed.
- The encodings are sealed to the matcher and the token table to the registrar; both may read the manifest.
- Nothing is written unless everything was.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from io import BytesIO
from itertools import count
from pathlib import Path
from threading import Lock
from typing import TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from numpy.typing import NDArray

from linkage.engine.facts import EncodingFacts
from linkage.engine.headings import context_of
from linkage.errors import InputError, MismatchError, Refused
from linkage.exchange.keys import PrivateKeys
from linkage.exchange.manifest import Heading
from linkage.exchange.package import Member, package_sha256, write_package
from linkage.exchange.receipt import Receipt
from linkage.exchange.secret import Secret
from linkage.governance.day import local_day
from linkage.governance.decide import require
from linkage.governance.requests import EncodeIdentifier
from linkage.governance.standing import StandingAgreement
from linkage.hashing.canary import canary_mac
from linkage.hashing.columns import ColumnMap, recognise, shown_headers
from linkage.hashing.encode import RandomBytes, encode_pass, plan
from linkage.hashing.mapping import SavedMapping
from linkage.hashing.read import Extract
from linkage.hashing.statistics import field_statistics
from linkage.hashing.usable import Usable, usable_rows
from linkage.spec.encodings import EncodedPass, TokenTable
from linkage.spec.model import LinkageSpec
from linkage.spec.progress import Report

ENCODINGS_SUFFIX = ".lpkg"
TOKENS_MEMBER = "tokens.parquet"
#: Room for what a table's file holds beside its columns: schema and places.
_AROUND_TABLE = 1 << 20
#: The phase of hashing that takes long.
ENCODING = "encoding and sealing"
_Content = TypeVar("_Content", bytes, memoryview)


def pass_member(name: str) -> str:
    """Return the name of a pass's member in a package."""
    return f"pass.{name}.parquet"


def require_spec(agreement: StandingAgreement, spec: LinkageSpec) -> None:
    """Raise MismatchError unless ``spec`` is the one that the agreement pins."""
    if spec.sha256 != agreement.terms.linkage.spec_sha256:
        raise MismatchError(
            f"the linkage spec {spec.id} v{spec.version} is not the one that the agreement names",
            [
                f"agreement: {agreement.cite('linkage', 'spec_sha256')}: {agreement.terms.linkage.spec_sha256}",
                f"this spec, with this version of the software: {spec.sha256}",
            ],
            "use the spec file that was signed, and the version of linkage that it was signed with",
        )


def person_tokens(keys: PrivateKeys, agreement: str, local_ids: Iterable[object]) -> NDArray[np.object_]:
    """Return the agency's own pseudonym of each local ID: 32 hex digits under a key that only the agency has."""
    # A copy of what is keyed already: half the time of an HMAC from the key.
    keyed = HMAC(keys.derive(f"person-token/{agreement}"), SHA256())

    def token(local_id: object) -> str:
        own = keyed.copy()
        own.update(str(local_id).encode())
        return own.finalize()[:16].hex()

    return np.array([token(local_id) for local_id in local_ids], dtype=object)


def require_column(headers: Sequence[str], column: str | None) -> str:
    """Return the column of the agency's own ID; raises InputError where there is none."""
    if column is None or column not in headers:
        raise InputError(
            "no column with the agency's own ID was recognised" if column is None else f"there is no column {column!r}",
            shown_headers(headers),
            "name it with --local-id COLUMN",
        )
    return column


def local_ids(frame: pd.DataFrame, column: str | None) -> pd.Series:
    """Return the local IDs of a payload's rows; raises InputError where one is missing."""
    column = require_column([str(header) for header in frame.columns], column)
    found = frame[column].astype("string").fillna("").str.strip()
    problems = [f"column {column}, row {row + 1}: empty" for row in np.flatnonzero(found == "")[:20]]
    if problems:
        raise InputError("the local IDs cannot be used", problems, "every row needs the ID of its person")
    return found


def _allowed(
    agreement: StandingAgreement, agency: str, columns: ColumnMap, today: date
) -> tuple[ColumnMap, tuple[str, ...]]:
    """Keep the identifiers that the agreement lists; raises Refused where it lists none or does not stand."""
    listed = agreement.terms.linkage.identifiers
    kept = {name: headers for name, headers in columns.identifiers.items() if name in listed}
    left = tuple(name for name in columns.identifiers if name not in listed)
    linkage = agreement.terms.linkage
    require(
        agreement,
        [EncodeIdentifier(agency, name, linkage.spec_sha256, linkage.epoch) for name in (kept or columns.identifiers)],
        today,
    )
    return columns.only(kept), left


@dataclass(frozen=True)
class Examined:
    """An extract that may be hashed: its usable rows, where its identifiers are, and what stays behind."""

    usable: Usable
    columns: ColumnMap
    not_listed: tuple[str, ...]


def examine_extract(
    extract: pd.DataFrame | Extract,
    *,
    agreement: StandingAgreement,
    spec: LinkageSpec,
    agency: str,
    today: date,
    columns: Mapping[str, str] | SavedMapping | None = None,
) -> Examined:
    """Do all that hashing does before it needs the secret: decide, recognise, normalise, quarantine.

    ``columns`` overrules what is recognised, in part (a mapping of identifiers to headers) or as a whole.
    Raises InputError, MismatchError or Refused.
    """
    require_spec(agreement, spec)
    read = extract if isinstance(extract, Extract) else Extract.of(extract.rename(columns=str))
    found = (
        columns.columns(read.headers, spec)
        if isinstance(columns, SavedMapping)
        else recognise(read.headers, spec, columns)
    )
    mapped, left_out = _allowed(agreement, agency, found, today)
    require_column(read.headers, mapped.local_id)
    return Examined(usable_rows(read, mapped, spec), mapped, left_out)


def hash_extract(
    extract: pd.DataFrame | Extract | Examined,
    *,
    agreement: StandingAgreement,
    spec: LinkageSpec,
    secret: Secret,
    keys: PrivateKeys,
    out: Path,
    now: datetime,
    random_bytes: RandomBytes,
    columns: Mapping[str, str] | SavedMapping | None = None,
    may_have_duplicates: bool = False,
    report: Report = lambda _phase, _done: None,
) -> Receipt:
    """Encode an extract under an agreement and write the sealed package to ``out``.

    ``now`` has a time zone. Raises InputError (also where more rows than the spec's ``quarantine_limit`` cannot be
    used), MismatchError, Refused or KeyFileError; then nothing is written.
    """
    party = agreement.terms.party(keys.name)
    if party is None or party.public_keys() != keys.public:
        raise Refused(
            f"the key file of {keys.name} is not the one that the agreement pins",
            [f"agreement {agreement.terms.id}: {agreement.cite('parties')}", f"fingerprint: {keys.public.fingerprint}"],
            "use the key file whose public half was put into the agreement",
        )
    if isinstance(extract, Examined):
        examined = extract
    else:
        report("normalising", 0.0)
        examined = examine_extract(
            extract, agreement=agreement, spec=spec, agency=keys.name, today=local_day(now), columns=columns
        )
        report("normalising", 1.0)
    usable, mapped = examined.usable, examined.columns
    usable.quarantine.require_within(spec.quarantine_limit)
    if usable.local_ids is None or not usable.prepared.records:
        raise InputError(
            "no row can be used", [f"{n:,} rows: {r.value}" for r, n in usable.quarantine.counts().items()]
        )
    context, local_ids = context_of(agreement), usable.local_ids

    def derive(label: str) -> bytes:
        return secret.derive(context, label)

    report("blocking", 0.0)
    statistics = field_statistics(usable.prepared, random_bytes)
    planned = plan(usable.prepared, spec, derive, random_bytes)
    report("blocking", 1.0)

    hub = agreement.terms.hub
    matcher, registrar = hub.public_keys("matcher"), hub.public_keys("registrar")
    facts = EncodingFacts(
        records=usable.prepared.records,
        may_have_duplicates=may_have_duplicates,
        statistics=statistics,
        rows_by_pass=planned.rows_by_pass,
        over_block_cap=dict(planned.over_cap),
        spec=spec.model_dump(mode="json"),
    )
    heading = Heading(
        kind="encodings",
        context=context,
        serial=random_bytes(16).hex(),
        created=now.isoformat(timespec="seconds"),
        key_check_value=secret.key_check_value(context),
        canary_mac=canary_mac(spec, derive),
        facts=facts.model_dump(mode="json"),
    )

    # Two passes are made at a time, each on its share of the processors.
    threads = max(1, (os.cpu_count() or 1) // 2)
    # A step for each member made, and one for what is left to seal then.
    steps, made, counting = len(planned.passes) + 2, count(1), Lock()

    def counted(content: _Content) -> _Content:
        with counting:
            report(ENCODING, next(made) / steps)
        return content

    def encoded(name: str) -> memoryview:
        return counted(_parquet(encode_pass(planned, name, derive, threads)))

    def tokens() -> bytes:
        people = person_tokens(keys, agreement.terms.id, local_ids)
        return counted(_token_bytes(people, planned.tokens_of()))

    # Passes are encoded while the one before is sealed: all of them would not fit in a laptop's memory. Tokens take one
    # processor long, so they are made first, beside passes.
    members = {TOKENS_MEMBER: Member(tokens, registrar)}
    members |= {pass_member(name): Member(partial(encoded, name), matcher) for name in planned.passes}
    report(ENCODING, 0.0)
    write_package(out, heading, members, keys, [matcher, registrar])
    report(ENCODING, 1.0)
    return Receipt(
        package=out.name,
        package_sha256=package_sha256(out),
        agency=keys.name,
        agency_name=party.legal_name,
        agreement=agreement.terms.id,
        agreement_sha256=agreement.sha256,
        spec_sha256=spec.sha256,
        epoch=context.epoch,
        serial=heading.serial,
        created=heading.created,
        records=usable.prepared.records,
        quarantined={reason.value: rows for reason, rows in usable.quarantine.counts().items()},
        identifiers={name: " + ".join(headers) for name, headers in mapped.identifiers.items()},
        not_listed=examined.not_listed,
        missing=statistics.missing,
        rows_by_pass=facts.rows_by_pass,
        over_block_cap=facts.over_block_cap,
        sealed_to={room.name: room.fingerprint for room in (matcher, registrar)},
    )


def token_table(source: str, tokens: Mapping[str, NDArray[np.uint64]], people: NDArray[np.object_]) -> TokenTable:
    """Return what the registrar needs of an encoded source: a row a record, its person token and its pass tokens."""
    columns: dict[str, object] = {"row": np.arange(len(people)), "person_token": people}
    columns |= {f"pass:{name}": column for name, column in tokens.items()}
    return TokenTable(source, pd.DataFrame(columns))


def _parquet(found: EncodedPass) -> memoryview:
    table = found.to_arrow()
    # Nothing is null: a missing value is an all-zero filter. Said so, a row costs no level to write.
    whole = pa.schema([column.with_nullable(False) for column in table.schema])
    # Written to memory taken at once: what grows is moved again and again. Headers of pages take little.
    room = np.empty(table.nbytes + table.nbytes // 64 + _AROUND_TABLE, dtype=np.uint8)
    with pa.FixedSizeBufferWriter(pa.py_buffer(room)) as buffer:
        # Filters are random bits: compression would cost time and save little.
        pq.write_table(
            pa.table(table.columns, schema=whole),
            buffer,
            compression="none",
            use_dictionary=False,
            write_statistics=False,
            row_group_size=1 << 17,
        )
        written = buffer.tell()
    return room[:written].data


def _token_bytes(people: NDArray[np.object_], tokens: Mapping[str, NDArray[np.uint64]]) -> bytes:
    # The file's order is the agency's: rows are told apart by their random tokens only.
    order = np.argsort(np.frombuffer(bytes.fromhex("".join(people)), dtype=">u8")[::2], kind="stable")
    columns: dict[str, pa.Array] = {"person_token": pa.array(people[order], pa.string())}
    columns |= {f"pass:{name}": pa.array(column[order]) for name, column in tokens.items()}
    buffer = BytesIO()
    # Hex digits take half the room when compressed, random numbers no less than before.
    compression = {name: "zstd" if name == "person_token" else "none" for name in columns}
    pq.write_table(pa.table(columns), buffer, compression=compression, use_dictionary=False)
    return buffer.getvalue()
