"""Broken CSV: each unreadable row is rejected with its place, the rest is read, and rejected rows cause no
false cases."""

import gzip
import json
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from hashlib import sha256
from pathlib import Path

import pytest

from domain.orders.purchase_signals import OrderPlaced
from domain.orders.signals import Signal
from infrastructure.csv_rows import RejectedRow
from infrastructure.sources.olist.tables import OlistTables, TablesUnreadable
from tests.cli.conftest import Casetrail
from tests.cli.olist_tables import Row, Tables

SOUND = "sound"
Taken = tuple[dict[str, list[Signal]], list[RejectedRow], OlistTables]


def read_tables(folder: Path) -> Taken:
    """The signals of each order, and the rejected rows."""
    with OlistTables(folder) as tables:
        tables.load()
        signals = defaultdict(list)
        for signal in tables.in_time_order():
            signals[signal.order].append(signal)
        assert tables.refused == len(tables.refusals)
        return dict(signals), tables.refusals, tables


def changed(row: Row, place: int, value: str) -> Row:
    return (*row[:place], value, *row[place + 1 :])


def two_orders() -> Tables:
    """Two orders; a test breaks a row of the first, between rows of the second."""
    return Tables().order("broken").order(SOUND)


ORDER_COLUMNS = {"key": 0, "customer": 1, "status": 2, "purchased": 3, "approved": 4, "promised": 7}
ITEM_COLUMNS = {"number": 1, "product": 2, "limit": 4, "price": 5, "freight": 6}
PAYMENT_COLUMNS = {"number": 1, "type": 2, "installments": 3, "value": 4}

ORDERS: list[tuple[str, str]] = [
    ("key", ""),
    ("key", "a\tb"),
    ("key", "a\x85b"),
    ("key", "a\0b"),
    ("key", "x" * 201),
    ("customer", ""),
    ("customer", "x" * 121),
    ("status", "teleported"),
    ("status", ""),
    ("purchased", ""),
    ("purchased", "yesterday"),
    ("purchased", "2018-02-30 10:00:00"),
    ("purchased", "2018-01-02 25:00:00"),
    ("purchased", "2018-01-02"),
    ("purchased", "02/01/2018 10:00:00"),
    ("purchased", "2018-01-02 10:00+05"),
    ("purchased", "2018-W01-2 10:00:00"),
    ("purchased", "1901-01-02 10:00:00"),
    ("purchased", "9999-12-31 23:59:59"),
    ("approved", "soon"),
    ("promised", "9999-12-31 00:00:00"),
]
ITEMS: list[tuple[str, str]] = [
    ("number", "one"),
    ("number", ""),
    ("number", "\u00b2"),
    ("number", "9" * 30),
    ("number", "-1"),
    ("product", ""),
    ("limit", "never"),
    ("limit", "1901-01-01 00:00:00"),
    ("price", "ten"),
    ("price", "10,00"),
    ("price", ""),
    ("price", "-10.00"),
    ("price", "1e1"),
    ("price", "NaN"),
    ("price", "10.001"),
    ("freight", "free"),
]
PAYMENTS: list[tuple[str, str]] = [
    ("number", "one"),
    ("number", ""),
    ("number", "\u00b2"),
    ("number", "9" * 30),
    ("type", "x" * 501),
    ("installments", "many"),
    ("installments", "\u00b2"),
    ("installments", "9" * 30),
    ("installments", "361"),
    ("value", "twelve"),
    ("value", "-12.00"),
    ("value", ""),
]


@pytest.mark.parametrize(("column", "value"), ORDERS)
def test_a_broken_order_is_rejected_and_the_rest_is_read(
    tmp_path: Path, column: str, value: str
) -> None:
    tables = two_orders()
    tables.orders[0] = changed(tables.orders[0], ORDER_COLUMNS[column], value)
    signals, refusals, _ = read_tables(tables.write(tmp_path))
    assert set(signals) == {SOUND}
    assert len(signals[SOUND]) == 5
    (refusal,) = [r for r in refusals if r.file == "orders.csv"]
    assert refusal.line == 2
    assert refusal.detail
    # Its items and payments then have no order: they are rejected too, with their lines.
    assert {(r.file, r.line) for r in refusals} - {("orders.csv", 2)} <= {
        ("order_items.csv", 2),
        ("order_payments.csv", 2),
    }


@pytest.mark.parametrize("key", ["with a space", "caf\xe9", "#1001", "x" * 180])
def test_an_order_id_may_have_any_printed_character(tmp_path: Path, key: str) -> None:
    signals, refusals, _ = read_tables(Tables().order(key).order(SOUND).write(tmp_path))
    assert (set(signals), refusals) == ({key, SOUND}, [])


@pytest.mark.parametrize(("column", "value"), ITEMS)
def test_a_broken_item_is_rejected_and_no_charge_is_derived(
    tmp_path: Path, column: str, value: str
) -> None:
    tables = two_orders()
    tables.items.append(changed(tables.items[0], 1, "2"))
    tables.items[0] = changed(tables.items[0], ITEM_COLUMNS[column], value)
    signals, refusals, _ = read_tables(tables.write(tmp_path))
    assert [(r.file, r.line) for r in refusals] == [("order_items.csv", 2)]
    assert set(signals) == {"broken", SOUND}
    assert len(placed(signals["broken"]).lines) == 1
    assert not placed(signals["broken"]).lines_complete
    assert placed(signals[SOUND]).lines_complete


