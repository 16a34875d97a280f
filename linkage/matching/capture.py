"""How many matches share no pass: capture-recapture over the passes of a spec.

Rules:

- Each pass is a net that catches a match if both records agree on every part of its key. The matches caught by each
  set of passes are counted; those caught by none are what is estimated (capture-recapture; for record linkage
  Dasylva and Goussanou 2022, false negatives due to blocking).
- Passes share parts, so they are far from independent and the usual estimators over the number of captures fail. What
  is modelled is therefore on which *parts* a match agrees: within a latent class of matches the identifiers agree
  independently of each other, and of the parts of one identifier each combination that is possible has a chance of its
  own (a wrong birth date is often wrong in year and day at once). Which passes a match shares follows from that, and
  the counts are fitted by EM with the cell of no pass unseen (a truncated latent class model).
- Classes are clean matches, people who moved (what a household shares changed at once), swapped names and dirty
  records, as many of them as the counts ask for.
- A block above a cap takes no part in its pass. A pass that misses matches on whose key other passes show them to agree
  is left out of the model; how many matches it alone caught then corrects what the model says the others lose.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numba import njit
from numpy.typing import NDArray

from linkage.matching.key_parts import (
    SWAP,
    Agreements,
    agreements_number,
    agreements_on,
    key_labels,
    needed_parts,
    passes_shared,
)
from linkage.spec.model import Pass

Floats = NDArray[np.float64]

#: Agreements beyond this number are not enumerated: the least used parts are left out with their passes.
_MOST_AGREEMENTS = 8192
#: The least that a class of matches has to be caught to be believed in.
_LEAST_SEEN = 0.5
#: How often identifiers agree where nothing is known yet: in clean matches, in dirty ones, and what a household shares
#: after a move or names that were swapped; and what that is worth in matches.
_CLEAN, _DIRTY, _RARELY, _PRIOR = 0.9, 0.5, 0.05, 2.0
#: Shares of the classes to begin with: the first, and each other.
_OTHERS = 0.15
#: What all pairs of sources together tell is worth so many matches to each of them.
_BORROWED = 100.0
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


def _packed(masks: NDArray[np.bool_]) -> NDArray[np.uint64]:
    bits = np.uint64(1) << np.arange(masks.shape[1], dtype=np.uint64)
    packed: NDArray[np.uint64] = (masks * bits).sum(axis=1, dtype=np.uint64)
    return packed


@njit(cache=True, nogil=True)
def _least_holding(sets: NDArray[np.uint64], sizes: NDArray[np.int64], mask: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return, for each mask, the smallest of ``sets`` that holds all its passes."""
    place = np.zeros(len(mask), dtype=np.int64)
    for m in range(len(mask)):
        least = 65
        for s in range(len(sets)):
            if sets[s] & mask[m] == mask[m] and sizes[s] < least:
                least, place[m] = sizes[s], s
    return place


@njit(cache=True, nogil=True)
def _expect(
    states: NDArray[np.int64],
    chance: NDArray[np.float64],
    classes: NDArray[np.float64],
    joint: NDArray[np.float64],
) -> None:
    """Write the probability of each agreement in each class; ``chance`` is (classes, identifiers, combinations)."""
    for v in range(states.shape[0]):
        for c in range(len(classes)):
            together = classes[c]
            for i in range(states.shape[1]):
                together *= chance[c, i, states[v, i]]
            joint[v, c] = together


@njit(cache=True, nogil=True)
def _gather(states: NDArray[np.int64], weight: NDArray[np.float64], counted: NDArray[np.float64]) -> None:
    """Add the weight (agreements, classes) of each agreement to the combinations it has."""
    for v in range(states.shape[0]):
        for c in range(weight.shape[1]):
            for i in range(states.shape[1]):
                counted[c, i, states[v, i]] += weight[v, c]


