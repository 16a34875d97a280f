"""Clusters that touch several IDs, or one whose place is taken: who goes where, strongest link first.

Rules:

- Links are followed in the order of their odds, as the matcher follows them (Kruskal), so that a new record goes to the
  ID that it agrees with best. An agency that holds no student twice has no two records under one ID.
- **A merge needs more than a new link does.** A new record has no ID to lose; two IDs that were given out have. A link
  between two of their records must hold odds of :data:`MERGE_ODDS` to one; if a new record brings them together, its
  links to both :data:`BRIDGE_ODDS`, for that is evidence which nobody had when the IDs were given. And more than half
  of each one's linked records must be in the cluster, so that no chain of partial evidence runs through IDs that a
  rebuild would split. A weaker merge is *proposed*: shown as a conflict by each run, made by the first that has enough.
- **Thin evidence is provisional.** Records of an ID that this run's clusters put elsewhere, and whose best link to the
  rest of the ID is below :data:`SOLID_ODDS`, give their place beside it up to a record of the same agency that has a
  stronger and solid link. The lesser part leaves the ID, by a recorded split. In no other way does an update take a
  record out of an ID.
- Decisions of people outweigh any odds (obstacles.py), and records that a person put together never give way.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import pandas as pd

from linkage.registry.model import NEW, Conflict, DecisionKind, RecordKey, State
from linkage.registry.obstacles import Obstacles

MERGE_ODDS = 1000.0
"""A link between records that two IDs had before merges them only if it is at least this likely, to one."""

BRIDGE_ODDS = 200.0
"""The same for the links of a new record to both."""

SOLID_ODDS = 19.0
"""A link at least this likely, to one, is not thin: nineteen in twenty."""

_SOLID = math.log(SOLID_ODDS)
_MOST_SAID = math.log(1_000_000)

LINK_COLUMNS = ("agency_a", "token_a", "agency_b", "token_b", "log_odds")


@dataclass(frozen=True)
class Refusal:
    """A link that was not followed; an end is a student, or -1 - row for a record that has no ID yet."""

    one: int
    other: int
    decision: int
    rule: str
    evidence: str


@dataclass
class Settled:
    """What becomes of the contested clusters; rows are those of the linked table.

    ``party`` numbers the company that each new record is in, ``owner`` names a party's existing student if it has one.
    ``survivor`` and ``merged`` tell which student each absorbed one goes to, and why; ``displaced`` the rows that give
    their place up, and why.
    """

    party: dict[int, int] = field(default_factory=dict)
    owner: dict[int, int] = field(default_factory=dict)
    survivor: dict[int, int] = field(default_factory=dict)
    merged: dict[int, str] = field(default_factory=dict)
    displaced: dict[int, str] = field(default_factory=dict)
    refusals: list[Refusal] = field(default_factory=list)

    def conflicts(self, placed: Mapping[int, int]) -> tuple[Conflict, ...]:
        """Name the students of each refusal; ``placed`` gives the student of each new row."""
        found = []
        for refusal in self.refusals:
            one, other = (placed[-1 - end] if end < NEW else end for end in (refusal.one, refusal.other))
            if self.survivor.get(one, one) != self.survivor.get(other, other):
                found.append(Conflict(one, other, refusal.decision, refusal.rule, refusal.evidence))
        return tuple(dict.fromkeys(found))


@dataclass
class _Group:
    """Students that are one by now, and the duplicate-free agencies that have a record under them; may be none yet."""

    students: list[int]
    agencies: set[str]


@dataclass
class _Party:
    """A group with those of its students, and those new records, that are in one cluster."""

    group: _Group
    here: list[int]
    rows: list[int]

    def end(self) -> int:
        """Name the party as one end of a refusal."""
        return self.here[0] if self.here else -1 - self.rows[0]


def settle(
    state: State,
    linked: pd.DataFrame,
    pieces: pd.DataFrame,
    clusters: Collection[int],
    links: pd.DataFrame | None,
    one_per_agency: Collection[str],
) -> Settled:
    """Settle ``clusters`` of ``linked``; ``pieces`` says how many records a student has in each, and where it is home.

    ``links`` (LINK_COLUMNS) are the scored pairs of records, with the natural logarithm of their odds. Without them
    every cluster is taken for certain, and nothing is thin.
    """
    settlement = _Settlement(state, linked, pieces, clusters, links, one_per_agency)
    return settlement.settled()


class _Settlement:
    """The contested clusters with what stands around them: held records, links, decisions."""

    def __init__(
        self,
        state: State,
        linked: pd.DataFrame,
        pieces: pd.DataFrame,
        clusters: Collection[int],
        links: pd.DataFrame | None,
        one_per_agency: Collection[str],
    ) -> None:
        contested = linked["cluster"].isin(list(clusters))
        touched = set(linked.loc[contested & (linked["student"] != NEW), "student"])
        around = linked[contested | linked["student"].isin(touched)]
        columns = around[["agency", "person_token", "cluster", "student"]]
        self._rows = {
            row: _Row(RecordKey(agency, token), cluster, student)
            for row, agency, token, cluster, student in columns.itertuples()
        }
        self._members: dict[int, list[int]] = defaultdict(list)
        self._of_student: dict[int, list[int]] = defaultdict(list)
        for row, held in self._rows.items():
            if held.cluster in clusters:
                self._members[held.cluster].append(row)
            if held.student != NEW:
                self._of_student[held.student].append(row)
        self._labels = around.drop_duplicates("cluster").set_index("cluster")["evidence"].to_dict()
        self._odds = None if links is None else _by_row(around, links)
        self._exclusive = frozenset(one_per_agency)
        self._obstacles = Obstacles.among(state, touched, one_per_agency)
        self._together = [d.sides[0] for d in state.decisions if d.kind is not DecisionKind.SPLIT]
        self._held = state.records.loc[state.records["student"].isin(touched), "student"].value_counts().to_dict()
        self._groups = {
            student: _Group([student], set(self._obstacles.agencies.get(student, ()))) for student in touched
        }
        mine = pieces[pieces["student"].isin(touched)]
        ranked = zip(mine["student"], mine["cluster"], mine["home"], mine["size"], strict=True)
        self._rank = {(student, cluster): (not home, -size) for student, cluster, home, size in ranked}
        self._clustered = dict(zip(mine["student"].tolist(), mine["of"].tolist(), strict=True))
        self._settled = Settled()

    def settled(self) -> Settled:
        """Settle every cluster, in order: what one does to a student, the next one knows."""
        parties = [party for cluster, rows in sorted(self._members.items()) for party in self._settle(cluster, rows)]
        for group in self._groups.values():
            self._settled.survivor |= dict.fromkeys(group.students[1:], group.students[0])
        for number, party in enumerate(parties):
            self._settled.party |= dict.fromkeys(party.rows, number)
            if party.group.students:
                self._settled.owner[number] = party.group.students[0]
        return self._settled

    def _settle(self, cluster: int, rows: list[int]) -> list[_Party]:
        parties, node = self._begin(cluster, rows)
        old = len([party for party in parties if party.here])
        refused: dict[tuple[frozenset[int], str], Refusal] = {}
        for odds, first, second in self._edges(rows, node):
            one, other = parties[first], parties[second]
            if one is other:
                continue
            refusal = self._too_weak(cluster, one, other, odds, BRIDGE_ODDS if second >= old else MERGE_ODDS)
            giving, clash = self._giving_way(cluster, one, other, odds)
            refusal = refusal or clash
            if refusal is not None:
                refused.setdefault((frozenset((refusal.one, refusal.other)), refusal.rule), refusal)
            elif not self._follows_a_minority(cluster, one, other, giving):
                if lesser := self._lesser_part(cluster, one, other, giving):
                    self._settled.displaced |= dict.fromkeys(lesser, self._evidence(cluster, odds))
                    break  # all is settled again without them
                self._settled.displaced |= dict.fromkeys(giving, self._evidence(cluster, odds))
                self._unite(cluster, one, other, odds)
                parties = [one if party is other else party for party in parties]
        self._settled.refusals += refused.values()
        return list({id(party): party for party in parties}.values())

    def _begin(self, cluster: int, rows: list[int]) -> tuple[list[_Party], dict[int, int]]:
        """Make a party of each student and each new record, those at home and with most records first."""
        students = sorted({self._rows[row].student for row in rows} - {NEW}, key=lambda s: (*self._rank[s, cluster], s))
        parties: list[_Party] = []
        place: dict[int, int] = {}
        for student in students:
            group = self._groups[student]
            known = next((number for number, party in enumerate(parties) if party.group is group), None)
            if known is None:
                place[student] = len(parties)
                parties.append(_Party(group, [student], []))
            else:
                place[student] = known
                parties[known].here.append(student)
        node = {}
        for row in rows:
            held = self._rows[row]
            if held.student == NEW:
                node[row] = len(parties)
                parties.append(_Party(_Group([], {held.key.agency} & self._exclusive), [], [row]))
            else:
                node[row] = place[held.student]
        return parties, node

    def _edges(self, rows: list[int], node: dict[int, int]) -> Iterator[tuple[float, int, int]]:
        """Yield the links between parties, the strongest first; of equal ones those of the foremost parties."""
        if self._odds is None:
            count = max(node.values()) + 1
            yield from ((math.inf, first, second) for first in range(count) for second in range(first + 1, count))
            return
        found = {
            (-odds, node[row], node[partner])
            for row in rows
            for partner, odds in self._odds[row].items()
            if partner in node and node[row] < node[partner]
        }
        yield from ((-odds, first, second) for odds, first, second in sorted(found))

    def _too_weak(self, cluster: int, one: _Party, other: _Party, odds: float, least: float) -> Refusal | None:
        """Return what stands against a merge: a person's decision, or that the link is not strong enough for one."""
        if not (one.here and other.here):
            return None
        for student in other.group.students:
            if (met := self._obstacles.decided(student, one.group.students)) is not None:
                return Refusal(met[0], student, met[1].decision, met[1].rule, self._evidence(cluster, odds))
        if odds >= math.log(least):
            return None
        rule = f"two IDs are merged only at odds of {least:,.0f} to 1"
        return Refusal(one.end(), other.end(), 0, rule, self._evidence(cluster, odds))

    def _giving_way(self, cluster: int, one: _Party, other: _Party, odds: float) -> tuple[list[int], Refusal | None]:
        """Return the rows that must give way to a union, or what refuses it because they need not."""
        giving: list[int] = []
        for agency in sorted(one.group.agencies & other.group.agencies):
            if any(self._rows[row].key.agency == agency for row in giving):
                continue
            thinnest = self._thinnest(cluster, (*one.group.students, *other.group.students), agency, odds)
            if not thinnest:
                rule = f"{agency} holds no student twice"
                return [], Refusal(one.end(), other.end(), 0, rule, self._evidence(cluster, odds))
            giving += thinnest
        return giving, None

    def _thinnest(self, cluster: int, students: Collection[int], agency: str, odds: float) -> list[int]:
        """Return the rows, one of them of ``agency``, that should give way to a link of such odds; none if none should.

        They are all that one student has in one cluster, and what binds them to the rest of the student is thin.
        """
        if self._odds is None or odds < _SOLID:
            return []
        found = []
        for student in students:
            mine = self._of_student[student]
            for elsewhere in sorted({self._rows[row].cluster for row in mine} - {cluster}):
                piece = [row for row in mine if self._rows[row].cluster == elsewhere]
                agencies = {self._rows[row].key.agency for row in piece}
                if self._put_together(piece) or agency not in agencies or piece[0] in self._settled.displaced:
                    continue
                rest = set(mine).difference(piece)
                hold = max(
                    (self._odds[row].get(other, -math.inf) for row in piece for other in rest), default=-math.inf
                )
                if hold < min(_SOLID, odds):
                    found.append((hold, piece))
        return min(found)[1] if found else []

    def _lesser_part(self, cluster: int, one: _Party, other: _Party, giving: Collection[int]) -> list[int]:
        """Return the rest of the student whose records should give way, if it is the rest that should leave.

        An ID stays with the greater part of its records. Of equal parts the rest leaves where it joins another ID:
        those that give way then keep theirs.
        """
        students = {self._rows[row].student for row in giving}
        if len(students) != 1:
            return []
        (student,) = students
        mine = self._of_student[student]
        rest = [row for row in mine if row not in giving]
        party = one if student in one.group.students else other
        whole = len(mine) == self._held[student] and all(self._rows[row].cluster == cluster for row in rest)
        if len(party.group.students) > 1 or not whole or self._put_together(rest):
            return []
        joins = bool(one.here and other.here)
        return rest if len(rest) < len(giving) + joins else []

    def _put_together(self, rows: Collection[int]) -> bool:
        """Tell whether a person's decision holds any of these records with others."""
        keys = [self._rows[row].key for row in rows]
        return any(key in side for key in keys for side in self._together)

    def _follows_a_minority(self, cluster: int, one: _Party, other: _Party, giving: Collection[int]) -> bool:
        """Tell whether a merge would follow the lesser part of a student's records, those aside that give way.

        It is not a conflict of its own: that the student's records are spread is said already.
        """
        if not (one.here and other.here):
            return False
        going = Counter(self._rows[row].student for row in giving)
        return any(
            2 * -self._rank[student, cluster][1] <= self._clustered[student] - going[student]
            for student in (*one.here, *other.here)
        )

    def _unite(self, cluster: int, one: _Party, other: _Party, odds: float) -> None:
        """Let the first party take in the second; where both have students, the younger ones are merged."""
        if one.here and other.here:
            oldest = min(one.group.students[0], other.group.students[0])
            absorbed = other.group.students if oldest in one.group.students else one.group.students
            for student in absorbed:
                self._settled.merged.setdefault(student, self._evidence(cluster, odds))
        elif other.here:
            one.group, other.group = other.group, one.group
        one.group.students = sorted([*one.group.students, *other.group.students])
        one.group.agencies |= other.group.agencies
        self._groups |= dict.fromkeys(one.group.students, one.group)
        one.here += other.here
        one.rows += other.rows

    def _evidence(self, cluster: int, odds: float) -> str:
        label = str(self._labels[cluster])
        if math.isinf(odds):
            return label
        if odds >= _MOST_SAID:
            return f"{label}, linked at odds above 1,000,000 to 1"
        return f"{label}, linked at odds of {float(f'{math.exp(odds):.2g}'):,g} to 1"


class _Row(NamedTuple):
    key: RecordKey
    cluster: int
    student: int


def _by_row(around: pd.DataFrame, links: pd.DataFrame) -> dict[int, dict[int, float]]:
    """Return, for each row at hand, the log odds of its links to other rows at hand."""
    tokens = set(around["person_token"])
    near = links[links["token_a"].isin(tokens) & links["token_b"].isin(tokens)]
    rows = {(agency, token): row for row, agency, token in around[["agency", "person_token"]].itertuples()}
    found: dict[int, dict[int, float]] = defaultdict(dict)
    for agency_a, token_a, agency_b, token_b, odds in near[list(LINK_COLUMNS)].itertuples(index=False):
        one, other = rows.get((agency_a, token_a)), rows.get((agency_b, token_b))
        if one is not None and other is not None:
            best = max(odds, found[one].get(other, -math.inf))
            found[one][other] = found[other][one] = best
    return found
