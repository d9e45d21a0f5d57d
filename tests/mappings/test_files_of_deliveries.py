"""Files are read as deliveries, and refused or read in part with the reason."""

import gzip
import io
import zipfile
from pathlib import Path
from xml.sax.saxutils import escape

import pytest

from infrastructure.mappings.files import LARGEST_BYTES, FileUnreadable, Part, read_parts


def parts(folder: Path, name: str, content: bytes, form: str | None = None) -> list[Part]:
    file = folder / name
    file.write_bytes(content)
    return [
        Part(part.place.removeprefix(f"{folder}/"), part.body, part.fault)
        for part in read_parts(file, form)
    ]


def unreadable(folder: Path, name: str, content: bytes, form: str | None = None) -> str:
    with pytest.raises(FileUnreadable) as caught:
        parts(folder, name, content, form)
    return str(caught.value).removeprefix(f"{folder}/")


def workbook(rows: list[list[object]]) -> bytes:
    """A small XLSX: texts and numbers on one sheet."""

    def cell(value: object) -> str:
        if isinstance(value, str):
            return f'<c t="inlineStr"><is><t>{escape(value)}</t></is></c>'
        return f"<c><v>{value}</v></c>"

    sheet = "".join(f"<row>{''.join(map(cell, row))}</row>" for row in rows)
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    packed = "http://schemas.openxmlformats.org/package/2006"
    found = io.BytesIO()
    with zipfile.ZipFile(found, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "[Content_Types].xml",
            f'<Types xmlns="{packed}/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            '<Default Extension="xml" ContentType="application/xml"/></Types>',
        )
        archive.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{packed}/relationships"><Relationship Id="r1" Type="{kind}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        )
        archive.writestr(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships xmlns="{packed}/relationships"><Relationship Id="r1" Type="{kind}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        )
        archive.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{main}" xmlns:r="{kind}"><sheets><sheet name="A" sheetId="1" r:id="r1"/></sheets></workbook>',
        )
        archive.writestr(
            "xl/worksheets/sheet1.xml",
            f'<worksheet xmlns="{main}"><sheetData>{sheet}</sheetData></worksheet>',
        )
    return found.getvalue()


def test_json_is_one_delivery_and_ndjson_one_a_line(tmp_path: Path) -> None:
    assert parts(tmp_path, "a.json", b'\xef\xbb\xbf{"a": 1}') == [Part("a.json", {"a": 1})]
    assert parts(tmp_path, "a.txt", b"[1]", "json") == [Part("a.txt", [1])]
    first, broken, last = parts(tmp_path, "a.ndjson", b'{"a": 1}\n\n{"a": \n{"b": 2}\n')
    assert (first, last) == (Part("a.ndjson:1", {"a": 1}), Part("a.ndjson:4", {"b": 2}))
    assert (broken.place, broken.body) == ("a.ndjson:3", None)
    assert broken.fault.startswith("not readable as JSON")


def test_gzip_is_unpacked_and_a_bomb_is_refused(tmp_path: Path) -> None:
    assert parts(tmp_path, "a.json.gz", gzip.compress(b"[1]")) == [Part("a.json.gz", [1])]
    bomb = gzip.compress(b" " * (LARGEST_BYTES + 1))
    assert len(bomb) < 100_000
    assert str(LARGEST_BYTES) in unreadable(tmp_path, "a.json.gz", bomb)
    assert unreadable(tmp_path, "b.json.gz", gzip.compress(b"[1]")[:-9]).startswith("b.json.gz: ")


def test_csv_is_separated_by_what_splits_its_header(tmp_path: Path) -> None:
    text = 'order;note;price\r\nA;"two\nlines; ""quoted""";1,50\r\n\r\nB;;\r\n'
    assert parts(tmp_path, "a.csv", text.encode()) == [
        Part("a.csv:2", {"order": "A", "note": 'two\nlines; "quoted"', "price": "1,50"}),
        Part("a.csv:5", {"order": "B", "note": "", "price": ""}),
    ]
    assert parts(tmp_path, "a.tsv", b"a\tb\n1\t2\n") == [Part("a.tsv:2", {"a": "1", "b": "2"})]
    utf16 = "a,b\n1,ü\n".encode("utf-16")
    assert parts(tmp_path, "b.csv", utf16) == [Part("b.csv:2", {"a": "1", "b": "ü"})]


def test_one_bad_row_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    found = parts(tmp_path, "a.csv", b"a,b\n1,2\n3\n4,5,6\n7,8\n")
    assert [(one.place, one.fault) for one in found] == [
        ("a.csv:2", ""),
        ("a.csv:3", "1 fields, but the header has 2"),
        ("a.csv:4", "3 fields, but the header has 2"),
        ("a.csv:5", ""),
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("a,b\nM\xfcller,1\n".encode("latin-1"), "a.csv: byte 6 is not UTF-8: save it as UTF-8 (in a spreadsheet: `CSV UTF-8`)"),
        (b"", "a.csv: it is empty; its first row must name the columns"),
        (b"\n\n", "a.csv: it is empty; its first row must name the columns"),
        (b"a,b,a\n1,2,3\n", "a.csv: two columns are named 'a'"),
        (b'a,b\n1,"2\n3,4\n', "a.csv:2: unexpected end of data; rows from here on were not read"),
    ],
)  # fmt: skip
def test_csv_that_cannot_be_read_is_refused_with_the_remedy(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    assert unreadable(tmp_path, "a.csv", content) == reason


def test_xlsx_is_read_row_by_row(tmp_path: Path) -> None:
    content = workbook([["order", "count"], ["A", 2], ["", ""], ["B", 2.5]])
    assert parts(tmp_path, "a.xlsx", content) == [
        Part("a.xlsx:2", {"order": "A", "count": 2}),
        Part("a.xlsx:4", {"order": "B", "count": 2.5}),
    ]
    assert unreadable(tmp_path, "a.xlsx", workbook([])).endswith("must name the columns")
    assert "not readable as XLSX" in unreadable(tmp_path, "a.xlsx", b"no workbook")
    assert "not readable as XLSX" in unreadable(tmp_path, "a.xlsx", content[:200])


def test_xml_is_read_without_the_prefixes_of_its_namespaces(tmp_path: Path) -> None:
    text = (
        '<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="urn:s" xmlns="urn:d" '
        'xmlns:i="urn:i" i:schemaLocation="x"><s:Body><t:a xmlns:t="urn:t" n="1">text</t:a><b/><b>2</b></s:Body></s:Envelope>'
    )
    (part,) = parts(tmp_path, "a.xml", text.encode())
    inner = {"a": {"@n": "1", "#text": "text"}, "b": [None, "2"]}
    assert part.body == {"Envelope": {"@schemaLocation": "x", "Body": inner}}


def test_a_bomb_of_xml_is_refused(tmp_path: Path) -> None:
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    text = f'<!DOCTYPE a [<!ENTITY e0 "x">{entities}]><a>&e11;</a>'
    (part,) = parts(tmp_path, "a.xml", text.encode())
    assert part.fault.startswith("not readable as XML")


def test_a_file_that_does_not_tell_its_format_is_refused(tmp_path: Path) -> None:
    assert unreadable(tmp_path, "a.pdf", b"%PDF").endswith(
        "its name does not tell its format; the formats are json, ndjson, xml, csv, xlsx"
    )
    with pytest.raises(FileUnreadable, match="No such file"):
        list(read_parts(tmp_path / "none.json"))
    assert "not" in unreadable(tmp_path, "b.json", b"\xff\xfe\x00")
