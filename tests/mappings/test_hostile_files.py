"""Whatever a file holds, it is refused or read in part with the reason, soon and in little memory."""

import io
import os
import re
import zipfile
from pathlib import Path

import pytest

from infrastructure.mappings.files import (
    LARGEST_BYTES,
    MOST_COLUMNS,
    FileUnreadable,
    parse_body,
    read_parts,
)
from tests.mappings.test_files_of_deliveries import parts, unreadable, workbook


def with_sheet(change: str, to: str) -> bytes:
    """A workbook in whose parts a text is replaced."""
    found = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(workbook([["order", "count"], ["A", 2]]))) as old,
        zipfile.ZipFile(found, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            new.writestr(name, old.read(name).decode().replace(change, to))
    return found.getvalue()


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ('<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>', "a cell far from the others?"),
        ('<row r="4294967295"><c r="ZZZZZZZ4294967295"><v>1</v></c></row>', "a cell far from the others?"),
        ('<row r="1048576"><c r="C1048576"><v>1</v></c></row>', "at most 2000000 cells are read"),
        ("<row", "not readable as XLSX"),
    ],
)  # fmt: skip
def test_a_workbook_that_asks_for_too_much_is_refused(
    tmp_path: Path, row: str, reason: str
) -> None:
    content = with_sheet("</sheetData>", f"{row}</sheetData>")
    assert len(content) < 4_000
    assert reason in unreadable(tmp_path, "a.xlsx", content)


def test_a_workbook_that_unpacks_without_end_is_refused(tmp_path: Path) -> None:
    content = io.BytesIO(workbook([["order"]]))
    with (
        zipfile.ZipFile(content, "a", zipfile.ZIP_DEFLATED) as archive,
        archive.open("xl/media/a.xml", "w") as part,
    ):
        for _ in range(260):
            part.write(b"A" * (1 << 20))
    assert "when unpacked" in unreadable(tmp_path, "a.xlsx", content.getvalue())


def test_a_row_of_zeros_is_a_row(tmp_path: Path) -> None:
    (part,) = parts(tmp_path, "a.xlsx", workbook([["a", "b"], [0, 0], ["", ""]]))
    assert part.body == {"a": 0, "b": 0}


def test_a_file_is_not_read_beyond_its_limit(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.touch()
    os.truncate(file, 30 << 30)
    assert f"more than {LARGEST_BYTES} bytes" in unreadable_at(file)
    pipe = tmp_path / "b.json"
    os.mkfifo(pipe)
    assert "it is no regular file" in unreadable_at(pipe)
    assert "it is no regular file" in unreadable_at(Path("/dev/zero"))


def unreadable_at(file: Path) -> str:
    with pytest.raises(FileUnreadable) as caught:
        list(read_parts(file, "json"))
    return str(caught.value)


def test_a_header_of_too_many_columns_is_refused(tmp_path: Path) -> None:
    header = ",".join(f"c{n}" for n in range(300_000)).encode()
    found = unreadable(tmp_path, "a.csv", header + b"\n1\n")
    assert found == f"a.csv: 300000 columns; at most {MOST_COLUMNS} are read"


@pytest.mark.parametrize(
    ("form", "text", "reason"),
    [
        ("json", '{"a": {"n": 1, "b": 2, "n": 3}}', "the key 'n' stands twice in one object"),
        ("json", '{"a": "\\ud800"}', "half of a character"),
        ("json", '{"\\uDFFF": 1}', "half of a character"),
        ("xml", '<r xmlns:p="u:1" xmlns:q="u:2"><p:n>1</p:n><q:n>9</q:n></r>', "the name 'n'"),
        ("xml", '<r><n xmlns="u:1">1</n><n xmlns="u:2">9</n></r>', "the name 'n'"),
        ("xml", '<r xmlns:p="u:1" xmlns:q="u:2"><a p:x="1" q:x="2"/></r>', "the name '@x'"),
        ("xml", "<a>" * 5_000 + "</a>" * 5_000, "nested too deeply"),
        ("xml", "<p:a/>", "unbound prefix"),
    ],
)
def test_a_body_that_can_be_read_in_two_ways_is_refused(form: str, text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)):
        parse_body(form, text)


def test_two_halves_of_a_character_and_one_namespace_of_two_prefixes_are_read() -> None:
    assert parse_body("json", '{"a": "\\ud83d\\ude00"}') == {"a": "\U0001f600"}
    text = '<r xmlns:p="u:1" xmlns:q="u:1"><p:n>1</p:n><q:n>9</q:n></r>'
    assert parse_body("xml", text) == {"r": {"n": ["1", "9"]}}
