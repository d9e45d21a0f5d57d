"""casetrail replay olist: exactly the true cases are opened, at the right times."""

import csv
import json
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from tests.cli.conftest import ROOT, Casetrail
from tests.cli.olist_by_definition import OWNED, Found, exceptions_of
from tests.cli.olist_tables import Tables

WHOLE = ROOT.parent / "shared" / "data" / "olist"
KEYS = {
    "orders",
    "signals",
    "standard_flow",
    "cases",
    "seconds",
    "signals_per_second",
    "peak_rss_mib",
    "refused",
}

# Orders with one problem each: kind -> how the order differs from one that is on time.
ONE_OF_EACH: dict[str, dict[str, object]] = {
    "delivery_late": {"delivered": "2018-01-21 08:00:00"},
    "ship_by_missed": {"handed_over": "2018-01-05 12:00:01"},
    "payment_stalled": {"approved": "2018-01-05 10:00:01", "handed_over": "2018-01-05 11:00:00"},
    "payment_mismatch": {"payments": ("12.02",)},
    "stock_unavailable": {
        "status": "unavailable",
        "handed_over": "",
        "delivered": "",
        "payments": ("0.00",),
        "items": (),
    },
    "milestones_out_of_order": {"approved": "2018-01-04 09:05:01"},
}

# Orders just below the limits: no problem.
ALMOST: dict[str, dict[str, object]] = {
    "delivered in the last second of the promised day": {"delivered": "2018-01-20 23:59:59"},
    "handed over at the limit": {"handed_over": "2018-01-05 12:00:00"},
    "within the latest of two limits": {
        "handed_over": "2018-01-06 12:00:00",
        "items": (("2018-01-05 12:00:00", "5.00", "1.00"), ("2018-01-06 12:00:00", "5.00", "1.00")),
    },
    "approved after exactly 72 hours": {
        "approved": "2018-01-05 10:00:00",
        "handed_over": "2018-01-05 11:00:00",
    },
    "two clocks within five minutes": {"approved": "2018-01-04 09:05:00"},
    "a cent too much": {"payments": ("12.01",)},
    "a cent too little": {"payments": ("11.99",)},
    "paid in parts": {"payments": ("5.00", "0.00", "7.00")},
    "not all items known": {"payments": ("99.00",), "complete": "False"},
    "cancelled before anything was due, unpaid": {
        "status": "canceled",
        "approved": "",
        "handed_over": "",
        "delivered": "",
        "payments": ("0.00",),
        "items": (),
    },
    "all at one moment": {
        "approved": "2018-01-02 10:00:00",
        "handed_over": "2018-01-02 10:00:00",
        "delivered": "2018-01-02 10:00:00",
    },
    "no promise, no limit": {"promised": "", "items": (), "payments": ("0.00",)},
}

# Orders around the nights of the clock changes in São Paulo.
# 2017-10-15: 00:00 was followed by 01:00. 2018-02-18: 24:00 of the 17th was followed by 23:00.
DAYLIGHT_SAVING: dict[str, dict[str, object]] = {
    "promised for the eve of a skipped midnight, not delivered": {
        "purchased": "2017-10-10 10:00:00",
        "approved": "2017-10-10 11:00:00",
        "handed_over": "2017-10-11 10:00:00",
        "delivered": "",
        "promised": "2017-10-14 00:00:00",
    },
    "promised for a day whose midnight is skipped, delivered on it": {
        "purchased": "2017-10-10 10:00:00",
        "approved": "2017-10-10 11:00:00",
        "handed_over": "2017-10-11 10:00:00",
        "delivered": "2017-10-15 23:59:59",
        "promised": "2017-10-15 00:00:00",
    },
    "delivered in the skipped hour, a day late": {
        "purchased": "2017-10-10 10:00:00",
        "approved": "2017-10-10 11:00:00",
        "handed_over": "2017-10-11 10:00:00",
        "delivered": "2017-10-15 00:30:00",
        "promised": "2017-10-14 00:00:00",
    },
    "delivered in the repeated hour of the promised day": {
        "purchased": "2018-02-10 10:00:00",
        "approved": "2018-02-10 11:00:00",
        "handed_over": "2018-02-11 10:00:00",
        "delivered": "2018-02-17 23:30:00",
        "promised": "2018-02-17 00:00:00",
        "items": (("2018-02-12 10:00:00", "10.00", "2.00"),),
    },
    "not delivered on a day of 25 hours": {
        "purchased": "2018-02-10 10:00:00",
        "approved": "2018-02-10 11:00:00",
        "handed_over": "2018-02-11 10:00:00",
        "delivered": "2018-02-18 00:00:00",
        "promised": "2018-02-17 00:00:00",
        "items": (("2018-02-12 10:00:00", "10.00", "2.00"),),
    },
    "72 hours over a change are 72 hours, approved in time": {
        "purchased": "2018-02-16 12:00:00",
        "approved": "2018-02-19 11:00:00",
        "handed_over": "2018-02-19 12:00:00",
        "delivered": "2018-02-20 12:00:00",
        "promised": "2018-03-20 00:00:00",
        "items": (("2018-02-22 10:00:00", "10.00", "2.00"),),
    },
    "72 hours over a change are 72 hours, approved a second late": {
        "purchased": "2018-02-16 12:00:00",
        "approved": "2018-02-19 11:00:01",
        "handed_over": "2018-02-19 12:00:00",
        "delivered": "2018-02-20 12:00:00",
        "promised": "2018-03-20 00:00:00",
        "items": (("2018-02-22 10:00:00", "10.00", "2.00"),),
    },
}

