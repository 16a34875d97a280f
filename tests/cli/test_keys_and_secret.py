"""``linkage keys`` and ``linkage secret``, as three agencies in three folders type them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from linkage.cli.main import main
from linkage.exchange.keys import load_private_keys, load_public_keys
from linkage.exchange.secret import load_secret
from linkage.resources import shipped

AGENCIES = ("lakeside-district", "riverbend-district", "state-colleges")
PARTIES = (*AGENCIES, "university")


def linkage(*words, fails=False, stdin=None, env=None):
    result = CliRunner().invoke(main, [str(w) for w in words], input=stdin, env=env, catch_exceptions=False)
    assert (result.exit_code != 0) is fails, result.output
    return result.output


@pytest.fixture(scope="module")
def signed(tmp_path_factory):
    """Folders of four parties and a hub, each with its keys and the agreement that all have signed."""
    root = tmp_path_factory.mktemp("consortium")
    for party in PARTIES:
        linkage("keys", "new", party, "--out", root / party)
    linkage("keys", "new", "data-hub", "--role", "hub", "--out", root / "hub")
    public = root / "public"
    public.mkdir()
    for path in root.glob("*/*.pub"):
        if path.parent != public:
            shutil.copy(path, public)
    agreement = root / "k12.yaml"
    linkage("agreement", "new", agreement, "--template", "k12-to-college", "--parties-from", public, "--no-ask")
    for party in PARTIES:
        linkage("agreement", "sign", agreement, "--as", party, "--key", root / party / f"{party}.key")
    linkage("agreement", "sign", agreement, "--as", "data-hub", "--key", root / "hub" / "data-hub.release.key")
    for party in (*PARTIES, "hub"):
        for path in root.glob("k12*.yaml"):
            shutil.copy(path, root / party)
    return root


class Office:
    """One agency's folder, and what it types there."""

    def __init__(self, root: Path, name: str) -> None:
        self.name, self.folder = name, root / name
        self.ceremony = self.folder / "ceremony"
        self.secret = self.folder / "shared.secret"
        self.key = self.folder / f"{name}.key"
        self.under = ("--agreement", self.folder / "k12.yaml", "--key", self.key)

    def does(self, verb, *words, fails=False, folder=None):
        return linkage("secret", verb, "--folder", folder or self.ceremony, *words, *self.under, fails=fails)

    def joins(self, fails=False, out=None):
        return self.does("join", "--out", out or self.secret, fails=fails)

    def value(self):
        said = linkage("secret", "check", "--secret", self.secret, *self.under[:2])
        return next(line.split()[3] for line in said.splitlines() if line.startswith("key check value"))


@pytest.fixture
def offices(signed, tmp_path):
    root = tmp_path / "world"
    shutil.copytree(signed, root)
    return [Office(root, name) for name in AGENCIES]


def mail(offices, kind, folder="ceremony"):
    """Carry every agency's message to the others, and leave a copy with the hub."""
    carried = offices[0].folder.parent / "hub" / "carried"
    carried.mkdir(exist_ok=True)
    for sender in offices:
        message = sender.folder / folder / f"{sender.name}.{kind}.yaml"
        for place in (carried, *(o.folder / folder for o in offices if o is not sender)):
            shutil.copy(message, place)


def committed(offices):
    for office in offices:
        office.does("new")
    mail(offices, "commitment")


def shared(offices):
    committed(offices)
    for office in offices:
        office.does("share")
    mail(offices, "reveal")


def files(folder):
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# -- the walk -----------------------------------------------------------------------------------------------


def test_three_agencies_in_three_folders_make_one_secret_that_the_hub_cannot_have(offices):
    shared(offices)
    for office in offices:
        assert "made by lakeside-district, riverbend-district, state-colleges" in office.joins()
        assert office.secret.stat().st_mode & 0o777 == 0o600
        assert not list(office.ceremony.glob("*.contribution.yaml"))
    secrets = [load_secret(office.secret) for office in offices]
    assert secrets[0] == secrets[1] == secrets[2]
    value = offices[0].value()
    for office in offices[1:]:
        said = linkage("secret", "check", "--secret", office.secret, *office.under[:2], "--compare", value.upper())
        assert "The values are the same" in said
    hub = offices[0].folder.parent / "hub"
    held = b"".join(files(hub).values())
    assert secrets[0].root not in held
    for room in ("matcher", "registrar", "release"):
        under = ("--agreement", hub / "k12.yaml", "--key", hub / f"data-hub.{room}.key")
        for attempt in (
            ("new", "--folder", hub / "carried"),
            ("share", "--folder", hub / "carried"),
            ("join", "--folder", hub / "carried", "--out", hub / "stolen"),
        ):
            linkage("secret", *attempt, *under, fails=True)
    assert not (hub / "stolen").exists()


