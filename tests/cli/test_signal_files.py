"""casetrail signals FILE…: valid lines are accepted, rejected lines are listed with file and line number."""

import json
from pathlib import Path

from tests.api.signals import JsonObject, cancelled, captured, order_id, placed, unavailable
from tests.cli.conftest import Casetrail


def lines(*items: JsonObject | str | bytes) -> bytes:
    """Signals or other content, one a line."""
    texts = [json.dumps(item) if isinstance(item, dict) else item for item in items]
    return b"".join((t.encode() if isinstance(t, str) else t) + b"\n" for t in texts)


def test_valid_lines_are_accepted_once(casetrail: Casetrail, tmp_path: Path) -> None:
    files = [tmp_path / "one.ndjson", tmp_path / "two.ndjson"]
    told = [placed(order_id()) for _ in range(1_203)]
    files[0].write_bytes(lines(*told[:1_200]))
    files[1].write_bytes(lines(*told[1_200:], told[0]))
    ran = casetrail("signals", *files)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "1203 recorded" in ran.stdout
    assert "1 duplicate" in ran.stdout
    again = casetrail("signals", *files, "--json")
    assert again.returncode == 0
    counts = json.loads(again.stdout)
    assert counts == {"recorded": 0, "duplicate": 1_204, "refused": 0, "refusals": []}


def test_every_rejected_line_is_listed_with_file_and_line(
    casetrail: Casetrail, tmp_path: Path
) -> None:
    file, other = tmp_path / "bad.ndjson", tmp_path / "more.ndjson"
    order = order_id()
    paid = captured(order)
    file.write_bytes(
        lines(
            placed(order),
            "",
            "not json",
            {"type": "nonsense"},
            '{"type": "order.cancelled", "id": 7, broken',
            cancelled(order, event_time="2024-01-01T00:00:00"),
            b'{"type": "order.cancelled", "id": "caf\xe9"}',
            '{"a":' * 3_000 + "1" + "}" * 3_000,
            paid,
            {**paid, "amount": {"amount": "99.00", "currency": "EUR"}},
            "\t  ",
            unavailable(order),
        )
    )
    other.write_bytes(lines("[]"))
    ran = casetrail("signals", file, other, "--json")
    assert ran.returncode == 1, ran.stderr
    assert "Traceback" not in ran.stderr
    told = json.loads(ran.stdout)
    assert [told[name] for name in ("recorded", "refused")] == [3, 8]
    bad = [3, 4, 5, 6, 7, 8, 10]
    wanted = [*(f"{file}:{number}" for number in bad), f"{other}:1"]
    assert sorted(refusal["place"] for refusal in told["refusals"]) == sorted(wanted)
    for place in wanted:
        assert f"{place}: " in ran.stderr
    assert f"{file}:3: the line is not valid JSON: " in ran.stderr
    problems = {refusal["place"]: refusal["problem"] for refusal in told["refusals"]}
    assert problems[f"{file}:6"]["errors"] == [
        {
            "pointer": "/event_time",
            "detail": "'2024-01-01T00:00:00' has no offset: write a time such as 2026-11-29T10:00:00Z",
        }
    ]
    assert problems[f"{file}:10"]["type"] == "/problems/signal-id-reused"


def test_all_errors_of_a_line_are_also_listed_without_json(
    casetrail: Casetrail, tmp_path: Path
) -> None:
    file = tmp_path / "bad.ndjson"
    file.write_bytes(lines(cancelled("o 1", source="OMS", nonsense=1)))
    ran = casetrail("signals", file)
    assert ran.returncode == 1
    for pointer in ("/order", "/source", "/nonsense"):
        assert pointer in ran.stderr


def test_other_line_endings_are_read_or_refused(casetrail: Casetrail, tmp_path: Path) -> None:
    windows, mac = tmp_path / "windows.ndjson", tmp_path / "mac.ndjson"
    for file, ending in ((windows, b"\r\n"), (mac, b"\r")):
        told = [placed(order_id()) for _ in range(3)]
        file.write_bytes(ending.join(json.dumps(t).encode() for t in told) + ending)
    ran = casetrail("signals", windows, mac, "--json")
    assert "Traceback" not in ran.stderr
    counts = json.loads(ran.stdout)
    # A lone carriage return is white space in JSON: such a file is one line and not a signal.
    assert (counts["recorded"], counts["refused"]) in ((6, 0), (3, 1))


def test_an_empty_file_is_not_an_error(casetrail: Casetrail, tmp_path: Path) -> None:
    file = tmp_path / "empty.ndjson"
    file.write_bytes(b"")
    ran = casetrail("signals", file, "--json")
    assert ran.returncode == 0
    assert json.loads(ran.stdout) == {"recorded": 0, "duplicate": 0, "refused": 0, "refusals": []}