@dataclass(frozen=True)
class _Net:
    """One group of matches made ready.

    ``place`` (agreements,) is the set of passes that an agreement shares; ``seen`` (sets,) counts the matches of a set,
    and ``missing`` is 1 for the set of no pass.
    """

    place: NDArray[np.int64]
    seen: Floats
    missing: Floats


def _net(found: Agreements, passes: Sequence[Pass], captures: Captures) -> _Net:
    packed = _packed(passes_shared(found, passes))
    sets, place = np.unique(packed, return_inverse=True)
    sizes = np.array([int(mask).bit_count() for mask in sets], dtype=np.int64)
    held = _least_holding(sets, sizes, _packed(captures.masks))
    seen = np.bincount(held, weights=captures.counts, minlength=len(sets)).astype(np.float64)
    return _Net(place, seen, (sets == 0).astype(np.float64))


@dataclass(frozen=True)
class _Chances:
    """``chance`` (classes, identifiers, combinations) of each combination, and the shares of the ``classes``."""

    chance: Floats
    classes: Floats

    def joint(self, found: Agreements) -> Floats:
        """Return the probability of each agreement in each class."""
        joint = np.empty((len(found.states), len(self.classes)))
        _expect(found.states, self.chance, self.classes, joint)
        return joint


def _start(found: Agreements, agree: Sequence[dict[str, float]]) -> _Chances:
    """Begin with a class of matches for each of ``agree``, how often each identifier agrees in it."""
    chance = np.zeros((len(agree), len(found.sizes), max(found.sizes)))
    for c, often in enumerate(agree):
        for i, (name, size) in enumerate(zip(found.identifiers, found.sizes, strict=True)):
            chance[c, i, : size - 1] = (1.0 - often[name]) / (size - 1)
            chance[c, i, size - 1] = often[name]
    others = len(agree) - 1
    return _Chances(chance, np.array([1.0 - _OTHERS * others, *[_OTHERS] * others]))


def _kinds(found: Agreements, passes: Collection[Pass], household: frozenset[str]) -> list[dict[str, float]]:
    """Return the kinds of matches that there may be, by how often identifiers agree: clean first."""
    clean = dict.fromkeys(found.identifiers, _CLEAN)
    dirty = dict.fromkeys(found.identifiers, _DIRTY)
    kinds = [clean, dirty]
    held = household & set(found.identifiers)
    if held:
        kinds.append(clean | dict.fromkeys(held, _RARELY))
    if SWAP in clean:
        names = {part.identifier for blocking in passes if blocking.unordered for part in blocking.parts}
        swapped = clean | dict.fromkeys(names & set(found.identifiers), _RARELY)
        kinds = [kind | {SWAP: _RARELY} for kind in kinds]
        kinds.append(swapped | {SWAP: _CLEAN})
    return kinds


@dataclass(frozen=True)
class _Fit:
    """Chances, the lost share of each net, and the log likelihood of what was seen."""

    chances: _Chances
    lost: list[float]
    likelihood: float


def _fit(found: Agreements, nets: Sequence[_Net], prior: _Chances, worth: float) -> _Fit:
    """Fit what the nets have in common by EM; ``worth`` is the prior's weight in matches."""
    chances = prior
    lost, likelihood = [-1.0] * len(nets), 0.0
    for _ in range(_ITERATIONS):
        counted, classes, before = worth * prior.chance, worth * prior.classes, lost
        lost, likelihood = [], 0.0
        joint = chances.joint(found)
        for net in nets:
            share = np.bincount(net.place, weights=joint.sum(axis=1), minlength=len(net.seen))
            lost.append(min(float((share * net.missing).sum()), 0.99))
            seen = net.seen > 0
            visible = np.maximum((share * (1.0 - net.missing))[seen] / (1.0 - lost[-1]), 1e-300)
            likelihood += float(net.seen[seen] @ np.log(visible))
            expected = net.seen + net.seen.sum() / (1 - lost[-1]) * share * net.missing
            weight = joint * (expected / np.maximum(share, 1e-300))[net.place][:, None]
            classes = classes + weight.sum(axis=0)
            _gather(found.states, weight, counted)
        total = counted.sum(axis=2, keepdims=True)
        chances = _Chances(counted / total, classes / classes.sum())
        if max(abs(now - then) / (1 - now) for now, then in zip(lost, before, strict=True)) < _TOLERANCE:
            break
    return _Fit(chances, lost, likelihood)


