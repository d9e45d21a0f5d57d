"""Real payloads of ../shared/data through the endpoints of their sources: with a valid signature they become their
signals, and with any wrong one nothing is stored.

Which of their leaves nothing reads, and why not, is in docs/payload-fields.md; tests/mappings reads them whole.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import msgspec
import pytest

from domain.orders.events import SignalRecorded
from domain.orders.held_signals import SignalHeld
from domain.sources import signature_schemes as schemes
from domain.sources.deliveries import DeliveryTaken
from tests.api.running_service import RunningService
from tests.mappings import test_real_payloads as real
from tests.mappings.payloads import HERE, PAYLOADS, SENT, Told
from tests.mappings.test_real_payloads_of_carriers import CARRIERS
from tests.sources.senders import add
from tests.webhooks import test_adyen_items as adyen_items
from tests.webhooks.signed_requests import (
    BY_NAME,
    SLACK_LIKE,
    Sender,
    adyen_body,
    b64,
    sha256,
    timed_hmac,
)

pytestmark = HERE


class Payload(NamedTuple):
    """A delivery: its mapping document, its body, and the headers beside the signature."""

    mapping: str
    name: str
    body: bytes
    headers: Mapping[str, str]
    told: Told


def payloads() -> Iterator[Payload]:
    if not PAYLOADS.is_dir():
        return
    for name, topic, told in real.SHOPIFY:
        headers = {"x-shopify-topic": topic, "x-shopify-triggered-at": SENT}
        yield _file("shopify", PAYLOADS / "shopify" / name, headers, told, f"{name} {topic}")
    for version in ("fixtures3.json", "fixtures3.beta.json"):
        text = (PAYLOADS / "stripe" / version).read_text(encoding="utf-8")
        for kind, told in real.STRIPE.items():
            thing = json.loads(text)["resources"][kind]
            event = {"id": f"evt_{kind}", "object": "event", "type": "x.updated", "created": 1796032800, "data": {"object": thing}}  # fmt: skip
            yield Payload("stripe", f"{version} {kind}", json.dumps(event).encode(), {}, told)
    for name, told in real.ADYEN.items():
        document = json.loads((PAYLOADS / "adyen" / name).read_text(encoding="utf-8"))
        if "notificationItems" not in document:
            document = {"notificationItems": [{"NotificationRequestItem": document}]}
        yield Payload("adyen", name, json.dumps(document).encode(), {}, told)
    for name, told in real.EASYPOST.items():
        recorded = json.loads((PAYLOADS / "easypost" / name).read_text(encoding="utf-8"))["body"]
        yield Payload("easypost", name, json.dumps(recorded).encode(), {}, told)
    for name, count in CARRIERS.items():
        if not name.startswith("dhl_express/raw_Intransit"):
            yield _file(
                name.partition("/")[0],
                PAYLOADS / "carriers" / name,
                {},
                {"shipment.scanned": count},
            )


def _file(
    mapping: str, file: Path, headers: Mapping[str, str], told: Told, name: str = ""
) -> Payload:
    media = "text/xml" if file.suffix == ".xml" else "application/json"
    return Payload(
        mapping, name or file.name, file.read_bytes(), {"content-type": media, **headers}, told
    )


SIGNED_BEFORE_THE_AMOUNT = (
    "pspReference",
    "originalReference",
    "merchantAccountCode",
    "merchantReference",
)


class AdyenSender(Sender):
    """Adyen signs values of each item, in the body."""

    def signed_body(self, body: bytes, secret: str) -> bytes:
        document = json.loads(body)
        for one in document["notificationItems"]:
            item = one["NotificationRequestItem"]
            amount = item["amount"]
            values = (
                *(item.get(name, "") for name in SIGNED_BEFORE_THE_AMOUNT),
                *(amount["value"], amount["currency"], item["eventCode"], item["success"]),
            )
            signature = b64(sha256(bytes.fromhex(secret), ":".join(map(str, values)).encode()))
            item.setdefault("additionalData", {})["hmacSignature"] = signature
        return json.dumps(document).encode()


CARRIER = Sender(
    "carrier",
    SLACK_LIKE,
    "carrier-secret-7",
    "carrier-secret-8",
    timed_hmac,
    "x-signature",
    "x-time",
)
ADYEN = AdyenSender("adyen", schemes.Adyen(), adyen_items.KEY, adyen_items.OTHER, adyen_body, "")


def sender_of(payload: Payload) -> Sender:
    if payload.mapping == "adyen":
        return ADYEN
    return BY_NAME.get(payload.mapping, CARRIER)


def request_of(
    payload: Payload, sender: Sender, secret: str, at: datetime
) -> tuple[bytes, dict[str, str]]:
    if isinstance(sender, AdyenSender):
        return sender.signed_body(payload.body, secret), dict(payload.headers)
    signed = sender.sign(payload.body, secret, at)
    return payload.body, {**payload.headers, **signed}


def wrong_requests(
    payload: Payload, sender: Sender, now: datetime
) -> Iterator[tuple[str, bytes, dict[str, str]]]:
    body, headers = request_of(payload, sender, sender.secret, now)
    yield "another secret", *request_of(payload, sender, sender.other, now)
    yield "a body that is cut off", body[: len(body) // 2], headers
    if isinstance(sender, AdyenSender):
        value = json.loads(body)
        value["notificationItems"][0]["NotificationRequestItem"]["amount"]["value"] = 1
        yield "another amount", json.dumps(value).encode(), headers
        del value["notificationItems"][0]["NotificationRequestItem"]["additionalData"]
        yield "no signature", json.dumps(value).encode(), headers
        return
    yield "one byte more", body + b" ", headers
    yield "no signature", body, {k: v for k, v in headers.items() if k != sender.signature}
    for what, value in (("an empty one", ""), ("not of its form", "abc"), ("of other letters", headers[sender.signature].swapcase())):  # fmt: skip
        yield f"a signature that is {what}", body, {**headers, sender.signature: value}
    if sender.time:
        for hours in (-2, 2):
            other = now + timedelta(hours=hours)
            yield (
                f"signed {hours} hours from now",
                *request_of(payload, sender, sender.secret, other),
            )


def told_by(server: RunningService, source: str) -> tuple[Counter[str], int]:
    """The signals of a source in the log, by type, and how many deliveries of it are kept."""
    events = [line.event for line in server.service.desks.log.read(0, 100_000)]
    found = (one.signal for one in events if isinstance(one, SignalRecorded | SignalHeld))
    told = Counter(str(one.__struct_config__.tag) for one in found if one.source == source)
    return told, sum(isinstance(one, DeliveryTaken) and one.source == source for one in events)


ALL = [*payloads()]
STATED_TWICE: dict[str, Told] = {
    "australiapost sample_tracking_response.json": {"shipment.scanned": 1}
}
"""Signals that are twice in one payload, word for word: they are one statement."""


@pytest.mark.parametrize("place", range(len(ALL)), ids=[f"{one.mapping} {one.name}" for one in ALL])
def test_a_real_payload(
    place: int, olga: httpx2.Client, sender: httpx2.Client, server: RunningService
) -> None:
    payload = ALL[place]
    signer = sender_of(payload)
    source = f"real-{place}"
    scheme: Any = msgspec.to_builtins(signer.scheme)
    add(olga, source, mapping=payload.mapping, document=None, scheme=scheme, secret=signer.secret)
    address = f"/v1/sources/{source}/webhook?tracking_number=05308801410058"
    for what, body, headers in wrong_requests(payload, signer, datetime.now(UTC)):
        refused = sender.post(address, content=body, headers=headers)
        assert refused.status_code == 401, (what, refused.text)
        assert signer.secret not in refused.text
    assert told_by(server, source) == ({}, 0), "a wrong signature stores nothing"

    body, headers = request_of(payload, signer, signer.secret, datetime.now(UTC))
    answer = sender.post(address, content=body, headers=headers)
    assert answer.status_code == 200, answer.text
    if payload.mapping == "adyen":
        assert answer.text == "[accepted]"
    else:
        assert answer.json()["reasons"] == []
    twice = STATED_TWICE.get(f"{payload.mapping} {payload.name}", {})
    assert told_by(server, source) == (Counter(payload.told) - Counter(twice), 1)
    assert sender.post(address, content=body, headers=headers).status_code == 200
    assert told_by(server, source)[1] == 1, "what comes again is kept once"
