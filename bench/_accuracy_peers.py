"""Peers on the same records: each with the threshold its users start from, and the one that the truth would choose.

All read clear text but clkhash with anonlink, which compares one CLK a record. Scores are turned into links one to one,
strongest first, by the same rule for all; sets of one source are not linked by peers here.
"""

from __future__ import annotations

import importlib.util
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bench._sets import TestSet

#: Scored pairs of two sources: rows of the first, rows of the second, score.
Scores = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class PeerScore:
    """F1 of a peer at a threshold; ``chosen_by_truth`` marks a threshold that nobody could know."""

    peer: str
    threshold: float
    f1: float
    precision: float
    recall: float
    chosen_by_truth: bool


def _one_to_one(scored: Scores) -> Scores:
    a, b, score = scored
    taken_a: set[int] = set()
    taken_b: set[int] = set()
    kept = []
    for at in np.lexsort((b, a, -score)):
        if int(a[at]) not in taken_a and int(b[at]) not in taken_b:
            taken_a.add(int(a[at]))
            taken_b.add(int(b[at]))
            kept.append(at)
    return a[kept], b[kept], score[kept]


def _rate(peer: str, usual: float, scored: list[tuple[Scores, np.ndarray, np.ndarray]], pairs: int) -> list[PeerScore]:
    """Score a peer over all pairs of sources at its usual threshold and at the best one."""
    right, score = [], []
    for found, one, other in scored:
        a, b, held = _one_to_one(found)
        right.append(one[a] == other[b])
        score.append(held)
    correct, strength = np.concatenate(right), np.concatenate(score)
    order = np.argsort(-strength, kind="stable")
    correct, strength = correct[order], strength[order]
    true = np.cumsum(correct)
    f1 = 2 * true / (np.arange(1, len(true) + 1) + pairs)

    def at(number: int, threshold: float, chosen: bool) -> PeerScore:
        found = int(true[number - 1]) if number else 0
        return PeerScore(
            peer, threshold, 2 * found / max(number + pairs, 1), found / max(number, 1), found / pairs, chosen
        )

    best = int(np.argmax(f1)) + 1 if len(f1) else 0
    return [
        at(int((strength >= usual).sum()), usual, chosen=False),
        at(best, float(strength[best - 1]) if best else 1.0, chosen=True),
    ]


def _kinds(frame: pd.DataFrame) -> dict[str, str]:
    """Guess what a column holds from how long and how varied its values are: date, number or text."""
    kinds = {}
    for column in frame.columns:
        held = frame[column].dropna().astype(str)
        held = held[held != ""]
        if len(held) < 0.05 * len(frame) or held.nunique() < 2:
            continue
        digits = held.head(500).str.contains(r"^[\d/.\-]+$").mean() > 0.9
        kinds[column] = "number" if digits else "text"
    return kinds


def _recordlinkage(one: pd.DataFrame, other: pd.DataFrame) -> Scores:
    import recordlinkage

    kinds = {column: kind for column, kind in _kinds(one).items() if column in _kinds(other)}
    one, other = (frame[list(kinds)].replace("", None) for frame in (one, other))
    varied = sorted(kinds, key=lambda column: -one[column].nunique())
    index = recordlinkage.Index()
    for column in varied[:4]:
        index.block(column)
    compare = recordlinkage.Compare()
    for column, kind in kinds.items():
        if kind == "text":
            compare.string(column, column, method="jarowinkler", threshold=0.85, label=column)
        else:
            compare.exact(column, column, label=column)
    pairs = index.index(one, other)
    agreed = compare.compute(pairs, one, other).fillna(0).astype(int)
    model = recordlinkage.ECMClassifier()
    model.fit_predict(agreed)
    chance = model.prob(agreed)
    return pairs.get_level_values(0).to_numpy(), pairs.get_level_values(1).to_numpy(), chance.to_numpy()


