"""Every ready agreement on the simulated consortium, by the commands that people type: what works, and what is refused.

One way is played for each template and kept for the session; attempts that leave a mark are made on a copy.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
from parties_of_a_consortium import TEMPLATES
from whole_way import PEOPLE, Played, link, on_day, prepared, world_in

from linkage.engine.rooms import Hub
from linkage.exchange.sealing import seal_bytes, unseal_bytes
from linkage.governance.ledger import verify_ledger
from linkage.governance.outputs import Output, ResearchFile, Table

NAMES = [path.stem for path in TEMPLATES]
#: The frame above other agreements: it releases nothing itself.
WITH_OUTPUTS = [name for name in NAMES if name != "enterprise-mou"]


@pytest.fixture(scope="session")
def office(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("office")
    world_in(folder)
    return folder


@pytest.fixture(scope="session")
def play(office: Path) -> Callable[[str], Played]:
    """Return what plays a template the whole way, once."""
    made: dict[str, Played] = {}

    def whole_way(name: str) -> Played:
        if name not in made:
            made[name] = played(office / name, name)
        return made[name]

    return whole_way


def played(folder: Path, name: str) -> Played:
    way = prepared(folder, name)
    assert "is complete and consistent" in way.run("agreement", "check", way.file)
    assert "not signed by" in way.refused("hub", "adopt", way.hub, way.file, "--spec", "person")
    assert "All parties have signed" in way.sign()
    assert "in force" in way.run("agreement", "check", way.file)
    way.adopt()
    link(way)
    for output in way.terms.outputs:
        if way.terms.review.provider_review_days:
            assert "review.provider_review_days" in way.refused(*way.release_arguments(output, "unreviewed.rpkg"))
    way.approve()
    for output in way.terms.outputs:
        for recipient in output.recipients:
            bundle = f"{output.id}-{recipient}.rpkg"
            way.run(*way.release_arguments(output, bundle, to=recipient))
            options = ["--agreement", way.file, "--key", way.key(recipient), "--out", folder / bundle[:-5]]
            way.run("open", folder / bundle, *options)
            way.bundles[f"{output.id} {recipient}"] = folder / bundle
    return way


def opened(way: Played) -> Iterator[tuple[Output, Path]]:
    for name, bundle in way.bundles.items():
        output = way.terms.output(name.split()[0])
        assert output is not None
        yield output, bundle.with_suffix("")


@pytest.mark.parametrize("name", NAMES)
def test_a_template_is_checked_signed_sealed_released_and_opened(play: Callable[[str], Played], name: str) -> None:
    way = play(name)
    assert bool(way.bundles) == (name in WITH_OUTPUTS)
    for output, folder in opened(way):
        assert (folder / "codebook.html").stat().st_size > 1000
        match output:
            case ResearchFile():
                rows = pd.read_parquet(next(folder.glob("*-rows.parquet")))
                assert len(rows) > PEOPLE / 20
                assert set(rows.columns) - {"release_id", "dataset", "period"} <= {
                    part for each in output.elements for part in (each.split(".", 2)[2], _own_column(each))
                }
            case Table():
                shown = pd.read_csv(folder / f"{output.id}.csv", dtype=str)
                assert {measure.name for measure in output.measures} <= set(shown.columns)
                assert shown.notna().all(axis=None)
                counts = [m.name for m in output.measures if m.statistic == "count"]
                numbers = pd.to_numeric(shown[counts].stack(), errors="coerce").dropna()
                assert (numbers.eq(0) | numbers.ge(way.terms.disclosure_control.person_threshold)).all()
            case _:
                assert len(pd.read_parquet(next(folder.glob("*.parquet")))) > 0


def _own_column(reference: str) -> str:
    return reference.replace("-", "_").replace(".", "_")


@pytest.mark.parametrize("name", NAMES)
def test_rows_of_other_years_and_populations_stay_with_the_agency(play: Callable[[str], Played], name: str) -> None:
    way = play(name)
    for dataset in way.terms.data:
        if dataset.population.where:
            assert "outside the population" in way.sealed[dataset.key]
    if name == "handle-with-care":
        assert "outside 2025 to 2026" in way.sealed["lakeside-district.enrollment"]


@pytest.mark.parametrize("name", NAMES)
def test_the_ledger_records_what_was_disclosed_and_what_was_refused(play: Callable[[str], Played], name: str) -> None:
    way = play(name)
    kinds = [entry.event.kind for entry in verify_ledger(way.hub / "ledger.jsonl").entries]
    assert kinds.count("disclosed") == len(way.bundles)
    assert kinds.count("refused") >= len(way.terms.outputs) * bool(way.terms.review.provider_review_days)
    heads = [part for bundle in way.bundles.values() for part in ("--head", f"{bundle}.head.json")]
    if way.bundles:  # under a frame nothing was linked, so there is no registry to verify
        assert "everything holds" in way.run("hub", "verify", way.hub, *heads)


@pytest.mark.parametrize(
    ("name", "output", "kept"),
    [("early-childhood-to-third-grade", "reading-file", True), ("k12-to-college", "transition-file", False)],
)
def test_a_later_release_keeps_its_ids_where_the_agreement_says_so_and_only_there(
    play: Callable[[str], Played], tmp_path: Path, name: str, output: str, kept: bool
) -> None:
    way = play(name)
    assert (way.terms.linkage.release_ids == "stable_for_updates") is kept
    listed = way.terms.output(output)
    assert listed is not None
    with way.aside(tmp_path) as copy:
        copy.run(*copy.release_arguments(listed, "update.rpkg"))
        options = ["--agreement", copy.file, "--key", copy.key("university"), "--out", tmp_path / "update"]
        copy.run("open", copy.folder / "update.rpkg", *options)
    member = f"{output}-persons.parquet"
    before = pd.read_parquet(way.bundles[f"{output} university"].with_suffix("") / member)
    after = pd.read_parquet(tmp_path / "update" / member)
    assert len(before) == len(after) > 20
    assert set(before["release_id"]) & set(after["release_id"]) == (set(before["release_id"]) if kept else set())
    assert ("later releases" in (tmp_path / "update" / "README.md").read_text()) is kept


def test_an_update_that_would_single_out_who_came_is_refused(play: Callable[[str], Played], tmp_path: Path) -> None:
    way = play("early-childhood-to-third-grade")
    listed = way.terms.output("reading-file")
    assert listed is not None
    with way.aside(tmp_path) as copy:
        hub = Hub(copy.hub)
        (kept,) = (copy.hub / "release" / "history").glob("*reading-file.issue")
        earlier = json.loads(unseal_bytes(kept.read_bytes(), hub.keys("release"), "issue"))
        for missing, refused in ((2, True), (20, False)):
            sealed = seal_bytes(json.dumps(earlier[missing:]).encode(), [hub.keys("release").public.sealing])
            kept.write_bytes(sealed)
            said = copy.run(*copy.release_arguments(listed, f"update{missing}.rpkg"), code=int(refused))
            assert ("holds 2 persons whom the other does not" in said) is refused
        entries = verify_ledger(copy.hub / "ledger.jsonl").entries
        refusal = next(e.event for e in reversed(entries) if e.event.kind == "refused")
        assert refusal.reasons == ("disclosure_control: what was asked for would let a small group be worked out",)


# Each generator below makes its attempts, and yields for each a name, what was said, and a pattern of the clause that
# must be in it.


def at_the_agency(way: Played, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, str, str]]:
    dataset = way.terms.data[0]
    listed = rf"data\[{dataset.key}\]"
    everything = way.seal_arguments(dataset.key, "attempt.dpkg")
    extra = pd.read_csv(everything[1], dtype=str).head(5).assign(Religion="none")
    extra.to_csv(tmp_path / "extra.csv", index=False)
    arguments = way.seal_arguments(dataset.key, "attempt.dpkg", file=tmp_path / "extra.csv")
    yield "a column more", way.refused(*arguments), rf"{listed}\.elements \(line \d+\): Religion is not listed"
    arguments[arguments.index("--dataset") + 1] = "discipline"
    yield "a dataset that is not listed", way.refused(*arguments), rf"data \(line \d+\): it lists .*{dataset.dataset}"
    with on_day(monkeypatch, 40 * 365):
        yield "after the end", way.refused(*everything), r"term\.expires \(line \d+\): it expired"
    with on_day(monkeypatch, -3):
        yield "before the beginning", way.refused(*everything), r"term\.effective \(line \d+\): it takes effect"
    register = next(path for path in everything[1].parent.glob("*.csv") if path.stem in ("students", "children"))
    options = ["--spec", "person-strict", "--key", way.key(dataset.provider), "--out", tmp_path / "x.lpkg"]
    options += ["--secret", way.folder / "agencies-only.secret", "--local-id", dataset.local_id]
    said = way.refused("hash", register, "--agreement", way.file, *options)
    yield "another spec", said, r"linkage\.spec_sha256 \(line \d+\)"


def at_the_door(way: Played, tmp_path: Path) -> Iterator[tuple[str, str, str]]:
    """What the release room says of packages that other software sealed, signed by the right agency."""
    output = way.terms.outputs[0] if way.terms.outputs else None
    dataset = next(d for d in way.terms.data if output is None or d.key in _drawn(output))
    yields = {
        "a column more, sealed by other software": (
            pd.DataFrame({"Religion": ["none"]}),
            rf"data\[{dataset.key}\]\.elements \(line \d+\): Religion is not listed",
        ),
        "the local ID itself, sealed by other software": (
            pd.DataFrame({dataset.local_id: ["17"]}),
            rf"data\[{dataset.key}\]\.elements\[{dataset.local_id}\]\.use \(line \d+\): .* is link_only",
        ),
    }
    if dataset.years is not None and dataset.element(dataset.years.column).use != "link_only":
        year = "1991-02-03" if dataset.element(dataset.years.column).type == "date" else "1991"
        yields["another year, sealed by other software"] = (
            pd.DataFrame({dataset.years.column: [year]}),
            rf"data\[{dataset.key}\]\.years \(line \d+\): 1991 is outside",
        )
    for number, (attempt, (change, clause)) in enumerate(yields.items()):
        with way.aside(tmp_path / f"door{number}") as copy:
            package = copy.craft(dataset.key, change)
            if output is None:
                said = copy.run("hub", "receive", copy.hub, package)
                yield attempt, said, "received"  # a frame has no output, so nothing is ever opened under it
                continue
            copy.run("hub", "receive", copy.hub, package)
            yield attempt, copy.refused(*copy.release_arguments(output, "attempt.rpkg")), clause


def _drawn(output: Output) -> set[str]:
    return {".".join(each.split(".", 2)[:2]) for each in output.elements} or {"lakeside-district.enrollment"}


def at_release(way: Played, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, str, str]]:
    for output in way.terms.outputs:
        place = rf"outputs\[{output.id}\]"

        def ask(output: Output = output, **other: str) -> str:
            return way.refused(*way.release_arguments(output, "attempt.rpkg", **other))

        yield f"{output.id}: to a stranger", ask(to="newspaper"), rf"{place}\.recipients \(line \d+\): newspaper is not"
        provider = next(p.id for p in way.terms.parties if p.id not in output.recipients)
        yield (
            f"{output.id}: to another party",
            ask(to=provider),
            rf"{place}\.recipients \(line \d+\): {provider} is not",
        )
        yield f"{output.id}: to sell", ask(purpose="marketing"), rf"{place}\.purposes \(line \d+\): marketing is not"
        yield (
            f"{output.id}: to a user not named",
            ask(user="Somebody Else"),
            r"named_users \(line \d+\): Somebody Else is",
        )
        with on_day(monkeypatch, 380):
            yield f"{output.id}: training lapsed", ask(), r"named_users\[.*\] \(line \d+\): the training of .* lapsed"
        with on_day(monkeypatch, 40 * 365):
            yield f"{output.id}: after the end", ask(), r"term\.expires \(line \d+\): it expired"
    unlisted = ["hub", "release", way.hub, "everything", "--to", "university", "--purpose", "research"]
    said = way.refused(*unlisted, "--out", way.folder / "attempt.rpkg")
    yield "an output that is not listed", said, r"outputs \(line \d+\): everything is not listed"


def with_the_text(way: Played, tmp_path: Path) -> Iterator[tuple[str, str, str]]:
    """Attempts to change what was signed."""
    text = way.file.read_text()
    lower = re.sub(r"\n  person_threshold: \d+", "\n  person_threshold: 3", text)
    with way.aside(tmp_path / "tampered") as copy:
        copy.file.write_text(lower)
        said = copy.refused("hub", "adopt", copy.hub, copy.file, "--spec", "person")
        yield "a lower threshold, written in after signature", said, "the agreement was changed after signature"
        for kept in copy.folder.glob("agreement.s*.yaml"):  # signatures and statements of the other text
            kept.unlink()
        copy.sign()
        said = copy.refused("hub", "adopt", copy.hub, copy.file, "--spec", "person")
        yield "a lower threshold, signed again as the same version", said, r"version \(line \d+\): version 1 is in use"
    with way.aside(tmp_path / "unsigned") as copy:
        copy.folder.joinpath("agreement.signatures.yaml").unlink()
        missing = copy.terms.parties[0].id
        copy.sign(missing)
        said = copy.refused(*copy.seal_arguments(copy.terms.data[-1].key, "attempt.dpkg"), "--drop-unlisted")
        yield "unsigned by one party", said, rf"parties \(line \d+\): not signed by {missing}"
    for output in way.terms.outputs:
        aggregate = [e for e in output.elements if way.terms.resolve(e)[1].use == "aggregate_only"]
        if isinstance(output, Table) and aggregate:
            with way.aside(tmp_path / f"rows-{output.id}") as copy:
                copy.file.write_text(_by_row(text, output))
                said = copy.refused("agreement", "check", copy.file)
                yield (
                    f"{output.id}: aggregate data by row",
                    said,
                    rf"`{aggregate[0]}` is aggregate_only, so no row-level",
                )
    with way.aside(tmp_path / "secret") as copy:
        copy.file.write_text(re.sub(r"(key_custodian: )\S+", rf"\g<1>{copy.terms.hub.id}", text))
        said = copy.refused("agreement", "check", copy.file)
        yield "the hub holds the secret", said, r"linkage\.key_custodian.*the hub may not hold the shared secret"


def _by_row(text: str, output: Output) -> str:
    """Rewrite a table as a research file of the same elements."""
    lines = "".join(f"      - {element}\n" for element in output.elements)
    start = text.index(f"  - id: {output.id}\n")
    rest = re.search(r"\n(?=  - id: |\n\S|\S)", text[start + 5 :])
    assert rest is not None
    head = (
        f"  - id: {output.id}\n    kind: research_file\n    title: Rows\n    recipients: [{output.recipients[0]}]\n"
        f"    purposes: [{output.purposes[0]}]\n    elements:\n{lines}"
    )
    return text[:start] + head.rstrip("\n") + text[start + 5 + rest.start() :]


def after_a_statement(way: Played, tmp_path: Path) -> Iterator[tuple[str, str, str]]:
    terms = way.terms
    output = terms.outputs[0] if terms.outputs else None
    if output is not None and terms.review.reviewers:
        with way.aside(tmp_path / "objection") as copy:
            reviewer = terms.review.reviewers[0]
            by = ["--as", reviewer, "--key", copy.key(reviewer), "--output", output.id, "--reason", "Not yet"]
            copy.run("agreement", "declare", "objection", copy.file, *by)
            copy.adopt()
            said = copy.refused(*copy.release_arguments(output, "attempt.rpkg"))
            yield "an output that a reviewer objects to", said, rf"review\.reviewers \(line \d+\): {reviewer} objects"
    with way.aside(tmp_path / "termination") as copy:
        provider = terms.data[0].provider
        by = ["--as", provider, "--key", copy.key(provider), "--reason", "A safeguard failed"]
        copy.run("agreement", "declare", "termination", copy.file, *by)
        copy.adopt()
        clause = rf"term \(line \d+\): terminated by {provider}"
        package = next(copy.folder.glob("*/*.dpkg"))
        yield "a package after notice", copy.refused("hub", "receive", copy.hub, package), clause
        said = copy.refused(*copy.seal_arguments(terms.data[0].key, "attempt.dpkg"), "--drop-unlisted")
        yield "sealing after notice", said, clause
        if output is not None:
            yield "a release after notice", copy.refused(*copy.release_arguments(output, "attempt.rpkg")), clause


def with_a_key(way: Played, tmp_path: Path) -> Iterator[tuple[str, str, str]]:
    """Attempts with a key that is somebody else's."""
    for name, bundle in way.bundles.items():
        recipient = name.split()[1]
        other = next(p.id for p in way.terms.parties if p.id != recipient and p.role != "hub")
        options = ["--agreement", way.file, "--key", way.key(other), "--out", tmp_path / "opened"]
        yield f"{name}: opened by another", way.refused("open", bundle, *options), "seal|key"
        assert not (tmp_path / "opened").exists()
    party = way.terms.parties[0].id
    other = next(p.id for p in way.terms.parties if p.id != party and p.role != "hub")
    said = way.refused("agreement", "sign", way.file, "--as", party, "--key", way.key(other))
    yield "signing for another party", said, rf"not the one that the agreement pins for `{party}`"
    provider = way.terms.data[0].provider
    package = next((way.folder / provider).glob("*.dpkg"))
    content = bytearray(package.read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "altered.dpkg").write_bytes(content)
    yield "an altered package", way.refused("hub", "receive", way.hub, tmp_path / "altered.dpkg"), "altered.dpkg"


@pytest.mark.parametrize("name", NAMES)
def test_forbidden_attempts_are_refused_by_the_clause(
    play: Callable[[str], Played], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    way = play(name)
    attempts = [
        *at_the_agency(way, tmp_path, monkeypatch),
        *at_the_door(way, tmp_path),
        *at_release(way, monkeypatch),
        *with_the_text(way, tmp_path),
        *after_a_statement(way, tmp_path),
        *with_a_key(way, tmp_path),
    ]
    assert len(attempts) >= 10
    for attempt, said, clause in attempts:
        assert re.search(clause, said), f"{attempt}: expected {clause}, was told: {said}"
    assert not list(way.folder.rglob("attempt.*"))
