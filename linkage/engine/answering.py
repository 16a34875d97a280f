"""What a steward does with tokens and with pairs in doubt, on the agency's own machine.

Rules:

- A token is turned back into a local ID by making the tokens of an extract's local IDs again, with the agency's own
  key; nobody else can.
- A steward judges a pair by looking up the local ID in the agency's own files. What goes back is a verdict and a ground
  from a list; notes that a steward writes stay.
- Verdicts are read whole before anything is written: all slips are reported at once, by row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pandas as pd

from linkage.engine.headings import heading_of
from linkage.engine.steward import person_tokens
from linkage.errors import InputError, Refused
from linkage.exchange.keys import PrivateKeys
from linkage.exchange.package import Member, open_package, write_package
from linkage.exchange.review_messages import (
    PACKET_MEMBER,
    VERDICTS_MEMBER,
    Answer,
    Ground,
    ReviewPair,
    Verdict,
    read_packet,
    verdicts_bytes,
)
from linkage.governance.standing import StandingAgreement
from linkage.release.payload import PERSON_TOKEN

LOCAL_ID, OTHER_LOCAL_ID = "local_id", "other_local_id"
REFERENCE, VERDICT, GROUND, NOTE = "reference", "verdict", "ground", "note"
#: What stands for a person whom the extract does not hold.
NOT_HERE = "(not in this extract)"


@dataclass(frozen=True)
class Sheet:
    """Pairs to judge: a row a pair, and which columns say how far identifiers agree."""

    rows: pd.DataFrame
    identifiers: tuple[str, ...]
    unknown: int


def local_ids_by_token(ids: pd.Series, keys: PrivateKeys, agreement: StandingAgreement) -> dict[str, str]:
    """Return the local ID of each token of an extract's ``ids``."""
    distinct = ids.astype("string").str.strip().dropna().drop_duplicates()
    tokens = person_tokens(keys, agreement.terms.id, distinct)
    return dict(zip(tokens.tolist(), distinct.tolist(), strict=True))


def with_local_ids(frame: pd.DataFrame, known: dict[str, str]) -> pd.DataFrame:
    """Put the local ID beside each ``person_token`` of a table, in the first column."""
    if PERSON_TOKEN not in frame:
        raise InputError(f"the table has no column {PERSON_TOKEN}", [f"columns: {', '.join(map(str, frame.columns))}"])
    found = frame[PERSON_TOKEN].astype("string").map(known).fillna(NOT_HERE)
    rest = frame.drop(columns=[PERSON_TOKEN])
    rest.insert(0, LOCAL_ID, found)
    return rest


def open_packet(path: Path, agreement: StandingAgreement, keys: PrivateKeys, known: dict[str, str]) -> Sheet:
    """Open a packet of pairs and lay them out for a steward, in the order of the agency's own IDs."""
    registrar = agreement.terms.hub.public_keys("registrar")
    with open_package(path, keys, {registrar.name: registrar}, "review") as package:
        pairs = read_packet(package.member(PACKET_MEMBER))
    return _sheet(pairs, known)


def _sheet(pairs: Sequence[ReviewPair], known: dict[str, str]) -> Sheet:
    identifiers = tuple(dict.fromkeys(name for pair in pairs for name in pair.agreement))
    both = any(pair.other_token for pair in pairs)
    rows = [
        {
            REFERENCE: pair.reference,
            LOCAL_ID: known.get(pair.person_token, NOT_HERE),
            **({OTHER_LOCAL_ID: known.get(pair.other_token, NOT_HERE) if pair.other_token else ""} if both else {}),
            **{name: pair.agreement.get(name, "") for name in identifiers},
            VERDICT: "",
            GROUND: "",
            NOTE: "",
        }
        for pair in pairs
    ]
    frame = pd.DataFrame(rows).sort_values([LOCAL_ID, REFERENCE], ignore_index=True)
    return Sheet(frame, identifiers, int((frame[LOCAL_ID] == NOT_HERE).sum()))


def read_sheet(frame: pd.DataFrame) -> tuple[Verdict, ...]:
    """Read a steward's verdicts; a row without one is passed over. Raises InputError with every slip."""
    lacking = [column for column in (REFERENCE, VERDICT, GROUND) if column not in frame]
    if lacking:
        raise InputError("this is not a review sheet", [f"there is no column {column}" for column in lacking])
    answers, grounds = {each.value for each in Answer}, {each.value for each in Ground}
    found, problems = [], []
    columns = (frame[column].fillna("").astype(str).str.strip() for column in (REFERENCE, VERDICT, GROUND))
    for row, (reference, answer, ground) in enumerate(zip(*columns, strict=True), 2):
        answer, ground = answer.lower(), ground.lower()
        if not answer and not ground:
            continue
        if answer not in answers:
            problems.append(f"row {row}, {VERDICT}: expected {', '.join(sorted(answers))}")
        elif answer != Answer.UNSURE and ground not in grounds:
            problems.append(f"row {row}, {GROUND}: expected {', '.join(sorted(grounds))}")
        elif answer == Answer.UNSURE and ground not in {"", *grounds}:
            problems.append(f"row {row}, {GROUND}: leave it empty, or give one of {', '.join(sorted(grounds))}")
        else:
            found.append(Verdict(reference=reference, answer=Answer(answer), ground=Ground(ground) if ground else None))
    repeated = {v.reference for v in found if sum(v.reference == other.reference for other in found) > 1}
    problems += [f"reference {reference} stands in several rows" for reference in sorted(repeated)]
    if problems:
        raise InputError("the review sheet cannot be used as it stands; nothing was written", problems)
    if not found:
        raise InputError("no row has a verdict", advice=f"write {', '.join(sorted(answers))} into the column {VERDICT}")
    return tuple(found)


def seal_verdicts(
    verdicts: tuple[Verdict, ...],
    *,
    agreement: StandingAgreement,
    keys: PrivateKeys,
    out: Path,
    now: datetime,
    random_bytes: Callable[[int], bytes],
) -> None:
    """Sign verdicts and seal them to the hub's registrar. Nothing but references, verdicts and grounds is in them."""
    party = agreement.terms.party(keys.name)
    if party is None or party.role != "provider" or party.public_keys() != keys.public:
        raise Refused(
            f"the key file of {keys.name} is not that of a provider of {agreement.terms.id}",
            [f"{agreement.cite('parties')}: fingerprint {keys.public.fingerprint}"],
        )
    heading = heading_of(agreement, "verdicts", {"verdicts": len(verdicts)}, now, random_bytes)
    registrar = agreement.terms.hub.public_keys("registrar")
    write_package(out, heading, {VERDICTS_MEMBER: Member(verdicts_bytes(verdicts))}, keys, [registrar])