def _anonlink(one: pd.DataFrame, other: pd.DataFrame) -> Scores:
    import anonlink
    from clkhash import clk, schema

    kinds = {column: kind for column, kind in _kinds(one).items() if column in _kinds(other)}
    fields = [
        {
            "identifier": column,
            "format": {"type": "string", "encoding": "utf-8"},
            "hashing": {
                "comparison": {"type": "ngram", "n": 2 if kind == "text" else 1, "positional": kind == "number"},
                "strategy": {"bitsPerFeature": int(1024 * 0.69 / len(kinds))},
                "hash": {"type": "blakeHash"},
            },
        }
        for column, kind in kinds.items()
    ]
    kdf = {"type": "HKDF", "hash": "SHA256", "salt": "AA==", "info": "AA==", "keySize": 64}
    described: Any = {"version": 3, "clkConfig": {"l": 1024, "kdf": kdf}, "features": fields}
    plan = schema.from_json_file(io.StringIO(json.dumps(described)))
    hashed = []
    for frame in (one, other):
        text = io.StringIO()
        frame[list(kinds)].fillna("").to_csv(text, index=False)
        text.seek(0)
        # In this process: workers that are forked beside other peers' threads may wait for ever.
        hashed.append(
            clk.generate_clk_from_csv(text, "secret", plan, validate=False, progress_bar=False, max_workers=1)
        )
    score, _, (a, b) = anonlink.candidate_generation.find_candidate_pairs(
        hashed, anonlink.similarities.dice_coefficient, 0.6
    )
    return np.array(a, dtype=np.int64), np.array(b, dtype=np.int64), np.array(score)


def _splink(one: pd.DataFrame, other: pd.DataFrame) -> Scores:
    import splink.comparison_library as cl
    from splink import DuckDBAPI, Linker, SettingsCreator, block_on

    kinds = {column: kind for column, kind in _kinds(one).items() if column in _kinds(other)}
    tables = [frame[list(kinds)].replace("", None).assign(unique_id=np.arange(len(frame))) for frame in (one, other)]
    varied = sorted(kinds, key=lambda column: -one[column].nunique())[:5]
    blocks = [block_on(x, y) for n, x in enumerate(varied) for y in varied[n + 1 :]]
    settings = SettingsCreator(
        link_type="link_only",
        blocking_rules_to_generate_predictions=blocks,
        comparisons=[
            cl.JaroWinklerAtThresholds(column, [0.92, 0.8])
            if kind == "text"
            else cl.DamerauLevenshteinAtThresholds(column, 1)
            for column, kind in kinds.items()
        ],
    )
    database = DuckDBAPI()
    registered = [database.register(table, dataset_display_name=name) for table, name in zip(tables, "ab", strict=True)]
    linker = Linker(registered, settings)
    linker.training.estimate_probability_two_random_records_match(blocks, recall=0.8)
    linker.training.estimate_u_using_random_sampling(max_pairs=1e6)
    for column in varied[:2]:
        linker.training.estimate_parameters_using_expectation_maximisation(block_on(column))
    found = linker.inference.predict(threshold_match_probability=0.01).as_pandas_dataframe()
    turned = (found["source_dataset_l"] == "b").to_numpy()
    left, right = found["unique_id_l"].to_numpy(), found["unique_id_r"].to_numpy()
    return np.where(turned, right, left), np.where(turned, left, right), found["match_probability"].to_numpy()


#: Peer, what has to be installed, the threshold its users start from, and how it scores two sources.
_PEERS: tuple[tuple[str, tuple[str, ...], float, Callable[[pd.DataFrame, pd.DataFrame], Scores]], ...] = (
    ("recordlinkage ECM, clear text", ("recordlinkage",), 0.5, _recordlinkage),
    ("Splink, clear text", ("splink",), 0.95, _splink),
    ("clkhash + anonlink, CLK", ("clkhash", "anonlink"), 0.8, _anonlink),
)


def peers(chosen: TestSet) -> Iterator[PeerScore | str]:
    """Run every installed peer on a set."""
    names = list(chosen.frames)
    if len(names) < 2:
        return
    between = [(x, y) for n, x in enumerate(names) for y in names[n + 1 :]]
    pairs = sum(
        int((chosen.truth[x].value_counts() * chosen.truth[y].value_counts()).fillna(0).sum()) for x, y in between
    )
    for name, needed, usual, score in _PEERS:
        if any(importlib.util.find_spec(module) is None for module in needed):
            yield f"{name}: skipped, {' and '.join(needed)} not installed"
            continue
        try:
            scored = [
                (
                    score(chosen.frames[x], chosen.frames[y]),
                    chosen.truth[x].to_numpy(dtype=object),
                    chosen.truth[y].to_numpy(dtype=object),
                )
                for x, y in between
            ]
        except Exception as failure:  # a peer that fails is a result, not the end of the run
            yield f"{name}: failed ({type(failure).__name__}: {str(failure).splitlines()[0][:80]})"
            continue
        yield from _rate(name, usual, scored, pairs)