def test_next_steps_that_are_printed_can_be_typed_as_they_stand(offices, monkeypatch):
    for office in offices:
        monkeypatch.chdir(office.folder)
        said = linkage(*("secret", "new", "--folder", "ceremony", "--agreement", "k12.yaml", "--key", office.key.name))
    mail(offices, "commitment")
    command = said.splitlines()[-1].split()
    assert command[:3] == ["linkage", "secret", "share"]
    assert "sealed to the others" in linkage(*command[1:])


def test_a_custodian_hands_a_secret_that_it_drew_to_the_others_by_name(offices):
    custodian, second, third = offices
    linkage("secret", "new", "--out", custodian.secret)
    envelope = custodian.folder / "for-others.yaml"
    linkage(
        *("secret", "share", "--secret", custodian.secret, "--out", envelope, *custodian.under),
        *("--to", second.name, "--to", third.name),
    )
    for office in (second, third):
        linkage("secret", "join", "--envelope", envelope, "--out", office.secret, *office.under)
        assert load_secret(office.secret) == load_secret(custodian.secret)
    assert custodian.value() == second.value() == third.value()
    content = envelope.read_bytes()
    assert load_secret(custodian.secret).root not in content


@pytest.mark.parametrize("to", ["data-hub", "data-hub.matcher", "university", "nobody"])
def test_a_secret_is_sealed_to_no_one_but_agencies_and_nothing_is_written(offices, to):
    custodian = offices[0]
    linkage("secret", "new", "--out", custodian.secret)
    before = files(custodian.folder)
    said = linkage(
        *("secret", "share", "--secret", custodian.secret, "--out", custodian.folder / "x", *custodian.under),
        *("--to", offices[1].name, "--to", to),
        fails=True,
    )
    assert to in said
    assert "The agencies: lakeside-district, riverbend-district, state-colleges." in said
    assert files(custodian.folder) == before


def test_a_changed_reveal_is_refused_naming_the_agency_and_nothing_is_written(offices):
    shared(offices)
    first, second, _ = offices
    honest = first.ceremony / f"{second.name}.reveal.yaml"
    shutil.move(second.ceremony, second.folder / "another")
    second.does("new")
    for office in offices:
        if office is not second:
            shutil.copy(office.ceremony / f"{office.name}.commitment.yaml", second.ceremony)
    second.does("share")
    shutil.copy(second.ceremony / f"{second.name}.reveal.yaml", honest)
    before = files(first.folder)
    said = first.joins(fails=True)
    assert f"{second.name}: its reveal is not what it committed to" in said or f"{second.name} gave two" in said
    assert files(first.folder) == before


def test_a_reveal_that_comes_after_the_secret_was_joined_is_refused_naming_the_agency(offices):
    shared(offices)
    first, second, _ = offices
    first.joins()
    late = first.ceremony / f"{second.name}.reveal.yaml"
    late.write_text(late.read_text().replace("# The contribution", "# The  contribution"))
    assert "was there already" in first.joins(), "another comment is the same message"
    (second.ceremony / f"{second.name}.reveal.yaml").unlink()
    second.does("share")
    shutil.copy(second.ceremony / f"{second.name}.reveal.yaml", late)
    assert f"{second.name}: its reveal came after the secret was joined" in first.joins(fails=True)


def test_what_is_missing_is_named_and_the_step_can_be_repeated(offices):
    first, second, third = offices
    for office in offices:
        office.does("new")
    said = first.does("share", fails=True)
    assert f"{second.name}: its commitment is missing" in said
    assert f"{third.name}: its commitment is missing" in said
    assert "was there already, nothing changed" in first.does("new")
    mail(offices, "commitment")
    first.does("share")
    sent = files(first.ceremony)
    assert "was there already, nothing changed" in first.does("share")
    assert files(first.ceremony) == sent
    assert f"{second.name}: its reveal is missing" in first.joins(fails=True)
    assert not first.secret.exists()


def test_a_step_cut_short_by_a_kill_goes_on_where_it_was(offices):
    first = offices[0]
    first.does("new")
    commitment = first.ceremony / f"{first.name}.commitment.yaml"
    written = commitment.read_bytes()
    commitment.unlink()  # killed after the contribution, before the commitment
    first.does("new")
    assert commitment.read_bytes() == written
    for office in offices[1:]:
        office.does("new")
    mail(offices, "commitment")
    for office in offices:
        office.does("share")
    mail(offices, "reveal")
    kept = first.ceremony / f"{first.name}.contribution.yaml"
    content = kept.read_bytes()
    first.joins()
    secret = load_secret(first.secret)
    (first.ceremony / "transcript.yaml").unlink()  # killed after the secret, before the transcript
    kept.write_bytes(content)
    kept.chmod(0o600)
    first.joins()
    assert load_secret(first.secret) == secret
    kept.write_bytes(content)  # killed after the transcript, before our contribution was destroyed
    assert "was there already" in first.joins()
    assert not kept.exists()


