"""The release room's work: payload and crosswalk in, what the agreement lists out.

Rules:

- Nothing is made before the agreement allows it, and everything that is made passed the disclosure audit.
- Payload is plain text only in the release room's own scratch folder, which is emptied when the work ends, however it
  ends; what a kill leaves there is swept before the next.
- Links older than the newest packages are released on only when that is asked for; the ledger and the bundle say so.
- What is refused is entered in the ledger as well as what is released.
- The bundle is sealed to the recipient's pinned key; the disclosure is entered in the ledger as 34 CFR 99.32 asks,
  and the ledger's signed head goes out beside the bundle.
- What later releases are checked against is kept, and the ledger entry made, *before* the bundle appears under its
  name: after a kill the hub may have noted a release that nobody got, but nobody has one that it did not note.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from io import BytesIO
from pathlib import Path

import pandas as pd

from linkage.disclosure import ReleaseRecord
from linkage.engine import journal
from linkage.engine.certified import (
    PAGE,
    certificate_json,
    certificate_page,
    read_certificate,
    require_floor,
    with_link_rates,
)
from linkage.engine.crosswalk import make_crosswalk, read_crosswalk
from linkage.engine.headings import heading_of
from linkage.engine.history import keep_record, kept_records
from linkage.engine.issues import keep_issue, refuse_if_few_changed
from linkage.engine.payload import PAYLOAD_MEMBER
from linkage.engine.receive import latest
from linkage.engine.rooms import Hub, provider_keys
from linkage.engine.work import work_of
from linkage.errors import InputError, PackageError, StoreError
from linkage.exchange.files import copy_atomically, rename_durably, sweep
from linkage.exchange.keys import PrivateKeys
from linkage.exchange.package import Member, open_package, package_sha256, write_package
from linkage.governance.day import local_day
from linkage.governance.events import Disclosed
from linkage.governance.heads import write_head
from linkage.governance.outputs import FlagBack, ResearchFile, Table
from linkage.governance.standing import StandingAgreement
from linkage.release.assemble import AssembledFile, assemble
from linkage.release.bundle import ReleasedOutput, bundle_members, verify_bundle
from linkage.release.crosswalk import make_crosswalk as make_token_crosswalk
from linkage.release.datapackage import DataPackage
from linkage.release.flag_back import make_flag_back
from linkage.release.link_rates import datasets_with_groups
from linkage.release.payload import accept_payload
from linkage.release.permission import PermittedRelease
from linkage.release.tables import ProtectedTable, make_table
from linkage.release.workspace import Workspace
from linkage.reports.codebook import codebook_html
from linkage.spec.progress import Report

BUNDLE_SUFFIX = ".rpkg"
_STALE = (
    "The links are those of run {run} of the hub's registry. Agencies had delivered newer records by the day of this"
    " release, which are not linked in it: who is in those alone is missing, or counts as not linked."
)


@dataclass(frozen=True)
class Released:
    """A bundle that was sealed, and the files beside it."""

    release: str
    bundle: Path
    head: Path
    persons: int
    outputs: tuple[ReleasedOutput, ...]
    notes: tuple[str, ...]


@contextmanager
def _scratch(hub: Hub) -> Iterator[Path]:
    folder = hub.folder / "release" / "scratch"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _payloads(hub: Hub, agreement: StandingAgreement, wanted: set[str], today: date) -> dict[str, pd.DataFrame]:
    senders = provider_keys(agreement)
    found = {}
    for path in latest(hub.room("release", "inbox")):
        dataset = agreement.terms.dataset(path.parent.parent.name, path.parent.name)
        if dataset is None or dataset.key not in wanted:
            continue
        with open_package(path, hub.keys("release"), senders, "payload") as package:
            frame = pd.read_parquet(BytesIO(package.member(PAYLOAD_MEMBER)))
        found[dataset.key] = accept_payload(frame, dataset, agreement, today)
    return found


def release(
    hub: Hub,
    output_ids: Sequence[str],
    *,
    recipient: str,
    purpose: str,
    out: Path,
    now: datetime,
    random_bytes: Callable[[int], bytes],
    users: tuple[str, ...] = (),
    as_resolved: bool = False,
    report: Report = lambda _phase, _done: None,
) -> Released:
    """Make outputs that the agreement lists and seal them to their recipient.

    Raises Refused with every clause, DisclosureError where the audit fails, InputError where payload is missing,
    StoreError where the newest packages are not in the links yet, unless ``as_resolved``.
    """
    asked = f"release of {', '.join(output_ids)} to {recipient} for {purpose}"
    with journal.noting_refusals(hub, asked, now):
        return _release(hub, output_ids, recipient, purpose, out, now, random_bytes, users, as_resolved, report)


def _release(
    hub: Hub,
    output_ids: Sequence[str],
    recipient: str,
    purpose: str,
    out: Path,
    now: datetime,
    random_bytes: Callable[[int], bytes],
    users: tuple[str, ...],
    as_resolved: bool,
    report: Report,
) -> Released:
    repeated = sorted(output for output, times in Counter(output_ids).items() if times > 1)
    if repeated:
        raise InputError("an output goes into a bundle once", [f"{output}: asked for again" for output in repeated])
    agreement = hub.agreement()
    permitted = [PermittedRelease(agreement, o, recipient, purpose, local_day(now), users) for o in output_ids]
    party = agreement.terms.party(recipient)
    assert party is not None, "a permitted release has a recipient that is a party"
    certificate = read_certificate(hub)
    require_floor(agreement, certificate)
    stale_run = _stale_run(hub, as_resolved)
    notes = (_STALE.format(run=stale_run),) if stale_run is not None else ()
    name = f"{now:%Y%m%dT%H%M%S}-{random_bytes(4).hex()}"
    report("crosswalk", 0.0)
    crosswalk = read_crosswalk(hub, make_crosswalk(hub, name, recipient, now, random_bytes), agreement)
    report("crosswalk", 1.0)
    wanted = {d.key for p in permitted for d in p.sources} | datasets_with_groups(agreement.terms)
    payloads = _payloads(hub, agreement, wanted, local_day(now))
    history = kept_records(hub)
    with _scratch(hub) as scratch:
        outputs = []
        for done, permission in enumerate(permitted):
            report("assembling and protecting", done / len(permitted))
            outputs.append(ReleasedOutput(permission, _make(permission, payloads, crosswalk, scratch, name, history)))
            made = outputs[-1].content
            if isinstance(made, ProtectedTable):
                history.append(made.record)
            else:
                refuse_if_few_changed(hub, permission, made)
        report("assembling and protecting", 1.0)
        certificate = with_link_rates(certificate, agreement, payloads, crosswalk, Workspace(scratch))
        members = bundle_members(outputs, now, certificate_json(certificate), codebook_html, Workspace(scratch), notes)
        members[PAGE] = certificate_page(certificate, agreement, f"release of {now:%Y-%m-%d}")
        heading = heading_of(
            agreement,
            "release",
            {"outputs": list(output_ids), "recipient": recipient, "agreement_sha256": agreement.sha256},
            now,
            random_bytes,
        )
        report("sealing", 0.0)
        sealed = scratch / "bundle"
        write_package(
            sealed,
            heading,
            {member: Member(content) for member, content in members.items()},
            hub.keys("release"),
            [party.public_keys()],
        )
        persons = max((o.content.people for o in outputs if isinstance(o.content, AssembledFile)), default=0)
        for output in outputs:
            if isinstance(output.content, ProtectedTable):
                keep_record(hub, output.content.record)
            else:
                keep_issue(hub, output.permitted, output.content)
        sha256 = package_sha256(sealed)
        head = out.with_name(f"{out.name}.head.json")
        sweep(head)
        for permission in permitted:
            write_head(head, journal.disclosed(hub, _disclosure(permission, persons, sha256, stale_run), now))
        copy_atomically(sealed, out)
        report("sealing", 1.0)
    return Released(name, out, head, persons, tuple(outputs), notes)


def _stale_run(hub: Hub, as_resolved: bool) -> int | None:
    """Return the last run where packages have come since, None where none have; StoreError unless ``as_resolved``."""
    work = work_of(hub)
    if not work.stale:
        return None
    if not as_resolved:
        raise StoreError(
            f"not released, for {work.next_step}",
            advice=f"or release on run {work.last_run}, the last that was resolved, with --as-resolved",
        )
    return work.last_run


def _make(
    permission: PermittedRelease,
    payloads: dict[str, pd.DataFrame],
    crosswalk: pd.DataFrame,
    scratch: Path,
    name: str,
    history: Sequence[ReleaseRecord],
) -> AssembledFile | ProtectedTable:
    output = permission.output
    folder = scratch / output.id
    folder.mkdir()
    if isinstance(output, ResearchFile):
        return assemble(permission, payloads, crosswalk, Workspace(folder))
    if isinstance(output, Table):
        # A table shows nobody's ID; its record follows persons by the key that lasts.
        lasting = crosswalk.assign(release_id=crosswalk["person_key"])
        return make_table(permission, payloads, lasting, Workspace(folder), f"{name}-{output.id}", history)
    if isinstance(output, FlagBack):
        return make_flag_back(permission, payloads, crosswalk, Workspace(folder))
    return make_token_crosswalk(permission, crosswalk, Workspace(folder))


def _disclosure(permission: PermittedRelease, persons: int, bundle_sha256: str, stale_run: int | None) -> Disclosed:
    terms = permission.terms
    recipient = terms.recipient(permission.recipient)
    assert recipient is not None, "a permitted release has a recipient that is listed"
    return Disclosed(
        agreement=terms.id,
        agreement_sha256=permission.agreement.sha256,
        output=permission.output_id,
        recipient=permission.recipient,
        interest=recipient.interest,
        purpose=permission.purpose,
        users=permission.users or tuple(user.name for user in recipient.named_users),
        providers=tuple(dict.fromkeys(dataset.provider for dataset in permission.sources)),
        elements=tuple(permission.output.elements),
        persons=persons,
        further_recipients=terms.redisclosure.allowed_to,
        bundle_sha256=bundle_sha256,
        destroy_by=permission.destroy_by.isoformat(),
        clause=f"outputs[{permission.output_id}]",
        stale_links_of_run=stale_run,
    )


def open_bundle(bundle: Path, agreement: StandingAgreement, keys: PrivateKeys, out: Path) -> DataPackage:
    """Verify a bundle and unpack it into the new folder ``out``; nothing is left of one that does not hold."""
    if out.exists():
        raise InputError(f"{out} exists already", advice="name a new folder")
    if not out.parent.is_dir():
        raise InputError(f"there is no folder {out.parent}", advice="make it first")
    hub = agreement.terms.hub.public_keys("release")
    part = out.with_name(f".{out.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        with open_package(bundle, keys, {hub.name: hub}, "release") as package:
            if package.manifest.facts.get("agreement_sha256") != agreement.sha256:
                raise PackageError(
                    f"{bundle} was released under another text of the agreement than {agreement.document.yaml.source}"
                )
            part.mkdir(mode=0o700)
            for member in package.manifest.members:
                package.extract(member.name, part / member.name)
        described = verify_bundle(part)
        rename_durably(part, out)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    return described
