"""A service on a real database with sources that send through months of simulated time."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import count

from api.composition import Desks
from application.log import streams
from application.log.caller import operator_caller
from application.sources.ports import ListedItem, RawDelivery
from domain.cases.exception_case import ExceptionCase
from domain.people import OPERATOR_ACTOR
from domain.policy.rulebook import Rulebook
from domain.sources.source import AddSource, PauseSource
from infrastructure.projections.runner import ProjectionRunner
from projections import PROJECTIONS
from tests.sources.senders import MAPPING

MONDAY = datetime(2026, 3, 30, 10, tzinfo=UTC)
"""Ten o'clock in UTC: the Monday after the clocks of Europe were put forward."""
WEEK = timedelta(weeks=1)
_numbers = count()


class WatchedSources:
    def __init__(self, working: Desks, dsn: str, rulebook: Rulebook | None = None) -> None:
        self.desks, self.dsn = working, dsn
        self.runner = ProjectionRunner(dsn, PROJECTIONS)
        working.ensure_policy(rulebook)

    def add(self, name: str, at: datetime = MONDAY - 10 * WEEK, owner: str = "order_desk") -> None:
        ask = AddSource(name=name, owner=owner, document=MAPPING)
        self.desks.sources.add(ask, operator_caller(at))

    def send(self, name: str, times: Iterable[datetime]) -> None:
        for at in times:
            body = json.dumps({"n": next(_numbers)}).encode()
            raw = RawDelivery(body, {"x-event": "other"}, {})
            self.desks.deliveries.take_parts(name, [raw], OPERATOR_ACTOR, at)

    def pull(self, name: str, at: datetime, *documents: tuple[str, object]) -> None:
        """Take these documents from a list of the source."""
        self.update_reports()
        items = [
            ListedItem(
                id=f"item-{n}",
                at=at,
                raw=RawDelivery(json.dumps(one).encode(), {"x-event": topic}, {}),
                webhook=True,
            )
            for n, (topic, one) in enumerate(documents)
        ]
        self.desks.pulls._deliveries.take(self.desks.sources.find(name), items, at)

    def send_before(self, name: str, end: datetime, number: int, minutes: int = 120) -> None:
        """Deliveries spread evenly over so many minutes before this time."""
        step = timedelta(minutes=minutes) / max(number, 1)
        self.send(name, [end - step * n - step / 2 for n in range(number)])

    def send_for_weeks(self, name: str, end: datetime, *numbers: int) -> None:
        """So many deliveries in the window one week before this time, two weeks before, and so on."""
        for n, number in enumerate(numbers, start=1):
            self.send_before(name, end - n * WEEK, number)

    def pause(self, name: str, at: datetime) -> None:
        self.desks.sources.pause(name, PauseSource(reason="maintenance"), operator_caller(at))

    def resume(self, name: str, at: datetime) -> None:
        self.desks.sources.resume(name, PauseSource(reason="maintained"), operator_caller(at))

    def update_reports(self) -> None:
        self.runner.catch_up()

    def look(self, at: datetime) -> int:
        """Judge the window that ends at this time, with reports that have everything."""
        first = self.desks.source_watch.look(at)
        self.update_reports()
        return first + self.desks.source_watch.look(at + timedelta(minutes=1))

    def cases(self, kind: str = "source_silent") -> list[ExceptionCase]:
        """By their opening."""
        log = self.desks.log
        ids = [case for page in log.pages("case.detected", log.head(), 200) for case in page]
        found = streams.cases(log).current(ids)
        return [found[one] for one in ids if found[one].kind == kind]
