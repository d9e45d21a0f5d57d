"""A local shop that speaks as the Admin REST API of Shopify: orders in pages by cursor, and their transactions."""

from __future__ import annotations

import base64
import json
from datetime import datetime
from typing import Any

from tests.sources.shops.local_system import Answer, Asked, LocalSystem

VERSION = "2026-10"
_ROOT = f"/admin/api/{VERSION}/"


class ShopifyShop(LocalSystem):
    """Its orders are those of webhooks, as plain data with `id` and `updated_at`."""

    def __init__(self) -> None:
        super().__init__()
        self.orders: dict[int, dict[str, Any]] = {}
        self.transactions: dict[int, list[dict[str, Any]]] = {}
        self.most_in_a_page = 250

    @property
    def address(self) -> str:
        return f"{self.url}/admin/api/{VERSION}"

    def put(self, order: dict[str, Any], *transactions: dict[str, Any]) -> None:
        """Store an order as it is now, and further transactions of it."""
        self.orders[order["id"]] = order
        self.transactions.setdefault(order["id"], []).extend(transactions)

    def is_known(self, asked: Asked) -> bool:
        return asked.headers.get("x-shopify-access-token") == self.token

    def answer(self, asked: Asked) -> Answer:
        path = asked.path.removeprefix(_ROOT)
        if path == "orders.json":
            return self._list_orders(asked)
        if path.startswith("orders/") and path.endswith("/transactions.json"):
            order = int(path.split("/")[1])
            if order in self.orders:
                return Answer({"transactions": self.transactions.get(order, [])})
        return Answer({"errors": "Not Found"}, 404)

    def _list_orders(self, asked: Asked) -> Answer:
        query = asked.query
        limit = min(int(query.get("limit", "50")), self.most_in_a_page)
        if "page_info" in query:
            if not {*query} <= {"page_info", "limit", "fields"}:
                wrong = sorted({*query} - {"page_info", "limit", "fields"})[0]
                return Answer({"errors": {wrong: "cannot be passed when page_info is present"}}, 400)  # fmt: skip
            cursor = json.loads(base64.urlsafe_b64decode(query["page_info"]))
        else:
            cursor = {"since": query.get("updated_at_min"), "status": query.get("status", "open")}
        found = [one for one in self.orders.values() if self._is_wanted(one, cursor)]
        page = sorted(found, key=lambda one: -one["id"])
        after = cursor.get("after")
        left = [one for one in page if after is None or one["id"] < after]
        headers = {}
        if len(left) > limit:
            following = json.dumps({**cursor, "after": left[limit - 1]["id"]}).encode()
            name = base64.urlsafe_b64encode(following).decode()
            headers["Link"] = f'<{self.url}{_ROOT}orders.json?limit={limit}&page_info={name}>; rel="next"'  # fmt: skip
        return Answer({"orders": left[:limit]}, headers=headers)

    def _is_wanted(self, order: dict[str, Any], cursor: dict[str, Any]) -> bool:
        since = cursor.get("since")
        if since is not None and _time(order["updated_at"]) < _time(since):
            return False
        return cursor.get("status") == "any" or not order.get("cancelled_at")


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
