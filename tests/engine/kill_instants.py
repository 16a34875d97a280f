"""Instants of a command's work at which it can be killed, and the kill itself (SIGKILL, by a fork that has one thread).

Random instants seldom fall where a state is half-written. So besides a share of the time that the command takes there
are three kinds that seek those out: just before it touches a file of the hub or flushes one, just before it has SQLite
run a statement, and within the commit of a transaction, while SQLite writes its pages.
"""

from __future__ import annotations

import os
import pickle
import random
import signal
import sqlite3
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_CHANGES = {"os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.truncate"}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_COMMITS = ("COMMIT", "RELEASE")
#: How often each kind of instant is drawn, where the command has any.
_SHARES = {"touch": 0.45, "statement": 0.15, "commit": 0.15, "time": 0.25}


@dataclass
class Work:
    """What an undisturbed command did: files touched, statements run, and how many seconds each commit took."""

    touches: int = 0
    statements: int = 0
    commits: list[float] = field(default_factory=list)
    seconds: float = 0.0


@dataclass(frozen=True)
class Instant:
    """Before the ``number``-th of its kind; ``after`` so many seconds for a time, or for one within a commit."""

    kind: str
    number: int = 0
    after: float = 0.0

    def __str__(self) -> str:
        return f"{self.kind} {self.number}" + (f" and {self.after:.4f} s" if self.after else "")


def draw(work: Work, rng: random.Random) -> Instant:
    """Draw an instant of a command that did so much."""
    counts = {"touch": work.touches, "statement": work.statements, "commit": len(work.commits), "time": 1}
    kinds = [kind for kind, count in counts.items() if count]
    kind = rng.choices(kinds, [_SHARES[kind] for kind in kinds])[0]
    if kind == "time":
        return Instant(kind, after=rng.uniform(0, 1.1 * work.seconds))
    number = rng.randint(1, counts[kind])
    return Instant(kind, number, rng.uniform(0, 1.5 * work.commits[number - 1]) if kind == "commit" else 0.0)


def every_touch(work: Work) -> list[Instant]:
    """Return every instant of a command just before it touches a file or flushes one, or commits."""
    touches = [Instant("touch", number) for number in range(1, work.touches + 1)]
    return [*touches, *(Instant("commit", number) for number in range(1, len(work.commits) + 1))]


def in_child(work: Callable[..., Any], *arguments: Any) -> Any:
    """Do ``work`` in a process of its own, and return what it returned."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            result = work(*arguments)
        except BaseException as error:
            result = RuntimeError(f"{type(error).__name__}: {error}")
        with os.fdopen(writing, "wb") as pipe:
            pickle.dump(result, pipe)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        content = pipe.read()
    os.waitpid(child, 0)
    result = pickle.loads(content)
    if isinstance(result, BaseException):
        raise result
    return result


def watch(folder: Path, reached: Callable[[str], None]) -> None:
    """Call ``reached`` with the kind of each instant just before it, as long as this process lives."""
    flush, connect = os.fsync, sqlite3.connect

    def traced(*arguments: Any, **settings: Any) -> sqlite3.Connection:
        connection = connect(*arguments, **settings)
        connection.set_trace_callback(before_statement)
        return connection

    def before_flush(descriptor: int) -> None:
        reached("touch")
        flush(descriptor)

    def before_statement(statement: str) -> None:
        reached("commit" if statement.startswith(_COMMITS) else "statement")

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _CHANGES or (event == "open" and (arguments[2] or 0) & _WRITING):
            name = arguments[0]
            if isinstance(name, str | bytes) and folder in (Path.cwd() / os.fsdecode(name)).parents:
                reached("touch")

    os.fsync, sqlite3.connect = before_flush, traced
    sys.addaudithook(hook)


def measure(folder: Path, command: Callable[[], object]) -> Work:
    """Run a command undisturbed and say what it did."""
    work, committing = Work(), 0.0

    def reached(kind: str) -> None:
        nonlocal committing
        if committing:
            work.commits.append(time.perf_counter() - committing)
        committing = time.perf_counter() if kind == "commit" else 0.0
        work.touches += kind == "touch"
        work.statements += kind == "statement"

    watch(folder, reached)
    begun = time.perf_counter()
    command()
    work.seconds = time.perf_counter() - begun
    reached("end")
    return work


def run_killed(folder: Path, command: Callable[[], object], instant: Instant) -> None:
    """Run a command and kill it at an instant; one that ends before is none the worse."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            _run_until(folder, command, instant, writing)
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        if instant.kind == "commit":
            pipe.read(1)  # it is at its commit, or has ended
    if instant.after:
        time.sleep(instant.after)
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def _run_until(folder: Path, command: Callable[[], object], instant: Instant, writing: int) -> None:
    seen = 0

    def reached(kind: str) -> None:
        nonlocal seen
        seen += kind == instant.kind
        if kind != instant.kind or seen != instant.number:
            return
        if instant.after:
            os.write(writing, b"!")
        else:
            os.kill(os.getpid(), signal.SIGKILL)

    if instant.kind != "time":
        watch(folder, reached)
    command()
