"""One bad row is set aside and counted; too many, and nothing is sealed."""

import os

import pytest
from click.testing import CliRunner
from consortium import NOW, TODAY, children

from linkage.cli.main import main
from linkage.engine.steward import examine_extract, hash_extract
from linkage.errors import InputError
from linkage.exchange.keys import save_keys
from linkage.spec.load import load_spec


@pytest.fixture
def steward(consortium, tmp_path):
    """Run ``linkage hash`` as the district's steward."""
    key, _ = save_keys(consortium.keys["lakeside-district"], tmp_path)

    def run(register, *more, code=0):
        extract, out = tmp_path / "register.csv", tmp_path / "register.lpkg"
        register.to_csv(extract, index=False)
        args = ["hash", extract, "--agreement", consortium.agreement_path, "--spec", "person", "--key", key]
        args += ["--out", out, "--local-id", "local", *more]
        result = CliRunner().invoke(main, [str(a) for a in args])
        assert result.exit_code == code, result.output
        return result.output, out, tmp_path / "register.lpkg.quarantine.csv"

    return run


def _with_a_bad_row():
    register = children(200)
    register.loc[7, "local"] = ""
    return register


def test_one_bad_row_is_set_aside_and_the_receipt_says_so(consortium):
    examined = examine_extract(
        _with_a_bad_row(),
        agreement=consortium.agreement,
        spec=load_spec(),
        agency="lakeside-district",
        today=TODAY,
        columns={"local_id": "local"},
    )
    receipt = hash_extract(
        examined,
        agreement=consortium.agreement,
        spec=load_spec(),
        secret=consortium.secret,
        keys=consortium.keys["lakeside-district"],
        out=consortium.folder / "one.lpkg",
        now=NOW,
        random_bytes=os.urandom,
    )
    assert receipt.records == 199
    assert receipt.quarantined == {"the local ID is empty": 1}


def test_a_dry_run_seals_nothing_needs_no_secret_and_names_the_rows(steward):
    shown, out, quarantine = steward(_with_a_bad_row(), "--dry-run")
    assert "199 records would be hashed" in shown
    assert not out.exists()
    assert quarantine.read_text() == "row,reason\n8,the local ID is empty\n"
    assert not any(marker in shown for marker in ("Quixotrix", "Zaphodsson", "1987-06-05"))


def test_one_bad_row_in_a_small_extract_does_not_stop_the_others(steward):
    register = children(30)
    register.loc[7, "local"] = ""
    shown, _, quarantine = steward(register, "--dry-run")
    assert "29 records would be hashed" in shown
    assert quarantine.read_text() == "row,reason\n8,the local ID is empty\n"


def test_more_bad_rows_than_the_spec_allows_and_nothing_is_sealed(consortium, steward):
    register = children(100)
    register.loc[[7, 11, 13, 17, 19], "local"] = register.loc[3, "local"]
    shown, out, quarantine = steward(register, "--dry-run", code=1)
    assert "quarantine_limit" in shown
    assert not out.exists()
    assert [line.partition(",")[0] for line in quarantine.read_text().splitlines()[1:]] == [
        "4",
        "8",
        "12",
        "14",
        "18",
        "20",
    ]
    with pytest.raises(InputError, match="quarantine_limit"):
        consortium.hash("lakeside-district", register)
    assert not list((consortium.folder / "lakeside-district").glob("*.lpkg"))
