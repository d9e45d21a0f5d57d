"""Desks that pull from systems of this machine, without long pauses."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import msgspec
import yaml

from api.composition import Clock, Desks, desks, utc_now
from application.log.caller import operator_caller
from domain.sources.pulls import SourcePulled
from domain.sources.source import AddSource
from infrastructure.pulls.client import Patience
from infrastructure.pulls.listing import HttpListing
from tests.api.running_service import outside_settings
from tests.sources.senders import MAPPING, SCHEME, SECRET, placed
from tests.sources.shops.local_system import TOKEN

HERE = "127.0.0.1"
QUICK = Patience(first_pause=0.01, attempts=3, longest_wait=2.0, answer=2.0, between=0.5)
PAGES = {
    "page": {"by": "page"},
    "offset": {"by": "offset", "more": "more"},
    "link_header": {"by": "link_header"},
    "next_url": {"by": "next_url", "next": "links.next"},
    "cursor": {"by": "cursor", "parameter": "cursor", "cursor": "cursor", "more": "more"},
}


def document(by: str = "page", **changes: Any) -> str:
    """A pull document for a `PagedList`, read as orders by the mapping of the little shop."""
    listed = {
        "path": "items",
        "since": {"parameter": "since"},
        "items": "items",
        "id": "number",
        "time": "at",
        "pages": PAGES[by],
        "headers": {"X-Event": "order"},
        **changes,
    }
    return yaml.safe_dump(
        {
            "pull": "little_shop",
            "authentication": {"by": "header", "header": "X-Api-Key"},
            "lists": [listed],
        }
    )


def ago(**parts: float) -> str:
    """The time so long ago, as systems write it."""
    at = datetime.now(UTC) - timedelta(**parts)
    return at.replace(microsecond=0).isoformat().replace("+00:00", "Z")


def item(number: str, at: str | None = None) -> dict[str, Any]:
    return placed(number, at=at or ago(hours=1))


def add_before(working: Desks, name: str, **changes: Any) -> None:
    """Add a source as of a month ago, so that webhooks could have brought what is listed."""
    body = {"name": name, "owner": "order_desk", "document": MAPPING, "scheme": SCHEME, "secret": SECRET, **changes}  # fmt: skip
    ask = msgspec.convert({k: v for k, v in body.items() if v is not None}, AddSource)
    working.sources.add(ask, operator_caller(datetime.now(UTC) - timedelta(days=30)))


@contextmanager
def pulling_desks(dsn: str, clock: Clock = utc_now) -> Iterator[Desks]:
    """The desks of a process that pulls, such as a worker."""
    with desks(dsn, clock, vault=outside_settings(dsn), pull_hosts=(HERE,)) as working:
        working.ensure_policy()
        working.pulls._listing = HttpListing((HERE,), QUICK)
        yield working


def set_up(client: httpx2.Client, source: str, address: str, **changes: Any) -> dict[str, Any]:
    body = {
        "document": document(),
        "address": address,
        "secret": TOKEN,
        "reason": "Webhooks are lost.",
        **changes,
    }
    body = {name: value for name, value in body.items() if value is not None}
    answer = client.post(f"/v1/sources/{source}/pull-settings", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def pull(working: Desks, source: str, since: datetime | None = None) -> SourcePulled:
    return working.pulls.pull(source, since or long_ago(), threading.Event().wait)


def long_ago() -> datetime:
    return datetime.now(UTC) - timedelta(days=2)
