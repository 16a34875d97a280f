import json
import secrets
import shutil
import subprocess
from datetime import UTC, datetime

import pandas as pd
import pytest

from linkage.errors import InputError, PackageError
from linkage.release.assemble import assemble
from linkage.release.bundle import ReleasedOutput, bundle_members, verify_bundle
from linkage.release.csvfile import GUARDED, frame_to_csv
from linkage.release.identifiers import release_ids
from linkage.release.permission import PermittedRelease
from linkage.release.tables import make_table
from linkage.release.workspace import Workspace
from linkage.reports.codebook import codebook_html

NOTES = ["=1+1", "'quoted", "@home", "plain, with comma", "+1\nsecond line", "-", None]
CREATED = datetime(2026, 9, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def bundle(agreement, today, tmp_path_factory):
    """An unpacked bundle of a research file and a table."""
    scratch, folder = tmp_path_factory.mktemp("scratch"), tmp_path_factory.mktemp("bundle")
    tokens = [f"a{number:031d}" for number in range(42)]
    district = pd.DataFrame(
        {"person_token": tokens, "SchoolYear": "2021", "School": "A", "Grade": "03", "Race": "W", "Note": NOTES * 6},
        dtype="string",
    )
    empty = pd.DataFrame({"person_token": []}, dtype="string")
    payloads = {"district.enrollment": district, "neighbor.enrollment": empty, "college.terms": empty}
    ids = release_ids(tokens, secrets.token_bytes).to_numpy()
    crosswalk = pd.DataFrame({"agency": "district", "person_token": tokens, "release_id": ids})
    space = Workspace(scratch)
    file, table = (
        PermittedRelease(agreement, output, "university", "research", today) for output in ("file", "college-by-school")
    )
    outputs = [
        ReleasedOutput(file, assemble(file, payloads, crosswalk, space)),
        ReleasedOutput(table, make_table(table, payloads, crosswalk, space, "first")),
    ]
    for name, content in bundle_members(outputs, CREATED, b"{}", codebook_html, space).items():
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.read_bytes())
    return folder


def test_it_holds_what_the_agreement_promises(bundle):
    assert {path.name for path in bundle.iterdir()} == {
        "README.md", "datapackage.json", "codebook.html", "linkage-certificate.json", "disclosure-certificate.json",
        "file-rows.csv", "file-rows.parquet", "file-persons.csv", "file-persons.parquet", "college-by-school.csv",
    }  # fmt: skip


def test_it_says_under_which_agreement_for_whom_and_until_when(bundle, agreement):
    terms = json.loads((bundle / "datapackage.json").read_text())["linkage"]
    assert terms["agreement_sha256"] == agreement.sha256
    assert (terms["recipient"], terms["users"], terms["destroy_by"]) == ("university", ["Gil"], "2029-12-31")
    for member in ("README.md", "codebook.html"):
        text = (bundle / member).read_text()
        assert "2029-12-31" in text
        assert agreement.sha256 in text


def test_an_untouched_bundle_verifies_and_a_changed_one_does_not(bundle, tmp_path):
    assert verify_bundle(bundle).name == "study"
    for path in bundle.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "file-rows.csv").write_bytes(b"release_id\n")
    (tmp_path / "college-by-school.csv").unlink()
    with pytest.raises(PackageError) as error:
        verify_bundle(tmp_path)
    assert len(error.value.problems) == 2


def test_a_descriptor_cannot_point_outside_the_folder(bundle, tmp_path):
    for path in bundle.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    text = (tmp_path / "datapackage.json").read_text().replace('"file-rows.csv"', '"../file-rows.csv"')
    (tmp_path / "datapackage.json").write_text(text)
    with pytest.raises(PackageError, match="missing"):
        verify_bundle(tmp_path)


def snippet(bundle, language):
    text = (bundle / "README.md").read_text()
    return text.split(f"```{language}\n")[1].split("```")[0]


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="R is not installed")
def test_the_lines_for_r_are_r_and_name_columns_that_are_there(bundle, tmp_path):
    (tmp_path / "load.R").write_text(snippet(bundle, "r"))
    check = f"invisible(parse('{tmp_path / 'load.R'}'))"
    subprocess.run(["Rscript", "-e", check], check=True, capture_output=True)
    code = snippet(bundle, "r")
    resource = json.loads((bundle / "datapackage.json").read_text())["resources"][int(code.split("[[")[1][0]) - 1]
    assert f'read_csv("{resource["path"]}"' in code


