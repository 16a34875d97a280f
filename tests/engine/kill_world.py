"""What a hub does in three years, command by command, for kill_nursery: each command, and what others do before it.

Two agencies deliver twice under one secret and once under the next. Between the deliveries the hub links, releases,
decides about IDs, gives an agency its own, rebuilds, backs up, restores, asks agencies about pairs in doubt, and ends
the first secret's epoch.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import cycle
from pathlib import Path

import pandas as pd
from consortium import NOW, Consortium, children, enrollment, make_consortium, sign_all

from linkage.engine.answering import open_packet, seal_verdicts
from linkage.engine.registrar import REGISTRY_NAME, open_registry
from linkage.engine.rooms import Hub
from linkage.exchange.keys import load_private_keys, save_keys
from linkage.exchange.review_messages import Answer, Ground, Verdict
from linkage.exchange.secret import Secret
from linkage.governance.standing import load_agreement
from linkage.registry.model import Withheld

PEOPLE, COMMON = 40, 30
_RELEASED = "--to university --purpose research --out"


@dataclass(frozen=True)
class Step:
    """One command, in which ``{name}`` stands for an ID, a record or a decision at hand, and what is done before it."""

    command: str
    prepare: Callable[[Path], None] = lambda _folder: None
    day: int = 0


def _makes(folder: str) -> Callable[[Path], None]:
    return lambda world: (world / folder).mkdir()


def _loses_the_registry(world: Path) -> None:
    (world / "hub" / "registrar" / REGISTRY_NAME).unlink()


def _agencies_answer(world: Path) -> None:
    """Judge every pair that agencies were asked about: one says of some that they are two, the other is not sure."""
    agreement = load_agreement(world / "amended.yaml")
    now = NOW + timedelta(days=306)
    (world / "verdicts").mkdir()
    for packet in sorted((world / "packets").iterdir()):
        keys = load_private_keys(world / "keys" / f"{packet.name.rpartition('-')[0]}.key")
        sure = (Answer.SAME, Answer.SAME, Answer.DIFFERENT)
        answers = sure if keys.name == "lakeside-district" else (Answer.UNSURE,)
        verdicts = tuple(
            Verdict(reference=reference, answer=answer, ground=Ground.VERIFIED)
            for reference, answer in zip(open_packet(packet, agreement, keys, {}).rows["reference"], cycle(answers))
        )
        out = world / "verdicts" / f"{keys.name}.rva"
        seal_verdicts(verdicts, agreement=agreement, keys=keys, out=out, now=now, random_bytes=os.urandom)


STEPS = (
    Step("hub receive hub first/*"),
    Step("hub match hub"),
    Step("hub resolve hub"),
    Step(f"hub release hub college-by-school research-file {_RELEASED} first.rpkg"),
    Step("hub backup hub backups/first.sqlite", _makes("backups")),
    Step("hub agency-ids hub state-colleges --out college.ids"),
    Step("hub ids merge hub {college_only} {district_only} --reason seen"),
    Step("hub ids split hub {linked} --record {linked_record} --reason seen"),
    Step("hub ids pin hub {linked} --reason seen"),
    Step("hub ids unpin hub {decided} --decision {decision} --reason seen"),
    Step("hub ids withdraw hub {linked} --record {linked_record} --reason asked"),
    Step("hub ids withdraw hub {linked} --opt-out --reason asked"),
    Step("hub ids readmit hub {withdrawn} --reason asked"),
    Step("hub receive hub second/*", day=300),
    Step("hub match hub", day=300),
    Step("hub resolve hub", day=300),
    Step(f"hub release hub research-file {_RELEASED} second.rpkg", day=300),
    Step("hub rebuild hub --churn-limit 1", day=301),
    Step("hub restore hub backups/first.sqlite --replace", day=302),
    Step("hub resolve hub", day=303),
    Step("hub backup hub backups/second.sqlite", day=303),
    Step("hub restore hub backups/second.sqlite", _loses_the_registry, day=304),
    Step("hub adopt hub amended.yaml --spec person", day=305),
    Step("hub receive hub third/*", day=306),
    Step("hub match hub", day=306),
    Step("hub resolve hub", day=306),
    Step("hub review export hub packets --least 0.01 --most 0.99", day=306),
    Step("hub review import hub verdicts/*", _agencies_answer, day=306),
    Step("hub end-epoch hub --method deleted --person somebody --out destroyed.json", day=307),
    Step("hub new another --name another", day=307),
)

#: The commands of the hub's yearly work; their steps are those of both years.
YEARLY = tuple(number for number, step in enumerate(STEPS[:17]) if number < 4 or number > 12)

#: The commands of clerical review.
REVIEW = tuple(number for number, step in enumerate(STEPS) if step.command.startswith("hub review"))


def make_world(folder: Path) -> None:
    """Make the hub, and the packages of three years in the order in which they will arrive."""
    world = make_consortium(folder, linkage="  agency_ids: [state-colleges]\n  clerical_review: by_agencies\n")
    save_keys(world.keys["university"], folder / "university")
    for keys in world.keys.values():
        save_keys(keys, folder / "keys")
    world.secret.save(folder / "agencies.secret")
    district, college = children(PEOPLE), children(PEOPLE, first=PEOPLE - COMMON)
    district.to_csv(folder / "register.csv", index=False)
    enrollment(district).to_csv(folder / "enrollment.csv", index=False)
    _deliver(world, "first", 0, district, college)
    _deliver(world, "second", 300, children(PEOPLE + 10, first=5), college)
    _deliver(_amended(world), "third", 306, district, _doubtful(college))


def _doubtful(register: pd.DataFrame) -> pd.DataFrame:
    """Return a register in which little is left of some records: enough to ask about them, too little to link them."""
    left = register.copy()
    left.loc[:11, ["SSN", "Email", "StreetNumberName"]] = ""
    left.loc[:5, "BirthDate"] = ""
    left.loc[6:11, ["LastSurname", "PostalCode"]] = ["Novak", "V9Z9Z9"]
    return left


def _amended(world: Consortium) -> Consortium:
    """Write and sign a second version of the agreement, with the next epoch and a new secret."""
    first = world.agreement
    heading = (
        f"version: 2\nsupersedes: {{version: 1, sha256: {first.sha256}}}\n"
        "amendments: [{version: 2, date: 2026-11-22, summary: A new secret.}]\n"
    )
    epoch = first.terms.linkage.epoch
    text = world.agreement_path.read_text().replace("\nversion: 1\n", f"\n{heading}", 1)
    amended = world.folder / "amended.yaml"
    amended.write_text(text.replace(f"epoch: {epoch}", f"epoch: {epoch + 1}", 1))
    sign_all(amended, world.keys | {"data-hub": world.hub.keys("release")})
    return replace(world, agreement_path=amended, secret=Secret.new())


def _deliver(world: Consortium, year: str, days: int, district: pd.DataFrame, college: pd.DataFrame) -> None:
    now, inbox = NOW + timedelta(days=days), world.folder / year
    inbox.mkdir()
    terms = pd.DataFrame(
        [
            {"student_id": local, "term": "2025FA", "sector": "2-year", "credits_earned": "12", "credential": ""}
            for local in college["local"]
        ]
    )
    attended = [{"child_id": i, "program_year": "2020", "program": "A", "days_offered": "9"} for i in district["local"]]
    scored = [{"child_id": i, "program_year": "2020", "literacy_score": "50"} for i in district["local"]]
    placed = [{"ChildID": i, "PlacementBegin": "2020-02-03"} for i in district["local"]]
    made = [
        world.hash("lakeside-district", district, now=now),
        world.hash("state-colleges", college, now=now),
        world.seal("lakeside-district", enrollment(district), "enrollment", now=now),
        world.seal("state-colleges", terms, "enrollments", now=now),
        world.seal("early-learning", pd.DataFrame(attended), "attendance", now=now),
        world.seal("early-learning", pd.DataFrame(scored), "assessments", now=now),
        world.seal("child-welfare", pd.DataFrame(placed), "placements", now=now),
    ]
    for path in made:
        path.rename(inbox / f"{path.parent.name}-{path.name}")


def at_hand(folder: Path) -> dict[str, str]:
    """Return IDs, records and decisions of a hub for the names in its commands."""
    if not (folder / "hub" / "registrar" / REGISTRY_NAME).exists():
        return {}
    with open_registry(Hub(folder / "hub")) as registry:
        state = registry.state()
    held = state.records.sort_values(["agency", "person_token"])
    owner = held.set_index(["agency", "person_token"])["student"]
    decided = {owner[key] for each in state.decisions for side in each.sides for key in side}
    free = held[(held["withheld"] == Withheld.NO) & ~held["student"].isin(decided)]
    agencies = free.groupby("student")["agency"].agg(" ".join)
    found = {}
    for name, wanted in (
        ("district_only", "lakeside-district"),
        ("college_only", "state-colleges"),
        ("linked", "lakeside-district state-colleges"),
    ):
        students = agencies.index[agencies == wanted]
        if students.empty:
            continue
        student = int(students[0])
        found[name] = state.ids[student]
        record = held[held["student"] == student].iloc[-1]
        found[f"{name}_record"] = f"{record['agency']}:{record['person_token']}"
    if state.decisions:
        last = state.decisions[-1]
        found |= {"decision": str(last.number), "decided": state.ids[owner[min(last.sides[0])]]}
    withdrawn = held[held["withheld"] != Withheld.NO]
    if len(withdrawn):
        found["withdrawn"] = state.ids[withdrawn["student"].iloc[0]]
    return found
