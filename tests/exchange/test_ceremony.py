"""Making a secret together: who decides it, who can read it, and whom every refusal names."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import traceback

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from linkage.errors import KeyFileError, LinkageError, PackageError, Refused
from linkage.exchange.ceremony import (
    Ceremony,
    commit,
    commitment_to,
    derive_root,
    join,
    require_commitments,
    reveal,
)
from linkage.exchange.ceremony_messages import (
    Commitment,
    Contribution,
    Envelope,
    Reveal,
    read_message,
    sealed_text,
    write_message,
)
from linkage.exchange.context import Context
from linkage.exchange.handover import accept, hand_over
from linkage.exchange.keys import generate_keys
from linkage.exchange.roster import Roster
from linkage.exchange.sealing import unseal_bytes
from linkage.exchange.secret import Secret

NAMES = ("district-a", "district-b", "district-c")
ROOMS = ("hub.matcher", "hub.registrar", "hub.release")
KEYS = {name: generate_keys(name) for name in (*NAMES, *ROOMS, "university", "stranger")}
CONTEXT = Context("p20w-2026", "ab" * 32, 1)


def roster_of(*agencies, hub=ROOMS, recipients=("university",)):
    return Roster(*(tuple(KEYS[name].public for name in group) for group in (agencies, hub, recipients)))


CEREMONY = Ceremony(roster_of(*NAMES), CONTEXT)
DRAWN = {name: hashlib.sha256(name.encode()).digest() for name in NAMES}


def committed(ceremony=CEREMONY, drawn=DRAWN):
    made = {name: commit(ceremony, KEYS[name], drawn[name]) for name in ceremony.roster.names}
    return {n: c for n, (c, _) in made.items()}, {n: kept for n, (_, kept) in made.items()}


COMMITMENTS, KEPT = committed()
REVEALS = {name: reveal(CEREMONY, KEYS[name], KEPT[name], COMMITMENTS) for name in NAMES}


def joined(name="district-a", commitments=COMMITMENTS, reveals=REVEALS, ceremony=CEREMONY, kept=KEPT):
    return join(ceremony, KEYS[name], kept[name], commitments, reveals)


def resigned(message, signer, **changed):
    """The same message with other content, signed again by ``signer``."""
    fields = message.model_dump(exclude={"signature", "format"}) | changed
    return type(message).signed(KEYS[signer], **fields)


# -- the secret ---------------------------------------------------------------------------------------------


def test_every_agency_derives_the_same_secret():
    secrets = [joined(name) for name in NAMES]
    assert secrets[0] == secrets[1] == secrets[2]


def test_the_root_is_hkdf_over_the_contributions_in_the_order_of_names_salted_with_the_context():
    roster = [[n, KEYS[n].public.signing, KEYS[n].public.sealing] for n in sorted(NAMES)]
    rooms = [[n, KEYS[n].public.signing, KEYS[n].public.sealing] for n in sorted(ROOMS)]
    university = [["university", KEYS["university"].public.signing, KEYS["university"].public.sealing]]
    listed = {"agencies": roster, "hub": rooms, "recipients": university}

    def canonical(value):
        return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()

    context = {
        "agreement": "p20w-2026",
        "epoch": 1,
        "proto": "linkage/v1",
        "roster_sha256": hashlib.sha256(canonical(listed)).hexdigest(),
        "spec_sha256": "ab" * 32,
    }
    material = DRAWN["district-a"] + DRAWN["district-b"] + DRAWN["district-c"]
    prk = hmac.new(hashlib.sha256(canonical(context)).digest(), material, hashlib.sha256).digest()
    assert joined().root == hmac.new(prk, b"linkage/v1/root\x01", hashlib.sha256).digest()


@settings(max_examples=40)
@given(st.sampled_from(NAMES), st.binary(min_size=32, max_size=32))
def test_any_one_contribution_decides_every_bit_anew(name, other):
    """Nobody chooses the secret: with the other contributions fixed, one honest draw still makes it another."""
    root, changed = derive_root(CEREMONY, DRAWN), derive_root(CEREMONY, DRAWN | {name: other})
    assert (root == changed) is (other == DRAWN[name])
    if other != DRAWN[name]:
        differing = int.from_bytes(root.root, "big") ^ int.from_bytes(changed.root, "big")
        assert 64 < differing.bit_count() < 192


@pytest.mark.parametrize(
    "other",
    [
        Ceremony(CEREMONY.roster, Context("another", CONTEXT.spec_sha256, 1)),
        Ceremony(CEREMONY.roster, Context(CONTEXT.agreement, "cd" * 32, 1)),
        Ceremony(CEREMONY.roster, Context(CONTEXT.agreement, CONTEXT.spec_sha256, 2)),
        Ceremony(roster_of(*NAMES, recipients=()), CONTEXT),
    ],
    ids=["agreement", "spec", "epoch", "roster"],
)
def test_the_same_contributions_make_another_secret_and_other_commitments_in_another_context(other):
    assert derive_root(other, DRAWN) != derive_root(CEREMONY, DRAWN)
    assert commitment_to(other, "district-a", DRAWN["district-a"]) != COMMITMENTS["district-a"].commitment


# -- the hub ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("outsider", [*ROOMS, "university", "stranger"])
def test_whoever_carries_the_messages_cannot_open_them(outsider, tmp_path):
    envelope = hand_over(CEREMONY, KEYS["district-a"], Secret.new(), ["district-b"])
    for message in (*COMMITMENTS.values(), *KEPT.values(), *REVEALS.values(), envelope):
        if not isinstance(message, Commitment):
            with pytest.raises(PackageError, match="not sealed to"):
                unseal_bytes(base64.b64decode(message.sealed), KEYS[outsider])
        text = message.model_dump_json()
        assert not [drawn for drawn in DRAWN.values() if drawn.hex() in text]
        assert not [drawn for drawn in DRAWN.values() if base64.b64encode(drawn).decode() in text]


def test_a_reveal_is_sealed_to_the_other_agencies_and_to_nobody_else():
    with pytest.raises(PackageError, match="not sealed to"):
        REVEALS["district-a"].unseal(KEYS["district-a"])
    assert REVEALS["district-a"].unseal(KEYS["district-b"]) == DRAWN["district-a"]
    assert REVEALS["district-a"].unseal(KEYS["district-c"]) == DRAWN["district-a"]


@pytest.mark.parametrize("name", ["hub", *ROOMS])
def test_sealing_to_the_hub_is_refused_as_the_hub(name):
    with pytest.raises(Refused, match="is the hub, and the hub never holds the secret"):
        hand_over(CEREMONY, KEYS["district-a"], Secret.new(), ["district-b", name])


@pytest.mark.parametrize(("name", "why"), [("university", "a recipient"), ("stranger", "not in the roster")])
def test_sealing_to_anyone_who_is_no_agency_is_refused(name, why):
    with pytest.raises(Refused, match=why):
        hand_over(CEREMONY, KEYS["district-a"], Secret.new(), [name])


@pytest.mark.parametrize("outsider", [*ROOMS, "university", "stranger"])
def test_nobody_else_can_take_part(outsider):
    with pytest.raises(Refused):
        commit(CEREMONY, KEYS[outsider], bytes(range(32)))
    intruder = resigned(COMMITMENTS["district-a"], outsider, agency=outsider)
    with pytest.raises(PackageError, match=f"{outsider}: is no agency"):
        require_commitments(CEREMONY, COMMITMENTS | {outsider: intruder})


def test_the_hub_under_an_agencys_name_is_no_agency():
    disguised = KEYS["hub.matcher"].public
    agency = type(disguised)("district-d", disguised.signing, disguised.sealing)
    with pytest.raises(KeyFileError, match="no roster") as refused:
        Roster((KEYS["district-a"].public, agency), tuple(KEYS[room].public for room in ROOMS))
    assert "district-d and hub.matcher have the same sealing key" in str(refused.value)


def test_a_roster_without_a_hub_or_with_one_agency_is_refused():
    with pytest.raises(KeyFileError, match="no roster"):
        roster_of(*NAMES, hub=())
    with pytest.raises(KeyFileError, match="only agency"):
        Ceremony(roster_of("district-a"), CONTEXT)


def test_another_key_file_of_the_same_name_is_refused_with_both_fingerprints():
    false = generate_keys("district-a")
    with pytest.raises(Refused) as refused:
        commit(CEREMONY, false, bytes(range(32)))
    assert false.public.fingerprint in str(refused.value)
    assert KEYS["district-a"].public.fingerprint in str(refused.value)


# -- late, changed, missing ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_nobody_reveals_before_every_agency_has_committed(name):
    seen = {other: COMMITMENTS[other] for other in NAMES if other != name}
    with pytest.raises(KeyFileError, match="waits for 1 more commitment") as refused:
        reveal(CEREMONY, KEYS["district-a"], KEPT["district-a"], seen)
    assert f"{name}: its commitment is missing" in str(refused.value)


def test_nobody_joins_before_every_agency_has_revealed():
    with pytest.raises(KeyFileError) as refused:
        joined(reveals={"district-a": REVEALS["district-a"]})
    assert [p.split(":")[0] for p in refused.value.problems] == ["district-b", "district-c"]


def test_nobody_joins_before_it_has_revealed_itself():
    with pytest.raises(KeyFileError, match="waits for 1 more reveal") as refused:
        joined(reveals={name: REVEALS[name] for name in NAMES[1:]})
    assert "district-a: its reveal is missing" in str(refused.value)


def test_a_changed_contribution_is_refused_naming_the_agency():
    others = [KEYS["district-a"].public, KEYS["district-c"].public]
    changed = resigned(REVEALS["district-b"], "district-b", sealed=sealed_text(bytes(range(32)), others))
    for name in ("district-a", "district-c"):
        with pytest.raises(PackageError) as refused:
            joined(name, reveals=REVEALS | {"district-b": changed})
        assert len(refused.value.problems) == 1
        assert refused.value.problems[0].startswith("district-b: its reveal is not what it committed to")


def test_a_late_reveal_of_an_earlier_attempt_is_refused_naming_the_agency():
    commitments, kept = committed(drawn=DRAWN | {"district-b": bytes(range(100, 132))})
    reveals = {name: reveal(CEREMONY, KEYS[name], kept[name], commitments) for name in NAMES}
    with pytest.raises(PackageError) as refused:
        joined(commitments=commitments, kept=kept, reveals=reveals | {"district-b": REVEALS["district-b"]})
    assert {problem.split(":")[0] for problem in refused.value.problems} == {"district-b"}


def test_a_commitment_changed_after_reveals_had_begun_is_refused_naming_its_agency():
    """district-b sees the others' reveals, and then commits to something that suits it."""
    commitments, kept = committed(drawn=DRAWN | {"district-b": bytes(range(100, 132))})
    late = COMMITMENTS | {"district-b": commitments["district-b"]}
    second = reveal(CEREMONY, KEYS["district-b"], kept["district-b"], late)
    for name in ("district-a", "district-c"):
        with pytest.raises(PackageError) as refused:
            joined(name, commitments=late, reveals=REVEALS | {"district-b": second})
        assert all(problem.startswith("district-b: ") for problem in refused.value.problems)
        assert "changed it after reveals had begun" in str(refused.value)


