"""Progress that a person can watch and a log can keep.

On a terminal a bar with the time left; in a pipe a plain line when a phase ends. Both go to standard error, so that
results on standard output stay clean.
"""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn


class Phases:
    """Reports phases by name; call it with a phase and the share of it that is done."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False)
        self._bars: Progress | None = None
        self._started: dict[str, float] = {}
        self._tasks: dict[str, int] = {}
        self._ended: set[str] = set()

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._bars = Progress(
                TextColumn("{task.description}"),
                BarColumn(bar_width=30),
                TaskProgressColumn(),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
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
        if phase not in self._started:
            self._started[phase] = time.monotonic()
            if self._bars:
                self._tasks[phase] = self._bars.add_task(phase, total=1.0)
        if self._bars:
            self._bars.update(self._bars.task_ids[self._tasks[phase]], completed=done)
        if done >= 1.0:
            self._ended.add(phase)
            if not self._bars:
                self._console.print(f"{phase}: {time.monotonic() - self._started[phase]:.1f} s")
