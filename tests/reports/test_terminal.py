"""What runs and releases say on the terminal."""

from __future__ import annotations

from io import StringIO
from types import SimpleNamespace

import pytest
from rich.console import Console

from linkage.matching.quality import Estimate
from linkage.reports.linkage_run import show_certificate
from linkage.reports.outputs import describe_output


def _shown(links: int, recall: float) -> str:
    estimate = Estimate(
        links=links,
        estimated_false_links=0.0,
        false_links_interval=(0.0, 0.0),
        estimated_precision=1.0,
        estimated_recall=recall,
        recall_interval=(0.0, 1.0),
    )
    pair = SimpleNamespace(source_a="school", source_b="college", after_clustering=estimate)
    certificate = SimpleNamespace(
        source_pairs=[pair], sources=[SimpleNamespace(records=10)], persons=10, conflicts=0, warnings=()
    )
    text = StringIO()
    show_certificate(Console(file=text, width=120), certificate)
    return next(line for line in text.getvalue().splitlines() if "school" in line).split("college")[1]


@pytest.mark.parametrize(
    ("links", "recall", "shown"),
    [(0, 1.0, ["0", "0", "-", "-"]), (0, 0.0, ["0", "0", "-", "0.0000"]), (3, 0.5, ["3", "0", "1.0000", "0.5000"])],
)
def test_shares_of_nothing_are_not_shown_as_perfect(links, recall, shown):
    assert _shown(links, recall).split() == shown


def test_a_tables_line_says_in_words_what_its_audit_proved():
    certificate = SimpleNamespace(
        tables=[SimpleNamespace(hidden=4, cells=20)], systems=[SimpleNamespace(linear_programs=18)], passed=True
    )
    output = SimpleNamespace(
        content=SimpleNamespace(certificate=certificate), permitted=SimpleNamespace(output_id="by-school")
    )
    assert describe_output(output) == (
        "by-school: 4 of 20 cells hidden; no hidden cell can be worked out from the others "
        "(checked by 18 linear programs)"
    )
