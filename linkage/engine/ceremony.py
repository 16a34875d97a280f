"""A ceremony in a folder: each agency's files beside its peers', from the first commitment to the secret.

::

    FOLDER/AGENCY.contribution.yaml   our own, sealed to our own key; gone once the secret is joined
    FOLDER/AGENCY.commitment.yaml     every agency's, ours to send
    FOLDER/AGENCY.reveal.yaml         every agency's, ours to send
    FOLDER/transcript.yaml            how it ended

Rules:

- The agreement that every party signed is the roster: its providers share the secret, its hub never holds it. Keys of
  an agreement that not all have signed are not relied on.
- The secret is for the agreement's epoch, or for the next, which :func:`begin` starts on request.
- Each step can be repeated: after a kill it goes on from what is there. Nothing is written over.
- Once the secret is joined the ceremony is over; a reveal that changes afterwards is refused by name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from linkage.errors import AgreementError, KeyFileError, LinkageError, MismatchError, PackageError
from linkage.exchange.ceremony import Ceremony, commit, own_commitment, reveal
from linkage.exchange.ceremony import join as join_reveals
from linkage.exchange.ceremony_messages import (
    Commitment,
    Contribution,
    Envelope,
    Message,
    Reveal,
    Signed,
    Transcript,
    read_message,
    write_message,
)
from linkage.exchange.context import Context
from linkage.exchange.files import make_folder, remove_durably
from linkage.exchange.handover import accept, hand_over
from linkage.exchange.keys import PrivateKeys
from linkage.exchange.private import refuse_existing
from linkage.exchange.roster import Roster
from linkage.exchange.secret import SECRET_BYTES, Secret, load_secret
from linkage.governance.parties import Room
from linkage.governance.signatures import absent_signatures, unsigned_parties
from linkage.governance.standing import StandingAgreement

TRANSCRIPT_NAME = "transcript.yaml"
_ROOMS: tuple[Room, ...] = ("matcher", "registrar", "release")


@dataclass(frozen=True)
class Step:
    """What a step wrote for the others; ``new`` is False where it was there already."""

    path: Path
    sender: str
    ceremony: Ceremony
    new: bool


@dataclass(frozen=True)
class Joined:
    """A secret that was written, and how it is recognised; ``new`` is False where it was there already."""

    path: Path
    ceremony: Ceremony
    key_check_value: str
    sender: str | None
    new: bool


def roster_of(agreement: StandingAgreement) -> Roster:
    """Return who shares a secret under an agreement; raises AgreementError unless every party has signed it."""
    terms = agreement.terms
    missing = unsigned_parties(terms, agreement.signatures)
    if missing:
        absent = absent_signatures(agreement.document, agreement.signatures)
        raise AgreementError(
            f"{agreement.document.yaml.source} is not signed by all parties, so the keys in it are not relied on.",
            [*(f"not signed by {party}" for party in missing), *filter(None, [absent])],
            "Have every party sign it (`linkage agreement sign`), then make the secret.",
        )
    return Roster(
        agencies=tuple(party.public_keys() for party in terms.parties if party.role == "provider"),
        hub=tuple(terms.hub.public_keys(room) for room in _ROOMS),
        recipients=tuple(party.public_keys() for party in terms.parties if party.role == "recipient"),
    )


def ceremony_of(agreement: StandingAgreement, epoch: int | None = None) -> Ceremony:
    """Return the ceremony for the agreement's epoch, or for the one after it; raises MismatchError for any other."""
    terms, current = agreement.terms, agreement.terms.linkage.epoch
    wanted = current if epoch is None else epoch
    if wanted not in (current, current + 1):
        raise MismatchError(
            f"This is for epoch {wanted}, and the agreement {terms.id} is in epoch {current}.",
            [f"{agreement.cite('linkage', 'epoch')}: {current}"],
            "Work under the agreement's newest version, or begin a ceremony for its epoch in a new folder.",
        )
    return Ceremony(roster_of(agreement), Context(terms.id, terms.linkage.spec_sha256, wanted))


def begin(
    folder: Path,
    agreement: StandingAgreement,
    keys: PrivateKeys,
    random_bytes: Callable[[int], bytes],
    next_epoch: bool = False,
) -> Step:
    """Draw our contribution and write our commitment to it."""
    ceremony = ceremony_of(agreement, agreement.terms.linkage.epoch + next_epoch)
    ceremony.roster.require_own(keys)
    _refuse_if_over(folder)
    make_folder(folder, 0o700)
    own, path = _place(folder, keys.name, Contribution), _place(folder, keys.name, Commitment)
    if own.exists():
        commitment = own_commitment(ceremony, keys, read_message(own, Contribution))
    else:
        refuse_existing(path, "commitment")
        commitment, kept = commit(ceremony, keys, random_bytes(SECRET_BYTES))
        write_message(own, kept, mode=0o600)
    return _written(path, commitment, ceremony)


def share(folder: Path, agreement: StandingAgreement, keys: PrivateKeys) -> Step:
    """Reveal our contribution, sealed to the other agencies, once every agency has committed."""
    kept = _own(folder, keys)
    ceremony = ceremony_of(agreement, kept.epoch)
    path = _place(folder, keys.name, Reveal)
    if path.exists():
        return Step(path, keys.name, ceremony, new=False)
    return _written(path, reveal(ceremony, keys, kept, _gathered(folder, Commitment)), ceremony)


