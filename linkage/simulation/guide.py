"""The README.md of a simulated world, written from the world itself so that it cannot fall behind it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from linkage.simulation.exports import Agency, ExportedFile
from linkage.simulation.parameters import (
    ERROR_KINDS,
    ERROR_MEANINGS,
    LAKESIDE_DUPLICATES,
    NAME_FACTOR_BY_TRADITION,
    NAME_FACTOR_ENGLISH_LEARNER,
    POVERTY_FACTOR,
)
from linkage.simulation.world import World

_FICTION = """\
**Every person here is fictional.** Names were put together at random from lists of names; the state, its towns, ZIP
codes and area codes do not exist. SSNs have an ordinary shape, in the areas 773 to 899, of which none was issued
before June 2011; they were drawn at random, and where one is somebody's, that is chance. Do not use them for
anything but tests of linkage.
"""

_TRUTH = """\
`truth.csv` names the person behind every row of every register. It is for judging a linkage, never for making one: no
agency has it, and it must not be among the files that an agency hashes. All pairs of records that a perfect linkage
finds between agencies:

```python
import pandas

truth = pandas.read_csv("truth.csv", dtype=str, keep_default_na=False)
pairs = truth.merge(truth, on="person_id", suffixes=("_a", "_b"))
pairs = pairs[pairs["agency_a"] < pairs["agency_b"]]
print(pairs.groupby(["agency_a", "agency_b"]).size())
```

Recall is the share of these pairs that were linked, precision the share of linked pairs that are among them. Join
`truth.csv` to either side by `agency` and `local_id` to have both by group (`race_ethnicity`, `name_tradition`,
`english_learner`, `economically_disadvantaged`, `multiple_birth`, `moved`, `renamed`), and look at `errors` to see why
a pair was missed.
"""


def guide(world: World) -> str:
    """Return the text of a world's README.md."""
    sections = [
        f"# A simulated P-20W consortium of {world.people:,} people",
        f"Made by `linkage simulate --people {world.people} --seed {world.seed} "
        f"--years {world.years.first}-{world.years.last}`: the same command makes the same files.",
        _FICTION,
        "## Agencies",
        f"{len(world.agencies)} agencies of one state know parts of the same lives. Each folder holds what that agency "
        "would export: a register of people with the agency's own ID, and files about them under that ID.",
        _table(
            ("folder", "agency", "register", "people", "own ID"),
            (
                (f"`{a.name}/`", a.title, f"`{a.register.name}`", f"{a.register.rows:,}", f"`{a.local_id}`")
                for a in world.agencies
            ),
        ),
        f"Only `lakeside-district` holds people twice: it enrolled about {LAKESIDE_DUPLICATES:.0%} of the students "
        "whom it knows for more than a year under a second ID. Every other register has one row for each person.",
        "## Files",
        *(_agency(agency) for agency in world.agencies),
        "## What is wrong with the data",
        "Records with each kind of error, of those that can have it. The last column says what the kind is.",
        _errors(world.agencies),
        "Errors in names are more frequent for some groups. **The factors below are parameters of this simulation, not "
        "findings about anybody**: they are here so that the effect of unequal error on a linked file can be studied.",
        _table(
            ("group", "errors in names are multiplied by"),
            [
                *((f"names of {t.title()} origin", f"{factor:g}") for t, factor in NAME_FACTOR_BY_TRADITION.items()),
                ("English learners, besides", f"{NAME_FACTOR_ENGLISH_LEARNER:g}"),
            ],
        ),
        f"Poor households move {POVERTY_FACTOR:g} times as often and lack address and phone {POVERTY_FACTOR:g} times "
        "as often. Also in the data, and right: twins with like names, fathers and sons of one name, children of one "
        "household with several last names, two last names in either order of use, and families whose papers say "
        "1 January.",
        "## The truth",
        _TRUTH,
        _columns(world.truth),
    ]
    return "\n\n".join(section.strip() for section in sections) + "\n"


def _agency(agency: Agency) -> str:
    parts = [f"### {agency.title}", agency.about]
    for file in agency.files:
        parts += [f"`{agency.name}/{file.name}`, {file.rows:,} rows, each {file.about}:", _columns(file)]
    return "\n\n".join(parts)


def _columns(file: ExportedFile) -> str:
    return _table(("column", "meaning"), ((f"`{column.name}`", column.meaning) for column in file.columns))


def _errors(agencies: Sequence[Agency]) -> str:
    rows = []
    for kind in ERROR_KINDS:
        cells = []
        for agency in agencies:
            tally = next((t for t in agency.tallies if t.kind == kind), None)
            cells.append(f"{tally.made / tally.eligible:.1%}" if tally and tally.eligible else "")
        rows.append((f"`{kind}`", *cells, ERROR_MEANINGS[kind]))
    return _table(("kind", *(agency.name for agency in agencies), "what it is"), rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