# Orders with several problems, and orders still open when the file ends (2018-03-01 12:00).
TANGLED: dict[str, dict[str, object]] = {
    "unavailable and paid": {
        "status": "unavailable",
        "handed_over": "",
        "delivered": "",
        "items": (),
    },
    "cancelled on its way": {"status": "canceled", "delivered": ""},
    "cancelled after everything was late": {
        "status": "canceled",
        "approved": "2018-01-09 10:00:00",
        "handed_over": "2018-02-01 10:00:00",
        "delivered": "2018-02-02 10:00:00",
    },
    "no payment at all": {"payments": ()},
    "no payment, no items": {"payments": (), "items": ()},
    "paid for nothing": {"items": (), "payments": ("12.00",)},
    "every pair the wrong way round": {
        "purchased": "2018-01-10 10:00:00",
        "approved": "2018-01-09 10:00:00",
        "handed_over": "2018-01-04 09:00:00",
        "delivered": "2018-01-03 09:00:00",
    },
    "limit before the purchase": {"items": (("2018-01-01 10:00:00", "10.00", "2.00"),)},
    "nothing after the purchase": {"approved": "", "handed_over": "", "delivered": ""},
    "bought an hour before the end": {
        "purchased": "2018-03-01 11:00:00",
        "approved": "",
        "handed_over": "",
        "delivered": "",
        "promised": "2018-03-20 00:00:00",
        "items": (("2018-03-06 10:00:00", "10.00", "2.00"),),
    },
    "promised for the day before the end": {"delivered": "", "promised": "2018-02-28 00:00:00"},
    "promised for the day of the end": {"delivered": "", "promised": "2018-03-01 00:00:00"},
    "limit a second before the end": {
        "handed_over": "",
        "delivered": "",
        "promised": "2018-03-20 00:00:00",
        "items": (("2018-03-01 11:59:59", "10.00", "2.00"),),
    },
    "limit a second after the end": {
        "handed_over": "",
        "delivered": "",
        "promised": "2018-03-20 00:00:00",
        "items": (("2018-03-01 12:00:01", "10.00", "2.00"),),
    },
    "the last thing that is known": {
        "purchased": "2018-02-27 10:00:00",
        "approved": "2018-02-27 10:00:00",
        "handed_over": "2018-02-28 10:00:00",
        "delivered": "2018-03-01 12:00:00",
        "promised": "2018-03-20 00:00:00",
        "items": (("2018-03-06 10:00:00", "10.00", "2.00"),),
    },
}


def key(name: str) -> str:
    return name.replace(" ", "-").replace(",", "")


def cases_in(file: Path) -> Found:
    with file.open(newline="") as text:
        reader = csv.DictReader(text)
        rows = list(reader)
    assert reader.fieldnames == ["order_id", "kind", "detected_at", "queue", "bucket", "severity"]
    found = {(r["order_id"], r["kind"]): datetime.fromisoformat(r["detected_at"]) for r in rows}
    assert len(found) == len(rows), "a case stands there twice"
    assert all(row["detected_at"].endswith("Z") for row in rows)
    for row in rows:
        assert (row["queue"], row["bucket"], row["severity"]) == OWNED[row["kind"]]
    return found


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tables = Tables()
    for group in (ONE_OF_EACH, ALMOST, DAYLIGHT_SAVING, TANGLED):
        for name, facts in group.items():
            tables.order(key(name), **facts)  # type: ignore[arg-type]
    return tables.write(tmp_path_factory.mktemp("olist"), packed=True)


