"""Sends events with the SDK of the CloudEvents project. Usage: journey_cloud_events.py URL TOKEN"""

import json
import sys
from datetime import UTC, datetime

import httpx
from cloudevents.core.bindings import http
from cloudevents.core.v1.event import CloudEvent

url, token = sys.argv[1:]
order = f"Euro € {datetime.now(UTC):%H%M%S%f}"
headers = {"Authorization": f"Bearer {token}"}


def captured(id: str) -> CloudEvent:
    attributes = {"id": id, "source": "psp", "type": "io.casetrail.payment.captured"}
    data = {"amount": {"amount": "12.30", "currency": "EUR"}}
    return CloudEvent({**attributes, "subject": order, "time": datetime.now(UTC)}, data)


results = []
one = captured("1")
for message in (
    http.to_binary_event(one),
    http.to_structured_event(one),
    http.to_structured_event(captured("2")),
):
    body = message.body
    answer = httpx.post(f"{url}/v1/signals", content=body, headers={**headers, **message.headers})
    results.append([answer.json().get(name) for name in ("outcome", "order", "signal")])
assert {found for _, found, _ in results} == {order}, results
print(json.dumps([[outcome, signal] for outcome, _, signal in results]))
