"""Making a secret together: commit, reveal, derive.

1. Every agency draws 32 random bytes and hands the others a commitment to them.
2. Once it holds *every* agency's commitment, and not before, it reveals its bytes, sealed to the other agencies.
3. Each agency opens the others' reveals, holds them against the commitments, and derives the secret.

Rules:

- **Nobody chooses the secret, and one honest agency suffices**: it is HKDF-SHA256 (RFC 5869) over the contributions in
  the order of the agencies' names, with salt = SHA-256 of the context (agreement, roster, spec, epoch). Whoever has to
  commit before seeing any other contribution cannot steer the result; it stays random if one contribution is.
- A commitment is SHA-256 over agency, context and contribution. The contribution has 256 random bits, so the hash
  hides it without a nonce; agency and context inside keep anyone from repeating another's commitment as its own.
- A reveal that does not open the sender's commitment (changed, late from an earlier attempt, or made on other
  commitments than ours) is refused with the agency's name. A reveal lists the commitments its sender had seen, so an
  agency that showed different ones to different peers is found out.
- The hub may carry every message. It is no agency of the roster: nothing is sealed to it, nothing of it is taken.

What remains, and is accepted: the last agency to reveal can refuse to. The ceremony then ends without a secret, named
after who is missing; it is held again with new contributions.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from linkage.errors import KeyFileError, LinkageError, PackageError
from linkage.exchange.canonical import canonical_json
from linkage.exchange.ceremony_messages import Commitment, Contribution, Reveal, Signed, sealed_text
from linkage.exchange.context import PROTOCOL, Context
from linkage.exchange.keys import PrivateKeys
from linkage.exchange.roster import Roster
from linkage.exchange.secret import SECRET_BYTES, Secret

_COMMITMENT_LABEL = f"{PROTOCOL}/secret-contribution".encode("ascii") + b"\0"
_ROOT_LABEL = f"{PROTOCOL}/root".encode("ascii")


@dataclass(frozen=True)
class Ceremony:
    """One making of a secret: by these agencies, for this context."""

    roster: Roster
    context: Context

    def __post_init__(self) -> None:
        if len(self.roster.agencies) < 2:
            raise KeyFileError(
                f"{self.roster.names[0]} is the only agency; a secret is shared by at least two.",
                advice="Draw it alone with `linkage secret new --out FILE`.",
            )

    def fields(self) -> dict[str, Any]:
        """Return what binds a message to this ceremony."""
        return {
            "agreement": self.context.agreement,
            "epoch": self.context.epoch,
            "spec_sha256": self.context.spec_sha256,
            "roster_sha256": self.roster.sha256,
        }

    def canonical(self) -> bytes:
        """Return the bytes that stand for this ceremony in commitments and in the derivation."""
        return canonical_json(self.fields() | {"proto": PROTOCOL})

    def objections(self, message: Signed) -> Iterator[str]:
        """Yield why a message was not made for this ceremony."""
        names = {"agreement": "agreement", "epoch": "epoch", "spec_sha256": "linkage spec", "roster_sha256": "roster"}
        for field, ours in self.fields().items():
            theirs = getattr(message, field)
            if theirs != ours:
                yield f"{message.agency}: made for the {names[field]} {_short(theirs)}, not {_short(ours)}"

    def verify(self, message: Signed, sender: str) -> list[str]:
        """Return why a message is not ``sender``'s word in this ceremony; none if it is."""
        if message.agency != sender:
            return [f"{sender}: what should be its message is {message.agency}'s"]
        problems = list(self.objections(message))
        try:
            message.verify(self.roster)
        except LinkageError as error:
            problems.append(f"{sender}: {error.message}")
        return problems


def commitment_to(ceremony: Ceremony, agency: str, contribution: bytes) -> str:
    """Return the hash by which ``agency`` binds itself to its contribution."""
    statement = canonical_json({"agency": agency, "contribution": contribution.hex()})
    return hashlib.sha256(_COMMITMENT_LABEL + ceremony.canonical() + b"\0" + statement).hexdigest()


def commit(ceremony: Ceremony, keys: PrivateKeys, contribution: bytes) -> tuple[Commitment, Contribution]:
    """Bind ``keys``' agency to 32 random bytes; returns what it hands out and what it keeps."""
    ceremony.roster.require_own(keys)
    if len(contribution) != SECRET_BYTES:
        raise ValueError(f"a contribution has {SECRET_BYTES} bytes")
    sealed = sealed_text(contribution, [keys.public])
    kept = Contribution.signed(keys, **ceremony.fields(), agency=keys.name, sealed=sealed)
    return own_commitment(ceremony, keys, kept), kept


def own_commitment(ceremony: Ceremony, keys: PrivateKeys, kept: Contribution) -> Commitment:
    """Return the commitment to what we keep: the same each time."""
    ceremony.roster.require_own(keys)
    _refuse(ceremony.verify(kept, keys.name))
    value = commitment_to(ceremony, keys.name, kept.unseal(keys))
    return Commitment.signed(keys, **ceremony.fields(), agency=keys.name, commitment=value)


def reveal(ceremony: Ceremony, keys: PrivateKeys, kept: Contribution, commitments: Mapping[str, Commitment]) -> Reveal:
    """Seal our contribution to the other agencies; raises unless every agency's commitment is here and holds."""
    contribution = own_contribution(ceremony, keys, kept, commitments)
    return Reveal.signed(
        keys,
        **ceremony.fields(),
        agency=keys.name,
        commitments=_values(commitments),
        sealed=sealed_text(contribution, ceremony.roster.others(keys.name)),
    )


