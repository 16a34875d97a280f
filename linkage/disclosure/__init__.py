"""Small-cell suppression, complementary suppression, and the audit that may refuse a release."""

from linkage.disclosure.certificate import DisclosureCertificate
from linkage.disclosure.protect import ProtectedRelease, ReleaseRecord, protect
from linkage.disclosure.rules import DisclosureRules, Dominance, strictest
from linkage.disclosure.tables import Table

__all__ = [
    "DisclosureCertificate",
    "DisclosureRules",
    "Dominance",
    "ProtectedRelease",
    "ReleaseRecord",
    "Table",
    "protect",
    "strictest",
]
