"""How many matches share no pass: capture-recapture over the passes of a spec.

Rules:

- Each pass is a net that catches a match if both records agree on every part of its key. The matches caught by each
  set of passes are counted; those caught by none are what is estimated (capture-recapture; for record linkage
  Dasylva and Goussanou 2022, false negatives due to blocking).
- Passes share parts, so they are far from independent and the usual estimators over the number of captures fail. What
  is modelled is therefore the *parts*: within a latent class of matches (one, or clean and dirty ones where the counts
  ask for two) a part agrees independently of the others. Which passes a match shares follows from the parts on which
  it agrees, and the counts are fitted by EM with the cell of no pass unseen (a truncated latent class model).
- A value that agrees as a whole agrees in its parts: a birth date agrees given year and day, not beside them; a name
  that sounds alike begins alike.
- A block above a cap takes no part in its pass. A pass that misses matches on whose key other passes show them to agree
  is left out of the model; how many matches it alone caught then corrects what the model says the others lose.
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
_MOST_PARTS = 13
#: The least that a class of matches has to be caught to be believed in.
_LEAST_SEEN = 0.5
#: How often the parts agree where nothing is known yet: in matches of one class, in clean and in dirty ones; and what
#: that is worth in matches.
_ALIKE, _CLEAN, _DIRTY, _PRIOR = 0.75, 0.9, 0.5, 2.0
#: What all pairs of sources together tell is worth so many matches to each of them.
_BORROWED = 100.0
#: Label of the part by which two records with swapped names share an unordered pass.
_SWAP = "swapped"
#: A pass that catches less of the matches that agree on its key is cut by its cap.
_WHOLE = 0.9
#: By what factor the model of the uncut passes may say more than what cut ones catch before it is corrected.
_BELIEF = 4.0
#: A pass whose key agrees in fewer matches than this is not taken to miss any by its cap.
_LEAST_IMPLIED = 20.0
_ITERATIONS = 200
_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Captures:
    """Matches by the passes they share: ``masks`` (sets, passes) and how many (``counts``, (sets,))."""

    masks: NDArray[np.bool_]
    counts: Floats


@dataclass(frozen=True)
class _Keys:
    """The parts of the passes that are in use.

    ``needs`` (passes, parts) says which parts a pass needs, ``turned`` (passes, parts) which it needs of two records
    whose names are swapped, and ``unordered`` (passes,) whether it then has them. ``within`` (parts, parts) says which
    parts a part cannot agree without.
    """

    labels: tuple[str, ...]
    needs: NDArray[np.bool_]
    turned: NDArray[np.bool_]
    unordered: NDArray[np.bool_]
    within: NDArray[np.bool_]


def _keys(passes: Sequence[Pass]) -> _Keys:
    unordered = np.array([blocking.unordered for blocking in passes], dtype=bool)
    own = sorted({part.label for blocking in passes for part in blocking.parts})
    labels = (*own, _SWAP) if unordered.any() else tuple(own)
    needs = np.zeros((len(passes), len(labels)), dtype=bool)
    turned = np.zeros((len(passes), len(labels)), dtype=bool)
    for p, blocking in enumerate(passes):
        needs[p, [labels.index(part.label) for part in blocking.parts]] = True
        ways = [part.transform for part in blocking.parts]
        turned[p, [labels.index(part.label) for part in blocking.parts if ways.count(part.transform) == 1]] = True
        turned[p, -1] |= blocking.unordered
    within = np.zeros((len(labels), len(labels)), dtype=bool)
    for i, label in enumerate(own):
        name, _, way = label.partition(".")
        within[i, : len(own)] = [
            other.startswith(f"{label}.") or (way == "phonetic" and other == f"{name}.initial") for other in own
        ]
    return _Keys(labels, needs, turned, unordered, within)


def _implied(masks: NDArray[np.bool_], keys: _Keys, without: int = -1) -> NDArray[np.bool_]:
    """Return the passes on whose keys matches are known to agree, by the ordered passes they share."""
    ordered = masks & ~keys.unordered
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
    for p in range(len(keys.needs)):
        shared[:, p] = agreements[:, keys.needs[p]].all(axis=1)
        if keys.unordered[p]:
            shared[:, p] |= agreements[:, keys.turned[p]].all(axis=1)
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
    closed = captures.masks | _implied(captures.masks, keys)
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
    chance[:, :, [label == _SWAP for label in labels]] = 0.02
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


def _seen(net: _Net, chances: _Chances) -> float:
    """Return how often the class of matches that is caught least is caught."""
    joint = np.empty((len(net.agreements), len(chances.classes)))
    _expect(net.agreements, net.given, chances.of(net.labels), chances.classes, joint)
    return float(((1.0 - net.missing[net.place]) @ joint / joint.sum(axis=0)).min())


def lost_shares(groups: Sequence[tuple[Sequence[Pass], Captures]]) -> list[float]:
    """Estimate, for each group of matches (a pair of sources), the share of them that no pass catches.

    Each group has the passes that both its sources give, and captures with a column for each. Groups borrow from each
    other how often a part agrees. A group without captures loses what the others lose on average.
    """
    uncut = [_uncut(passes, captures) for passes, captures in groups]
    nets, parted = [_net(passes, part.captures) for passes, part in uncut], [part for _, part in uncut]
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
    # A second class has to earn its place (BIC), and be seen: one hardly ever caught could stand for any number.
    earned = two[2] - likelihood > (len(labels) + 1) / 2 * np.log(max(found.sum(), 2.0))
    if earned and min(_seen(net, two[0]) for net in held) >= _LEAST_SEEN:
        pooled, lost, _ = two
    if len(held) > 1:
        lost = [_fit([net], pooled, _BORROWED)[1][0] for net in held]
    average = float(1.0 - found.sum() / (found / (1.0 - np.array(lost))).sum())
    own = iter(lost)
    shares = [average if net is None else next(own) for net in nets]
    return [
        share if net is None else _rest(share, part, net, pooled)
        for share, part, net in zip(shares, parted, nets, strict=True)
    ]


@dataclass(frozen=True)
class _Parted:
    """Captures by the passes that no cap cuts; how many matches ``only`` the ``cut`` ones caught, and their shares."""

    captures: Captures
    only: float
    cut: tuple[tuple[Pass, float], ...]


def _uncut(passes: Sequence[Pass], captures: Captures) -> tuple[Sequence[Pass], _Parted]:
    if not len(captures.counts):
        return passes, _Parted(captures, 0.0, ())
    caught = _caught(captures, _keys(passes))
    kept = caught >= _WHOLE
    if not kept.any():
        return passes, _Parted(captures, 0.0, ())
    masks = captures.masks[:, kept]
    some = masks.any(axis=1)
    left = [blocking for blocking, keep in zip(passes, kept, strict=True) if keep]
    cut = tuple((blocking, float(share)) for blocking, share in zip(passes, caught, strict=True) if share < _WHOLE)
    return left, _Parted(Captures(masks[some], captures.counts[some]), float(captures.counts[~some].sum()), cut)


def _rest(share: float, part: _Parted, net: _Net, chances: _Chances) -> float:
    """Return the lost share when cut passes are taken in again.

    The model says how many matches the uncut passes lose, and how often cut ones would catch those. Where they catch
    far fewer, errors keep out of each other's way (one a record, say) and fewer are lost.
    """
    found = float(part.captures.counts.sum())
    if not part.cut or found <= 0:
        return share
    joint = np.empty((len(net.agreements), len(chances.classes)))
    _expect(net.agreements, net.given, chances.of(net.labels), chances.classes, joint)
    weight = joint.sum(axis=1) * net.missing[net.place]
    missed = np.ones(len(net.agreements))
    for blocking, caught in part.cut:
        parts = [piece.label for piece in blocking.parts]
        if all(label in net.labels for label in parts):
            missed *= 1.0 - caught * net.agreements[:, [net.labels.index(label) for label in parts]].all(axis=1)
    again = 1.0 - float(weight @ missed) / max(float(weight.sum()), 1e-300)
    expected = max(found * share / (1.0 - share), 1e-9)
    # The model is corrected where cut passes catch less than a quarter of what it says they would.
    caught_share = (part.only + 1.0) / (expected * again + 1.0)
    left = max(expected - part.only, 0.0) * min(1.0, _BELIEF * caught_share)
    return left / (found + part.only + left)
