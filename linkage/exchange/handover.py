"""One agency hands the secret to others: the simple mode, and the way back for an agency that lost its copy.

Rules:

- The envelope is sealed to agencies of the roster by name, never to the hub, and signed by the agency that holds the
  secret. It may pass through anybody's hands.
- The key check value inside the signed part is compared with the secret that comes out.
- Whoever draws a secret alone could have chosen it. Agencies that do not want to rely on one custodian's generator
  hold a :mod:`linkage.exchange.ceremony`.
"""

from __future__ import annotations

from collections.abc import Sequence

from linkage.errors import KeyFileError, PackageError
from linkage.exchange.ceremony import Ceremony
from linkage.exchange.ceremony_messages import Envelope, sealed_text
from linkage.exchange.keys import PrivateKeys
from linkage.exchange.secret import Secret


def hand_over(ceremony: Ceremony, keys: PrivateKeys, secret: Secret, to: Sequence[str]) -> Envelope:
    """Seal ``secret`` to the agencies named; raises Refused for the hub, a recipient or a stranger."""
    ceremony.roster.require_own(keys)
    if keys.name in to or not to:
        raise KeyFileError(
            f"{keys.name} holds the secret already; name the other agencies that shall have it.",
            advice=f"The others: {', '.join(other.name for other in ceremony.roster.others(keys.name))}.",
        )
    receivers = [ceremony.roster.agency(name) for name in dict.fromkeys(to)]
    return Envelope.signed(
        keys,
        **ceremony.fields(),
        agency=keys.name,
        to=tuple(receiver.name for receiver in receivers),
        key_check_value=secret.key_check_value(ceremony.context),
        sealed=sealed_text(secret.root, receivers),
    )


def accept(ceremony: Ceremony, keys: PrivateKeys, envelope: Envelope) -> Secret:
    """Open an envelope; raises PackageError unless it is an agency's, for this ceremony's context, and ours."""
    ceremony.roster.require_own(keys)
    problems = ceremony.verify(envelope, envelope.agency)
    if keys.name not in envelope.to:
        problems.append(f"{envelope.agency}: sealed it to {', '.join(envelope.to)}, not to {keys.name}")
    if problems:
        raise PackageError(
            "The secret in this envelope is not taken.",
            problems,
            "Ask its sender, over the telephone, for which agreement and epoch it was made, and for another.",
        )
    secret = Secret(envelope.unseal(keys))
    if secret.key_check_value(ceremony.context) != envelope.key_check_value:
        raise PackageError(
            f"{envelope.agency} sealed another secret than the one whose key check value it signed.",
            advice="Do not use it. Ask the sender, over the telephone, which secret it holds.",
        )
    return secret
