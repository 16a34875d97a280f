"""How right the links are, and how right the certificate is about them: ``python -m bench.accuracy --data FOLDER``.

For each set, with default settings and no labels: ours through the private encodings, ours on clear text (what privacy
costs is the difference), and each installed peer, at the threshold its users start from and at the one that the truth
chooses for it, which is marked. A second table holds the certificate's estimates against the truth. FEBRL4 is in the
repository; ``--data`` names a folder with other sets; what is missing is said.
"""

from __future__ import annotations

import argparse
import json
import logging
import warnings
from pathlib import Path
from typing import Any

from bench._accuracy_peers import peers
from bench._clear import link_clear
from bench._sets import TestSet, test_sets
from linkage.engine.local import link
from linkage.matching.truth import Scores, score_against_truth
from linkage.spec.load import load_spec


def _figures(scores: Scores) -> dict[str, float]:
    return {"f1": round(scores.f1, 4), "precision": round(scores.precision, 4), "recall": round(scores.recall, 4)}


def ours(chosen: TestSet) -> dict[str, Any]:
    """Link a set through the private encodings; returns scores, and estimates beside them."""
    result = link(chosen.frames)
    before, after = score_against_truth(result.clusters, result.pairs, chosen.truth)
    estimated = result.certificate.after_clustering
    return {
        "before": _figures(before),
        "after": _figures(after),
        "estimated_false": estimated.estimated_false_links,
        "true_false": after.links - after.correct,
        "estimated_recall": estimated.estimated_recall,
        "recall_interval": list(estimated.recall_interval),
    }


def clear(chosen: TestSet) -> dict[str, float]:
    """Link a set in clear text with the same model."""
    persons = link_clear(chosen.frames, load_spec())
    links = persons.pairs[persons.pairs["decision"] == "linked"]
    clusters = persons.records[["source", "row", "cluster_id"]]
    return _figures(score_against_truth(clusters, links, chosen.truth)[1])


def _run(chosen: TestSet, with_peers: bool) -> dict[str, Any]:
    print(f"\n{chosen.name} (floor {chosen.floor})")
    found: dict[str, Any] = {"floor": chosen.floor, "ours": ours(chosen), "clear": clear(chosen), "peers": []}
    mine, plain = found["ours"], found["clear"]
    print(f"  {'':38} {'F1':>6} {'P':>7} {'R':>7}")
    rows = [("ours, private encodings", mine["after"]), ("ours, before one record of a source", mine["before"])]
    for label, row in [*rows, ("ours on clear text", plain)]:
        print(f"  {label[:38]:38} {row['f1']:.4f}  {row['precision']:.4f}  {row['recall']:.4f}")
    print(f"  cost of privacy: {plain['f1'] - mine['after']['f1']:+.4f} of F1")
    for peer in peers(chosen) if with_peers else ():
        if isinstance(peer, str):
            print(f"  {peer}")
            continue
        threshold = f"at {peer.threshold:.3f}{' (chosen by the truth)' if peer.chosen_by_truth else ''}"
        print(f"  {peer.peer:38} {peer.f1:.4f}  {peer.precision:.4f}  {peer.recall:.4f}  {threshold}")
        found["peers"].append(vars(peer))
    return found


def _estimates(results: dict[str, dict[str, Any]]) -> None:
    print("\nThe certificate beside the truth")
    print(f"  {'':34} {'F1':>6} {'P':>7} {'R':>7} {'false est':>10} {'true':>5} {'R est':>7} {'true':>7}")
    for name, found in results.items():
        mine = found["ours"]
        after = mine["after"]
        off = abs(mine["estimated_false"] - mine["true_false"])
        near = off <= max(5.0, 0.35 * mine["true_false"]) and abs(mine["estimated_recall"] - after["recall"]) <= 0.02
        print(
            f"  {name:34} {after['f1']:.4f}  {after['precision']:.4f}  {after['recall']:.4f} "
            f"{mine['estimated_false']:10.1f} {mine['true_false']:5d}  {mine['estimated_recall']:.4f}  "
            f"{after['recall']:.4f}{'' if near else '  off'}"
            f"{'' if after['f1'] >= found['floor'] else '  below the floor'}"
        )


def main() -> None:
    """Print the scores of every set at hand, and with ``--json`` an object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="a folder with more sets")
    parser.add_argument("--no-peers", action="store_true", help="leave the peers out")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    results: dict[str, dict[str, Any]] = {}
    for found in test_sets(chosen.data):
        if isinstance(found, str):
            print(f"\n{found}")
        else:
            results[found.name] = _run(found, not chosen.no_peers)
    _estimates(results)
    if chosen.json:
        print(json.dumps(results))


if __name__ == "__main__":
    main()
