"""One human tries two duties of a case, or of two cases of one order, through two accounts, from two processes at the same moment:
one is taken, and the other is refused.

10,000 pairs in all; with `CASETRAIL_PROOFS=whole`, 10,000 of each kind.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator

import psycopg
import pytest

from application.log import streams
from application.log.event_log import EventLog
from application.log.recorder import LogRecorder
from domain.cases.exception_case import case_stream
from domain.orders.order import order_stream
from infrastructure.event_store.postgres_recorder import PostgresLogRecorder
from infrastructure.postgres.datastore import Datastore
from tests.proofs import duty_ledger
from tests.proofs.races import (
    BOTH,
    DATABASE_ALONE,
    RACES,
    ROWS_ALONE,
    orders_of,
    prepare,
    race,
    race_of,
)

WHOLE = os.environ.get("CASETRAIL_PROOFS") == "whole"
PAIRS = 10_000
DECIDED, OF_ROWS = (PAIRS, PAIRS) if WHOLE else (PAIRS // 5, PAIRS // 5 * 3)
"""Of those that are decided there are two lots: with both rules, and with the database's alone."""
DONE = ("done", "later done")


@pytest.fixture
def recorder(dsn: str) -> Iterator[PostgresLogRecorder]:
    recorder = PostgresLogRecorder(Datastore(dsn))
    yield recorder
    recorder.close()


@pytest.mark.parametrize(("rules", "pairs"), [(BOTH, DECIDED), (DATABASE_ALONE, DECIDED)])
def test_one_of_two_concurrent_duties_is_taken(
    dsn: str, recorder: PostgresLogRecorder, rules: str, pairs: int
) -> None:
    prepare(recorder, pairs)
    outcomes = race(dsn, pairs, rules)
    counts = Counter(
        (race_of(n), *sorted(pair, key=lambda one: one not in DONE))
        for n, pair in enumerate(outcomes)
    )
    print(f"\n{pairs:,} pairs, rules: {rules}")
    for (name, *pair), count in sorted(counts.items()):
        print(f"  {name}: {' / '.join(pair)}: {count:,}")
    for n, pair in enumerate(outcomes):
        loses = RACES[race_of(n)].loses
        lost = [one.removeprefix("later ") for one in pair if one not in DONE]
        assert lost == ([loses] if loses is not None else []), (n, race_of(n), pair)
    pages = duty_ledger.read(_states(recorder))
    assert [counts for page in pages.values() for counts in page.findings] == []
    orders = duty_ledger.read_orders(_states(recorder))
    assert duty_ledger.find_several_duties(orders) == []
    stored, keys = _stored_duties(dsn), {str(order_stream(order)): order for order in orders}
    assert {key: rows for key, rows in stored.items() if key not in keys} == _logged_duties(pages)
    assert {keys[key]: rows for key, rows in stored.items() if key in keys} == orders
    _require_common_sums(recorder, pairs)


def test_the_database_rule_alone_allows_one_of_two_duties(dsn: str) -> None:
    outcomes = race(dsn, OF_ROWS, ROWS_ALONE)
    counts = Counter(outcomes)
    print(f"\n{OF_ROWS:,} pairs of rows: {dict(counts)}")
    assert counts.keys() <= {("done", "DutyTaken"), ("DutyTaken", "done")}
    with psycopg.connect(dsn) as connection:
        counted = connection.execute(
            "SELECT (SELECT count(*) FROM duties), (SELECT count(*) FROM stored_events)"
        ).fetchone()
    # A refused act stores nothing.
    assert counted == (OF_ROWS, OF_ROWS)


def _states(recorder: LogRecorder) -> Iterator[bytes]:
    return (state for _, state in recorder.select_positions(0, 10_000_000))


def _stored_duties(dsn: str) -> dict[str, set[tuple[str, str]]]:
    """Duties in the database, by human."""
    found: dict[str, set[tuple[str, str]]] = {}
    with psycopg.connect(dsn) as connection:
        for case, person, duty in connection.execute("SELECT case_id, person, duty FROM duties"):
            found.setdefault(str(case), set()).add(("bo" if person == "bob" else person, duty))
    return found


def _logged_duties(pages: dict[str, duty_ledger.CasePage]) -> dict[str, set[tuple[str, str]]]:
    """Duties in the log, for cases with money."""
    return {case: set(page.duties) for case, page in pages.items() if page.given}


def _require_common_sums(recorder: LogRecorder, pairs: int) -> None:
    cases = streams.cases(EventLog(recorder))
    for number in range(pairs):
        if RACES[race_of(number)].loses is None:
            ids = [case_stream(order, "stock_unavailable", 1) for order in orders_of(number)]
            counted = {
                case.adjustments.items[0].requirement.counted
                for case in cases.current(ids).values()
            }
            assert counted == {"40.00", "80.00"}, number
