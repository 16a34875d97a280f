"""Progress: bars with rows a second on a terminal, plain lines in a pipe."""

import io

from rich.console import Console

from linkage.reports.progress import Phases


def _shown(terminal, steps, rows):
    """Play steps of (seconds, phase, share done)."""
    time = [0.0]
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=120, highlight=False)
    with Phases(console, rows, lambda: time[0]) as phases:
        for seconds, phase, done in steps:
            time[0] = seconds
            phases(phase, done)
    return out.getvalue()


STEPS = [
    (0, "encoding", 0.0),
    (10, "encoding", 0.25),
    (31, "encoding", 0.5),
    (40, "encoding", 1.0),
    (41, "encoding", 1),
]


def test_a_pipe_gets_a_line_each_half_minute_and_one_at_the_end():
    assert _shown(False, STEPS, 1_000_000).splitlines() == [
        "encoding: 50%, 31 s left, 16,129 rows a second",
        "encoding: 40.0 s, 25,000 rows a second",
    ]


def test_without_a_number_of_rows_no_rate_is_made_up():
    assert _shown(False, STEPS, None).splitlines() == ["encoding: 50%, 31 s left", "encoding: 40.0 s"]


def test_a_terminal_gets_a_bar_with_the_rate():
    shown = _shown(True, STEPS, 1_000_000)
    assert "25,000 rows a second" in shown
    assert "100%" in shown
