"""How many matches share no pass: capture-recapture over the passes of a spec.

Rules:

- Each pass is a net that catches a match if both records agree on every part of its key. The matches caught by each
  set of passes are counted; those caught by none are what is estimated (capture-recapture; for record linkage
  Dasylva and Goussanou 2022, false negatives due to blocking).
- Passes share parts, so they are far from independent and the usual estimators over the number of captures fail. What
  is modelled is therefore the *parts*: within a latent class of matches (one, or clean and dirty ones where the counts
  ask for two) a part agrees independently of the others. Which passes a match shares follows from the parts on which
  it agrees, and the counts are fitted by EM with the cell of no pass unseen (a truncated latent class model).
- A value that agrees as a whole agrees in its parts: a birth date agrees given year and day, not beside them.
- A block above the cap takes no part in its pass, so a pass may miss a match that agrees on its key. Where the matches
  which other passes show to agree on it say so, being caught is one more part of its key.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from linkage.spec.model import Pass

Floats = NDArray[np.float64]

#: Parts beyond these (the least used first) are left out with their passes: agreements are enumerated.
_MOST_PARTS = 16
#: How often the parts agree where nothing is known yet: in matches of one class, in clean and in dirty ones; and what
#: that is worth in matches.
_ALIKE, _CLEAN, _DIRTY, _PRIOR = 0.75, 0.9, 0.5, 2.0
#: What all pairs of sources together tell is worth so many matches to each of them.
_BORROWED = 100.0
#: Label of the part of an unordered pass by which swapped values share it.
_SWAP = "swapped in "
#: Label of the part of a pass by which it catches a match in spite of its cap; a pass that catches less has one.
_CUT, _WHOLE = "caught in ", 0.98
#: A pass whose key agrees in fewer matches than this is not taken to miss any by its cap.
_LEAST_IMPLIED = 20.0
_ITERATIONS = 400
_TOLERANCE = 1e-5


@dataclass(frozen=True)
class Captures:
    """Matches by the passes they share: ``masks`` (sets, passes) and how many (``counts``, (sets,))."""

    masks: NDArray[np.bool_]
    counts: Floats


@dataclass(frozen=True)
class _Keys:
    """The parts of the passes that are in use.

    ``needs`` (passes, parts) says which parts a pass needs; an unordered pass has one more of its own, by which swapped
    names share it (``swap`` (passes,), -1 for none), and so has a pass that a cap cuts (``caught``). ``within`` (parts,
    parts) says which are parts of a whole value.
    """

    labels: tuple[str, ...]
    needs: NDArray[np.bool_]
    swap: NDArray[np.int64]
    caught: NDArray[np.int64]
    within: NDArray[np.bool_]


def _keys(passes: Sequence[Pass], capped: NDArray[np.bool_] | None = None) -> _Keys:
    labels = sorted({part.label for blocking in passes for part in blocking.parts})
    extra = [p for p, blocking in enumerate(passes) if blocking.unordered]
    cut = [] if capped is None else np.flatnonzero(capped).tolist()
    size = len(labels) + len(extra) + len(cut)
    named = (*labels, *(_SWAP + passes[p].name for p in extra), *(_CUT + passes[p].name for p in cut))
    needs = np.zeros((len(passes), size), dtype=bool)
    swap = np.full(len(passes), -1, dtype=np.int64)
    for p, blocking in enumerate(passes):
        needs[p, [labels.index(part.label) for part in blocking.parts]] = True
    swap[extra] = len(labels) + np.arange(len(extra))
    caught = np.full(len(passes), -1, dtype=np.int64)
    caught[cut] = len(labels) + len(extra) + np.arange(len(cut))
    within = np.zeros((size, size), dtype=bool)
    for i, label in enumerate(labels):
        within[i, : len(labels)] = [other.startswith(f"{label}.") for other in labels]
    return _Keys(named, needs, swap, caught, within)


def _implied(masks: NDArray[np.bool_], keys: _Keys, without: int = -1) -> NDArray[np.bool_]:
    """Return the passes on whose keys matches are known to agree, by the ordered passes they share."""
    ordered = masks & (keys.swap < 0)
    if without >= 0:
        ordered[:, without] = False
    agreed = ordered.astype(np.int64) @ keys.needs.astype(np.int64) > 0
    return ~((~agreed).astype(np.int64) @ keys.needs.T.astype(np.int64) > 0)


def _caught(captures: Captures, keys: _Keys) -> Floats:
    """Return, for each pass, the share of matches agreeing on its key that it catches: less than one under a cap."""
    caught = np.ones(len(keys.needs))
    for p in range(len(caught)):
        agreeing = _implied(captures.masks, keys, without=p)[:, p]
        total = float(captures.counts[agreeing].sum())
        if total >= _LEAST_IMPLIED:
            caught[p] = float(captures.counts[agreeing & captures.masks[:, p]].sum()) / total
    return caught


def _agreements(keys: _Keys) -> NDArray[np.bool_]:
    """Enumerate on which parts two records may agree, shape (2 ** parts, parts)."""
    size = keys.needs.shape[1]
    return ((np.arange(2**size)[:, None] >> np.arange(size)) & 1).astype(bool)


def _shares(agreements: NDArray[np.bool_], keys: _Keys) -> NDArray[np.bool_]:
    """Return the passes that each agreement shares."""
    shared = np.empty((len(agreements), len(keys.needs)), dtype=bool)
    for p, needed in enumerate(keys.needs):
        shared[:, p] = agreements[:, needed].all(axis=1)
        if keys.swap[p] >= 0:
            shared[:, p] |= agreements[:, keys.swap[p]]
        if keys.caught[p] >= 0:
            shared[:, p] &= agreements[:, keys.caught[p]]
    return shared


def _packed(masks: NDArray[np.bool_]) -> NDArray[np.uint64]:
    bits = np.uint64(1) << np.arange(masks.shape[1], dtype=np.uint64)
    packed: NDArray[np.uint64] = (masks * bits).sum(axis=1, dtype=np.uint64)
    return packed


@njit(cache=True, nogil=True)
def _expect(
    agreements: NDArray[np.bool_],
    given: NDArray[np.bool_],
    chance: NDArray[np.float64],
    classes: NDArray[np.float64],
    joint: NDArray[np.float64],
) -> None:
    """Write the probability of each agreement in each class; ``chance`` is (classes, 2, parts): not given, given."""
    for v in range(agreements.shape[0]):
        for c in range(len(classes)):
            product = classes[c]
            for f in range(agreements.shape[1]):
                q = chance[c, 1 if given[v, f] else 0, f]
                product *= q if agreements[v, f] else 1.0 - q
            joint[v, c] = product


@dataclass(frozen=True)
class _Net:
    """One group of matches made ready: which parts may agree (``labels``), and the sets of passes that this shares.

    ``agreements`` and ``given`` have shape (agreements, parts); ``place`` (agreements,) is each one's set of passes;
    ``seen`` (sets,) counts the matches of a set, and ``missing`` is 1 for the set of no pass.
    """

    labels: tuple[str, ...]
    agreements: NDArray[np.bool_]
    given: NDArray[np.bool_]
    place: NDArray[np.int64]
    seen: Floats
    missing: Floats


def _net(passes: Sequence[Pass], captures: Captures) -> _Net | None:
    passes, captures = _most_used(passes, captures)
    if not len(captures.counts):
        return None
    keys = _keys(passes)
    capped = _caught(captures, keys) < _WHOLE
    closed = captures.masks | (_implied(captures.masks, keys) & ~capped)
    if capped.any() and len(keys.labels) + capped.sum() <= _MOST_PARTS:
        keys = _keys(passes, capped)
    else:
        closed |= _implied(captures.masks, keys)
    agreements = _agreements(keys)
    given = np.ones_like(agreements)
    for part in np.flatnonzero(keys.within.any(axis=1)):
        given[:, part] = agreements[:, keys.within[part]].all(axis=1)
    shared = _shares(agreements, keys)
    sets, place = np.unique(_packed(shared), return_inverse=True)
    seen = np.bincount(np.searchsorted(sets, _packed(closed)), weights=captures.counts, minlength=len(sets))
    return _Net(keys.labels, agreements, given, place, seen.astype(np.float64), (sets == 0).astype(np.float64))


def _most_used(passes: Sequence[Pass], captures: Captures) -> tuple[Sequence[Pass], Captures]:
    """Leave out passes that caught nothing, and those of the least used parts until agreements can be enumerated."""
    use = captures.counts @ captures.masks
    passes = [blocking for blocking, used in zip(passes, use, strict=True) if used > 0]
    masks = captures.masks[:, use > 0]
    while passes and len(_keys(passes).labels) > _MOST_PARTS:
        needs = _keys(passes).needs
        use = captures.counts @ masks
        part = int(np.argmin(np.where(needs, use[:, None], 0.0).sum(axis=0)))
        kept = ~needs[:, part] if needs[:, part].any() else np.arange(len(passes)) != int(np.argmin(use))
        passes = [blocking for blocking, keep in zip(passes, kept, strict=True) if keep]
        masks = masks[:, kept]
    some = masks.any(axis=1) & (captures.counts > 0)
    return passes, Captures(masks[some], captures.counts[some])


@dataclass(frozen=True)
class _Chances:
    """``chance`` (classes, 2, labels): that a part agrees where its own parts do not all agree, and where they do."""

    labels: tuple[str, ...]
    chance: Floats
    classes: Floats

    def of(self, labels: tuple[str, ...]) -> Floats:
        """Return the chances of some labels."""
        return np.ascontiguousarray(self.chance[:, :, [self.labels.index(label) for label in labels]])


def _start(labels: tuple[str, ...], whole: NDArray[np.bool_], agree: tuple[float, ...]) -> _Chances:
    """Begin with as many classes of matches as there are chances to ``agree``."""
    chance = np.full((len(agree), 2, len(labels)), 0.02)
    chance[:, 1] = np.array(agree)[:, None]
    chance[:, 1, whole] = 0.98
    chance[:, :, [label.startswith(_SWAP) for label in labels]] = 0.02
    chance[:, :, [label.startswith(_CUT) for label in labels]] = 0.5
    return _Chances(labels, chance, np.array([0.8, 0.2])[: len(agree)] / (1.0 if len(agree) == 2 else 0.8))


def _fit(nets: Sequence[_Net], prior: _Chances, worth: float) -> tuple[_Chances, list[float], float]:
    """Fit what the nets have in common; ``worth`` is the prior's weight in matches.

    Returns the chances, the lost share of each net, and the log likelihood of what was seen.
    """
    chances = prior
    lost, likelihood = [-1.0] * len(nets), 0.0
    for _ in range(_ITERATIONS):
        agreed, total = worth * prior.chance, np.full(prior.chance.shape, worth)
        classes, before, lost, likelihood = worth * prior.classes, lost, [], 0.0
        for net in nets:
            joint = np.empty((len(net.agreements), len(chances.classes)))
            _expect(net.agreements, net.given, chances.of(net.labels), chances.classes, joint)
            share = np.bincount(net.place, weights=joint.sum(axis=1), minlength=len(net.seen))
            lost.append(min(float((share * net.missing).sum()), 0.99))
            seen = net.seen > 0
            visible = np.maximum((share * (1.0 - net.missing))[seen] / (1.0 - lost[-1]), 1e-300)
            likelihood += float(net.seen[seen] @ np.log(visible))
            expected = net.seen + net.seen.sum() / (1 - lost[-1]) * share * net.missing
            weight = joint * (expected / np.maximum(share, 1e-300))[net.place][:, None]
            classes = classes + weight.sum(axis=0)
            places = [chances.labels.index(label) for label in net.labels]
            for known, at in enumerate((~net.given, net.given)):
                agreed[:, known, places] += weight.T @ (at & net.agreements)
                total[:, known, places] += weight.T @ at
        chances = _Chances(prior.labels, agreed / total, classes / classes.sum())
        if max(abs(now - then) / (1 - now) for now, then in zip(lost, before, strict=True)) < _TOLERANCE:
            break
    return chances, lost, likelihood


def lost_shares(groups: Sequence[tuple[Sequence[Pass], Captures]]) -> list[float]:
    """Estimate, for each group of matches (a pair of sources), the share of them that no pass catches.

    Each group has the passes that both its sources give, and captures with a column for each. Groups borrow from each
    other how often a part agrees. A group without captures loses what the others lose on average.
    """
    nets = [_net(passes, captures) for passes, captures in groups]
    held = [net for net in nets if net is not None]
    if not held:
        return [0.0] * len(groups)
    labels = tuple(sorted({label for net in held for label in net.labels}))
    whole = np.zeros(len(labels), dtype=bool)
    for net in held:
        whole[[labels.index(label) for label in net.labels]] |= ~net.given.all(axis=0)
    found = np.array([net.seen.sum() for net in held])
    pooled, lost, likelihood = _fit(held, _start(labels, whole, (_ALIKE,)), _PRIOR)
    two = _fit(held, _start(labels, whole, (_CLEAN, _DIRTY)), _PRIOR)
    # A second class has to earn its place (BIC): one that is hardly ever caught could stand for any number of matches.
    if two[2] - likelihood > (len(labels) + 1) / 2 * np.log(max(found.sum(), 2.0)):
        pooled, lost, _ = two
    if len(held) > 1:
        lost = [_fit([net], pooled, _BORROWED)[1][0] for net in held]
    average = float(1.0 - found.sum() / (found / (1.0 - np.array(lost))).sum())
    own = iter(lost)
    return [average if net is None else next(own) for net in nets]
