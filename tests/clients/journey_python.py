"""A journey through the client that openapi-python-client generates. Usage: journey_python.py URL TOKEN"""

import json
import sys
from datetime import UTC, datetime

from generated.api.cases import claim, get_case, resolve
from generated.api.events import get_events
from generated.api.signals import send_signals
from generated.client import AuthenticatedClient
from generated.models import (
    CaseView,
    Feed,
    OrderPlaced,
    Problem,
    Resolution,
    Resolved,
    SignalResults,
    StockUnavailable,
)

url, token = sys.argv[1:]
client = AuthenticatedClient(base_url=url, token=token)
order = f"python-{datetime.now(UTC):%H%M%S%f}"
common = {"order": order, "event_time": datetime.now(UTC).isoformat()}
placed = OrderPlaced.from_dict(
    {
        **common,
        "type": "order.placed",
        "source": "shop",
        "id": f"{order}-placed",
        "customer": {"id": f"c-{order}"},
        "lines": [{"sku": "SKU-1", "price": {"amount": "12.50", "currency": "EUR"}}],
    }
)
unavailable = StockUnavailable.from_dict(
    {**common, "type": "stock.unavailable", "source": "wms", "id": "s-1", "skus": ["SKU-1"]}
)
sent = send_signals.sync(client=client, body=[placed, unavailable])
assert isinstance(sent, SignalResults), sent
opened = next(
    case.case
    for item in sent.items
    for case in item.cases or []
    if case.kind == "stock_unavailable"
)
read = get_case.sync_detailed(opened, client=client)
claimed = claim.sync_detailed(opened, client=client, if_match=read.headers["ETag"])
assert isinstance(claimed.parsed, CaseView), claimed.parsed
done = resolve.sync(
    opened,
    client=client,
    if_match=claimed.headers["ETag"],
    body=Resolution.from_dict(
        {
            "reason": "operational_error",
            "root_cause": "upstream_data",
            "evidence": ["wms/s-1"],
            "note": "another warehouse had it",
        }
    ),
)
assert isinstance(done, CaseView), done
refused = claim.sync(opened, client=client, if_match='"1"')
assert isinstance(refused, Problem), refused
assert refused.type_ == "/problems/case-changed", refused
reasons, after = [], 0
while True:
    feed = get_events.sync(client=client, after=after, limit=200)
    assert isinstance(feed, Feed), feed
    reasons += [
        line.event.resolution.reason
        for line in feed.items
        if isinstance(line.event, Resolved) and line.stream == opened
    ]
    if feed.next_after == after:
        break
    after = feed.next_after
print(json.dumps({"state": done.state, "reasons": reasons}))
