"""A steward's and a researcher's usual mistakes: each is named in a line that says what to do."""

import os

import pytest
from click.testing import CliRunner
from consortium import NOW, children, enrollment

from linkage.cli.main import main
from linkage.engine.steward import hash_extract
from linkage.errors import PackageError
from linkage.exchange.keys import generate_keys, save_keys
from linkage.exchange.package import open_package
from linkage.governance.signatures import signatures_path
from linkage.spec.load import load_spec


@pytest.fixture
def run():
    def call(*args, code=0):
        result = CliRunner().invoke(main, [str(a) for a in args], env={"COLUMNS": "160"})
        assert result.exit_code == code, result.output
        return result.output

    return call


@pytest.fixture
def hashing(run, consortium, tmp_path):
    """Run ``linkage hash`` with the key of a party."""

    def call(party, *more, code=0):
        key, _ = save_keys(consortium.keys[party], tmp_path / party)
        consortium.secret.save(tmp_path / "shared.secret")
        extract = tmp_path / "register.csv"
        children(60).to_csv(extract, index=False)
        return run(
            "hash", extract, "--agreement", consortium.agreement_path, "--spec", "person", "--key", key, "--secret",
            tmp_path / "shared.secret", "--out", tmp_path / "register.lpkg", *more, code=code,
        )  # fmt: skip

    return call


def test_hash_says_first_whose_work_it_is_and_lists_no_passes(hashing, tmp_path):
    shown = hashing("lakeside-district", "--local-id", "local")
    assert shown.startswith("hashing as lakeside-district (")
    assert "hashed as lakeside-district (" in shown
    assert "agency_name" in (tmp_path / "register.lpkg.receipt.json").read_text()
    (line,) = [line for line in shown.splitlines() if "60 records" in line]
    assert "passes" in line
    assert len(line) < 160


def test_a_recipients_key_is_one_refusal(hashing, consortium):
    recipient = next(party.id for party in consortium.agreement.terms.parties if party.role == "recipient")
    shown = hashing(recipient, "--local-id", "local", code=1)
    assert "belongs to a recipient; use your agency's key" in shown
    assert len(shown.splitlines()) == 1


def test_the_option_that_was_typed_is_named(hashing):
    shown = hashing("lakeside-district", "--local-id", "StudentID", code=1)
    assert "--local-id StudentID: the file has no column" in shown


def test_seal_says_whose_work_it_is_and_what_a_wrong_file_lacks(run, consortium, tmp_path):
    key, _ = save_keys(consortium.keys["lakeside-district"], tmp_path)
    payload = tmp_path / "enrollment.csv"
    enrollment(children(20)).drop(columns="SchoolYear").to_csv(payload, index=False)
    shown = run(
        "seal", payload, "--dataset", "enrollment", "--agreement", consortium.agreement_path, "--key", key, "--out",
        tmp_path / "enrollment.dpkg", code=1,
    )  # fmt: skip
    assert shown.startswith("sealing as lakeside-district (")
    assert f"read {payload} (CSV, " in shown
    assert "column SchoolYear is missing (it says which year a row is of)" in shown
    assert "name the dataset that this file is" in shown


def test_a_table_from_the_hub_that_is_no_text_is_named(run, consortium, tmp_path):
    key, _ = save_keys(consortium.keys["lakeside-district"], tmp_path)
    table, extract, out = tmp_path / "flags.csv", tmp_path / "register.csv", tmp_path / "out.csv"
    table.write_bytes(b"\x80\x81,person_token\n")
    children(5).to_csv(extract, index=False)
    common = ["--agreement", consortium.agreement_path, "--key", key, "--out", out]
    shown = run("local-ids", table, "--extract", extract, *common, code=1)
    assert f"{table} is not a table from the hub" in shown
    assert "it is not UTF-8 text" in shown
    assert "it is not UTF-8 text" in run("review", "seal", table, *common, code=1)
    assert not out.exists()


def test_public_keys_given_for_private_ones_are_named_before_their_mode(run, tmp_path):
    _, public = save_keys(generate_keys("college"), tmp_path)
    renamed = public.rename(tmp_path / "public.key")
    shown = run("keys", "show", renamed, code=1)
    assert "expected private keys (NAME.key), found public keys (NAME.pub)" in shown
    assert "chmod" not in shown


def test_a_package_for_the_hub_is_no_release_and_no_extract(run, consortium, hashing, tmp_path):
    hashing("lakeside-district", "--local-id", "local")
    package = tmp_path / "register.lpkg"
    shown = run(
        "open", package, "--agreement", consortium.agreement_path, "--key", tmp_path / "lakeside-district" /
        "lakeside-district.key", "--out", tmp_path / "out", code=1,
    )  # fmt: skip
    assert "this is a package of encodings for the hub, not a release (.rpkg)" in shown
    assert "this is a sealed package; give the extract" in run("check", package, code=1)


def test_a_package_of_another_hub_is_not_called_a_forgery_first(consortium, tmp_path):
    package = tmp_path / "register.lpkg"
    keys = consortium.keys["lakeside-district"]
    hash_extract(
        children(60),
        agreement=consortium.agreement,
        spec=load_spec(),
        secret=consortium.secret,
        keys=keys,
        out=package,
        now=NOW,
        random_bytes=os.urandom,
        columns={"local_id": "local"},
    )
    said = "made for another hub or agreement"
    with pytest.raises(PackageError, match=said) as other_receiver:
        open_package(package, generate_keys("data-hub.matcher"), {keys.name: keys.public}, "encodings")
    stranger, room = generate_keys(keys.name).public, consortium.hub.keys("matcher")
    with pytest.raises(PackageError, match=said) as other_sender:
        open_package(package, room, {keys.name: stranger}, "encodings")
    for error in (other_receiver, other_sender):
        assert str(error.value).index(said) < str(error.value).index("altered")


def test_check_refuses_where_hash_would_for_want_of_signatures(run, consortium, tmp_path):
    extract = tmp_path / "register.csv"
    children(60).to_csv(extract, index=False)
    check = ("check", extract, "--agreement", consortium.agreement_path, "--local-id", "local")
    assert "linkage hash would take" in run(*check)
    signatures_path(consortium.agreement_path).unlink()
    shown = run(*check, code=1)
    assert "verdict: linkage hash would refuse it" in shown
    assert "not signed by" in shown