def test_a_small_folder_opens_exactly_the_true_cases(
    casetrail: Casetrail, small: Path, tmp_path: Path
) -> None:
    file = tmp_path / "cases.csv"
    ran = casetrail("replay", "olist", small, "--cases", file, "--json")
    assert ran.returncode == 0, ran.stderr
    found, wanted = cases_in(file), exceptions_of(small)
    assert found == wanted

    for kind in ONE_OF_EACH:
        assert [k for order, k in found if order == key(kind)] == [kind]
    for name in ALMOST:
        assert [k for order, k in found if order == key(name)] == [], name
    assert at(found, "promised for the eve of a skipped midnight, not delivered") == {
        "delivery_late": "2017-10-15T03:00:00+00:00"
    }
    assert at(found, "delivered in the skipped hour, a day late") == {
        "delivery_late": "2017-10-15T03:00:00+00:00"
    }
    assert at(found, "promised for a day whose midnight is skipped, delivered on it") == {}
    assert at(found, "delivered in the repeated hour of the promised day") == {}
    assert at(found, "not delivered on a day of 25 hours") == {
        "delivery_late": "2018-02-18T03:00:00+00:00"
    }
    assert at(found, "72 hours over a change are 72 hours, approved in time") == {}
    assert at(found, "72 hours over a change are 72 hours, approved a second late") == {
        "payment_stalled": "2018-02-19T14:00:00+00:00"
    }

    told = json.loads(ran.stdout)
    assert set(told) == KEYS
    orders = len(ONE_OF_EACH) + len(ALMOST) + len(DAYLIGHT_SAVING) + len(TANGLED)
    assert told["orders"] == orders
    assert told["cases"] == Counter(kind for _, kind in wanted)
    assert set(told["cases"]) == set(OWNED)
    assert told["standard_flow"] == orders - len({order for order, _ in wanted})
    assert told["refused"] == 0
    assert told["signals_per_second"] == pytest.approx(told["signals"] / told["seconds"], rel=0.02)
    assert 10 < told["peak_rss_mib"] < 1_000


def at(found: Found, name: str) -> dict[str, str]:
    return {kind: when.isoformat() for (order, kind), when in found.items() if order == key(name)}


def test_a_second_replay_gives_the_same_cases_and_leaves_nothing_behind(
    casetrail: Casetrail, database: str, small: Path, tmp_path: Path
) -> None:
    files = [tmp_path / "first.csv", tmp_path / "again.csv"]
    for file in files:
        ran = casetrail("replay", "olist", small, "--cases", file)
        assert ran.returncode == 0, ran.stderr
        assert "standard flow" in ran.stdout
        assert "delivery_late" in ran.stdout
    assert cases_in(files[0]) == cases_in(files[1])
    with psycopg.connect(database) as connection:
        left = connection.execute(
            "SELECT datname FROM pg_database WHERE datname LIKE 'casetrail_replay_%'"
        ).fetchall()
        tables = connection.execute(
            "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        ).fetchone()
    assert left == []
    assert tables == (0,), "the replay mixed with the database's own orders"


def test_empty_tables_give_no_cases(casetrail: Casetrail, tmp_path: Path) -> None:
    folder, file = Tables().write(tmp_path / "none"), tmp_path / "cases.csv"
    ran = casetrail("replay", "olist", folder, "--cases", file, "--json")
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert (told["orders"], told["signals"], told["cases"]) == (0, 0, {})
    assert cases_in(file) == {}


@pytest.mark.skipif(not WHOLE.is_dir(), reason="../shared/data/olist is not here")
def test_all_of_olist_opens_exactly_the_true_cases(casetrail: Casetrail, tmp_path: Path) -> None:
    file = tmp_path / "cases.csv"
    ran = casetrail("replay", "olist", WHOLE, "--cases", file, "--json", seconds=300)
    assert ran.returncode == 0, ran.stderr
    found, wanted = cases_in(file), exceptions_of(WHOLE)
    assert set(wanted) - set(found) == set(), "true, and not found"
    assert set(found) - set(wanted) == set(), "opened, and not true"
    early = {k: found[k] for k in wanted if abs(found[k] - wanted[k]) > timedelta(0)}
    assert early == {}
    told = json.loads(ran.stdout)
    assert set(told) == KEYS
    assert told["cases"] == Counter(kind for _, kind in wanted)
    assert told["standard_flow"] == told["orders"] - len({order for order, _ in wanted})
    assert told["refused"] == 0