def test_two_commitments_shown_to_two_agencies_are_found_out():
    commitments, _ = committed(drawn=DRAWN | {"district-c": bytes(range(100, 132))})
    shown = COMMITMENTS | {"district-c": commitments["district-c"]}
    deceived = reveal(CEREMONY, KEYS["district-b"], KEPT["district-b"], shown)
    with pytest.raises(PackageError, match="district-c gave two"):
        joined(reveals=REVEALS | {"district-b": deceived})


def test_a_commitment_repeated_under_another_name_cannot_be_opened():
    copied = resigned(COMMITMENTS["district-a"], "district-b", agency="district-b")
    commitments = COMMITMENTS | {"district-b": copied}
    with pytest.raises(PackageError, match="not the one that it committed to"):
        reveal(CEREMONY, KEYS["district-b"], KEPT["district-b"], commitments)
    assert commitment_to(CEREMONY, "district-b", DRAWN["district-a"]) != copied.commitment


def test_two_agencies_with_the_same_bytes_are_named():
    drawn = DRAWN | {"district-b": DRAWN["district-a"]}
    commitments, kept = committed(drawn=drawn)
    reveals = {name: reveal(CEREMONY, KEYS[name], kept[name], commitments) for name in NAMES}
    with pytest.raises(PackageError, match="district-a and district-b: contributed the same bytes"):
        joined("district-c", commitments, reveals, kept=kept)


