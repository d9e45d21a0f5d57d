"""casetrail sources check and casetrail signals --mapping."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Casetrail

MAPPING = """
mapping: little
title: Orders of a little shop
topic: headers."x-event"
tables: {states: {open: authorization}}
deliveries:
  - topics: [order]
    of: orders
    signals:
      - type: order.placed
        fields: {id: {$join: ["'order:'", id]}, order: id, event_time: at, total: {$money: {amount: total, currency: "'EUR'"}}}
      - type: payment.failed
        when: state
        fields: {id: {$join: ["'payment:'", id]}, order: id, event_time: at, stage: {$code: {of: state, table: states}}}
"""
ORDER = {"id": 1, "at": "2026-11-30T10:00:00Z", "total": "12.30"}


def files(folder: Path, *orders: object) -> tuple[Path, Path]:
    mapping, sample = folder / "little.yaml", folder / "sample.json"
    mapping.write_text(MAPPING)
    sample.write_text(json.dumps({"orders": orders}))
    return mapping, sample


def test_a_sample_is_checked_without_being_stored(casetrail: Casetrail, tmp_path: Path) -> None:
    mapping, sample = files(tmp_path, {**ORDER, "colour": "red"})
    ran = casetrail("sources", "check", mapping, sample, "--header", "X-Event: order")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert f"{sample} (order): 1 signal\n" in ran.stdout
    assert '"total":{"amount":"12.30","currency":"EUR"}' in ran.stdout
    assert "not read: orders[].colour (such as 'red')" in ran.stdout


def test_what_is_not_understood_is_said_and_fails(casetrail: Casetrail, tmp_path: Path) -> None:
    mapping, sample = files(tmp_path, {**ORDER, "at": "yesterday", "state": "void"})
    ran = casetrail("sources", "check", mapping, sample, "--header", "x-event:order", "--json")
    assert ran.returncode == 1
    (found,) = json.loads(ran.stdout)
    assert found["understood"] is False
    assert found["unknown_codes"] == [{"table": "states", "code": "void"}]
    assert found["signals"][0]["faults"][0]["pointer"] == "/event_time"
    unknown = casetrail("sources", "check", mapping, sample, "--header", "x-event:refund")
    assert unknown.returncode == 1
    said = "no rule of the mapping reads this (the topic 'refund'); topics are: order"
    assert said in unknown.stdout
    sent = casetrail("signals", "--mapping", mapping, sample, "--header", "x-event:refund")
    assert (sent.returncode, said in sent.stderr) == (1, True)


def test_a_table_that_nothing_looks_up_is_named(casetrail: Casetrail, tmp_path: Path) -> None:
    mapping, sample = files(tmp_path, ORDER)
    mapping.write_text(MAPPING.replace("tables: {", "tables: {spare: {a: b}, "))
    ran = casetrail("sources", "check", mapping, sample, "--header", "x-event:order")
    assert (ran.returncode, ran.stderr) == (0, "little: nothing looks up the table spare\n")


def test_a_broken_document_is_refused_with_its_lines(casetrail: Casetrail, tmp_path: Path) -> None:
    mapping, sample = files(tmp_path, ORDER)
    mapping.write_text(MAPPING.replace("$money", "$mony").replace("at, stage", "'a |', stage"))
    ran = casetrail("sources", "check", mapping, sample)
    assert ran.returncode == 2
    assert "line 11" in ran.stderr
    assert "did you mean $money" in ran.stderr
    assert "line 14: not an expression of JMESPath" in ran.stderr
    assert "Traceback" not in ran.stderr
    guessed = casetrail("sources", "check", "shopfy")
    assert (guessed.returncode, "did you mean shopify?" in guessed.stderr) == (2, True)
    mapping.write_text(MAPPING)
    valid = casetrail("sources", "check", mapping)
    said = "little: the document is valid, with 1 rule\n"
    assert (valid.returncode, valid.stdout) == (0, said)
    missing = casetrail("sources", "check", "no-such-system", sample)
    assert (missing.returncode, "these ship: adyen, aftership" in missing.stderr) == (2, True)


def test_a_file_that_cannot_be_read_is_named(casetrail: Casetrail, tmp_path: Path) -> None:
    mapping, sample = files(tmp_path)
    sample.write_text("{")
    ran = casetrail("sources", "check", mapping, sample)
    assert ran.returncode == 1
    assert f"{sample}: not readable as JSON" in ran.stdout
    header = casetrail("sources", "check", mapping, sample, "--header", "order")
    assert (header.returncode, "write NAME:VALUE" in header.stderr) == (2, True)


def test_the_shipped_documents_are_listed(casetrail: Casetrail) -> None:
    ran = casetrail("sources", "mappings")
    assert ran.returncode == 0
    names = [line.split()[0] for line in ran.stdout.splitlines()]
    assert {"shopify", "stripe", "adyen", "easypost", "usps", "woocommerce"} <= set(names)


@pytest.mark.parametrize(("command", "name"), [("mappings", "shopify"), ("pulls", "stripe")])
def test_a_shipped_document_is_printed_to_start_from(
    casetrail: Casetrail, tmp_path: Path, command: str, name: str
) -> None:
    ran = casetrail("sources", command, "--print", name)
    assert (ran.returncode, ran.stderr) == (0, "")
    own = tmp_path / "own.yaml"
    own.write_text(ran.stdout)
    checked = casetrail("sources", "check" if command == "mappings" else "pulls", own)
    assert (checked.returncode, checked.stdout.startswith(name)) == (0, True)
    wrong = casetrail("sources", command, "--print", f"{name}x")
    assert (wrong.returncode, f"did you mean {name}?" in wrong.stderr) == (2, True)


def test_signals_of_another_system_are_stored_once(casetrail: Casetrail, tmp_path: Path) -> None:
    mapping, sample = files(tmp_path, ORDER, {**ORDER, "id": 2}, {"id": 3, "total": "1"})
    words = ["signals", "--mapping", mapping, sample, "--header", "x-event:order"]
    ran = casetrail(*words, "--json")
    assert ran.returncode == 1
    counts = json.loads(ran.stdout)
    assert (counts["recorded"], counts["refused"]) == (2, 1)
    assert counts["refusals"][0]["place"] == str(sample)
    again = casetrail(*words, "--json")
    assert json.loads(again.stdout)["duplicate"] == 2


def test_a_query_stands_beside_an_answer(casetrail: Casetrail, tmp_path: Path) -> None:
    sample = tmp_path / "answer.json"
    event = {"event_type": "Delivered", "scan_time": "2026-11-30T10:00:00Z"}
    sample.write_text(json.dumps({"tracking_events": [event]}))
    ran = casetrail("sources", "check", "sendle", sample, "--query", "tracking_number:S1")
    assert (ran.returncode, '"code":"S1"' in ran.stdout) == (0, True)
    assert casetrail("sources", "check", "sendle", sample).returncode == 1


def test_rows_of_a_warehouse_are_read_from_csv(casetrail: Casetrail, tmp_path: Path) -> None:
    rows = tmp_path / "parcels.csv"
    rows.write_text(
        "order,shipment,status,time,tracking,items\n"
        "A-1,P1,Shipped,2026-11-30T10:00:00Z,LC1,X:2;Y:1\n"
        "A-1,P1,Vanished,2026-11-30T11:00:00Z,LC1,\n"
        "A-1,P1\n"
    )
    ran = casetrail("signals", "--mapping", "threepl_shipments", rows, "--json")
    assert ran.returncode == 1
    counts = json.loads(ran.stdout)
    assert (counts["recorded"], counts["refused"]) == (1, 2)
    assert [one["place"] for one in counts["refusals"]] == [f"{rows}:3", f"{rows}:4"]
