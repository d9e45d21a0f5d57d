"""An event at the deadline is in time; an event at the end of a day belongs to the next day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from domain.orders.events import ExpectationMet
from domain.orders.order import Order
from domain.orders.signal_body import Promise
from domain.orders.signals import Signal
from tests.domain.policies import SHIPPED, small_policy
from tests.domain.signals import (
    LAST_DAY,
    NOON,
    after,
    approved,
    cancelled,
    captured,
    delivered,
    handed_over,
    order_with,
    placed,
    promising,
    shipping_by,
    unavailable,
)

MOMENT = timedelta(microseconds=1)
HOURS_PER_MOMENT = 1 / 3_600_000_000
SHIP_BY = after(48)
DAY_ENDS = datetime(2018, 1, 21, tzinfo=UTC)
STALLED = after(72)


def missed(state: Order, now: datetime) -> list[str]:
    return [watch.rule for watch, _, _ in state.overdue(SHIPPED, now)]


def shifted(signal: Signal, to: datetime) -> Signal:
    """The same signal with another event time."""
    return replace(signal, event_time=to)


PARCEL, LINE = "parcel-handed-over-by-the-shipping-limit", "line-handed-over-by-the-shipping-limit"
WITHOUT_LINES = "handed-over-by-the-shipping-limit"
"""Where no line and no parcel is known, the order itself has the limit."""
UNKNOWN_LINES = placed(lines=(), ship_by=SHIP_BY)

AT_THE_LIMIT_IS_IN_TIME = [
    (PARCEL, shipping_by(48), handed_over(), SHIP_BY),
    (WITHOUT_LINES, UNKNOWN_LINES, cancelled(), SHIP_BY),
    (WITHOUT_LINES, UNKNOWN_LINES, unavailable(), SHIP_BY),
    ("approved-within-72-hours", placed(), approved(), STALLED),
    ("approved-within-72-hours", placed(), cancelled(), STALLED),
    ("some-payment-within-72-hours", placed(tenders=None), captured(), STALLED),
]


@pytest.mark.parametrize(("rule", "given", "what", "limit"), AT_THE_LIMIT_IS_IN_TIME)
def test_an_event_exactly_at_the_deadline_is_in_time(rule, given, what, limit) -> None:
    years_later = after(24 * 1000)
    assert rule not in missed(order_with(given, shifted(what, limit)), years_later)
    assert rule in missed(order_with(given, shifted(what, limit + MOMENT)), years_later)


@pytest.mark.parametrize(
    ("rule", "given", "what"),
    [
        ("parcel-delivered-by-the-promised-day", promising(), delivered()),
        ("delivered-by-the-promised-day", promising(lines=()), cancelled()),
        ("delivered-by-the-promised-day", promising(lines=()), unavailable()),
    ],
)
def test_an_event_at_the_end_of_the_promised_day_is_late(rule, given, what) -> None:
    years_later = after(24 * 1000)
    assert rule not in missed(order_with(given, shifted(what, DAY_ENDS - MOMENT)), years_later)
    assert rule in missed(order_with(given, shifted(what, DAY_ENDS)), years_later)


@pytest.mark.parametrize(
    ("rule", "given", "first_missed"),
    [
        (LINE, shipping_by(48), SHIP_BY + MOMENT),
        (WITHOUT_LINES, UNKNOWN_LINES, SHIP_BY + MOMENT),
        ("approved-within-72-hours", placed(), STALLED + MOMENT),
        ("line-delivered-by-the-promised-day", promising(), DAY_ENDS),
        ("delivered-by-the-promised-day", promising(lines=()), DAY_ENDS),
    ],
)
def test_an_expectation_is_missed_from_the_first_late_moment(rule, given, first_missed) -> None:
    state = order_with(given)
    assert rule not in missed(state, first_missed - MOMENT)
    assert rule in missed(state, first_missed)


def test_the_timer_is_set_to_the_first_late_moment() -> None:
    assert order_with(shipping_by(48)).next_due(SHIPPED) == SHIP_BY + MOMENT
    assert order_with(shipping_by(48), handed_over(48)).next_due(SHIPPED) == STALLED + MOMENT
    assert order_with(shipping_by(48), handed_over(), approved()).next_due(SHIPPED) is None
    assert order_with(promising(), approved()).next_due(SHIPPED) == DAY_ENDS
    assert order_with(cancelled()).next_due(SHIPPED) is None


def test_nothing_is_missed_on_an_order_that_was_never_placed() -> None:
    assert missed(order_with(handed_over(), delivered()), after(24 * 1000)) == []


def test_a_deadline_that_was_decided_is_not_decided_again() -> None:
    state = order_with(placed(tenders=None), approved(), captured())
    ((watch, part, deadline),) = state.overdue(SHIPPED, after(400))
    assert part == ""
    met = ExpectationMet(deadline=deadline.at, decision=watch.decide(state.facts, deadline))
    assert missed(state.after(met), after(24 * 1000)) == []
    assert state.after(met).next_due(SHIPPED) is None


def test_overdue_expectations_are_decided_in_the_order_of_their_deadlines() -> None:
    state = order_with(shipping_by(48, promise=Promise(delivery_date=LAST_DAY)))
    assert missed(state, after(24 * 1000)) == [
        LINE,
        "approved-within-72-hours",
        "line-delivered-by-the-promised-day",
    ]


@pytest.mark.parametrize("hours", [0.5, HOURS_PER_MOMENT, 24 * 365])
def test_a_duration_runs_in_absolute_time(hours) -> None:
    span = timedelta(hours=hours)
    text = f"PT{span / timedelta(seconds=1):f}S"
    due = {"after": "milestones.placed_at", "within": text}
    met_by = "milestones.delivered_at"
    rulebook = small_policy(expect=[{"rule": "soon", "due": due, "met_by": met_by}])
    assert order_with(placed()).next_due(rulebook) == NOON + span + MOMENT


def test_a_promised_day_ends_in_the_customers_time_zone() -> None:
    here = order_with(promising(LAST_DAY, "UTC"), approved())
    sao_paulo = order_with(promising(LAST_DAY, "America/Sao_Paulo"), approved())
    auckland = order_with(promising(LAST_DAY, "Pacific/Auckland"), approved())
    assert here.next_due(SHIPPED) == DAY_ENDS
    assert sao_paulo.next_due(SHIPPED) == DAY_ENDS + timedelta(hours=2)
    assert auckland.next_due(SHIPPED) == DAY_ENDS - timedelta(hours=13)