@pytest.mark.parametrize("kind", ["commitment", "reveal"])
def test_a_message_signed_by_anyone_but_its_sender_is_refused_naming_the_sender(kind):
    held = COMMITMENTS if kind == "commitment" else REVEALS
    forged = held | {"district-b": resigned(held["district-b"], "hub.release")}
    with pytest.raises(PackageError) as refused:
        joined(**{f"{kind}s": forged})
    assert "district-b: The signature is not district-b's" in str(refused.value)


def test_a_signature_on_a_commitment_is_worth_nothing_on_a_reveal():
    false = REVEALS["district-b"].model_copy(update={"signature": COMMITMENTS["district-b"].signature})
    with pytest.raises(PackageError, match="signature"):
        joined(reveals=REVEALS | {"district-b": false})


def test_a_message_of_one_agency_in_the_place_of_anothers_is_refused():
    with pytest.raises(PackageError, match="district-b: what should be its message is district-c's"):
        joined(reveals=REVEALS | {"district-b": REVEALS["district-c"]})


def test_messages_for_another_agreement_spec_epoch_or_roster_are_refused_with_what_differs():
    other = Ceremony(roster_of("district-a", "district-b"), Context("old", "cd" * 32, 7))
    commitments, _ = committed(other)
    with pytest.raises(PackageError) as refused:
        require_commitments(CEREMONY, COMMITMENTS | commitments)
    said = str(refused.value)
    assert "district-a: made for the agreement old, not p20w-2026" in said
    assert "district-b: made for the epoch 7, not 1" in said
    assert "linkage spec cdcdcdcdcdcd..., not abababababab..." in said
    assert "district-b: made for the roster" in said
    assert "district-c" not in said


