"""What a system answered is told with its status, its kind and its first words, and with what to do; our secret and the
data of customers are not."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx2
import pytest

from api.composition import Desks
from domain.sources.pulls import PullEnd
from infrastructure.pulls.answers import Answer, SafeWords
from tests.api.running_service import RunningService
from tests.sources.pullers import add_before, document, item, pull, pulling_desks, set_up
from tests.sources.senders import order_number
from tests.sources.shops.local_system import TOKEN, Fault, running
from tests.sources.shops.paged_list import PagedList

HTML = {"Content-Type": "text/html; charset=utf-8"}
PAGE = b"<!doctype html><html><head><title>Sign in</title><style>p {}</style></head><body><p>Your\n session &amp; more</p>"


@pytest.fixture(scope="module")
def worker(server: RunningService) -> Iterator[Desks]:
    with pulling_desks(server.dsn) as working:
        yield working


@pytest.fixture
def shop() -> Iterator[PagedList]:
    with running(PagedList()) as system:
        system.items = [item(order_number()) for _ in range(7)]
        yield system


@pytest.mark.parametrize(
    ("name", "fault", "ended", "said"),
    [
        ("page", Fault(200, HTML, PAGE), PullEnd.UNREADABLE, 'answered 200 with text/html: "Sign in Your session & more", which is not JSON; check the address'),
        ("denied", Fault(403, HTML, b"<h1>Access denied</h1>"), PullEnd.REFUSED, 'answered 403 with text/html: "Access denied"; the secret has no permission'),
        ("teapot", Fault(418, {"Content-Type": "text/plain"}, b"I am\x00\n a teapot"), PullEnd.REFUSED, 'answered 418 with text/plain: "I am a teapot"; ask those who run'),
        ("down", Fault(521, HTML, b"<title>Web server is down</title>"), PullEnd.UNREACHABLE, 'answered 521 with text/html: "Web server is down" (3 attempts); see whether'),
        ("nothing", Fault(204, {}, b""), PullEnd.REFUSED, "answered 204 with application/json: an empty answer; a list is answered with 200"),
        ("empty", Fault(200, {}, b""), PullEnd.UNREADABLE, "an empty answer, which is not JSON"),
        ("told", Fault(401, {}, b'{"errors": "Invalid API key"}'), PullEnd.REFUSED, '"{"errors": "Invalid API key"}"; the secret is refused'),
        ("cut", Fault(200, {}, b'{"items": [{"number": "S-1", "buyer": "Ana Adler"'), PullEnd.UNREADABLE, "JSON of 49 bytes, not readable as JSON"),
        ("lost", Fault(302, HTML, b""), PullEnd.NOT_ALLOWED, "answered 302 with text/html: an empty answer, without a `Location`"),
        ("moved", Fault(301, {"Location": "/other?token=abc"}), PullEnd.NOT_ALLOWED, "/other; redirects are not followed: set the address"),
        ("astray", Fault(307, {"Location": "http://[::1"}), PullEnd.NOT_ALLOWED, 'leads to "http://[::1", which is no address; redirects are not followed'),
        ("object", Fault(200, {}, b'{"error": "x", "code": 7}'), PullEnd.UNREADABLE, "`items` names no list in the answer of items, which is an object with error, code; check `items`"),
        ("number", Fault(200, {}, b"7"), PullEnd.UNREADABLE, "which is a number; check `items`"),
        ("packed", Fault(200, {"Content-Encoding": "gzip"}, b"no gzip"), PullEnd.UNREADABLE, "not packed as its `Content-Encoding` says"),
        ("gone", Fault(hang_up=True), PullEnd.UNREACHABLE, "/items: the answer was cut off, or is not HTTP: Server disconnected"),
        ("silent", Fault(seconds=1), PullEnd.UNREACHABLE, "/items: nothing came for 0.5 s (3 attempts); see whether the system is up"),
        ("limited", Fault(429, {**HTML, "Retry-After": "99"}, b"<b>Slow down</b>"), PullEnd.RATE_LIMITED, 'for 99 s, and the worker waits: http'),
    ],
)  # fmt: skip
def test_the_result_says_what_came_and_what_to_do(
    olga: httpx2.Client,
    worker: Desks,
    shop: PagedList,
    name: str,
    fault: Fault,
    ended: PullEnd,
    said: str,
) -> None:
    add_before(worker, f"odd-{name}")
    set_up(olga, f"odd-{name}", shop.url, document=document())
    shop.faults += [fault] * 3
    failed = pull(worker, f"odd-{name}")
    assert (failed.ended, said in failed.detail) == (ended, True), failed.detail
    assert "Ana Adler" not in failed.detail
    assert "token=abc" not in failed.detail
    assert (failed.recorded, failed.complete_until) == (0, None)


@pytest.mark.parametrize("body", [TOKEN, f'{{"{TOKEN}": 1}}', f"<p>key {TOKEN}</p>"])
@pytest.mark.parametrize("status", [200, 400, 429, 500])
def test_a_system_that_repeats_our_secret_does_not_get_it_recorded(
    olga: httpx2.Client, worker: Desks, shop: PagedList, status: int, body: str
) -> None:
    name = "echo"
    if olga.get(f"/v1/sources/{name}").status_code == 404:
        add_before(worker, name)
    set_up(olga, name, shop.url, document=document())
    headers = {"Content-Type": f"text/{TOKEN}", "Retry-After": "99"}
    shop.faults += [Fault(status, headers, body.encode())] * 3
    failed = pull(worker, name)
    assert failed.ended.is_failure
    assert TOKEN not in failed.detail
    shop.faults += [Fault(302, {"Location": f"/{TOKEN}"})]
    assert TOKEN not in pull(worker, name).detail


@pytest.mark.parametrize("secret", ["a/b+c==&d", 'quo"te\\d', "x" * 115])
def test_no_form_of_the_secret_is_shown(secret: str) -> None:
    words = SafeWords(secret, "ana")
    pair = base64.b64encode(f"ana:{secret}".encode()).decode()
    forms = [secret, pair, json.dumps(secret), json.dumps(secret).replace("/", "\\/")]
    url = httpx2.URL("https://example.org/items")
    for form in [*forms, *(str(httpx2.QueryParams({"": one}))[1:] for one in (secret, pair))]:
        answer = Answer(url, 400, httpx2.Headers(), f"You sent {form}.".encode())
        assert words.beginning(answer).count("[secret]") == 1, form
        assert secret[:20] not in words.beginning(answer)


@pytest.mark.parametrize(
    ("name", "date"),
    [("epoch", "Thu, 01 Jan 1970 00:00:00 GMT"), ("first", "Mon, 01 Jan 0001 00:00:00 GMT")],
)
def test_a_clock_that_cannot_be_is_not_believed(
    olga: httpx2.Client, worker: Desks, shop: PagedList, name: str, date: str
) -> None:
    add_before(worker, f"clock-{name}")
    set_up(olga, f"clock-{name}", shop.url, document=document())
    good = {"items": shop.items, "more": False}
    shop.faults += [Fault(200, {"Date": date}, json.dumps(good).encode())]
    pulled = pull(worker, f"clock-{name}")
    assert (pulled.ended, pulled.recorded) == (PullEnd.COMPLETE, 7)
    assert pulled.until > datetime.now(UTC) - timedelta(minutes=6)
    assert "which cannot be: our clock counted instead" in pulled.detail


@pytest.mark.parametrize("date", ["soon", "", "Thu, 31 Dec 9999 23:59:59 GMT", "7", "\x7f"])
def test_a_date_that_is_none_or_ahead_changes_nothing(
    olga: httpx2.Client, worker: Desks, shop: PagedList, date: str
) -> None:
    name = "dated"
    if olga.get(f"/v1/sources/{name}").status_code == 404:
        add_before(worker, name)
    set_up(olga, name, shop.url, document=document())
    shop.size = 7
    good = {"items": shop.items, "more": False}
    shop.faults += [Fault(200, {"Date": date}, json.dumps(good).encode())]
    pulled = pull(worker, name)
    assert (pulled.ended, pulled.detail, pulled.listed) == (PullEnd.COMPLETE, "", 7)
    assert pulled.until > datetime.now(UTC) - timedelta(minutes=6)