@pytest.mark.parametrize(("column", "value"), PAYMENTS)
def test_a_broken_payment_is_rejected_and_not_reported_missing(
    tmp_path: Path, column: str, value: str
) -> None:
    tables = two_orders()
    tables.payments[0] = changed(tables.payments[0], PAYMENT_COLUMNS[column], value)
    signals, refusals, _ = read_tables(tables.write(tmp_path))
    assert [(r.file, r.line) for r in refusals] == [("order_payments.csv", 2)]
    assert set(signals) == {"broken", SOUND}
    # The customer chose a payment: an unreadable row does not make it missing.
    assert placed(signals["broken"]).tenders != ()
    assert [s.type for s in signals["broken"]].count("payment.captured") == 0


def placed(signals: list[Signal]) -> OrderPlaced:
    (found,) = [signal for signal in signals if isinstance(signal, OrderPlaced)]
    return found


@pytest.mark.parametrize("table", ["orders", "items", "payments"])
@pytest.mark.parametrize("how", ["too few", "too many"])
def test_a_row_of_another_length_is_rejected(tmp_path: Path, table: str, how: str) -> None:
    tables = two_orders()
    rows: list[Row] = getattr(tables, table)
    rows[0] = rows[0][:-2] if how == "too few" else (*rows[0], "more")
    signals, refusals, _ = read_tables(tables.write(tmp_path))
    assert len(signals[SOUND]) == 5
    name = "orders.csv" if table == "orders" else f"order_{table}.csv"
    assert (name, 2) in {(r.file, r.line) for r in refusals}
    if table == "items":
        assert not placed(signals["broken"]).lines_complete
    if table == "payments":
        assert placed(signals["broken"]).tenders != ()


def test_a_row_of_an_unknown_order_is_rejected(tmp_path: Path) -> None:
    tables = two_orders()
    tables.items.insert(1, changed(tables.items[0], 0, "nobody"))
    tables.payments.insert(1, changed(tables.payments[0], 0, "nobody"))
    signals, refusals, _ = read_tables(tables.write(tmp_path))
    assert {len(s) for s in signals.values()} == {5}
    assert [(r.file, r.line, r.column) for r in refusals] == [
        ("order_items.csv", 3, "order_id"),
        ("order_payments.csv", 3, "order_id"),
    ]


def test_the_first_row_of_a_repeated_order_is_used(tmp_path: Path) -> None:
    tables = two_orders()
    tables.orders.append(changed(tables.orders[1], ORDER_COLUMNS["status"], "canceled"))
    signals, refusals, _ = read_tables(tables.write(tmp_path))
    assert len(signals[SOUND]) == 5
    assert [(r.file, r.line) for r in refusals] == [("orders.csv", 4)]


def test_a_repeated_payment_with_other_content_is_reported(tmp_path: Path) -> None:
    """Both rows make signals with one id: intake records the first and refuses the second."""
    tables = two_orders()
    tables.payments.append(changed(tables.payments[1], PAYMENT_COLUMNS["value"], "50.00"))
    signals, refusals, _ = read_tables(tables.write(tmp_path))
    identities = [signal.key for signal in signals[SOUND]]
    assert len(set(identities)) == len(identities) or refusals
    assert [(r.file, r.line) for r in refusals] in ([("order_payments.csv", 4)], [])


@pytest.mark.parametrize(("table", "most"), [("items", 1_000), ("payments", 100)])
def test_an_order_with_too_many_rows_for_a_signal_is_rejected(
    tmp_path: Path, table: str, most: int
) -> None:
    tables = two_orders()
    rows: list[Row] = getattr(tables, table)
    rows += [changed(rows[0], 1, str(number)) for number in range(2, most + 3)]
    signals, refusals, _ = read_tables(tables.write(tmp_path))
    assert len(signals[SOUND]) == 5
    assert refusals, "it cannot have been taken whole"


def test_a_rejected_row_does_not_move_the_end_of_the_replay(tmp_path: Path) -> None:
    """Otherwise all open orders would seem late."""
    tables = two_orders()
    tables.orders[0] = changed(tables.orders[0], ORDER_COLUMNS["purchased"], "2999-01-01 00:00:00")
    _, refusals, read = read_tables(tables.write(tmp_path))
    assert refusals
    assert read.ends_at == datetime.fromisoformat("2018-01-08T17:00:00+00:00")


def test_a_stray_quote_breaks_only_its_own_row(tmp_path: Path) -> None:
    tables = two_orders()
    for number in range(50):
        tables.order(f"{SOUND}-{number}")
    folder = tables.write(tmp_path)
    file = folder / "orders.csv"
    lines = file.read_text().splitlines(keepends=True)
    lines[1] = '"' + lines[1]
    file.write_text("".join(lines))
    signals, refusals, _ = read_tables(folder)
    assert {key for key in signals if key.startswith(SOUND)} == {SOUND} | {
        f"{SOUND}-{number}" for number in range(50)
    }
    assert ("orders.csv", 2) in {(r.file, r.line) for r in refusals}


