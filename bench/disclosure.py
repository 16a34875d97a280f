"""Disclosure control: cells hidden, seconds taken, and what an attacker of no relation to the product wins.

``python -m bench.disclosure`` prints tables; ``--json`` adds one JSON object on the last line; ``--quick`` leaves out
what takes minutes. G-Confid and pytauargus run beside ours on the same instances where ``--peer-python`` names an
interpreter that has them; without one, that they are missing is said. GaussSuppression 1.2.3 is quoted as it was
measured on the same instances.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table as Grid
from scipy.optimize import linprog

from bench._disclosure_beside import Beside, describe, gconfid, tau_argus
from bench._disclosure_hard import HARD, attacked
from linkage.disclosure import DisclosureRules, Table, protect
from linkage.disclosure.cells import build_system
from linkage.disclosure.optimum import cheapest, cost_of
from linkage.disclosure.secondary import complementary

INSTANCES = Path(__file__).parent.parent / "tests" / "disclosure" / "data"
RULES = DisclosureRules(person_threshold=10)
EXACT = RULES.model_copy(update={"protection": "exact"})


@dataclass(frozen=True)
class Run:
    """One release protected and audited."""

    name: str
    published: int
    primary: int
    hidden: int
    distinct_hidden: int
    seconds: float
    processor_seconds: float
    programs: int
    known: str


def instance(name: str) -> Table:
    """Return a published instance of Statistics Norway's SSBtools."""
    frame = pd.read_csv(INSTANCES / f"ssb_{name}.inner.csv")
    levels = {"region": ("county", "k_group"), "months": ("months2",)}
    by = [column for column in ("region", "main_income", "months") if column in frame]
    return Table(name, frame, by, levels={k: v for k, v in levels.items() if k in by}, count="freq")


def state(seed: int = 1, schools: int = 105, districts: int = 15, pupils: int = 44_000) -> pd.DataFrame:
    """Return the pupils of a fictional state, uneven as schools and groups are."""
    rng = np.random.default_rng(seed)
    district = rng.integers(0, districts, schools)
    size = rng.lognormal(0, 0.7, schools)
    school = rng.choice(schools, pupils, p=size / size.sum())
    mix = rng.dirichlet([8, 4, 3, 1.5, 0.6, 0.3], schools)
    group = (mix[school].cumsum(axis=1) < rng.random(pupils)[:, None]).sum(axis=1).clip(0, 5)
    grade, sex = rng.integers(0, 4, pupils), rng.integers(0, 2, pupils)
    return pd.DataFrame(
        {
            "school": [f"s{each:03}" for each in school],
            "district": [f"d{each:02}" for each in district[school]],
            "grade": [f"g{each}" for each in grade],
            "band": np.where(grade < 2, "lower", "upper"),
            "group": [f"r{each}" for each in group],
            "sex": [f"x{each}" for each in sex],
        }
    )


def statewide(districts: int) -> list[Table]:
    """Return two tables for each district and one for the state, all over the same pupils."""
    rng = np.random.default_rng(0)
    count = districts * 150
    district = rng.choice(districts, count, p=rng.dirichlet(np.full(districts, 2.0)))
    mix = rng.dirichlet([8, 4, 3, 1], districts)
    group = (mix[district].cumsum(axis=1) < rng.random(count)[:, None]).sum(axis=1).clip(0, 3)
    frame = pd.DataFrame(
        {
            "district": [f"d{each:04}" for each in district],
            "grade": [f"g{each}" for each in rng.integers(0, 4, count)],
            "group": [f"r{each}" for each in group],
            "sex": [f"x{each}" for each in rng.integers(0, 2, count)],
        }
    )
    tables = [Table("state", frame, ["grade", "group", "sex"])]
    for code in sorted(frame["district"].unique()):
        tables.append(Table(f"{code} grades", frame, ["grade", "group"], where={"district": [code]}))
        tables.append(Table(f"{code} sexes", frame, ["group", "sex"], where={"district": [code]}))
    return tables


