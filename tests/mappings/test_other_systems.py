"""Systems that casetrail does not ship a document for need a document and nothing else: samples of our own, in the shapes
that such systems have."""

from pathlib import Path
from typing import Any

import pytest

from infrastructure.mappings.amounts_and_times import plain_amount, sum_of
from infrastructure.mappings.documents import load_mapping
from infrastructure.mappings.files import read_parts
from infrastructure.mappings.parts import FileUnreadable
from infrastructure.mappings.reading import Table
from tests.mappings.mapped import documents, faults, read
from tests.mappings.restated import differing
from tests.mappings.samples import SAMPLES

OTHERS = SAMPLES / "others"


def told(name: str, suffix: str = "json") -> list[dict[str, Any]]:
    document = load_mapping(OTHERS / f"{name}.yaml")
    found: list[dict[str, Any]] = []
    for part in read_parts(OTHERS / f"{name}.{suffix}", rows_by=document.rows_by):
        result = read(document, part.body)
        assert (result.is_understood, result.unread) == (True, {})
        assert [*differing(document, part.body)] == []
        found += documents(result)
    return found


def test_lists_in_lists_and_an_answer_that_knows_only_one_of_two_parcels() -> None:
    scans = told("fedex")
    assert [(one["refs"]["tracking"]["code"], one["status"], one["code"]) for one in scans] == [
        ("270000000001", "delivered", "DL"),
        ("270000000001", "out_for_delivery", "OD"),
        ("270000000001", "failure", "DE/08"),
    ]
    assert {one["estimate"] for one in scans} == {"2026-11-12"}
    assert [one.get("proof") for one in scans] == ["M.DURAND", None, None]


def test_data_in_a_text() -> None:
    assert [(one["event_time"], one["time_zone"], one["status"]) for one in told("sf_express")] == [
        ("2026-11-10T09:30:52", "Asia/Shanghai", "in_transit"),
        ("2026-11-11T20:51:02", "Asia/Shanghai", "delivered"),
    ]


def test_names_that_are_data_and_words_in_the_place_of_codes() -> None:
    assert [
        (one["order"], one["refs"]["tracking"]["code"], one["status"]) for one in told("keyed")
    ] == [
        ("A-1", "GT100", "in_transit"),
        ("A-1", "GT100", "delivered"),
        ("A-2", "GT101", "in_transit"),
    ]


def test_one_row_for_each_item_of_a_parcel() -> None:
    whole, part, refund = told("lager", "csv")
    assert (whole["shipment"], whole["lines"]) == (
        "L-1",
        [{"sku": "CAF-250", "quantity": 2}, {"sku": "TAZA-A", "quantity": 1}],
    )
    assert (part["event_time"], part["time_zone"]) == ("2026-11-10T17:45:00", "Europe/Berlin")
    assert refund["amount"] == {"amount": "1000.50", "currency": "EUR"}


BY_PARCEL = ("parcel",)


def grouped(tmp_path: Path, text: str, suffix: str = "csv") -> list[tuple[str, Any]]:
    file = tmp_path / f"rows.{suffix}"
    file.write_text(text, encoding="utf-8")
    return [
        (part.place.rpartition(":")[2], part.fault or part.body)
        for part in read_parts(file, rows_by=BY_PARCEL)
    ]


def test_rows_without_a_value_stay_by_themselves_and_a_bad_row_is_listed(tmp_path: Path) -> None:
    found = grouped(tmp_path, "parcel,sku\nP1,A\n ,B\n,C\nP1,D\nP2\n")
    assert found == [
        ("6", "1 fields, but the header has 2"),
        (
            "2",
            {
                "parcel": "P1",
                "sku": "A",
                "rows": [{"parcel": "P1", "sku": "A"}, {"parcel": "P1", "sku": "D"}],
            },
        ),
        ("3", {"parcel": " ", "sku": "B", "rows": [{"parcel": " ", "sku": "B"}]}),
        ("4", {"parcel": "", "sku": "C", "rows": [{"parcel": "", "sku": "C"}]}),
    ]


def test_a_file_without_the_column_and_one_that_breaks_off_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        FileUnreadable, match="no column 'parcel', by which the mapping groups rows"
    ):
        grouped(tmp_path, "sku\nA\n")
    with pytest.raises(FileUnreadable, match="The rows before are not read"):
        grouped(tmp_path, 'parcel,sku\nP1,A\nP1,"B\n')


def test_lines_of_ndjson_are_grouped_and_a_file_of_json_is_one_delivery(tmp_path: Path) -> None:
    found = grouped(tmp_path, '{"parcel": 1, "n": 1}\n{"parcel": 1, "n": 2}\n', "ndjson")
    assert [[row["n"] for row in body["rows"]] for _, body in found] == [[1, 2]]
    assert grouped(tmp_path, '{"any": 1}', "json")[0][1] == {"any": 1}


@pytest.mark.parametrize(
    ("text", "mark", "value"),
    [
        ("1.234,56", ",", "1234.56"),
        ("1 234 567,8", ",", "1234567.80"),
        ("1\u00a0234,5", ",", "1234.50"),
        ("12", ",", "12.00"),
        ("-0,5", ",", "-0.50"),
        ("1,234.56", ".", "1234.56"),
        ("1'234.50", ".", "1234.50"),
        (12.5, ",", "12.50"),
    ],
)
def test_amounts_as_people_write_them(text: Any, mark: str, value: str) -> None:
    found = sum_of(text, mark)
    assert found is not None
    assert plain_amount(found, 2) == value


@pytest.mark.parametrize(
    "text",
    ["12.50", "1.23,4", "1,234,56", "12,", "1.2345,6", "\u0661,\u0665", "1..234,5", "€ 5,00"],
)
def test_an_amount_with_other_marks_is_refused_and_not_guessed(text: str) -> None:
    document = """
mapping: one
deliveries:
  - signals:
      - type: refund.requested
        fields: {id: "'1'", order: "'A'", event_time: "'2026-11-30T10:00:00Z'", amount: {$money: {amount: a, currency: "'EUR'", decimal: "','"}}}
"""
    ((_, detail),) = faults(read(document, {"a": text}))
    assert "is no amount with `,` before its decimals" in detail


def test_a_code_by_its_whole_text_its_beginning_or_what_is_within() -> None:
    table = Table({"done": 1, "done*": 2, "*done": 3, "*left*safe place": 4, "a*a": 5, "*": 9})
    cases = {
        "Done": 1,
        "done today": 2,
        "not  DONE": 3,
        "parcel left in a safe place": 4,
        "aa": 5,
        "a": 9,
        "?": 9,
    }
    assert {text: table.find(text)[1] for text in cases} == cases
    assert Table({"*x*": 1}).find("x" * 2_000) == (False, None)


def test_a_text_that_is_no_json_is_a_fault_and_not_silence() -> None:
    document = """
mapping: one
deliveries:
  - of: parse_json(data).list
    signals:
      - type: shipment.scanned
        fields: {id: id, order: "'A'", event_time: at, status: "'in_transit'"}
"""
    ((_, detail),) = faults(read(document, {"data": '{"list": ['}))
    assert "not readable as JSON" in detail
