"""A shop of real size: Shopify, Stripe and Zendesk send the webhooks of a thousand orders on a bad line, and are
pulled. At the end, each order says what these systems hold."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx2

from domain.sources.pulls import PullEnd, SourcePulled
from tests.api.running_service import RunningService
from tests.sources.pullers import pull, pulling_desks, set_up
from tests.sources.shops.bad_line import Webhook, in_batches, on_a_bad_line
from tests.sources.shops.living_shop import DOMAIN, LivingShop
from tests.sources.shops.local_system import LocalSystem, running
from tests.sources.shops.zendesk import PULL
from tests.webhooks.signed_requests import plain, stripe, zendesk

ORDERS = 1_000
AT_ONCE = 4
SECRETS = {
    "shopify": "shpss_0123456789abcdef0123456789abcdef",
    "stripe": "whsec_0123456789abcdef0123456789abcdef",
    "zendesk": "dGhpcyBzZWNyZXQgaXMgZm9yIHRlc3Rpbmcgb25seQ==",
}


def signed(one: Webhook) -> dict[str, str]:
    secret, now = SECRETS[one.system], datetime.now(UTC)
    if one.system == "shopify":
        return {
            **plain("x-shopify-hmac-sha256")(one.body, secret, now),
            "x-shopify-topic": one.topic,
            "x-shopify-webhook-id": one.id,
            "x-shopify-shop-domain": DOMAIN,
            "x-shopify-triggered-at": one.at.isoformat(),
        }
    return (stripe if one.system == "stripe" else zendesk)(one.body, secret, now)


def send(server: RunningService, arriving: list[Webhook]) -> list[dict[str, Any]]:
    """Post them, a few at a time; each is acknowledged."""

    def post(mine: list[Webhook]) -> list[dict[str, Any]]:
        with server.client_as(None) as client:
            answers = [
                client.post(
                    f"/v1/sources/{one.system}/webhook",
                    content=one.body,
                    headers={**signed(one), "content-type": "application/json"},
                )
                for one in mine
            ]
        assert {one.status_code for one in answers} == {200}, [
            a.text for a in answers if a.status_code != 200
        ][:3]
        return [one.json() for one in answers]

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return [one for found in pool.map(post, in_batches(arriving, 50)) for one in found]


def connect(client: httpx2.Client, shop: LivingShop) -> None:
    """Each system is a source with a webhook and a pull: what a shop of such a kind configures."""
    systems: dict[str, LocalSystem] = {
        "shopify": shop.shopify,
        "stripe": shop.stripe,
        "zendesk": shop.zendesk,
    }
    addresses = {"shopify": shop.shopify.address, "zendesk": f"{shop.zendesk.url}/api/v2"}
    for name, system in systems.items():
        body = {
            "name": name,
            "mapping": name,
            "owner": "order_desk",
            "scheme": {"scheme": name},
            "secret": SECRETS[name],
        }
        answer = client.post("/v1/sources", json=body)
        assert answer.status_code == 200, answer.text
        chosen = {"document": PULL} if name == "zendesk" else {"document": None, "pull": name}
        set_up(client, name, addresses.get(name, system.url), secret=system.token, **chosen)


def held(client: httpx2.Client, number: str) -> dict[str, object]:
    """What casetrail says of an order, in the words of the truth."""
    answer = client.get(f"/v1/orders/{number}")
    assert answer.status_code == 200, answer.text
    # What was never told is not among the facts.
    facts = {one["fact"]: one["value"] for one in answer.json()["facts"]}
    return {
        "captured": Decimal(facts.get("payment.captured", "0.00")),
        "refunded": Decimal(facts.get("refund.issued", "0.00")),
        "disputed": Decimal(facts.get("payment.disputed", "0.00")),
        "is_cancelled": facts.get("order.cancelled", False),
        "parcels": int(facts.get("parcel.known", 0)),
        "is_delivered": "milestones.delivered_at" in facts,
        "is_damaged": facts.get("claim.damaged", False),
        "unexplained": Decimal(facts.get("charge.unexplained", "0.00")),
    }


def expected(shop: LivingShop, number: str) -> dict[str, object]:
    truth = shop.truths[number]
    return {
        "captured": truth.captured,
        "refunded": truth.refunded,
        "disputed": truth.disputed,
        "is_cancelled": truth.is_cancelled,
        "parcels": truth.parcels,
        "is_delivered": 0 < truth.parcels == truth.delivered,
        "is_damaged": truth.claims > 0,
        "unexplained": Decimal("0.00"),
    }


def test_what_the_log_says_and_what_the_systems_hold_agree(
    server: RunningService, olga: httpx2.Client
) -> None:
    begins = (datetime.now(UTC) - timedelta(days=14)).replace(microsecond=0)
    shop = LivingShop()
    shop.live(ORDERS, 7, begins)
    arriving, lost = on_a_bad_line(shop.webhooks, 11)
    assert len(lost) > len(shop.webhooks) / 30
    with ExitStack() as running_systems:
        for system in (shop.shopify, shop.stripe, shop.zendesk):
            running_systems.enter_context(running(system))
        connect(olga, shop)
        answers = send(server, arriving)
        twice = len(arriving) - len({(one.system, one.id) for one in arriving})
        assert sum(one["known"] for one in answers) == twice > 0
        assert [one["reasons"] for one in answers if one["reasons"]] == []
        before = [number for number in shop.truths if not agrees(olga, shop, number)]
        assert before, "what was lost made no difference, so this test proves nothing"

        pulled = pull_all(server, begins)
        assert {one.ended for one in pulled.values()} == {PullEnd.COMPLETE}
        # An event of Stripe and a ticket are told once each: what was lost is what was missing.
        for name in ("stripe", "zendesk"):
            assert news(pulled[name]) == len(told_by_no_other(lost, arriving, name))
        assert news(pulled["shopify"]) > 0
        assert [one.not_understood for one in pulled.values()] == [0, 0, 0]

        again = pull_all(server, begins)
        assert [(one.recorded, news(one)) for one in again.values()] == [(0, 0)] * 3
        # What was lost and comes after all says nothing new of an order.
        late = send(server, lost)
        assert [one["reasons"] for one in late if one["reasons"]] == []
    differing = [
        f"{number} {what}: {found[what]}, and it is {wanted[what]}"
        for number in shop.truths
        for found, wanted in [(held(olga, number), expected(shop, number))]
        for what in wanted
        if found[what] != wanted[what]
    ]
    assert not differing, "\n".join(differing)


def news(pulled: SourcePulled) -> int:
    """How many items of the lists stated something new."""
    return pulled.listed - pulled.known


def told_by_no_other(lost: list[Webhook], arriving: list[Webhook], system: str) -> list[Webhook]:
    """Those of the system's lost webhooks that stated something alone: a dispute that is closed was opened, too."""
    closed = {resource(one)["id"] for one in arriving if one.topic == "charge.dispute.closed"}
    return [
        one
        for one in lost
        if one.system == system
        and not (one.topic == "charge.dispute.created" and resource(one)["id"] in closed)
    ]


def resource(one: Webhook) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(one.body)["data"]["object"]
    return found


def agrees(client: httpx2.Client, shop: LivingShop, number: str) -> bool:
    if client.get(f"/v1/orders/{number}").status_code != 200:
        return False
    return held(client, number) == expected(shop, number)


def pull_all(server: RunningService, since: datetime) -> dict[str, SourcePulled]:
    with pulling_desks(server.dsn) as working:
        return {name: pull(working, name, since) for name in SECRETS}