def run(name: str, tables: Sequence[Table], rules: DisclosureRules, known: str = "") -> Run:
    """Protect ``tables`` and time it, audit and all."""
    start, work = time.perf_counter(), time.process_time()
    result = protect(tables, rules, release=name)
    seconds, work = time.perf_counter() - start, time.process_time() - work
    primary = sum(int(frame["status"].eq("primary").sum()) for _, frame in result.explanation)
    return Run(
        name,
        sum(table.cells for table in result.certificate.tables),
        primary,
        sum(table.hidden for table in result.certificate.tables),
        sum(system.hidden_cells for system in result.certificate.systems),
        seconds,
        work,
        sum(system.linear_programs for system in result.certificate.systems),
        known,
    )


def attacker_wins(seeds: Sequence[int]) -> int:
    """Count the intervals that a reader with scipy violates in random linked tables, rates among them."""
    return sum(_violations(seed) for seed in seeds)


def _violations(seed: int) -> int:
    rng = np.random.default_rng(seed)
    size = int(rng.integers(30, 400))
    kinds = {"school": int(rng.integers(2, 7)), "grade": 3, "group": int(rng.integers(2, 5))}
    frame = pd.DataFrame(
        {name: [f"{name[0]}{k}" for k in rng.choice(n, size, p=rng.dirichlet(np.ones(n)))] for name, n in kinds.items()}
    )
    frame["passed"] = np.where(rng.random(size) < 0.7, "yes", "no")
    crosses = [["school", "passed"], ["grade", "passed"], ["school", "group"]][: int(rng.integers(1, 4))]
    result = protect([Table("-".join(by), frame, by) for by in crosses], RULES)
    inner = frame.drop_duplicates()
    amount = frame.value_counts().reindex(pd.MultiIndex.from_frame(inner)).to_numpy(float)
    rows, values, hidden = [], [], []
    for by in crosses:
        for record in result["-".join(by)].to_dict("records"):
            match = np.ones(len(inner), dtype=bool)
            for column in by:
                if record[column] != "Total":
                    match &= inner[column].eq(record[column]).to_numpy()
            if record["count"] == RULES.symbol:
                hidden.append(match.astype(float))
            else:
                rows.append(match.astype(float))
                values.append(float(record["count"]))
    return sum(_too_close(np.array(rows), np.array(values), target, float(target @ amount)) for target in hidden)


def _too_close(rows: np.ndarray, values: np.ndarray, target: np.ndarray, value: float) -> bool:
    if not 0 < value < RULES.person_threshold:
        return False
    low = linprog(target, A_eq=rows, b_eq=values, bounds=(0, None), method="highs")
    high = linprog(-target, A_eq=rows, b_eq=values, bounds=(0, None), method="highs")
    reached = np.inf if high.status == 3 else -high.fun
    return bool(low.fun > value - 1 + 1e-6 or reached < RULES.person_threshold - 1e-6)


def runs(quick: bool) -> Iterator[Callable[[], Run]]:
    """Yield what is to be measured."""
    yield lambda: run("d2, exact", [instance("d2")], EXACT, "GaussSuppression 41 distinct")
    yield lambda: run("d2, intervals", [instance("d2")], RULES)
    yield lambda: run("d3, exact", [instance("d3")], EXACT, "GaussSuppression 643 distinct")
    yield lambda: run("d3, intervals", [instance("d3")], RULES, "at most 15 s and 690 wanted")
    if not quick:
        levels = {"school": ("district",), "grade": ("band",)}
        big = Table("state", state(), ["school", "grade", "group", "sex"], levels=levels)
        yield lambda: run("state, 4 dimensions", [big], RULES, "at most 300 s wanted")
        yield lambda: run("statewide, 1,001 tables", statewide(500), RULES, "at most 600 s wanted")


def optima() -> Iterator[tuple[str, ...]]:
    """Yield, for small instances, what the heuristic and the proven optimum cost and hide."""
    small = Table("40 schools", state(2, schools=40, districts=8, pupils=2400), ["school", "group"],
                  levels={"school": ("district",)})  # fmt: skip
    for table in (instance("d2"), small):
        system = build_system([table], (), RULES, table.name)
        quick = complementary(system)
        start = time.process_time()
        best = cheapest(system, either=False, seconds=300)
        took = time.process_time() - start
        costs = [cost_of(system, pattern.hidden) for pattern in (quick, best)]
        yield (
            table.name, str(len(system.value)), f"{quick.hidden.sum()} ({costs[0]:.1f})",
            f"{best.hidden.sum()} ({costs[1]:.1f})", f"{best.least_cost:.1f}", f"{took:.1f}",
        )  # fmt: skip


