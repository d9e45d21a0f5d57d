"""A local Stripe: the list of events of an account, newest first, in pages by `starting_after`."""

from __future__ import annotations

from typing import Any

from tests.sources.shops.local_system import Answer, Asked, LocalSystem


class StripeAccount(LocalSystem):
    """Its events are those that webhooks bring."""

    def __init__(self) -> None:
        super().__init__(token="sk_test_local")
        self.events: list[dict[str, Any]] = []
        """The oldest first."""

    def put(self, event: dict[str, Any]) -> None:
        self.events.append(event)

    def is_known(self, asked: Asked) -> bool:
        return asked.headers.get("authorization") == f"Bearer {self.token}"

    def answer(self, asked: Asked) -> Answer:
        if asked.path != "/v1/events":
            return Answer({"error": {"type": "invalid_request_error", "message": "Unrecognized request URL"}}, 404)  # fmt: skip
        query = asked.query
        limit = int(query.get("limit", "10"))
        if not 1 <= limit <= 100:
            return Answer({"error": {"type": "invalid_request_error", "param": "limit"}}, 400)
        since = int(query.get("created[gte]", "0"))
        newest = [one for one in reversed(self.events) if one["created"] >= since]
        after = query.get("starting_after")
        if after is not None:
            ids = [one["id"] for one in newest]
            if after not in ids:
                return Answer({"error": {"type": "invalid_request_error", "param": "starting_after"}}, 400)  # fmt: skip
            newest = newest[ids.index(after) + 1 :]
        return Answer(
            {
                "object": "list",
                "url": "/v1/events",
                "has_more": len(newest) > limit,
                "data": newest[:limit],
            }
        )