def _least_seen(found: Agreements, nets: Sequence[_Net], chances: _Chances) -> float:
    """Return how often the class of matches that is caught least is caught."""
    joint = chances.joint(found)
    share = joint / joint.sum(axis=0)
    return min(float(((1.0 - net.missing[net.place]) @ share).min()) for net in nets)


def _pooled(found: Agreements, nets: Sequence[_Net], kinds: Sequence[dict[str, float]]) -> _Fit:
    """Fit all nets together: kinds of matches are added as long as the counts ask for one (BIC).

    A class that is hardly ever caught could stand for any number, so it is not believed in.
    """
    matches = max(sum(float(net.seen.sum()) for net in nets), 2.0)
    price = (sum(found.sizes) - len(found.sizes) + 1) / 2 * np.log(matches)
    chosen, left = list(kinds[:1]), list(kinds[1:])
    best = _fit(found, nets, _start(found, chosen), _PRIOR)
    while left:
        tried = [_fit(found, nets, _start(found, [*chosen, kind]), _PRIOR) for kind in left]
        believed = [
            fitted.likelihood if _least_seen(found, nets, fitted.chances) >= _LEAST_SEEN else -np.inf
            for fitted in tried
        ]
        most = int(np.argmax(believed))
        if believed[most] - best.likelihood <= price:
            break
        best = tried[most]
        chosen.append(left.pop(most))
    return best


def lost_shares(
    groups: Sequence[tuple[Sequence[Pass], Captures]], household: frozenset[str] = frozenset()
) -> list[float]:
    """Estimate, for each group of matches (a pair of sources), the share of them that no pass catches.

    Each group has the passes that both its sources give, and captures with a column for each. ``household`` names the
    identifiers that change together when people move. Groups borrow from each other how often identifiers agree. A
    group without captures loses what the others lose on average.
    """
    parted = _counted([_uncut(passes, captures) for passes, captures in groups])
    held = [part for part in parted if len(part.captures.counts)]
    if not held:
        return [0.0] * len(groups)
    found = agreements_on(key_labels([blocking for part in held for blocking in part.passes]))
    nets = [_net(found, part.passes, part.captures) for part in held]
    passes = {blocking for part in held for blocking in part.passes}
    fitted = _pooled(found, nets, _kinds(found, passes, household))
    lost = fitted.lost
    if len(held) > 1:
        lost = [_fit(found, [net], fitted.chances, _BORROWED).lost[0] for net in nets]
    caught = np.array([net.seen.sum() for net in nets])
    average = float(1.0 - caught.sum() / (caught / (1.0 - np.array(lost))).sum())
    joint = fitted.chances.joint(found).sum(axis=1)
    own = iter(
        [
            _rest(share, part, found, joint * net.missing[net.place])
            for share, part, net in zip(lost, held, nets, strict=True)
        ]
    )
    return [next(own) if len(part.captures.counts) else average for part in parted]


@dataclass(frozen=True)
class _Parted:
    """Captures by the ``passes`` that no cap cuts.

    ``only`` is how many matches the ``cut`` ones alone caught; each of those is with the share that it catches.
    """

    passes: Sequence[Pass]
    captures: Captures
    only: float = 0.0
    cut: tuple[tuple[Pass, float], ...] = ()


def _implied(masks: NDArray[np.bool_], passes: Sequence[Pass], without: int) -> NDArray[np.bool_]:
    """Return the matches that are known, by the ordered passes they share, to agree on the key of pass ``without``."""
    needs = needed_parts(passes, key_labels(passes)).astype(np.int64)
    ordered = masks & ~np.array([blocking.unordered for blocking in passes], dtype=bool)
    ordered[:, without] = False
    agreed = ordered.astype(np.int64) @ needs > 0
    implied: NDArray[np.bool_] = (~agreed).astype(np.int64) @ needs[without] == 0
    return implied


