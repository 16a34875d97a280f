"""What ``linkage check`` shows of an extract on the terminal.

No value of an identifier is in it, and small counts are suppressed (:mod:`linkage.reports.check_words`).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from rich import box
from rich.console import Console
from rich.table import Table

from linkage.hashing.profile import ERROR, SIZE_CLASSES, IdentifierProfile, Profile
from linkage.reports.check_words import count, share

SIZE_HEADINGS = (
    "alone",
    *(f"{low + 1:,}-{high:,}" for low, high in pairwise(SIZE_CLASSES)),
    f"{SIZE_CLASSES[-1] + 1:,}+",
)


def summary(profile: Profile) -> Iterator[tuple[str, str]]:
    """Yield the figures that stand above the tables: what they are of, and the figure."""
    yield "file", profile.described
    yield "rows", count(profile.rows)
    yield "your own ID", profile.local_id or "no column recognised: name it with --local-id HEADER"
    for reason, rows in profile.quarantine.counts().items():
        yield "would be set aside", f"{count(rows, profile.rows)}: {reason.value}"
    usable = profile.rows - len(profile.quarantine.rows)
    for least, rows in zip(("one pass", "two passes", "three passes"), profile.rows_by_passes, strict=True):
        yield f"rows in at least {least}", share(rows, usable)
    yield (
        "expected linkability",
        f"{profile.expected_linkability:.1%} of rows share a block with their counterpart, if each identifier is wrong "
        f"or changed in {ERROR:.0%} of records",
    )
    if profile.likely_duplicates is not None:
        agreeing = count(profile.likely_duplicates)
        yield "likely duplicate persons", f"{agreeing} rows agree with an earlier one on names and birth date"


def remarks(profile: Profile) -> Iterator[str]:
    """Yield what a steward should look at before hashing."""
    for found in profile.identifiers:
        yield from _identifier_remarks(found, profile.rows)
    for blocking in profile.passes:
        if blocking.over_cap:
            yield f"pass {blocking.name}: {count(blocking.over_cap)} rows are left out, their block is too common"
    if profile.impossible_passes:
        yield f"passes that this file cannot take part in: {', '.join(profile.impossible_passes)}"
    if profile.not_found:
        yield f"identifiers not found: {', '.join(profile.not_found)} (name one with --column IDENTIFIER=HEADER)"


def _identifier_remarks(found: IdentifierProfile, rows: int) -> Iterator[str]:
    if found.dates is not None:
        read = "month first" if found.dates.order == "month-day" else "day first"
        if found.dates.ambiguous:
            yield (
                f"{found.name}: {count(found.dates.ambiguous)} dates could be read day or month first, and no row "
                f"proves which; they are read {read}. Export them as YYYY-MM-DD"
            )
        if found.dates.impossible:
            yield f"{found.name}: {count(found.dates.impossible)} dates are no day of the calendar"
    if found.usable and found.distinct > 100 and found.commonest > max(100, rows // 50):
        yield f"{found.name}: one value stands in {share(found.commonest, rows)} of rows: is it a placeholder?"
    if not found.usable:
        yield f"{found.name}: the column holds no usable value"
    elif found.invalid * 10 > found.usable:
        yield f"{found.name}: many values cannot be used: is it the right column?"


def show_check(console: Console, profile: Profile) -> None:
    """Print a profile."""
    for heading, figure in summary(profile):
        console.print(f"[bold]{heading}[/]: {figure}", soft_wrap=True)
    console.print(identifier_table(profile))
    console.print(pass_table(profile))
    for remark in remarks(profile):
        console.print(f"[yellow]look at[/] {remark}", soft_wrap=True)


def identifier_table(profile: Profile) -> Table:
    """Return the table of identifiers."""
    table = Table(title="Identifiers", box=box.SIMPLE_HEAD, title_justify="left")
    for heading in ("identifier", "column", "usable", "missing", "placeholder", "invalid"):
        table.add_column(
            heading,
            justify="left" if heading in {"identifier", "column"} else "right",
            no_wrap=heading == "identifier",
            overflow="fold",
        )
    for found in profile.identifiers:
        table.add_row(
            found.name,
            " + ".join(found.headers),
            share(found.usable, profile.rows),
            count(found.missing, profile.rows),
            count(found.placeholder, profile.rows),
            count(found.invalid, profile.rows),
        )
    return table


def pass_table(profile: Profile) -> Table:
    """Return the table of passes: who takes part, and how many others of this file share a row's block."""
    table = Table(title="Passes, and rows by the size of their block", box=box.SIMPLE_HEAD, title_justify="left")
    table.add_column("pass", no_wrap=True)
    for heading in ("rows", "crowded", *SIZE_HEADINGS):
        table.add_column(heading, justify="right")
    usable = profile.rows - len(profile.quarantine.rows)
    for found in profile.passes:
        sizes = [share(rows, usable) if rows else "" for rows in found.rows_by_size]
        table.add_row(found.name, share(found.rows, usable), count(found.over_cap, usable), *sizes)
    return table
