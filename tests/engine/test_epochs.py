"""A new secret at the hub: the first agency to deliver is let in, the epoch before is not mixed in, IDs stay."""

from __future__ import annotations

import os
from datetime import timedelta

import pytest
from consortium import NOW, children, sign_all

from linkage.engine.matcher import match
from linkage.engine.receive import held_encodings
from linkage.engine.registrar import open_registry, resolve
from linkage.errors import MismatchError, Refused
from linkage.exchange.secret import Secret


def _ids(consortium):
    with open_registry(consortium.hub) as registry:
        known = registry.crosswalk()
    return known.set_index(["agency", "person_token"])["student_id"]


def _next_epoch(consortium):
    """Amend and adopt the agreement with the next epoch, and make a new secret."""
    first = consortium.agreement
    heading = (
        f"\nversion: 2\nsupersedes: {{version: 1, sha256: {first.sha256}}}\n"
        "amendments: [{version: 2, date: 2026-11-22, summary: A new secret.}]\n"
    )
    text = consortium.agreement_path.read_text().replace("\nversion: 1\n", heading, 1)
    epoch = first.terms.linkage.epoch
    amended = text.replace(f"epoch: {epoch}", f"epoch: {epoch + 1}", 1)
    assert amended != text
    consortium.agreement_path.with_name("agreement.signatures.yaml").unlink()
    consortium.agreement_path.write_text(amended)
    sign_all(consortium.agreement_path, consortium.keys | {"data-hub": consortium.hub.keys("release")})
    consortium.hub.adopt(consortium.agreement_path, "person")
    consortium.secret = Secret.new()


def test_after_a_new_secret_agencies_deliver_one_by_one_and_ids_stay(consortium):
    district, college = children(60), children(60, first=20)
    old = consortium.hash("state-colleges", college)
    consortium.receive(consortium.hash("lakeside-district", district), old)
    match(consortium.hub, NOW, os.urandom)
    resolve(consortium.hub, NOW)
    before = _ids(consortium)

    _next_epoch(consortium)
    later = NOW + timedelta(days=1)
    consortium.receive(consortium.hash("lakeside-district", district, "second", now=later))
    assert [manifest.sender for manifest in held_encodings(consortium.hub)] == ["lakeside-district"]
    assert match(consortium.hub, later, os.urandom).sources == ("lakeside-district",)
    resolve(consortium.hub, later)
    assert _ids(consortium).equals(before)

    consortium.receive(consortium.hash("state-colleges", college, "second", now=later))
    matched = match(consortium.hub, later, os.urandom)
    assert matched.sources == ("lakeside-district", "state-colleges")
    resolve(consortium.hub, later)
    assert _ids(consortium).equals(before)


def test_a_package_of_the_epoch_before_and_a_secret_of_the_epoch_before_are_refused(consortium):
    late, old_secret = consortium.hash("state-colleges", children(30)), consortium.secret
    _next_epoch(consortium)
    with pytest.raises(Refused, match="epoch"):
        consortium.receive(late)
    consortium.receive(consortium.hash("lakeside-district", children(30), "second"))
    with pytest.raises(MismatchError, match="another secret"):
        consortium.receive(consortium.hash("state-colleges", children(30), "second", secret=old_secret))
