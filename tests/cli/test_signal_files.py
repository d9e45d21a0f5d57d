"""casetrail signals FILE…: valid lines are accepted, rejected lines are listed with file and line number."""

import bz2
import gzip
import json
from pathlib import Path

import pytest

from tests.api.signals import (
    JsonObject,
    cancelled,
    captured,
    money,
    order_id,
    placed,
    signal,
    unavailable,
)
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
    assert counts == {
        "recorded": 0,
        "held": 0,
        "duplicate": 1_204,
        "refused": 0,
        "refusals": [],
        "notices": [],
    }


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
            "detail": "2024-01-01T00:00:00 has no offset: add one, such as Z or +01:00, or name the zone "
            "in `time_zone`",
        }
    ]
    assert problems[f"{file}:10"]["type"] == "/problems/signal-id-reused"


def test_all_errors_of_a_line_are_also_listed_without_json(
    casetrail: Casetrail, tmp_path: Path
) -> None:
    file = tmp_path / "bad.ndjson"
    file.write_bytes(lines(cancelled("o\t1", source="OMS", nonsense=1)))
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


def test_what_is_odd_about_a_stored_signal_is_printed_with_its_place(
    casetrail: Casetrail, tmp_path: Path
) -> None:
    order, line = order_id(), {"id": "a", "price": money("10.00"), "quantity": 0}
    file = tmp_path / "odd.ndjson"
    sent = signal("shipment.handed_over", order, lines=[{"line": "z", "quantity": 1}])
    file.write_bytes(lines("", placed(order, lines=[line]), placed(order_id()), sent))
    ran = casetrail("signals", file)
    assert ran.returncode == 0
    assert "3 recorded" in ran.stdout
    first, second = ran.stderr.splitlines()
    assert first.startswith(f"{file}:2: notice: /lines/0/quantity: 0 pieces of line a")
    assert second.startswith(f"{file}:4: notice: /lines/0: the order has no line z")
    again = casetrail("signals", file, "--json")
    assert json.loads(again.stdout)["notices"] == []  # nothing was stored


def test_notices_are_in_the_json_with_their_places(casetrail: Casetrail, tmp_path: Path) -> None:
    file = tmp_path / "odd.ndjson"
    line = {"id": "a", "price": money("10.00"), "quantity": 0}
    file.write_bytes(lines(placed(order_id(), lines=[line])))
    (notice,) = json.loads(casetrail("signals", file, "--json").stdout)["notices"]
    assert (notice["place"], notice["pointer"]) == (f"{file}:1", "/lines/0/quantity")
    assert notice["detail"].startswith("0 pieces of line a")


def test_an_empty_file_is_not_an_error(casetrail: Casetrail, tmp_path: Path) -> None:
    file = tmp_path / "empty.ndjson"
    file.write_bytes(b"")
    ran = casetrail("signals", file, "--json")
    assert ran.returncode == 0
    assert json.loads(ran.stdout) == {
        "recorded": 0,
        "held": 0,
        "duplicate": 0,
        "refused": 0,
        "refusals": [],
        "notices": [],
    }


def written(*items: JsonObject) -> str:
    return "".join(f"{json.dumps(item, ensure_ascii=False)}\n" for item in items)


def test_files_are_read_in_every_encoding(casetrail: Casetrail, tmp_path: Path) -> None:
    files = []
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-32"):
        for packed in (False, True):
            file = tmp_path / f"{encoding}-{packed}.ndjson"
            order = order_id()
            odd = cancelled(order, reason="one\u2028two\u0085three")
            content = written(placed(order), odd).encode(encoding)
            file.write_bytes(gzip.compress(content) if packed else content)
            files.append(file)
    ran = casetrail("signals", *files, "--json")
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["recorded"] == 2 * len(files)


def test_files_with_byte_order_marks_may_be_put_together(
    casetrail: Casetrail, tmp_path: Path
) -> None:
    file = tmp_path / "both.ndjson"
    parts = [written(placed(order_id())).encode("utf-8-sig") for _ in range(3)]
    file.write_bytes(b"".join(parts) + "\ufeff\n".encode())
    ran = casetrail("signals", file)
    assert ran.returncode == 0, ran.stderr
    assert "3 recorded" in ran.stdout


SOUND = written(placed("never"), captured("never"))
UNREADABLE: dict[str, tuple[bytes, str]] = {
    "UTF-16 without a mark": (SOUND.encode("utf-16-le"), "write it in UTF-8, or with the mark"),
    "half a character": (SOUND.encode("utf-16")[:-1], "not UTF-16 (byte 0x0a at"),
    "half a gzip": (gzip.compress(SOUND.encode())[:-12], "pack it again, or leave it unpacked"),
    "not a gzip": (b"\x1f\x8bx", "pack it again, or leave it unpacked"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_an_unreadable_file_is_named_with_a_remedy_and_the_others_are_read(
    casetrail: Casetrail, tmp_path: Path, name: str
) -> None:
    content, remedy = UNREADABLE[name]
    broken, sound = tmp_path / "broken.ndjson", tmp_path / "sound.ndjson"
    broken.write_bytes(content)
    sound.write_text(written(placed(order_id())))
    ran = casetrail("signals", broken, sound)
    assert ran.returncode == 1
    assert "Traceback" not in ran.stderr
    assert f"{broken}" in ran.stderr
    assert remedy in ran.stderr
    assert "recorded" in ran.stdout
    assert "0 recorded" not in ran.stdout


def test_lines_in_another_encoding_are_named_with_a_remedy(
    casetrail: Casetrail, tmp_path: Path
) -> None:
    file, packed = tmp_path / "latin.ndjson", tmp_path / "packed.bz2"
    odd = cancelled(order_id(), reason="caf\xe9")
    file.write_bytes(written(odd, placed(order_id())).encode("latin-1") + b"\0\n")
    packed.write_bytes(bz2.compress(SOUND.encode()))
    ran = casetrail("signals", file, packed)
    assert ran.returncode == 1
    assert "Traceback" not in ran.stderr
    assert f"{file}:1: the line is not valid JSON: not UTF-8 (byte 0xe9 at" in ran.stderr
    assert "write it in UTF-8" in ran.stderr
    assert f"{file}:3: the line is not valid JSON: " in ran.stderr
    assert f"{packed}:1: the line is not valid JSON: " in ran.stderr
    assert "1 recorded" in ran.stdout
