"""What ``linkage check`` shows of an extract on the terminal.

No value of an identifier is in it, and small counts are suppressed (:mod:`linkage.reports.check_words`).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from linkage.hashing.profile import ERROR, SIZE_CLASSES, IdentifierProfile, Profile
from linkage.reports.check_words import count, share
from linkage.spec.model import Kind

SIZE_HEADINGS = (
    "alone",
    *(f"{low + 1:,}-{high:,}" for low, high in pairwise(SIZE_CLASSES)),
    f"{SIZE_CLASSES[-1] + 1:,}+",
)


#: What the columns of the table of passes mean.
LEGEND = (
    "A pass is one way to find pairs: rows with the same key (say, surname and birth date) make a block, and only rows "
    "of one block are compared. 'rows' can take part: they give all parts of the key. 'crowded' rows share a block "
    "with more rows than the spec allows; that pass leaves them out, and passes with longer keys take them in. The "
    "other columns say how many rows of this file share a row's block."
)
#: Identifiers that most people do not have.
_OFTEN_EMPTY = frozenset({Kind.MIDDLE_NAME, Kind.SUFFIX})


def verdict(profile: Profile, refused: str = "") -> str:
    """Say in a line whether ``linkage hash`` would take the file; ``refused`` is why the agreement does not let it."""
    if refused:
        return f"linkage hash would refuse it: {refused}"
    set_aside = len(profile.quarantine.rows)
    if profile.local_id is None:
        return (
            "linkage hash would refuse it: no column with your own ID was recognised (name it with --local-id HEADER)"
        )
    if set_aside > profile.may_be_set_aside:
        return (
            f"linkage hash would refuse it: {count(set_aside, profile.rows)} rows would be set aside, and the spec "
            f"allows {profile.may_be_set_aside:,}"
        )
    if not set_aside:
        return "linkage hash would take every row"
    return f"linkage hash would take it and set {count(set_aside, profile.rows)} rows aside"


def summary(profile: Profile, refused: str = "") -> Iterator[tuple[str, str]]:
    """Yield the figures that stand above the tables: what they are of, and the figure."""
    yield "verdict", verdict(profile, refused)
    yield "file", profile.described
    yield "rows", count(profile.rows)
    yield "your own ID", profile.local_id or "no column recognised"
    for reason, rows in profile.quarantine.counts().items():
        yield "would be set aside", f"{count(rows, profile.rows)}: {reason.value}"
    usable = profile.rows - len(profile.quarantine.rows)
    for least, rows in zip(("one pass", "two passes", "three passes"), profile.rows_by_passes, strict=True):
        yield f"rows in at least {least}", share(rows, usable)
    yield (
        "expected linkability",
        f"{profile.expected_linkability:.1%} of rows share a block with their counterpart, if each identifier is wrong "
        f"or changed in {ERROR:.0%} of records; not a promise of recall: the other files decide, too",
    )
    if profile.likely_duplicates is not None:
        agreeing = count(profile.likely_duplicates)
        yield "likely duplicate persons", f"{agreeing} rows agree with an earlier one on names and birth date"


def remarks(profile: Profile) -> Iterator[str]:
    """Yield what a steward should look at before hashing."""
    for found in profile.identifiers:
        yield from _identifier_remarks(found, profile.rows)
    if profile.likely_duplicates and profile.likely_duplicates * 1000 > profile.rows:
        yield (
            f"{count(profile.likely_duplicates)} rows look like the person of an earlier row: mend the file, or hash "
            "it with --may-have-duplicates"
        )
    in_none = profile.rows - len(profile.quarantine.rows) - profile.rows_by_passes[0]
    if in_none:
        yield f"{count(in_none)} rows take part in no pass and cannot be linked"
    if profile.not_found:
        possible, all_passes = len(profile.passes), len(profile.passes) + len(profile.impossible_passes)
        yield (
            f"identifiers not found: {', '.join(profile.not_found)} (name one with --column IDENTIFIER=HEADER); "
            f"{possible} of {all_passes} passes can do without them"
        )


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
    elif found.placeholder * 2 > rows:
        yield f"{found.name}: {share(found.placeholder, rows)} of rows hold a placeholder, which counts as missing"
    elif found.usable * 10 < rows and found.kind not in _OFTEN_EMPTY:
        yield f"{found.name}: hardly any row has a value; is there a better column for it?"
    elif found.invalid * 10 > found.usable:
        yield f"{found.name}: many values cannot be used: is it the right column?"


def show_check(console: Console, profile: Profile, refused: str = "") -> None:
    """Print a profile."""
    for heading, figure in summary(profile, refused):
        console.print(f"[bold]{heading}[/]: {escape(figure)}", soft_wrap=True)
    console.print()
    console.print(identifier_table(profile))
    console.print(LEGEND)
    console.print()
    console.print(pass_table(profile))
    for remark in remarks(profile):
        console.print(f"[yellow]look at[/] {escape(remark)}", soft_wrap=True)


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
            escape(" + ".join(found.headers)),
            share(found.usable, profile.rows),
            count(found.missing, profile.rows),
            count(found.placeholder, profile.rows),
            count(found.invalid, profile.rows),
        )
    return table


def pass_table(profile: Profile) -> Table:
    """Return the table of passes: who takes part, and how many others of this file share a row's block."""
    table = Table(title="Passes, and rows by the size of their block", box=box.SIMPLE_HEAD, title_justify="left")
    headings, rows = pass_rows(profile)
    for at, heading in enumerate(headings):
        table.add_column(heading, justify="right" if at else "left", no_wrap=not at)
    for row in rows:
        table.add_row(*row)
    return table


def pass_rows(profile: Profile) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return headings and rows of the table of passes; a size of block that no pass has is left out."""
    usable = profile.rows - len(profile.quarantine.rows)
    sizes = [at for at in range(len(SIZE_HEADINGS)) if any(found.rows_by_size[at] for found in profile.passes)]
    headings = ("pass", "rows", "crowded", *(SIZE_HEADINGS[at] for at in sizes))
    return headings, [
        (
            found.name,
            *(share(n, usable) if n else "" for n in (found.rows, found.over_cap)),
            *(share(found.rows_by_size[at], usable) if found.rows_by_size[at] else "" for at in sizes),
        )
        for found in profile.passes
    ]
