"""The commands of counsel and oversight, as a person types them."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from parties_of_a_consortium import NOW, ROOMS, Consortium

from linkage.cli.main import main
from linkage.exchange.keys import save_keys
from linkage.governance.events import Disclosed, RefusedRequest
from linkage.governance.heads import sign_head, write_head
from linkage.governance.ledger import append, create_ledger

PARTIES = ("early-learning", "lakeside-district", "state-colleges", "workforce", "child-welfare", "university")


def run(*arguments: object, fails: bool = False, stdin: str | None = None) -> Result:
    result = CliRunner().invoke(main, [str(each) for each in arguments], input=stdin, catch_exceptions=False)
    assert (result.exit_code != 0) is fails, result.output
    return result


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, consortium: Consortium) -> Path:
    made = tmp_path_factory.mktemp("office")
    for name in (*PARTIES, *(f"data-hub.{room}" for room in ROOMS)):
        save_keys(consortium.keys(name), made / "keys")
    return made


@pytest.fixture
def study(folder: Path, tmp_path: Path) -> Path:
    path = tmp_path / "study.yaml"
    run(
        *("agreement", "new", path, "--template", "longitudinal-research", "--id", "study", "--no-ask"),
        *("--parties-from", folder / "keys", "--effective", "2020-01-01", "--expires", "2120-01-01"),
        *("--destroy-by", "2120-06-01", "--trained-on", "2026-01-01"),
    )
    return path


def sign_all(study: Path, folder: Path) -> Result:
    for party in (*PARTIES, "data-hub"):
        key = "data-hub.release" if party == "data-hub" else party
        result = run("agreement", "sign", study, "--as", party, "--key", folder / "keys" / f"{key}.key")
    return result


def test_new_check_sign_verify_render_one_after_another(study: Path, folder: Path) -> None:
    assert "not signed by early-learning" in run("agreement", "check", study).output
    missing = run("agreement", "verify", study, fails=True).output
    assert "missing: workforce" in missing
    assert "All parties have signed." in sign_all(study, folder).output
    assert "All parties have signed this text." in run("agreement", "verify", study).output
    assert "signed by all parties and in force" in run("agreement", "check", study).output
    run("agreement", "render", study)
    assert "longitudinal research file" in study.with_suffix(".html").read_text()
    assert study.with_name("agreement.schema.json").exists()


def test_check_says_last_why_it_is_not_in_force(study: Path, folder: Path) -> None:
    def last_line() -> str:
        return run("agreement", "check", study).output.splitlines()[-1]

    assert last_line() == f"not yet in force: not signed by {', '.join([*PARTIES[:5], 'data-hub', 'university'])}"
    sign_all(study, folder)
    key = folder / "keys" / "workforce.key"
    run("agreement", "declare", "termination", study, "--as", "workforce", "--key", key, "--reason", "Breach")
    assert last_line().startswith("no longer in force: terminated by workforce")


def test_check_lists_the_lines_that_are_still_the_templates(study: Path) -> None:
    def listed() -> dict[str, str]:
        said = run("agreement", "check", study).output.split("still to be written by you:\n")
        lines = said[1].splitlines() if len(said) > 1 else []
        return dict(line.strip().split(": line ") for line in lines if line.startswith("  "))

    text = study.read_text()
    number = {word: str(text[: text.index(word)].count("\n") + 1) for word in ("Maya Iyer", "Sam Ford", "number: NSU")}
    assert listed()["recipients"] == f"{number['Maya Iyer']}, {number['Sam Ford']}"
    assert listed()["irb"] == number["number: NSU"]
    mended = text.replace("Maya Iyer, email: m.iyer@", "Ann Bo, email: a.bo@").replace("NSU-2026-0117", "IRB-5")
    study.write_text(mended)
    assert listed()["recipients"] == number["Sam Ford"]
    assert "irb" not in listed()


def test_a_file_beside_the_agreement_given_in_its_place_is_named(study: Path, folder: Path) -> None:
    sign_all(study, folder)
    said = run("agreement", "check", study.with_name("study.signatures.yaml"), fails=True).output
    assert "this is the signatures file; give study.yaml." in said
    study.with_name("study.signatures.yaml").unlink()
    said = run("agreement", "verify", study, fails=True).output
    assert "no study.signatures.yaml beside it; put it there" in said


def test_a_key_that_the_template_does_not_name_is_named_and_its_party_can_be_renamed(
    folder: Path, tmp_path: Path, consortium: Consortium
) -> None:
    keys = tmp_path / "public-keys"
    keys.mkdir()
    for path in (folder / "keys").glob("*.pub"):
        (keys / path.name).write_bytes(path.read_bytes())
    (keys / "workforce.pub").unlink()
    save_keys(consortium.keys("labor-office"), keys)
    template = ("--template", "longitudinal-research", "--no-ask")
    said = run("agreement", "new", tmp_path / "a.yaml", *template, "--parties-from", keys, fails=True).output
    assert "- workforce.pub" in said
    assert "also holds labor-office.pub, which the template does not name; rename the party" in said
    draft = tmp_path / "draft.yaml"
    run("agreement", "new", draft, *template)
    draft.write_text(draft.read_text().replace("workforce", "labor-office"))
    mine = tmp_path / "mine.yaml"
    run("agreement", "new", mine, "--template", draft, "--no-ask", "--parties-from", keys)
    assert consortium.keys("labor-office").public.signing in mine.read_text()
    assert "status: active" in mine.read_text()


def test_a_changed_file_is_refused_by_name(study: Path, folder: Path) -> None:
    sign_all(study, folder)
    study.write_text(study.read_text().replace("person_threshold: 10 ", "person_threshold: 3 "))
    output = run("agreement", "verify", study, fails=True).output
    assert "workforce: signed another text" in output


def test_signatures_that_came_back_one_by_one_are_gathered(study: Path, folder: Path, tmp_path: Path) -> None:
    returned = []
    for party in (*PARTIES, "data-hub"):
        office = tmp_path / party
        office.mkdir()
        copy = office / study.name
        copy.write_bytes(study.read_bytes())
        key = "data-hub.release" if party == "data-hub" else party
        run("agreement", "sign", copy, "--as", party, "--key", folder / "keys" / f"{key}.key")
        returned += ["--gather", office / "study.signatures.yaml"]
    run("agreement", "verify", study, *returned)
    assert "signed by all parties and in force" in run("agreement", "check", study).output


def test_errors_name_file_line_and_field_and_exit_with_one(study: Path) -> None:
    study.write_text(study.read_text().replace("epoch: 1", "epoch: soon").replace("title: From", "titel: From"))
    result = run("agreement", "check", study, fails=True)
    assert result.exit_code == 1
    assert "titel: is not a known field; did you mean `title`?" in result.output
    assert "linkage.epoch: expected a whole number" in result.output
    assert "Traceback" not in result.output


def test_a_termination_is_signed_and_ends_the_agreement(study: Path, folder: Path) -> None:
    sign_all(study, folder)
    key = folder / "keys" / "workforce.key"
    run("agreement", "declare", "termination", study, "--as", "workforce", "--key", key, "--reason", "Breach")
    assert "terminated by workforce" in run("agreement", "check", study).output
    stranger = run(
        *("agreement", "declare", "termination", study, "--as", "university", "--key", key, "--reason", "x"), fails=True
    )
    assert "does not verify" in stranger.output


def test_diff_says_first_what_is_allowed_more(study: Path, tmp_path: Path) -> None:
    wider = tmp_path / "wider.yaml"
    wider.write_text(study.read_text().replace("person_threshold: 11", "person_threshold: 10"))
    output = run("agreement", "diff", study, wider).output
    assert output.index("Allows more than before") < output.index("Changes:")
    assert "is below the earlier version's 11 for child-welfare.placements" in output
    assert "The two say the same." in run("agreement", "diff", study, study).output


def test_explain_answers_in_sentences(study: Path, folder: Path) -> None:
    sign_all(study, folder)
    output = run("agreement", "explain", study, "--element", "quarterly_earnings", "--recipient", "newspaper").output
    assert "no  newspaper may not receive workforce.wages.Earnings" in output


def test_new_asks_for_what_is_not_given(tmp_path: Path) -> None:
    out = tmp_path / "care.yaml"
    answers = ["handle-with-care", "care-2027", "2027-01-01", "2027-06-30", "2027-07-31", "", "Care: this year"]
    answers += ["Hillside Unified", "Mary O'Neil", "Superintendent", "", "", "", "", "", ""]
    answers += ["2026", "2027", "2026", "2027", "State Code 12-3", "Tess Moor", "15", "breach@hillside.example", ""]
    said = run("agreement", "new", out, "--ask", stdin="\n".join(answers) + "\n").output
    text = out.read_text()
    assert "id: care-2027" in text
    assert "title: 'Care: this year'" in text
    assert "signatory: {name: 'Mary O''Neil', title: Superintendent}" in text
    assert text.count("from: 2026, to: 2027}") == 2
    assert "authority: {statute: State Code 12-3, basis: state_law}" in text
    assert "- {name: Tess Moor, trained_on" in text
    assert "  person_threshold: 15 " in text
    assert "status: draft" in text
    assert "Yours to write in the file: parties (line " in said
    assert "recipients (line " in said
    assert "incident (line " in said
    assert "care-2027, version 1: Care: this year" in run("agreement", "check", out).output


def test_new_lists_templates_and_refuses_one_that_is_not_there(tmp_path: Path) -> None:
    assert "k12-to-wages" in run("agreement", "new", "--list").output
    output = run("agreement", "new", tmp_path / "x.yaml", "--template", "nothing", "--no-ask", fails=True).output
    assert "There is no template nothing" in output


def test_a_child_is_written_below_its_parent_only_if_it_lies_inside(tmp_path: Path) -> None:
    frame = tmp_path / "frame.yaml"
    run("agreement", "new", frame, "--template", "enterprise-mou", "--no-ask")
    child = tmp_path / "child.yaml"
    run("agreement", "new", child, "--template", "k12-to-wages", "--no-ask", "--parent", frame)
    assert "parent: {id: enterprise-mou, file: frame.yaml" in child.read_text()
    run("agreement", "check", child)
    outside = tmp_path / "outside.yaml"
    output = run(
        *("agreement", "new", outside, "--template", "birth-weight-to-college", "--no-ask", "--parent", frame),
        fails=True,
    ).output
    assert "public-health" in output
    assert not outside.exists()


def test_the_schema_is_given_to_editors(tmp_path: Path) -> None:
    run("agreement", "schema", "--out", tmp_path / "s.json")
    assert run("agreement", "schema").output == (tmp_path / "s.json").read_text()


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.jsonl"
    create_ledger(path, "data-hub", "1" * 32, NOW)
    under = {"agreement": "study", "agreement_sha256": "a" * 64}
    append(path, RefusedRequest(**under, request="release of everything", reasons=("outputs: not listed",)), NOW)
    disclosed = Disclosed(
        **under,
        output="research-file",
        recipient="university",
        interest="Research",
        purpose="research",
        users=("Maya Iyer",),
        providers=("workforce",),
        elements=("lakeside-district.enrollment.GradeLevel",),
        persons=12,
        bundle_sha256="b" * 64,
        destroy_by="2031-12-31",
        clause="outputs[research-file]",
    )
    append(path, disclosed, NOW)
    return path


def test_ledger_show_gives_disclosures_with_recipient_and_interest(ledger: Path) -> None:
    output = run("ledger", "show", ledger, "--recipient", "university").output
    assert "recipient university, interest Research" in output
    assert "refused" not in output
    assert '"kind": "refused"' in run("ledger", "show", ledger, "--kind", "refused", "--json").output


def test_ledger_verify_notices_a_cut_at_the_end(
    ledger: Path, folder: Path, consortium: Consortium, tmp_path: Path
) -> None:
    head = tmp_path / "head.json"
    key = folder / "keys" / "data-hub.release.pub"
    last = append(ledger, RefusedRequest(agreement="s", agreement_sha256="a" * 64, request="x", reasons=("y",)), NOW)
    write_head(head, sign_head(last, consortium.keys("data-hub.release"), NOW))
    assert "It reaches the head" in run("ledger", "verify", ledger, "--head", head, "--key", key).output
    ledger.write_text("".join(ledger.read_text().splitlines(keepends=True)[:-1]))
    assert "would not show" in run("ledger", "verify", ledger).output
    cut = run("ledger", "verify", ledger, "--head", head, "--key", key, fails=True).output
    assert "truncated at the end" in cut
    assert "give --key or --agreement" in run("ledger", "verify", ledger, "--head", head, fails=True).output


def test_ledger_repair_removes_a_torn_line(ledger: Path) -> None:
    with ledger.open("a") as handle:
        handle.write('{"torn')
    assert "--repair" in run("ledger", "verify", ledger, fails=True).output
    assert "removed a torn last line of 6 bytes" in run("ledger", "verify", ledger, "--repair").output