def test_every_problem_is_reported_at_once():
    forged = {
        "district-b": resigned(REVEALS["district-b"], "stranger"),
        "district-c": REVEALS["district-c"].model_copy(update={"epoch": 9}),
    }
    with pytest.raises(PackageError) as refused:
        joined(reveals=REVEALS | forged)
    assert {problem.split(":")[0] for problem in refused.value.problems} == {"district-b", "district-c"}


def test_no_refusal_tells_a_contribution_or_a_key():
    forged = REVEALS | {"district-b": resigned(REVEALS["district-b"], "stranger")}
    told = []
    for attempt in (
        lambda: joined(reveals=forged),
        lambda: joined(reveals={}),
        lambda: joined(kept=KEPT | {"district-a": KEPT["district-b"]}),
        lambda: reveal(CEREMONY, KEYS["district-b"], KEPT["district-b"], {}),
    ):
        with pytest.raises(LinkageError) as refused:
            attempt()
        told += [repr(refused.value), *traceback.format_exception(refused.value)]
    text = "".join(told)
    assert not [drawn for drawn in DRAWN.values() if drawn.hex() in text or repr(drawn)[2:-1] in text]
    assert not [name for name, keys in KEYS.items() if str(keys.sealing) in text]


# -- handing over -------------------------------------------------------------------------------------------


def test_a_secret_handed_over_arrives_at_those_named_and_at_nobody_else():
    secret = Secret.new()
    envelope = hand_over(CEREMONY, KEYS["district-a"], secret, ["district-b"])
    assert accept(CEREMONY, KEYS["district-b"], envelope) == secret
    with pytest.raises(PackageError, match="sealed it to district-b, not to district-c"):
        accept(CEREMONY, KEYS["district-c"], envelope)
    for outsider in (*ROOMS, "university", "stranger"):
        with pytest.raises(Refused):
            accept(CEREMONY, KEYS[outsider], envelope)


