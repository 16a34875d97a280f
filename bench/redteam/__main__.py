"""Run the attacks and print what fell: ``python -m bench.redteam [--records N] [--spec NAME] [--json]``."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass, replace

import numpy as np

from bench.redteam import attacks
from bench.redteam.victims import Scene, pupils, scene
from linkage.spec.load import load_spec
from linkage.spec.model import LinkageSpec

KNOWN = (50, 200, 1000)


@dataclass(frozen=True)
class Line:
    """One attack: the share re-identified in the worst pass, that pass, and what falls of the control."""

    attack: str
    worst: float
    worst_pass: str
    control: float | None


@dataclass(frozen=True)
class Outcome:
    """All attacks on one world."""

    spec: str
    records: int
    lines: tuple[Line, ...]
    weight_length_correlation: float
    rows_with_strangers: float
    same_name_similarity: float
    strangers_similarity: float
    bytes_shared_between_epochs: int


def _worst(found: dict[str, float]) -> tuple[float, str]:
    name = max(found, key=lambda key: found[key])
    return found[name], name


def attack(shown: Scene, spec_id: str, targets: int, blocks: int, seed: int, later: Scene | None) -> Outcome:
    """Run every attack on a scene; ``later`` is the same world in another epoch."""
    rng = np.random.default_rng(seed)
    people, lines = shown.population, []
    listed, listed_clks = attacks.Listed(people.words), attacks.Listed(people.clk)
    for count in KNOWN:
        if 2 * count > people.size:
            continue
        anchors = rng.choice(people.size, count, replace=False)
        by_attack: dict[str, dict[str, float]] = {"correlation": {}, "linear map": {}, "known blocks": {}}
        for seen in shown.passes:
            known, rows = attacks.split(seen, anchors, targets, rng)
            if len(known) < 5 or not len(rows):
                continue
            by_attack["correlation"][seen.name] = attacks.correlation(seen, people, listed, known, rows)
            by_attack["linear map"][seen.name] = attacks.linear_map(seen, people, listed, known, rows)
            by_attack["known blocks"][seen.name] = attacks.inside_known_blocks(seen, people, shown.spans, known)
        known, rows = attacks.split(shown.clk, anchors, targets, rng)
        control: dict[str, float | None] = {
            "correlation": attacks.correlation(shown.clk, people, listed_clks, known, rows),
            "linear map": attacks.linear_map(shown.clk, people, listed_clks, known, rows),
            "known blocks": None,
        }
        lines += [
            Line(f"{count} known pairs: {name}", *_worst(found), control[name]) for name, found in by_attack.items()
        ]
    sizes = {seen.name: attacks.block_sizes(seen, people) for seen in shown.passes}
    lines.append(Line("block sizes, nothing known", *_worst(sizes), None))
    structure = {seen.name: attacks.block_structure(seen, people, shown.spans, blocks, rng) for seen in shown.passes}
    lines.append(Line("block structure, nothing known", *_worst(structure), None))
    name = shown.spans["last_name"]
    same, two = attacks.strangers(shown.passes[0], people, name, rng)
    return Outcome(
        spec=spec_id,
        records=people.size,
        lines=tuple(lines),
        weight_length_correlation=max(
            (attacks.weight_and_length(seen, people, name) for seen in shown.passes), key=abs
        ),
        rows_with_strangers=max(attacks.with_strangers(seen, people) for seen in shown.passes),
        same_name_similarity=same,
        strangers_similarity=two,
        bytes_shared_between_epochs=attacks.shared_bytes(shown.passes, later.passes) if later else 0,
    )


def run(records: int, spec: LinkageSpec, targets: int, blocks: int, seed: int) -> Outcome:
    """Simulate two districts with about ``records`` pupils and attack their encodings."""
    frames, persons = pupils(records, seed)
    return attack(scene(frames, persons, spec, seed), spec.id, targets, blocks, seed, None)


def main(arguments: list[str]) -> None:
    """Attack, print a table, and with ``--json`` one object on the last line."""
    parser = argparse.ArgumentParser(prog="python -m bench.redteam", description=__doc__)
    parser.add_argument("--records", type=int, default=5000, help="pupils in two districts (default 5000)")
    parser.add_argument("--spec", default="person", help="linkage spec, by name or path")
    parser.add_argument("--targets", type=int, default=1000, help="rows attacked in each pass by known pairs")
    parser.add_argument("--blocks", type=int, default=300, help="blocks attacked in each pass by their structure")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    outcome = run(given.records, load_spec(given.spec), given.targets, given.blocks, given.seed)
    print(f"{outcome.records:,} pupils of two districts, spec {outcome.spec}; share re-identified in the worst pass\n")
    print(f"{'attack':38} {'ours':>8}  {'worst pass':14} {'CLK':>8}")
    for line in outcome.lines:
        control = "" if line.control is None else f"{line.control:8.2%}"
        print(f"{line.attack:38} {line.worst:8.2%}  {line.worst_pass:14} {control}")
    print(f"\nrows in a block with another person, worst pass: {outcome.rows_with_strangers:.1%}")
    print(f"correlation of a name filter's weight with the name's length: {outcome.weight_length_correlation:+.3f}")
    print(
        f"similarity across blocks: {outcome.same_name_similarity:.3f} for one last name, "
        f"{outcome.strangers_similarity:.3f} for two"
    )
    if given.json:
        print(json.dumps(asdict(replace(outcome, lines=())) | {"lines": [asdict(line) for line in outcome.lines]}))


if __name__ == "__main__":
    main(sys.argv[1:])
