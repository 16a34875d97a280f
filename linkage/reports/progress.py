"""Progress that a person can watch and a log can keep.

On a terminal a bar with the time left; in a pipe a plain line when a phase ends, and every half minute of a long one.
Where it is said how many rows there are, both say how many a second. Both go to standard error, so that results on
standard output stay clean.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

_SECONDS_BETWEEN_LINES = 30.0


class Phases:
    """Reports phases by name; call it with a phase and the share of it that is done.

    ``rows`` is how many rows each phase goes through, where that is known; it may be set when it becomes known.
    """

    def __init__(
        self, console: Console | None = None, rows: int | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.rows = rows
        self._console = console or Console(stderr=True, highlight=False)
        self._clock = clock
        self._bars: Progress | None = None
        self._started: dict[str, float] = {}
        self._told: dict[str, float] = {}
        self._tasks: dict[str, TaskID] = {}
        self._ended: set[str] = set()

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._bars = Progress(
                TextColumn("{task.description}"),
                BarColumn(bar_width=30),
                TaskProgressColumn(),
                TextColumn("{task.fields[rate]}"),
                TimeElapsedColumn(),
                TimeRemainingColumn(elapsed_when_finished=True),
                console=self._console,
            )
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars:
            self._bars.stop()

    def __call__(self, phase: str, done: float) -> None:
        """Note that ``done`` of ``phase`` is behind us."""
        if phase in self._ended:
            return
        now = self._clock()
        if phase not in self._started:
            self._started[phase] = self._told[phase] = now
            if self._bars:
                self._tasks[phase] = self._bars.add_task(phase, total=1.0, rate="")
        elapsed = now - self._started[phase]
        if self._bars:
            self._bars.update(self._tasks[phase], completed=done, rate=self._rate(done, elapsed))
        if done >= 1.0:
            self._ended.add(phase)
            self._tell(phase, f"{elapsed:.1f} s", self._rate(done, elapsed))
        elif done and now - self._told[phase] >= _SECONDS_BETWEEN_LINES:
            self._told[phase] = now
            left = f"{elapsed * (1 - done) / done:.0f} s left"
            self._tell(phase, f"{done:.0%}", left, self._rate(done, elapsed))

    def _rate(self, done: float, elapsed: float) -> str:
        return f"{self.rows * done / elapsed:,.0f} rows a second" if self.rows and done and elapsed >= 0.1 else ""

    def _tell(self, phase: str, *said: str) -> None:
        if not self._bars:
            self._console.print(f"{phase}: {', '.join(filter(None, said))}", soft_wrap=True)