def test_another_secret_in_the_place_of_the_new_one_is_not_overwritten(offices):
    shared(offices)
    first = offices[0]
    linkage("secret", "new", "--out", first.secret)
    held = first.secret.read_bytes()
    assert "never overwritten" in first.joins(fails=True)
    assert first.secret.read_bytes() == held
    assert not (first.ceremony / "transcript.yaml").exists()


def test_a_lost_secret_is_not_made_again_but_handed_over(offices):
    shared(offices)
    first, second, _ = offices
    first.joins()
    second.joins()
    first.secret.unlink()
    assert "another agency can hand it over" in first.joins(fails=True)
    assert "is over" in first.does("new", fails=True)
    envelope = second.folder / "again.yaml"
    linkage("secret", "share", "--secret", second.secret, "--to", first.name, "--out", envelope, *second.under)
    said = linkage("secret", "join", "--envelope", envelope, "--out", first.secret, *first.under)
    assert f"sealed by {second.name} (the agreement's key custodian is" in said
    assert load_secret(first.secret) == load_secret(second.secret)


def test_the_next_epochs_secret_is_another_and_is_told_apart(offices):
    shared(offices)
    for office in offices:
        office.joins()
    for office in offices:
        assert "epoch 2" in office.does("rotate", folder=office.folder / "second")
    mail(offices, "commitment", "second")
    for office in offices:
        office.does("share", folder=office.folder / "second")
    mail(offices, "reveal", "second")
    for office in offices:
        office.does("join", "--out", office.folder / "second.secret", folder=office.folder / "second")
    first = offices[0]
    old, new = load_secret(first.secret), load_secret(first.folder / "second.secret")
    assert old != new
    said = linkage(
        *("secret", "check", "--secret", first.folder / "second.secret", *first.under[:2]),
        *("--epoch", 2, "--compare", first.value()),
        fails=True,
    )
    assert "The key check values differ" in said
    assert "here, k12-to-college, epoch 2" in said


def test_messages_of_two_epochs_do_not_mix(offices):
    first, *others = offices
    first.does("new")
    for office in others:
        office.does("rotate")
    mail(offices, "commitment")
    assert "riverbend-district: made for the epoch 2, not 1" in first.does("share", fails=True)


def test_an_epoch_that_is_neither_the_agreements_nor_the_next_is_refused(offices):
    linkage("secret", "new", "--out", offices[0].secret)
    said = linkage("secret", "check", "--secret", offices[0].secret, *offices[0].under[:2], "--epoch", 5, fails=True)
    assert "for epoch 5, and the agreement k12-to-college is in epoch 1" in said


def test_keys_of_an_agreement_that_not_all_have_signed_are_not_relied_on(offices):
    first = offices[0]
    (first.folder / "k12.signatures.yaml").unlink()
    said = first.does("new", fails=True)
    assert "not signed by data-hub" in said
    assert not first.ceremony.exists()


def test_another_key_file_of_ones_own_name_is_refused_and_nothing_is_written(offices):
    first = offices[0]
    shutil.move(first.key, first.folder / "old.key")
    first.key.with_suffix(".pub").unlink()
    linkage("keys", "new", first.name, "--out", first.folder)
    assert "is not the one that the agreement pins" in first.does("new", fails=True)
    assert not first.ceremony.exists()


def test_an_altered_agreement_is_another_roster_and_is_refused(offices):
    """Whoever carries the agreement puts its own key in the place of an agency's."""
    first = offices[0]
    keys = load_public_keys(first.folder.parent / "hub" / "data-hub.matcher.pub")
    agreement = first.folder / "k12.yaml"
    pinned = load_public_keys(first.folder.parent / offices[1].name / f"{offices[1].name}.pub")
    agreement.write_text(agreement.read_text().replace(pinned.sealing, keys.sealing))
    first.does("new", fails=True)
    assert not first.ceremony.exists()


# -- where secrets come from --------------------------------------------------------------------------------


def test_the_secret_comes_from_the_environment_too_and_is_never_shown(offices):
    first = offices[0]
    linkage("secret", "new", "--out", first.secret)
    text = first.secret.read_text().splitlines()[1]
    said = linkage("secret", "check", *first.under[:2], env={"LINKAGE_SECRET": text})
    assert first.value() in said
    assert text not in said
    missing = linkage("secret", "check", *first.under[:2], env={"LINKAGE_SECRET": None}, fails=True)
    assert "LINKAGE_SECRET" in missing