def test_a_row_that_is_not_utf_8_breaks_only_itself(tmp_path: Path) -> None:
    folder = two_orders().write(tmp_path)
    file = folder / "orders.csv"
    file.write_bytes(file.read_bytes().replace(b"c-1", b"caf\xe9", 1))
    signals, refusals, _ = read_tables(folder)
    assert SOUND in signals
    assert ("orders.csv", 2) in {(r.file, r.line) for r in refusals}


@pytest.mark.parametrize("ending", [b"\r\n", b"\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_other_line_endings_are_read(tmp_path: Path, ending: bytes, mark: bytes) -> None:
    folder = two_orders().write(tmp_path)
    for file in folder.iterdir():
        file.write_bytes(mark + file.read_bytes().replace(b"\n", ending))
    signals, refusals, _ = read_tables(folder)
    assert (set(signals), refusals) == ({"broken", SOUND}, [])


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def scrambled(content: bytes) -> bytes:
    """A gzip header followed by bytes that are not gzip."""
    return content[:10] + bytes(255 - byte for byte in content[10:])


@pytest.mark.parametrize(
    "spoil",
    [cut, scrambled, lambda content: b"", lambda content: gzip.decompress(content)],
    ids=["cut", "scrambled", "empty", "not packed at all"],
)
@pytest.mark.parametrize("table", ["orders", "order_items", "order_payments"])
def test_a_truncated_gzip_table_is_refused(
    tmp_path: Path, table: str, spoil: Callable[[bytes], bytes]
) -> None:
    tables = Tables()
    for number in range(500):
        tables.order(f"o-{sha256(bytes([number % 256])).hexdigest()}-{number}")
    folder = tables.write(tmp_path, packed=True)
    file = folder / f"{table}.csv.gz"
    file.write_bytes(spoil(file.read_bytes()))
    with pytest.raises(TablesUnreadable, match=file.name):
        read_tables(folder)


@pytest.mark.parametrize("table", ["orders", "order_items", "order_payments"])
def test_a_missing_table_is_named(tmp_path: Path, table: str) -> None:
    folder = two_orders().write(tmp_path)
    (folder / f"{table}.csv").unlink()
    with pytest.raises(TablesUnreadable, match=table):
        read_tables(folder)


@pytest.mark.parametrize("column", ["order_status", "order_id", "order_approved_at"])
def test_a_missing_column_is_named(tmp_path: Path, column: str) -> None:
    folder = two_orders().write(tmp_path)
    file = folder / "orders.csv"
    file.write_text(file.read_text().replace(column, "other", 1))
    with pytest.raises(TablesUnreadable, match=column):
        read_tables(folder)


def test_a_first_line_that_is_not_a_header_is_reported(tmp_path: Path) -> None:
    folder = two_orders().write(tmp_path)
    file = folder / "orders.csv"
    header, _, rest = file.read_text().partition("\n")
    file.write_text(f'{header},"half a quote"x\n{rest}')
    with pytest.raises(TablesUnreadable, match=r"orders\.csv.*not a header"):
        read_tables(folder)


def test_a_replay_lists_the_rejected_rows_and_opens_no_false_case(
    casetrail: Casetrail, tmp_path: Path
) -> None:
    tables = Tables()
    for number in range(30):
        tables.order(f"o-{number}")
    tables.orders[3] = changed(tables.orders[3], ORDER_COLUMNS["status"], "teleported")
    for number in range(5, 15):
        column = PAYMENT_COLUMNS["value" if number % 2 else "number"]
        tables.payments[number] = changed(tables.payments[number], column, "x")
        column = ITEM_COLUMNS["price" if number % 2 else "number"]
        tables.items[number + 10] = changed(tables.items[number + 10], column, "x")
    file = tmp_path / "cases.csv"
    folder = tables.write(tmp_path / "tables")
    ran = casetrail("replay", "olist", folder, "--cases", file, "--json")
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert (told["orders"], told["refused"]) == (29, 1 + 2 + 20)
    assert ran.stderr.count("skipped:") == 21  # 20 rows, and a line with the number of the others
    assert "orders.csv:5 (order_status)" in ran.stderr
    assert told["cases"] == {}
    assert len(file.read_text().splitlines()) == 1


@pytest.mark.parametrize("what", ["missing", "broken off"])
def test_an_impossible_replay_exits_with_2_and_a_plain_error(
    casetrail: Casetrail, tmp_path: Path, what: str
) -> None:
    tables = Tables()
    for number in range(500):
        tables.order(f"o-{number}")
    folder = tables.write(tmp_path / "tables", packed=True)
    file = folder / "order_items.csv.gz"
    if what == "missing":
        file.unlink()
    else:
        file.write_bytes(cut(file.read_bytes()))
    ran = casetrail("replay", "olist", folder, "--json")
    assert ran.returncode == 2
    assert "order_items" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert ran.stdout == ""
