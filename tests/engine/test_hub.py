"""The whole way at the hub: what it takes in, what it refuses, what it holds and what it releases."""

import base64
import hashlib
import json
import os
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest
from consortium import MARKERS, NOW, TODAY, children, enrollment, make_consortium, sign_all

from linkage.engine.matcher import match
from linkage.engine.registrar import open_registry, resolve
from linkage.engine.releaser import open_bundle, release
from linkage.errors import AgreementError, InputError, MismatchError, PackageError, Refused, StoreError
from linkage.exchange.secret import Secret
from linkage.governance.ledger import verify_ledger
from linkage.governance.statements import Approval, sign_statement, statements_path, write_statements
from linkage.spec.load import load_spec


def _linked(consortium, count=150, common=100):
    district, college = children(count), children(count, first=count - common)
    packages = [
        consortium.hash("lakeside-district", district),
        consortium.hash("state-colleges", college),
        consortium.seal("lakeside-district", enrollment(district), "enrollment"),
        consortium.seal("state-colleges", _terms(college), "enrollments"),
        *(consortium.seal(*one) for one in _others(district)),
    ]
    consortium.receive(*packages)
    match(consortium.hub, NOW, os.urandom)
    return resolve(consortium.hub, NOW)


def _terms(register):
    rows = [
        {"student_id": local, "term": "2025FA", "sector": "2-year", "credits_earned": "12", "credential": ""}
        for local in register["local"]
    ]
    return pd.DataFrame(rows)


def _others(register):
    ids = register["local"].tolist()[:40]
    years = {"program_year": "2020"}
    yield (
        "early-learning",
        pd.DataFrame([{"child_id": i, **years, "program": "A", "days_offered": "9"} for i in ids]),
        "attendance",
    )
    yield "early-learning", pd.DataFrame([{"child_id": i, **years, "literacy_score": "50"} for i in ids]), "assessments"
    yield "child-welfare", pd.DataFrame([{"ChildID": i, "PlacementBegin": "2020-02-03"} for i in ids]), "placements"


def test_two_agencies_records_of_one_person_get_one_id(consortium):
    resolved = _linked(consortium)
    with open_registry(consortium.hub) as registry:
        crosswalk = registry.crosswalk()
    assert len(crosswalk) == 300
    assert resolved.certificate.after_clustering.links == pytest.approx(100, abs=3)
    assert crosswalk["student_id"].nunique() == pytest.approx(200, abs=3)


def test_the_same_packages_a_second_time_change_nothing(consortium):
    _linked(consortium)
    with open_registry(consortium.hub) as registry:
        before = registry.crosswalk()
    consortium.receive(*sorted(consortium.folder.glob("*/*.lpkg")))
    assert match(consortium.hub, NOW, os.urandom).scored is None
    assert resolve(consortium.hub, NOW).plan.changes_nothing
    with open_registry(consortium.hub) as registry:
        assert registry.crosswalk().equals(before)


def test_next_years_extract_keeps_the_ids_of_those_who_are_still_there(consortium):
    _linked(consortium)
    with open_registry(consortium.hub) as registry:
        before = registry.crosswalk().set_index(["agency", "person_token"])["student_id"]
    later = NOW + timedelta(days=300)
    consortium.receive(consortium.hash("lakeside-district", children(180, first=20), "next", now=later))
    match(consortium.hub, later, os.urandom)
    resolve(consortium.hub, later)
    with open_registry(consortium.hub) as registry:
        after = registry.crosswalk().set_index(["agency", "person_token"])["student_id"]
    kept = before.index.intersection(after.index)
    assert len(kept) == len(before)
    assert (before[kept] == after[kept]).mean() > 0.99


def test_a_research_file_opens_with_the_recipients_key_and_no_other(consortium):
    _linked(consortium)
    bundle = consortium.folder / "out.rpkg"
    made = release(
        consortium.hub, ["research-file"], recipient="university", purpose="research", out=bundle, now=NOW,
        random_bytes=os.urandom,
    )  # fmt: skip
    opened = consortium.folder / "opened"
    open_bundle(bundle, consortium.agreement, consortium.keys["university"], opened)
    persons = pd.read_parquet(opened / "research-file-persons.parquet")
    assert len(persons) == made.persons
    assert persons["release_id"].is_unique
    with pytest.raises(PackageError):
        open_bundle(bundle, consortium.agreement, consortium.keys["workforce"], consortium.folder / "no")
    assert not (consortium.folder / "no").exists()


