"""The steward's laptop runs Windows as often as not: no lock, no folder that can be opened, no POSIX module.

What Windows lacks is taken away from a process of its own; the rest of it cannot be had here.
"""

import subprocess
import sys

import pytest
from consortium import NOW, children, enrollment

from linkage.exchange.keys import save_keys

LAPTOP = f"""
import os, sys
for module in ("fcntl", "grp", "pwd", "resource", "termios"):
    sys.modules[module] = None
import linkage.exchange.files

class Windows:
    name = "nt"

    def __getattr__(self, name):
        return getattr(os, name)

    def open(self, path, *rest):
        if os.path.isdir(path):
            raise PermissionError(13, "Permission denied", str(path))
        return os.open(path, *rest)

linkage.exchange.files.os = Windows()
from datetime import datetime
import linkage.cli.common
import linkage.cli.steward
from linkage.cli.main import main
linkage.cli.steward.now = lambda: datetime.fromisoformat("{NOW.isoformat()}")
main(sys.argv[1:])
"""


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-c", LAPTOP, *map(str, arguments)], capture_output=True, text=True, check=False
    )


@pytest.fixture
def desk(consortium, tmp_path):
    """Return a folder with what a steward has: key, secret, register and payload."""
    save_keys(consortium.keys["lakeside-district"], tmp_path)
    consortium.secret.save(tmp_path / "agencies.secret")
    register = children(300)
    register.to_csv(tmp_path / "register.csv", index=False)
    enrollment(register).to_csv(tmp_path / "enrollment.csv", index=False)
    return tmp_path


def test_a_steward_checks_hashes_and_seals(consortium, desk):
    agreement, key = consortium.agreement_path, desk / "lakeside-district.key"
    ways = {
        "check": [desk / "register.csv", "--local-id", "local", "--html", desk / "profile.html"],
        "hash": [
            desk / "register.csv", "--agreement", agreement, "--spec", "person", "--key", key, "--local-id", "local",
            "--secret", desk / "agencies.secret", "--out", desk / "register.lpkg",
        ],
        "seal": [
            desk / "enrollment.csv", "--agreement", agreement, "--dataset", "enrollment", "--key", key,
            "--out", desk / "enrollment.dpkg",
        ],
    }  # fmt: skip
    for command, arguments in ways.items():
        done = run(command, *arguments)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
    made = {path.name for path in desk.iterdir()}
    assert {"profile.html", "register.lpkg", "register.lpkg.receipt.json", "enrollment.dpkg"} <= made


def test_keys_and_secrets_are_made(tmp_path):
    made = run("keys", "new", "riverside-district", "--out", tmp_path)
    assert made.returncode == 0, made.stderr
    assert (tmp_path / "riverside-district.key").exists()


def test_an_auditor_verifies_a_ledger_and_the_hub_says_where_it_runs(consortium, tmp_path):
    verified = run("ledger", "verify", consortium.hub.folder)
    assert verified.returncode == 0, verified.stderr
    refused = run("hub", "match", consortium.hub.folder)
    assert refused.returncode == 1
    assert "Linux or macOS" in refused.stderr
    assert "Traceback" not in refused.stderr