def join(folder: Path, agreement: StandingAgreement, keys: PrivateKeys, out: Path) -> Joined:
    """Derive the secret from all reveals and write it to ``out``; our contribution is then destroyed."""
    if (folder / TRANSCRIPT_NAME).exists():
        return _joined_before(folder, agreement, keys, out)
    kept = _own(folder, keys)
    ceremony = ceremony_of(agreement, kept.epoch)
    commitments, reveals = _gathered(folder, Commitment), _gathered(folder, Reveal)
    secret = join_reveals(ceremony, keys, kept, commitments, reveals)
    # After a kill between here and the transcript, the same secret is there already.
    if not (out.exists() and load_secret(out) == secret):
        secret.save(out)
    transcript = Transcript.signed(
        keys,
        **ceremony.fields(),
        agency=keys.name,
        commitments={name: message.commitment for name, message in commitments.items()},
        reveals={name: message.sha256 for name, message in reveals.items()},
        key_check_value=secret.key_check_value(ceremony.context),
    )
    write_message(folder / TRANSCRIPT_NAME, transcript)
    remove_durably(_place(folder, keys.name, Contribution))
    return Joined(out, ceremony, transcript.key_check_value, None, new=True)


def give(
    agreement: StandingAgreement,
    keys: PrivateKeys,
    secret: Secret,
    to: tuple[str, ...],
    out: Path,
    epoch: int | None = None,
) -> Step:
    """Seal a secret to other agencies by name; raises Refused for the hub."""
    ceremony = ceremony_of(agreement, epoch)
    envelope = hand_over(ceremony, keys, secret, to)
    write_message(out, envelope)
    return Step(out, keys.name, ceremony, new=True)


def take(envelope: Path, agreement: StandingAgreement, keys: PrivateKeys, out: Path) -> Joined:
    """Open an envelope that another agency sealed to us, and write the secret to ``out``."""
    refuse_existing(out, "shared secret")
    message = read_message(envelope, Envelope)
    ceremony = ceremony_of(agreement, message.epoch)
    accept(ceremony, keys, message).save(out)
    return Joined(out, ceremony, message.key_check_value, message.agency, new=True)


def _joined_before(folder: Path, agreement: StandingAgreement, keys: PrivateKeys, out: Path) -> Joined:
    """Go on after a kill, or say that a ceremony is over."""
    transcript = read_message(folder / TRANSCRIPT_NAME, Transcript)
    ceremony = ceremony_of(agreement, transcript.epoch)
    problems = ceremony.verify(transcript, keys.name)
    problems += [
        f"{name}: its reveal came after the secret was joined, or was changed since; it is not taken"
        for name, message in _gathered(folder, Reveal).items()
        if transcript.reveals.get(name) != message.sha256
    ]
    if problems:
        raise PackageError(
            f"The ceremony in {folder} is over.", problems, "To make another secret, begin in a new folder."
        )
    if not out.exists() or load_secret(out).key_check_value(ceremony.context) != transcript.key_check_value:
        raise KeyFileError(
            f"The ceremony in {folder} is over, and its secret was written once; it is not in {out}.",
            advice="If it is lost, another agency can hand it over: `linkage secret share --to`.",
        )
    remove_durably(_place(folder, keys.name, Contribution))
    return Joined(out, ceremony, transcript.key_check_value, None, new=False)


def _refuse_if_over(folder: Path) -> None:
    if (folder / TRANSCRIPT_NAME).exists():
        raise KeyFileError(f"The ceremony in {folder} is over.", advice="Begin another one in a new folder.")


def _own(folder: Path, keys: PrivateKeys) -> Contribution:
    path = _place(folder, keys.name, Contribution)
    if not path.exists():
        raise KeyFileError(
            f"{keys.name} has not begun a ceremony in {folder}: there is no {path.name}.",
            advice="Begin it with `linkage secret new --folder`, or name the folder in which you did.",
        )
    return read_message(path, Contribution)


def _place(folder: Path, agency: str, kind: type[Message]) -> Path:
    return folder / f"{agency}{_suffix(kind)}"


def _suffix(kind: type[Message]) -> str:
    return f".{kind.__name__.lower()}.yaml"


def _gathered(folder: Path, kind: type[Message]) -> dict[str, Message]:
    """Read every agency's message of one kind, by the agency that the file's name names."""
    found: dict[str, Message] = {}
    problems: list[str] = []
    for path in sorted(folder.glob(f"*{_suffix(kind)}")):
        try:
            found[path.name.removesuffix(_suffix(kind))] = read_message(path, kind)
        except LinkageError as error:
            problems += error.problems or [error.message]
    if problems:
        raise PackageError(
            f"Not every {kind.__name__.lower()} in {folder} can be read.",
            problems,
            "Ask its sender for the file again.",
        )
    return found


def _written(path: Path, message: Signed, ceremony: Ceremony) -> Step:
    if path.exists():
        return Step(path, message.agency, ceremony, new=False)
    write_message(path, message)
    return Step(path, message.agency, ceremony, new=True)