def own_contribution(
    ceremony: Ceremony, keys: PrivateKeys, kept: Contribution, commitments: Mapping[str, Commitment]
) -> bytes:
    """Open what we kept, once all commitments hold, ours among them."""
    require_commitments(ceremony, commitments)
    if own_commitment(ceremony, keys, kept) != commitments[keys.name]:
        _refuse([f"{keys.name}: the contribution kept here is not the one that it committed to"])
    return kept.unseal(keys)


def require_commitments(ceremony: Ceremony, commitments: Mapping[str, Commitment]) -> None:
    """Raise PackageError or KeyFileError, naming each agency whose commitment does not hold or is missing."""
    problems = [
        problem
        for name in ceremony.roster.names
        if name in commitments
        for problem in ceremony.verify(commitments[name], name)
    ]
    problems += [f"{name}: is no agency of this ceremony" for name in commitments if name not in ceremony.roster.names]
    _refuse(problems)
    _wait_for("commitment", [name for name in ceremony.roster.names if name not in commitments])


def join(
    ceremony: Ceremony,
    keys: PrivateKeys,
    kept: Contribution,
    commitments: Mapping[str, Commitment],
    reveals: Mapping[str, Reveal],
) -> Secret:
    """Open every reveal, hold it against its sender's commitment, and derive the secret.

    Raises PackageError naming each agency whose reveal does not hold, KeyFileError naming those still missing.
    """
    contributions = {keys.name: own_contribution(ceremony, keys, kept, commitments)}
    problems = [f"{name}: is no agency of this ceremony" for name in reveals if name not in ceremony.roster.names]
    for name in ceremony.roster.names:
        if name not in reveals:
            continue
        found = [*ceremony.verify(reveals[name], name), *_other_commitments(reveals[name], commitments)]
        if not found and name != keys.name:
            opened = _opened(ceremony, keys, reveals[name], commitments[name])
            if isinstance(opened, bytes):
                contributions[name] = opened
            else:
                found = [opened]
        problems += found
    _refuse([*problems, *_repeated(contributions)])
    _wait_for("reveal", [name for name in ceremony.roster.names if name not in reveals])
    return derive_root(ceremony, contributions)


def derive_root(ceremony: Ceremony, contributions: Mapping[str, bytes]) -> Secret:
    """Derive the secret from all contributions."""
    assert tuple(sorted(contributions)) == ceremony.roster.names, "every agency contributes"
    material = b"".join(contributions[name] for name in ceremony.roster.names)
    salt = hashlib.sha256(ceremony.canonical()).digest()
    return Secret(HKDF(algorithm=SHA256(), length=SECRET_BYTES, salt=salt, info=_ROOT_LABEL).derive(material))


def _opened(ceremony: Ceremony, keys: PrivateKeys, message: Reveal, commitment: Commitment) -> bytes | str:
    """Return the contribution in a reveal, or what is wrong with it."""
    try:
        contribution = message.unseal(keys)
    except PackageError as error:
        return f"{message.agency}: {error.message}"
    if len(contribution) != SECRET_BYTES:
        return f"{message.agency}: contributed {len(contribution)} bytes, not {SECRET_BYTES}"
    if commitment_to(ceremony, message.agency, contribution) != commitment.commitment:
        return (
            f"{message.agency}: its reveal is not what it committed to; "
            "it was changed, or comes late from an earlier attempt"
        )
    return contribution


def _other_commitments(message: Reveal, commitments: Mapping[str, Commitment]) -> Iterator[str]:
    ours = _values(commitments)
    for name in sorted(ours.keys() | message.commitments.keys()):
        if ours.get(name) != message.commitments.get(name):
            yield (
                f"{name}: {message.agency} revealed on another commitment of {name} than the one here; "
                f"{name} gave two, or changed it after reveals had begun"
            )


def _repeated(contributions: Mapping[str, bytes]) -> Iterator[str]:
    holders: dict[bytes, list[str]] = defaultdict(list)
    for name, contribution in contributions.items():
        holders[contribution].append(name)
    for names in holders.values():
        if len(names) > 1:
            yield f"{' and '.join(sorted(names))}: contributed the same bytes, so they were not drawn at random"


def _values(commitments: Mapping[str, Commitment]) -> dict[str, str]:
    return {name: commitments[name].commitment for name in sorted(commitments)}


def _refuse(problems: Sequence[str]) -> None:
    if problems:
        raise PackageError(
            "The ceremony cannot go on with what is here.",
            list(dict.fromkeys(problems)),
            "Ask the agencies named, over the telephone, what they sent. If it cannot be mended, all begin again in a "
            "new folder; nothing of this attempt is of use to anyone.",
        )


def _wait_for(what: str, missing: Sequence[str]) -> None:
    if missing:
        raise KeyFileError(
            f"The ceremony waits for {len(missing)} more {what}{'' if len(missing) == 1 else 's'}.",
            [f"{name}: its {what} is missing" for name in missing],
            "Put the files that they send into the ceremony's folder, then run this command again.",
        )


def _short(value: object) -> str:
    text = str(value)
    return f"{text[:12]}..." if len(text) == 64 else text