def _caught(passes: Sequence[Pass], captures: Captures) -> Floats:
    """Return, for each pass, the share of matches agreeing on its key that it catches: less than one under a cap."""
    caught = np.ones(len(passes))
    for p in range(len(caught)):
        agreeing = _implied(captures.masks, passes, p)
        total = float(captures.counts[agreeing].sum())
        if total >= _LEAST_IMPLIED:
            caught[p] = float(captures.counts[agreeing & captures.masks[:, p]].sum()) / total
    return caught


def _restricted(passes: Sequence[Pass], captures: Captures, kept: NDArray[np.bool_]) -> _Parted:
    """Keep some passes, and the matches that they catch."""
    masks = captures.masks[:, kept]
    some = masks.any(axis=1) & (captures.counts > 0)
    left = [blocking for blocking, keep in zip(passes, kept, strict=True) if keep]
    return _Parted(left, Captures(masks[some], captures.counts[some]), float(captures.counts[~some].sum()))


def _uncut(passes: Sequence[Pass], captures: Captures) -> _Parted:
    caught = _caught(passes, captures)
    kept = caught >= _WHOLE
    if not len(captures.counts) or not kept.any():
        return _Parted(passes, captures)
    cut = tuple((blocking, float(share)) for blocking, share in zip(passes, caught, strict=True) if share < _WHOLE)
    return replace(_restricted(passes, captures, kept), cut=cut)


def _counted(parted: Sequence[_Parted]) -> list[_Parted]:
    """Leave out passes that caught nothing, and those of the least used parts until agreements can be enumerated."""
    use: dict[Pass, float] = {}
    for part in parted:
        for blocking, matches in zip(part.passes, part.captures.counts @ part.captures.masks, strict=True):
            use[blocking] = use.get(blocking, 0.0) + float(matches)
    kept = [blocking for blocking, matches in use.items() if matches > 0]
    while kept and agreements_number(key_labels(kept)) > _MOST_AGREEMENTS:
        of = {
            label: sum(use[p] for p in kept if label in {part.label for part in p.parts}) for label in key_labels(kept)
        }
        least = min((label for label in of if label != SWAP), key=lambda label: (of[label], label))
        kept = [blocking for blocking in kept if least not in {part.label for part in blocking.parts}]
    return [
        replace(
            _restricted(part.passes, part.captures, np.array([blocking in kept for blocking in part.passes], bool)),
            only=part.only,
            cut=part.cut,
        )
        for part in parted
    ]


def _rest(share: float, part: _Parted, found: Agreements, weight: Floats) -> float:
    """Return the lost share when cut passes are taken in again; ``weight`` is of the agreements that share no other.

    The model says how many matches the uncut passes lose, and how often cut ones would catch those. Where they catch
    far fewer, errors keep out of each other's way (one a record, say) and fewer are lost.
    """
    caught = float(part.captures.counts.sum())
    if not part.cut:
        return share
    missed = np.ones(len(weight))
    for blocking, often in part.cut:
        parts = [piece.label for piece in blocking.parts]
        if all(label in found.labels for label in parts):
            agreed = found.parts[:, [found.labels.index(label) for label in parts]].all(axis=1)
            missed *= 1.0 - often * agreed
    again = 1.0 - float(weight @ missed) / max(float(weight.sum()), 1e-300)
    expected = max(caught * share / (1.0 - share), 1e-9)
    # The model is corrected where cut passes catch less than a quarter of what it says they would.
    caught_share = (part.only + 1.0) / (expected * again + 1.0)
    left = max(expected - part.only, 0.0) * min(1.0, _BELIEF * caught_share)
    return left / (caught + part.only + left)