def test_a_release_on_links_older_than_the_newest_packages_is_marked_for_the_auditor_and_the_researcher(consortium):
    _linked(consortium)

    def released(name, **more):
        bundle, opened = consortium.folder / f"{name}.rpkg", consortium.folder / name
        release(
            consortium.hub, ["research-file"], recipient="university", purpose="research", out=bundle, now=NOW,
            random_bytes=os.urandom, **more,
        )  # fmt: skip
        open_bundle(bundle, consortium.agreement, consortium.keys["university"], opened)
        event = verify_ledger(consortium.hub.folder / "ledger.jsonl").entries[-1].event
        return event.stale_links_of_run, [(opened / page).read_text() for page in ("README.md", "codebook.html")]

    run, pages = released("current", as_resolved=True)
    assert run is None
    assert not any("run 1" in page for page in pages)
    later = NOW + timedelta(days=1)
    consortium.receive(consortium.hash("lakeside-district", children(160), "next", now=later))
    run, pages = released("stale", as_resolved=True)
    assert run == 1
    assert all("not linked in it" in page and "links are those of run 1" in page for page in pages)


def test_two_releases_of_the_same_people_share_no_id_and_no_order(consortium):
    _linked(consortium)
    tables = []
    for number in (1, 2):
        bundle = consortium.folder / f"{number}.rpkg"
        release(
            consortium.hub, ["research-file"], recipient="university", purpose="research", out=bundle, now=NOW,
            random_bytes=os.urandom,
        )  # fmt: skip
        opened = consortium.folder / f"opened{number}"
        open_bundle(bundle, consortium.agreement, consortium.keys["university"], opened)
        tables.append(pd.read_parquet(opened / "research-file-rows.parquet"))
    assert not set(tables[0]["release_id"]) & set(tables[1]["release_id"])
    columns = ["DaysAbsent", "EnglishLearner", "RaceEthnicity"]
    assert not tables[0][columns].reset_index(drop=True).equals(tables[1][columns].reset_index(drop=True))


def test_a_table_hides_small_cells_and_its_record_is_kept_sealed(consortium):
    _linked(consortium)
    bundle = consortium.folder / "table.rpkg"
    made = release(
        consortium.hub, ["college-by-school"], recipient="university", purpose="research", out=bundle, now=NOW,
        random_bytes=os.urandom,
    )  # fmt: skip
    table = made.outputs[0].content.frame
    counts = pd.to_numeric(table["graduates"], errors="coerce").dropna()
    assert ((counts >= 10) | (counts == 0)).all()
    kept = list((consortium.hub.folder / "release" / "history").iterdir())
    assert len(kept) == 1
    assert b"White" not in kept[0].read_bytes()


def _approve(consortium, party, output):
    """A reviewer's signed word, which the hub then adopts with the agreement."""
    document = consortium.agreement.document
    word = Approval(kind="approval", party=party, date=TODAY, document_sha256=document.sha256, output=output)
    signed = sign_statement(document, word, consortium.keys[party])
    write_statements(statements_path(consortium.agreement_path), consortium.agreement_path.name, (signed,))
    consortium.hub.adopt(consortium.agreement_path, "person")


def test_a_flag_goes_back_to_one_provider_for_its_own_persons(tmp_path):
    consortium = make_consortium(tmp_path, template_name="handle-with-care")
    district = children(60)
    placed = children(10, first=5)
    grades = [{"StudentUniqueId": i, "SchoolYear": "2025", "GradeLevel": "09"} for i in district["local"]]
    placements = [{"ChildID": i, "PlacementBegin": "2026-10-01"} for i in placed["local"]]
    consortium.receive(
        consortium.hash("lakeside-district", district),
        consortium.hash("child-welfare", placed),
        consortium.seal("lakeside-district", pd.DataFrame(grades), "enrollment"),
        consortium.seal("child-welfare", pd.DataFrame(placements), "placements"),
    )
    match(consortium.hub, NOW, os.urandom)
    resolve(consortium.hub, NOW)
    bundle = tmp_path / "flags.rpkg"

    def give():
        return release(
            consortium.hub, ["handle-with-care"], recipient="lakeside-district", purpose="care", out=bundle, now=NOW,
            random_bytes=os.urandom,
        )  # fmt: skip

    with pytest.raises(Refused, match="no review was opened"):
        give()
    _approve(consortium, "child-welfare", "handle-with-care")
    made = give()
    open_bundle(bundle, consortium.agreement, consortium.keys["lakeside-district"], tmp_path / "opened")
    table = made.outputs[0].content.tables[0]
    flags = pd.read_parquet(tmp_path / "opened" / f"handle-with-care-{table.name}.parquet")
    assert len(flags) == 60
    assert (flags["handle-with-care"] == "yes").sum() == 10
    assert set(flags.columns) == {"person_token", "handle-with-care"}


