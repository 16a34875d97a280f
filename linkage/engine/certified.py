"""The linkage certificate that goes out with a release: held to the agreement's floor, with link rates by group."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pandas as pd

from linkage.engine.registrar import last_certificate
from linkage.engine.rooms import Hub
from linkage.governance.quality import require_quality
from linkage.governance.standing import StandingAgreement
from linkage.matching.quality import Certificate
from linkage.release.link_rates import link_rates
from linkage.release.workspace import Workspace
from linkage.reports.certificate_html import certificate_html

PAGE = "linkage-certificate.html"


def read_certificate(hub: Hub) -> Certificate:
    """Read the certificate of the newest run."""
    return Certificate.model_validate_json(last_certificate(hub).read_bytes())


def require_floor(agreement: StandingAgreement, certificate: Certificate) -> None:
    """Raise Refused where the certificate's estimates lie below the agreement's floor."""
    after = certificate.after_clustering
    require_quality(agreement, after.estimated_precision, after.estimated_recall)


def with_link_rates(
    certificate: Certificate,
    agreement: StandingAgreement,
    payloads: Mapping[str, pd.DataFrame],
    crosswalk: pd.DataFrame,
    workspace: Workspace,
) -> Certificate:
    """Add the link rates that the agreement asks for."""
    found = link_rates(agreement.terms, payloads, crosswalk, workspace)
    return certificate.model_copy(update={"link_rates": found})


def certificate_json(certificate: Certificate) -> bytes:
    """Return a certificate as it is kept and released."""
    return (json.dumps(certificate.model_dump(mode="json"), indent=2) + "\n").encode()


def certificate_page(certificate: Certificate, agreement: StandingAgreement, made: str) -> bytes:
    """Return a certificate as a page; ``made`` says of what and when."""
    return certificate_html(certificate, f"{agreement.terms.hub.id}, {made}")