def test_the_readme_names_the_certificate_to_read(bundle):
    assert "`linkage-certificate.html`" in (bundle / "README.md").read_text()


def test_the_readme_loads_the_files_with_their_types(bundle, monkeypatch):
    monkeypatch.chdir(bundle)
    space = {}
    exec(snippet(bundle, "python"), space)
    rows = space["rows"]
    parquet = pd.read_parquet("file-rows.parquet", dtype_backend="numpy_nullable")
    assert rows["Grade"].unique().tolist() == ["03"]
    assert rows["SchoolYear"].dtype == "Int64"
    assert rows["Note"].fillna("").tolist() == parquet["Note"].fillna("").tolist()


def test_a_formula_is_guarded_in_csv_and_whole_in_parquet(bundle):
    rows = pd.read_csv(bundle / "file-rows.csv", dtype="string", keep_default_na=False)
    written = set(rows["Note"])
    assert {"'=1+1", "''quoted", "'@home", "'+1\nsecond line", "'-", "plain, with comma"} <= written
    assert set(pd.read_parquet(bundle / "file-rows.parquet")["Note"].dropna()) == {n for n in NOTES if n}


def test_guarding_small_tables_can_be_undone_exactly():
    frame = pd.DataFrame({"a": ["=x", "'=x", "x", ""], "n": [-1, 2, 3, 4]})
    from_csv = pd.read_csv(pd.io.common.BytesIO(frame_to_csv(frame)), keep_default_na=False)
    unguarded = from_csv["a"].str.replace(f"^'(?={GUARDED})", "", regex=True)
    assert unguarded.tolist() == frame["a"].tolist()
    assert from_csv["n"].tolist() == [-1, 2, 3, 4]


def test_the_codebook_needs_nothing_from_elsewhere_and_escapes_what_it_shows(bundle):
    page = (bundle / "codebook.html").read_text()
    assert "GradeLevel" in page
    assert "district.<wbr>enrollment.<wbr>Grade" in page
    for outside in ("http://", "https://", "<script", "src=", "@import", "url("):
        assert outside not in page
    hostile = (bundle / "datapackage.json").read_text().replace("Students by year", "<img onerror=x>")
    assert b"<img" not in codebook_html(hostile.encode())


def test_the_codebook_and_descriptor_count_no_group(bundle):
    fields = json.loads((bundle / "datapackage.json").read_text())["resources"][0]["schema"]["fields"]
    assert not any({"counts", "frequencies", "minimum", "maximum"} & set(field) for field in fields)


def test_outputs_for_two_recipients_do_not_share_a_bundle(agreement, today, tmp_path):
    with pytest.raises(InputError, match="at least one"):
        bundle_members([], CREATED, b"{}", codebook_html, Workspace(tmp_path))


def test_rounded_parts_need_not_add_up_and_the_researcher_is_told(rounding_agreement, today, tmp_path):
    tokens = [f"a{number:031d}" for number in range(36)]
    district = pd.DataFrame(
        {"person_token": tokens, "SchoolYear": "2021", "School": list("ABC") * 12, "Race": "W"}, dtype="string"
    )
    payloads = {"district.enrollment": district, "college.terms": pd.DataFrame({"person_token": []}, dtype="string")}
    ids = release_ids(tokens, secrets.token_bytes).to_numpy()
    crosswalk = pd.DataFrame({"agency": "district", "person_token": tokens, "release_id": ids})
    permitted = PermittedRelease(rounding_agreement, "college-by-school", "university", "research", today)
    table = make_table(permitted, payloads, crosswalk, Workspace(tmp_path), "first")
    shown = table.frame[table.frame["Race"] == "Total"].set_index("School")["students"].to_dict()
    assert shown == {"A": 10, "B": 10, "C": 10, "Total": 35}
    (students,) = (column for column in table.columns if column.name == "students")
    assert students.description.endswith("Rounded to a multiple of 5.")
    (went,) = (column for column in table.columns if column.name == "went")
    assert "multiple" not in went.description
    members = bundle_members([ReleasedOutput(permitted, table)], CREATED, b"{}", codebook_html, Workspace(tmp_path))
    for member in ("README.md", "codebook.html", "datapackage.json"):
        assert b"multiples of 5, each number by itself: parts need not add up to their total" in members[member]
    readme = members["README.md"].decode()
    assert "- In the tables: * not shown" in readme
    assert "```\n\nIn R:" in readme
    assert not any(word in readme for word in ("IDs are random", "Parquet"))