def test_an_envelope_of_anyone_but_an_agency_is_refused():
    envelope = hand_over(CEREMONY, KEYS["district-a"], Secret.new(), ["district-b"])
    for forger in ("hub.release", "university", "district-c"):
        with pytest.raises(PackageError, match="not taken"):
            accept(CEREMONY, KEYS["district-b"], resigned(envelope, forger))
        if forger != "district-c":
            with pytest.raises(PackageError, match="not taken"):
                accept(CEREMONY, KEYS["district-b"], resigned(envelope, forger, agency=forger))


def test_an_envelope_for_another_epoch_is_refused():
    later = Ceremony(CEREMONY.roster, Context(CONTEXT.agreement, CONTEXT.spec_sha256, 2))
    envelope = hand_over(CEREMONY, KEYS["district-a"], Secret.new(), ["district-b"])
    with pytest.raises(PackageError, match="made for the epoch 1, not 2"):
        accept(later, KEYS["district-b"], envelope)


def test_another_secret_than_the_one_whose_check_value_was_signed_is_refused():
    envelope = hand_over(CEREMONY, KEYS["district-a"], Secret.new(), ["district-b"])
    false = resigned(envelope, "district-a", key_check_value=Secret.new().key_check_value(CONTEXT), to=("district-b",))
    with pytest.raises(PackageError, match="another secret"):
        accept(CEREMONY, KEYS["district-b"], false)


@pytest.mark.parametrize("to", [[], ["district-a"], ["district-b", "district-a"]])
def test_handing_a_secret_to_oneself_or_nobody_is_refused(to):
    with pytest.raises(KeyFileError, match="holds the secret already"):
        hand_over(CEREMONY, KEYS["district-a"], Secret.new(), to)


# -- files --------------------------------------------------------------------------------------------------


def test_messages_are_read_back_as_they_were_written_and_are_small_and_readable(tmp_path):
    envelope = hand_over(CEREMONY, KEYS["district-a"], Secret.new(), ["district-b", "district-c"])
    for number, message in enumerate((COMMITMENTS["district-a"], KEPT["district-a"], REVEALS["district-a"], envelope)):
        path = tmp_path / f"{number}.yaml"
        write_message(path, message)
        text = path.read_text()
        assert read_message(path, type(message)) == message
        assert text.startswith("# The ")
        assert text.splitlines()[1] == f"format: {message.format}"
        assert text.splitlines()[-1].startswith("signature: ")
        assert len(text) < 2000
        with pytest.raises(KeyFileError, match="never overwritten"):
            write_message(path, message)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("agency: district-a", "agency: district-a\nagency: district-b", "given twice"),
        ("epoch: 1", "epoch: '1'", "whole number"),
        ("epoch: 1", "epoch: 1\nnote: hello", "not a known field"),
        ("commitment: ", "commitment: 0", "commitment"),
        ("linkage-secret-commitment/v1", "linkage-secret-reveal/v1", "format"),
        ("signature: ", "signature: '!'  # ", "signature"),
    ],
)
def test_a_malformed_file_is_refused_with_its_line(tmp_path, old, new, said):
    path = tmp_path / "district-a.commitment.yaml"
    write_message(path, COMMITMENTS["district-a"])
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(PackageError) as refused:
        read_message(path, Commitment)
    assert said in str(refused.value)
    assert f"{path}:" in str(refused.value)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"- a\n- b\n", b"a: &x 1\nb: *x\n", b"a" * 300_000, b"\x00"])
def test_other_files_are_refused_and_never_a_crash(tmp_path, content):
    path = tmp_path / "x.yaml"
    path.write_bytes(content)
    for kind in (Commitment, Contribution, Reveal, Envelope):
        with pytest.raises(PackageError):
            read_message(path, kind)
    with pytest.raises(KeyFileError, match="cannot be read"):
        read_message(tmp_path / "none.yaml", Commitment)


def test_base64_has_one_spelling():
    for text in ("", "AA=", "AAB=", "A A=", "####"):
        with pytest.raises(ValidationError):
            resigned(REVEALS["district-a"], "district-a", sealed=text)
