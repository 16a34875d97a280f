"""Files as agencies export them."""

import bz2
import gzip
import lzma
import zipfile
from importlib.util import find_spec

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkage.errors import InputError
from linkage.hashing.quarantine import Reason
from linkage.hashing.read import Reading, read_extract
from linkage.hashing.read_layout import load_layout


def test_every_value_is_text_and_leading_zeros_stay(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("\ufeffName;Zip\r\nNA;01234\r\n".encode())
    found = read_extract(path)
    assert found.frame.to_dict("list") == {"Name": ["NA"], "Zip": ["01234"]}
    assert found.described == "CSV, UTF-8, separated by ';'"


def test_windows_text_is_recognised_and_said(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("name\nJosé García\nZoë\n".encode("cp1252"))
    found = read_extract(path)
    assert found.frame["name"].tolist() == ["José García", "Zoë"]
    assert "Windows-1252" in found.described


def test_parquet_is_read(tmp_path):
    path = tmp_path / "a.parquet"
    pd.DataFrame({"name": ["Ann"]}).to_parquet(path)
    assert read_extract(path).frame["name"].tolist() == ["Ann"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"name,zip\n", "no rows"),
        (b"name,name\na,b\n", "same header"),
        (b"MARK,MARK,2001-02-03\nMARK,b,2001-02-04\n", "looks like data: has the file a header"),
        (b"name,zip\na,1\nMARKER,1,2\nMARKER\n", "2 rows do not fit"),
        (b"name\nMARK\x00ER\n", "NUL"),
    ],
)
def test_a_bad_file_is_refused_with_the_reason_and_no_value(tmp_path, content, reason):
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=reason) as refused:
        read_extract(path)
    assert "MARK" not in str(refused.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_extract(tmp_path / "no.csv")


def test_ragged_rows_are_named_by_number(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"name,zip\na,1\nb,1,2\nc\n")
    with pytest.raises(InputError) as refused:
        read_extract(path)
    assert refused.value.problems == tuple(
        f"row {row}: the number of values is not that of the header" for row in (2, 3)
    )


def test_a_quoted_value_may_hold_a_delimiter_and_a_line_end(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b'name,zip\n"Lee, Ann",01234\n"two\nlines",1\n')
    assert read_extract(path).frame["name"].tolist() == ["Lee, Ann", "two\nlines"]


def _write(path, content):
    path.write_bytes(content)
    return path


def _kept(path, **said):
    return read_extract(path, Reading(**said), quarantine=True)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", "^"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_every_usual_dialect_is_read_alike(tmp_path, delimiter, line_end):
    text = (
        line_end.join(delimiter.join(row) for row in (("name", "zip"), ("Ann", "01234"), ("Zoë", "00501"))) + line_end
    )
    found = _kept(_write(tmp_path / "a.csv", text.encode()))
    assert found.frame.to_dict("list") == {"name": ["Ann", "Zoë"], "zip": ["01234", "00501"]}


def test_a_file_with_excels_own_first_line_single_quotes_or_backslashes_is_read(tmp_path):
    told = _kept(_write(tmp_path / "a.csv", b"sep=;\r\nname;zip\r\nAnn;01234\r\n"))
    assert told.frame.to_dict("list") == {"name": ["Ann"], "zip": ["01234"]}
    single = _kept(_write(tmp_path / "b.csv", b"'name','zip'\n'Lee, Ann','1'\n"))
    assert single.frame.to_dict("list") == {"name": ["Lee, Ann"], "zip": ["1"]}
    escaped = _kept(_write(tmp_path / "c.csv", b'name,zip\n"Ann \\"Annie\\" Lee",1\n'))
    assert escaped.frame["name"].tolist() == ['Ann "Annie" Lee']


@pytest.mark.parametrize(
    ("encoding", "said"),
    [("utf-8-sig", "UTF-8"), ("utf-16", "UTF-16"), ("utf-16-le", "UTF-16"), ("cp1252", "Windows-1252")],
)
def test_the_encoding_is_found_and_said(tmp_path, encoding, said):
    text = "name,city\n" + "José,Peña\nZoë,Köln\n" * 50
    found = _kept(_write(tmp_path / "a.csv", text.encode(encoding)))
    assert found.frame["city"].tolist()[:2] == ["Peña", "Köln"]
    assert said in found.described


def test_the_encoding_is_found_from_the_whole_file(tmp_path):
    content = b"name,city\n" + b"Ann,Lima\n" * 300_000 + "José,Peña\n".encode("cp1252")
    found = _kept(_write(tmp_path / "a.csv", content))
    assert found.frame["name"].iloc[-1] == "José"


def test_an_encoding_may_be_stated(tmp_path):
    path = _write(tmp_path / "a.csv", "name\nZoë\n".encode("cp850"))
    assert _kept(path, encoding="cp850").frame["name"].tolist() == ["Zoë"]
    with pytest.raises(InputError, match="no encoding"):
        _kept(path, encoding="klingon")


def test_one_bad_row_in_many_is_set_aside_with_its_number_and_the_rest_is_read(tmp_path):
    rows = [f"José{i},0{i}".encode() for i in range(2000)]
    rows[10] = b"too,many,values"
    rows[20] = b"NUL\x00,1"
    rows[30] = b"bad\xff\xfe,1"
    rows[40] = b""
    rows[50] = b"few"
    rows[60] = b"few\xff"
    found = _kept(_write(tmp_path / "a.csv", b"name,zip\n" + b"\n".join(rows) + b"\n"))
    # The blank line is no row, so that what follows it counts one less.
    assert [(row.row, row.reason) for row in found.rejected] == [
        (11, Reason.RAGGED),
        (21, Reason.NUL),
        (31, Reason.ENCODING),
        (50, Reason.RAGGED),
        (60, Reason.RAGGED),
    ]
    assert len(found.frame) == 1994
    lookup = dict(zip(found.row_numbers.tolist(), found.frame["name"], strict=True))
    assert lookup[10] == "José9"
    assert lookup[12] == "José11"
    assert lookup[1999] == "José1999"


def test_the_rows_that_a_quote_swallows_are_set_aside_and_counted_with_it(tmp_path):
    rows = b"".join(b"Ann,1\n" for _ in range(20))
    hidden = _kept(_write(tmp_path / "a.csv", b"name,zip\n" + rows + b'"Bob,1\nAnn,1\nAnn,1\nAnn,1\nCy",2\n' + rows))
    assert [(row.row, row.reason) for row in hidden.rejected] == [
        (number, Reason.UNCLOSED_QUOTE) for number in range(21, 26)
    ]
    assert hidden.row_numbers.tolist() == [*range(1, 21), *range(26, 46)]
    never = _kept(_write(tmp_path / "b.csv", b"name,zip\n" + rows + b'"Bob,1\n' + rows))
    assert [(row.row, row.reason) for row in never.rejected] == [
        (number, Reason.UNCLOSED_QUOTE) for number in range(21, 42)
    ]


@given(st.lists(st.sampled_from([b"Ann,1", b"few", b"NUL\x00,1", b'"a,1\nb,2\nc",3', b'"two\nlines",1']), max_size=12))
def test_rows_read_and_rows_set_aside_are_all_the_rows_once(tmp_path_factory, rows):
    content = b"name,zip\n" + b"".join(b"%s\n" % row for row in [b"Ann,1"] * 13 + rows)
    found = _kept(_write(tmp_path_factory.mktemp("read") / "a.csv", content))
    numbers = sorted([*found.row_numbers.tolist(), *(row.row for row in found.rejected)])
    lost = 2 * rows.count(b'"a,1\nb,2\nc",3')
    assert numbers == list(range(1, 13 + len(rows) + lost + 1))
    kept = 13 + rows.count(b"Ann,1") + rows.count(b'"two\nlines",1')
    assert len(found.row_numbers) == len(found.frame) == kept


def test_a_huge_value_is_refused_with_what_it_probably_is(tmp_path):
    content = b"name,zip\n" + b"Ann,1\n" * 10 + b'"' + b"MARKER\n" * 2_000_000
    with pytest.raises(InputError, match="never closed") as refused:
        _kept(_write(tmp_path / "a.csv", content))
    assert "MARKER" not in str(refused.value)


def test_a_title_above_the_header_is_suspected(tmp_path):
    with pytest.raises(InputError, match="title above the header"):
        _kept(_write(tmp_path / "a.csv", b"Students of 2026\nname,zip\nAnn,1\nBob,2\n"))


@pytest.mark.parametrize("suffix", [".csv.gz", ".csv.bz2", ".csv.xz", ".csv.zst", ".zip"])
def test_compressed_files_are_read(tmp_path, suffix):
    content = b"name,zip\nAnn,01234\n"
    path = tmp_path / f"a{suffix}"
    match suffix:
        case ".csv.gz":
            path.write_bytes(gzip.compress(content))
        case ".csv.bz2":
            path.write_bytes(bz2.compress(content))
        case ".csv.xz":
            path.write_bytes(lzma.compress(content))
        case ".csv.zst":
            path.write_bytes(pa.compress(content, "zstd", asbytes=True))
        case _:
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("students.csv", content)
    found = _kept(path)
    assert found.frame.to_dict("list") == {"name": ["Ann"], "zip": ["01234"]}
    assert "compressed with" in found.described


@pytest.mark.parametrize("suffix", [".csv.gz", ".csv.bz2", ".csv.xz", ".csv.zst", ".zip"])
def test_a_damaged_archive_is_an_input_error(tmp_path, suffix):
    with pytest.raises(InputError, match="damaged"):
        _kept(_write(tmp_path / f"a{suffix}", b"this is no archive at all, whatever its name may say"))


def test_an_archive_cut_short_is_an_input_error(tmp_path):
    whole = gzip.compress(b"name,zip\n" + b"Ann,01234\n" * 1000)
    with pytest.raises(InputError, match="damaged"):
        _kept(_write(tmp_path / "a.csv.gz", whole[: len(whole) // 2]))


def test_an_archive_of_several_files_is_refused(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", "name\nAnn\n")
        archive.writestr("b.csv", "name\nAnn\n")
    with pytest.raises(InputError, match="holds 2 files"):
        _kept(path)


@pytest.mark.parametrize("first", [b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"PAR1", b"\x1f\x8b", b"%PDF"])
def test_another_form_under_the_name_of_csv_is_named(tmp_path, first):
    with pytest.raises(InputError, match="says text"):
        _kept(_write(tmp_path / "a.csv", first + b"rest"))


def _layout(tmp_path, text):
    return load_layout(_write(tmp_path / "layout.yaml", text.encode()))


LAYOUT = """
kind: FixedWidthLayout
length: 20
columns:
  - {name: last_name, start: 1, width: 8}
  - {name: first_name, start: 9, width: 6}
  - {name: dob, start: 16, width: 5}
"""


def test_fixed_width_is_cut_by_its_layout(tmp_path):
    lines = "García  José  x12345\nLee     Ann\n\nGarcía  José  x12345 and more\n"
    found = _kept(_write(tmp_path / "a.txt", lines.encode()), layout=_layout(tmp_path, LAYOUT))
    assert found.frame.to_dict("list") == {
        "last_name": ["García", "Lee"],
        "first_name": ["José", "Ann"],
        "dob": ["12345", ""],
    }
    assert [(row.row, row.reason) for row in found.rejected] == [(3, Reason.TOO_LONG)]
    assert found.described == "fixed width, UTF-8"


def test_a_wrong_layout_is_refused_with_all_its_problems(tmp_path):
    with pytest.raises(InputError) as refused:
        _layout(tmp_path, LAYOUT.replace("start: 9", "start: 5").replace("length: 20", "length: 18"))
    assert "overlap" in str(refused.value)
    assert "ends beyond length" in str(refused.value)


EDFI_XML = """<?xml version="1.0"?>
<InterchangeStudentParent xmlns="http://ed-fi.org/5.2.0">
  <Student id="s1">
    <StudentUniqueId>604821</StudentUniqueId>
    <OtherName><FirstName>Ty</FirstName></OtherName>
    <Name><FirstName>Tyrone</FirstName><LastSurname>D&amp;er</LastSurname></Name>
    <BirthData><BirthDate>2014-11-13</BirthDate></BirthData>
  </Student>
  <Student id="s2">
    <StudentUniqueId>604822</StudentUniqueId>
    <Name><FirstName>Lisa</FirstName><MiddleName>Sybil</MiddleName></Name>
    <Address><City>Grand Bend</City></Address><Address><City>Elsewhere</City></Address>
  </Student>
  <Contact><FirstName>Carmen</FirstName></Contact>
</InterchangeStudentParent>
"""


def test_edfi_xml_gives_a_row_a_student(tmp_path):
    found = _kept(_write(tmp_path / "a.xml", EDFI_XML.encode()))
    assert found.frame.to_dict("list") == {
        "StudentUniqueId": ["604821", "604822"],
        "FirstName": ["Tyrone", "Lisa"],
        "LastSurname": ["D&er", ""],
        "BirthDate": ["2014-11-13", ""],
        "MiddleName": ["", "Sybil"],
        "City": ["", "Grand Bend"],
    }
    assert found.described == "Ed-Fi XML, Student records"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('<!DOCTYPE a [<!ENTITY b "MARKER">]><a><s><t>&b;</t></s></a>', "document type"),
        ("<a><s><t>MARKER</s></a>", "not well formed at line 1"),
        ("<a>" * 100 + "MARKER" + "</a>" * 100, "nested"),
        ("<a>MARKER</a>", "no records"),
    ],
)
def test_bad_xml_is_refused(tmp_path, content, reason):
    with pytest.raises(InputError, match=reason) as refused:
        _kept(_write(tmp_path / "a.xml", content.encode()))
    assert "MARKER" not in str(refused.value)


@pytest.mark.parametrize("start", [b"<a><Student><FirstName>", b'<a><Student id="', b"<a><Student ", b"<a><!--"])
def test_an_endless_value_or_tag_of_xml_is_refused_unread(tmp_path, start):
    path = _write(tmp_path / "a.xml", start + b"M" * (6 << 20) + b"</FirstName></Student></a>")
    with pytest.raises(InputError, match="longer than 4 MB"):
        _kept(path)


def test_xml_leaves_that_only_some_records_have_are_empty_elsewhere(tmp_path):
    students = [f"<Student><A>{n}</A>{f'<B>b{n}</B>' if n in {2, 3} else ''}</Student>" for n in range(6)]
    found = _kept(_write(tmp_path / "a.xml", f"<r>{''.join(students)}<Other><C>1</C></Other></r>".encode()))
    assert found.frame.to_dict("list") == {"A": list("012345"), "B": ["", "", "b2", "b3", "", ""]}


def test_a_parquet_column_larger_than_any_of_people_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "a.parquet"
    pd.DataFrame({"name": ["Ann" * 1000]}).to_parquet(path)
    monkeypatch.setattr("linkage.hashing.read.LARGEST_COLUMN", 2000)
    with pytest.raises(InputError, match="no identifier is that long"):
        _kept(path)


def test_excel_without_its_extra_says_what_to_install(tmp_path):
    if find_spec("python_calamine"):
        pytest.skip("the extra is installed")
    with pytest.raises(InputError, match="extra"):
        _kept(_write(tmp_path / "a.xlsx", b""))


@pytest.fixture
def workbook(tmp_path):
    pytest.importorskip("python_calamine")
    shared = (
        '<sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>Name</t></is></c>'
        '<c r="B1" t="inlineStr"><is><t>Zip</t></is></c></row>'
        '<row r="2"><c r="A2" t="inlineStr"><is><t>Ann</t></is></c><c r="B2"><v>1234</v></c></row></sheetData>'
    )
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    path = tmp_path / "a.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "[Content_Types].xml",
            f'<Types xmlns="{package}/content-types"><Default Extension="xml" ContentType="application/xml"/>'
            '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            "</Types>",
        )
        archive.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{package}/relationships">'
            f'<Relationship Id="r1" Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        )
        archive.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>'
            '<sheet name="Students" sheetId="1" r:id="r1"/></sheets></workbook>',
        )
        archive.writestr(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships xmlns="{package}/relationships">'
            f'<Relationship Id="r1" Type="{office}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        )
        archive.writestr("xl/worksheets/sheet1.xml", f'<worksheet xmlns="{main}">{shared}</worksheet>')
    return path


def test_excel_is_read_as_text(workbook):
    found = _kept(workbook)
    assert found.frame.to_dict("list") == {"Name": ["Ann"], "Zip": ["1234"]}
    assert found.described == "Excel, sheet 'Students'"
    with pytest.raises(InputError, match="no sheet"):
        _kept(workbook, sheet="Teachers")
