"""``linkage hash`` as it goes wrong: a full disk, a missing folder, Ctrl-C, a kill. No part of a package stays."""

import resource
import signal
import subprocess
import sys
from itertools import pairwise, takewhile

import pytest
from click.testing import CliRunner
from consortium import NOW, children

from linkage.cli.main import main
from linkage.engine.steward import ENCODING
from linkage.exchange.keys import save_keys

#: The command in a process of its own, by the consortium's clock.
HASH = f"""
import sys
from datetime import datetime
import linkage.cli.steward
from linkage.cli.main import main
linkage.cli.steward.now = lambda: datetime.fromisoformat("{NOW.isoformat()}")
main(["hash", *sys.argv[1:]])
"""

#: The same, held where some passes are encoded and others are not, until it is stopped. Ctrl-C is listened to even if
#: whoever runs the tests does so in the background, where it is ignored.
HELD = f"""
import signal, sys, threading
import linkage.engine.steward
stopped, encode_pass = threading.Event(), linkage.engine.steward.encode_pass

def stop(*arguments):
    stopped.set()
    signal.default_int_handler(*arguments)

def encode_or_wait(planned, name, *rest):
    if name == list(planned.passes)[2]:
        print("half-way", file=sys.stderr, flush=True)
        stopped.wait()
    return encode_pass(planned, name, *rest)

signal.signal(signal.SIGINT, stop)
linkage.engine.steward.encode_pass = encode_or_wait
{HASH}
"""


@pytest.fixture
def command(consortium, tmp_path):
    """Return the arguments of ``linkage hash`` for a register of children, and the file it is to write."""
    key, _ = save_keys(consortium.keys["lakeside-district"], tmp_path)
    secret = tmp_path / "agencies.secret"
    consortium.secret.save(secret)
    extract, out = tmp_path / "register.csv", tmp_path / "out" / "register.lpkg"
    children(3000).to_csv(extract, index=False)
    out.parent.mkdir()
    args = [extract, "--agreement", consortium.agreement_path, "--spec", "person", "--key", key, "--secret", secret]
    return [str(a) for a in [*args, "--out", out, "--local-id", "local"]], out


def test_a_full_disk_is_an_error_that_names_the_package_and_leaves_nothing(command):
    arguments, out = command

    def little_room():
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))

    done = subprocess.run(
        [sys.executable, "-c", HASH, *arguments], capture_output=True, text=True, check=False, preexec_fn=little_room
    )
    assert done.returncode == 1
    assert f"error: {out}: File too large" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(out.parent.iterdir()) == []


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_is_stopped_leaves_no_package_and_the_next_run_cleans_up_behind_it(command, sent):
    arguments, out = command
    command_line = [sys.executable, "-c", HELD, *arguments]
    running = subprocess.Popen(command_line, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    told = list(takewhile(lambda line: line != "half-way\n", running.stderr))
    assert [line.partition(":")[0] for line in told] == ["reading", "normalising", "blocking"]
    running.send_signal(sent)
    _, rest = running.communicate()
    assert running.returncode == (1 if sent == signal.SIGINT else -signal.SIGKILL), rest
    assert "Traceback" not in rest
    left = [path.name for path in out.parent.iterdir()]
    assert all(name.endswith(".part") for name in left)
    assert not left or sent == signal.SIGKILL
    (out.parent / ".register.lpkg.x1y2z3.part").write_bytes(b"half")
    (out.parent / ".other.lpkg.x1y2z3.part").write_bytes(b"someone else's")
    again = CliRunner().invoke(main, ["hash", *arguments])
    assert again.exit_code == 0, again.output
    assert "left by a run that did not end" in again.output
    assert sorted(path.name for path in out.parent.iterdir()) == [
        ".other.lpkg.x1y2z3.part",
        "register.lpkg",
        "register.lpkg.receipt.json",
    ]


def test_a_missing_folder_is_said_before_anything_is_read(command):
    arguments, out = command
    out.parent.rmdir()
    refused = CliRunner().invoke(main, ["hash", *arguments])
    assert refused.exit_code == 2
    assert f"there is no folder {out.parent}" in refused.output.replace("\n", "")
    assert "reading" not in refused.output


def test_progress_of_hashing_never_goes_back(consortium):
    told = []
    consortium.hash("lakeside-district", children(500), report=lambda phase, done: told.append((phase, done)))
    sealing = [done for phase, done in told if phase == ENCODING]
    assert sealing == sorted(sealing)
    assert (sealing[0], sealing[-1]) == (0.0, 1.0)
    assert max(after - before for before, after in pairwise(sealing)) < 0.2