def beside(python: str, found: Sequence[Run]) -> Iterator[Beside | str]:
    """Run the peers on the instances that they can take."""
    seconds = {each.name: each.processor_seconds for each in found}
    for name in ("d2", "d3"):
        answer = gconfid(python, instance(name), RULES, seconds[f"{name}, intervals"])
        yield f"G-Confid: {answer}" if isinstance(answer, str) else answer
    frame = pd.DataFrame(instance("d2").data).drop(columns="k_group")
    nested = Table("d2, counties", frame, ["region", "main_income"], levels={"region": ("county",)}, count="freq")
    start = time.process_time()
    protect(nested, RULES)
    answer = tau_argus(python, nested, RULES, {"region": "region > county"}, time.process_time() - start)
    yield f"pytauargus: {answer}" if isinstance(answer, str) else answer


def hard_instances(most: int) -> Iterator[tuple[str, ...]]:
    """Yield how the hard instances fare at thresholds from 3 to 20."""
    for number, make in enumerate(HARD):
        for threshold in (3, 10, 20):
            hard = make(np.random.default_rng(number))
            rules = DisclosureRules(person_threshold=threshold)
            each = run(hard.name, hard.tables, rules)
            tried, wins = attacked(hard, protect(hard.tables, rules), rules, most, number)
            yield (
                hard.name, str(threshold), f"{each.published:,}", f"{each.primary:,}", f"{each.hidden:,}",
                f"{each.processor_seconds:.1f}", f"{wins} of {tried}",
            )  # fmt: skip


def show(title: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print one table."""
    grid = Grid(title=title)
    for heading in headings:
        grid.add_column(heading, justify="left" if heading in ("release", "instance", "peer", "beside") else "right")
    for row in rows:
        grid.add_row(*row)
    Console(width=120).print(grid)


@click.command()
@click.option("--quick", is_flag=True, help="Leave out what takes minutes.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on the last line.")
@click.option("--systems", default=300, show_default=True, help="Random systems for the attacker.")
@click.option("--sample", default=40, show_default=True, help="Small cells attacked in each hard instance.")
@click.option("--peer-python", default=sys.executable, help="Interpreter that has G-Confid and pytauargus.")
def main(quick: bool, as_json: bool, systems: int, sample: int, peer_python: str) -> None:
    """Measure disclosure control."""
    found = [measure() for measure in runs(quick)]
    show(
        "Disclosure control, threshold 10",
        ("release", "cells", "primary", "hidden", "distinct", "seconds", "of processor", "audit LPs", "beside"),
        [
            (
                each.name, f"{each.published:,}", f"{each.primary:,}", f"{each.hidden:,}",
                f"{each.distinct_hidden:,}", f"{each.seconds:.1f}", f"{each.processor_seconds:.1f}",
                str(each.programs), each.known,
            )
            for each in found
        ],
    )  # fmt: skip
    peers = list(beside(peer_python, found))
    show(
        "Beside peers: sums of persons who exist, hidden; processor seconds",
        ("instance", "peer", "ours", "theirs", "our s", "their s", "theirs bounded too closely"),
        describe(peers),
    )
    show(
        "Proven optimum: hidden (cost)",
        ("instance", "distinct", "heuristic", "optimum", "bound", "processor s"),
        list(optima()),
    )
    if not quick:
        show(
            "Hard instances, attacked by scipy",
            ("instance", "threshold", "cells", "primary", "hidden", "processor s", "violations"),
            list(hard_instances(sample)),
        )
    seeds = range(min(systems, 40) if quick else systems)
    wins = attacker_wins(seeds)
    print(f"Independent attacker on {len(seeds)} random systems: {wins} intervals violated.")
    if as_json:
        compared = [each if isinstance(each, str) else asdict(each) for each in peers]
        runs_found = [asdict(each) for each in found]
        print(json.dumps({"runs": runs_found, "peers": compared, "systems": len(seeds), "violations": wins}))


if __name__ == "__main__":
    main()