def test_no_option_takes_a_secret_or_a_passphrase_as_its_value():
    def options(command, path=()):
        for name, inner in getattr(command, "commands", {}).items():
            yield from options(inner, (*path, name))
        for parameter in command.params:
            yield path, parameter

    for group in ("keys", "secret", "hash", "seal"):
        for path, parameter in options(main.get_command(None, group), (group,)):
            words = {word for option in parameter.opts for word in option.strip("-").split("-")}
            if words & {"secret", "passphrase", "password", "key"}:
                named = type(parameter.type).__name__
                assert named == "Path" or parameter.is_flag, f"{path}: {parameter.opts} takes {named}"


def test_new_needs_one_way_or_the_other(tmp_path):
    assert "give --out FILE, or --folder" in linkage("secret", "new", fails=True)
    assert "give --out FILE, or --folder" in linkage("secret", "new", "--folder", tmp_path, fails=True)


def test_a_secret_for_one_agency_alone_is_drawn_and_never_over_another(tmp_path):
    out = tmp_path / "shared.secret"
    linkage("secret", "new", "--out", out)
    held = out.read_bytes()
    assert "never overwritten" in linkage("secret", "new", "--out", out, fails=True)
    assert out.read_bytes() == held
    assert out.stat().st_mode & 0o777 == 0o600


def test_the_canary_is_shown_with_the_spec_and_another_spec_is_refused(offices):
    linkage("secret", "new", "--out", offices[0].secret)
    words = ("secret", "check", "--secret", offices[0].secret, *offices[0].under[:2], "--spec")
    assert "canary" in linkage(*words, "person")
    other = offices[0].folder / "other.yaml"
    other.write_text((shipped("configs") / "person.yaml").read_text().replace("block_cap: 4", "block_cap: 5"))
    assert "is not the one that the agreement names" in linkage(*words, other, fails=True)


# -- keys ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "names"),
    [
        ("agency", ["p"]),
        ("recipient", ["p"]),
        ("hub", ["p.matcher", "p.registrar", "p.release"]),
        ("registrar", ["p.registrar"]),
    ],
)
def test_each_role_gets_the_keys_that_it_needs(tmp_path, role, names):
    said = linkage("keys", "new", "p", "--role", role, "--out", tmp_path)
    assert sorted(path.stem for path in tmp_path.glob("*.key")) == names
    for name in names:
        public = load_public_keys(tmp_path / f"{name}.pub")
        assert load_private_keys(tmp_path / f"{name}.key").public == public
        assert (tmp_path / f"{name}.key").stat().st_mode & 0o777 == 0o600
        assert public.fingerprint in said


def test_no_key_is_made_when_one_of_a_hubs_exists(tmp_path):
    linkage("keys", "new", "p", "--role", "release", "--out", tmp_path)
    before = files(tmp_path)
    assert "never overwritten" in linkage("keys", "new", "p", "--role", "hub", "--out", tmp_path, fails=True)
    assert files(tmp_path) == before


@pytest.fixture(scope="module")
def locked(tmp_path_factory):
    """A key file behind a passphrase; each use of it costs a second, as it should."""
    folder = tmp_path_factory.mktemp("locked")
    linkage("keys", "new", "p", "--out", folder, "--passphrase", stdin="right right\nright right\n")
    return folder


def shows(folder, file, **how):
    said = linkage("keys", "show", folder / file, **how)
    public = load_public_keys(folder / "p.pub")
    assert public.fingerprint in said
    assert public.sealing in said
    assert public.signing in said
    assert not [word for word in ("AGE-SECRET-KEY", "private:", "right right") if word in said]
    return said


def test_show_tells_the_public_half_of_either_file_and_never_the_private(tmp_path):
    linkage("keys", "new", "p", "--out", tmp_path)
    assert "public key file" in shows(tmp_path, "p.pub")
    assert "private key file, no passphrase" in shows(tmp_path, "p.key")


def test_show_asks_for_the_passphrase_of_a_locked_file(locked):
    assert "locked with a passphrase" in shows(locked, "p.key", stdin="right right\n")
    assert "passphrase is wrong" in linkage("keys", "show", locked / "p.key", stdin="wrong\n", fails=True)


def test_show_refuses_an_exposed_key_and_another_file(tmp_path):
    linkage("keys", "new", "p", "--out", tmp_path)
    (tmp_path / "p.key").chmod(0o644)
    assert "chmod 600" in linkage("keys", "show", tmp_path / "p.key", fails=True)
    other = tmp_path / "notes.pub"
    other.write_text("hello")
    assert "not a linkage key file" in linkage("keys", "show", other, fails=True)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_to_is_told(tmp_path):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    assert "ermission" in linkage("keys", "new", "p", "--out", locked, fails=True)