def test_every_disclosure_is_in_the_ledger(consortium):
    _linked(consortium)
    release(
        consortium.hub, ["research-file"], recipient="university", purpose="research",
        out=consortium.folder / "x.rpkg", now=NOW, random_bytes=os.urandom,
    )  # fmt: skip
    kinds = [entry.event.kind for entry in verify_ledger(consortium.hub.folder / "ledger.jsonl").entries]
    assert kinds.count("disclosed") == 1
    assert kinds.count("received") == 7
    assert kinds[:2] == ["opened", "enacted"]


def test_what_the_agreement_does_not_list_is_not_released(consortium):
    _linked(consortium)
    out = consortium.folder / "no.rpkg"
    for outputs, recipient, purpose in (
        (["all-names"], "university", "research"),
        (["research-file"], "university", "marketing"),
        (["research-file"], "workforce", "research"),
        (["research-file"], "newspaper", "research"),
    ):
        with pytest.raises(Refused):
            release(
                consortium.hub, outputs, recipient=recipient, purpose=purpose, out=out, now=NOW, random_bytes=os.urandom
            )
    assert not out.exists()


def test_a_wrong_secret_is_refused_at_the_door_by_name(consortium):
    consortium.receive(consortium.hash("lakeside-district", children(30)))
    wrong = consortium.hash("state-colleges", children(30), secret=Secret.new())
    with pytest.raises(MismatchError, match="could not link") as refused:
        consortium.receive(wrong)
    assert "state-colleges hashed with another secret than lakeside-district" in str(refused.value)
    assert not list((consortium.hub.folder / "matcher" / "inbox").glob("state-colleges/*"))


def test_another_spec_is_refused_at_the_agency(consortium):
    spec = load_spec()
    other = spec.model_copy(update={"block_cap": 7})
    with pytest.raises(MismatchError, match="not the one that the agreement names"):
        consortium.hash("lakeside-district", children(30), spec=other)
    assert not list((consortium.folder / "lakeside-district").glob("*"))


def test_another_spec_is_refused_at_the_hub_with_the_field_that_differs(consortium, monkeypatch):
    monkeypatch.setattr("linkage.engine.steward.require_spec", lambda *_: None)
    other = load_spec().model_copy(update={"block_cap": 7})
    context = "linkage.engine.steward.context_of"
    real = consortium.agreement.terms.linkage

    class _Context:
        def __call__(self, agreement):
            from linkage.exchange.context import Context

            return Context(agreement.terms.id, other.sha256, real.epoch)

    monkeypatch.setattr(context, _Context())
    package = consortium.hash("lakeside-district", children(30), spec=other)
    with pytest.raises(MismatchError) as refused:
        consortium.receive(package)
    assert "block_cap: the package has 7, the agreement's spec 4" in str(refused.value)


@pytest.mark.parametrize("place", [0.1, 0.5, 0.9])
def test_a_tampered_package_is_refused_and_not_filed(consortium, place):
    package = consortium.hash("lakeside-district", children(30))
    content = bytearray(package.read_bytes())
    content[int(len(content) * place)] ^= 1
    package.write_bytes(content)
    with pytest.raises(PackageError):
        consortium.receive(package)
    assert not [p for p in (consortium.hub.folder / "matcher" / "inbox").rglob("*") if p.is_file()]


