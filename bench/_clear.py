"""The same linkage on clear text: exact similarities in place of filters, all pairs of the same passes without a cap.

What the private encodings cost is the difference to this. Identifiers, features, levels, passes, model and clustering
are the product's own; only hashing, and with it the noise of filters and the caps of blocks, is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
from numba import njit

from linkage.hashing.columns import recognise
from linkage.hashing.features import Features, features
from linkage.hashing.prepare import Prepared, prepare
from linkage.matching.candidates import NAME_ORDER, Patterns, compared_identifiers
from linkage.matching.kernels import SWAP_BELOW, SWAP_MARGIN
from linkage.matching.model import pooled_u
from linkage.matching.patterns import decode, pair_table, source_pairs
from linkage.matching.persons import Persons, resolve_persons
from linkage.matching.score import REVIEW_FLOOR, Scored, SourcePair, learn
from linkage.spec.encodings import Encodings, FieldStatistics, TokenTable
from linkage.spec.model import Identifier, LinkageSpec, Pass

_SAMPLE, _AT_ONCE = 1_500, 2_000_000


@njit(cache=True)
def _dice(
    a: np.ndarray, b: np.ndarray, offsets: np.ndarray, numbers: np.ndarray, counts: np.ndarray, out: np.ndarray
) -> None:
    """Write the Dice similarity of the values ``a`` and ``b`` of each pair, -1 where one is missing."""
    for pair in range(len(a)):
        if a[pair] < 0 or b[pair] < 0:
            out[pair] = -1.0
            continue
        x, y = offsets[a[pair]], offsets[b[pair]]
        x_end, y_end = offsets[a[pair] + 1], offsets[b[pair] + 1]
        common, total = 0, 0
        for at in range(x, x_end):
            total += counts[at]
        for at in range(y, y_end):
            total += counts[at]
        while x < x_end and y < y_end:
            if numbers[x] == numbers[y]:
                common += min(counts[x], counts[y])
                x += 1
                y += 1
            elif numbers[x] < numbers[y]:
                x += 1
            else:
                y += 1
        out[pair] = 2.0 * common / total if total else -1.0


def _bits(found: Features) -> np.ndarray:
    """Return how many bits each feature of each value sets."""
    by_layout = [np.bincount(found.tag_bytes[a:b] // 16) for a, b in pairwise(found.layout_starts)]
    return np.concatenate([np.zeros(0, dtype=np.int64), *(by_layout[layout] for layout in found.layouts)])


class _Values:
    """The values of identifiers that may be compared with each other, over all records."""

    def __init__(self, prepared: Sequence[Prepared], names: Sequence[str], identifier: Identifier) -> None:
        texts: dict[str, int] = {}
        self.codes: dict[str, np.ndarray] = {}
        for name in names:
            parts = []
            for source in prepared:
                held = source.values.get(name)
                if held is None:
                    parts.append(np.full(source.records, -1, dtype=np.int64))
                    continue
                place = np.array([*(texts.setdefault(text, len(texts)) for text in held.distinct), -1])
                parts.append(place[held.codes])
            self.codes[name] = np.concatenate(parts)
        found = features(identifier.kind, list(texts), identifier.filter)
        self._offsets = found.offsets
        order = np.concatenate(
            [
                start + np.argsort(found.numbers[start:end], kind="stable")
                for start, end in zip(found.offsets[:-1], found.offsets[1:], strict=True)
            ]
            or [np.zeros(0, dtype=np.int64)]
        ).astype(np.int64)
        self._numbers, self._counts = found.numbers[order], _bits(found)[order]

    def similarity(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        out = np.empty(len(a))
        _dice(a, b, self._offsets, self._numbers, self._counts, out)
        return out


def _level(similarity: np.ndarray, identifier: Identifier) -> np.ndarray:
    level = 1 + sum((similarity >= cut).astype(np.int64) for cut in identifier.cuts)
    return np.where(similarity < 0, 0, level)


class _Comparison:
    """Levels of pairs of records, all identifiers together."""

    def __init__(self, prepared: Sequence[Prepared], identifiers: tuple[Identifier, ...]) -> None:
        self._identifiers = tuple(i for i in identifiers if i is not NAME_ORDER)
        groups: dict[str, list[str]] = {}
        for identifier in self._identifiers:
            groups.setdefault(identifier.group or identifier.name, []).append(identifier.name)
        self._values: dict[str, _Values] = {}
        for identifier in self._identifiers:
            group = identifier.group or identifier.name
            if group not in self._values:
                self._values[group] = _Values(prepared, groups[group], identifier)
        swapped = [i for i in self._identifiers if i.group and len(groups[i.group]) > 1]
        self._swapped = swapped[:2] if NAME_ORDER in identifiers else []

    def similarities(self, a: np.ndarray, b: np.ndarray, identifier: Identifier) -> np.ndarray:
        values = self._values[identifier.group or identifier.name]
        return values.similarity(values.codes[identifier.name][a], values.codes[identifier.name][b])

    def patterns(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        found = {i.name: self.similarities(a, b, i) for i in self._identifiers}
        order = np.zeros(0, dtype=np.int64)
        if self._swapped:
            first, second = self._swapped
            values = self._values[str(first.group)]
            one, other = values.codes[first.name], values.codes[second.name]
            crossed = [values.similarity(one[a], other[b]), values.similarity(other[a], one[b])]
            straight = np.maximum(found[first.name], 0) + np.maximum(found[second.name], 0)
            across = np.maximum(crossed[0], 0) + np.maximum(crossed[1], 0)
            turned = (straight <= SWAP_BELOW) & (across > straight + SWAP_MARGIN)
            for name, similarity in zip((first.name, second.name), crossed, strict=True):
                found[name] = np.where(turned, similarity, found[name])
            order = np.where(turned, 1, 2)
        codes = np.zeros(len(a), dtype=np.uint64)
        for f, identifier in enumerate(self._identifiers):
            codes |= _level(found[identifier.name], identifier).astype(np.uint64) << np.uint64(3 * f)
        if len(order):
            codes |= order.astype(np.uint64) << np.uint64(3 * len(self._identifiers))
        return codes

    def shares(self, records: np.ndarray, rng: np.random.Generator) -> dict[str, tuple[float, ...]]:
        """Return how often random pairs of some records agree, by identifier and level."""
        sample = rng.permutation(records)[:_SAMPLE]
        i, j = np.triu_indices(len(sample), 1)
        rates = {}
        for identifier in self._identifiers:
            level = _level(self.similarities(sample[i], sample[j], identifier), identifier)
            counts = np.bincount(level, minlength=identifier.levels + 1)[1:] + 0.5
            values = self._values[identifier.group or identifier.name].codes[identifier.name][records]
            held = np.bincount(values[values >= 0]).astype(float)
            if held.sum() < 2:
                continue
            exact = float((held * (held - 1)).sum() / (held.sum() * (held.sum() - 1)))
            below = counts[:-1] / counts[:-1].sum() * (1 - exact)
            rates[identifier.name] = (*below.tolist(), exact)
        return rates


def _key(prepared: Sequence[Prepared], blocking: Pass) -> np.ndarray:
    """Return a number for each record's key under a pass, -1 for none."""
    parts = []
    for part in blocking.parts:
        texts = []
        for source in prepared:
            if not source.can_give(part):
                texts.append(np.full(source.records, "", dtype=object))
                continue
            codes, given = source.values[part.identifier].key_parts(part.transform)
            texts.append(np.array([*given, ""], dtype=object)[codes])
        parts.append(np.concatenate(texts))
    columns = np.sort(np.stack(parts, axis=1), axis=1) if blocking.unordered else np.stack(parts, axis=1)
    whole = (np.stack(parts) != "").all(axis=0)
    numbers = np.full(len(whole), -1, dtype=np.int64)
    numbers[whole] = pd.DataFrame(columns[whole]).groupby(list(range(columns.shape[1]))).ngroup().to_numpy()
    return numbers


