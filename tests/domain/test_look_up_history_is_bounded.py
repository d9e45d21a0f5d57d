"""The history of orders and prices for look-ups is bounded for any number of orders and any
times."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from domain.look_ups.duplicates import MAX_DUPLICATE_WINDOW, MAX_PAST_ORDERS, CustomerOrders
from domain.look_ups.events import CustomerOrdered, ProductPriced
from domain.look_ups.prices import MAX_PAST_PRICES, MAX_PRICE_PERIOD, ProductPrices
from tests.domain.signals import BOUNDED_SETTINGS, NOON, after, money

DAY = timedelta(days=1)
hours = st.integers(-24 * 800, 24 * 800)
moments = st.lists(st.tuples(hours, hours), max_size=60)


def orders_after(arrivals: list[tuple[float, float]]) -> CustomerOrders:
    """The history after orders with these hours of placing and of arrival."""
    state = CustomerOrders()
    for n, (placed, came) in enumerate(arrivals):
        event = CustomerOrdered(customer="c", basket=f"{n % 3:032}", placed_at=after(placed))
        state = state.after(event, f"o-{n}", after(came))
    return state


def prices_after(arrivals: list[tuple[float, float]]) -> ProductPrices:
    state = ProductPrices()
    for n, (placed, came) in enumerate(arrivals):
        event = ProductPriced(sku="s", price=money(f"{n % 5 + 1}.00"), at=after(placed))
        state = state.after(event, f"o-{n}", after(came))
    return state


MANY = [(n / 100, n / 100) for n in range(MAX_PAST_ORDERS + 50)]


def test_the_newest_orders_are_kept_when_there_are_too_many() -> None:
    assert MAX_PAST_ORDERS == MAX_PAST_PRICES
    past = orders_after(MANY).past
    assert (len(past), past[0].placed_at) == (MAX_PAST_ORDERS, after(0.5))
    prices = prices_after(MANY).past
    assert (len(prices), prices[0].at) == (MAX_PAST_PRICES, after(0.5))


@BOUNDED_SETTINGS
@given(arrivals=moments)
def test_past_orders_are_limited_sorted_and_within_the_longest_window(arrivals) -> None:
    state = orders_after(arrivals)
    assert state.version == len(arrivals)
    assert len(state.past) <= MAX_PAST_ORDERS
    assert [*state.past] == sorted(state.past)
    if arrivals:
        newest = min(after(hours) for hours in arrivals[-1])
        assert all(one.placed_at >= newest - MAX_DUPLICATE_WINDOW for one in state.past)


@BOUNDED_SETTINGS
@given(arrivals=moments)
def test_past_prices_are_limited_sorted_and_cover_the_longest_look_back(arrivals) -> None:
    state = prices_after(arrivals)
    assert state.version == len(arrivals)
    assert len(state.past) <= MAX_PAST_PRICES
    times = [one.at for one in state.past]
    assert times == sorted(times)
    if arrivals:
        newest = min(after(hours) for hours in arrivals[-1])
        # One of them may be older: it is the price at the start of the look back.
        assert all(at > newest - MAX_PRICE_PERIOD for at in times[1:])


@BOUNDED_SETTINGS
@given(
    arrivals=st.lists(st.tuples(st.integers(0, 60), st.integers(1, 5)), min_size=1, max_size=20),
    over=st.integers(1, 90),
    least=st.integers(1, 30),
)
def test_the_usual_price_is_the_median_over_time(arrivals, over, least) -> None:
    """Compared with a count of days: on each, the last price shown, if it is not too old."""
    state = ProductPrices()
    for n, (day, price) in enumerate(arrivals):
        event = ProductPriced(sku="s", price=money(f"{price}.00"), at=NOON + day * DAY)
        state = state.after(event, f"o-{n}", NOON + day * DAY)
    at = NOON + 61 * DAY
    shown = [(one.at, one.money.value) for one in state.past]
    in_force: list[Decimal] = []
    for back in range(min(over, 61), 0, -1):
        day: datetime = at - back * DAY
        known = [(moment, value) for moment, value in shown if moment <= day]
        in_force += [value for moment, value in known[-1:] if day < moment + least * DAY]
    usual = state.usual_price(at, "o", over * DAY, least * DAY)
    if len(in_force) < least:
        assert usual is None
    else:
        in_force.sort()
        assert usual is not None
        assert usual.value == in_force[(len(in_force) - 1) // 2]