def test_a_package_of_a_stranger_is_refused(consortium, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    other = make_consortium(elsewhere)
    with pytest.raises(PackageError):
        consortium.receive(other.hash("lakeside-district", children(30)))


def test_an_expired_agreement_stops_everything(tmp_path):
    consortium = make_consortium(tmp_path, days_left=10)
    package = consortium.hash("lakeside-district", children(30))
    with pytest.raises(Refused, match="expired"):
        consortium.receive(package, today=TODAY + timedelta(days=11))
    with pytest.raises(Refused, match="expired"):
        consortium.hash("lakeside-district", children(30), "late", now=NOW + timedelta(days=11))
    assert not (tmp_path / "lakeside-district" / "late.lpkg").exists()


def test_an_unsigned_change_to_the_agreement_is_refused(consortium):
    text = consortium.agreement_path.read_text()
    consortium.agreement_path.write_text(text.replace("person_threshold: 10", "person_threshold: 1"))
    with pytest.raises(AgreementError):
        consortium.hash("lakeside-district", children(30))


def test_an_unlisted_column_is_refused_with_its_clause_and_nothing_is_written(consortium):
    payload = enrollment(children(30)).assign(Religion="none")
    with pytest.raises(Refused, match="Religion") as refused:
        consortium.seal("lakeside-district", payload, "enrollment")
    assert "data[lakeside-district.enrollment]" in str(refused.value)
    assert not list((consortium.folder / "lakeside-district").glob("*.dpkg"))


def test_a_repeated_local_id_is_refused_by_row_and_without_its_value(consortium):
    register = children(30)
    register.loc[[7, 9, 11], "local"] = "L00003"
    with pytest.raises(InputError, match="rows 4, 8, 10, 12") as refused:
        consortium.hash("lakeside-district", register)
    assert "L00003" not in str(refused.value)


def test_a_serial_number_that_comes_back_on_another_package_is_refused(consortium):
    serial = bytes(range(16, 32))
    first = consortium.hash(
        "lakeside-district", children(30), random_bytes=lambda n: serial if n == 16 else os.urandom(n)
    )
    consortium.receive(first)
    second = consortium.hash(
        "lakeside-district", children(31), "again", random_bytes=lambda n: serial if n == 16 else os.urandom(n)
    )
    with pytest.raises(PackageError, match="serial"):
        consortium.receive(second)


def test_a_second_process_is_told_that_the_hub_is_busy(consortium):
    with consortium.hub.working(), pytest.raises(StoreError, match="another process"), consortium.hub.working():
        pass


def _forms(text):
    raw = text.encode()
    for value in {raw, raw.lower(), raw.upper()}:
        yield value
        yield value.hex().encode()
        yield base64.b64encode(value).rstrip(b"=")[:-1]
        for algorithm in ("md5", "sha1", "sha256", "sha512", "blake2b"):
            digest = hashlib.new(algorithm, value).digest()
            yield digest[:16]
            yield digest.hex().encode()[:32]


def _opened(hub):
    """Everything that the hub's three rooms can open, beside what lies in its folder."""
    from linkage.exchange.package import open_package

    senders = {p.id: p.public_keys() for p in hub.agreement().terms.parties if p.role == "provider"}
    for room in ("matcher", "registrar", "release"):
        for path in (hub.folder / room).rglob("*.?pkg"):
            kind = "encodings" if path.suffix == ".lpkg" else "payload"
            with open_package(path, hub.keys(room), senders, kind) as package:
                yield package.manifest.canonical()
                for member in package.manifest.members:
                    if package.readable(member.name):
                        yield package.member(member.name)


def test_nothing_that_the_hub_stores_or_can_open_holds_an_identifier(consortium):
    """Raw, lower-case, hex, base64 and unkeyed hashes of marker values, in every file and every opened member."""
    _linked(consortium)
    contents = [path.read_bytes() for path in consortium.hub.folder.rglob("*") if path.is_file()]
    contents += list(_opened(consortium.hub))
    contents = [content + b"" for content in contents] + [content.lower() for content in contents]
    register = children(150)
    values = [*MARKERS, *register["local"].head(5), *register["SSN"].head(5), *register["Email"].head(5)]
    found = [value for value in values for form in _forms(value) if any(form in content for content in contents)]
    assert not found


def test_the_search_for_markers_would_find_one(consortium):
    """A control: a file with a hashed marker in it is found by the same search."""
    planted = hashlib.sha256(b"Zaphodsson").hexdigest().encode()
    assert any(form in planted for form in _forms("Zaphodsson"))


def test_no_block_id_or_filter_of_one_pass_occurs_in_another(consortium):
    """What the matcher opens cannot be joined from pass to pass."""
    import io

    import pyarrow.parquet as pq

    from linkage.exchange.package import open_package

    package = consortium.hash("lakeside-district", children(60))
    senders = {"lakeside-district": consortium.keys["lakeside-district"].public}
    seen: dict[str, set] = {}
    with open_package(package, consortium.hub.keys("matcher"), senders, "encodings") as opened:
        assert not opened.readable("tokens.parquet")
        for member in opened.manifest.members:
            if member.name.startswith("pass."):
                table = pq.read_table(io.BytesIO(opened.member(member.name)))
                seen[member.name] = set(table["token"].to_pylist()) | set(table["block"].to_pylist())
    passes = list(seen.values())
    assert len(passes) > 5
    assert all(not (a & b) for i, a in enumerate(passes) for b in passes[:i])


def test_the_hub_refuses_an_agreement_that_pins_other_keys(consortium, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    other = make_consortium(elsewhere)
    with pytest.raises(StoreError, match="cannot be this hub's"):
        consortium.hub.adopt(other.agreement_path, "person")


def test_the_certificate_of_a_run_is_readable_json(consortium):
    resolved = _linked(consortium)
    content = json.loads(Path(resolved.certificate_file).read_text())
    assert content["format"] == "linkage-certificate/1"
    assert content["after_clustering"]["links"] > 90


def test_signing_again_does_not_help_a_changed_text(consortium):
    text = consortium.agreement_path.read_text()
    consortium.agreement_path.write_text(text + "\n# a comment\n")
    keys = {**consortium.keys, "data-hub": consortium.hub.keys("release")}
    with pytest.raises(AgreementError):
        _ = consortium.agreement
    consortium.agreement_path.with_name("agreement.signatures.yaml").unlink()
    sign_all(consortium.agreement_path, keys)
    assert consortium.agreement.terms.id == "longitudinal-research"
