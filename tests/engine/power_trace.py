"""What a process asks of the kernel about files, as strace tells it: calls in their order, with what was written.

Every string is printed in hex and whole, so that a call can be taken apart at its commas and a file made again from the
calls alone. A call that another thread's call interrupts in the listing counts where it returned.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_CALLS = (
    "open openat creat read readv write writev pwrite64 pwritev pwritev2 lseek truncate ftruncate fallocate fsync"
    " fdatasync rename renameat renameat2 unlink unlinkat rmdir link linkat symlink symlinkat mkdir mkdirat sendfile"
    " copy_file_range dup dup2 dup3"
).split()
_LINE = re.compile(r"(\d+) +(.*)")
_WHOLE = re.compile(r"(\w+)\((.*)\) += (-?\w+)", re.DOTALL)
_RESUMED = re.compile(r"<\.\.\. \w+ resumed>(.*)", re.DOTALL)
_UNFINISHED = " <unfinished ...>"
_LONGEST = 8 << 20


@dataclass(frozen=True)
class Call:
    """A system call that succeeded, its arguments as printed."""

    name: str
    arguments: tuple[str, ...]
    result: int

    def fd(self, place: int = 0) -> int:
        """Return an argument that is a file descriptor; -100 for the current folder."""
        number = self.arguments[place].partition("<")[0]
        return -100 if number == "AT_FDCWD" else int(number, 0)

    def fd_path(self, place: int = 0) -> str:
        """Return the path that a descriptor stood for when the call was made."""
        return _unhexed(self.arguments[place].partition("<")[2].partition(">")[0]).decode()

    def path(self, place: int) -> str:
        """Return an argument that is a path, whole."""
        return self.data(place).decode()

    def path_at(self, place: int) -> str:
        """Return the path that a folder's descriptor and the name after it make."""
        name, folder = self.path(place + 1), self.fd_path(place)
        return name if name.startswith("/") or not folder else f"{folder}/{name}"

    def data(self, place: int) -> bytes:
        """Return an argument that is a string of bytes."""
        argument = self.arguments[place]
        assert not argument.endswith("..."), f"{self.name}: {len(argument) // 4} bytes and more were written at once"
        return _unhexed(argument.strip('"'))

    def gathered(self) -> bytes:
        """Return what a call writes from several places."""
        whole = ", ".join(self.arguments)
        assert "..." not in whole, f"{self.name}: too much was written at once"
        return b"".join(_unhexed(found) for found in re.findall(r'iov_base="([^"]*)"', whole))


@cache
def can_trace() -> bool:
    """Tell whether strace is here and may trace."""
    strace = shutil.which("strace")
    if strace is None:
        return False
    tried = [strace, "-f", "--seccomp-bpf", "-o", "/dev/null", sys.executable, "-S", "-c", "pass"]
    return subprocess.run(tried, capture_output=True, check=False).returncode == 0


def run_traced(command: Sequence[str], listing: Path) -> None:
    """Run a command to its end and write its calls to ``listing``."""
    traced = ["-e", f"trace={','.join(f'?{name}' for name in _CALLS)}", "-e", "raw=read,readv", "-e", "signal=none"]
    strace = ["strace", "-f", "--seccomp-bpf", "-y", "-xx", "-s", str(_LONGEST), *traced, "-o", str(listing)]
    done = subprocess.run([*strace, *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]


def read_calls(listing: Path) -> Iterator[Call]:
    """Yield the calls that succeeded."""
    begun: dict[str, str] = {}
    with listing.open() as lines:
        for line in lines:
            found = _LINE.match(line.rstrip("\n"))
            if found is None:
                continue
            thread, text = found.groups()
            if text.endswith(_UNFINISHED):
                begun[thread] = text.removesuffix(_UNFINISHED)
                continue
            if resumed := _RESUMED.match(text):
                text = begun.pop(thread) + resumed.group(1)
            whole = _WHOLE.match(text)
            if whole is None:
                continue
            name, arguments, result = whole.groups()
            if not result.startswith(("-", "?")):
                yield Call(name, tuple(arguments.split(", ")), int(result, 0))


def _unhexed(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))