def _pairs(keys: np.ndarray, records: int) -> np.ndarray:
    """Return all pairs of records with the same key, as lower record times records plus higher one."""
    held = np.flatnonzero(keys >= 0)
    order = held[np.argsort(keys[held], kind="stable")]
    ends = np.searchsorted(keys[order], keys[order], side="right")
    after = ends - np.arange(len(order)) - 1
    first = np.repeat(np.arange(len(order)), after)
    second = first + 1 + np.arange(len(first)) - np.repeat(np.cumsum(after) - after, after)
    a, b = order[first], order[second]
    numbered: np.ndarray = np.minimum(a, b) * records + np.maximum(a, b)
    return numbered


def link_clear(
    frames: Mapping[str, pd.DataFrame], spec: LinkageSpec, may_have_duplicates: frozenset[str] = frozenset()
) -> Persons:
    """Link records in clear text with the product's model and clustering."""
    names = list(frames)
    prepared = [prepare(frame.rename(columns=str), recognise([str(c) for c in frame.columns], spec), spec)
                for frame in frames.values()]  # fmt: skip
    sizes = [source.records for source in prepared]
    source_of = np.repeat(np.arange(len(names)), sizes)
    held = [
        Encodings(name, source.records, {}, FieldStatistics(rates=dict.fromkeys(source.values, (0.0,)), missing={}))
        for name, source in zip(names, prepared, strict=True)
    ]
    identifiers = compared_identifiers(held, spec)
    comparison = _Comparison(prepared, identifiers)
    rng = np.random.default_rng(1)
    rates = [comparison.shares(np.flatnonzero(source_of == n), rng) for n in range(len(names))]
    given = [{name: share for name, share in rate.items() if name in source.values}
             for rate, source in zip(rates, prepared, strict=True)]  # fmt: skip
    u = pooled_u([FieldStatistics(rates=rate, missing={}) for rate in given], sizes, identifiers)

    records = len(source_of)
    met = np.unique(np.concatenate([_pairs(_key(prepared, blocking), records) for blocking in spec.passes]))
    a, b = met // records, met % records
    codes = np.concatenate(
        [comparison.patterns(a[at : at + _AT_ONCE], b[at : at + _AT_ONCE]) for at in range(0, len(a), _AT_ONCE)]
        or [np.zeros(0, dtype=np.uint64)]
    )
    pair = pair_table(len(names))[source_of[a], source_of[b]]
    distinct, place = np.unique(codes, return_inverse=True)
    counts = np.zeros((len(distinct), len(source_pairs(len(names)))))
    np.add.at(counts, (place, pair), 1.0)
    learned = learn(names, sizes, Patterns(distinct, counts), u, identifiers, may_have_duplicates)
    levels = decode(distinct, len(identifiers))
    weight, chance = learned.everywhere.weights(levels), learned.everywhere.probabilities(levels)
    calibrated = learned.calibration.apply(chance)
    kept = chance[place, pair] >= REVIEW_FLOOR
    place, pair, a, b = place[kept], pair[kept], a[kept], b[kept]
    label = np.array(names, dtype=object)
    links = pd.DataFrame(
        {
            "source_a": label[source_of[a]], "source_b": label[source_of[b]], "pass": "clear",
            "token_a": (a + 1).astype(np.uint64), "token_b": (b + 1).astype(np.uint64),
            "match_weight": weight[place], "match_probability": chance[place, pair],
            "calibrated_probability": calibrated[place, pair], "pattern": distinct[place],
        }
    )  # fmt: skip
    starts = np.cumsum([0, *sizes])
    tables = [
        TokenTable(
            name,
            pd.DataFrame(
                {
                    "row": np.arange(size),
                    "person_token": np.full(size, "", dtype=object),
                    "pass:clear": np.arange(start + 1, start + size + 1, dtype=np.uint64),
                }
            ),
        )
        for name, size, start in zip(names, sizes, starts[:-1], strict=True)
    ]
    between = tuple(
        SourcePair(names[x], names[y], float(learned.totals[n]), float(counts[:, n].sum()), 0.0)
        for n, (x, y) in enumerate(source_pairs(len(names)))
        if learned.fitted[n]
    )
    return resolve_persons(Scored(links, learned.model, between, ()), tables, may_have_duplicates)
